"""Records of a table or query in any SQL database that Ibis reaches."""

import sqlite3
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.common.exceptions import IbisError
from sqlglot.errors import SqlglotError

from analysis.book.ingest.columnar import text_batch
from analysis.book.ingest.mapping import Source
from analysis.book.ingest.records import BATCH_RECORDS, Reading, Record, column_names, record_batches
from analysis.errors import AnalysisError, DataRefused, Misuse, Unavailable, did_you_mean

_FILE_SCHEMES = ("sqlite", "duckdb")
# Modules that hold the error family of each driver, named as the standard for drivers (PEP 249) wants.
_DRIVERS = ("psycopg", "MySQLdb", "pyodbc", "oracledb", "snowflake.connector", "trino.exceptions")


def open_database(url: str, source: Source) -> Reading:
    """Open the table or query that the map names.

    Args:
        url: such as "sqlite:///tape.db" (in this folder, or at the root of the disk), or as `ibis.connect`
            takes it, such as "postgres://host/bank".
        source: names the `table` or holds the `query`; a database with one table needs neither.

    Raises:
        Unavailable: if the database does not answer or its driver is not installed.
        Misuse: if there is no such table, or several and none is named.
        DataRefused: if the query fails.
    """
    backend = _connected(url)
    with _query_errors(url):
        rows = _rows(backend, source, url)
        columns = column_names(list(rows.columns), shown_url(url))

    def records() -> Iterator[pa.RecordBatch]:
        with _query_errors(url):
            batches = _sqlite_batches if isinstance(backend.con, sqlite3.Connection) else _batches
            yield from batches(backend, rows)

    what = source.table or ("query" if source.query else rows.get_name())
    return Reading(label=f"{shown_url(url)} [{what}]", columns=columns, attempts=(records,))


def shown_url(url: str) -> str:
    """Give the address without user, password and options."""
    parts = urlsplit(url)
    is_file = parts.scheme in _FILE_SCHEMES
    place = Path(parts.netloc + parts.path).name if is_file else (parts.hostname or "") + parts.path
    return f"{parts.scheme}://{place}"


def _connected(url: str) -> BaseBackend:
    scheme = urlsplit(url).scheme
    try:
        if scheme == "sqlite":
            return ibis.sqlite.connect(_database_file(url))
        if scheme == "duckdb":
            return ibis.duckdb.connect(_database_file(url), read_only=True)
        return _closed_when_collected(ibis.connect(url))
    except AnalysisError:
        raise
    except ImportError as error:
        raise Unavailable(
            f"{shown_url(url)} needs a driver that is not installed; install the package ibis-framework[{scheme}]."
        ) from error
    except (*_database_errors(), IbisError, OSError, ValueError) as error:
        raise Unavailable(f"database {shown_url(url)} does not answer: {_first_line(error)}.") from error


def _closed_when_collected(backend: BaseBackend) -> BaseBackend:
    # A connection that is collected open gives a warning.
    if close := getattr(getattr(backend, "con", None), "close", None):
        weakref.finalize(backend, close)
    return backend


def _database_file(url: str) -> Path:
    """File of an embedded database; after three slashes it may stand in this folder, as after two."""
    parts = urlsplit(url)
    place = unquote(parts.netloc + parts.path)
    for file in (Path(place), Path(place.lstrip("/"))):
        if file.is_file():
            return file
    raise Unavailable(f"database {shown_url(url)} cannot be read: there is no such file.")


def _rows(backend: BaseBackend, source: Source, url: str) -> ir.Table:
    if source.query is not None:
        return backend.sql(source.query)
    tables = sorted(backend.list_tables())
    name = source.table or (tables[0] if len(tables) == 1 else None)
    if name is None:
        raise Misuse(
            f"[source] table must name one of {', '.join(tables) or '(none)'} in {shown_url(url)}; add it to the map."
        )
    schema, _, bare = name.rpartition(".")
    if not schema and name not in tables:
        raise Misuse(
            f"table must be one of {', '.join(tables) or '(none)'} in {shown_url(url)}, "
            f"was {name!r}{did_you_mean(name, tables)}."
        )
    return backend.table(bare, database=schema) if schema else backend.table(name)


def _batches(_: BaseBackend, rows: ir.Table) -> Iterator[pa.RecordBatch]:
    """Values become text in the database, which knows its own types exactly."""
    first = 1
    as_text = rows.select(**{f"c{i}": rows[name].cast("string") for i, name in enumerate(rows.columns)})
    for batch in as_text.to_pyarrow_batches(chunk_size=BATCH_RECORDS):
        yield text_batch(batch, first)
        first += batch.num_rows


def _sqlite_batches(backend: BaseBackend, rows: ir.Table) -> Iterator[pa.RecordBatch]:
    """A SQLite column may hold values of any type, whatever it was declared."""
    backend.con.text_factory = lambda text: text.decode("utf-8", "replace")
    cursor = backend.con.execute(ibis.to_sql(rows, dialect="sqlite"))
    records = (Record(i, [_sqlite_text(v) for v in row]) for i, row in enumerate(cursor, start=1))
    yield from record_batches(records, len(rows.columns))


def _sqlite_text(value: object) -> str | None:
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@contextmanager
def _query_errors(url: str) -> Iterator[None]:
    try:
        yield
    except AnalysisError:
        raise
    except (*_database_errors(), IbisError, SqlglotError, pa.ArrowException) as error:
        raise DataRefused(f"the query on {shown_url(url)} fails: {_first_line(error)}.") from error


def _database_errors() -> tuple[type[Exception], ...]:
    """Error families of the drivers in use."""
    used = (sys.modules.get(name) for name in _DRIVERS)
    return (sqlite3.Error, duckdb.Error, *(driver.Error for driver in used if driver is not None))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")
