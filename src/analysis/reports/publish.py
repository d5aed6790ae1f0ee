"""Put a report where readers look, whole or not at all; a crash at any point leaves the last good one."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from analysis.book.catalog import write_atomically
from analysis.errors import Unavailable
from analysis.reports.exchange import put_in_place, restore, sync_tree
from analysis.reports.failure import FAILED_FOLDER, Incident, write_failure
from analysis.reports.places import LOCKS_FOLDER, MANIFEST_FILE, RUNS_FOLDER, STAGING_FOLDER, Place

RUNS_KEPT = 10
INDEX_LOCK_SECONDS = 60
_SEPARATOR = "~"
_LATEST = "latest"


@dataclass(frozen=True, kw_only=True)
class Edition:
    """What is to be published: pages and manifest for readers, records of the run for owners.

    Attributes:
        run: id of the run; sorts by time.
        public: content by file name.
        private: content by file name; readable by its owner only.
    """

    run: str
    public: Mapping[str, str]
    private: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def report_lock(root: Path, notebook: str) -> Iterator[None]:
    """Hold the right to publish a notebook's reports, or be refused at once.

    Raises:
        Unavailable: if another process holds it.
    """
    with _held(root, notebook, seconds=0):
        yield


@contextmanager
def index_lock(root: Path) -> Iterator[None]:
    """Hold the right to write the index; another process writes it in a moment, so this waits.

    Raises:
        Unavailable: if another process holds it for too long.
    """
    with _held(root, "index", seconds=INDEX_LOCK_SECONDS):
        yield


def publish_edition(root: Path, place: Place, edition: Edition) -> Path:
    """Publish an edition; records of earlier runs stay beside it.

    Returns:
        the folder it lies in.
    """
    staged = _staged(root, place, edition.run)
    for name, text in edition.public.items():
        _write(staged / name, text)
    records = staged / RUNS_FOLDER / edition.run
    records.mkdir(parents=True)
    for name, text in edition.private.items():
        _write_private(records / name, text)
    target = place.path(root)
    sync_tree(staged)
    replaced = put_in_place(staged, target)
    if replaced is not None:
        _discard(replaced, target)
    _drop_old_runs(target)
    _point_to_latest(root / place.notebook)
    return target


def publish_failure(root: Path, place: Place, run: str, incident: Incident) -> Path:
    """Leave word of a failed run for its owners; what is published stays.

    Returns:
        the folder it lies in.
    """
    staged = _staged(root, place, run)
    identity = {"notebook": place.notebook, "as_of": place.as_of, "slug": place.slug, "folder": place.folder}
    write_failure(staged, incident, identity)
    target = failure_folder(root, place)
    sync_tree(staged)
    replaced = put_in_place(staged, target)
    if replaced is not None:
        shutil.rmtree(replaced)
    return target


def failure_folder(root: Path, place: Place) -> Path:
    """Where word of a failed run lies, if there is any."""
    return root / FAILED_FOLDER / place.key


def clear_failure(root: Path, place: Place) -> None:
    """Forget a failed run that has been made good."""
    folder = failure_folder(root, place)
    if folder.exists():
        shutil.rmtree(folder)


def sweep(root: Path, notebook: str) -> None:
    """Mend and clear what a killed run of a notebook left; the caller holds its lock."""
    for aside, target in (*restore(root / notebook), *restore(root / FAILED_FOLDER, f"{notebook}--")):
        _discard(aside, target)
    for staged in sorted((root / STAGING_FOLDER).glob(f"{notebook}{_SEPARATOR}*")):
        _, folder, run = staged.name.split(_SEPARATOR)
        is_published = not (staged / RUNS_FOLDER / run).exists()
        if is_published and (root / notebook / folder).is_dir():
            _discard(staged, root / notebook / folder)
        else:
            shutil.rmtree(staged)
    _point_to_latest(root / notebook)


def latest_name(slug: str) -> str:
    """Name of the pointer to the newest report of its kind."""
    return f"{_LATEST}--{slug}" if slug else _LATEST


def write_readable(path: Path, text: str) -> None:
    """Write a file that everyone who may enter its folder may read; the old or the new one at any time."""
    write_atomically(path, text)
    path.chmod(0o644)


def _staged(root: Path, place: Place, run: str) -> Path:
    staged = root / STAGING_FOLDER / _SEPARATOR.join((place.notebook, place.folder, run))
    staged.mkdir(parents=True)
    return staged


def _discard(replaced: Path, target: Path) -> None:
    # An old edition goes, the records of its runs stay.
    for run in sorted((replaced / RUNS_FOLDER).glob("*")):
        if not (target / RUNS_FOLDER / run.name).exists():
            run.rename(target / RUNS_FOLDER / run.name)
    shutil.rmtree(replaced)


def _drop_old_runs(target: Path) -> None:
    for run in sorted((target / RUNS_FOLDER).iterdir())[:-RUNS_KEPT]:
        shutil.rmtree(run)


def _point_to_latest(folder: Path) -> None:
    periods = sorted(manifest.parent.name for manifest in folder.glob(f"[0-9]*/{MANIFEST_FILE}"))
    newest = {period.partition("--")[2]: period for period in periods}
    for slug, period in newest.items():
        _point(folder / latest_name(slug), period)


def _point(pointer: Path, period: str) -> None:
    text, file = json.dumps({"folder": period}) + "\n", pointer.with_name(f"{pointer.name}.json")
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        write_readable(file, text)
    if pointer.is_symlink() and pointer.readlink() == Path(period):
        return
    link = pointer.with_name(f".{pointer.name}.link")
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(period, target_is_directory=True)
        link.replace(pointer)
    except OSError:
        # Some file shares and Windows accounts have no links; the small file beside it says the same.
        link.unlink(missing_ok=True)


@contextmanager
def _held(root: Path, name: str, *, seconds: float) -> Iterator[None]:
    path = root / LOCKS_FOLDER / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=seconds)
    try:
        lock.acquire()
    except Timeout as error:
        raise Unavailable(
            f"another run is publishing {name} in {root.name}/; wait for it to end and run again."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
