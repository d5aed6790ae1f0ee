"""Small ledgers as a bank would send them, and their import."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import ibis.expr.types as ir

from analysis.book.engine import connect
from analysis.book.ingest.mapping import parse_mapping
from analysis.book.ingest.pipeline import read_tape
from analysis.book.tape import Tally, Tape

HEADER = ("报告日", "借据号", "客户号", "分部", "发放日", "发放金额", "余额", "逾期天数")
COLUMNS = {
    "as_of": "报告日",
    "loan_id": "借据号",
    "borrower_id": "客户号",
    "segment": "分部",
    "origination_date": "发放日",
    "original_amount": "发放金额",
    "principal_balance": "余额",
    "days_past_due": "逾期天数",
}
PLAIN_MAP = "[columns]\n" + "\n".join(f'{name} = "{column}"' for name, column in COLUMNS.items()) + "\n"


def ledger_map(*, head: str = "", tail: str = "", **columns: str) -> str:
    """A map of the plain ledger; `columns` replaces or adds lines, as TOML values."""
    lines = {name: f'"{column}"' for name, column in COLUMNS.items()} | columns
    return f"{head}\n[columns]\n" + "\n".join(f"{name} = {value}" for name, value in lines.items()) + f"\n{tail}\n"


def record(**fields: str) -> tuple[str, ...]:
    """One clean record; fields are named as the tape's columns."""
    clean = {
        "as_of": "2025-09-30",
        "loan_id": "L1",
        "borrower_id": "B1",
        "segment": "制造业",
        "origination_date": "2024-01-15",
        "original_amount": "100.00",
        "principal_balance": "90.00",
        "days_past_due": "0",
    }
    return tuple((clean | fields).values())


def csv_text(records: Iterable[Iterable[str]], header: Iterable[str] = HEADER, delimiter: str = ",") -> str:
    """A CSV file's text."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([tuple(header), *map(tuple, records)])
    return text.getvalue()


def imported(folder: Path, content: str | bytes, mapping: str = PLAIN_MAP, *, name: str = "ledger.csv") -> Tape:
    """The tape that a file of this content gives."""
    source = folder / name
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    return tape_of(source, folder, mapping)


def tape_of(source: str | Path, folder: Path, mapping: str = PLAIN_MAP) -> Tape:
    """The tape that a source gives."""
    staging = folder / f"staging-{len(list(folder.iterdir()))}"
    staging.mkdir()
    return read_tape(source, parse_mapping(mapping), backend=connect(), staging=staging)


def rows(table: ir.Table | None, *columns: str) -> list[Mapping[str, object]]:
    """Rows of a table in the order of all its columns."""
    assert table is not None
    chosen = table.select(*columns) if columns else table
    return list(chosen.order_by(chosen.columns).to_pyarrow().to_pylist())


def values(table: ir.Table | None, column: str) -> list[object]:
    """Values of one column, ascending."""
    return [row[column] for row in rows(table, column)]


def reasons(tape: Tape) -> dict[int, str]:
    """Reason of each source row that was set aside."""
    return {int(str(row["source_row"])): str(row["reason"]) for row in rows(tape.quarantine, "source_row", "reason")}


def account(tape: Tape) -> Tally:
    """The one account of a tape, checked."""
    (tally,) = tape.tallies
    tally.check()
    return tally
