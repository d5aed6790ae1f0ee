"""The same measures on two engines, value by value: money and counts to the cent, ratios to 1e-12 of themselves."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from analysis.book.demo.build import build_demo
from analysis.book.store import Book
from analysis.errors import AnalysisError
from analysis.measures.catalog import MEASURES
from analysis.measures.query import measure_rows
from analysis.models.estimates import EVERY_STATEMENT

# Every measure that there is, so that a new one is compared without being named here.
NAMES = (*MEASURES, *EVERY_STATEMENT)
Row = Mapping[str, object]
# An index that is 0 up to the last digits of the logarithms it is a difference of.
_NOTHING = 1e-14


def small_demo(folder: Path) -> Path:
    """The demonstration book with a few hundred loans and two years."""
    build_demo(folder / "demo", loans=300, months=24)
    return folder / "demo"


def answer(book: Book, name: str, by: Sequence[str], basis: str | None) -> list[Row] | str:
    """What a book says when it is asked for a measure: rows, or why there are none."""
    options = {"history": True} if name in MEASURES else {}
    try:
        return measure_rows(book, name, by=by, basis=basis, statements=EVERY_STATEMENT, **options)
    except AnalysisError as error:
        return str(error)


def gaps(rows: list[Row] | str, others: list[Row] | str) -> list[str]:
    """Where two answers differ; none if they are the same."""
    if isinstance(rows, str) or isinstance(others, str):
        return [] if rows == others else [f"{str(rows)[:200]} / {str(others)[:200]}"]
    if len(rows) != len(others):
        return [f"{len(rows)} / {len(others)} rows"]
    pairs = [(name, row[name], other.get(name)) for row, other in zip(rows, others, strict=True) for name in row]
    return [f"{name}: {one!r} / {other!r}" for name, one, other in pairs if not _same(one, other)]


def _same(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-12, abs_tol=_NOTHING)
    if isinstance(one, Decimal):
        return one.as_tuple() == other.as_tuple()
    return one is other if one is pd.NaT else one == other
