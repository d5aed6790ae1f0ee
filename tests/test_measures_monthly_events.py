"""Whatever happens to a book, and whoever asks meanwhile, what was kept is what the book says now."""

import random
import time
from collections.abc import Sequence
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analysis.book.store import Book, open_book
from kept_books import JUN, MONTHS, add, answers, assert_current, files_of, first_book, fresh, month


def _answers_of(folder: str) -> list[list[tuple[object, ...]]]:
    return answers(open_book(folder))


@pytest.mark.slow
def test_two_processes_may_ask_at_once(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    with get_context("spawn").Pool(2) as pool:
        found = pool.map(_answers_of, [str(book.path)] * 2)
    assert found == [fresh(book)] * 2
    assert not list(book.path.rglob("*.tmp"))
    assert len(files_of(book.path)) == len(MONTHS[:4]) + len(MONTHS[1:4])


EVENTS = st.lists(st.sampled_from(["append", "restate", "late", "damage", "reopen"]), min_size=2, max_size=4)
DAYS = st.sampled_from([None, 0, 31, 95, 200])


@pytest.mark.slow
@settings(
    max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(EVENTS, st.lists(st.tuples(DAYS, DAYS, DAYS), min_size=4, max_size=4), st.integers(0, 10**6))
def test_whatever_happens_to_a_book_the_answers_are_of_now(
    tmp_path: Path, events: list[str], days: list[tuple], seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path / f"b{seed}-{time.monotonic_ns()}"
    book = first_book(folder)
    assert_current(book)
    for event, overdue in zip(events, days, strict=False):
        book = happened(event, book, overdue, chance)
        assert_current(book)


def happened(event: str, book: Book, overdue: Sequence[int | None], chance: random.Random) -> Book:
    """The book after one more thing has happened to it."""
    spans = list(pairwise((*book.months, JUN)))
    if event == "append" and len(book.months) < len(MONTHS):
        return add(book.path, month(MONTHS[len(book.months)], *overdue, 0))
    if event == "restate":
        return add(book.path, month(chance.choice(book.months), *overdue, 0), restate=book.months)
    if event == "late" and len(book.months) < len(MONTHS):
        day = chance.choice(spans)[0].replace(day=27)
        later = MONTHS[len(book.months)]
        return add(book.path, month(later, *overdue, 0), [("L1", day, "repayment", "3"), ("L3", day, "write_off", "5")])
    if event == "damage":
        for name in chance.sample(sorted(files_of(book.path)), 2):
            (book.path / name).write_bytes(chance.randbytes(64))
    return open_book(book.path)
