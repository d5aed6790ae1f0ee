"""One import from source to book: read, account, append, and say what happened."""

import glob
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.append import QUARANTINE, STAGING, append_tape
from analysis.book.catalog import read_catalog
from analysis.book.engine import connect
from analysis.book.ingest.mapping import load_mapping
from analysis.book.ingest.pipeline import read_tape
from analysis.book.profile import FILE_NAME as PROFILE_FILE
from analysis.book.profile import Profile
from analysis.book.sources.registry import known_source
from analysis.book.tape import Tape
from analysis.errors import Misuse, Unavailable
from analysis.terms import TABLES

# Leaves room for Python and Arrow below 2 GiB in all; what does not fit is spilled to disk.
ENGINE_MEMORY = "1GiB"
# No import takes as long; a scratch folder untouched since is of one that died.
_SCRATCH_SECONDS = 86_400


def import_mapped(source: str, mapping: Path, target: Path, *, restate: bool) -> Mapping[str, object]:
    """Import a tape that a mapping file describes.

    Returns:
        the import's record: `tallies` (one per source file) and `findings`.

    Raises:
        AnalysisError: if the source, the mapping or the target cannot be used; the book is then unchanged.
    """
    described = load_mapping(mapping)

    def read(backend: DuckDB, staging: Path) -> Tape:
        return read_tape(source, described, backend=backend, staging=staging)

    return _imported(read, described.profile(), target, restate=restate)


def import_known(source: str, name: str, target: Path, *, restate: bool) -> Mapping[str, object]:
    """Import a data set whose columns and derivations we know by name.

    Raises:
        Misuse: if the name is not one we know.
        Unavailable: if the file is not there.
    """
    known, path = known_source(name), Path(source)
    if not path.is_file():
        raise Unavailable(f"source must be a file, was {source!r}, which is not there.")

    def read(backend: DuckDB, staging: Path) -> Tape:
        return known.tape(path, backend=backend, staging=staging)

    return _imported(read, known.profile(), target, restate=restate)


def _imported(
    read: Callable[[DuckDB, Path], Tape], profile: Profile, target: Path, *, restate: bool
) -> Mapping[str, object]:
    _refuse_foreign(target)
    with _scratch(target) as staging:
        tape = read(connect(memory=ENGINE_MEMORY, spill=staging / "spill"), staging)
        months = tape.snapshots.select("as_of").distinct().to_pyarrow()["as_of"].to_pylist() if restate else []
        append_tape(target, tape, profile, restate=months)
    return read_catalog(target).imports[-1]


def _refuse_foreign(target: Path) -> None:
    """Refuse a file, or a folder that holds anything but a book or the rests of one that was never finished."""
    if not target.exists() or (target / PROFILE_FILE).is_file():
        return
    known = {STAGING, *TABLES, QUARANTINE}
    if not target.is_dir() or {path.name for path in target.iterdir()} - known:
        raise Misuse(f"a book must be a folder of its own, was {target.name!r}, which is something else; name another.")


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}-import-"
    for left_over in target.parent.glob(f"{glob.escape(prefix)}*"):
        if time.time() - left_over.stat().st_mtime > _SCRATCH_SECONDS:
            shutil.rmtree(left_over, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
