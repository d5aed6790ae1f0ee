"""Why did the NPL ratio change: mix, rate, entry and exit by group, or a tape that is missing?"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from fractions import Fraction

import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse
from analysis.measures.attribution_parts import Key, Parts, Stock, balance_parts, nested_parts, ratio_parts
from analysis.measures.attribution_stocks import GroupedStocks, Period, every_level, grouped_stocks, missing_tapes
from analysis.measures.components import dimensions

Breakdown = Mapping[Key, Parts] | None
_PARTS = tuple(field.name for field in fields(Parts))
_SIDES = ("share_before", "share_after", "rate_before", "rate_after")
_RATIO = (*_SIDES, *_PARTS[1:], "total", "loans_before", "loans_after", "note")


def ratio_attribution(
    states: ir.Table, period: Period, *, by: Sequence[str], basis: str = "balance", method: str = "shapley"
) -> pd.DataFrame:
    """The change of the NPL ratio between two dates, by group and cause.

    What is found depends on how finely the book is cut. A group that was renamed, or sold as a whole,
    looks like one whose tape is missing.

    Args:
        states: one row is a loan at a month end, classified; earlier and later months help to tell a
            missing tape from an end or a beginning.
        period: first and second month end.
        by: dimensions; groups are their combinations.
        basis: "balance" or "count".
        method: "shapley" (interaction split equally), "classic" (interaction apart) or "lmdi".

    Returns:
        one row per group that is there at one of the dates, ascending: the dimensions, `share_before`,
        `share_after`, `rate_before`, `rate_after` [share; NaN if not there], `mix` (relative to the ratio of
        the whole), `rate`, `interaction`, `entry_exit`, `missing_tape`, `total` [share; exact fractions that
        sum to the change of the ratio; None if unknown], `loans_before`, `loans_after`, and `note`:
        "not_recorded", "no_denominator" (no ratio at one of the dates), "missing_tape",
        "partly_recorded" or "".

    Raises:
        Misuse: if a dimension, the basis, the method or the period is not valid.
        MissingColumns: if the table lacks a column.

    Source: as in `attribution_parts.ratio_parts`.
    """
    book = _book(states, period, by, basis)
    gone = missing_tapes(book)
    parts = ratio_parts(book.before, book.after, method=method, missing=gone)
    return _rows(book, parts, gone, by)[[*dimensions(by), *_RATIO]]


def balance_attribution(
    states: ir.Table, period: Period, *, by: Sequence[str], basis: str = "balance", method: str = "shapley"
) -> pd.DataFrame:
    """The change of the NPL balance (or count) between two dates, by group and cause, in three factors.

    Args:
        states: one row is a loan at a month end, classified.
        period: first and second month end.
        by: dimensions; groups are their combinations.
        basis: "balance" or "count".
        method: as for `ratio_attribution`.

    Returns:
        as `ratio_attribution`, with parts in [currency or loans] that sum to the change of the non-performing
        loans, and `volume`, what the growth of the whole book brings at unchanged mix and rates.

    Raises:
        Misuse: if a dimension, the basis, the method or the period is not valid.
        MissingColumns: if the table lacks a column.

    Source: as in `attribution_parts.balance_parts`.
    """
    book = _book(states, period, by, basis)
    gone = missing_tapes(book)
    parts = balance_parts(book.before, book.after, method=method, missing=gone)
    return _rows(book, parts, gone, by)[[*dimensions(by), *_SIDES, "volume", *_RATIO[len(_SIDES) :]]]


def nested_attribution(
    states: ir.Table, period: Period, *, by: Sequence[str], basis: str = "balance", method: str = "shapley"
) -> pd.DataFrame:
    """The change of the NPL ratio down a hierarchy: between segments, and within them between regions.

    The order of the dimensions is the hierarchy, and another order gives another answer.

    Args:
        states: one row is a loan at a month end, classified.
        period: first and second month end.
        by: dimensions, from the outermost.
        basis: "balance" or "count".
        method: as for `ratio_attribution`.

    Returns:
        one row per group of each `level` (1 is the outermost; dimensions further in are None), outer levels
        first, with the columns of `ratio_attribution`. `mix` is relative to the group above, and `rate` is
        0 where rows of the next level say what it is made of. All rows together sum to the change of the
        ratio. `share_before` and `share_after` are of the whole book.

    Raises:
        Misuse: if a dimension, the basis, the method or the period is not valid.
        MissingColumns: if the table lacks a column.

    Source: as in `attribution_parts.nested_parts`.
    """
    inner = _book(states, period, by, basis)
    book = every_level(inner)
    gone = missing_tapes(book)
    parts = nested_parts(inner.before, inner.after, method=method, missing=gone) or None
    return _rows(book, parts, gone, by)[["level", *dimensions(by), *_RATIO]]


def with_total(parts: pd.DataFrame) -> pd.DataFrame:
    """Parts as numbers to be shown, with their total in a last row.

    Args:
        parts: one row is a group, as an attribution gives it.

    Returns:
        the same rows with parts as floats, each rounded once [unit of the parts; NaN if unknown], and a last row
        without names whose parts are the exact sums, rounded once, and whose `note` is "total".
    """
    named = [name for name in (*_PARTS, "total") if name in parts.columns]
    last = {str(name): None for name in parts.columns} | {name: _sum(parts[name]) for name in named}
    rows = pd.concat([parts.astype(object), pd.DataFrame([last | {"note": "total"}], dtype=object)], ignore_index=True)
    return rows.astype(dict.fromkeys([*named, *_SIDES], "float64"))


def _book(states: ir.Table, period: Period, by: Sequence[str], basis: str) -> GroupedStocks:
    if not dimensions(by):
        raise Misuse("by must name at least one dimension to attribute a change to, was empty; try segment.")
    return grouped_stocks(states, period, by=dimensions(by), basis=basis)


def _rows(book: GroupedStocks, parts: Breakdown, gone: frozenset[Key], by: Sequence[str]) -> pd.DataFrame:
    known = parts if parts and book.is_recorded else None
    keys = list(known or dict.fromkeys([*book.before, *book.after]))
    groups = dimensions(by)
    rows = [
        {
            "level": len(key),
            **dict(zip(groups, [*key, *[None] * (len(groups) - len(key))], strict=True)),
            **_sides(book, key),
            **_values(known[key] if known else None),
            "loans_before": book.before.get(key, Stock()).loans,
            "loans_after": book.after.get(key, Stock()).loans,
            "note": _note(book, key, parts, gone),
        }
        for key in keys
    ]
    typed = pd.DataFrame(rows, dtype=object).astype(dict.fromkeys(_SIDES, "float64") | {"note": "str"})
    counted = typed.astype(dict.fromkeys(("level", "loans_before", "loans_after"), "int64"))
    return counted.sort_values(["level", *groups], na_position="last", kind="stable", ignore_index=True)


def _sides(book: GroupedStocks, key: Key) -> dict[str, float]:
    if not book.is_recorded:
        return dict.fromkeys(_SIDES, math.nan)
    shares, rates = [], []
    for stocks in (book.before, book.after):
        stock = stocks.get(key, Stock())
        whole = sum(other.whole for name, other in stocks.items() if len(name) == len(key))
        shares.append(float(stock.whole / whole) if whole else math.nan)
        rates.append(math.nan if stock.rate is None else float(stock.rate))
    return dict(zip(_SIDES, (*shares, *rates), strict=True))


def _values(parts: Parts | None) -> dict[str, Fraction | None]:
    if parts is None:
        return dict.fromkeys((*_PARTS, "total"))
    return {**vars(parts), "total": parts.total}


def _note(book: GroupedStocks, key: Key, parts: Breakdown, gone: frozenset[Key]) -> str:
    if not book.is_recorded:
        return "not_recorded"
    if not parts:
        return "no_denominator"
    if key in gone:
        return "missing_tape"
    return "partly_recorded" if key in book.partly else ""


def _sum(parts: Iterable[object]) -> Fraction | None:
    parts = list(parts)
    known = [part for part in parts if isinstance(part, Fraction)]
    return sum(known, Fraction(0)) if known and len(known) == len(parts) else None
