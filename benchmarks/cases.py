"""What is timed: each case does its work in a process of its own and prints its result's digest."""

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

SCRATCH = Path(__file__).parent / "scratch"
TAPE_COLUMNS = (
    "as_of", "loan_id", "borrower_id", "segment", "region", "product", "origination_date", "original_amount",
    "principal_balance", "days_past_due", "overdue_principal", "allowance",
)  # fmt: skip
MAP = """
[book]
title = "Benchmark"
rules = "cn_2023"

[columns]
""" + "\n".join(f'{name} = "{name}"' for name in TAPE_COLUMNS)  # fmt: skip
RATIO_SQL = """
SELECT as_of, segment,
       sum(principal_balance) FILTER (WHERE is_npl) AS npl_balance,
       sum(principal_balance) AS balance
FROM read_parquet(?, hive_partitioning = false)
GROUP BY as_of, segment ORDER BY as_of, segment
"""
ALL_SQL = """
SELECT as_of, segment, count(*) AS loans, sum(principal_balance) AS balance,
       count(*) FILTER (WHERE is_npl) AS npl_loans,
       sum(principal_balance) FILTER (WHERE is_npl) AS npl_balance,
       count(*) FILTER (WHERE five_class = 'special_mention') AS special_mention_loans,
       sum(principal_balance) FILTER (WHERE five_class = 'special_mention') AS special_mention_balance,
       sum(principal_balance) FILTER (WHERE days_past_due > 0) AS overdue_balance,
       sum(principal_balance) FILTER (WHERE days_past_due > 90) AS overdue90_balance,
       sum(principal_balance) FILTER (WHERE is_restructured) AS restructured_balance,
       sum(allowance) AS allowance
FROM read_parquet(?, hive_partitioning = false)
GROUP BY as_of, segment ORDER BY as_of, segment
"""
IMPORT_SQL = """
COPY (SELECT as_of::DATE AS as_of, loan_id, borrower_id, segment, region, product,
             origination_date::DATE AS origination_date, original_amount::DECIMAL(18,2) AS original_amount,
             principal_balance::DECIMAL(18,2) AS principal_balance, days_past_due::INTEGER AS days_past_due,
             overdue_principal::DECIMAL(18,2) AS overdue_principal, allowance::DECIMAL(18,2) AS allowance
      FROM read_csv('{source}', all_varchar = true))
TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (as_of), OVERWRITE true)
"""


def book(size: str) -> Path:
    """Folder of the benchmark's book."""
    return SCRATCH / f"book-{size}"


def tape(size: str) -> Path:
    """CSV with one row per loan-month."""
    return SCRATCH / f"tape-{size}.csv"


def _states(size: str) -> list[str]:
    return sorted(str(path) for path in (book(size) / "states").rglob("*.parquet"))


def prepare_book(size: str) -> None:
    """Build a demonstration book of about `size` million loan-months."""
    from analysis.book.demo.build import build_demo

    if not (book(size) / "catalog.json").is_file():
        build_demo(book(size), loans=round(float(size) * 1e6 / 60), months=60)


def prepare_tape(size: str) -> None:
    """Write the book's snapshots as one CSV."""
    from analysis.book.store import open_book

    if not tape(size).is_file():
        opened = open_book(book(size))
        opened.snapshots.select(*TAPE_COLUMNS).to_csv(tape(size))
    (SCRATCH / "map.toml").write_text(MAP)


def classify_book(size: str) -> None:
    """Classify every month: paid once per month of tape and definition."""
    from analysis.book.store import open_book
    from analysis.classify.states import states
    from analysis.rules.loader import load_rules

    print(states(open_book(book(size)), load_rules("cn_2023")).count().execute())


def ratio_ours(size: str) -> None:
    """NPL ratio by month and segment through `npl measure`'s function."""
    import pandas as pd

    from analysis.measures.stock import measured

    rows = measured(_table(size), "npl_ratio", by=("segment",))
    print(_digest(pd.DataFrame(rows), "numerator"))


def ratio_sql(size: str) -> None:
    """The same by hand-written DuckDB SQL."""
    import duckdb

    rows = duckdb.execute(RATIO_SQL, [_states(size)]).df()
    print(_digest(rows, "npl_balance"))


def ratio_pandas(size: str) -> None:
    """The same by pandas."""
    import pandas as pd

    wanted = ["as_of", "segment", "principal_balance", "is_npl"]
    loans = pd.concat(
        pd.read_parquet(path, columns=wanted).astype({"principal_balance": "float64"}) for path in _states(size)
    )
    npl = loans.assign(npl_balance=loans.principal_balance.where(loans.is_npl, 0.0))
    rows = npl.groupby(["as_of", "segment"], as_index=False)[["npl_balance", "principal_balance"]].sum()
    print(_digest(rows, "npl_balance"))


def all_ours(size: str) -> None:
    """Every stock component by month and segment."""
    from analysis.measures.stock import stock

    print(_digest(stock(_table(size), by=("segment",)).execute(), "npl_balance"))


def all_sql(size: str) -> None:
    """The same components by hand-written SQL."""
    import duckdb

    print(_digest(duckdb.execute(ALL_SQL, [_states(size)]).df(), "npl_balance"))


def import_ours(size: str) -> None:
    """Import the CSV: parsed, checked, tallied, classified by month, with prior state."""
    import shutil

    from analysis.book.imports import import_mapped

    target = SCRATCH / f"imported-{size}"
    shutil.rmtree(target, ignore_errors=True)
    record = import_mapped(str(tape(size)), SCRATCH / "map.toml", target, restate=False)
    print(record["tallies"][0]["amount_accepted"])


def import_sql(size: str) -> None:
    """Cast and partition the CSV by hand-written DuckDB SQL: no checks, no account, no prior state."""
    import duckdb

    target = SCRATCH / f"sql-{size}"
    duckdb.execute("SET enable_progress_bar = false")
    duckdb.execute(IMPORT_SQL.format(source=tape(size), target=target))
    total = duckdb.execute(f"SELECT sum(principal_balance) FROM read_parquet('{target}/*/*.parquet')").fetchone()
    print(total[0] if total else None)


def import_pandas(size: str) -> None:
    """Read and partition the CSV by pandas in pieces: no checks, amounts as floats."""
    import pandas as pd

    total = 0.0
    target = SCRATCH / f"pandas-{size}"
    target.mkdir(exist_ok=True)
    dates = ["as_of", "origination_date"]
    for number, loans in enumerate(pd.read_csv(tape(size), parse_dates=dates, chunksize=1_000_000)):
        loans.to_parquet(target / f"{number}.parquet", compression="zstd")
        total += loans.principal_balance.sum()
    print(f"{total:.2f}")


CASES: dict[str, Callable[[str], None]] = {
    name: case
    for name, case in list(globals().items())
    if callable(case) and name.startswith(("prepare_", "classify_", "ratio_", "all_", "import_"))
}


def _table(size: str):  # noqa: ANN202  (an Ibis table; Ibis is imported late so that its import is timed)
    from analysis.book.store import open_book
    from analysis.classify.states import states
    from analysis.rules.loader import load_rules

    return states(open_book(book(size)), load_rules("cn_2023"))


def _digest(rows, column: str) -> str:  # noqa: ANN001  (a pandas frame)
    return str(sum((Decimal(str(value)) for value in rows[column].dropna()), Decimal(0)).quantize(Decimal("1")))


if __name__ == "__main__":
    CASES[sys.argv[1]](sys.argv[2])
