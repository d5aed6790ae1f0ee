"""When did each loan first go bad, and until when was it watched? Added up by cohort and age in one query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import gcd
from types import MappingProxyType
from typing import Literal

import ibis
import ibis.expr.types as ir

from analysis.errors import Misuse, require_columns, require_known
from analysis.measures.periods import month_numbers

Threshold = int | Literal["npl"]
NPL: Literal["npl"] = "npl"
# How a cohort's first day is found, and how many months of origination it takes in.
COHORTS: Mapping[str, tuple[Literal["M", "Q", "Y"], int]] = MappingProxyType(
    {"month": ("M", 1), "quarter": ("Q", 3), "year": ("Y", 12)}
)
KINDS = ("entered", "bad", "left", "current")
TALLIED = ("loans", "amount", "squares", "known", "recorded")
_ATTRIBUTES = ("origination_date", "original_amount")
# The product of two amounts has twice their digits; engines do not widen by themselves.
_WIDE, _SQUARES = "decimal(38, 2)", "decimal(38, 4)"


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The month ends that a book has, as `month_number` gives them.

    Attributes:
        first: the earliest.
        last: the reporting date.
        step: months from one to the next: 1, or 3 where a book has quarter ends.
        missing: those in between that the book lacks.
    """

    first: int
    last: int
    step: int
    missing: frozenset[int]


def calendar(states: ir.Table) -> Calendar | None:
    """The month ends of the states; None where there is no state.

    Args:
        states: one row is a loan at a month end.

    Raises:
        MissingColumns: if the table lacks a column.
    """
    require_columns("states", {"as_of"}, states.columns)
    days = states.select("as_of").distinct().to_pyarrow()["as_of"].to_pylist()
    months = sorted({month_number(day) for day in days})
    if not months:
        return None
    step = gcd(*(later - earlier for earlier, later in pairwise(months))) or 1
    missing = frozenset(range(months[0], months[-1], step)) - set(months)
    return Calendar(first=months[0], last=months[-1], step=step, missing=missing)


def month_number(day: date) -> int:
    """Number of a day's month, counted so that a difference of numbers is one of months."""
    return day.year * 12 + day.month


def require_threshold(threshold: object) -> None:
    """Refuse what no loan can be measured against.

    Raises:
        Misuse: if it is neither "npl" nor a whole number of days from 0.
    """
    is_days = isinstance(threshold, int) and not isinstance(threshold, bool) and threshold >= 0
    if threshold != NPL and not is_days:
        raise Misuse(f"threshold must be 'npl' or whole days past due from 0 such as 90, was {threshold!r}.")


def tallies(states: ir.Table, span: Calendar, *, threshold: Threshold, groups: Sequence[str], cohort: str) -> ir.Table:
    """Loans by cohort, by group and by the age at which something happened to them.

    Age is the number of months from the first month end after origination: 0 at the end of the month of
    origination, or of the quarter where the book has quarter ends.

    Args:
        states: one row is a loan at a month end, classified.
        span: its month ends.
        threshold: as for `vintage.vintages`.
        groups: dimensions, as they were where the loan was first seen.
        cohort: out of `COHORTS`.

    Returns:
        one row per `cohort`, group and ages [months] that its loans have in common, in no order: those at which
        they `entered` (were first seen), went `bad` first and `left` (went bad, or were last at risk: a loan that
        has gone is at risk until the month end that first lacks it), null where they never did; then rows with
        the age `current` alone: bad at that age, however often before. `loans` [count], `amount` originated and
        `squares` of amounts [exact; null if none is recorded], `known` and `recorded`: loans whose amount and
        whose state are recorded; `origin`: age 0 of the youngest of them [month number].

    Raises:
        Misuse: if the cohort or the threshold is unknown.
        MissingColumns: if the table lacks a column.
    """
    require_known("cohort", cohort, COHORTS)
    require_threshold(threshold)
    state = "is_npl" if threshold == NPL else "days_past_due"
    require_columns("states", {"as_of", "loan_id", "prior_as_of", state, *_ATTRIBUTES, *groups}, states.columns)
    loans = _loans(states, span, threshold=threshold, groups=groups, cohort=cohort)
    bad_now = states.filter(_is_bad(states, threshold)).select("loan_id", month=month_numbers(states.as_of))
    current = bad_now.inner_join(loans, ["loan_id", bad_now.month >= loans.origin])
    aged = current.mutate(current=current.month - current.origin)
    return _added(loans, groups, ("entered", "bad", "left")).union(_added(aged, groups, ("current",)))


def _is_bad(states: ir.Table, threshold: Threshold) -> ir.BooleanColumn:
    return states.is_npl if threshold == NPL else states.days_past_due > threshold


def _loans(states: ir.Table, span: Calendar, *, threshold: Threshold, groups: Sequence[str], cohort: str) -> ir.Table:
    """One row is a loan: its cohort, groups and amount, and the ages of what happened to it."""
    rows = states.select("loan_id", "as_of", is_bad=_is_bad(states, threshold))
    days = rows.group_by("loan_id").aggregate(
        first=rows.as_of.min(),
        last=rows.as_of.max(),
        first_bad=rows.as_of.min(where=rows.is_bad),
        recorded=rows.is_bad.count(),
    )
    # Months are numbered once a loan, not once a row.
    seen = days.mutate(**{name: month_numbers(days[name]) for name in ("first", "last", "first_bad")})
    # What a loan was at the outset stands in its first row; few rows need be read for it, as it has no month before.
    entries = states.filter(states.prior_as_of.isnull() | (month_numbers(states.as_of) == span.first))
    outset = entries.select("loan_id", *_ATTRIBUTES, *groups, first=month_numbers(entries.as_of))
    known = seen.inner_join(outset, ["loan_id", "first"])
    placed = known.mutate(
        cohort=known.origination_date.truncate(COHORTS[cohort][0]).cast("date"),
        origin=_period_end(month_numbers(known.origination_date), span),
    )
    return _aged(placed, span)


def _period_end(month: ir.IntegerValue, span: Calendar) -> ir.IntegerValue:
    """The first month end of the book's rhythm in or after a month."""
    if span.step == 1:
        return month
    beyond = (span.first - month) % span.step
    return month + (beyond + span.step) % span.step


def _aged(placed: ir.Table, span: Calendar) -> ir.Table:
    # A loan that a tape shows before it was lent has age 0 there.
    went_bad = ibis.ifelse(placed.first_bad.isnull(), ibis.null("int64"), _age(placed.first_bad, placed))
    watched = ibis.least(placed.last + span.step, span.last)
    return placed.mutate(
        entered=_age(placed.first, placed), bad=went_bad, left=ibis.coalesce(went_bad, _age(watched, placed))
    )


def _age(month: ir.IntegerValue, placed: ir.Table) -> ir.IntegerValue:
    return ibis.greatest(month - placed.origin, 0).cast("int64")


def _added(loans: ir.Table, groups: Sequence[str], kinds: Sequence[str]) -> ir.Table:
    amount, wide = loans.original_amount, loans.original_amount.cast(_WIDE)
    added = loans.group_by(["cohort", *groups, *kinds]).aggregate(
        loans=loans.count(),
        amount=amount.sum(),
        squares=(wide * wide).sum().cast(_SQUARES),
        known=amount.count(),
        recorded=loans.count(where=loans.recorded > 0),
        origin=loans.origin.max(),
    )
    others = {kind: ibis.null("int64") for kind in KINDS if kind not in kinds}
    return added.mutate(**others).select("cohort", *groups, *KINDS, *TALLIED, "origin")
