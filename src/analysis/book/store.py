"""Open a book as of a date: the tables, the profile and the digest that every report quotes."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend

from analysis.book.catalog import Catalog, FileRecord, content_hash, read_catalog
from analysis.book.engine import Engine, Part, open_engine
from analysis.book.engine_choice import default_engine
from analysis.book.origin import Origin, with_origin
from analysis.book.profile import Profile, profile_toml, read_profile
from analysis.errors import Misuse, Unavailable, did_you_mean, require_known
from analysis.terms import TABLES, Text, same

# Whether a row of a table was known on a date.
_WAS_KNOWN: Mapping[str, Callable[[ir.Table, date], ir.BooleanValue]] = {
    "flows": lambda rows, day: rows.date <= ibis.literal(day),
    "financials": lambda rows, day: rows.known_date <= ibis.literal(day),
    # Moments are texts that begin with a date, which come in the order of the dates.
    "contacts": lambda rows, day: rows.start_ts.re_search(r"^\d{4}-\d{2}-\d{2}") & (rows.start_ts.left(10) <= str(day)),
    "macro": lambda rows, day: ibis.coalesce(rows.vintage, rows.date) <= ibis.literal(day),
}

_DIGEST_LETTERS = 16

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
        engine: what computes on its tables.
    """

    name: str
    path: Path
    as_of: date
    profile: Profile
    catalog: Catalog
    engine: Engine

    @property
    def backend(self) -> BaseBackend:
        """What runs Ibis expressions on its tables."""
        return self.engine.backend

    @property
    def months(self) -> tuple[date, ...]:
        """Month ends with snapshots up to the reporting date, ascending."""
        return tuple(month for month in self.catalog.months if month <= self.as_of)

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """Its files but for snapshots after the reporting date."""
        return tuple(
            f for f in self.catalog.files if f.table != "snapshots" or f.as_of is None or f.as_of <= self.as_of
        )

    @property
    def content_hash(self) -> str:
        """Digest of profile and files up to the reporting date; the same wherever the book lies."""
        return content_hash(Catalog(files=self.files), profile_toml(self.profile))

    @cached_property
    def snapshots(self) -> ir.Table:
        """One row is a loan at a month end, with its attributes and prior state."""
        return self._rows(file for file in self.files if file.table == "snapshots")

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
        return self._rows(files) if files else None

    def has(self, table: str) -> bool:
        """Whether the book holds a table."""
        return bool(self.catalog.of(table))

    def table(self, name: str) -> ir.Table:
        """Rows of a table that were known on the reporting date.

        Raises:
            Unavailable: if the book does not hold the table.
            Misuse: if no book could.
        """
        require_known("table", name, TABLES)
        if name == "snapshots":
            return self.snapshots
        if not self.has(name):
            raise Unavailable(f"book {self.name!r} has no table {name!r}; import one to see what needs it.")
        rows = self._rows(self.catalog.of(name))
        if name == "loans":
            return self._seen(rows)
        return rows.filter(_WAS_KNOWN[name](rows, self.as_of))

    def label(self, dimension: str, value: str) -> Text:
        """Name of a segment, region, … for a reader; the code itself if the book has no name for it."""
        return self.profile.labels.get(dimension, {}).get(value, same(value.translate(_DIRECTIONS)))

    def _seen(self, loans: ir.Table) -> ir.Table:
        is_latest = self.as_of == self.catalog.months[-1]
        return loans if is_latest else loans.semi_join(self.snapshots, "loan_id")

    def _rows(self, files: Iterable[FileRecord]) -> ir.Table:
        held = parts(self.path, files)
        return with_origin(self.engine.table(held), Origin(parts=tuple(held)))


def open_book(name_or_path: str | Path, *, as_of: date | str | None = None, engine: str | None = None) -> Book:
    """Open a book.

    Args:
        name_or_path: name of a book in the books folder, or a folder.
        as_of: reporting date, a month end the book has; its latest month if not given.
        engine: address of where to compute, as `engine.open_engine` takes it; NPL_ENGINE, or DuckDB, if not given.

    Raises:
        Unavailable: if there is no such book, it is empty, or the engine does not answer or does not hold the
            book as it is now.
        Misuse: if `as_of` is not one of its months, or the engine is none that there is.
    """
    folder = book_folder(name_or_path)
    profile = read_profile(folder)
    catalog = read_catalog(folder)
    book = Book(
        name=folder.name,
        path=folder,
        as_of=_reporting_date(as_of, catalog.months, folder.name),
        profile=profile,
        catalog=catalog,
        engine=open_engine(engine or default_engine(), folder.name),
    )
    book.engine.require(parts(folder, book.files))
    return book


def parts(folder: Path, files: Iterable[FileRecord]) -> list[Part]:
    """What an engine reads of a book: its files, each under a name that holds the digest of its content."""
    return [Part(name=_part_name(file), path=folder / file.path) for file in files]


def _part_name(file: FileRecord) -> str:
    month = () if file.as_of is None else (f"{file.as_of:%Y%m%d}",)
    return "_".join((file.table, *month, file.sha256[:_DIGEST_LETTERS]))


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
