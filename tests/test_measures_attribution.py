"""Why the NPL ratio changed: printed numbers, exact sums, laws, a book by hand, and a missing tape."""

import math
from collections.abc import Mapping
from datetime import date
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.attribution import balance_attribution, nested_attribution, ratio_attribution, with_total
from analysis.measures.attribution_methods import METHODS
from analysis.measures.attribution_parts import Key, Stock, Stocks, balance_parts, nested_parts, ratio_parts
from states_of_loans import MARCH, Row, loan, states

DEC, FEB = date(2025, 12, 31), date(2026, 2, 28)
PERIOD = (DEC, MARCH)
PARTS = ["mix", "rate", "interaction", "entry_exit", "missing_tape"]
EVERY_METHOD = pytest.mark.parametrize("method", list(METHODS))


def stock(whole: object, bad: object, loans: int = 10) -> Stock:
    return Stock(whole=Fraction(str(whole)), bad=Fraction(str(bad)), loans=loans)


def change(before: Stocks, after: Stocks) -> Fraction:
    rates = [sum(s.bad for s in one.values()) / sum(s.whole for s in one.values()) for one in (before, after)]
    return Fraction(rates[1]) - Fraction(rates[0])


def summed(parts: Mapping[Key, object], name: str) -> Fraction:
    return sum((getattr(one, name) for one in parts.values()), Fraction(0))


# Derived from the definitions: s0 = (.5, .3, .2), r0 = (1 %, 2 %, 3 %), s1 = (.4, .35, .25), r1 = (1.2 %, 1.8 %, 4 %).
BEFORE = {("a",): stock(500, 5), ("b",): stock(300, 6), ("c",): stock(200, 6)}
AFTER = {("a",): stock(400, "4.8"), ("b",): stock(350, "6.3"), ("c",): stock(250, 10)}


@pytest.mark.parametrize(
    ("method", "mix", "rate", "interaction"),
    [("classic", 0.15, 0.24, 0.02), ("shapley", 0.16, 0.25, 0), ("lmdi", 0.1602, 0.2498, 0)],
)
def test_reproduces_the_printed_decomposition(method: str, mix: float, rate: float, interaction: float) -> None:
    parts = ratio_parts(BEFORE, AFTER, method=method)
    found = [float(100 * summed(parts, name)) for name in PARTS]
    assert found == pytest.approx([mix, rate, interaction, 0, 0], abs=5e-5)
    assert change(BEFORE, AFTER) == Fraction("0.0041")


CENTS = st.integers(0, 10**12)
STOCKS = st.tuples(CENTS, st.integers(0, 100)).map(lambda x: stock(x[0], Fraction(x[0] * x[1], 100), x[0] and 5))
GROUPS = st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), STOCKS, max_size=7)
METHOD = st.sampled_from(list(METHODS))
KEYS = st.frozensets(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), max_size=3)


@settings(max_examples=80, deadline=None)
@given(GROUPS, GROUPS, METHOD, KEYS)
def test_parts_sum_to_the_change_exactly(before: Stocks, after: Stocks, method: str, gone: frozenset[Key]) -> None:
    # A tape is missing at one date only.
    gone = frozenset(key for key in gone if (key in before) != (key in after))
    if (parts := ratio_parts(before, after, method=method, missing=gone)) is not None:
        assert sum(one.total for one in parts.values()) == change(before, after)
        assert {key for key, one in parts.items() if one.missing_tape} <= gone
    if (parts := balance_parts(before, after, method=method, missing=gone)) is not None:
        bad = [sum(s.bad for s in side.values()) for side in (before, after)]
        assert sum(one.total for one in parts.values()) == bad[1] - bad[0]


@settings(max_examples=60, deadline=None)
@given(GROUPS, GROUPS, METHOD, st.frozensets(st.sampled_from([("a",), ("b",), ("a", "x"), ("c", "y")]), max_size=2))
def test_a_hierarchy_sums_to_the_change_at_every_depth(before: Stocks, after: Stocks, method: str, gone) -> None:
    gone = {key for key in gone if key in {*before, *after, *first_level(before), *first_level(after)}}
    parts = nested_parts(before, after, method=method, missing=gone)
    outer = ratio_parts(first_level(before), first_level(after), method=method, missing=gone & {("a",), ("b",)})
    if not parts or outer is None:
        return
    assert sum(one.total for one in parts.values()) == change(before, after)
    for key, one in outer.items():
        below = [own for path, own in parts.items() if path[:1] == key]
        assert sum(own.total for own in below) == one.total
        assert (parts[key].mix, parts[key].interaction) == (one.mix, one.interaction)


def first_level(stocks: Stocks) -> Stocks:
    found: dict[Key, Stock] = {}
    for key, one in stocks.items():
        found[key[:1]] = found.get(key[:1], Stock()) + one
    return found


@settings(max_examples=40, deadline=None)
@given(GROUPS, GROUPS, METHOD, st.randoms(), st.fractions("1/100", 100))
def test_order_names_and_currency_do_not_matter(before, after, method: str, random, scale: Fraction) -> None:
    keys = list({*before, *after})
    other = dict(zip(keys, random.sample([(str(i),) for i in range(len(keys))], len(keys)), strict=True))

    def renamed(stocks: Stocks) -> Stocks:
        rows = random.sample(list(stocks.items()), len(stocks))
        return {other[key]: Stock(whole=s.whole * scale, bad=s.bad * scale, loans=s.loans) for key, s in rows}

    mine = ratio_parts(before, after, method=method)
    theirs = ratio_parts(renamed(before), renamed(after), method=method)
    assert theirs == (None if mine is None else {other[key]: parts for key, parts in mine.items()})


@settings(max_examples=40, deadline=None)
@given(GROUPS, GROUPS, st.sampled_from(["shapley", "lmdi"]))
def test_back_in_time_every_part_has_the_other_sign(before: Stocks, after: Stocks, method: str) -> None:
    there, back = ratio_parts(before, after, method=method), ratio_parts(after, before, method=method)
    for key, parts in (there or {}).items():
        for name in ("mix", "rate", "entry_exit"):
            assert float(getattr(parts, name)) == pytest.approx(-float(getattr(back[key], name)), rel=1e-9, abs=1e-25)


@settings(max_examples=40, deadline=None)
@given(GROUPS, GROUPS, METHOD, st.integers(1, 9))
def test_splitting_a_group_into_like_ones_changes_no_total(before, after, method: str, tenths: int) -> None:
    def split(stocks: Stocks) -> Stocks:
        first, rest = Fraction(tenths, 10), 1 - Fraction(tenths, 10)
        return {
            (*key, half): Stock(whole=s.whole * part, bad=s.bad * part, loans=s.loans)
            for key, s in stocks.items()
            for half, part in (("1", first), ("2", rest))
        }

    whole = ratio_parts(before, after, method=method) or {}
    halves = ratio_parts(split(before), split(after), method=method) or {}
    for name in PARTS:
        assert float(summed(halves, name)) == pytest.approx(float(summed(whole, name)), rel=1e-9, abs=1e-25)


def test_a_good_segment_that_grows_lowers_the_ratio() -> None:
    parts = ratio_parts(
        {("good",): stock(50, 1), ("bad",): stock(50, 9)}, {("good",): stock(80, "1.6"), ("bad",): stock(20, "3.6")}
    )
    assert parts[("good",)].mix < 0
    assert parts[("bad",)].mix < 0
    assert [one.rate for one in parts.values()] == [0, 0]


def held(segment: str, number: int, bad: int, day: date, **rest: object) -> list[Row]:
    """Loans of 100.00 each in a segment, the first ones bad."""
    return [
        loan(f"{segment}{i}{rest}", "100", "loss" if i < bad else "pass", as_of=day, segment=segment, **rest)
        for i in range(number)
    ]


# Of 100 loans 4 are bad, then 6 of 120: 4 % and 5 %. Farm runs off, the young one begins.
TINY = [
    *held("retail", 60, 2, DEC), *held("trade", 20, 2, DEC), *held("farm", 20, 0, DEC),
    *held("retail", 60, 2, MARCH), *held("trade", 40, 4, MARCH), *held("young", 20, 0, MARCH),
]  # fmt: skip


@pytest.mark.parametrize("basis", ["balance", "count"])
def test_a_tiny_book_worked_by_hand(basis: str) -> None:
    found = ratio_attribution(states(TINY), PERIOD, by=["segment"], basis=basis).set_index("segment")
    level = Fraction("0.045")
    assert found["mix"].to_dict() == {
        "farm": 0, "retail": Fraction(-1, 10) * (Fraction(1, 30) - level),
        "trade": (Fraction(1, 3) - Fraction(1, 5)) * (Fraction("0.1") - level), "young": 0,
    }  # fmt: skip
    assert found["rate"].tolist() == [0, 0, 0, 0]
    # They had, and have, a ratio of 0: the one that goes takes good loans along, the new one brings them.
    assert found["entry_exit"].to_dict() == {"farm": level / 5, "retail": 0, "trade": 0, "young": -level / 6}
    assert sum(found["total"]) == Fraction("0.01")
    assert found[["loans_before", "loans_after"]].to_numpy().tolist() == [[20, 0], [60, 60], [20, 40], [0, 20]]
    assert found["rate_before"].isna().to_dict() == {"farm": False, "retail": False, "trade": False, "young": True}
    assert set(found["note"]) == {""}


@EVERY_METHOD
def test_a_book_that_doubles_has_a_volume_part_alone(method: str) -> None:
    twice = [
        *held("retail", 40, 2, DEC),
        *held("farm", 10, 4, DEC),
        *held("retail", 80, 4, MARCH),
        *held("farm", 20, 8, MARCH),
    ]
    total = with_total(balance_attribution(states(twice), PERIOD, by=["segment"], method=method)).iloc[-1]
    assert total["volume"] == pytest.approx(600)
    assert total[PARTS].tolist() == pytest.approx([0] * 5, abs=1e-9)


def test_the_mix_of_a_balance_is_relative_to_the_whole_too() -> None:
    # Of 100 loans, before and after, 20 move from a segment at 10 % to one at 0 %; the whole is at 5 %, then 3 %.
    book = [
        *held("good", 50, 0, DEC),
        *held("poor", 50, 5, DEC),
        *held("good", 70, 0, MARCH),
        *held("poor", 30, 3, MARCH),
    ]
    found = balance_attribution(states(book), PERIOD, by=["segment"]).set_index("segment")
    assert found["mix"].to_dict() == {"good": 2000 * Fraction("-0.04"), "poor": -2000 * Fraction("0.06")}
    assert found["rate"].tolist() == [0, 0]


def test_volume_and_rate_of_one_segment_worked_by_hand() -> None:
    book = [*held("retail", 50, 1, DEC), *held("retail", 100, 4, MARCH)]
    (row,) = balance_attribution(states(book), PERIOD, by=["segment"]).to_dict("records")
    # From 5,000 at 2 % to 10,000 at 4 %: 5,000 x 3 % and 7,500 x 2 %.
    assert (row["volume"], row["mix"], row["rate"], row["total"]) == (150, 0, 150, 300)


def test_regions_within_segments_say_what_a_rate_is_made_of() -> None:
    north, south = {"region": "north"}, {"region": "south"}
    book = [
        *held("retail", 50, 1, DEC, **north), *held("retail", 50, 5, DEC, **south), *held("trade", 50, 5, DEC, **north),
        *held("retail", 25, 1, MARCH, **north), *held("retail", 75, 9, MARCH, **south),
        *held("trade", 50, 5, MARCH, **north),
    ]  # fmt: skip
    found = nested_attribution(states(book), PERIOD, by=["segment", "region"])
    assert found[["level", "segment", "region"]].fillna("").to_numpy().tolist() == [
        [1, "retail", ""], [1, "trade", ""], [2, "retail", "north"], [2, "retail", "south"], [2, "trade", "north"],
    ]  # fmt: skip
    # Retail counts for 2/3. A quarter of it moves from 3 % to 11 % (means, and 8 % its own); both ratios rise by 2 %.
    counts, moved, rise = Fraction(2, 3), Fraction(1, 4), Fraction(2, 100)
    inner = found[found["level"] == 2]
    assert inner["mix"].tolist() == [counts * moved * Fraction(5, 100), counts * moved * Fraction(3, 100), 0]
    assert inner["rate"].tolist() == [counts * Fraction(3, 8) * rise, counts * Fraction(5, 8) * rise, 0]
    assert found["rate"].tolist()[:2] == [0, 0]
    assert sum(found["total"]) == Fraction(4, 150)


@pytest.mark.parametrize(("method", "counts"), [("shapley", 0.4), ("classic", 0.5), ("lmdi", 0.2 / math.log(5 / 3))])
def test_what_offsets_itself_within_a_segment_is_shown(method: str, counts: float) -> None:
    # Retail stays at 10 %, of 50 and then of 30 out of 100; one half of it rises from 8 to 13.3 %, the other falls.
    before = {("retail", "north"): stock(25, 2), ("retail", "south"): stock(25, 3), ("trade", "north"): stock(50, 1)}
    after = {("retail", "north"): stock(15, 2), ("retail", "south"): stock(15, 1), ("trade", "north"): stock(70, 1)}
    parts = nested_parts(before, after, method=method)
    assert float(parts[("retail", "north")].rate) == pytest.approx(counts * (1 / 15 - 1 / 25))
    assert parts[("retail", "south")].rate == -parts[("retail", "north")].rate


def test_a_missing_tape_is_not_explained_as_credit() -> None:
    book = [*held("retail", 60, 3, DEC), *held("trade", 40, 8, DEC), *held("retail", 60, 3, MARCH)]
    found = ratio_attribution(states(book), PERIOD, by=["segment"]).set_index("segment")
    assert found["note"].to_dict() == {"retail": "", "trade": "missing_tape"}
    assert found.loc["retail", PARTS].tolist() == [0] * 5
    assert found.loc["trade", PARTS].tolist() == [0, 0, 0, 0, Fraction(5, 100) - Fraction(11, 100)]


@pytest.mark.parametrize(
    ("counts", "note"),
    [
        ((0, 29, 29, 0, 0), ""),  # small, and it does not come back: it has ended
        ((0, 30, 30, 0, 0), "missing_tape"),
        ((0, 60, 3, 0, 0), ""),  # it ran off before it ended
        ((0, 5, 5, 0, 5), "missing_tape"),  # it comes back
        ((0, 4, 4, 0, 4), ""),
        ((0, 0, 0, 60, 60), ""),  # it is new
        ((5, 0, 0, 60, 60), "missing_tape"),  # it was there before
        ((4, 0, 0, 60, 60), ""),
    ],
)
def test_a_tape_is_missing_where_a_segment_was_there_before_or_comes_back(counts, note: str) -> None:
    days = (date(2025, 11, 30), DEC, FEB, MARCH, date(2026, 4, 30))
    book = [
        row for day, n in zip(days, counts, strict=True) for row in [*held("x", n, 1, day), *held("rest", 50, 1, day)]
    ]
    found = ratio_attribution(states(book), PERIOD, by=["segment"]).set_index("segment")
    assert found.loc["x", "note"] == note
    assert (found.loc["x", "missing_tape"] != 0) == (note == "missing_tape")
    nested = nested_attribution(states(book), PERIOD, by=["segment", "region"])
    assert nested.loc[nested["segment"] == "x", "note"].tolist()[0] == note
    assert sum(nested["total"]) == sum(found["total"])


def test_loans_without_a_segment_are_a_group_of_their_own() -> None:
    book = [loan(f"{day}{s}", "10", as_of=day, segment=s) for day in PERIOD for s in ("a", None)]
    found = ratio_attribution(states(book), PERIOD, by=["segment"])
    assert found["segment"].tolist()[0] == "a"
    assert pd.isna(found["segment"].tolist()[1])


@EVERY_METHOD
def test_a_book_by_count_has_no_attribution_by_balance(method: str) -> None:
    book = states([loan("A", None, as_of=DEC), loan("A", None, "loss")])
    found = ratio_attribution(book, PERIOD, by=["segment"], method=method)
    assert found[[*PARTS, "total"]].to_numpy().tolist() == [[None] * 6]
    assert (found["note"].tolist(), found["share_before"].isna().tolist()) == (["not_recorded"], [True])
    by_count = ratio_attribution(book, PERIOD, by=["segment"], basis="count", method=method)
    assert by_count["rate"].tolist() == [1]
    shown = with_total(found)
    assert shown[[*PARTS, "total"]].isna().all().all()
    assert shown["note"].tolist() == ["not_recorded", "total"]


def test_without_any_balance_at_one_date_there_is_no_ratio_to_explain() -> None:
    found = ratio_attribution(states([loan("A", "0", as_of=DEC), loan("A", "5")]), PERIOD, by=["segment"])
    assert found[["mix", "note"]].to_numpy().tolist() == [[None, "no_denominator"]]
    nested = nested_attribution(states([loan("A", "0", as_of=DEC), loan("A", "5")]), PERIOD, by=["segment"])
    assert set(nested["note"]) == {"no_denominator"}


def test_a_segment_of_which_some_balances_are_unknown_says_so() -> None:
    book = [loan("A", "5", as_of=DEC), loan("A", "5"), loan("B", None)]
    assert ratio_attribution(states(book), PERIOD, by=["segment"])["note"].tolist() == ["partly_recorded"]


def test_the_total_is_rounded_once() -> None:
    found = ratio_attribution(states(TINY), PERIOD, by=["segment", "region"])
    shown = with_total(found)
    assert shown["total"].iloc[-1] == 0.01
    assert shown["mix"].dtype == "float64"
    assert found["mix"].dtype == object


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": []}, "by must name at least one dimension"),
        ({"by": ["segmnet"]}, "did you mean 'segment'"),
        ({"basis": "sum"}, "basis must be balance or count, was 'sum'"),
        ({"method": "shaply"}, r"method must be one of shapley, classic, lmdi, was 'shaply' \(did you mean 'shapley'"),
        (
            {"period": (MARCH, DEC)},
            "the earlier one first, was 2026-03-31 and 2025-12-31; it has 2025-12-31 to 2026-03-31",
        ),
        ({"period": (FEB, MARCH)}, "period must be two month ends of the book"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    for attribution in (ratio_attribution, balance_attribution, nested_attribution):
        with pytest.raises(Misuse, match=message):
            attribution(states(TINY), **({"period": PERIOD, "by": ["segment"]} | options))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MissingColumns, match="states lacks 'is_npl'"):
        ratio_attribution(states(TINY).drop("is_npl"), PERIOD, by=["segment"])
