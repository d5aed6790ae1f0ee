"""One piece of the bank, month by month: moves, money, what is reported, and which loans are new."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from analysis.book.demo.calendar import Ints, days_past_due
from analysis.book.demo.lookups import Lookups
from analysis.book.demo.money import Flows, Ledger, settle
from analysis.book.demo.paths import Moves, advance_distress, draw_moves
from analysis.book.demo.planted import Mistakes, enter_surplus, mistakes_of, slips_of, with_class_slips
from analysis.book.demo.population import Flags, Places, age_loans, draw_borrowers, open_loans, places
from analysis.book.demo.reporting import (
    SPECIAL_MENTION,
    Memory,
    allowances,
    empty_memory,
    observe,
    overlay_for,
    remember,
    reported_class,
    stages,
)

WARM_UP = 30  # months simulated before the book's first one, so that it does not begin without arrears
_MONTHS_PER_QUARTER = 3


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A range of places with its own stream of chance, and the months to simulate."""

    number: int
    places: Ints
    months: Ints
    stream: np.random.SeedSequence


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month end of a piece: `shown` marks the places on the tape, other arrays have one element per place."""

    month: int
    at: Places
    shown: Flags
    opened: Flags
    memory: Memory
    before: Memory
    balance: Ints
    days_past_due: Ints
    reported_class: Ints
    stage: Ints
    allowance: Ints
    flows: Flows
    mistakes: Mistakes


@dataclass
class _Claims:
    """Loans written off, on which the bank may still collect."""

    loan: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    amount: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    month: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass
class _Run:
    """What a piece carries from month to month."""

    piece: Piece
    lookups: Lookups
    rng: np.random.Generator
    at: Places
    memory: Memory
    mistakes: Mistakes
    claims: _Claims = field(default_factory=_Claims)
    overlay: float = 1.0


def simulate(piece: Piece, lookups: Lookups) -> Iterator[Month]:
    """Month ends of a piece, in order; each is valid until the next one is asked for."""
    run = _started(piece, lookups)
    first = int(piece.months[0])
    for month in range(first - WARM_UP, first):
        _advance(run, month)
    run.memory.forget(np.ones(len(run.at), dtype=bool))
    for number, month in enumerate(piece.months):
        reported = _reported(run, int(month), _advance(run, int(month)), is_first=number == 0)
        yield reported
        _keep(run, reported)


def _started(piece: Piece, lookups: Lookups) -> _Run:
    rng = np.random.Generator(np.random.PCG64(piece.stream))
    at = places(lookups, piece.places, rng)
    open_loans(at, np.arange(len(at)), int(piece.months[0]) - WARM_UP - 1, lookups, rng)
    age_loans(at, lookups, rng)
    mistakes = mistakes_of(piece.number, piece.months, lookups)
    return _Run(piece, lookups, rng, at, empty_memory(len(at)), mistakes)


def _advance(run: _Run, month: int) -> Ledger:
    at, lookups, rng = run.at, run.lookups, run.rng
    was_empty = ~at.live
    at.is_new[:] = False
    advance_distress(at, lookups, rng)
    ledger = Ledger(at, month)
    moves = draw_moves(at, month, lookups, rng)
    repaid = settle(at, moves, ledger, lookups, rng)
    _collect_claims(run, ledger)
    renewed = _renewed(run, repaid, moves)
    refilled = was_empty & (rng.random(len(at)) < lookups.truth.renewal["refill"])
    _replace_borrowers(run, refilled)
    where = np.flatnonzero(renewed | refilled)
    open_loans(at, where, month, lookups, rng)
    at.renewal[:] = np.where(renewed, True, at.renewal)
    drawn_now = np.zeros(len(at), dtype=np.int64)
    drawn_now[where] = at.amount[where]
    ledger.record("drawdown", drawn_now, at.origination)
    observe(at, month, lookups)
    return ledger


def _renewed(run: _Run, repaid: Flags, moves: Moves) -> Flags:
    """Maturing bullet loans of small, well rated borrowers that are renewed on the day they mature."""
    at, lookups = run.at, run.lookups
    sizes = list(lookups.truth.sizes)
    bullet = np.array([plan.kind == "bullet" for plan in lookups.truth.plans.values()])[at.plan]
    good = (at.size >= sizes.index("small")) & (at.rating <= 1) & ~at.restructured & (moves.before == 0)
    renewed: Flags = repaid & bullet & good & (run.rng.random(len(at)) < lookups.truth.renewal["share"])
    return renewed


def _replace_borrowers(run: _Run, refilled: Flags) -> None:
    """Most borrowers who have repaid borrow again; a loan that was lost is followed by another borrower's."""
    stays = run.rng.random(len(run.at)) < run.lookups.truth.renewal["stays"]
    lost = run.at.behind > 0
    draw_borrowers(run.at, np.flatnonzero(refilled & (lost | ~stays)), run.lookups, run.rng)


def _collect_claims(run: _Run, ledger: Ledger) -> None:
    """Collect on loans written off earlier, then add those of this month."""
    terms = run.lookups.truth.recovery["after_write_off"]
    new, old = ledger.of("write_off"), run.claims
    pays = run.rng.random(len(old.loan)) < terms["chance"]
    cash = np.floor(old.amount[pays] * terms["share"]).astype(np.int64)
    ledger.record_for(old.loan[pays], "written_off_recovery", cash)
    keep = old.month > ledger.month - terms["months"]
    run.claims = _Claims(
        loan=np.concatenate([old.loan[keep], new.loan]),
        amount=np.concatenate([old.amount[keep], new.amount]),
        month=np.concatenate([old.month[keep], np.full(len(new.loan), ledger.month)]),
    )


def _reported(run: _Run, month: int, ledger: Ledger, *, is_first: bool) -> Month:
    """State at a month end as the bank puts it on its tape; what the tape says is remembered for the next one."""
    at, memory, rules = run.at, run.memory, run.lookups.truth.reporting
    memory.forget(at.is_new | ~at.live)
    before = replace(memory, **{name: values.copy() for name, values in vars(memory).items()})
    slips = slips_of(run.mistakes, at, before, month, run.lookups)
    days = np.where(at.live, days_past_due(month, at.behind, at.due_day) + slips.days, 0)
    remember(memory, days, month)
    classes = reported_class(at, memory, days, month, rules)
    if is_first or (month + 1) % _MONTHS_PER_QUARTER == 0:
        run.overlay = overlay_for(at, classes, month, run.lookups)
    allowance = allowances(at, classes, run.overlay, run.lookups)
    slips = with_class_slips(slips, run.mistakes, at, classes, month)
    classes = np.where(slips.softened, SPECIAL_MENTION, classes)
    shown = at.live & ~slips.missing
    balance = at.balance + slips.surplus
    enter_surplus(run.mistakes, slips, ledger)
    return Month(
        month=month,
        at=at,
        shown=shown,
        opened=at.live if is_first else at.is_new & at.live,
        memory=memory,
        before=before,
        balance=balance,
        days_past_due=days,
        reported_class=classes,
        stage=stages(classes, days),
        allowance=allowance,
        flows=ledger.flows(),
        mistakes=run.mistakes,
    )


def _keep(run: _Run, shown: Month) -> None:
    """Remember what the tape says, so that the next one can tell the state before."""
    memory = run.memory
    memory.present[:] = shown.shown
    memory.balance[:] = shown.balance
    memory.days_past_due[:] = shown.days_past_due
    memory.reported_class[:] = shown.reported_class
    memory.forget(~shown.shown)
