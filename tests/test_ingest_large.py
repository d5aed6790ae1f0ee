"""A tape of ten million rows is imported in the memory of a laptop, and none of its cents is lost."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from analysis.book.store import open_book
from ledgers import HEADER, PLAIN_MAP

ROWS, MONTHS = 10_000_000, 4
MOST_BYTES = 2 << 30
# Columns in the order of `ledgers.HEADER`; every thousandth balance is no number.
TAPE = """
COPY (
    SELECT last_day(DATE '2025-06-01' + INTERVAL (i % {months}) MONTH), 'L' || (i // {months}), 'B' || (i // 8),
           ['制造业', '零售业', '建筑业'][1 + i // {months} % 3],
           DATE '2020-01-01' + CAST(i // {months} % 1500 AS INTEGER),
           '1,000,000.00', CASE WHEN i % 1000 = 7 THEN 'n.n.' ELSE printf('%.2f', (i % 9973) / 100) END, i % 91
    FROM range({rows}) rows(i)
) TO '{target}' (HEADER false, DELIMITER ',')
"""


def ledger(folder: Path, rows: int) -> Path:
    body, whole = folder / "body.csv", folder / "ledger.csv"
    duckdb.sql(TAPE.format(rows=rows, months=MONTHS, target=body))
    with whole.open("wb") as stream:
        stream.write((",".join(HEADER) + "\n").encode())
        with body.open("rb") as source:
            while chunk := source.read(1 << 24):
                stream.write(chunk)
    body.unlink()
    (folder / "map.toml").write_text(PLAIN_MAP, encoding="utf-8")
    return whole


def peak_bytes(*command: str) -> int:
    """Most memory that a process held; it has to end well."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="this system does not tell the memory of a process that ended")
def test_ten_million_rows_are_imported_within_two_gibibytes(tmp_path: Path) -> None:
    source = ledger(tmp_path, ROWS)
    target = tmp_path / "books" / "large"
    command = [sys.executable, "-m", "analysis", "import", str(source), "--map", str(tmp_path / "map.toml")]
    peak = peak_bytes(*command, "--into", str(target))
    (tally,) = open_book(target).catalog.imports[-1]["tallies"]
    assert (tally["rows_in"], tally["rows_quarantined"]) == (ROWS, ROWS // 1000)
    cents = sum(i % 9973 for i in range(ROWS) if i % 1000 != 7)
    assert Decimal(tally["amount_accepted"]) == Decimal(cents) / 100
    assert peak < MOST_BYTES
