"""How fast do loans go bad? Gross and net formation of non-performing loans over a period."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse
from analysis.measures.catalog import require_basis
from analysis.measures.components import component_rows, dimensions, exact_rows
from analysis.measures.exact import Exact, exact_sum
from analysis.measures.monthly import kept_steps
from analysis.measures.periods import flows_within, month_end_before, month_ends
from analysis.terms import DIMENSIONS, DISPOSALS, Text

QUARTER = 3
_YEAR = 12
CONVENTIONS: Mapping[str, Text] = {
    "gross": Text(
        "毛额：各月由非不良转为不良之和÷期初非不良，年化；首次出现即为不良的另列",
        "gross: performing at the previous month end and non-performing now, summed over the period ÷ performing at "
        "its beginning, annualised; loans first seen as NPL apart",
    ),
    "net": Text(
        "净额：（期末不良−期初不良+核销、转让、以物抵债、债转股、减免）÷期初各项贷款，年化",
        "net: (closing − opening NPL + written off, sold, foreclosed, swapped for equity, forgiven) ÷ opening loans, "
        "annualised",
    ),
}
_AMOUNTS = ("opening", "opening_performing", "opening_npl", "inflow", "entered", "disposals", "closing_npl")
Key = tuple[object, ...]
Sums = Mapping[tuple[date, Key], Mapping[str, Exact]]


@dataclass(frozen=True, kw_only=True)
class _Period:
    """The months from one month end to another; `opening` is None if the book does not hold it."""

    as_of: date
    opening: date | None
    months: tuple[date, ...]


def formation(
    states: ir.Table,
    flows: ir.Table | None = None,
    *,
    by: Sequence[str] = (),
    basis: str = "balance",
    months: int = QUARTER,
) -> pd.DataFrame:
    """Formation of non-performing loans in the months up to each month end.

    Gross is the sum of monthly inflows, so a loan that went bad, recovered and went bad again counts
    twice. Net understates gross by cures and cash recoveries; by segment it also holds transfers.

    Args:
        states: one row is a loan at a month end, classified, with its state a month before.
        flows: one row is a dated money movement of a loan. Write-offs always count as disposals, other
            kinds where the loan was non-performing at the month end before.
        by: dimensions; none gives the whole book. A disposal belongs to the loan's group a month before.
        basis: "balance" or "count"; net is by balance only.
        months: length of the period [months, 1 to 12].

    Returns:
        one row per `as_of` and group, ascending: `as_of`, the dimensions, then [currency or loans; exact;
        None if unknown] `opening` (all loans at the beginning), `opening_performing`, `opening_npl`,
        `inflow` (performing a month before), `entered` (first seen as NPL), `disposals`, `closing_npl`;
        `gross`, `net` [share per year; NaN if unknown], `loans` [loans at the month end],
        `gross_note`, `net_note` ("", "no_prior": the book does not reach back that far, "no_denominator",
        "not_recorded", "missing_flows"), and `convention` (code: "gross,net" of `CONVENTIONS`).

    Raises:
        Misuse: if a dimension or the basis is unknown or the period is not 1 to 12 months.
        MissingColumns: if a table lacks a column.
    """
    require_basis(basis)
    if not 1 <= months <= _YEAR:
        raise Misuse(f"months must be 1 to {_YEAR}, was {months!r}; a quarter is 3.")
    groups, unit = dimensions(by), "balance" if basis == "balance" else "loans"
    sums = component_rows(states, groups, [*_wanted(unit)])
    dates = tuple(sorted({day.date() for day in sums["as_of"]}))
    stocks = _indexed(sums, groups)
    gone = None if flows is None or unit == "loans" else _indexed(_disposals(states, flows, groups, dates), groups)
    periods = [_period(day, dates, months) for day in dates]
    rows = [
        {"as_of": one.as_of, **dict(zip(groups, key, strict=True)), **_row(one, key, (stocks, gone), unit)}
        for one in periods
        for key in _keys(one, stocks, gone)
    ]
    # Left to pandas, counts beside unknown ones would become floats.
    types: dict[str, Any] = {name: sums[name].dtype for name in ("as_of", *groups)}
    types |= dict.fromkeys(_AMOUNTS, object) | {"loans": "int64"}
    formed = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=types[name]) for name in types})
    ordered = formed.sort_values(["as_of", *groups], na_position="last", kind="stable", ignore_index=True)
    return _annualised(ordered, months).assign(convention="gross,net")


def formation_measured(formed: pd.DataFrame, name: str, *, by: Sequence[str], least: int) -> pd.DataFrame:
    """One of the two rates of `formation` as rows of a measure.

    Args:
        formed: one row is a group at a month end, as `formation` gives it.
        name: "npl_formation_gross" or "npl_formation_net".
        by: its dimensions.
        least: fewest loans a rate may be read for [loans].

    Returns:
        one row per `as_of` and group, as `stock.measured` gives it.
    """
    kind = name.rsplit("_", 1)[1]
    numerators = formed["inflow"] if kind == "gross" else _net_formed(formed)
    small = (formed["loans"] < least) & (formed[f"{kind}_note"] == "")
    return formed[["as_of", *by]].assign(
        value=formed[kind],
        numerator=numerators,
        denominator=formed["opening_performing"] if kind == "gross" else formed["opening"],
        loans=formed["loans"],
        lower=math.nan,
        upper=math.nan,
        note=formed[f"{kind}_note"].mask(small, "too_small").astype("str"),
    )


def _wanted(unit: str) -> tuple[str, ...]:
    return (_whole(unit), f"npl_{unit}", f"inflow_{unit}", f"entered_{unit}")


def _whole(unit: str) -> str:
    return "balance" if unit == "balance" else "loans"


def _indexed(sums: pd.DataFrame, groups: Sequence[str]) -> Sums:
    # A missing name is None in every table, so that a group without one is the same group throughout.
    return {
        (row["as_of"].date(), tuple(None if pd.isna(row[name]) else row[name] for name in groups)): {
            str(name): value for name, value in row.items()
        }
        for row in sums.to_dict("records")
    }


def _period(as_of: date, dates: Sequence[date], months: int) -> _Period:
    opening = month_end_before(as_of, months)
    return _Period(
        as_of=as_of,
        opening=opening if opening in dates else None,
        months=tuple(day for day in dates if opening < day <= as_of),
    )


def _keys(period: _Period, stocks: Sums, gone: Sums | None) -> list[Key]:
    days = {period.as_of, *period.months, period.opening}
    return list(dict.fromkeys(key for table in (stocks, gone or {}) for day, key in table if day in days))


def _row(period: _Period, key: Key, tables: tuple[Sums, Sums | None], unit: str) -> dict[str, Exact]:
    stocks, gone = tables
    opening = {} if period.opening is None else stocks.get((period.opening, key), _empty(stocks, unit))
    closing = stocks.get((period.as_of, key), _empty(stocks, unit))
    passed = [stocks.get((day, key), _empty(stocks, unit)) for day in period.months]
    whole, npl = opening.get(_whole(unit)), opening.get(f"npl_{unit}")
    return {
        "opening": whole,
        "opening_performing": None if whole is None or npl is None else whole - npl,
        "opening_npl": npl,
        "inflow": exact_sum(month[f"inflow_{unit}"] for month in passed) if opening else None,
        "entered": exact_sum(month[f"entered_{unit}"] for month in passed) if opening else None,
        "disposals": _disposed(period, key, gone),
        "closing_npl": closing[f"npl_{unit}"],
        "loans": closing["loans"],
    }


def _disposed(period: _Period, key: Key, gone: Sums | None) -> Exact:
    if gone is None or period.opening is None:
        return None
    return exact_sum(gone.get((day, key), {"amount": Decimal(0)})["amount"] for day in period.months)


def _empty(stocks: Sums, unit: str) -> Mapping[str, Exact]:
    """A group without loans at a month end: its amounts are truly 0, unless the book records none."""
    recorded = any(row[f"npl_{unit}"] is not None for row in stocks.values())
    zero: Exact = None if not recorded else Decimal(0) if unit == "balance" else 0
    return dict.fromkeys(_wanted(unit), zero) | {"loans": 0}


def _annualised(formed: pd.DataFrame, months: int) -> pd.DataFrame:
    inflow, opening = formed["inflow"], formed["opening_performing"]
    formed_net, closing, disposals = _net_formed(formed), formed["closing_npl"], formed["disposals"]
    annualised = formed.assign(
        gross=[_rate(*pair, months) for pair in zip(inflow, opening, strict=True)],
        net=[_rate(*pair, months) for pair in zip(formed_net, formed["opening"], strict=True)],
        gross_note=[_note(*row) for row in zip(opening, closing, strict=True)],
        net_note=[_net_note(*row) for row in zip(formed["opening"], closing, disposals, strict=True)],
    )
    kept = [name for name in formed.columns if name != "loans"]
    return annualised[[*kept, "gross", "net", "loans", "gross_note", "net_note"]]


def _net_formed(formed: pd.DataFrame) -> pd.Series:
    parts = zip(formed["closing_npl"], formed["opening_npl"], formed["disposals"], strict=True)
    return pd.Series(
        [None if None in row else row[0] - row[1] + row[2] for row in parts], index=formed.index, dtype=object
    )


def _rate(numerator: Exact, denominator: Exact, months: int) -> float:
    if numerator is None or denominator is None or denominator == 0:
        return math.nan
    return float(Fraction(numerator) / Fraction(denominator) * Fraction(_YEAR, months))


def _note(opening: Exact, closing: Exact) -> str:
    if closing is None:
        return "not_recorded"
    if opening is None:
        return "no_prior"
    return "no_denominator" if opening == 0 else ""


def _net_note(opening: Exact, closing: Exact, disposals: Exact) -> str:
    note = _note(opening, closing)
    return "missing_flows" if disposals is None and note not in {"not_recorded", "no_prior"} else note


def _disposals(states: ir.Table, flows: ir.Table, groups: Sequence[str], dates: Sequence[date]) -> pd.DataFrame:
    kept = kept_steps(states, flows, dates, _disposed_of)
    held = _disposed_of(states, flows, month_ends(dates)) if kept is None else kept
    counted = held.filter((held.kind == "write_off") | held.is_npl).rename(as_of="step")
    keys = ["as_of", *groups]
    return exact_rows(counted.group_by(keys).aggregate(amount=counted.amount.sum()), keys)


def _disposed_of(states: ir.Table, flows: ir.Table, steps: ir.Table) -> ir.Table:
    """One row is a disposal, beside its loan as it was at the month end before."""
    moved = flows_within(flows, steps)
    dated = moved.filter(moved.kind.isin(DISPOSALS)).select("loan_id", "kind", "amount", "opening", step=moved.as_of)
    known = [name for name in DIMENSIONS if name in states.columns]
    earlier = states.select("loan_id", "is_npl", *known, opening=states.as_of)
    beside = earlier.semi_join(dated, ["loan_id", "opening"])
    return dated.left_join(beside, ["loan_id", "opening"]).drop("loan_id_right", "opening_right")
