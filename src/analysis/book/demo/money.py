"""Balances and flows in whole cents: last month's balance less what left is this month's, exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.book.demo.calendar import Ints, first_day, last_day
from analysis.book.demo.lookups import Floats, Lookups
from analysis.book.demo.paths import BETTER, CURE, STAY, Moves
from analysis.book.demo.population import NONE, Flags, Places, owed
from analysis.book.demo.truth import DISPOSALS
from analysis.terms import FLOW_KINDS

_NON_PERFORMING = 4  # from this many instalments behind, cash is a recovery
_GOOD_WILL = 100  # who catches up on arrears pays at least this part of the balance: 1 / 100
_CARD_STEP = 0.06  # standard deviation of a month's change of a card's use
_CARD_LOWEST, _CARD_HIGHEST = 0.05, 0.95
_SALE_DAY = 24  # sales are batches, on one day of the month


@dataclass(frozen=True, kw_only=True)
class Flows:
    """Columns of flows: one element is a movement of a loan. Money in cents, NONE where there is no cost."""

    loan: Ints
    day: Ints
    kind: Ints
    amount: Ints
    cost: Ints


@dataclass
class Ledger:
    """Movements of one month, in the order in which they happen within a loan."""

    at: Places
    month: int
    entries: list[Flows] = field(default_factory=list)

    def record(self, kind: str, amount: Ints, day: Ints | int, cost: Ints | int = NONE) -> None:
        """Enter each place's movement; places with no amount have none."""
        where = np.flatnonzero(amount > 0)
        columns = (np.broadcast_to(np.asarray(values), amount.shape)[where] for values in (day, cost))
        days, costs = columns
        kinds = np.full(len(where), FLOW_KINDS.index(kind))
        self.entries.append(Flows(loan=self.at.loan[where], day=days, kind=kinds, amount=amount[where], cost=costs))

    def record_for(self, loan: Ints, kind: str, amount: Ints) -> None:
        """Enter movements of loans that have left the book."""
        day = np.full(len(loan), first_day(np.array([self.month]))[0] + 19)
        kinds = np.full(len(loan), FLOW_KINDS.index(kind))
        self.entries.append(Flows(loan=loan, day=day, kind=kinds, amount=amount, cost=np.full(len(loan), NONE)))

    def of(self, kind: str) -> Flows:
        """Entries of a kind, by loan."""
        flows = self.flows()
        wanted = flows.kind == FLOW_KINDS.index(kind)
        return Flows(**{name: values[wanted] for name, values in vars(flows).items()})

    def flows(self) -> Flows:
        """All entries, by loan."""
        return joined(self.entries)


def joined(entries: Sequence[Flows]) -> Flows:
    """Flows of several entries, by loan, then in the order of the entries."""
    columns = {
        name: np.concatenate([getattr(entry, name) for entry in entries])
        for name in ("loan", "day", "kind", "amount", "cost")
    }
    order = np.argsort(columns["loan"], kind="stable")
    return Flows(**{name: values[order] for name, values in columns.items()})


def settle(at: Places, moves: Moves, ledger: Ledger, lookups: Lookups, rng: np.random.Generator) -> Flags:
    """Move balances as the month's outcomes say, and enter what was paid, recovered or given up.

    Returns:
        places whose loan was repaid in full.
    """
    due = first_day(np.array([ledger.month]))[0] + at.due_day - 1
    paid = _payments(at, moves, ledger.month, lookups, rng)
    cash = np.where(moves.live & ~moves.disposed, np.minimum(paid, at.balance), 0)
    troubled = moves.before >= _NON_PERFORMING
    ledger.record("repayment", np.where(troubled, 0, cash), due)
    ledger.record("recovery", np.where(troubled, cash, 0), due, _cost(cash, lookups))
    at.balance -= cash
    _recover(at, moves, ledger, lookups, rng)
    _use_cards(at, moves, ledger, lookups, rng)
    _agree(at, moves, ledger.month, lookups)
    repaid: Flags = moves.live & ~moves.disposed & (at.balance == 0)
    _dispose(at, moves, ledger, lookups, rng)
    at.behind[:] = np.where(moves.live, moves.after, at.behind)
    at.live &= at.balance > 0
    return repaid


def overdue_principal(at: Places, month: int, lookups: Lookups) -> Ints:
    """Principal that has fallen due and is not paid [cents]."""
    on_plan = owed(at, month - at.plan_start, lookups)
    instalments = np.minimum(at.balance * np.minimum(at.behind, 10) // 10, at.balance)
    overdue = np.where(lookups.is_revolving[at.plan], instalments, np.maximum(at.balance - on_plan, 0))
    return np.where(at.behind > 0, overdue, 0)


def interest_receivable(at: Places, days_past_due: Ints, month: int) -> Ints:
    """Interest accrued since the last paid due date, on the balance at the contract rate [cents]."""
    since_due = last_day(np.array([month]))[0] - first_day(np.array([month]))[0] + 1 - at.due_day
    days = np.where(days_past_due > 0, days_past_due + 30, since_due)
    return at.balance * at.rate // 10_000 * days // 365


def _payments(at: Places, moves: Moves, month: int, lookups: Lookups, rng: np.random.Generator) -> Ints:
    """Principal each borrower pays [cents]; more than the balance means all of it."""
    target = _target(at, moves.after, month, lookups)
    paid = np.maximum(at.balance - target, 0)
    catches_up = (moves.before > 0) & np.isin(moves.outcome, (STAY, BETTER, CURE)) & (moves.after <= moves.before)
    paid = np.where(catches_up, np.maximum(paid, at.balance // _GOOD_WILL), paid)
    paid = np.where(moves.agreed, at.balance // _GOOD_WILL, paid)
    paid = np.where(moves.after > moves.before, 0, paid)
    chance = [lookups.truth.early_repayment[s.family] for s in lookups.truth.segments.values()]
    early = rng.random(len(at)) < np.array(chance)[at.segment]
    return np.where(early & (moves.before == 0) & (moves.after == 0), at.balance, paid)


def _target(at: Places, behind: Ints, month: int, lookups: Lookups) -> Ints:
    """Balance of a borrower that is so far behind; after the last due date something stays open until the cure."""
    elapsed = month - behind - at.plan_start
    last = lookups.plan_months[at.plan] - 1
    return owed(at, np.where(behind > 0, np.minimum(elapsed, last), elapsed), lookups)


def _recover(at: Places, moves: Moves, ledger: Ledger, lookups: Lookups, rng: np.random.Generator) -> None:
    recovery = lookups.truth.recovery
    chance = np.array([recovery["chance"][key] for key in lookups.collaterals])[at.collateral]
    share = rng.uniform(recovery["share"]["low"], recovery["share"]["high"], len(at))
    share *= 0.5 ** (np.maximum(moves.after - _NON_PERFORMING, 0) / recovery["half_life"])
    pays = (moves.after >= _NON_PERFORMING) & moves.live & ~moves.disposed & (rng.random(len(at)) < chance)
    amount = np.where(pays, _part(at.balance, share), 0)
    ledger.record("recovery", amount, first_day(np.array([ledger.month]))[0] + 27, _cost(amount, lookups))
    at.balance -= amount


def _use_cards(at: Places, moves: Moves, ledger: Ledger, lookups: Lookups, rng: np.random.Generator) -> None:
    """Card holders who are not behind draw or repay; their use of the limit wanders."""
    step = _CARD_STEP * rng.standard_normal(len(at))
    current = lookups.is_revolving[at.plan] & moves.live & (moves.before == 0) & (moves.after == 0) & (at.balance > 0)
    limit = np.maximum(at.amount, 1)
    use = np.clip(at.balance / limit + step, _CARD_LOWEST, _CARD_HIGHEST)
    change = np.where(current, _part(limit, use) - at.balance, 0)
    day = first_day(np.array([ledger.month]))[0] + at.due_day - 1
    ledger.record("drawdown", change, day)
    ledger.record("repayment", -change, day)
    at.balance += change


def _agree(at: Places, moves: Moves, month: int, lookups: Lookups) -> None:
    """Give agreed loans their new plan, which starts with the balance as it stands."""
    where = np.flatnonzero(moves.agreed)
    at.plan[where] = lookups.agreed_plan[at.segment[where]]
    at.plan_base[where] = at.balance[where]
    at.plan_start[where] = month
    at.restructured[where] = True
    at.observed_until[where] = NONE
    at.restructured_on[where] = first_day(np.array([month]))[0] + at.due_day[where] - 1


def _dispose(at: Places, moves: Moves, ledger: Ledger, lookups: Lookups, rng: np.random.Generator) -> None:
    terms = lookups.truth.disposal["terms"]
    uniform = rng.random((3, len(at)))
    kind = (uniform[0][:, None] >= lookups.disposal[at.collateral, :-1]).sum(axis=1)
    gone = np.where(moves.disposed, at.balance, 0)
    settles = _between(gone, terms["foreclosure_settles"], uniform[1])
    taken = np.where(kind == DISPOSALS.index("foreclosure"), settles, 0)
    sold = np.where(kind == DISPOSALS.index("sale"), gone, 0)
    backed = at.collateral != lookups.collaterals.index("none")
    price = np.where(
        backed, _between(sold, terms["sale_price"]["secured"], uniform[2]),
        _between(sold, terms["sale_price"]["unsecured"], uniform[2]),
    )  # fmt: skip
    first = first_day(np.array([ledger.month]))[0]
    ledger.record("sale", sold, first + _SALE_DAY, sold - price)
    ledger.record("foreclosure", taken, first + 26, _part(taken, terms["foreclosure_cost"]))
    ledger.record("write_off", gone - sold - taken, first + 27)
    at.balance -= gone


def _between(amount: Ints, bounds: Sequence[float], uniform: Floats) -> Ints:
    return _part(amount, bounds[0] + (bounds[1] - bounds[0]) * uniform)


def _part(amount: Ints, share: Floats | float) -> Ints:
    part: Ints = np.floor(amount * share).astype(np.int64)
    return part


def _cost(amount: Ints, lookups: Lookups) -> Ints:
    return np.where(amount > 0, _part(amount, lookups.truth.recovery["cost"]), NONE)
