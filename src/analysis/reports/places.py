"""Where does a report lie, and what is its folder called?"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.terms import Language

INDEX_FILE = "index.html"
MANIFEST_FILE = "manifest.json"
RUNS_FOLDER = "runs"
STAGING_FOLDER = "_staging"
LOCKS_FOLDER = "_locks"
_UNSAFE = re.compile(r"[^\w.-]+|--+")  # two dashes part one departure from the next
_LONGEST_VALUE = 40
_LONGEST_SLUG = 120
_HASH_LETTERS = 6


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a report lies under the reports folder: the same request always has the same place.

    Attributes:
        notebook: name of its notebook.
        as_of: reporting date, as ISO text.
        slug: what sets it apart from the usual report of that date; empty for the usual one.
    """

    notebook: str
    as_of: str
    slug: str = ""

    @property
    def folder(self) -> str:
        """Name of the period's folder."""
        return f"{self.as_of}--{self.slug}" if self.slug else self.as_of

    @property
    def key(self) -> str:
        """One name for the report, usable as a file name."""
        return f"{self.notebook}--{self.folder}"

    def path(self, root: Path) -> Path:
        """The period's folder."""
        return root / self.notebook / self.folder


def report_file(language: Language) -> str:
    """Name of the page that opens in a language."""
    return f"report.{language}.html"


def slug(departures: Mapping[str, str]) -> str:
    """Name of what a report departs from the usual in, such as "segment-retail"; empty if in nothing.

    Args:
        departures: parameter and value; what a file name cannot hold is replaced, and a digest keeps it apart.
    """
    parts = "--".join(f"{name}-{_plain(value)}" for name, value in sorted(departures.items()))
    return parts if len(parts) <= _LONGEST_SLUG else f"{parts[:_LONGEST_SLUG]}-{_digest(parts)}"


def reports_folder(workspace: Path) -> Path:
    """Folder of published reports: NPL_REPORTS, or `reports` of the project."""
    configured = os.environ.get("NPL_REPORTS")
    return Path(configured).absolute() if configured else workspace / "reports"


def _plain(value: str) -> str:
    # Folders that differ in case only, or end in a dot, are one folder on some systems.
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", value).casefold()).strip(".")[:_LONGEST_VALUE]
    return plain if plain == value else f"{plain}-{_digest(value)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LETTERS]
