"""Recovery, coverage and concentration: exhibits and sentences from frames made by hand."""

import math
from datetime import date
from decimal import Decimal
from math import nan

import pandas as pd
import pytest

from analysis.errors import Unreconciled
from analysis.exhibits.concentration_curve import Names, concentration_cards, concentration_curve, limits_table
from analysis.exhibits.provisions import (
    Covered,
    allowance_bridge,
    backstop_table,
    coverage_by_age,
    coverage_table,
    requirement_table,
)  # fmt: skip
from analysis.exhibits.recoveries import Recovered, exits_chart, lgd_table, recovery_chart, written_off_chart
from analysis.exhibits.recovery_story import recovery_summary
from analysis.measures.allowance_bridge import ALLOWANCE_LINES
from analysis.terms import Text

AS_OF = date(2026, 9, 30)


def curve(*values: float, notes: tuple[str, ...] = ()) -> pd.DataFrame:
    rows = [
        {"months": n, "value": value, "lower": value / 2, "upper": value * 1.5, "note": notes[n - 1] if notes else ""}
        for n, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=["months", "value", "lower", "upper", "note"])


def exits(**paths: tuple[float, ...]) -> pd.DataFrame:
    rows = [
        {"months": n, "exit": name, "value": value, "lower": nan, "upper": nan, "note": "too_small" if n > 2 else ""}
        for name, values in paths.items()
        for n, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=["months", "exit", "value", "lower", "upper", "note"])


def losses(**values: float) -> pd.DataFrame:
    rows = [
        {"collateral_type": name or None, "scope": scope, "weight": weight, "value": value, "lower": value - 0.1}
        | {"upper": value + 0.1, "loans": 50 if name == "none" else 20, "note": ""}
        for name, value in values.items()
        for scope in ("closed", "all")
        for weight in ("exposure", "count")
    ]
    return pd.DataFrame(rows).replace({"collateral_type": {"whole": None}})


RECOVERED = Recovered(
    as_of=AS_OF,
    curve=curve(*(0.02 * n for n in range(1, 25))),
    exits=exits(cash=(0.1, 0.2, 0.3), written_off=(0.0, 0.3, 0.7), left=(0.0, 0.0, 0.0)),
    lgd=losses(none=0.7, real_estate=0.4, whole=0.5),
    written_off=curve(0.01, 0.02),
    label=lambda key: Text(key, f"<{key}>"),
    truncated=3,
)
SILENT = Recovered(as_of=AS_OF, note="missing_flows")


def test_the_curve_begins_at_nothing_and_states_the_horizons_it_reaches() -> None:
    shown = recovery_chart(RECOVERED)
    assert "Received after default: 24.0% by month 12, 48.0% by month 24<" in shown.html
    assert shown.metrics["all.latest"] == pytest.approx(0.48)
    assert "3 defaults bad when first seen are left out" in shown.html


def test_months_with_too_few_defaults_are_left_out_unless_all_have_too_few() -> None:
    few = Recovered(as_of=AS_OF, curve=curve(0.1, 0.2, 0.9, notes=("", "", "too_small")))
    assert recovery_chart(few).metrics["all.months"] == 2
    tiny = Recovered(as_of=AS_OF, curve=curve(0.1, 0.2, notes=("too_small", "too_small")))
    assert recovery_chart(tiny).metrics["all.months"] == 2


def test_ways_out_that_nobody_took_are_not_drawn() -> None:
    shown = exits_chart(RECOVERED)
    assert set(shown.metrics) == {"cash", "written_off", "still_open", "months"}
    assert "Within 2 months most defaults end as: written off (30.0%); 50.0% are still open" in shown.html


def test_losses_stand_by_number_of_defaults_and_the_total_last() -> None:
    shown = lgd_table(RECOVERED)
    assert shown.metrics["<none>.all"] == 0.7
    assert shown.metrics["total.all"] == 0.5
    assert shown.html.index("&lt;none&gt;") < shown.html.index("&lt;real_estate&gt;") < shown.html.index("<tfoot>")
    assert "Loss given default is 50.0%; of closed workouts alone 50.0%" in shown.html
    assert "<none>" not in shown.html


@pytest.mark.parametrize("draw", [recovery_chart, exits_chart, lgd_table, written_off_chart])
def test_without_flows_each_exhibit_says_so(draw: object) -> None:
    assert "the book has no flows" in draw(SILENT).html


def group(name: str, npl: str | None, own: float, **fields: object) -> dict[str, object]:
    amounts = {
        part: None if npl is None else Decimal(npl) for part in ("npl", "allowance_npl", "uncovered", "collateral")
    }
    usual = {
        "five_class": name,
        "collateral_type": name,
        "loans": 4,
        "own_value": own,
        "valuation_months": 5.0,
        "note": "",
    }
    return usual | amounts | fields


LINES = dict.fromkeys(ALLOWANCE_LINES, Decimal(0)) | {"charge": Decimal(50), "write_off": Decimal(-20)}
REQUIRED = pd.DataFrame(
    {
        "standard": ["base", "least"], "coverage_minimum": [1.5, 1.2], "provision_ratio_minimum": [0.025, nan],
        "required": [Decimal(300), None], "held": [Decimal(200)] * 2, "surplus": [Decimal(-100), None],
        "binding": ["coverage", ""], "status": ["verified", "unverified"], "note": ["", "not_in_force"],
    }
)  # fmt: skip
AHEAD = pd.DataFrame(
    {
        "as_of": pd.to_datetime(["2026-09-30", "2029-09-30"]), "npl": [Decimal(9_000_000)] * 2,
        "unsecured": [Decimal(4_000_000)] * 2, "required": [Decimal(1_000_000), Decimal(8_000_000)],
        "held": [Decimal(2_000_000)] * 2, "shortfall": [Decimal(500_000), Decimal(6_000_000)], "note": ["", ""],
    }
)  # fmt: skip
COVERED = Covered(
    as_of=AS_OF,
    whole=group("", "300", 0.6, value=2.065),
    groups={
        "five_class": pd.DataFrame([group("pass", "0", nan, loans=0), group("loss", "300", 0.6)]),
        "collateral_type": pd.DataFrame([group("house", "100", 0.5), group("", "200", 0.7)]),
    },
    label=lambda _, key: Text(key or "未注明", key or "Not stated"),
    period=(date(2026, 6, 30), AS_OF),
    bridge={"opening": Decimal(100), **LINES, "closing": Decimal(130), "charged": Decimal(50), "note": ""},
    requirement=REQUIRED,
    backstop=AHEAD,
)
EMPTY = Covered(as_of=AS_OF, note="not_recorded", bridge_note="not_recorded")


def test_coverage_shows_only_groups_with_bad_loans_and_names_both_ratios() -> None:
    shown = coverage_table(COVERED)
    assert "Coverage is 206.5%; the allowance held for the bad loans themselves covers 60.0% of them" in shown.html
    assert shown.metrics["provision_coverage_ratio"] == 2.065
    assert shown.metrics["loss.npl"] == 300
    assert "pass" not in shown.html
    assert "Most is uncovered of Not stated: CNY 200" in coverage_by_age(COVERED).html


def test_the_allowance_bridge_is_neither_good_nor_bad_and_ties() -> None:
    shown = allowance_bridge(COVERED)
    assert '<tr class="n p">' in shown.html
    assert "The allowance is up CNY 30, at CNY 130; write-offs used CNY 20, CNY 50 went through profit" in shown.html
    wrong = Covered(as_of=AS_OF, period=COVERED.period, bridge={**COVERED.bridge, "closing": Decimal(131)})
    with pytest.raises(Unreconciled):
        allowance_bridge(wrong)


def test_a_standard_that_is_not_met_or_not_in_force_is_called_so() -> None:
    html = requirement_table(COVERED).html
    assert "The allowance is CNY 100 short of the base standard" in html
    assert "the rule was not in force" in html
    assert "Not checked" in html


def test_the_cliff_is_the_shortfall_of_later_dates_with_nothing_changed() -> None:
    shown = backstop_table(COVERED)
    assert "By the European rule CNY 500,000 would be short, CNY 6.0m by 30 Sep 2029 if nothing changes" in shown.html
    assert 'style="width:8.3%"' in shown.html
    assert 'style="width:100.0%"' in shown.html


@pytest.mark.parametrize("draw", [coverage_table, coverage_by_age, allowance_bridge, requirement_table, backstop_table])
def test_a_book_without_allowances_says_so(draw: object) -> None:
    assert "not recorded in the source" in draw(EMPTY).html


def ranked(*shares: float) -> pd.DataFrame:
    return pd.DataFrame({"rank": range(1, len(shares) + 1), "name": "BORROWER-77", "cumulative": shares})


INDICES = {"names": 40, "cr10": 0.6, "gini": 0.5, "hhi": 0.08, "note": ""}
LIMITS = pd.DataFrame(
    {
        "rule_id": ["CN-LARGE-BORROWER", "HOUSE-TOP-TEN-NPL"], "name": ["BORROWER-77", None],
        "amount": [Decimal(900), Decimal(600)], "ratio": [nan, 0.6], "limit": [0.1, 0.4], "over": [None, None],
        "status": ["none", "watch"], "note": ["missing_net_capital", ""],
    }
)  # fmt: skip
NAMES = Names(
    as_of=AS_OF, largest={"npl": ranked(0.2, 0.35, 0.45), "exposure": ranked(0.1)},
    indices={"npl": INDICES, "exposure": INDICES | {"cr10": 0.3}}, limits=LIMITS,
)  # fmt: skip


def test_concentration_is_shown_without_any_name() -> None:
    shown = [concentration_cards(NAMES), concentration_curve(NAMES), limits_table(NAMES)]
    assert all("BORROWER-77" not in one.html for one in shown)
    assert shown[0].metrics["npl.cr10"] == 0.6
    assert shown[1].metrics["npl.latest"] == 0.45
    assert "The ten largest bad names owe 60.0% of the NPLs; the ten largest borrowers owe 30.0%" in shown[1].html


def test_a_limit_without_net_capital_is_not_said_to_be_kept() -> None:
    html = limits_table(NAMES).html
    assert "1 of 2 limits are exceeded; 1 cannot be checked: the book does not say the net capital" in html
    assert html.count('class="pill') == 1


def test_a_book_without_bad_loans_or_without_any_has_no_concentration_of_them() -> None:
    unknown = INDICES | {"cr10": nan, "gini": nan, "hhi": nan, "note": "no_denominator"}
    good = Names(as_of=AS_OF, indices={"npl": unknown, "exposure": INDICES}, largest={"exposure": ranked(0.1)})
    assert "The ten largest borrowers owe 60.0% of all loans" in concentration_curve(good).html
    assert concentration_cards(good).metrics["npl.gini"] is None
    assert "denominator is zero" in concentration_cards(good).html
    assert "no loans" in concentration_curve(Names(as_of=AS_OF)).html


def test_the_summary_claims_only_what_the_numbers_make_true() -> None:
    said = recovery_summary(RECOVERED, COVERED, NAMES)
    for words in (
        "Coverage was <b>206.5%</b>", "<b>24.0%</b> within 12 months, <b>48.0%</b> within 24 months",
        "Loss given default is <b>50.0%</b> (95% interval 40.0% to 60.0%), and the own coverage of 60.0% is no lower",
        "<b>CNY 100</b> short of the base standard", "<b>CNY 6.0m</b> in three years", "owe <b>60.0%</b> of the NPLs",
    ):  # fmt: skip
        assert words in said.html
    bare = recovery_summary(SILENT, EMPTY, Names(as_of=AS_OF))
    assert "<li>" not in bare.html
    assert 'class="na"' in bare.html
    assert math.isnan(bare.metrics["provision_coverage_ratio"])
