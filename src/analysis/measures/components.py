"""What is added up: loans and balances by state, in one scan of the classified book, for every measure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import MissingColumns, Misuse, did_you_mean
from analysis.terms import DIMENSIONS

_OVER_90 = 90  # the days that the name `overdue90` stands for
Flag = tuple[tuple[str, ...], Callable[[ir.Table], ir.BooleanColumn]]

# A state of a loan: the columns it is read from, and the test. Null where the column is null.
_STATES: Mapping[str, Flag] = MappingProxyType(
    {
        "npl": (("is_npl",), lambda s: s.is_npl),
        "special_mention": (("five_class",), lambda s: s.five_class == "special_mention"),
        "overdue": (("days_past_due",), lambda s: s.days_past_due > 0),
        "overdue90": (("days_past_due",), lambda s: s.days_past_due > _OVER_90),
        "restructured": (("is_restructured",), lambda s: s.is_restructured),
        "observed": (("is_restructured", "in_observation"), lambda s: s.is_restructured & s.in_observation),
    }
)
# A change of state in a month; a loan that was not there before has entered, it has not gone bad here.
_CHANGES: Mapping[str, Flag] = MappingProxyType(
    {
        "inflow": (
            ("is_npl", "prior_is_npl"),
            lambda s: s.is_npl & ~ibis.coalesce(s.prior_is_npl, True),
        ),
        "entered": (("is_npl", "prior_as_of"), lambda s: s.is_npl & s.prior_as_of.isnull()),  # noqa: PD003  (Ibis)
    }
)
_FLAGS: Mapping[str, Flag] = {**_STATES, **_CHANGES}
_AMOUNTS = MappingProxyType({"balance": "principal_balance", "allowance": "allowance"})
COMPONENTS = (
    "loans", "balance", "allowance",
    *(f"{flag}_{unit}" for flag in _FLAGS for unit in ("loans", "balance")),
)  # fmt: skip
STOCK = (*COMPONENTS[:3], *(f"{flag}_{unit}" for flag in _STATES for unit in ("loans", "balance")))


def components(states: ir.Table, by: Sequence[str], names: Iterable[str]) -> ir.Table:
    """Sums that measures are made of, in one scan without a join.

    Args:
        states: one row is a loan at a month end, classified.
        by: dimensions; none gives the whole book.
        names: out of `COMPONENTS`.

    Returns:
        one row per `as_of` and group, ordered: `as_of`, the dimensions, `loans`, the components asked
        for, and for each thing they rest on `recorded_<thing>`, the loans for which it is recorded.
        A component that rests on something recorded for no loan is null, not 0.

    Raises:
        Misuse: if a dimension is unknown or given twice.
        MissingColumns: if the table lacks a column.
    """
    wanted = [name for name in dict.fromkeys(names) if name != "loans"]
    rests = list(dict.fromkeys(thing for name in wanted for thing in rests_on(name)))
    keys = ["as_of", *dimensions(by)]
    _check(states, keys, rests)
    cells = _cells(states, keys, rests)
    recorded = {f"recorded_{thing}": _recorded(cells, thing) for thing in rests}
    sums = {name: _sum(cells, name) for name in wanted}
    added = cells.group_by(keys).aggregate(loans=cells.loans.sum(), **sums, **recorded)
    known = added.mutate(**{name: _known(added, name) for name in wanted})
    return known.order_by([ibis.asc(key, nulls_first=False) for key in keys])


def component_rows(states: ir.Table, by: Sequence[str], names: Iterable[str]) -> pd.DataFrame:
    """Components as a small frame: exact `Decimal` and `int` values, None where not recorded.

    Args:
        states: one row is a loan at a month end, classified.
        by: dimensions; none gives the whole book.
        names: out of `COMPONENTS`.

    Returns:
        one row per `as_of` and group, ascending; groups without a name come last.
    """
    return exact_rows(components(states, by, names), ["as_of", *dimensions(by)])


def exact_rows(table: ir.Table, keys: Sequence[str]) -> pd.DataFrame:
    """Rows of a small table, ordered by their keys, without a detour of money through floats.

    Args:
        table: with `as_of` and the other keys among its columns.
        keys: columns to order by.
    """
    arrow = table.to_pyarrow()
    rows = pd.DataFrame(
        {
            name: arrow[name].to_pandas(integer_object_nulls=True)
            if name in keys
            else pd.Series(arrow[name].to_pylist(), dtype=object)
            for name in arrow.column_names
        }
    )
    rows["as_of"] = pd.to_datetime(rows["as_of"]).astype("datetime64[s]")
    # Engines collate text differently, so the order is settled here.
    return rows.sort_values(list(keys), na_position="last", kind="stable", ignore_index=True)


def rests_on(name: str) -> tuple[str, ...]:
    """What has to be recorded for a component to be known: an amount, a state, or both.

    Args:
        name: out of `COMPONENTS`.
    """
    flag, _, unit = name.rpartition("_")
    amount = (unit,) if unit in _AMOUNTS else ()
    return (*amount, flag) if flag else amount


def dimensions(by: Sequence[str]) -> tuple[str, ...]:
    """The dimensions asked for, if they are dimensions.

    Args:
        by: names; one name alone will do.

    Raises:
        Misuse: if one is unknown or given twice.
    """
    names = (by,) if isinstance(by, str) else tuple(by)
    for name in names:
        if name not in DIMENSIONS:
            hint = did_you_mean(name, DIMENSIONS)
            raise Misuse(f"by must name dimensions out of {', '.join(DIMENSIONS)}, was {name!r}{hint}.")
    if len(set(names)) < len(names):
        raise Misuse(f"by must name each dimension once, was {', '.join(names)}; drop the repeated one.")
    return names


def _check(states: ir.Table, keys: Sequence[str], rests: Sequence[str]) -> None:
    columns = {column for thing in rests for column in (_FLAGS[thing][0] if thing in _FLAGS else (_AMOUNTS[thing],))}
    if missing := {*keys, *columns} - set(states.columns):
        raise MissingColumns("states", missing, states.columns)


def _cells(states: ir.Table, keys: Sequence[str], rests: Sequence[str]) -> ir.Table:
    # Loans in the same state are added up first: a few rows per group are left to choose from, which
    # costs less than one filtered sum per component over all loans.
    flags = {f"is_{thing}_loan": _FLAGS[thing][1](states) for thing in rests if thing in _FLAGS}
    amounts = {thing: states[column] for thing, column in _AMOUNTS.items() if thing in rests}
    sums = {thing: amount.sum() for thing, amount in amounts.items()}
    recorded = {f"{thing}_loans": amount.count() for thing, amount in amounts.items()}
    return states.group_by([*keys], **flags).aggregate(loans=states.count(), **sums, **recorded)


def _recorded(cells: ir.Table, thing: str) -> ir.Scalar:
    if thing in _AMOUNTS:
        return cells[f"{thing}_loans"].sum()
    return cells.loans.sum(where=cells[f"is_{thing}_loan"].notnull()).fill_null(0)  # noqa: PD004  (Ibis)


def _sum(cells: ir.Table, name: str) -> ir.Scalar:
    flag, _, unit = name.rpartition("_")
    return cells[unit].sum(where=cells[f"is_{flag}_loan"]) if flag else cells[unit].sum()


def _known(added: ir.Table, name: str) -> ir.Value:
    # A filtered sum over no rows is null in SQL although it is a true 0 where the states are recorded.
    is_recorded = ibis.and_(*(added[f"recorded_{thing}"] > 0 for thing in rests_on(name)))
    return ibis.ifelse(is_recorded, added[name].fill_null(0), ibis.null(added[name].type()))
