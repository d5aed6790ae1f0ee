"""What is added up: loans and balances by state, in one scan of the classified book, for every measure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from types import MappingProxyType

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, did_you_mean, require_columns
from analysis.measures.monthly import Rows, kept_months
from analysis.terms import DIMENSIONS

_OVER_90 = 90  # the days that the name `overdue90` stands for
_FEW = 4  # components up to which one filtered sum each costs less than adding up loans by state first
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
    cells = _kept_cells(states, keys) or (
        _loans_by_state(states, keys, rests) if len(wanted) > _FEW else _loans(states, rests)
    )
    recorded = {thing: _recorded(cells, thing) for thing in rests}
    sums = {name: _known(_sum(cells, name), [recorded[thing] for thing in rests_on(name)]) for name in wanted}
    added = cells.table.group_by(keys).aggregate(
        loans=_number(cells), **sums, **{f"recorded_{thing}": loans for thing, loans in recorded.items()}
    )
    return added.order_by([ibis.asc(key, nulls_first=False) for key in keys])


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


def dimensions(by: Sequence[str], also: Iterable[str] = ()) -> tuple[str, ...]:
    """The dimensions asked for, if they are dimensions.

    Args:
        by: names; one name alone will do.
        also: further names that a measure can be cut by.

    Raises:
        Misuse: if one is unknown or given twice.
    """
    names, known = (by,) if isinstance(by, str) else tuple(by), (*DIMENSIONS, *also)
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise Misuse(f"by must name dimensions out of {', '.join(known)}, was {name!r}{hint}.")
    if len(set(names)) < len(names):
        raise Misuse(f"by must name each dimension once, was {', '.join(names)}; drop the repeated one.")
    return names


def _columns(thing: str) -> tuple[str, ...]:
    return _FLAGS[thing][0] if thing in _FLAGS else (_AMOUNTS[thing],)


def _check(states: ir.Table, keys: Sequence[str], rests: Sequence[str]) -> None:
    columns = {column for thing in rests for column in _columns(thing)}
    require_columns("states", {*keys, *columns}, states.columns)


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """What is added up: single loans, or loans in the same state.

    Attributes:
        table: one row is a loan, or a group's loans in the same state, at a month end.
        flags: by state, whether a row is in it.
        amounts: by name, what to add up.
        loans: how many loans a row stands for, and `recorded` of them have an amount; none if it is one.
    """

    table: ir.Table
    flags: Mapping[str, ir.BooleanColumn]
    amounts: Mapping[str, ir.NumericColumn]
    loans: ir.IntegerColumn | None = None
    recorded: Mapping[str, ir.IntegerColumn] = field(default_factory=dict)


def _loans(states: ir.Table, rests: Sequence[str]) -> _Cells:
    return _Cells(
        table=states,
        flags={thing: _FLAGS[thing][1](states) for thing in rests if thing in _FLAGS},
        amounts={thing: states[column] for thing, column in _AMOUNTS.items() if thing in rests},
    )


def _kept_cells(states: ir.Table, keys: Sequence[str]) -> _Cells | None:
    """Loans by every state there is, so that one kept answer serves all components; None if none can be kept."""
    things = tuple(thing for thing in (*_AMOUNTS, *_FLAGS) if set(_columns(thing)) <= set(states.columns))
    added = kept_months(states, _adding(tuple(keys), things))
    return None if added is None else _cells(added, things)


@cache
def _adding(keys: tuple[str, ...], things: tuple[str, ...]) -> Rows:
    return partial(_added, keys=keys, rests=things)


def _loans_by_state(states: ir.Table, keys: Sequence[str], rests: Sequence[str]) -> _Cells:
    # A few rows per group are left to choose from, which costs less than many filtered sums over all loans.
    return _cells(_added(states, keys, rests), rests)


def _added(states: ir.Table, keys: Sequence[str], rests: Sequence[str]) -> ir.Table:
    """One row is a group's loans in the same state at a month end: how many, and their amounts."""
    loans = _loans(states, rests)
    sums = {thing: amount.sum() for thing, amount in loans.amounts.items()}
    recorded = {f"{thing}_loans": amount.count() for thing, amount in loans.amounts.items()}
    flags = {f"is_{thing}": flag for thing, flag in loans.flags.items()}
    return states.group_by([*keys], **flags).aggregate(loans=states.count(), **sums, **recorded)


def _cells(added: ir.Table, rests: Sequence[str]) -> _Cells:
    amounts = [thing for thing in rests if thing in _AMOUNTS]
    return _Cells(
        table=added,
        flags={thing: added[f"is_{thing}"] for thing in rests if thing in _FLAGS},
        amounts={thing: added[thing] for thing in amounts},
        loans=added.loans,
        recorded={thing: added[f"{thing}_loans"] for thing in amounts},
    )


def _number(cells: _Cells, where: ir.BooleanColumn | None = None) -> ir.IntegerScalar:
    return cells.table.count(where=where) if cells.loans is None else cells.loans.sum(where=where)


def _recorded(cells: _Cells, thing: str) -> ir.IntegerScalar:
    if thing in cells.flags:
        return _number(cells, cells.flags[thing].notnull()).fill_null(0)  # noqa: PD004  (Ibis)
    return cells.recorded[thing].sum() if cells.recorded else cells.amounts[thing].count()


def _sum(cells: _Cells, name: str) -> ir.NumericScalar:
    flag, _, unit = name.rpartition("_")
    where = cells.flags[flag] if flag else None
    return _number(cells, where) if unit == "loans" else cells.amounts[unit].sum(where=where)


def _known(total: ir.NumericScalar, recorded: Sequence[ir.IntegerScalar]) -> ir.NumericScalar:
    # A filtered sum over no rows is null in SQL although it is a true 0 where the states are recorded.
    is_recorded = ibis.and_(*(loans > 0 for loans in recorded))
    return ibis.ifelse(is_recorded, total.fill_null(0), ibis.null(total.type()))
