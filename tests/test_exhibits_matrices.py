"""Matrices and tables of migration: shares as they are given, readable on any ground, unknown never zero."""

import math
import re
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from analysis.exhibits import palette
from analysis.exhibits.cure_tables import Cured, cure_table, redefault_table
from analysis.exhibits.exhibit import Caption
from analysis.exhibits.heat_map import DARKEST, Share, State, heat_map, shade
from analysis.exhibits.migration_story import migration_summary
from analysis.exhibits.migrations import Migrations, default_rates, monthly_matrix, share_of, yearly_matrix
from analysis.exhibits.rolls import Official, Rolled, official_table, roll_table
from analysis.exhibits.vintage_fan import Vintages
from analysis.terms import Text, same

AS_OF, SINCE = date(2026, 9, 30), date(2025, 9, 30)
EVIL = Text("甲<script>", "\"'><img src=x onerror=alert(1)>")
CAPTION = Caption(id="m", headline=Text("发现", "Finding"), subtitle=same("%"), source=EVIL)
STATES = [State(key="a", label=EVIL), State(key="b", label=Text("乙", "B"))]


def cells(html: str) -> list[str]:
    body = html.split("<tbody>")[1].split("</tbody>", maxsplit=1)[0]
    return [re.sub(r"<[^>]+>", "|", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", body)]


def test_a_matrix_worked_by_hand_shows_each_share_its_loans_and_its_row() -> None:
    shares = {
        ("a", "a"): Share(value=0.75, way="stays", loans=3),
        ("a", "b"): Share(value=0.25, way="worse", loans=1, lower=0.05, upper=0.7),
    }
    shown = heat_map(STATES, STATES, shares, {"a": same("4")}, CAPTION)
    assert cells(shown.html) == ["75.0|3|", "25.0|1|", "4", "|–|", "|–|", "0"]
    assert shown.metrics == {"a.a": 0.75, "a.b": 0.25}
    assert 'class="s" style="--s:43%"' in shown.html
    assert "25.00</td><td>5.00–70.00</td><td>1<" in shown.html  # the interval is in the data table
    assert "no loans" in shown.html
    assert "<img" not in shown.html
    assert "<script" not in shown.html


def test_a_move_that_nobody_made_is_a_true_zero_and_an_unknown_share_is_not() -> None:
    shares = {("a", "a"): Share(value=math.nan, way="stays", loans=3, note="not_recorded")}
    shown = heat_map(STATES, STATES, shares, {"a": same("3")}, CAPTION)
    assert cells(shown.html)[:3] == ["|–|", "0", "3"]
    assert "not recorded in the source" in shown.html


def test_a_tiny_share_is_not_shown_as_zero() -> None:
    shares = {("a", "b"): Share(value=0.00001, way="worse", loans=1)}
    assert "&lt;0.01<small>1</small>" in heat_map(STATES, STATES, shares, {"a": same("1")}, CAPTION).html


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("role", ["worse", "better", "context", "accent"])
def test_words_keep_their_contrast_on_every_shade(colours: dict[str, str], role: str) -> None:
    for percent in range(101):
        ground = palette.blended(colours[role], colours["card"], shade(percent / 100))
        assert palette.contrast(colours["ink"], ground) >= 4.5, percent
    assert shade(1.0) == DARKEST
    assert shade(0.0) == shade(math.nan) == 0.0


def moves(*rows: tuple[str, str, int, float]) -> pd.DataFrame:
    named = ("from_state", "to_state", "loans", "value")
    return pd.DataFrame([dict(zip(named, row, strict=True)) | {"lower": math.nan, "upper": math.nan} for row in rows])


MONTHLY = moves(
    ("entered", "pass", 5, math.nan), ("pass", "pass", 90, 0.9), ("pass", "substandard", 4, 0.04),
    ("pass", "repaid", 6, 0.06), ("special_mention", "pass", 5, 0.5), ("special_mention", "written_off", 5, 0.5),
)  # fmt: skip
SEGMENTS = pd.DataFrame(
    {
        "segment": ["farm", "retail", None], "loans": [100, 400, 500], "bad": [30, 20, 50], "value": [0.3, 0.05, 0.1],
        "lower": [0.22, 0.03, 0.08], "upper": [0.4, 0.08, 0.13], "note": ["", "", ""],
    }
)  # fmt: skip
MOVED = Migrations(as_of=AS_OF, since=SINCE, monthly=MONTHLY, yearly=MONTHLY, segments=SEGMENTS, basis="count")
NOTHING = Migrations(as_of=AS_OF, since=None, note="no_prior")


def test_classes_stand_in_order_then_the_ways_out_that_there_are() -> None:
    html = monthly_matrix(MOVED).html
    heads = re.findall(r'<th scope="col">.*?<span lang="en">(.*?)</span>', html.split("</thead>")[0])
    assert heads == [
        "From ↓ to →", "Pass", "Special mention", "Substandard", "Doubtful", "Loss", "Repaid", "Written off",
        "Loans before",
    ]  # fmt: skip
    assert "Within a month, 4.00% of pass and 50.00% of special-mention loans became NPL" in html


def test_the_year_says_who_came_back_and_who_went_bad_whichever_way_it_ended() -> None:
    html = yearly_matrix(MOVED).html
    assert "Of special-mention loans, 50.0% are pass again at the end, 50.0% are NPL or disposed of" in html
    assert share_of(MONTHLY, "doubtful", ("loss",)) != share_of(MONTHLY, "doubtful", ("loss",))  # NaN: nobody was in it


def test_a_segment_is_clearly_worse_only_if_its_whole_interval_is() -> None:
    shown = default_rates(MOVED)
    assert "10.00% of performing loans went bad; clearly more in 1 of 2 segments: farm" in shown.html
    assert shown.metrics["farm.value"] == 0.3
    calm = SEGMENTS.assign(lower=[0.02, 0.03, 0.08])
    assert "no segment is clearly above" in default_rates(Migrations(as_of=AS_OF, since=SINCE, segments=calm)).html


def test_without_flows_the_page_says_that_ways_out_are_not_told_apart() -> None:
    source = Text("来源", "Source")
    shown = default_rates(Migrations(as_of=AS_OF, since=SINCE, segments=SEGMENTS, has_flows=False, source=source))
    assert "Without flows nobody knows how loans left" in shown.html


def test_a_young_book_says_that_it_does_not_reach_back() -> None:
    for shown in (monthly_matrix(NOTHING), yearly_matrix(NOTHING), default_rates(NOTHING)):
        assert "the book does not reach back that far" in shown.html


def rates(*values: float) -> pd.DataFrame:
    buckets = ("M0", "M1", "M2", "M3", "M4", "M5", "M6")
    rows = [
        {"bucket": bucket, "convention": convention, "value": value, "lower": 0.01, "upper": 0.9, "note": ""}
        for bucket, value in zip(buckets, values, strict=False)
        for convention in ("loan_level", "net")
    ]
    return pd.DataFrame(rows, columns=["bucket", "convention", "value", "lower", "upper", "note"])


def test_roll_rates_show_their_change_and_no_net_rate_into_the_last_bucket() -> None:
    year, prior = rates(0.01, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95), rates(0.01, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95)
    shown = roll_table(Rolled(as_of=AS_OF, basis="count", recent=year, year=year, prior=prior, through=year, paths={}))
    assert shown.metrics["M1 → M2.change"] == pytest.approx(0.05)
    assert "Of loans in M1, 25.0% roll on each month, most in M6: 95.0%" in shown.html
    assert shown.metrics["M6 → M7+.net"] is None
    assert "a bucket that only fills has no net rate" in shown.html
    assert "1.0–90.0" in shown.html


def test_by_balance_there_is_no_column_of_intervals_and_an_empty_book_says_why() -> None:
    year = rates(0.01, 0.25)
    assert "95%" not in roll_table(Rolled(as_of=AS_OF, year=year)).html
    assert "the book does not reach back that far" in roll_table(Rolled(as_of=AS_OF, note="no_prior")).html


def test_both_official_conventions_are_named_and_the_one_without_the_rate_says_so() -> None:
    rows = pd.DataFrame(
        [
            {"convention": "A_2005", "rate": "normal_loans", "value": 0.0217, "note": ""},
            {"convention": "B_2022", "rate": "pass", "value": math.nan, "note": "missing_flows"},
        ]
    )
    html = official_table(Official(as_of=AS_OF, since=date(2025, 12, 31), rates=rows)).html
    for words in ("Convention of 2005", "Convention of 2022", "2.17%", "the convention has no such rate"):
        assert words in html
    assert "the book has no flows" in html
    assert "A year before" not in html


def cohort(**fields: object) -> dict[str, object]:
    usual = {
        "entrants": 10, "cured": 2, "relapsed": 1, "left_performing": 0, "left": 4, "not_returned": 3, "censored": 0,
        "value": 0.2, "lower": 0.06, "upper": 0.5, "note": "",
    }  # fmt: skip
    return usual | fields


OPEN = cohort(entrants=None, cured=None, value=math.nan, lower=math.nan, upper=math.nan, note="censored", censored=7)
CURED = Cured(
    within=12,
    probation=3,
    cures={"2024": cohort(), "2026": OPEN, "": cohort(censored=7)},
    redefaults={"": {"cured": 4, "redefaulted": 1, "left": 1, "held": 2, "value": 0.25, "note": "", "censored": 0}},
)


def test_a_year_that_is_still_watched_has_a_count_and_no_rate() -> None:
    shown = cure_table(CURED)
    assert "20.0% of loans that went bad came back within 12 months" in shown.html
    assert shown.metrics["2026.value"] is None
    assert shown.metrics["2026.censored"] == 7
    assert "the time to watch is not over" in shown.html
    assert redefault_table(CURED).metrics["total.value"] == 0.25


def test_where_nobody_went_bad_the_tables_say_so() -> None:
    nobody = Cured(within=12, probation=3, note="no_changes", cures={}, redefaults={})
    for shown in (cure_table(nobody), redefault_table(nobody)):
        assert "no loan went bad or came back" in shown.html


def test_the_summary_claims_only_what_the_numbers_make_true() -> None:
    rolled = Rolled(as_of=AS_OF, year=rates(0.01, 0.25), prior=rates(0.01, 0.2))
    said = migration_summary(MOVED, rolled, CURED, Vintages(as_of=AS_OF)).html
    for words in (
        "<b>10.00%</b> of performing loans by number", "Clearly more in 1 segment: <b>farm</b> (30.00%)",
        "<b>25.0%</b> roll on each month, 20.0% in the 12 months before", "<b>20.0%</b> of loans that go bad are cured",
    ):  # fmt: skip
        assert words in said
    nobody = Cured(within=12, probation=3, note="no_changes", cures={}, redefaults={})
    bare = migration_summary(NOTHING, Rolled(as_of=AS_OF), nobody, Vintages(as_of=AS_OF))
    assert bare.html.count("<li>") == 0
    assert 'class="na"' in bare.html
    assert bare.metrics["default_rate"] != bare.metrics["default_rate"]


def test_amounts_of_any_exact_kind_count() -> None:
    shown = cure_table(Cured(within=12, probation=3, cures={"": cohort(entrants=Decimal(10))}, redefaults={}))
    assert shown.metrics["total.whole"] == 10
