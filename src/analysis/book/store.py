"""Open a book as of a date: the tables, the profile and the digest that every report quotes."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.catalog import Catalog, FileRecord, content_hash, read_catalog
from analysis.book.engine import DEFAULT_ENGINE, connect
from analysis.book.profile import Profile, profile_toml, read_profile
from analysis.book.schema import snapshot_schema, table_schema
from analysis.errors import Misuse, Unavailable, did_you_mean
from analysis.terms import Text, same

# When a row of a table became known.
_KNOWN_ON: Mapping[str, Callable[[ir.Table], ir.DateValue]] = {
    "flows": lambda rows: rows.date,
    "financials": lambda rows: rows.known_date,
    "contacts": lambda rows: rows.start_ts.left(10).try_cast("date"),
    "macro": lambda rows: ibis.coalesce(rows.vintage, rows.date),
}


# Marks that turn the direction of writing would turn the text after a name as well; they are spelled out.
_DIRECTIONS = {
    mark: f"[U+{mark:04X}]" for mark in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


@dataclass(frozen=True, kw_only=True)
class Book:
    """One bank's data set as it was known on a date; nothing in it can be changed.

    Attributes:
        name: folder name.
        path: folder.
        as_of: reporting date; nothing later is visible.
        profile: what the book says of itself.
        catalog: its files and imports.
        backend: the engine its tables live in.
    """

    name: str
    path: Path
    as_of: date
    profile: Profile
    catalog: Catalog
    backend: DuckDB

    @property
    def months(self) -> tuple[date, ...]:
        """Month ends with snapshots up to the reporting date, ascending."""
        return tuple(month for month in self.catalog.months if month <= self.as_of)

    @property
    def content_hash(self) -> str:
        """Digest of profile and files up to the reporting date; the same wherever the book lies."""
        later = [f for f in self.catalog.of("snapshots") if f.as_of is not None and f.as_of > self.as_of]
        known = Catalog(files=tuple(f for f in self.catalog.files if f not in set(later)))
        return content_hash(known, profile_toml(self.profile))

    @cached_property
    def snapshots(self) -> ir.Table:
        """One row is a loan at a month end, with its attributes and prior state."""
        files = [f for f in self.catalog.of("snapshots") if f.as_of is not None and f.as_of <= self.as_of]
        return self._parquet(files, snapshot_schema())

    @cached_property
    def loans(self) -> ir.Table:
        """One row is a loan that was there by the reporting date, with its latest attributes."""
        return self.table("loans")

    @cached_property
    def flows(self) -> ir.Table:
        """One row is a dated money movement of a loan, up to the reporting date."""
        return self.table("flows")

    @cached_property
    def quarantine(self) -> ir.Table | None:
        """One row is a source row that was not used, with the reason; None if there is none."""
        files = self.catalog.of("quarantine")
        return self.backend.read_parquet([str(self.path / f.path) for f in files]) if files else None

    def has(self, table: str) -> bool:
        """Whether the book holds a table."""
        return bool(self.catalog.of(table))

    def table(self, name: str) -> ir.Table:
        """Rows of a table that were known on the reporting date.

        Raises:
            Unavailable: if the book does not hold the table.
            Misuse: if no book could.
        """
        schema = table_schema(name)
        if name == "snapshots":
            return self.snapshots
        if not self.has(name):
            raise Unavailable(f"book {self.name!r} has no table {name!r}; import one to see what needs it.")
        rows = self._parquet(self.catalog.of(name), schema)
        if name == "loans":
            return self._seen(rows)
        return rows.filter(_KNOWN_ON[name](rows) <= ibis.literal(self.as_of))

    def label(self, dimension: str, value: str) -> Text:
        """Name of a segment, region, … for a reader; the code itself if the book has no name for it."""
        return self.profile.labels.get(dimension, {}).get(value, same(value.translate(_DIRECTIONS)))

    def _seen(self, loans: ir.Table) -> ir.Table:
        is_latest = self.as_of == self.catalog.months[-1]
        return loans if is_latest else loans.semi_join(self.snapshots, "loan_id")

    def _parquet(self, files: list[FileRecord] | tuple[FileRecord, ...], schema: ibis.Schema) -> ir.Table:
        if not files:
            return self.backend.create_table(ibis.util.gen_name("empty"), schema=schema, temp=True)
        return self.backend.read_parquet([str(self.path / f.path) for f in files])


def open_book(name_or_path: str | Path, *, as_of: date | str | None = None, engine: str = DEFAULT_ENGINE) -> Book:
    """Open a book.

    Args:
        name_or_path: name of a book in the books folder, or a folder.
        as_of: reporting date, a month end the book has; its latest month if not given.
        engine: where to compute.

    Raises:
        Unavailable: if there is no such book, or it is empty.
        Misuse: if `as_of` is not one of its months.
    """
    folder = book_folder(name_or_path)
    profile = read_profile(folder)
    catalog = read_catalog(folder)
    return Book(
        name=folder.name,
        path=folder,
        as_of=_reporting_date(as_of, catalog.months, folder.name),
        profile=profile,
        catalog=catalog,
        backend=connect(engine),
    )


def books_folder() -> Path:
    """Folder that holds the books: NPL_BOOKS, or `data/books` of the project at or above this folder."""
    if configured := os.environ.get("NPL_BOOKS"):
        return Path(configured)
    return workspace() / "data" / "books"


def workspace() -> Path:
    """The project's folder: the nearest one at or above this folder that has notebooks and a project file."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "notebooks").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    return here


def book_folder(name_or_path: str | Path) -> Path:
    """Folder of a book that exists.

    Raises:
        Unavailable: if there is none.
    """
    named, given = books_folder() / name_or_path, Path(name_or_path)
    folder = named if (named / "book.toml").is_file() else given
    if (folder / "book.toml").is_file():
        return folder.resolve()
    known = book_names()
    raise Unavailable(
        f"book must be one of {', '.join(known) or '(none yet)'} or a folder with a book.toml, was "
        f"{str(name_or_path)!r}{did_you_mean(str(name_or_path), known)}; "
        "build the demonstration book with 'npl demo' or import a tape with 'npl import'."
    )


def book_names() -> list[str]:
    """Names of the books in the books folder, ascending."""
    return sorted(path.parent.name for path in books_folder().glob("*/book.toml"))


def _reporting_date(as_of: date | str | None, months: tuple[date, ...], name: str) -> date:
    if not months:
        raise Unavailable(f"book {name!r} has no snapshots yet; import a tape into it.")
    if as_of is None or as_of == "":
        return months[-1]
    try:
        wanted = as_of if isinstance(as_of, date) else date.fromisoformat(as_of)
    except ValueError as error:
        raise Misuse(f"as_of must be a date such as {months[-1]}, was {as_of!r}.") from error
    if wanted not in months:
        raise Misuse(
            f"as_of must be one of the book's {len(months)} month ends from {months[0]} to {months[-1]}, "
            f"was {wanted}{did_you_mean(str(wanted), map(str, months))}."
        )
    return wanted
