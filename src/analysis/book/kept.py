"""What was worked out of a month before, and is it still what it follows from?

A result lies in a small Parquet file whose name says all there is to check: the month, a digest of everything
that its rows follow from, and a digest of its own bytes. Whatever changes gives another name, and a file whose
bytes are not those of its name is not there. Nothing is ever rewritten, so that no reader needs a lock.
"""

import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = "by_month"
_LETTERS = 16
# Long enough for whoever opened a file to have read it.
_KEEP_STALE_SECONDS = 86_400
_KEEP_UNUSED_SECONDS = 30 * 86_400


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Results of one query.

    Attributes:
        folder: where they lie.
        digests: by month, of all that its rows follow from besides the query.
    """

    folder: Path
    digests: Mapping[date, str]


def shelf(folder: Path, query: str, digests: Mapping[date, str]) -> Shelf:
    """Where results of a query are kept.

    Args:
        folder: what the rows follow from lies in here too.
        query: all that decides what is asked: its text, and the code that reads the answer.
        digests: by month, of all else that its rows follow from.
    """
    return Shelf(folder=folder / FOLDER / short_digest(query), digests=digests)


def found(results: Shelf) -> dict[date, Path]:
    """Files of the months that are there and whole."""
    named = {_start(results, month): month for month in results.digests}
    there: dict[date, Path] = {}
    for path in _files(results.folder):
        month = named.get(path.stem[: -_LETTERS - 1])
        if month is not None and month not in there and _is_whole(path):
            there[month] = path
    if there:
        os.utime(results.folder)  # `sweep` goes by it
    return there


def keep(results: Shelf, month: date, rows: pa.Table) -> Path:
    """Write a month's rows, at once and for good.

    Raises:
        OSError: if the folder cannot be written to.
    """
    results.folder.mkdir(parents=True, exist_ok=True)
    stream = BytesIO()
    # In one order, so that the same rows are the same file whoever writes it.
    pq.write_table(rows.sort_by([(name, "ascending") for name in rows.column_names]), stream, compression="zstd")
    content = stream.getvalue()
    target = results.folder / f"{_start(results, month)}-{short_digest(content)}.parquet"
    scratch = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        scratch.write_bytes(content)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return target


def sweep(results: Shelf) -> None:
    """Remove what these months no longer follow from, and queries that nobody asked for long."""
    months = {month.isoformat() for month in results.digests}
    starts = {_start(results, month) for month in results.digests}
    stale = (
        path for path in _files(results.folder) if path.name[:10] in months and path.stem[: -_LETTERS - 1] not in starts
    )
    _remove(stale, _KEEP_STALE_SECONDS)
    for folder in _folders(results.folder.parent.parent.parent):
        if _age(folder) > _KEEP_UNUSED_SECONDS:
            _remove(folder.iterdir(), _KEEP_UNUSED_SECONDS)
            _remove_empty(folder)


def short_digest(content: str | bytes) -> str:
    """The first letters of a SHA-256, enough to tell apart whatever one book can have."""
    return sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:_LETTERS]


def _start(results: Shelf, month: date) -> str:
    return f"{month.isoformat()}-{short_digest(results.digests[month])}"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.parquet"))


def _is_whole(path: Path) -> bool:
    try:
        return short_digest(path.read_bytes()) == path.stem[-_LETTERS:]
    except FileNotFoundError:  # another process swept it
        return False


def _folders(states: Path) -> Iterator[Path]:
    """Shelves of all definitions, also of those whose rules have changed since."""
    return states.glob(f"*/{FOLDER}/*")


def _remove(paths: Iterable[Path], after_seconds: int) -> None:
    for path in paths:
        if _age(path) > after_seconds:
            path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # another process swept it
        return 0.0
