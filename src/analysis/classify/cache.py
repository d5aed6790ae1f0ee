"""Where classified months are kept: Parquet beside the book, named by all that they follow from."""

import atexit
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from analysis.book.store import Book
from analysis.rules.loader import RuleSet

FOLDER = "states"
_PART = "part-"
# A file of an earlier tape may still be read by someone who opened the book before it was restated.
_KEEP_STALE_SECONDS = 86_400


def month_files(book: Book, rules: RuleSet, folder: Path) -> dict[date, Path]:
    """Place of each month's states, whether it is there or not.

    A name is a digest of the month's snapshots, of all earlier ones, of the rules and of the code
    that classifies, so that a month restated, a rule changed or code mended gives another name.

    Args:
        book: open as of the reporting date.
        rules: the definition.
        folder: where states of the book are kept.
    """
    chain, found = _start(book, rules), {}
    for month in book.months:
        digests = sorted(file.sha256 for file in book.catalog.of("snapshots", month))
        chain = _digest(chain, month.isoformat(), *digests)
        place = folder / f"{rules.id}-{rules.key}" / f"as_of={month}"
        found[month] = place / f"{_PART}{chain[:16]}.parquet"
    return found


def digest_in(place: Path) -> str:
    """The digest in the name of a month's file: of all that its states follow from."""
    return place.stem.removeprefix(_PART)


def states_folder(book: Book) -> Path:
    """Where states of a book are kept: in its folder, or for this process only if that cannot be written to."""
    return book.path / FOLDER if _is_writable(book.path / FOLDER) else _scratch(book.path)


def unfinished(target: Path) -> Path:
    """A name to write a file under before it takes its place; another process writes under another."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.parent / f".{target.name}.{uuid.uuid4().hex}.tmp"


def sweep(current: dict[date, Path], rules: RuleSet) -> None:
    """Remove what earlier tapes, rules and code left, once nobody can be reading it any more."""
    if not current:
        return
    kept, folder = set(current.values()), next(iter(current.values())).parent.parent
    for path in _left_over(folder, rules):
        if path not in kept and path.parent.name in _names(current) and _is_old(path):
            path.unlink(missing_ok=True)


def _names(current: dict[date, Path]) -> set[str]:
    return {path.parent.name for path in current.values()}


def _left_over(folder: Path, rules: RuleSet) -> Iterator[Path]:
    for versions in folder.parent.glob(f"{rules.id}-*"):
        yield from versions.rglob(f"*{_PART}*")


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _KEEP_STALE_SECONDS
    except FileNotFoundError:  # another process swept it
        return False


def _start(book: Book, rules: RuleSet) -> str:
    return _digest(_code_digest(), rules.id, rules.key, book.profile.rules)


@cache
def _code_digest() -> str:
    package = files("analysis.classify")
    sources = sorted((file.name, file) for file in package.iterdir() if file.name.endswith(".py"))
    return _digest(*(f"{name}\n{file.read_text(encoding='utf-8')}" for name, file in sources))


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def _scratch(book: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"{book.name}-states-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
