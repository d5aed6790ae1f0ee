"""A tiny book of which answers are kept, for the tests of what is kept."""

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import ibis.expr.types as ir

from analysis.book import kept
from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.store import Book, open_book
from analysis.classify.states import states
from analysis.measures import monthly
from analysis.measures.periods import flows_within, month_ends
from analysis.rules.loader import RuleSet, load_rules
from tapes import PROFILE, Row, loan, snapshot, tape

MONTHS = tuple(date(2025, month, 28 if month == 2 else 30 if month in {4, 6} else 31) for month in range(1, 7))
JAN, FEB, MAR, APR, MAY, JUN = MONTHS
RULES = load_rules("cn_2023")
Move = tuple[str, date, str, str]
SEGMENTS = ("manufacturing", "retail")


def add(folder: Path, rows: Iterable[Row], moves: Iterable[Move] = (), **options: object) -> Book:
    """A book with further snapshots and flows; every loan is in a segment of its own number."""
    snapshots, names = list(rows), ("loan_id", "date", "kind", "amount")
    names_of_loans = sorted({str(row["loan_id"]) for row in snapshots})
    loans = [loan(name, segment=SEGMENTS[int(name[1:]) % 2], region="north") for name in names_of_loans]
    flows = [dict(zip(names, (*move[:3], Decimal(move[3])), strict=True)) for move in moves]
    append_tape(folder, tape(connect(), loans, snapshots, flows=flows), PROFILE, **options)
    return open_book(folder)


def month(day: date, *overdue: int | None, balance: str = "90.00") -> list[Row]:
    """Loans L0, L1, … at a month end, by days past due; None is not there."""
    return [
        snapshot(day, f"L{number}", dpd=days, balance=balance)
        for number, days in enumerate(overdue)
        if days is not None
    ]


@cache
def _built() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rows = [
        *month(JAN, 0, 0, 0, 5),
        *month(FEB, 95, 60, 0, 0),
        *month(MAR, 120, 95, None, 0),
        *month(APR, None, 125, None, 0),
    ]
    moves = [("L0", date(2025, 4, 9), "write_off", "90"), ("L2", date(2025, 3, 5), "repayment", "90")]
    states(add(folder / "b", rows, moves), RULES)
    return folder / "b"


def first_book(folder: Path) -> Book:
    """Four months: L0 goes bad and is written off, L1 goes bad and stays, L2 is repaid, L3 is there throughout."""
    shutil.copytree(_built(), folder)
    return open_book(folder)


def sums(loans: ir.Table) -> ir.Table:
    """Rows that follow from single months."""
    added = loans.group_by("as_of", "segment").aggregate(
        loans=loans.count(), npl=loans.is_npl.sum(), balance=loans.principal_balance.sum()
    )
    return added.mutate(npl=added.npl.cast("int64"))


def steps(loans: ir.Table, flows: ir.Table, periods: ir.Table) -> ir.Table:
    """Rows that follow from two month ends and the flows between: who was there, with what moved."""
    was = loans.inner_join(periods, loans.as_of == periods.opening)
    now = loans.inner_join(periods, loans.as_of == periods.as_of).select("loan_id", "is_npl", step=periods.as_of)
    moved = flows_within(flows, periods)
    paid = moved.group_by("loan_id", step=moved.as_of).aggregate(paid=moved.amount.sum())
    both = was.select("loan_id", "principal_balance", step=periods.as_of).left_join(now, ["loan_id", "step"])
    return (
        both.drop("loan_id_right", "step_right")
        .left_join(paid, ["loan_id", "step"])
        .drop("loan_id_right", "step_right")
    )


def rows_of(table: ir.Table | None) -> list[tuple[object, ...]]:
    assert table is not None
    return sorted((tuple(row.values()) for row in table.to_pyarrow().to_pylist()), key=str)


def answers(book: Book, rules: RuleSet = RULES) -> list[list[tuple[object, ...]]]:
    """What is kept of a book: rows of months, and of steps."""
    loans = states(book, rules)
    kept_rows = monthly.kept_months(loans, sums), monthly.kept_steps(loans, book.flows, book.months, steps)
    return [rows_of(rows) for rows in kept_rows]


def fresh(book: Book, rules: RuleSet = RULES) -> list[list[tuple[object, ...]]]:
    """The same, asked of the book as it is now."""
    loans = states(book, rules)
    return [rows_of(sums(loans)), rows_of(steps(loans, book.flows, month_ends(book.months)))]


def assert_current(book: Book) -> None:
    """What is answered now is what the book says now."""
    assert answers(book) == fresh(book)


def files_of(folder: Path) -> dict[str, int]:
    """Kept files and when each was written."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob(f"{kept.FOLDER}/*/*.parquet")
    }


def newly_written(folder: Path, before: dict[str, int]) -> set[date]:
    """Months of which something was written since."""
    return {
        date.fromisoformat(Path(name).name[:10]) for name, when in files_of(folder).items() if before.get(name) != when
    }
