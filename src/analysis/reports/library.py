"""The index of reports: one static page, made from the manifests and failure records that lie beside it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.reports.failure import FAILED_FOLDER, RECORD_FILE
from analysis.reports.fingerprint import installed_code
from analysis.reports.manifest import parsed_record
from analysis.reports.places import INDEX_FILE, MANIFEST_FILE
from analysis.reports.publish import index_lock, write_readable

_STAMP = re.compile(r'<meta name="records" content="([0-9a-f]{64})">')
_HEAD_LETTERS = 4096


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A report of one period: its record, or word of its failure, or both.

    Attributes:
        notebook: name of the notebook.
        as_of: reporting date, as ISO text.
        slug: what sets it apart from the usual report.
        record: manifest of what is published; None if nothing is.
        failure: record of a later run that failed; None if none did.
    """

    notebook: str
    as_of: str
    slug: str
    record: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None

    @property
    def folder(self) -> str:
        """Name of the period's folder."""
        return f"{self.as_of}--{self.slug}" if self.slug else self.as_of


def renew_index(root: Path) -> Path:
    """Write the index anew if a record changed since it was written.

    Returns:
        the index.

    Raises:
        Unavailable: if another process keeps writing it.
    """
    index = root / INDEX_FILE
    with index_lock(root):
        records = _records(root)
        stamp, earlier = _stamp(root, records), _text(index)
        found = _STAMP.search(earlier[:_HEAD_LETTERS])
        if found is None or found[1] != stamp:
            # Fonts take longer to load than an index that is unchanged takes altogether.
            from analysis.reports.index_page import index_page  # noqa: PLC0415

            write_readable(index, index_page(_entries(records), stamp, earlier))
    return index


def entries(root: Path) -> list[Entry]:
    """Every report there is or should be: by notebook, then newest first, the usual one before others."""
    return _entries(_records(root))


def _entries(records: Mapping[Path, bytes]) -> list[Entry]:
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for path, content in records.items():
        record = parsed_record(content)
        if record is not None and path.name == RECORD_FILE:
            found.setdefault(_place(record), {})["failure"] = record
        elif record is not None:
            found.setdefault(_place(record["report"]), {})["record"] = record
    made = [Entry(notebook=n, as_of=a, slug=s, **known) for (n, a, s), known in found.items()]
    newest_first = sorted(sorted(made, key=lambda one: one.slug), key=lambda one: one.as_of, reverse=True)
    return sorted(newest_first, key=lambda one: one.notebook)


def _records(root: Path) -> dict[Path, bytes]:
    # A period's folder starts with its date; pointers and what a crash left do not.
    manifests = sorted(root.glob(f"[!_.]*/[0-9]*/{MANIFEST_FILE}"))
    failures = sorted(root.glob(f"{FAILED_FOLDER}/[!.]*/{RECORD_FILE}"))
    return {path: content for path in (*manifests, *failures) if (content := _content(path))}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # another run has just put a newer edition in its place, or made a failure good
        return b""


def _stamp(root: Path, records: Mapping[Path, bytes]) -> str:
    digest = hashlib.sha256(installed_code().digest.encode())
    for path, content in records.items():
        digest.update(f"\n{path.relative_to(root).as_posix()}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _place(names: Mapping[str, Any]) -> tuple[str, str, str]:
    return names["notebook"], names["as_of"], names["slug"]


def _text(index: Path) -> str:
    return index.read_text(encoding="utf-8", errors="replace") if index.is_file() else ""
