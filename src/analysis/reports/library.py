"""The index of reports: one static page, made from the manifests and failure records that lie beside it."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.reports.failure import FAILED_FOLDER, RECORD_FILE
from analysis.reports.fingerprint import installed_code
from analysis.reports.manifest import read_manifest
from analysis.reports.places import INDEX_FILE, MANIFEST_FILE
from analysis.reports.publish import index_lock, write_readable

_STAMP = re.compile(r'<meta name="records" content="([0-9a-f]{64})">')
_HEAD_BYTES = 4096


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
        stamp = records_stamp(root)
        if _written_stamp(index) != stamp:
            # Fonts take longer to load than an index that is unchanged takes altogether.
            from analysis.reports.index_page import index_page  # noqa: PLC0415

            write_readable(index, index_page(entries(root), stamp))
    return index


def entries(root: Path) -> list[Entry]:
    """Every report there is or should be: by notebook, then newest first, the usual one before others."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for manifest in _manifests(root):
        if (record := read_manifest(manifest.parent)) is not None:
            found.setdefault(_place(record["report"]), {})["record"] = record
    for path in _failures(root):
        failure = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(_place(failure), {})["failure"] = failure
    made = [Entry(notebook=n, as_of=a, slug=s, **records) for (n, a, s), records in found.items()]
    newest_first = sorted(sorted(made, key=lambda one: one.slug), key=lambda one: one.as_of, reverse=True)
    return sorted(newest_first, key=lambda one: one.notebook)


def records_stamp(root: Path) -> str:
    """Digest of all that the index is made from."""
    digest = hashlib.sha256(installed_code().digest.encode())
    for path in (*_manifests(root), *_failures(root)):
        digest.update(f"\n{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _manifests(root: Path) -> Iterator[Path]:
    # A period's folder starts with its date; pointers and what a crash left do not.
    return iter(sorted(root.glob(f"[!_.]*/[0-9]*/{MANIFEST_FILE}")))


def _failures(root: Path) -> Iterator[Path]:
    return iter(sorted(root.glob(f"{FAILED_FOLDER}/[!.]*/{RECORD_FILE}")))


def _place(names: Mapping[str, Any]) -> tuple[str, str, str]:
    return names["notebook"], names["as_of"], names["slug"]


def _written_stamp(index: Path) -> str:
    if not index.is_file():
        return ""
    with index.open(encoding="utf-8") as stream:
        found = _STAMP.search(stream.read(_HEAD_BYTES))
    return found[1] if found else ""
