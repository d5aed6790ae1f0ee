"""Write one piece of the demonstration book to Parquet: a part per month and table, sorted by loan."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.book.catalog import FileRecord, file_record
from analysis.book.demo.calendar import day_number, month_end
from analysis.book.demo.cases import case_flows, case_loans, case_snapshots, case_statements
from analysis.book.demo.columns import TableWriter, rows_frame
from analysis.book.demo.contacts import Log, contact_rows
from analysis.book.demo.lookups import Lookups
from analysis.book.demo.simulation import Month, Piece, simulate
from analysis.book.demo.statements import statement_rows
from analysis.book.demo.tables import flow_rows, loan_rows, snapshot_rows
from analysis.book.schema import snapshot_schema, table_schema

Tell = Callable[[], None]
# The column whose total is accounted for in the book's record of the build.
AMOUNTS = {"loans": "original_amount", "snapshots": "principal_balance", "flows": "amount"}
_UNDATED = ("loans", "flows", "financials", "contacts")


@dataclass
class Account:
    """What a piece has written: files, rows and amounts by table, and what was planted."""

    files: list[FileRecord] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    amounts: dict[str, Decimal] = field(default_factory=dict)
    mistakes: list[dict[str, object]] = field(default_factory=list)
    breaches: list[dict[str, object]] = field(default_factory=list)

    def add(self, table: str, writer: TableWriter) -> None:
        """Account for a finished file."""
        self.rows[table] = self.rows.get(table, 0) + writer.rows
        if table in AMOUNTS:
            self.amounts[table] = self.amounts.get(table, Decimal(0)) + writer.amount


@dataclass(frozen=True, kw_only=True)
class _Sheets:
    """Open files of a piece, the case rows that go into them, and the loans seen so far."""

    folder: Path
    piece: Piece
    lookups: Lookups
    account: Account
    writers: Mapping[str, TableWriter]
    cases: Mapping[date, list[dict[str, object]]]
    loans: list[pa.Table]
    log: Log


def write_piece(folder: Path, piece: Piece, lookups: Lookups, tell: Tell) -> Account:
    """Simulate a piece and write its parts.

    Args:
        folder: the book under construction.
        piece: its places, months and stream of chance.
        lookups: the truth as arrays.
        tell: called after each month.

    Returns:
        files, rows and amounts written; mistakes and breaches put in.
    """
    account, name = Account(), f"part-{piece.number:05d}.parquet"
    streams = [np.random.Generator(np.random.PCG64(stream)) for stream in piece.stream.spawn(2)]
    writers = {
        table: TableWriter(folder / table / name, table_schema(table), amount=AMOUNTS.get(table)) for table in _UNDATED
    }
    with ExitStack() as stack:
        for writer in writers.values():
            stack.enter_context(writer)
        sheets = _Sheets(
            folder=folder,
            piece=piece,
            lookups=lookups,
            account=account,
            writers=writers,
            cases=_case_rows(piece, lookups),
            loans=[],
            log=Log(piece.number),
        )
        _write_cases(sheets)
        for month in simulate(piece, lookups):
            _write_month(sheets, month, streams)
            tell()
        writers["loans"].write(_by_loan(sheets.loans))
        account.mistakes, account.breaches = month.mistakes.found, sheets.log.breaches
    for table, writer in writers.items():
        account.add(table, writer)
        if writer.rows:
            account.files.append(file_record(folder, table, None, writer.path, rows=writer.rows))
    return account


def _write_month(sheets: _Sheets, month: Month, streams: list[np.random.Generator]) -> None:
    lookups, last = sheets.lookups, int(sheets.piece.months[-1])
    _write_snapshots(sheets, month)
    sheets.writers["flows"].write(flow_rows(month.flows))
    sheets.loans.append(loan_rows(month, lookups))
    if (month.month + 1) % 3 == 0:
        known = day_number(month_end(last))
        sheets.writers["financials"].write(statement_rows(month, lookups, known, streams[0]))
    sheets.writers["contacts"].write(contact_rows(month, lookups, sheets.log, last, streams[1]))


def _write_snapshots(sheets: _Sheets, month: Month) -> None:
    day = month_end(month.month)
    path = sheets.folder / "snapshots" / f"as_of={day}" / f"part-{sheets.piece.number:05d}.parquet"
    schema = snapshot_schema()
    with TableWriter(path, schema, amount=AMOUNTS["snapshots"], even_if_empty=True) as writer:
        writer.write(rows_frame(sheets.cases.get(day, []), schema))
        writer.write(snapshot_rows(month, sheets.lookups))
    sheets.account.add("snapshots", writer)
    sheets.account.files.append(file_record(sheets.folder, "snapshots", day, path, rows=writer.rows))


def _case_rows(piece: Piece, lookups: Lookups) -> dict[date, list[dict[str, object]]]:
    first, last = _range(piece)
    return case_snapshots(first, last, lookups.truth.reporting["allowance"]) if piece.number == 0 else {}


def _write_cases(sheets: _Sheets) -> None:
    if sheets.piece.number > 0:
        return
    first, last = _range(sheets.piece)
    rows = {"loans": case_loans(first, last), "flows": case_flows(first, last), "financials": case_statements(last)}
    for table, cases in rows.items():
        sheets.writers[table].write(rows_frame(cases, table_schema(table)))


def _range(piece: Piece) -> tuple[date, date]:
    return month_end(int(piece.months[0])), month_end(int(piece.months[-1]))


def _by_loan(tables: list[pa.Table]) -> pa.Table:
    loans = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    return loans.take(pc.sort_indices(loans["loan_id"]))
