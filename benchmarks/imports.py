"""Import of a tape, by us and by hand; the others neither check, nor account, nor store the state before."""

import shutil
from pathlib import Path

from benchmarks.places import SCRATCH, Work, tape

IMPORT_SQL = """
COPY (SELECT as_of::DATE AS as_of, loan_id, borrower_id, segment, region, product,
             origination_date::DATE AS origination_date, original_amount::DECIMAL(18,2) AS original_amount,
             principal_balance::DECIMAL(18,2) AS principal_balance, days_past_due::INTEGER AS days_past_due,
             overdue_principal::DECIMAL(18,2) AS overdue_principal, allowance::DECIMAL(18,2) AS allowance
      FROM read_csv('{source}', all_varchar = true))
TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (as_of), OVERWRITE true)
"""


def ours(size: str) -> Work:
    """Import the CSV: parsed, checked, tallied, written by month, with prior state."""
    from analysis.book.imports import import_mapped

    target = _emptied(f"imported-{size}")

    def work() -> str:
        record = import_mapped(str(tape(size)), SCRATCH / "map.toml", target, restate=False)
        return str(record["tallies"][0]["amount_accepted"])

    return work


def sql(size: str) -> Work:
    """Cast and partition the CSV by hand-written DuckDB SQL."""
    import duckdb

    target = _emptied(f"sql-{size}")

    def work() -> str:
        duckdb.execute("SET enable_progress_bar = false")
        duckdb.execute(IMPORT_SQL.format(source=tape(size), target=target))
        total = duckdb.execute(f"SELECT sum(principal_balance) FROM read_parquet('{target}/*/*.parquet')").fetchone()
        return str(total[0]) if total else ""

    return work


def pandas(size: str) -> Work:
    """Read and partition the CSV by pandas in pieces, amounts as floats."""
    import pandas as pd

    target = _emptied(f"pandas-{size}")

    def work() -> str:
        total = 0.0
        target.mkdir()
        pieces = pd.read_csv(tape(size), parse_dates=["as_of", "origination_date"], chunksize=1_000_000)
        for number, loans in enumerate(pieces):
            for month, rows in loans.groupby("as_of"):
                rows.to_parquet(target / f"{month:%Y-%m}-{number}.parquet", compression="zstd")
            total += loans.principal_balance.sum()
        return f"{total:.2f}"

    return work


def _emptied(name: str) -> Path:
    shutil.rmtree(SCRATCH / name, ignore_errors=True)
    return SCRATCH / name
