"""Small books into which a test puts a defect, and what is found in them."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.profile import Profile
from analysis.book.quality import Finding, findings
from analysis.book.store import Book, open_book
from analysis.terms import Text
from tapes import PROFILE, Row, loan, snapshot, tape

LABELS = {"segment": {"manufacturing": Text("制造业", "Manufacturing"), "retail": Text("零售业", "Retail")}}
NAMED = PROFILE.model_copy(update={"labels": LABELS})


def book_of(
    folder: Path, snapshots: Iterable[Row], loans: Iterable[Row] = (), profile: Profile = NAMED, **tables: list[Row]
) -> Book:
    """A book of the given snapshots; loans not given are plain ones."""
    rows = list(snapshots)
    given_loans = {str(one["loan_id"]): one for one in loans}
    known = {loan_id: loan(loan_id) for loan_id in sorted({str(row["loan_id"]) for row in rows})}
    append_tape(folder / "b", tape(connect(), (known | given_loans).values(), rows, **tables), profile)
    return open_book(folder / "b")


def steady(*months: date, loan_id: str = "L1", **fields: object) -> list[Row]:
    return [snapshot(month, loan_id, **fields) for month in months]


def codes(found: Iterable[Finding]) -> list[str]:
    return [one.rule for one in found]


def only(book: Book, **options: Path) -> Finding:
    (found,) = findings(book, **options)
    return found
