"""Where did loans come from before they were where they were? Three month ends in a row, for tests of memory."""

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import require_columns
from analysis.measures.components import dimensions, exact_rows
from analysis.measures.endings import EXITS, LEFT, endings, exit_state
from analysis.measures.migration import ENTERED, NOT_RECORDED, kind_of, month_end_list, state_order
from analysis.measures.periods import dated_flows, month_ends

Counts = NDArray[np.int64]
_STATES = ("before_state", "from_state", "to_state")


def state_triples(
    states: ir.Table, flows: ir.Table | None = None, *, by: Sequence[str] = (), state: str = "five_class"
) -> pd.DataFrame:
    """Loans by their states at three month ends in a row.

    A loan belongs to the group it was in at the middle one. Nobody comes back from an exit: a loan that is missing
    from a month's tape has left, and enters anew when it comes back.

    Args:
        states: one row is a loan at a month end, classified, with its state a month before; every month.
        flows: one row is a dated money movement of a loan. Without them every exit is "left".
        by: dimensions; none gives the whole book.
        state: "five_class" or "bucket" (of days past due).

    Returns:
        one row per `as_of` (the last of the three), group, `before_state`, `from_state` and `to_state` that some
        loan went through, in order: `loans` [count]. Loans that were not there at the first of the three come
        from "entered"; loans that are not there at the last have gone to one of `EXITS`. Without what was before,
        rows add up to those of `migration`, but for loans that enter at the last month end and the book's first month.

    Raises:
        Misuse: if a dimension or the state is unknown.
        MissingColumns: if a table lacks a column.
    """
    groups, (_, (column, prior), _) = dimensions(by), kind_of(state)
    needed = {"as_of", "loan_id", "principal_balance", column, prior, "prior_as_of", *groups}
    require_columns("states", needed, states.columns)
    # In the first month nobody knows what was before.
    dates = month_end_list(states)[1:]
    keys = ["as_of", *groups, *_STATES]
    paths = _paths(states, flows, dates, state)
    rows = exact_rows(paths.group_by(keys).aggregate(loans=paths.count()), keys)
    return _in_order(rows.assign(loans=rows["loans"].astype("int64")), ["as_of", *groups])


def triple_table(triples: pd.DataFrame, *, state: str = "five_class") -> Counts:
    """Loans by three states in a row, as tests read them; months and groups are added up.

    Args:
        triples: one row is a path, as `state_triples` gives it.
        state: the kind of state they are of.

    Returns:
        array [before, now, next] [loans]: states in order, then `EXITS`. Paths that begin with an entry or run
        through a state that is not recorded are left out.

    Raises:
        Misuse: if the state is unknown.
    """
    names, _, _ = kind_of(state)
    places = {name: place for place, name in enumerate((*names, *EXITS))}
    known = triples[np.logical_and.reduce([triples[name].isin(list(places)) for name in _STATES])]
    table = np.zeros((len(places),) * 3, dtype=np.int64)
    where = tuple(known[name].map(places).to_numpy(dtype=int) for name in _STATES)
    np.add.at(table, where, known["loans"].to_numpy(dtype=np.int64))
    return table


def _paths(states: ir.Table, flows: ir.Table | None, dates: Sequence[date], state: str) -> ir.Table:
    """One row is a loan at the middle of three month ends, with its columns there and the states at all three."""
    _, (column, prior), state_of = kind_of(state)
    steps = month_ends(dates)
    # The days are also given as a list, so that months outside the periods are not even read.
    middle = states.filter(states.as_of.isin(dates[:-1])).rename(seen="as_of")
    there = middle.inner_join(steps, middle.seen == steps.opening)
    later = states.filter(states.as_of.isin(dates[1:])).select("loan_id", "as_of", next_state=state_of(states[column]))
    later = later.mutate(is_there=ibis.literal(value=True), next_state=ibis.coalesce(later.next_state, NOT_RECORDED))
    joined = there.left_join(later, ["loan_id", "as_of"]).drop("loan_id_right", "as_of_right")
    if flows is None:
        ended = joined.mutate(went=ibis.literal(LEFT))
    else:
        gone = joined.left_join(endings(dated_flows(flows, dates)), ["loan_id", "as_of"])
        ended = gone.mutate(went=exit_state(gone))
    before = ibis.coalesce(state_of(ended[prior]), NOT_RECORDED)
    return ended.mutate(
        before_state=ibis.ifelse(ended.prior_as_of.isnull(), ENTERED, before),  # noqa: PD003  (Ibis)
        from_state=ibis.coalesce(state_of(ended[column]), NOT_RECORDED),
        to_state=ibis.ifelse(ended.is_there, ended.next_state, ended.went),
    )


def _in_order(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    order = {name: place for place, name in enumerate(state_order())}
    ranks = {f"_{name}": rows[name].map(order) for name in _STATES}
    ordered = rows.assign(**ranks).sort_values([*keys, *ranks], na_position="last", kind="stable", ignore_index=True)
    return ordered.drop(columns=list(ranks))
