"""Does the tape tie to the ledger? Totals of a book against a file of ledger balances, line by line."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from analysis.book.ingest.text_stream import detected_encoding
from analysis.book.quality.coverage import Cell
from analysis.book.quality.thresholds import ledger_tolerance
from analysis.book.quality.words import RULES, Finding
from analysis.book.store import Book
from analysis.errors import DataRefused, Misuse, Unavailable, require_columns
from analysis.terms import Text, same

_NEEDED = ("as_of", "balance")


@dataclass(frozen=True, kw_only=True)
class LedgerLine:
    """A balance that the ledger gives at a date, of a segment or (None) of all [currency]."""

    as_of: date
    segment: str | None
    balance: Decimal


def ledger_lines(path: Path) -> list[LedgerLine]:
    """Read a ledger: CSV with `as_of`, `balance` and, if it is by segment, `segment`.

    Raises:
        Unavailable: if there is no such file.
        MissingColumns: if a column is missing.
        DataRefused: if a line cannot be read.
    """
    if not path.is_file():
        raise Unavailable(f"ledger must be a CSV file, but {path.name!r} is not there.")
    try:
        with path.open(encoding=detected_encoding(path), newline="") as file:
            reader = csv.DictReader(file)
            present = [name.strip() for name in reader.fieldnames or ()]
            require_columns(path.name, _NEEDED, present)
            reader.fieldnames = present
            return [_line(fields, number, path.name) for number, fields in enumerate(reader, start=2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataRefused(f"{path.name} must be CSV in UTF-8 or GB18030, but cannot be read ({error}).") from error


def ledger_differences(book: Book, counted: Sequence[Cell], lines: Sequence[LedgerLine]) -> Iterator[Finding]:
    """Give a finding per ledger line up to the reporting date that the tape does not tie to.

    A difference up to the larger of the house's share and amount is let pass.

    Raises:
        Misuse: if the book has no balances.
        DataRefused: if no line is of the reporting date or before, so that nothing would be compared.
    """
    if book.profile.basis != "balance":
        raise Misuse(f"a ledger needs a book with balances, but {book.name!r} goes by count; leave --ledger out.")
    known = [line for line in lines if line.as_of <= book.as_of]
    if not known:
        raise DataRefused(f"a ledger must have a line up to {book.as_of}, but this one has none; fetch an older one.")
    for line in known:
        held = [cell for cell in counted if cell.as_of == line.as_of and _is_of(cell, line, book)]
        found = sum((cell.balance for cell in held if cell.balance is not None), Decimal(0))
        if abs(found - line.balance) > ledger_tolerance(line.balance):
            yield _finding(book, line, found, sum(cell.rows for cell in held))


def _is_of(cell: Cell, line: LedgerLine, book: Book) -> bool:
    if line.segment is None:
        return True
    name = book.label("segment", cell.segment or "")
    return line.segment in {cell.segment, name.zh, name.en}


def _finding(book: Book, line: LedgerLine, found: Decimal, rows: int) -> Finding:
    severity, label = RULES["ledger_difference"]
    what = Text("合计", "total") if line.segment is None else book.label("segment", line.segment)
    words = label.format(
        what=what,
        ledger=same(f"{line.balance:,.2f}"),
        tape=same(f"{found:,.2f}"),
        gap=same(f"{found - line.balance:+,.2f}"),
    )
    gap = abs(found - line.balance)
    return Finding(
        rule="ledger_difference", severity=severity, label=words, count=rows, balance_at_risk=gap, as_of=line.as_of
    )


def _line(fields: dict[str, str | None], number: int, name: str) -> LedgerLine:
    day, amount = (fields.get("as_of") or "").strip(), (fields.get("balance") or "").strip().replace(",", "")
    try:
        balance, as_of = Decimal(amount), date.fromisoformat(day)
    except (InvalidOperation, ValueError) as error:
        raise DataRefused(
            f"{name}, line {number}: as_of must be a date such as 2025-09-30 and balance an amount, "
            f"were {day!r} and {amount!r}."
        ) from error
    if not balance.is_finite():
        raise DataRefused(f"{name}, line {number}: balance must be an amount, was {amount!r}.")
    return LedgerLine(as_of=as_of, segment=(fields.get("segment") or "").strip() or None, balance=balance)
