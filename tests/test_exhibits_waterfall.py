"""Waterfalls: what is drawn is what is written and what is stated, and steps always make the closing."""

import re
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import Unreconciled
from analysis.exhibits.attribution import ratio_attribution
from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.locale import money_scale
from analysis.exhibits.movements import Movement, bridge_sentence, npl_bridge, ratio_bridge
from analysis.exhibits.waterfall import Ends, Look, Step, Writing, in_loans, in_money, in_shares, waterfall
from analysis.measures.bridge import LINES
from analysis.measures.flow_attribution import STEPS
from analysis.terms import Text, same

EVIL = Text("甲<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>")
CAPTION = Caption(id="w", headline=Text("发现", "Finding"), subtitle=same("x"), source=EVIL)
LABELS = (Text("期初", "Opening"), Text("期末", "Closing"))
MILLIONS = in_money(money_scale(5_000_000, "CNY"))
BAR = re.compile(
    r'<tr class="([^"]+)">.*?<i style="left:([\d.]+)%;width:([\d.]+)%">.*?<td class="strong">(.*?)</td></tr>'
)


def ends(opening: int, closing: int) -> Ends:
    return Ends(opening=Fraction(opening), closing=Fraction(closing), labels=LABELS)


def step(key: str, amount: int | Fraction) -> Step:
    return Step(key=key, label=Text(f"项{key}", f"Line {key}"), amount=Fraction(amount))


def drawn(shown: Exhibit) -> list[tuple[str, float, float, str]]:
    return [(kind, float(left), float(width), text) for kind, left, width, text in BAR.findall(shown.html)]


def told(opening: int, steps: list[Step], writing: Writing = MILLIONS, **look: object) -> Exhibit:
    closing = opening + sum(int(one.amount) for one in steps)
    return waterfall(ends(opening, closing), steps, writing, CAPTION, Look(**look))


def test_a_bridge_worked_by_hand_is_drawn_written_and_stated_alike() -> None:
    shown = told(20_000_000, [step("in", 30_000_000), step("out", -10_000_000), step("none", 0)])
    assert [row[:3] for row in drawn(shown)] == [
        ("t", 0, 40), ("w p", 40, 60), ("g m", 80, 20), ("t last", 0, 80),
    ]  # fmt: skip
    assert [re.sub("<[^>]+>", " ", row[3]).split() for row in drawn(shown)] == [
        ["2,000", "20.0"], ["+3,000", "+30.0"], ["−1,000", "−10.0"], ["4,000", "40.0"],
    ]  # fmt: skip
    assert shown.metrics == {"opening": 2e7, "closing": 4e7, "in": 3e7, "out": -1e7, "none": 0.0}


def test_a_line_of_zero_is_left_out_and_said_so() -> None:
    shown = told(20, [step("in", 5), step("none", 0)], in_loans())
    assert "Line none" not in shown.html.split("</table>")[0]
    assert "Zero and left out: line none." in shown.html
    assert "为零未列：项none。" in shown.html


def test_additions_come_before_what_takes_away_each_in_the_order_of_the_statement() -> None:
    html = told(20, [step("a", -1), step("b", 2), step("c", -3), step("d", 4)], in_loans()).html
    places = [html.index(f"Line {name}<") for name in "bdac"]
    assert places == sorted(places)


def test_steps_that_do_not_make_the_closing_stop_the_page() -> None:
    with pytest.raises(Unreconciled, match=r"w does not reconcile: expected 30\.00.*found 25\.00"):
        waterfall(ends(20, 30), [step("in", 5)], in_loans(), CAPTION, Look())


def test_an_unknown_movement_gives_its_reason_and_no_number() -> None:
    nothing = Ends(opening=None, closing=None, labels=LABELS)
    shown = waterfall(nothing, [], MILLIONS, CAPTION, Look(note="missing_flows"))
    assert "the book has no flows" in shown.html
    assert shown.metrics == {"opening": None, "closing": None}


@pytest.mark.parametrize("steps", [[], [step("in", 0)]])
def test_nothing_moved_and_nothing_there_is_drawn(steps: list[Step]) -> None:
    assert len(drawn(told(0, steps))) == 2


def test_levels_far_from_zero_are_cut_and_said_so() -> None:
    far = told(1_000_000, [step("in", 50_000), step("out", -20_000)])
    assert {row[0] for row in drawn(far)} == {"t cut", "w p", "g m", "t cut last"}
    assert "cut at the slashes" in far.html
    near = told(1_000_000, [step("in", 3_000_000)])
    assert "cut" not in near.html


def test_what_is_too_small_for_the_unit_is_never_shown_as_zero() -> None:
    html = told(20_000_000, [step("in", 30_000_000), step("tiny", 20)]).html
    assert "+&lt;1</span>" in html
    assert "+&lt;0.1</span>" in html
    shares = told(0, [step("tiny", 0)], in_shares())
    assert "0.00%" in shares.html
    ratio = waterfall(
        Ends(opening=Fraction(1, 100), closing=Fraction(1, 100) + Fraction(1, 10**8), labels=LABELS),
        [step("tiny", Fraction(1, 10**8))], in_shares(), CAPTION, Look(),
    )  # fmt: skip
    assert "+&lt;0.1bp" in ratio.html


@pytest.mark.parametrize(("worse", "kinds"), [("up", ["w p", "g m"]), ("down", ["g p", "w m"]), ("", ["n p", "n m"])])
def test_colour_follows_what_is_bad(worse: str, kinds: list[str]) -> None:
    shown = told(20, [step("in", 5), step("out", -5)], in_loans(), worse=worse)
    assert [row[0] for row in drawn(shown)[1:-1]] == kinds


def test_names_from_the_data_cannot_become_markup() -> None:
    shown = told(1, [Step(key="x", label=EVIL, amount=Fraction(1))], in_loans(), remarks=(EVIL,))
    assert "<script" not in shown.html
    assert "<img" not in shown.html


@given(st.integers(0, 10**9), st.lists(st.integers(-(10**9), 10**9), max_size=12))
def test_bars_hang_together_and_stay_in_the_picture(opening: int, amounts: list[int]) -> None:
    shown = told(opening, [step(f"s{n}", amount) for n, amount in enumerate(amounts)], in_loans())
    bars = drawn(shown)
    assert len(bars) == 2 + sum(map(bool, amounts))
    assert all(left >= -0.1 and left + width <= 100.15 for _, left, width, _ in bars)
    tops = [(left, left + width) for _, left, width, _ in bars[1:-1]]
    for (kind, *_), ((low, high), (next_low, next_high)) in zip(bars[1:-2], pairwise(tops), strict=True):
        end = high if kind.endswith("p") else low
        assert min(abs(end - next_low), abs(end - next_high)) <= 0.25
    assert all(isinstance(value, float) for value in shown.metrics.values())


PERIOD = (pd.Timestamp("2026-06-30").date(), pd.Timestamp("2026-09-30").date())


def movement(**lines: int) -> Movement:
    full = {name: Fraction(lines.get(name, 0)) for name in LINES}
    opening = Fraction(lines.get("opening", 0))
    return Movement(period=PERIOD, lines={"opening": opening, **full, "closing": opening + sum(full.values())})


def test_the_sentence_names_the_line_that_took_most_out() -> None:
    said = bridge_sentence(movement(opening=200_000_000, inflow=60_000_000, write_off=-30_000_000, cash=-10_000_000))
    assert said is not None
    assert said.en == (
        "NPLs since 30 Jun 2026: up **CNY 20.0m** to **CNY 220.0m**; **CNY 60.0m** in, **CNY 40.0m** out, "
        "largest write-offs (CNY 30.0m)."
    )
    assert "核销最多（3,000万元）" in said.zh


def test_the_sentence_claims_no_largest_line_where_nothing_went_out() -> None:
    said = bridge_sentence(movement(opening=100, inflow=50))
    assert said is not None
    assert "largest" not in said.en
    assert "**CNY 0** out" in said.en


def test_no_sentence_without_a_bridge() -> None:
    assert bridge_sentence(Movement(period=PERIOD, note="missing_flows")) is None
    assert "账簿没有流水" in npl_bridge(Movement(period=PERIOD, note="missing_flows")).html


def test_the_bridge_says_whether_it_ties_and_what_was_disposed_of() -> None:
    ties = pd.DataFrame({"tie": ["opening", "tape", "ledger"], "status": ["tied", "differs", "not_stated"]})
    disposed = {"removed": Decimal("47000000"), "undisposed": 0.0203, "reported": 0.0172}
    given_ = movement(opening=100, inflow=50)
    shown = npl_bridge(Movement(period=PERIOD, lines=given_.lines, ties=ties, disposed=disposed, unrecorded=3))
    assert "Does not tie: Closing = loan tape with its NPL flag; without outside figures: Tape = general" in shown.html
    assert "Without disposals (CNY 47.0m) the NPL ratio would be 2.03%, not 1.72%." in shown.html
    assert "3 loans without a recorded balance or class are left out." in shown.html


def test_the_ratio_bridge_is_exact_to_the_last_fraction() -> None:
    parts = {name: Fraction(0) for name in STEPS} | {"formation": Fraction(1, 300), "exit": Fraction(-1, 700)}
    flow = {"before": Fraction(1, 70), "after": Fraction(1, 70) + Fraction(1, 300) - Fraction(1, 700), **parts}
    shown = ratio_bridge(Movement(period=PERIOD, flow=flow))
    assert shown.metrics["formation"] == pytest.approx(1 / 300)
    assert "what moved it most: went bad (+33bp)" in shown.html
    with pytest.raises(Unreconciled):
        ratio_bridge(Movement(period=PERIOD, flow=flow | {"after": Fraction(1, 2)}))


def test_an_unknown_ratio_says_why() -> None:
    flow = dict.fromkeys(("before", "after", *STEPS)) | {"note": "no_denominator"}
    assert "denominator is zero" in ratio_bridge(Movement(period=PERIOD, flow=flow)).html


def attributed(**totals: float) -> Movement:
    rows = [
        {
            "segment": name,
            "rate_before": 0.01,
            "rate_after": 0.02,
            "mix": 0.0001,
            "rate": total - 0.0001,
            "total": total,
        }
        | {"entry_exit": 0.0, "missing_tape": 0.0, "note": ""}
        for name, total in totals.items()
    ]
    mix, total = 0.0001 * len(rows), sum(totals.values())
    last = {"segment": None, "mix": mix, "rate": total - mix, "total": total, "entry_exit": 0.0, "missing_tape": 0.0}
    parts = pd.DataFrame([*rows, last | {"note": "total"}])
    return Movement(period=PERIOD, parts=parts, flow={"before": Fraction(1, 100), "after": Fraction(1, 50)})


def test_segments_stand_by_size_of_what_they_did_to_the_ratio_and_add_up() -> None:
    shown = ratio_attribution(attributed(a=0.0005, b=-0.0020, c=0.0010))
    places = [shown.html.index(f">{name}<") for name in "bca"]
    assert places == sorted(places)
    assert shown.metrics["total.total"] == pytest.approx(-0.0005)
    assert sum(shown.metrics[f"{name}.total"] for name in "abc") == pytest.approx(shown.metrics["total.total"])
    assert "NPL ratio down 5.0bp, of it −20.0bp from b; shifts between segments +3.0bp" in shown.html
    assert "Entry and exit" not in shown.html  # zero everywhere


def test_a_segment_name_is_escaped_and_an_unknown_attribution_says_why() -> None:
    evil = ratio_attribution(attributed(**{"<img src=x>": 0.001}))
    assert "<img" not in evil.html
    assert "the book does not reach back that far" in ratio_attribution(Movement(period=None, note="no_prior")).html
