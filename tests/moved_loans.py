"""Loans that move from month to month, made by hand for the tests of migration."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

import ibis.expr.types as ir
from hypothesis import strategies as st

from analysis.terms import FIVE_CLASSES, NPL_CLASSES
from states_of_loans import MONTHS, Row, states, with_prior

LETTERS = dict(zip("NMSDL", FIVE_CLASSES, strict=True))


def path(loan_id: str, *steps: str, segment: str = "manufacturing", **fields: object) -> list[Row]:
    """A loan month by month: class letter (N M S D L) and balance, or days past due and balance, or -."""
    return [
        _row(loan_id, step, day) | {"segment": segment} | fields
        for day, step in zip(month_list(len(steps)), steps, strict=True)
        if step != "-"
    ]


def month_list(count: int) -> tuple[date, ...]:
    """Month ends from December 2025 on."""
    ends = [*MONTHS, date(2026, 4, 30), date(2026, 5, 31), date(2026, 6, 30), date(2026, 7, 31), date(2026, 8, 31)]
    return tuple([*ends, date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 30), date(2026, 12, 31)][:count])


def moved(rows: Iterable[Row]) -> ir.Table:
    """A table of classified loans with their state at the month end before, as a book stores it."""
    return states(with_prior(list(rows)))


def _row(loan_id: str, step: str, day: date) -> dict[str, object]:
    state, _, amount = step.partition(" ")
    five_class = LETTERS.get(state, "pass")
    return {
        "as_of": day,
        "loan_id": loan_id,
        "region": "north",
        "principal_balance": Decimal(amount) if amount else None,
        "days_past_due": int(state) if state.isdigit() else 0,
        "five_class": five_class,
        "is_npl": five_class in NPL_CLASSES,
        "is_restructured": False,
    }


_STEP = st.one_of(
    st.just("-"),
    st.tuples(st.sampled_from("NMSDL"), st.decimals(0, 10**7, places=2)).map(lambda pair: f"{pair[0]} {pair[1]}"),
)
_PATHS = st.tuples(st.lists(_STEP, min_size=3, max_size=3), st.sampled_from(["manufacturing", "retail"]))


def _book(paths: Sequence[tuple[list[str], str]]) -> list[Row]:
    anchor = path("anchor", "N 1", "N 1", "N 1")  # keeps every month in the book
    return anchor + [r for i, (steps, segment) in enumerate(paths) for r in path(f"L{i}", *steps, segment=segment)]


BOOKS = st.lists(_PATHS, max_size=8).map(_book)
