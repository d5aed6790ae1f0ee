"""Which files make up a book; replacing `catalog.json` is the one moment a change takes effect."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from analysis.errors import DataRefused, Unavailable

FILE_NAME = "catalog.json"
LOCK_SECONDS = 600
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """One Parquet file: its table, month (None for undated tables), place, rows, digest, balance."""

    table: str
    as_of: date | None
    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """All files of a book and a record of each import, oldest first."""

    files: tuple[FileRecord, ...] = ()
    imports: tuple[Mapping[str, Any], ...] = ()

    @property
    def months(self) -> tuple[date, ...]:
        """Month ends that have snapshots, ascending."""
        return tuple(sorted({f.as_of for f in self.files if f.table == "snapshots" and f.as_of}))

    @property
    def current_imports(self) -> tuple[Mapping[str, Any], ...]:
        """Records of imports that still hold: those whose months were all restated since are left out."""
        restated: set[str] = set()
        held: list[Mapping[str, Any]] = []
        for record in reversed(self.imports):
            months = set(record.get("months", ()))
            if not months or months - restated:
                held.append(record)
            restated |= months
        return tuple(reversed(held))

    def of(self, table: str, as_of: date | None = None) -> tuple[FileRecord, ...]:
        """Files of a table, of one month if given."""
        return tuple(f for f in self.files if f.table == table and as_of in (None, f.as_of))

    def without(self, table: str, as_of: date | None = None) -> "Catalog":
        """Give the catalog without a table's files, of one month if given."""
        gone = set(self.of(table, as_of))
        return replace(self, files=tuple(f for f in self.files if f not in gone))

    def plus(self, *files: FileRecord) -> "Catalog":
        """Give the catalog with further files."""
        return replace(self, files=self.files + files)


def read_catalog(folder: Path) -> Catalog:
    """Read a book's catalog; an absent one is that of an empty book.

    Raises:
        DataRefused: if the file is damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return Catalog()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(FileRecord(**f | {"as_of": _date(f["as_of"])}) for f in content["files"])
        return Catalog(files=files, imports=tuple(content["imports"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DataRefused(
            f"{FILE_NAME} of {folder.name!r} is damaged ({error}); restore it or import again."
        ) from error


def commit_catalog(folder: Path, catalog: Catalog) -> None:
    """Make a catalog the book's own, at once and durably."""
    content = {
        "schema_version": 1,
        "files": [asdict(f) | {"as_of": f.as_of and f.as_of.isoformat()} for f in catalog.files],
        "imports": list(catalog.imports),
    }
    write_atomically(folder / FILE_NAME, json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not a temporary file of the system's, which nobody but its maker may read.
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with scratch.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(path)


def file_record(folder: Path, table: str, as_of: date | None, path: Path, *, rows: int) -> FileRecord:
    """Record of a file that lies in the book's folder; reads it once for its digest."""
    relative = path.relative_to(folder).as_posix()
    return FileRecord(table=table, as_of=as_of, path=relative, rows=rows, sha256=file_digest(path))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def content_hash(catalog: Catalog, profile_text: str) -> str:
    """Digest of what a book says: its profile and the digest of every file, in any order."""
    lines = sorted(f"{f.table} {f.as_of} {f.rows} {f.sha256}" for f in catalog.files)
    return hashlib.sha256("\n".join([profile_text, *lines]).encode()).hexdigest()


@contextmanager
def book_lock(folder: Path) -> Iterator[None]:
    """Hold the right to change a book; a second process waits its turn.

    Raises:
        Unavailable: if another process holds it for too long.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.parent / f".{folder.name}.lock", timeout=LOCK_SECONDS)
    try:
        with lock:
            yield
    except Timeout as error:
        raise Unavailable(
            f"book {folder.name!r} must be free to import into, but another import holds it since "
            f"{LOCK_SECONDS} seconds; wait for it to end and run again."
        ) from error


def _date(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)
