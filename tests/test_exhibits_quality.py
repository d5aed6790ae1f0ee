"""The data quality page: findings, the account of rows, the calendar of months, classes that differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.book.masking import masked
from analysis.exhibits import coverage, quality
from analysis.terms import Text

AS_OF = date(2026, 9, 30)
LABEL = Text("重复<b>", "Duplicate <b>keys</b>")


@dataclass(frozen=True, kw_only=True)
class Found:
    rule: str = "duplicate"
    severity: str = "warning"
    label: Text = LABEL
    count: int = 2
    balance_at_risk: Decimal | None = Decimal("3400000")
    as_of: date | None = AS_OF
    examples: Sequence[str] = ("LN00012345", "LN00012346")


TALLY = {
    "source": "loans<1>.csv", "table": "snapshots", "rows_in": 20_010, "rows_accepted": 20_000, "rows_quarantined": 10,
    "amount_field": "principal_balance", "amount_in": "1000.10", "amount_accepted": "900.10",
    "amount_quarantined": "100.00", "amount_rounding": "0", "amount_unreadable_rows": "0",
}  # fmt: skip
IMPORTS = [{"tallies": [TALLY]}]


@pytest.mark.parametrize(
    ("severities", "said"),
    [
        (("error", "warning"), "This tape <b>cannot</b> carry a report: 1 error."),
        (("error", "error"), "This tape <b>cannot</b> carry a report: 2 errors."),
        (("warning", "info"), "This tape <b>can</b> carry a report, read with 1 warning."),
        (("info",), "This tape <b>can</b> carry a report: no errors, no warnings."),
        ((), "This tape <b>can</b> carry a report: no errors, no warnings."),
    ],
)
def test_the_answer_follows_the_worst_finding(severities: tuple[str, ...], said: str) -> None:
    found = [Found(severity=severity, rule=f"r{n}") for n, severity in enumerate(severities)]
    shown = quality.quality_summary(found, IMPORTS, rules_checked=14)
    assert said in shown.html
    assert shown.metrics["errors"] == severities.count("error")
    assert shown.metrics["warnings"] == severities.count("warning")
    assert "20,010 rows came in: 20,000 were accepted, 10 quarantined." in shown.html


def test_rules_passed_are_the_same_in_sentence_and_card() -> None:
    found = [Found(), Found(), Found(rule="jump", severity="error"), Found(rule="note", severity="info")]
    summary = quality.quality_summary(found, IMPORTS, rules_checked=14)
    cards = quality.quality_headline(found, IMPORTS, rules_checked=14)
    assert "12 of 14 rules passed." in summary.html
    assert summary.metrics["rules_passed"] == cards.metrics["rules_passed"] == 12
    assert cards.metrics["rules_passed.status"] == "breach"


def test_the_balance_in_doubt_is_unknown_where_findings_have_none_and_zero_where_there_are_none() -> None:
    without = quality.quality_headline([Found(balance_at_risk=None)], IMPORTS, rules_checked=3)
    assert without.metrics["balance_at_risk"] is None
    assert quality.quality_headline([], IMPORTS, rules_checked=3).metrics["balance_at_risk"] == 0
    several = [Found(), Found(balance_at_risk=Decimal(9_000_000))]
    assert quality.quality_headline(several, IMPORTS, rules_checked=3).metrics["balance_at_risk"] == 9_000_000


def test_findings_come_worst_first_masked_and_escaped() -> None:
    found = [Found(), Found(rule="jump", severity="error", balance_at_risk=None, as_of=None, examples=())]
    html = quality.quality_findings(found).html
    assert html.index("Error</span>") < html.index("Warning</span>")
    assert masked("LN00012345") in html
    assert "345" not in html.replace(masked("LN00012345"), "").replace(masked("LN00012346"), "")
    assert "<b>keys</b>" not in html
    assert "&lt;b&gt;keys" in html
    assert "1 error, 1 warning, 0 notes" in html


def test_no_findings_are_said_in_words() -> None:
    assert "No rule found anything" in quality.quality_findings([]).html


def test_the_account_of_rows_and_amounts_is_exact() -> None:
    shown = quality.import_tally(IMPORTS)
    assert "Every row is accounted for" in shown.html
    assert "1,000.10" in shown.html
    assert shown.metrics["loans<1>.csv.rows_in"] == 20_010
    assert "loans&lt;1&gt;.csv" in shown.html
    lost = [{"tallies": [TALLY | {"rows_accepted": 19_999}]}]
    assert "1 row without an account" in quality.import_tally(lost).html


def test_a_source_without_amounts_shows_dashes_not_zeros() -> None:
    html = quality.import_tally([{"tallies": [TALLY | {"amount_field": ""}]}]).html
    assert html.count("not recorded in the source") == 3
    assert "0.00" not in html


def test_a_book_without_imports_has_an_empty_account() -> None:
    assert quality.quality_headline([], [], rules_checked=3).metrics["rows_accepted"] == 0
    assert "</table>" in quality.import_tally([]).html


def rows_of(months: dict[str, list[str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"as_of": pd.Timestamp(month), "segment": s, "loans": 10} for s, listed in months.items() for month in listed]
    )


def test_a_month_that_a_segment_lacks_is_marked_and_counted() -> None:
    ends = ["2026-05-31", "2026-06-30", "2026-07-31", "2026-08-31"]
    shown = coverage.month_coverage(rows_of({"a": ends, "b": [ends[1], ends[3]], "c": ends[:2]}))
    assert shown.metrics == {"gaps": 3, "a.gaps": 0, "b.gaps": 1, "c.gaps": 2}
    assert shown.html.count('class="gap"') == 3
    assert shown.html.count('class="before"') == 1  # b had not begun
    assert "2 segments are without some months: b, c" in shown.html


def test_a_month_that_nobody_has_is_a_gap_of_all() -> None:
    assert coverage.month_coverage(rows_of({"a": ["2026-01-31", "2026-02-28", "2026-04-30"]})).metrics["gaps"] == 1


def test_a_quarterly_book_has_no_gaps_between_quarters() -> None:
    shown = coverage.month_coverage(rows_of({"a": ["2026-03-31", "2026-06-30", "2026-09-30"]}))
    assert shown.metrics["gaps"] == 0
    assert "Segments with every period: 1 of 1 (3 periods)" in shown.html


@given(st.sets(st.integers(1, 12), min_size=2))
def test_gaps_and_rows_make_up_all_months_since_the_first(months: set[int]) -> None:
    listed = [f"2025-{month:02d}-01" for month in months]
    full = [f"2025-{month:02d}-01" for month in range(1, 13)]
    shown = coverage.month_coverage(rows_of({"a": listed, "b": full}))
    assert shown.metrics["a.gaps"] == 12 - min(months) + 1 - len(months)


def test_classes_that_differ_are_a_table_with_the_rule_that_decided() -> None:
    columns = ["as_of", "reported_class", "five_class", "loans", "balance", "rule_id"]
    listed = [
        (AS_OF, "pass", "substandard", 12, Decimal(53), "CN-<1>"),
        (AS_OF, "loss", "loss", 5, Decimal(9), "x"),
        (date(2026, 8, 31), "pass", "loss", 7, None, "y"),
    ]
    rows = pd.DataFrame(listed, columns=columns)
    html = quality.class_differences(rows, as_of=AS_OF).html
    assert "12 loans with a reported class that the rules do not give" in html
    assert html.count('scope="row"') == 1
    assert 'class="text up"' in html
    assert "CN-&lt;1&gt;" in html
    agreed = quality.class_differences(rows[rows["five_class"] == rows["reported_class"]], as_of=AS_OF)
    assert "Reported classes are what the rules give" in agreed.html
