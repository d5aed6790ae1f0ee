"""What a finding is, and the words and severity of each rule."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from analysis.terms import Text

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, or worth knowing, of a book.

    Attributes:
        rule: code of the rule.
        severity: "error" refuses a report, "warning" shows on it, "info" is for the record.
        label: what is wrong, in words.
        count: rows that it touches, over all dates [rows].
        balance_at_risk: balance of those on `as_of` [currency]; None if not known.
        as_of: latest date it was found at; None for the whole book.
        examples: up to three, masked where they are identifiers.
    """

    rule: str
    severity: Severity
    label: Text
    count: int
    balance_at_risk: Decimal | None = None
    as_of: date | None = None
    examples: tuple[str, ...] = ()


# In the order a reader meets them.
RULES: Mapping[str, tuple[Severity, Text]] = MappingProxyType(
    {
        "duplicate_key": (
            "error",
            Text("同一借据在同一报告日出现多次", "A loan stands twice at the same date"),
        ),
        "currency_mix": (
            "error",
            Text("借据币种与账簿币种不同", "Loans in a currency other than the book's"),
        ),
        "ledger_difference": (
            "error",
            Text(
                "与总账不符（{what}）：总账{ledger}，台账{tape}，差额{gap}",
                "The tape does not tie to the ledger ({what}): ledger {ledger}, tape {tape}, gap {gap}",
            ),
        ),
        "absent_segment": (
            "error",
            Text(
                "{name}在该报告日没有任何数据，比率变动可能仅因缺少报送",
                "{name} has no rows at this date: a tape is missing",
            ),
        ),
        "thin_segment": (
            "warning",
            Text(
                "{name}的行数较上期大幅减少，可能缺少部分报送",
                "{name} lost much of its rows: part of a tape may be missing",
            ),
        ),
        "absent_month": (
            "warning",
            Text("账簿缺少报告期", "Dates are missing from the book"),
        ),
        "missing_month": (
            "warning",
            Text("借据中间缺少一期或多期后又出现", "Loans are missing at a date and come back later"),
        ),
        "balance_above_original": (
            "warning",
            Text("本金余额高于放款金额", "Principal above the original amount"),
        ),
        "days_past_due_jump": (
            "warning",
            Text("逾期天数增幅超过两期间隔天数", "Days past due rose by more than the days between"),
        ),
        "days_past_due_fall": (
            "warning",
            Text("逾期天数下降但没有还款", "Days past due fell without a payment"),
        ),
        "as_of_before_origination": (
            "warning",
            Text("报告日早于发放日", "As-of date before origination"),
        ),
        "class_better_than_days_past_due": (
            "warning",
            Text("报送分类优于逾期天数所允许的级别", "Reported class better than days past due allow"),
        ),
        "unknown_segment": (
            "warning",
            Text("分部缺失或不在账簿的分部清单中", "Segment missing or not among the book's segments"),
        ),
        "quarantine": (
            "info",
            Text("导入时隔离、未使用的行", "Rows that were set aside at import and not used"),
        ),
    }
)


def finding_rows(found: Iterable[Finding]) -> list[dict[str, object]]:
    """Give findings as plain rows for a table or JSON, with amounts as text so that no cent is lost."""
    return [
        {
            "rule": one.rule,
            "severity": one.severity,
            "count": one.count,
            "balance_at_risk": None if one.balance_at_risk is None else str(one.balance_at_risk),
            "as_of": None if one.as_of is None else one.as_of.isoformat(),
            "examples": ", ".join(one.examples),
            "zh": one.label.zh,
            "en": one.label.en,
        }
        for one in found
    ]


def order(finding: Finding) -> tuple[int, int, str, str]:
    """Sort key: the worst first, then as the rules stand, then by date and words."""
    rules = list(RULES)
    place = rules.index(finding.rule) if finding.rule in RULES else len(rules)
    return SEVERITIES.index(finding.severity), place, str(finding.as_of), finding.rule + finding.label.en
