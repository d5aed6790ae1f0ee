"""What do days past due say: floors by days, the technical exception, materiality, buckets."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from analysis.classify.candidate import Candidate, applies, at_least, decimal
from analysis.rules.loader import TECHNICAL_DAYS, Rule, RuleSet

_BUCKET_DAYS = 30
_LAST_BUCKET = 7


def days_over(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class when more than so many days past due [days], unless the delay is technical."""
    yield from at_least(rows, rule, (rows.days_past_due > int(rule.value)) & ~rows.is_technical)


def days_from(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class from so many days past due on [days]."""
    yield from at_least(rows, rule, rows.days_past_due >= int(rule.value))


def material_days_over(rows: ir.Table, rule: Rule, rules: RuleSet) -> Iterator[Candidate]:
    """At least a class when more than so many days past due [days] on an amount that is material."""
    yield from at_least(rows, rule, (rows.days_past_due > int(rule.value)) & material(rows, rules))


def technical_days(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """The class of a loan whose delay is technical, where no other rule gives a worse one."""
    yield from at_least(rows, rule, (rows.days_past_due > 0) & rows.is_technical)


def technical(rows: ir.Table, rules: RuleSet) -> ir.BooleanValue:
    """Whether a delay is a technical one, which is no arrears.

    A tape has no cause of a delay. The bank's own word is taken: a loan within the days of the
    exception [days, up to and with] that it reports as pass. Without a reported class every day counts.
    """
    excepted = [
        (rows.days_past_due <= int(rule.value)) & (rows.reported == "pass") & applies(rows, rule)
        for rule in rules.of(TECHNICAL_DAYS)
    ]
    return ibis.or_(*excepted).fill_null(False) if excepted else ibis.literal(False)


def material(rows: ir.Table, rules: RuleSet) -> ir.BooleanValue:
    """Whether what is overdue is over every limit that applies, in amount [currency] and as a share of the exposure.

    Overdue are the overdue principal and the interest receivable, of the loan or of all loans of the
    borrower, as the limit says. What is not recorded counts as material.

    Source: Delegated Regulation (EU) 2018/171, arts. 1 and 2. We test at the month end only: a tape
    does not say on which day of the month a limit was crossed.
    """
    tests = [
        ~applies(rows, rule) | over(rows, decimal(rule)).fill_null(True)
        for mechanism, over in LIMITS.items()
        for rule in rules.of(mechanism)
    ]
    return ibis.and_(*tests)


def overdue(rows: ir.Table) -> ir.DecimalColumn:
    """Principal and interest that are due and not paid [currency]; null where no overdue principal is recorded."""
    return rows.overdue_principal + rows.interest_receivable.fill_null(0)


def bucket(days_past_due: ir.IntegerColumn) -> ir.StringColumn:
    """Name of the bucket of 30 days that a loan is in: M0 (none), M1 (1 to 30), … M6, M7+ (over 180)."""
    begun = (days_past_due + (_BUCKET_DAYS - 1)) // _BUCKET_DAYS
    number = ibis.least(ibis.greatest(begun, 0), _LAST_BUCKET)
    names = {n: f"M{n}" for n in range(_LAST_BUCKET)} | {_LAST_BUCKET: f"M{_LAST_BUCKET}+"}
    return number.cases(*names.items())


LIMITS: Mapping[str, Callable[[ir.Table, ir.DecimalScalar], ir.BooleanValue]] = MappingProxyType(
    {
        "material_amount_of_loan": lambda rows, limit: overdue(rows) > limit,
        "material_share_of_loan": lambda rows, limit: overdue(rows) > rows.principal_balance * limit,
        "material_amount_of_borrower": lambda rows, limit: rows.borrower_overdue > limit,
        "material_share_of_borrower": lambda rows, limit: rows.borrower_overdue > rows.borrower_balance * limit,
    }
)
