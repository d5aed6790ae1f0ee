"""What does a restructuring say: the observation period, its floor, and a second one within it."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from analysis.classify.candidate import Candidate, applies, at_least
from analysis.rules.loader import Rule, RuleSet

MONTHS, RESTART, RENEWAL = "observation_months", "observation_restart", "qualified_renewal"


def with_observation(rows: ir.Table, rules: RuleSet) -> ir.Table:
    """Give each loan its observation: one row is a loan, with `in_observation` and `observation_until`.

    The period ends at the latest of the tape's own date, the restructuring date and the months that
    the rules ask for, the end known a month earlier, and, where a missed payment starts it again, so
    many months after the miss. A loan stays in observation although the tape drops its flag. A
    restructured loan without any date stays as long as the tape flags it. `in_observation` is null
    where the tape does not say whether a loan is restructured. A tape has no schedule, so that the
    instalments which have to be paid are not counted.
    """
    restructured = rows.is_restructured & ~renewed(rows, rules)
    watched = rows.prior_in_observation.fill_null(False)
    begun = ibis.ifelse(restructured, _first_end(rows, rules), ibis.null("date"))
    known = ibis.ifelse(watched, rows.prior_observation_until, ibis.null("date"))
    until = ibis.greatest(begun, known)
    is_open = ibis.ifelse(until.isnull(), restructured, (restructured | watched) & (rows.as_of <= until))
    return rows.mutate(in_observation=is_open, observation_until=_restarted(rows, is_open, until, rules))


def observation(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class during observation."""
    yield from at_least(rows, rule, rows.in_observation)


def observation_days_over(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class when more than so many days past due during observation [days]."""
    yield from at_least(rows, rule, rows.in_observation & (rows.days_past_due > int(rule.value)))


def qualified_renewal(rows: ir.Table, rule: Rule, rules: RuleSet) -> Iterator[Candidate]:
    """The class of a loan flagged as restructured that is a qualified renewal, where none is worse."""
    yield from at_least(rows, rule, rows.is_restructured & renewed(rows, rules))


def renewed(rows: ir.Table, rules: RuleSet) -> ir.BooleanValue:
    """Whether a loan is a qualified renewal, which is no restructuring; one in observation cannot become one."""
    watched = rows.prior_in_observation.fill_null(False)
    renewed = [rows.is_qualified_renewal.fill_null(False) & applies(rows, rule) for rule in rules.of(RENEWAL)]
    return ibis.or_(*renewed) & ~watched if renewed else ibis.literal(False)


def second_restructuring(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class in the month in which a loan in observation is restructured once more."""
    again = rows.restructure_date > rows.prior_restructure_date
    yield from at_least(rows, rule, rows.prior_in_observation & again)


def _first_end(rows: ir.Table, rules: RuleSet) -> ir.DateValue:
    least = [_months_after(rows.restructure_date, rule) for rule in rules.of(MONTHS)]
    return ibis.greatest(rows.observation_end, *least) if least else rows.observation_end


def _restarted(rows: ir.Table, is_open: ir.BooleanValue, until: ir.DateValue, rules: RuleSet) -> ir.DateValue:
    if not rules.of(RESTART):
        return until
    missed = is_open.fill_null(False) & (rows.days_past_due > 0) & ~rows.is_technical
    again = [_months_after(rows.as_of, rule) for rule in rules.of(MONTHS)]
    return ibis.ifelse(missed, ibis.greatest(until, *again), until)


def _months_after(day: ir.DateValue, rule: Rule) -> ir.DateValue:
    # A date and an interval give a timestamp in DuckDB, and Ibis drops a cast of what it takes for a date.
    return (day.cast("timestamp") + ibis.interval(months=int(rule.value))).cast("date")
