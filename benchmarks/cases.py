"""What is timed: each case is set up, does its work in a process of its own and prints its result's digest."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

SCRATCH = Path(__file__).parent / "scratch"
ENOUGH_SECONDS = 10  # after which a case is not repeated
Work = Callable[[], str]  # what is timed; what it returns must be the same for every peer
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


def prepare_book(size: str) -> Work:
    """Build a demonstration book of about `size` million loan-months."""
    from analysis.book.demo.build import build_demo

    def work() -> str:
        if not (book(size) / "catalog.json").is_file():
            build_demo(book(size), loans=round(float(size) * 1e6 / 60), months=60)
        return ""

    return work


def prepare_tape(size: str) -> Work:
    """Write the book's snapshots as one CSV."""
    from analysis.book.store import open_book

    def work() -> str:
        if not tape(size).is_file():
            open_book(book(size)).snapshots.select(*TAPE_COLUMNS).to_csv(tape(size))
        (SCRATCH / "map.toml").write_text(MAP)
        return ""

    return work


def classify_book(size: str) -> Work:
    """Classify every month: paid once per month of tape and definition."""
    return lambda: str(_states(size).count().execute())


def warm_book(size: str) -> Work:
    """Read every file once, so that no case is the one that waits for the disk."""
    return lambda: str(sum(len(Path(path).read_bytes()) for path in _state_files(size)))


def ratio_ours(size: str) -> Work:
    """NPL ratio by month and segment through `npl measure`'s function."""
    from analysis.measures.stock import measured

    states = _states(size)
    return lambda: _digest(measured(states, "npl_ratio", by=("segment",)), "numerator")


def ratio_sql(size: str) -> Work:
    """The same by hand-written DuckDB SQL."""
    return _by_sql(RATIO_SQL, size)


def ratio_pandas(size: str) -> Work:
    """The same by pandas."""
    import pandas as pd

    files, wanted = _state_files(size), ["as_of", "segment", "principal_balance", "is_npl"]

    def work() -> str:
        loans = pd.concat(
            pd.read_parquet(path, columns=wanted).astype({"principal_balance": "float64"}) for path in files
        )
        npl = loans.assign(npl_balance=loans.principal_balance.where(loans.is_npl, 0.0))
        rows = npl.groupby(["as_of", "segment"], as_index=False)[["npl_balance", "principal_balance"]].sum()
        return _digest(rows, "npl_balance")

    return work


def all_ours(size: str) -> Work:
    """Every stock component by month and segment."""
    from analysis.measures.components import STOCK, component_rows

    states = _states(size)
    return lambda: _digest(component_rows(states, ("segment",), STOCK), "npl_balance")


def all_sql(size: str) -> Work:
    """The same components by hand-written SQL."""
    return _by_sql(ALL_SQL, size)


def all_pandas(size: str) -> Work:
    """The same components by pandas."""
    import pandas as pd

    amounts = ["principal_balance", "allowance"]
    wanted = ["as_of", "segment", *amounts, "is_npl", "five_class", "days_past_due", "is_restructured"]
    files = _state_files(size)

    def work() -> str:
        loans = pd.concat(pd.read_parquet(f, columns=wanted).astype(dict.fromkeys(amounts, "float64")) for f in files)
        flags = {
            "npl": loans.is_npl,
            "special_mention": loans.five_class == "special_mention",
            "overdue": loans.days_past_due > 0,
            "overdue90": loans.days_past_due > 90,
            "restructured": loans.is_restructured,
        }
        parts = {f"{name}_loans": flag for name, flag in flags.items()}
        parts |= {f"{name}_balance": loans.principal_balance.where(flag, 0.0) for name, flag in flags.items()}
        grouped = loans.assign(loans=1, **parts).groupby(["as_of", "segment"], as_index=False)
        return _digest(grouped[["loans", *amounts, *parts]].sum(), "npl_balance")

    return work


def import_ours(size: str) -> Work:
    """Import the CSV: parsed, checked, tallied, written by month, with prior state."""
    from analysis.book.imports import import_mapped

    target = _emptied(f"imported-{size}")

    def work() -> str:
        record = import_mapped(str(tape(size)), SCRATCH / "map.toml", target, restate=False)
        return str(record["tallies"][0]["amount_accepted"])

    return work


def import_sql(size: str) -> Work:
    """Cast and partition the CSV by hand-written DuckDB SQL: no checks, no account, no prior state."""
    import duckdb

    target = _emptied(f"sql-{size}")

    def work() -> str:
        duckdb.execute("SET enable_progress_bar = false")
        duckdb.execute(IMPORT_SQL.format(source=tape(size), target=target))
        total = duckdb.execute(f"SELECT sum(principal_balance) FROM read_parquet('{target}/*/*.parquet')").fetchone()
        return str(total[0]) if total else ""

    return work


def import_pandas(size: str) -> Work:
    """Read and partition the CSV by pandas in pieces: no checks, amounts as floats."""
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


CASES: dict[str, Callable[[str], Work]] = {
    case.__name__: case
    for case in (
        prepare_book, prepare_tape, classify_book, warm_book, ratio_ours, ratio_sql, ratio_pandas,
        all_ours, all_sql, all_pandas, import_ours, import_sql, import_pandas,
    )
}  # fmt: skip


def _opened(size: str):  # noqa: ANN202  (a book and its rules; imported late so that start-up is timed apart)
    from analysis.book.store import open_book
    from analysis.rules.loader import load_rules

    return open_book(book(size)), load_rules("cn_2023")


def _states(size: str):  # noqa: ANN202  (an Ibis table)
    from analysis.classify.states import states

    return states(*_opened(size))


def _state_files(size: str) -> list[str]:
    from analysis.classify.cache import month_files, states_folder

    opened, rules = _opened(size)
    return [str(path) for path in month_files(opened, rules, states_folder(opened)).values()]


def _by_sql(query: str, size: str) -> Work:
    import duckdb

    files = _state_files(size)
    return lambda: _digest(duckdb.execute(query, [files]).df(), "npl_balance")


def _emptied(name: str) -> Path:
    shutil.rmtree(SCRATCH / name, ignore_errors=True)
    return SCRATCH / name


def _digest(rows, column: str) -> str:  # noqa: ANN001  (a pandas frame)
    return str(sum((Decimal(str(value)) for value in rows[column].dropna()), Decimal(0)).quantize(Decimal("1")))


def main(case: str, size: str, repeats: str) -> None:
    """Set a case up, do its work up to `repeats` times, print the seconds of each part as JSON."""
    start = time.perf_counter()
    work = CASES[case](size)
    ready, seconds, result = time.perf_counter(), [], ""
    for _ in range(int(repeats)):
        begun = time.perf_counter()
        result = work()
        seconds.append(round(time.perf_counter() - begun, 4))
        if sum(seconds) > ENOUGH_SECONDS:
            break
    print(json.dumps({"start_s": round(ready - start, 2), "work_s": seconds, "result": result}))


if __name__ == "__main__":
    main(*sys.argv[1:])
