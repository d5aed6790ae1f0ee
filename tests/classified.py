"""Tiny classified books for tests."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.profile import Profile
from analysis.book.store import Book, open_book
from analysis.classify.states import states
from analysis.rules.loader import load_rules
from tapes import PROFILE, Row, loan, snapshot, tape

State = dict[str, object]


def add(
    folder: Path, rows: Iterable[Row], loans: Iterable[Row] = (), profile: Profile = PROFILE, **options: object
) -> None:
    """Append snapshots to a book; loans not given are plain ones."""
    snapshots = list(rows)
    given = {str(one["loan_id"]): one for one in loans}
    known = {name: loan(name) for name in sorted({str(row["loan_id"]) for row in snapshots})}
    append_tape(folder, tape(connect(), (known | given).values(), snapshots), profile, **options)


def classified(book: Book, rules: str = "cn_2023") -> dict[tuple[date, str], State]:
    """States of a book by date and loan."""
    rows = states(book, load_rules(rules)).to_pyarrow().to_pylist()
    return {(row["as_of"], row["loan_id"]): row for row in rows}


def book_of(
    folder: Path, rows: Iterable[Row], loans: Iterable[Row] = (), rules: str = "cn_2023", **facts: object
) -> Book:
    """A book of the given snapshots, reported under a definition."""
    add(folder / "b", rows, loans, PROFILE.model_copy(update={"rules": rules, **facts}))
    return open_book(folder / "b")


def classes(
    folder: Path, rows: Iterable[Row], loans: Iterable[Row] = (), rules: str = "cn_2023"
) -> list[tuple[str, str]]:
    """Class and deciding rule of each snapshot of a book, by date and loan."""
    found = classified(book_of(folder, rows, loans, rules), rules)
    return [(str(found[key]["five_class"]), str(found[key]["rule_id"])) for key in sorted(found)]


def monthly(loan_id: str, months: Iterable[date], days: Iterable[int], **fields: object) -> list[Row]:
    """A loan's snapshots, with its days past due at each month end."""
    return [snapshot(month, loan_id, dpd=dpd, **fields) for month, dpd in zip(months, days, strict=True)]
