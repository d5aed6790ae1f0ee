"""Mistakes put into the tape on purpose, and the list of them that is kept with the truth."""

from dataclasses import dataclass, field, replace

import numpy as np

from analysis.book.demo.calendar import Ints, first_day, month_end
from analysis.book.demo.lookups import Lookups
from analysis.book.demo.money import Ledger
from analysis.book.demo.population import Flags, Places
from analysis.book.demo.reporting import SUBSTANDARD, Memory

_JUMP_DAYS = 75
_SURPLUS = 1.15  # of the original amount
_LATEST_AGE = 60  # months on book
_LONG = 240  # months of a plan; such loans are as good as never repaid in the month after a mistake


@dataclass
class Mistakes:
    """When each rule is broken in this piece, and which loans have broken it so far."""

    month_of: dict[str, int]
    loans_of: dict[str, int]
    excess_loan: Ints
    excess: Ints
    found: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Slips:
    """Mistakes of one month; one element of each array is a place."""

    days: Ints
    surplus: Ints
    missing: Flags
    softened: Flags


def mistakes_of(piece: int, months: Ints, lookups: Lookups) -> Mistakes:
    """Plan of mistakes: only the first piece of a book long enough has any."""
    planted = lookups.truth.planted
    months_of = {rule: int(months[-1]) - terms["months_before_end"] for rule, terms in planted.items()}
    due = {rule: month for rule, month in months_of.items() if piece == 0 and month > months[0]}
    loans_of = {rule: terms["loans"] for rule, terms in planted.items()}
    nothing = np.empty(0, dtype=np.int64)
    return Mistakes(due, loans_of, nothing, nothing)


def slips_of(mistakes: Mistakes, at: Places, before: Memory, month: int, lookups: Lookups) -> Slips:
    """Mistakes of a month in days past due, balances and the presence of loans."""
    steady = at.live & before.present & (at.behind == 0) & (before.days_past_due == 0) & ~at.is_firm
    plain = steady & (lookups.plan_months[at.plan] >= _LONG) & (month - at.opened < _LATEST_AGE)
    jumps = _planted(mistakes, "days_past_due_jump", steady, at, month)
    above = _planted(mistakes, "balance_above_original", plain, at, month)
    missing = _planted(mistakes, "missing_month", plain, at, month)
    surplus = np.floor(at.amount * _SURPLUS).astype(np.int64) - at.balance
    return Slips(
        days=jumps * _JUMP_DAYS,
        surplus=np.where(above, surplus, 0),
        missing=missing,
        softened=np.zeros(len(at), dtype=bool),
    )


def with_class_slips(slips: Slips, mistakes: Mistakes, at: Places, classes: Ints, month: int) -> Slips:
    """The same with non-performing loans of individuals that are reported as special mention."""
    bad = at.live & (classes >= SUBSTANDARD) & (at.behind >= 4) & ~at.is_firm
    return replace(slips, softened=_planted(mistakes, "class_better_than_days_past_due", bad, at, month))


def enter_surplus(mistakes: Mistakes, slips: Slips, ledger: Ledger) -> None:
    """Enter money that a mistaken balance needs, and last month's back out."""
    ledger.record_for(mistakes.excess_loan, "repayment", mistakes.excess)
    ledger.record("drawdown", slips.surplus, first_day(np.array([ledger.month]))[0] + 14)
    where = np.flatnonzero(slips.surplus)
    mistakes.excess_loan, mistakes.excess = ledger.at.loan[where], slips.surplus[where]


def _planted(mistakes: Mistakes, rule: str, candidates: Flags, at: Places, month: int) -> Flags:
    chosen = np.zeros(len(at), dtype=bool)
    if mistakes.month_of.get(rule) != month:
        return chosen
    where = np.flatnonzero(candidates)[: mistakes.loans_of[rule]]
    chosen[where] = True
    if len(where):
        loans = [int(number) for number in at.loan[where]]
        mistakes.found.append({"rule": rule, "as_of": month_end(month).isoformat(), "loans": loans})
    return chosen
