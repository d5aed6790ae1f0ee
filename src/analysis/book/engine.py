"""Where measures are computed: embedded, on a PostgreSQL server or on Spark; which of them changes no number."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Protocol

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.engine_choice import DEFAULT_ENGINE
from analysis.errors import Misuse, did_you_mean

Progress = Callable[[int, int], None]
_FORMS = "duckdb, postgresql://user@host/database, spark://local or spark://host:port"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of a table that lie in one Parquet file and never change.

    Attributes:
        name: of the table, the month and a digest of the rows or of all that they follow from.
        path: the file.
    """

    name: str
    path: Path


class Engine(Protocol):
    """What computes on the tables of one book.

    Attributes:
        kind: "duckdb", "postgresql" or "spark".
        keeps_copies: whether it reads copies of a book's files, and not the files.
        backend: what runs Ibis expressions.
    """

    kind: ClassVar[str]
    keeps_copies: ClassVar[bool]

    @property
    def backend(self) -> BaseBackend:
        """What runs Ibis expressions."""

    def require(self, parts: Sequence[Part]) -> None:
        """Refuse parts that cannot be read here as they are now.

        Raises:
            Unavailable: saying what to do.
        """

    def hold(self, parts: Sequence[Part], progress: Progress | None = None) -> int:
        """Bring parts to where they can be read, but for those that are there; how many were brought.

        Raises:
            Unavailable: if they cannot be brought.
        """

    def sweep(self, current: Iterable[Part]) -> None:
        """Remove copies of what is not among these parts, unless someone is reading them."""

    def table(self, parts: Sequence[Part]) -> ir.Table:
        """Rows of all parts, one or more, as one table."""


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """DuckDB in this process; it reads a book's files in place."""

    backend: DuckDB
    kind: ClassVar[str] = "duckdb"
    keeps_copies: ClassVar[bool] = False

    def require(self, parts: Sequence[Part]) -> None:
        """Files are read as they are."""

    def hold(self, parts: Sequence[Part], progress: Progress | None = None) -> int:  # noqa: ARG002  (nothing to bring)
        """Files are read where they are."""
        return 0

    def sweep(self, current: Iterable[Part]) -> None:
        """There are no copies."""

    def table(self, parts: Sequence[Part]) -> ir.Table:
        """Rows of all parts as one table."""
        return self.backend.read_parquet([str(part.path) for part in parts], hive_partitioning=False)


def open_engine(address: str, book: str) -> Engine:
    """Open an engine for a book.

    Args:
        address: "duckdb"; "postgresql://user@host/database", with a schema after another slash if it is not
            to be the book's name; "spark://local" or the address of a Spark master.
        book: name of the book.

    Raises:
        Misuse: if the address is of none of these forms.
        Unavailable: if the engine does not answer, or what reaches it is not installed.
    """
    scheme = address.partition(":")[0].lower()
    if scheme not in _OPENERS:
        # Only the scheme is shown: what follows it may hold a password.
        raise Misuse(f"engine must be {_FORMS}, was {scheme!r}{did_you_mean(scheme, _OPENERS)}.")
    return _OPENERS[scheme](address, book)


def connect(*, memory: str | None = None, spill: Path | None = None) -> DuckDB:
    """Open DuckDB in this process.

    Args:
        memory: most memory it may use, such as "1GiB"; its own default if not given.
        spill: folder for what does not fit.
    """
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


def _embedded(address: str, _: str) -> Engine:
    if address.rstrip(":/").lower() != DEFAULT_ENGINE:
        raise Misuse(f"engine must be {_FORMS}, was {address!r}; a DuckDB engine reads the book's files and no other.")
    return Embedded(backend=connect())


def _warehouse(address: str, book: str) -> Engine:
    from analysis.book.warehouse import open_warehouse  # noqa: PLC0415  (an optional driver)

    return open_warehouse(address, book)


def _cluster(address: str, _: str) -> Engine:
    from analysis.book.cluster import open_cluster  # noqa: PLC0415  (an optional package)

    return open_cluster(address)


_OPENERS: Mapping[str, Callable[[str, str], Engine]] = MappingProxyType(
    {
        DEFAULT_ENGINE: _embedded,
        "postgresql": _warehouse,
        "postgres": _warehouse,
        "spark": _cluster,
    }
)
