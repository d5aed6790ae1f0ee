"""When may a non-performing loan be upgraded: not before its arrears are paid and time has shown it."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from analysis.classify.candidate import Candidate, at_least
from analysis.rules.loader import Rule, RuleSet


def until_cured(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class while a loan that was non-performing has not been without arrears for so long [months]."""
    yield from at_least(rows, rule, rows.prior_is_npl & ~_clean_for(rows, rule).fill_null(False))


def until_borrower_cured(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class while a loan that was non-performing has a borrower with a credit-impaired loan."""
    yield from at_least(rows, rule, rows.prior_is_npl & (rows.borrower_impaired > 0))


def until_restructured_cured(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class while a non-performing loan was restructured less than so long ago [months].

    Where no date of the restructuring is recorded, the run without arrears counts.
    """
    since = ibis.coalesce(rows.restructure_date, rows.clean_since)
    cured = _months_between(since, rows.as_of) >= int(rule.value)
    yield from at_least(rows, rule, rows.prior_is_npl & rows.is_restructured & ~cured.fill_null(False))


def _clean_for(rows: ir.Table, rule: Rule) -> ir.BooleanValue:
    # The carried date is the first month end without arrears, so that a run is counted in months.
    return (rows.days_past_due == 0) & (_months_between(rows.clean_since, rows.as_of) >= int(rule.value))


def _months_between(start: ir.DateValue, end: ir.DateValue) -> ir.IntegerValue:
    return (end.year() - start.year()) * 12 + end.month() - start.month()
