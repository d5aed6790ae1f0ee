"""Which groups does a book hold at both ends of a period, and the tape of which is missing?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analysis.book.quality.thresholds import RETURNING_LOANS, SEGMENT_LOANS, threshold
from analysis.errors import Misuse
from analysis.measures.attribution_parts import Key, Stock, Stocks, rolled_up
from analysis.measures.catalog import require_basis
from analysis.measures.components import component_rows

Period = tuple[date, date]


@dataclass(frozen=True, kw_only=True)
class GroupedStocks:
    """A book's groups month by month, and what is not known of them.

    Attributes:
        period: first and second date to be compared.
        months: groups at every month end of the book.
        partly: groups of which some loans have no balance or class recorded at an end of the period.
        unrecorded: month ends at which a group has no balance or no class recorded at all.
    """

    period: Period
    months: Mapping[date, Stocks]
    partly: frozenset[Key]
    unrecorded: frozenset[date]

    @property
    def is_recorded(self) -> bool:
        """Whether every group has a balance and a class recorded at both ends."""
        return self.unrecorded.isdisjoint(self.period)

    @property
    def before(self) -> Stocks:
        """Groups at the first date."""
        return self.months[self.period[0]]

    @property
    def after(self) -> Stocks:
        """Groups at the second date."""
        return self.months[self.period[1]]


def grouped_stocks(states: ir.Table, period: Period, *, by: Sequence[str], basis: str = "balance") -> GroupedStocks:
    """A book's groups month by month, to compare two of the month ends.

    Args:
        states: one row is a loan at a month end, classified.
        period: first and second month end.
        by: dimensions; groups are their combinations.
        basis: "balance" or "count".

    Raises:
        Misuse: if a dimension, the basis or the period is not valid.
        MissingColumns: if the table lacks a column.
    """
    require_basis(basis)
    parts = ("balance", "npl_balance") if basis == "balance" else ("loans", "npl_loans")
    sums = component_rows(states, by, parts)
    known = [str(name) for name in sums.columns if str(name).startswith("recorded_")]
    rows = [(row["as_of"].date(), group_key(row, by), row) for row in sums.to_dict("records")]
    months: dict[date, dict[Key, Stock]] = {}
    for day, key, row in rows:
        months.setdefault(day, {})[key] = _stock(row, parts)
    _check(period, sorted(months))
    ends = [(key, row) for day, key, row in rows if day in period]
    return GroupedStocks(
        period=period,
        months=months,
        partly=frozenset(key for key, row in ends if any(row[name] < row["loans"] for name in known)),
        unrecorded=frozenset(day for day, _, row in rows if any(row[part] is None for part in parts)),
    )


def every_level(book: GroupedStocks) -> GroupedStocks:
    """The same with the groups of every level of the hierarchy: a key of one name is of the outermost.

    Args:
        book: groups of the innermost level.
    """
    return replace(
        book,
        months={day: rolled_up(stocks) for day, stocks in book.months.items()},
        partly=frozenset(key[:level] for key in book.partly for level in range(1, len(key) + 1)),
    )


def missing_tapes(book: GroupedStocks) -> frozenset[Key]:
    """Groups whose tape is missing at one end of the period, by the house rules of the quality checks.

    At the second date: the group had at least as many loans as are watched when last there, or fewer and
    comes back later. At the first date: it had loans before and has them again at the second. A group
    that was never there before is new.

    Args:
        book: groups month by month; the more months, the more it can tell.
    """
    keys = {key for stocks in (book.before, book.after) for key in stocks}
    return frozenset(key for key in keys if _is_missing(_loans(book, key), book.period))


def group_key(row: Mapping[Any, Any], by: Sequence[str]) -> Key:
    """Names of a row's group; None for a name that is not recorded.

    Args:
        row: values by column.
        by: dimensions.
    """
    return tuple(None if pd.isna(row[name]) else row[name] for name in by)


def _check(period: Period, days: Sequence[date]) -> None:
    if period[0] >= period[1] or not set(period) <= set(days):
        there = f"it has {days[0]} to {days[-1]}" if days else "it is empty"
        was = f"{period[0]} and {period[1]}"
        raise Misuse(f"period must be two month ends of the book, the earlier one first, was {was}; {there}.")


def _stock(row: Mapping[Any, Any], parts: tuple[str, str]) -> Stock:
    whole, bad = (Fraction(row[part] or 0) for part in parts)
    return Stock(whole=whole, bad=bad, loans=int(row["loans"]))


def _loans(book: GroupedStocks, key: Key) -> dict[date, int]:
    return {day: stocks[key].loans if key in stocks else 0 for day, stocks in sorted(book.months.items())}


def _is_missing(loans: Mapping[date, int], period: Period) -> bool:
    first, second = (loans[day] for day in period)
    if bool(first) == bool(second):
        return False
    gap = period[1] if first else period[0]
    held = [number for day, number in loans.items() if day < gap and number]
    last = held[-1] if held else 0
    is_back = any(number for day, number in loans.items() if day > gap)
    return (bool(first) and last >= threshold(SEGMENT_LOANS)) or (is_back and last >= threshold(RETURNING_LOANS))
