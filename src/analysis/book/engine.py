"""Where measures are computed: DuckDB embedded, with memory and threads under control."""

import os
from pathlib import Path

import ibis
from ibis.backends.duckdb import Backend as DuckDB

from analysis.errors import Misuse, Unavailable

DEFAULT_ENGINE = "duckdb"
SERVER_SCHEMES = ("postgres", "postgresql", "spark", "pyspark")


def connect(engine: str = DEFAULT_ENGINE, *, memory: str | None = None, spill: Path | None = None) -> DuckDB:
    """Open an engine.

    Args:
        engine: "duckdb"; loan data of a book lies in Parquet files that it reads in place.
        memory: most memory it may use, such as "1GiB"; its own default if not given.
        spill: folder for what does not fit.

    Raises:
        Misuse: if the engine is not one we know.
    """
    scheme = engine.split(":", 1)[0]
    if scheme in SERVER_SCHEMES:
        raise Unavailable(f"engine must be 'duckdb' for a book in files, was {engine!r}; import its tables first.")
    if scheme != DEFAULT_ENGINE:
        raise Misuse(f"engine must be 'duckdb', was {engine!r}.")
    backend = ibis.duckdb.connect(threads=threads())
    # Progress bars of the engine would mix with JSON on standard output. A notebook without widgets
    # has none, and refuses to have it switched off.
    if backend.raw_sql("SELECT current_setting('enable_progress_bar')").fetchone() != (False,):
        backend.raw_sql("SET enable_progress_bar = false")
    if memory is not None:
        backend.raw_sql(f"SET memory_limit = '{memory}'")
    if spill is not None:
        backend.raw_sql(f"SET temp_directory = '{spill.as_posix()}'")
    return backend


def threads() -> int:
    """Threads an engine may use: NPL_THREADS, or one per processor."""
    wanted = os.environ.get("NPL_THREADS", "")
    if wanted and (not wanted.isdigit() or int(wanted) < 1):
        raise Misuse(f"NPL_THREADS must be a whole number from 1, was {wanted!r}.")
    return int(wanted) if wanted else os.cpu_count() or 1
