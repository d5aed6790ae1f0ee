"""What computed a report: the code, the packages, the notebook, the data; the same print, the same report."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.book.catalog import file_digest

SOURCE = Path(__file__).resolve().parents[1]
PACKAGES = (
    "duckdb", "fonttools", "ibis-framework", "matplotlib", "nbconvert", "numpy", "pandas", "papermill", "scipy",
    "statsmodels",
)  # fmt: skip
_COMPILED = "__pycache__"


@dataclass(frozen=True, kw_only=True)
class Code:
    """What computed the numbers: digest of the package's source and versions of what it stands on."""

    digest: str
    packages: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Everything that a report is computed from; nothing in it depends on the clock or the machine.

    Attributes:
        code: digest of the source and versions of packages.
        notebook: digest of the notebook's file.
        parameters: resolved.
        book: content hash of the book as of the reporting date.
        rules: key of the rule set.
    """

    code: Code
    notebook: str
    parameters: Mapping[str, Any]
    book: str
    rules: str

    @property
    def key(self) -> str:
        """Digest of all of it."""
        code = {"digest": self.code.digest, "packages": dict(self.code.packages)}
        data = {"parameters": dict(self.parameters), "book": self.book, "rules": self.rules}
        fields = {"code": code, "notebook": self.notebook, **data}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


@cache
def installed_code() -> Code:
    """The code that runs now."""
    versions = {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}
    return Code(digest=source_digest(SOURCE), packages=MappingProxyType(versions))


def source_digest(folder: Path) -> str:
    """Digest of every file under a folder, by name and content; compiled files do not count."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _COMPILED not in path.parts)
    lines = [f"{path.relative_to(folder).as_posix()} {file_digest(path)}" for path in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
