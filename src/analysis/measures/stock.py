"""How good is the book at each month end? Ratios and amounts, by any combination of dimensions."""

import math
from collections.abc import Sequence

import ibis.expr.types as ir
import pandas as pd

from analysis.measures.catalog import FORMATION, Measure, Parts, measure_named
from analysis.measures.components import STOCK, component_rows, components, dimensions, rests_on
from analysis.measures.exact import Exact, quotients
from analysis.measures.formation import formation, formation_measured
from analysis.measures.intervals import counted_bounds
from analysis.rules.loader import load_rules

SMALL_SEGMENT = "HOUSE-SMALL-SEGMENT"


def stock(states: ir.Table, by: Sequence[str] = ()) -> ir.Table:
    """Every additive component of the stock measures, in one scan.

    Args:
        states: one row is a loan at a month end, classified.
        by: dimensions; none gives the whole book.

    Returns:
        one row per `as_of` and group: `loans`, `balance`, `allowance` [currency]; `<state>_loans` and
        `<state>_balance` for npl, special_mention, overdue (from 1 day), overdue90 (over 90 days),
        restructured, observed (restructured and in observation); `recorded_<thing>` [loans], for how
        many loans an amount or a state is recorded. What nobody recorded is null, never 0.

    Raises:
        Misuse: if a dimension is unknown or given twice.
        MissingColumns: if the table lacks a column.
    """
    return components(states, by, STOCK)


def measured(
    states: ir.Table, name: str, *, by: Sequence[str] = (), basis: str = "balance", flows: ir.Table | None = None
) -> pd.DataFrame:
    """A measure of a book at each of its month ends.

    Args:
        states: one row is a loan at a month end, classified.
        name: a measure of `catalog.MEASURES`.
        by: dimensions; none gives the whole book.
        basis: "balance" or "count"; a measure that has one basis only is measured on that one.
        flows: one row is a dated money movement of a loan; only net formation needs it.

    Returns:
        one row per `as_of` and group, ascending: `as_of`, the dimensions,
            `value` [share, currency or loans; NaN if unknown],
            `numerator`, `denominator` [exact: Decimal or int; None if unknown or not there],
            `loans` [loans of the group],
            `lower`, `upper` [share; 95 % Wilson interval of a share of loans by count, else NaN],
            `note`: why not to read the value, or "": "not_recorded", "no_denominator", "too_small" (fewer
            loans than the house rule asks for), "partly_recorded" (recorded for some loans
            only), and for formation "no_prior" and "missing_flows".
        The value is numerator ÷ denominator; formation is annualised on top.

    Raises:
        Misuse: if the measure, a dimension or the basis is unknown.
        MissingColumns: if the table lacks a column.
    """
    measure, groups = measure_named(name), dimensions(by)
    kind = measure.on(basis)
    least = small_segment_loans() if measure.unit == "share" else 0
    if name in FORMATION:
        flowed = formation(states, flows, by=groups, basis=kind)
        return formation_measured(flowed, name, by=groups, least=least)
    parts = measure.parts[kind]
    sums = component_rows(states, groups, [part for part in parts if part])
    rows = sums[["as_of", *groups]].assign(
        value=_values(sums, parts),
        numerator=sums[parts[0]],
        denominator=sums[parts[1]] if parts[1] else None,
        loans=sums["loans"].astype("int64"),
        note=pd.Series(_notes(sums, parts, least), index=sums.index, dtype="str"),
    )
    return _with_intervals(rows, measure, kind)


def small_segment_loans() -> int:
    """Fewest loans of a group that a ratio may be read for, by house rule [loans]."""
    return int(load_rules("house").rule(SMALL_SEGMENT).value)


def _values(sums: pd.DataFrame, parts: Parts) -> list[float]:
    if parts[1] is None:
        return [math.nan if part is None else float(part) for part in sums[parts[0]]]
    return quotients(sums[parts[0]], sums[parts[1]])


def _notes(sums: pd.DataFrame, parts: Parts, least: int) -> list[str]:
    things = {thing for part in parts if part for thing in rests_on(part)}
    recorded = sums[[f"recorded_{thing}" for thing in sorted(things)]].min(axis=1) if things else sums["loans"]
    denominators = sums[parts[1]] if parts[1] else sums["loans"]
    rows = zip(sums["loans"], recorded, denominators, strict=True)
    return [_note(int(loans), int(known), denominator, least) for loans, known, denominator in rows]


def _note(loans: int, known: int, denominator: Exact, least: int) -> str:
    if known == 0:
        return "not_recorded"
    if denominator == 0:
        return "no_denominator"
    if loans < least:
        return "too_small"
    return "partly_recorded" if known < loans else ""


def _with_intervals(rows: pd.DataFrame, measure: Measure, kind: str) -> pd.DataFrame:
    is_counted = rows["value"].notna().to_numpy(dtype=bool) & (measure.is_part_of_whole and kind == "count")
    lower, upper = counted_bounds(rows["numerator"], rows["denominator"], is_counted)
    bounded = rows.assign(lower=lower, upper=upper)
    return bounded[[column for column in bounded.columns if column != "note"] + ["note"]]
