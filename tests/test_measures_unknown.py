"""Every measure says what it cannot say: of a book without flows, of one that records no balances."""

import math
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.store import Book, open_book
from analysis.errors import Unavailable
from analysis.measures.catalog import MEASURES
from analysis.measures.query import measure_rows
from analysis.models import transition_estimates, transition_tables
from analysis.models.estimates import EVERY_STATEMENT
from tapes import PROFILE, loan, snapshot, tape

NAMES = (*MEASURES, *EVERY_STATEMENT)
MONTHS = (date(2025, 10, 31), date(2025, 11, 30), date(2025, 12, 31), date(2026, 1, 31))
# Days past due by month; None where the loan is not there.
DAYS = {
    "stays": (0, 0, 0, 0), "falls": (0, 31, 95, 125), "cures": (95, 125, 0, 0), "leaves": (100, 130, None, None),
    "comes": (None, None, 0, 5), "bad": (400, 430, 461, 492),
}  # fmt: skip
# What was lent is recorded without balances, and the last bucket's loss rate is 1 by definition.
KNOWN_WITHOUT_BALANCES = {"vintages", "vintage_projection", "loss_rates"}


def book_of(folder: Path, *, basis: str) -> Book:
    """A small book of two segments and four months, without flows; one by count has no balances."""
    recorded: dict[str, object] = {} if basis == "balance" else {"principal_balance": None}
    rows = [
        snapshot(month, loan_id, dpd=days, balance="90.00", **recorded)
        for loan_id, path in DAYS.items()
        for month, days in zip(MONTHS, path, strict=True)
        if days is not None
    ]
    loans = [loan(loan_id, segment="retail" if loan_id in {"stays", "bad"} else "manufacturing") for loan_id in DAYS]
    append_tape(folder, tape(connect(), loans, rows), PROFILE.model_copy(update={"basis": basis}))
    return open_book(folder)


@pytest.fixture(scope="module")
def without_flows(tmp_path_factory: pytest.TempPathFactory) -> Book:
    return book_of(tmp_path_factory.mktemp("books") / "plain", basis="balance")


@pytest.fixture(scope="module")
def by_count(tmp_path_factory: pytest.TempPathFactory) -> Book:
    return book_of(tmp_path_factory.mktemp("books") / "counted", basis="count")


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    """Bounds from a few draws, because not how wide they are is looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transition_estimates, "_DRAWS", 5)
        patch.setattr(transition_tables, "_DRAWS", 5)
        yield


def rows_of(book: Book, name: str, **options: object) -> list:
    """Rows of a measure by segment where it has groups; none where the book lacks a table, which it then names."""
    has_groups = name in MEASURES or EVERY_STATEMENT[name].has_groups
    try:
        return measure_rows(book, name, by=["segment"] if has_groups else [], statements=EVERY_STATEMENT, **options)
    except Unavailable as error:
        assert "import" in str(error), error
        return []


def unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


@pytest.mark.parametrize("name", NAMES)
def test_a_book_without_flows_gets_an_answer_or_is_told_what_is_missing(without_flows: Book, name: str) -> None:
    for row in rows_of(without_flows, name):
        if "value" in row and "note" in row and unknown(row["value"]):
            assert row["note"], row


@pytest.mark.parametrize("name", NAMES)
def test_a_book_without_balances_never_shows_an_amount_of_nothing(by_count: Book, name: str) -> None:
    for row in [] if name in KNOWN_WITHOUT_BALANCES else rows_of(by_count, name, basis="balance"):
        amounts = {key: value for key, value in row.items() if isinstance(value, Decimal)}
        assert not amounts, (name, amounts)
        if "value" in row and row["basis"] == "balance":
            assert unknown(row["value"]), row
            assert row.get("note", "not_recorded"), row


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_book_by_count_answers_by_count(by_count: Book, name: str) -> None:
    for row in rows_of(by_count, name):
        if "value" in row and "note" in row and unknown(row["value"]):
            assert row["note"], row
