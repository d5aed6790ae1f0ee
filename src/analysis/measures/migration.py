"""Where do loans go from one month end to the next? From state to state, in from outside, and out for good."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache, partial
from types import MappingProxyType

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.classify.arrears import bucket
from analysis.errors import Misuse, require_columns, require_known
from analysis.measures.components import dimensions, exact_rows
from analysis.measures.endings import EXITS, LEFT, endings, exit_state
from analysis.measures.monthly import Rows, kept_months, kept_steps
from analysis.measures.periods import flows_within, month_ends
from analysis.terms import DIMENSIONS, FIVE_CLASSES

ENTERED, NOT_RECORDED = "entered", "not_recorded"
BUCKETS = ("M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7+")
# A kind of state: its names in order, the columns it is read from, and the state now and a month before.
Kind = tuple[tuple[str, ...], tuple[str, str], Callable[[ir.Column], ir.Column]]
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "five_class": (tuple(FIVE_CLASSES), ("five_class", "prior_five_class"), lambda column: column),
        "bucket": (BUCKETS, ("days_past_due", "prior_days_past_due"), lambda column: bucket(column)),  # noqa: PLW0108
    }
)
_AT_ONCE = 12
# What a loan is known by after it has left.
_OF_LEAVERS = (
    "loan_id", "principal_balance", "prior_as_of", *(name for _, columns, _ in KINDS.values() for name in columns),
    *DIMENSIONS,
)  # fmt: skip
ADDED = ("loans", "opening_balance", "closing_balance")
Months = tuple[date, date]


def migration(
    states: ir.Table,
    flows: ir.Table | None = None,
    *,
    by: Sequence[str] = (),
    state: str = "five_class",
    as_of: date | None = None,
) -> pd.DataFrame:
    """Loans and balances by the state they were in a month before and the one they are in now.

    A loan that stays or enters belongs to the group it is in at the later month end, one that leaves to
    the group it was in at the earlier one. Loans without a state are in the state "not_recorded".

    Args:
        states: one row is a loan at a month end, classified, with its state a month before; the earlier
            month end must be among them.
        flows: one row is a dated money movement of a loan. Without them every exit is "left".
        by: dimensions; none gives the whole book.
        state: "five_class" or "bucket" (of days past due).
        as_of: the later month end; every month of the table but its first if not given.

    Returns:
        one row per `as_of`, group, `from_state` and `to_state` that some loan moved between, in the order
        of the states: `loans` [count], `opening_balance` and `closing_balance` [currency; exact; None where
        not recorded]. Loans that were not there before come from "entered", with an opening balance of 0;
        loans that are no longer there go to one of `EXITS`, with a closing balance of 0. Over all rows
        opening balances add up to the stock a month before, closing balances to the stock now.

    Raises:
        Misuse: if a dimension or the state is unknown, or `as_of` has no month end before it.
        MissingColumns: if a table lacks a column.
    """
    groups, dates = dimensions(by), _month_ends(states, as_of)
    later = states.filter(states.as_of.isin(dates[1:]))
    parts = [moves(later, by=groups, state=state)]
    parts += [_exit_cells(ended, groups, state) for ended in _all_ended(states, flows, dates)]
    return _rows(parts, groups)


def migration_over(
    states: ir.Table,
    flows: ir.Table | None = None,
    *,
    between: Months,
    by: Sequence[str] = (),
    state: str = "five_class",
) -> pd.DataFrame:
    """The same between two month ends that are further apart; moves there and back meanwhile are not seen.

    Args:
        states: one row is a loan at a month end, classified.
        flows: as for `migration`.
        between: the earlier and the later month end.
        by: dimensions; none gives the whole book.
        state: as for `migration`.

    Returns:
        rows as `migration` gives them.

    Raises:
        Misuse: if a dimension, the state or a month end is unknown, or the months are not in order.
        MissingColumns: if a table lacks a column.
    """
    opening, as_of = between
    days = month_end_list(states)
    if opening not in days or as_of not in days or opening >= as_of:
        raise Misuse(
            f"between must be two of the {len(days)} month ends from {days[0]} to {days[-1]}, the earlier first, "
            f"was {opening} and {as_of}."
            if days
            else f"between must be two month ends of the states, which are none, was {opening} and {as_of}."
        )
    groups = dimensions(by)
    parts = [
        moves(_paired(states, between, state), by=groups, state=state),
        exits(states, flows, dates=between, by=groups, state=state),
    ]
    return _rows(parts, groups)


def moves(states: ir.Table, *, by: Sequence[str], state: str) -> ir.Table:
    """Loans that are there now, by where they were a month before: one scan, without window or join.

    Args:
        states: one row is a loan at a month end, classified, with its state a month before. In a book's
            first month every loan has entered.
        by: dimensions; none gives the whole book.
        state: as for `migration`.

    Returns:
        rows as `migration` gives them, without exits and in no order.

    Raises:
        Misuse: if a dimension or the state is unknown.
        MissingColumns: if the table lacks a column.
    """
    groups, (_, (column, prior), _) = dimensions(by), kind_of(state)
    needed = {"as_of", *groups, column, prior, "prior_as_of", "prior_balance", "principal_balance"}
    require_columns("states", needed, states.columns)
    rows = _moves_of(groups, state)
    kept = kept_months(states, rows)
    return rows(states) if kept is None else kept


def exits(
    states: ir.Table, flows: ir.Table | None, *, dates: Sequence[date], by: Sequence[str], state: str
) -> ir.Table:
    """Loans that were there at one month end and are not at another: an anti-join of these two months only.

    What happened last ended a loan, see `endings`. If that is cash, it is repaid where cash and disposals of the
    period cover what it owed at the earlier month end. A loan that only drops out of the tape is "left".

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan; None gives "left" throughout.
        dates: month ends, ascending; each is set against the one before it.
        by: dimensions, at the earlier month end; none gives the whole book.
        state: as for `migration`.

    Returns:
        rows as `migration` gives them, exits only and in no order.

    Raises:
        Misuse: if a dimension or the state is unknown.
        MissingColumns: if a table lacks a column.
    """
    groups, (_, (column, _), _) = dimensions(by), kind_of(state)
    require_columns("states", {"as_of", "loan_id", "principal_balance", column, *groups}, states.columns)
    return _exit_cells(ended_loans(states, flows, dates=dates), groups, state)


def ended_loans(states: ir.Table, flows: ir.Table | None, *, dates: Sequence[date]) -> ir.Table:
    """Loans that were there at one month end and are not at the next one of the dates.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan; None gives "left" throughout.
        dates: month ends, ascending; each is set against the one before it.

    Returns:
        one row is a loan that has left: `as_of` (the month end that lacks it), `to_state` (of `EXITS`), and of the
        earlier month end its balance, its states then and a month before, and its dimensions.
    """
    kept = _kept_leavers(states, flows, dates)
    if kept is not None:
        return _with_end(kept, flows)
    return _with_end(_leavers(states.filter(states.as_of.isin(dates)), flows, month_ends(dates)), flows)


def month_end_list(states: ir.Table) -> tuple[date, ...]:
    """Month ends of which there are states, ascending.

    Raises:
        MissingColumns: if the table lacks its date.
    """
    require_columns("states", {"as_of"}, states.columns)
    kept = kept_months(states, _days)
    days = (_days(states) if kept is None else kept).to_pyarrow()["as_of"].to_pylist()
    return tuple(sorted(days))


def state_order() -> tuple[str, ...]:
    """Every state in the order of reports: entering loans first, those without a state last."""
    return (ENTERED, *FIVE_CLASSES, *BUCKETS, *EXITS, NOT_RECORDED)


def in_order(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Moves ordered by their keys, then by their states: entering loans first, those without a state last.

    Args:
        rows: one row is a move.
        keys: columns to order by.
    """
    places = {name: place for place, name in enumerate(state_order())}
    ranked = rows.assign(_from=rows["from_state"].map(places), _to=rows["to_state"].map(places))
    ordered = ranked.sort_values([*keys, "_from", "_to"], na_position="last", kind="stable", ignore_index=True)
    return ordered.drop(columns=["_from", "_to"])


def kind_of(state: str) -> Kind:
    """A kind of state by its code.

    Raises:
        Misuse: if there is none.
    """
    require_known("state", state, KINDS)
    return KINDS[state]


def _days(states: ir.Table) -> ir.Table:
    return states.select("as_of").distinct()


def _all_ended(states: ir.Table, flows: ir.Table | None, dates: Sequence[date]) -> list[ir.Table]:
    kept = _kept_leavers(states, flows, dates)
    if kept is not None:
        return [_with_end(kept, flows)]
    # A year at a time: few queries, and none that holds the loans of a long history at once.
    years = [dates[first : first + _AT_ONCE + 1] for first in range(0, len(dates) - 1, _AT_ONCE)]
    return [ended_loans(states, flows, dates=year) for year in years]


def _month_ends(states: ir.Table, as_of: date | None) -> tuple[date, ...]:
    days = month_end_list(states)
    if as_of is None:
        return days
    if as_of not in days[1:]:
        known = f"one of the month ends from {days[1]} to {days[-1]}" if days[1:] else "a month end after another"
        raise Misuse(f"as_of must be {known}, was {as_of}; a migration needs the month end before it.")
    return days[days.index(as_of) - 1 :][:2]


def _paired(states: ir.Table, between: Months, state: str) -> ir.Table:
    _, (column, prior), _ = kind_of(state)
    require_columns("states", {"as_of", "loan_id", "principal_balance", column}, states.columns)
    opening, later = (states.filter(states.as_of == ibis.literal(day)) for day in between)
    kept = later.drop([name for name in states.columns if name.startswith("prior_")])
    earlier = {"prior_as_of": "as_of", "prior_balance": "principal_balance", prior: column}
    joined = kept.left_join(opening.select("loan_id", **earlier), "loan_id")
    return joined.drop("loan_id_right")


@cache
def _moves_of(groups: tuple[str, ...], state: str) -> Rows:
    return partial(_moves, groups=groups, state=state)


def _moves(states: ir.Table, groups: Sequence[str], state: str) -> ir.Table:
    _, (column, prior), state_of = kind_of(state)
    entered = states.prior_as_of.isnull()  # noqa: PD003  (Ibis)
    before = ibis.coalesce(state_of(states[prior]), NOT_RECORDED)
    cells = states.group_by(
        ["as_of", *groups],
        from_state=ibis.ifelse(entered, ENTERED, before),
        to_state=ibis.coalesce(state_of(states[column]), NOT_RECORDED),
    ).aggregate(
        loans=states.count(),
        opening_balance=states.prior_balance.sum(),
        closing_balance=states.principal_balance.sum(),
    )
    nothing = _nothing(cells.closing_balance)
    opening = ibis.ifelse(cells.from_state == ENTERED, nothing, cells.opening_balance)
    return cells.mutate(opening_balance=opening.cast(cells.closing_balance.type()))


def _kept_leavers(states: ir.Table, flows: ir.Table | None, dates: Sequence[date]) -> ir.Table | None:
    # Kept loan by loan: they are few, and one kept answer serves every grouping and every kind of state.
    return kept_steps(states, flows, dates, _leavers)


def _leavers(states: ir.Table, flows: ir.Table | None, steps: ir.Table) -> ir.Table:
    """One row is a loan that was there at the opening of a step and is not at its end, with what ended it."""
    require_columns("states", {"as_of", "loan_id", "principal_balance"}, states.columns)
    columns = [name for name in _OF_LEAVERS if name in states.columns]
    was = states.inner_join(steps, states.as_of == steps.opening).select(*columns, step=steps.as_of)
    now = states.inner_join(steps, states.as_of == steps.as_of).select("loan_id", step=steps.as_of)
    gone = was.anti_join(now, ["loan_id", "step"])
    gone = gone.mutate(step=gone.step)  # a step of its own, or it would be worked out once for each use
    if flows is None:
        return gone
    dated = flows_within(flows, steps)
    moved = dated.select("loan_id", "date", "kind", "amount", "as_of", step=dated.as_of)
    ended = endings(moved.semi_join(gone, ["loan_id", "step"])).rename(step="as_of")
    return gone.left_join(ended, ["loan_id", "step"]).drop("loan_id_right", "step_right")


def _with_end(gone: ir.Table, flows: ir.Table | None) -> ir.Table:
    dated = gone.rename(as_of="step")
    if flows is None:
        return dated.mutate(to_state=ibis.literal(LEFT))
    return dated.mutate(to_state=exit_state(dated))


def _exit_cells(ended: ir.Table, groups: Sequence[str], state: str) -> ir.Table:
    _, (column, _), state_of = kind_of(state)
    named = ended.mutate(from_state=ibis.coalesce(state_of(ended[column]), NOT_RECORDED))
    cells = named.group_by(["as_of", *groups, "from_state", "to_state"]).aggregate(
        loans=named.count(), opening_balance=named.principal_balance.sum()
    )
    return cells.mutate(closing_balance=_nothing(cells.opening_balance))


def _nothing(balance: ir.Column) -> ir.Value:
    # A loan that is not there owes nothing, unless nobody records what loans owe.
    return ibis.ifelse(balance.isnull(), ibis.null(balance.type()), ibis.literal(0).cast(balance.type()))  # noqa: PD003


def _rows(parts: Sequence[ir.Table], groups: Sequence[str]) -> pd.DataFrame:
    keys = ["as_of", *groups, "from_state", "to_state"]
    frames = [exact_rows(part.select(*keys, *ADDED), keys) for part in parts]
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    rows = pd.concat(filled, ignore_index=True)
    return in_order(rows.assign(loans=rows["loans"].astype("int64")), ["as_of", *groups])
