"""What the bank reports of each loan: days past due, five-category class, stage and allowance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.book.demo.calendar import Ints, day_number, last_day
from analysis.book.demo.lookups import Floats, Lookups
from analysis.book.demo.population import NONE, Flags, Places
from analysis.terms import FIVE_CLASSES

PASS, SPECIAL_MENTION, SUBSTANDARD, DOUBTFUL, LOSS = range(len(FIVE_CLASSES))


@dataclass
class Memory:
    """What the tape said of each place's loan before: carried from month to month."""

    present: Flags
    balance: Ints
    days_past_due: Ints
    reported_class: Ints
    over_90_on: Ints
    clean_since: Ints

    def forget(self, where: Flags) -> None:
        """Drop what is known, as for a loan that was not on the last tape."""
        self.present[where] = False
        self.over_90_on[where] = self.clean_since[where] = NONE


def empty_memory(count: int) -> Memory:
    """Memory of places before the first tape."""
    none = np.full(count, NONE, dtype=np.int64)
    present = np.zeros(count, dtype=bool)
    return Memory(present=present, **{k: none.copy() for k in Memory.__annotations__ if k != "present"})


def remember(memory: Memory, days_past_due: Ints, month: int) -> None:
    """Carry forward when a loan was last over 90 days and since when it has had no arrears."""
    today = last_day(np.array([month]))[0]
    memory.over_90_on[:] = np.where(days_past_due > 90, today, memory.over_90_on)
    first_clean = np.where(memory.clean_since == NONE, today, memory.clean_since)
    memory.clean_since[:] = np.where(days_past_due == 0, first_clean, NONE)


def observe(at: Places, month: int, lookups: Lookups) -> None:
    """Run the observation of restructured loans: a missed payment starts it again, its end closes the case."""
    months = lookups.truth.reporting["observation_months"]
    restarts = at.restructured & (at.behind > 0)
    starts = at.restructured & (at.observed_until == NONE)
    until = last_day(np.full(len(at), month + 1 + months))
    at.observed_until[:] = np.where(starts | restarts, until, at.observed_until)
    at.restructured &= at.observed_until >= last_day(np.array([month]))[0]


def reported_class(at: Places, memory: Memory, days_past_due: Ints, month: int, rules: Mapping[str, Any]) -> Ints:
    """Class of each loan as the bank reports it, a position in the five classes."""
    after = [rules["technical_days"], rules["substandard_after"], rules["doubtful_after"], rules["loss_after"]]
    by_days = np.searchsorted(np.array(after), days_past_due, side="left")
    floor = np.where(at.restructured, SPECIAL_MENTION, PASS)
    own = np.maximum(by_days, floor)
    on_trial = (memory.over_90_on != NONE) & ~_upgraded(memory, month, rules["upgrade_months"])
    own = np.where(on_trial, np.maximum(own, SUBSTANDARD), own)
    return np.where(_dragged_down(at, own, rules["cross_default_share"]), np.maximum(own, SUBSTANDARD), own)


def allowances(at: Places, classes: Ints, overlay: float, lookups: Lookups) -> Ints:
    """Allowance of each loan [cents]: a rate per class, that of pass scaled by the bank's overlay."""
    rates = _rates(lookups)
    rates[PASS] *= overlay
    return at.balance * np.rint(rates * 1_000_000).astype(np.int64)[classes] // 1_000_000


def overlay_for(at: Places, classes: Ints, month: int, lookups: Lookups) -> float:
    """Factor on the rate of pass that brings coverage to its path, within limits [share]."""
    held = np.bincount(classes[at.live], weights=at.balance[at.live], minlength=len(FIVE_CLASSES))
    rates = _rates(lookups)
    wanted = _coverage_path(month, lookups) * held[SUBSTANDARD:].sum() - (rates * held)[SPECIAL_MENTION:].sum()
    low, high = lookups.truth.reporting["overlay_limits"]
    return float(np.clip(wanted / max(rates[PASS] * held[PASS], 1.0), low, high))


def stages(classes: Ints, days_past_due: Ints) -> Ints:
    """IFRS 9 stage: 3 if non-performing, 2 if special mention or more than 30 days past due, else 1."""
    second = (classes == SPECIAL_MENTION) | (days_past_due > 30)
    return np.where(classes >= SUBSTANDARD, 3, np.where(second, 2, 1))


def _rates(lookups: Lookups) -> Floats:
    return np.array([lookups.truth.reporting["allowance"][key] for key in FIVE_CLASSES])


def _coverage_path(month: int, lookups: Lookups) -> float:
    path = lookups.truth.reporting["coverage_path"]
    days = [day_number(day) for day in path["from"]]
    return float(np.interp(last_day(np.array([month]))[0], days, path["value"]))


def _upgraded(memory: Memory, month: int, months: int) -> Flags:
    """Whether a loan without arrears has been so for long enough."""
    since = memory.clean_since.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    upgraded: Flags = (memory.clean_since != NONE) & (month - since >= months)
    return upgraded


def _dragged_down(at: Places, own: Ints, share: float) -> Flags:
    """Loans of firms whose non-performing share at the bank is over the limit; neighbours share a borrower."""
    starts = np.ones(len(at), dtype=np.int64)
    starts[1:] = at.borrower[1:] != at.borrower[:-1]
    borrower = np.cumsum(starts) - 1
    balance = np.where(at.live, at.balance, 0)
    bad = np.bincount(borrower, weights=np.where(own >= SUBSTANDARD, balance, 0))
    total = np.bincount(borrower, weights=balance)
    dragged: Flags = (at.borrower_type == 0) & (bad > share * total)[borrower]
    return dragged
