"""A book's tables on a PostgreSQL server: copied part by part, each under the digest of what it holds.

A part is a table of its own whose name ends in a digest, written whole in one transaction and never changed.
A book that was changed since asks for other names, so that an old or a half-copied part is never read.
"""

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any, ClassVar

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow.parquet as pq
from ibis.backends import BaseBackend
from pyarrow.csv import WriteOptions, write_csv

from analysis.book.address import Address, server_address
from analysis.book.engine import Part, Progress
from analysis.errors import Misuse, Unavailable

try:
    import psycopg
    from ibis.backends.sql.compilers.postgres import PostgresCompiler
    from ibis.backends.sql.datatypes import PostgresType
    from psycopg import sql
except ImportError as error:
    raise Unavailable(
        "the engine postgresql needs a driver that is not installed; install npl-workbook[postgres]."
    ) from error

_BATCH_ROWS = 50_000
_LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer names without a word
_CONNECT_SECONDS = "10"
_MARK = "part of a book, copied by npl"
# Measures read whole months: what the planner has to know for that, since it cannot tell how many rows
# a step before leaves. Row by row look-ups, its choice for a few rows, would take hours for many.
_PLANNING = MappingProxyType({"cursor_tuple_fraction": "1", "enable_nestloop": "off", "jit": "off", "work_mem": "64MB"})
_CSV = WriteOptions(include_header=False, quoting_style="all_valid")  # "" is a text, nothing is null


class Compiler(PostgresCompiler):  # type: ignore[misc]  # a package without types
    """Ibis' own, but for what the server does not know: to make a large number of a truth value."""

    __slots__ = ()

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:  # noqa: ANN401  (Ibis' own signature)
        """A cast; truth values go by way of the one kind of number they can become."""
        is_flag = op.arg.dtype.is_boolean() and to.is_integer()
        return super().visit_Cast(op, arg=self.cast(arg, dt.int32) if is_flag else arg, to=to)


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """A schema on a PostgreSQL server that holds parts of a book.

    Attributes:
        backend: what runs Ibis expressions there.
        schema: name of the schema.
        book: name of the book, for messages.
        place: address of the server for messages, without password.
    """

    backend: BaseBackend
    schema: str
    book: str
    place: str
    kind: ClassVar[str] = "postgresql"
    keeps_copies: ClassVar[bool] = True

    def require(self, parts: Sequence[Part]) -> None:
        """Refuse parts that the server does not hold.

        Raises:
            Unavailable: saying how many, and how to copy them.
        """
        if missing := self._missing(parts):
            what = "is not there" if len(missing) == len(parts) else "is there in part, or as it was before a change"
            raise Unavailable(
                f"book {self.book!r} {what} ({len(missing)} of {len(parts)} parts are missing in schema "
                f"{self.schema!r} of {self.place}); copy it with npl load {self.book} --engine {self.place}."
            )

    def hold(self, parts: Sequence[Part], progress: Progress | None = None) -> int:
        """Copy parts that the server does not hold, each in a transaction of its own; how many.

        Raises:
            Unavailable: if the server refuses or fails; what was copied before stays and is not copied again.
        """
        missing = self._missing(parts)
        for done, part in enumerate(missing):
            if progress is not None:
                progress(done, len(missing))
            with self._transaction() as cursor:
                self._lock(cursor)
                # Another process may have copied it while this one waited.
                if not self._held(cursor, [part.name]):
                    self._copy(cursor, part)
        return len(missing)

    def table(self, parts: Sequence[Part]) -> ir.Table:
        """Rows of all parts as one table; they cannot be removed while it is in use."""
        name = ibis.util.gen_name("parts")
        # Named one by one, because a union goes by place and not by name.
        columns = sql.SQL(", ").join(map(sql.Identifier, pq.read_schema(parts[0].path).names))
        chosen = sql.SQL("SELECT {} FROM {}")
        rows = sql.SQL(" UNION ALL ").join(chosen.format(columns, self._named(part.name)) for part in parts)
        with self._transaction() as cursor:
            cursor.execute(sql.SQL("CREATE TEMPORARY VIEW {} AS ").format(sql.Identifier(name)) + rows)
        return self.backend.table(name)

    def sweep(self, current: Iterable[Part]) -> None:
        """Remove parts that no longer belong to the book, but for those that someone is reading."""
        kept = {part.name for part in current}
        for name in self._copied():
            if name not in kept:
                self._drop(name)

    def _drop(self, name: str) -> None:
        try:
            with self.backend.con.transaction(), self.backend.con.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '1s'")
                cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self._named(name)))
        except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.LockNotAvailable):
            return  # a view of another session reads it; the next load removes it

    def _missing(self, parts: Sequence[Part]) -> list[Part]:
        with self._transaction() as cursor:
            held = self._held(cursor, [part.name for part in parts])
        return [part for part in dict.fromkeys(parts) if part.name not in held]

    def _held(self, cursor: "psycopg.Cursor[tuple[str]]", names: Sequence[str]) -> set[str]:
        query = (
            "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relname = ANY(%s)"
        )
        return {name for (name,) in cursor.execute(query, (self.schema, list(names)))}

    def _copied(self) -> list[str]:
        query = (
            "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind = 'r' AND pg_catalog.obj_description(c.oid, 'pg_class') = %s"
        )
        with self._transaction() as cursor:
            return sorted(name for (name,) in cursor.execute(query, (self.schema, _MARK)))

    def _lock(self, cursor: "psycopg.Cursor[tuple[str]]") -> None:
        cursor.execute("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext(%s))", (self.schema,))
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self.schema)))

    def _copy(self, cursor: "psycopg.Cursor[tuple[str]]", part: Part) -> None:
        table, rows = self._named(part.name), pq.ParquetFile(part.path)
        columns = sql.SQL(", ").join(_columns(ibis.Schema.from_pyarrow(rows.schema_arrow)))
        cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
        with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table)) as target:
            for batch in rows.iter_batches(_BATCH_ROWS):
                text = BytesIO()
                write_csv(batch, text, _CSV)
                target.write(text.getbuffer())
        if cursor.rowcount != rows.metadata.num_rows:
            raise Unavailable(
                f"{self.place} must take {rows.metadata.num_rows:,} rows of {part.name}, but took {cursor.rowcount:,}."
            )
        cursor.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(_MARK)))
        cursor.execute(sql.SQL("ANALYZE {}").format(table))

    def _named(self, name: str) -> sql.Identifier:
        return sql.Identifier(self.schema, name)

    @contextmanager
    def _transaction(self) -> Iterator["psycopg.Cursor[tuple[str]]"]:
        try:
            with self.backend.con.transaction(), self.backend.con.cursor() as cursor:
                yield cursor
        except psycopg.Error as error:
            raise Unavailable(
                f"{self.place} refuses what book {self.book!r} needs in schema {self.schema!r}: {_line(error)}."
            ) from error


def open_warehouse(text: str, book: str) -> Warehouse:
    """Open the schema of a book on a PostgreSQL server.

    Args:
        text: such as "postgresql://user@host/database" or "postgresql://user@host/database/schema"; the
            password comes from it, from PGPASSWORD or from ~/.pgpass.
        book: name of the book, and of its schema if the address names none.

    Raises:
        Misuse: if the address cannot be read, or the name of the schema is too long.
        Unavailable: if the server does not answer, or keeps texts in another encoding than UTF-8.
    """
    address = server_address(text)
    database, schema = (*address.path[:2], None, None)[:2] if address.path else (None, None)
    schema = schema or book
    if len(address.path) > 2 or len(schema.encode()) > _LONGEST_NAME:
        raise Misuse(
            f"the schema must be a name of at most {_LONGEST_NAME} bytes, was {'/'.join(address.path[1:]) or book!r}; "
            f"name one after the database: {address.scheme}://host/database/schema."
        )
    backend = _connected(address, database)
    return Warehouse(backend=backend, schema=schema, book=book, place=str(address))


def _connected(address: Address, database: str | None) -> BaseBackend:
    given = {"application_name": "npl", "connect_timeout": _CONNECT_SECONDS} | address.options
    known = {"host": address.host, "port": address.port, "user": address.user, "password": address.password}
    known = {name: value for name, value in known.items() if name not in given}
    try:
        backend = ibis.postgres.connect(**known, database=database, **given)
    except psycopg.Error as error:
        raise Unavailable(f"engine {address} does not answer: {_line(error)}.") from error
    backend.compiler = Compiler()
    for name, value in _PLANNING.items():
        backend.con.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
    # Left open, a connection would be a warning when it is collected.
    weakref.finalize(backend, backend.con.close)
    if (encoding := backend.con.info.parameter_status("server_encoding")) != "UTF8":
        raise Unavailable(f"the database at {address} must keep texts as UTF8, but keeps {encoding}; use another.")
    return backend


def _columns(schema: ibis.Schema) -> Iterator[sql.Composable]:
    for name, dtype in schema.items():
        # Texts compare as in the other engines, byte by byte, whatever the server's language.
        collation = ' COLLATE "C"' if dtype.is_string() else ""
        yield sql.Identifier(name) + sql.SQL(f" {PostgresType.to_string(dtype)}{collation}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split("\n")[0].split()).rstrip(".")
