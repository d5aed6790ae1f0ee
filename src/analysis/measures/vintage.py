"""How does a cohort of loans age: how many have ever gone bad, how many are bad, how many go bad next?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate
from operator import sub
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analysis.measures.catalog import require_basis
from analysis.measures.components import dimensions
from analysis.measures.exact import Exact, quotients
from analysis.measures.stock import small_segment_loans
from analysis.measures.vintage_cells import (
    COHORTS,
    KINDS,
    NPL,
    TALLIED,
    Calendar,
    Threshold,
    calendar,
    month_number,
    tallies,
)
from analysis.measures.vintage_intervals import weighted_interval

_EXACT = ("amount", "bad", "current_bad", "at_risk", "newly_bad")
_NUMBERS = (
    "loans", "amount", "bad", "value", "lower", "upper", "current_bad", "current", "at_risk", "newly_bad",
    "hazard", "hazard_lower", "hazard_upper",
)  # fmt: skip
# A row has the weights of its loans and the squares of these; of loans counted both are their number.
_SUMS = tuple(f"{name}{suffix}" for name in ("whole", *_EXACT[1:]) for suffix in ("", "_squares"))


def vintages(
    states: ir.Table,
    *,
    threshold: Threshold = NPL,
    basis: str = "count",
    by: Sequence[str] = (),
    cohort: str = "quarter",
) -> pd.DataFrame:
    """Ever bad, bad and newly bad loans of each cohort by their months on book.

    Whoever was lent to stays below the line, also who repaid, was sold or written off; a loan that was bad once
    is ever bad. A cohort is followed to the age that its youngest loan has at the reporting date, so that every
    cell holds all its loans, and not before its time of origination is over: another month adds cells and changes
    none, but for a loan that drops out of the tape and comes back, which was at risk meanwhile. A loan that comes
    and goes between two month ends is never seen.

    Args:
        states: one row is a loan at a month end, classified; every month of the book.
        threshold: what is bad: "npl", or days past due, of which there must be more: 90 is more than 90 days, as
            in the definition of substandard loans and in the buckets (for 90 or more, say 89).
        basis: "count" of loans, or "balance": then a loan counts with the amount originated, throughout.
        by: dimensions, as they were at the month end where a loan was first seen; none gives the whole book.
        cohort: origination in the same "month", "quarter" or "year".

    Returns:
        one row per `cohort` (its first day), group and `age`, ascending; age in months, 0 at the first month end
        from origination on (of quarters, where the book has quarter ends). `loans` [count] and `amount` [currency;
        exact] originated; `bad`: ever bad by that age [loans or currency, by basis; exact, as all numbers above
        and below a line], `value` their share, with `lower` and `upper`; `current_bad` and `current` share at that
        age; `at_risk`: on book a month before, or first seen now, and never bad before, `newly_bad` of them and
        their share `hazard`, with `hazard_lower` and `hazard_upper`, the marginal hazard. Bounds are those of
        Wilson at 95 %, by amount for the effective number of loans. What is not known is None or NaN. `note`:
        "", "too_small", "partly_recorded" (some states or amounts are not recorded, or the tape lacks a month that
        some of the loans had that age in: then `current` is not known); or one row without numbers: "censored"
        (the cohort is still being originated), "not_recorded" (begun before the book was, whose bad and repaid
        loans nobody saw; or nothing recorded), "no_denominator".

    Raises:
        Misuse: if the threshold, the basis, a dimension or the cohort is unknown.
        MissingColumns: if the table lacks a column.

    Source: N. Siddiqi (2017), Intelligent Credit Scoring, 2nd ed., for ever and current bad by age of a cohort;
        E. L. Kaplan and P. Meier (1958), J. Am. Stat. Assoc. 53:457-481, for the hazard: 1 less it, multiplied over
        ages, is their estimate.
    """
    require_basis(basis)
    groups, span = dimensions(by), calendar(states)
    if span is None:
        return _shown([], groups)
    cells = tallies(states, span, threshold=threshold, groups=groups, cohort=cohort)
    view = _View(span=span, months=COHORTS[cohort][1], basis=basis, least=small_segment_loans())
    return _shown([row for cell in _cells(cells, groups) for row in _rows(cell, view)], groups)


@dataclass(frozen=True, kw_only=True)
class _View:
    """How cells are looked at: the book's months, a cohort's length, the basis, and loans that can be read."""

    span: Calendar
    months: int
    basis: str
    least: int


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A cohort of a group.

    Attributes:
        key: what names it.
        tallied: sums by what happened, what is added up, and age; nothing where nothing is recorded.
        origin: month in which its youngest loan has age 0.
    """

    key: Mapping[str, Any]
    tallied: Mapping[tuple[str, str], Mapping[int, Any]]
    origin: int

    def total(self, name: str) -> Any:  # noqa: ANN401  (a count, an amount or None)
        """Sum over all its loans; None where nothing is recorded."""
        sums = list(self.tallied["entered", name].values())
        return sum(sums[1:], start=sums[0]) if sums else None

    def at(self, kind: str, name: str, ages: range) -> list[Any]:
        """A sum at each age, 0 where there is none."""
        nothing = Decimal("0.00") if name == "amount" else 0
        sums = self.tallied[kind, name]
        return [sums.get(age, nothing) for age in ages]


def _cells(cells: ir.Table, groups: Sequence[str]) -> Iterator[_Cell]:
    keys = ("cohort", *groups)
    found: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    # Money keeps its exact type in a list, which a frame would turn into floats.
    for row in cells.to_pyarrow().to_pylist():
        found.setdefault(tuple(row[name] for name in keys), []).append(row)
    for key, rows in found.items():
        tallied = {(kind, name): _by_age(rows, kind, name) for kind in KINDS for name in TALLIED}
        yield _Cell(
            key=dict(zip(keys, key, strict=True)), tallied=tallied, origin=max(int(row["origin"]) for row in rows)
        )


def _by_age(rows: Sequence[Mapping[str, Any]], kind: str, name: str) -> Mapping[int, Any]:
    sums: dict[int, Any] = {}
    for row in rows:
        age, amount = row[kind], row[name]
        if age is not None and amount is not None:
            sums[age] = sums[age] + amount if age in sums else amount
    return sums


def _rows(cell: _Cell, view: _View) -> list[Mapping[str, Any]]:
    loans = {**cell.key, "loans": cell.total("loans"), "amount": cell.total("amount")}
    if reason := _reason(cell, view):
        return [{**loans, "age": 0, "note": reason}]
    ages = range(0, view.span.last - cell.origin + 1, view.span.step)
    names = ("amount", "squares") if view.basis == "balance" else ("loans", "loans")
    weights, squares = (_histories(cell, name, ages) for name in names)
    unseen = _unseen(cell.key["cohort"], view)
    note = _note(cell, view)
    return [
        {
            **loans,
            "age": age,
            "whole": cell.total(names[0]),
            "whole_squares": cell.total(names[1]),
            **{name: values[place] for name, values in weights.items()},
            **{f"{name}_squares": values[place] for name, values in squares.items()},
            **({"current_bad": None, "note": note or "partly_recorded"} if age in unseen else {"note": note}),
        }
        for place, age in enumerate(ages)
    ]


def _histories(cell: _Cell, name: str, ages: range) -> Mapping[str, list[Any]]:
    """What was bad, went bad and was at risk at each age, of one tally."""
    newly_bad = cell.at("bad", name, ages)
    # At an age stay at risk those who have come by then and had not left a month before.
    gone = [0, *accumulate(cell.at("left", name, ages))][:-1]
    return {
        "bad": list(accumulate(newly_bad)),
        "current_bad": cell.at("current", name, ages),
        "at_risk": list(map(sub, accumulate(cell.at("entered", name, ages)), gone)),
        "newly_bad": newly_bad,
    }


def _reason(cell: _Cell, view: _View) -> str:
    """Why a cohort has no numbers; empty if it has."""
    first = None if cell.key["cohort"] is None else month_number(cell.key["cohort"])
    if first is None or first + view.span.step <= view.span.first or not _recorded(cell, view):
        return "not_recorded"
    if first + view.months - 1 > view.span.last or cell.origin > view.span.last:
        return "censored"
    return "no_denominator" if view.basis == "balance" and not cell.total("amount") else ""


def _recorded(cell: _Cell, view: _View) -> int:
    """Loans whose state is recorded, and by balance their amount; the fewer of both."""
    return int(min(cell.total("recorded"), cell.total("known") if view.basis == "balance" else cell.total("loans")))


def _note(cell: _Cell, view: _View) -> str:
    if cell.total("loans") < view.least:
        return "too_small"
    return "partly_recorded" if _recorded(cell, view) < cell.total("loans") else ""


def _unseen(cohort: date, view: _View) -> set[int]:
    """Ages that some loans of a cohort had in a month that the book lacks."""
    first = month_number(cohort)
    origins = range(first, first + view.months + view.span.step - 1)
    return {month - origin for month in view.span.missing for origin in origins}


def _shown(rows: Sequence[Mapping[str, Any]], groups: Sequence[str]) -> pd.DataFrame:
    """Rows with their shares, in order."""
    exact = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in _EXACT}
    keys = pd.DataFrame({name: [row[name] for row in rows] for name in ("cohort", *groups, "age", "loans", "note")})
    typed = keys.astype({"age": "int64", "loans": "int64", "note": "str"})
    typed["cohort"] = pd.to_datetime(typed["cohort"]).astype("datetime64[s]")
    shared = typed.assign(**exact, **_shares(rows))
    order = ["cohort", *groups, "age"]
    ordered = shared.sort_values(order, na_position="last", kind="stable", ignore_index=True)
    return ordered[[*order, *_NUMBERS, "note"]]


def _shares(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    column = {name: [row.get(name) for row in rows] for name in _SUMS}
    value = quotients(column["bad"], column["whole"])
    hazard = quotients(column["newly_bad"], column["at_risk"])
    lower, upper = _bounds(column, "bad", "whole")
    hazard_lower, hazard_upper = _bounds(column, "newly_bad", "at_risk")
    return {
        "value": value,
        "lower": lower,
        "upper": upper,
        "current": quotients(column["current_bad"], column["whole"]),
        "hazard": hazard,
        "hazard_lower": hazard_lower,
        "hazard_upper": hazard_upper,
    }


def _bounds(column: Mapping[str, list[Exact]], part: str, whole: str) -> tuple[Any, Any]:
    names = (part, f"{part}_squares", whole, f"{whole}_squares")
    return weighted_interval(*([0.0 if n is None else float(n) for n in column[name]] for name in names))
