"""Build the demonstration book, a synthetic city bank whose every chance is known.

The book is generated from `truth.toml`: about 20,000 live loans in ten segments, followed for 60
months through arrears, cures, restructurings, write-offs, sales and foreclosures. What a month brings
to a loan depends on its segment, its bucket M0 … M7+ and the state of the economy, by the chances of
`truth.chain`; within a segment a loan's rating, age and warning signals decide who is hit, not how
many. The truth with all parameters, the mistakes and breaches put in on purpose and the two cases is
saved beside the book as `truth.json`.

Places of the bank are simulated in pieces, each with a random stream of its own, and written a month
at a time: memory does not grow with the book. A fully repaid, sold or written-off loan is absent from
the next snapshot, and for every loan last month's balance plus drawdowns less repayments, recoveries,
write-offs, sales and foreclosures is this month's, to the cent. Interest flows are entered for the two
cases only; the amount of a sale is the principal transferred, and its cost the discount given.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np

from analysis.book.catalog import Catalog, FileRecord, book_lock, commit_catalog, file_record, write_atomically
from analysis.book.demo.calendar import Ints, month_end, month_index
from analysis.book.demo.columns import TableWriter
from analysis.book.demo.lookups import lookups
from analysis.book.demo.macro import macro_rows
from analysis.book.demo.pieces import Account, write_piece
from analysis.book.demo.record import demo_profile, import_record, truth_json
from analysis.book.demo.simulation import Piece
from analysis.book.demo.truth import load_truth
from analysis.book.profile import FILE_NAME as PROFILE_FILE
from analysis.book.profile import profile_toml, read_profile
from analysis.book.schema import table_schema
from analysis.errors import Misuse

TRUTH_FILE = "truth.json"
PIECE_PLACES = 50_000
Progress = Callable[[int, int], None]


def build_demo(  # noqa: PLR0913  (each is an option of the command, and none a mode)
    path: Path,
    *,
    loans: int = 20_000,
    months: int = 60,
    seed: int = 7,
    until: date = date(2026, 9, 30),
    progress: Progress | None = None,
) -> None:
    """Build the demonstration book; a book of that name is replaced once the new one is whole.

    Args:
        path: folder of the book.
        loans: live loans at a time, besides the two cases [count, from 1].
        months: month ends [count, from 1]; the cases need 48 that end in September 2026.
        seed: the same seed gives the same bytes.
        until: last month end.
        progress: called with months done and months in all.

    Raises:
        Misuse: if a number is out of range, `until` is not a month end, or the folder holds
            something other than a simulated book.
    """
    _check(loans, months, seed, until)
    span = np.arange(month_index(until) - months + 1, month_index(until) + 1)
    pieces, economy = _pieces(loans, span, seed)
    choices: dict[str, object] = {"loans": loans, "months": months, "seed": seed, "until": until}
    with book_lock(path), _replacing(path) as folder:
        accounts = _write_pieces(folder, pieces, progress)
        write_atomically(folder / TRUTH_FILE, truth_json(load_truth(), choices, accounts))
        files = [*_write_macro(folder, span, economy), *(f for account in accounts for f in account.files)]
        record = import_record(until, seed, accounts)
        commit_catalog(folder, Catalog(files=tuple(sorted(files, key=lambda f: f.path)), imports=(record,)))
        write_atomically(folder / PROFILE_FILE, profile_toml(demo_profile(load_truth())))


def _pieces(loans: int, span: Ints, seed: int) -> tuple[list[Piece], np.random.SeedSequence]:
    starts = range(0, loans, PIECE_PLACES)
    economy, *streams = np.random.SeedSequence(seed).spawn(len(starts) + 1)
    numbered = enumerate(zip(starts, streams, strict=True))
    pieces = [
        Piece(number=n, places=np.arange(start, min(start + PIECE_PLACES, loans)) + 1, months=span, stream=stream)
        for n, (start, stream) in numbered
    ]
    return pieces, economy


def _write_pieces(folder: Path, pieces: list[Piece], progress: Progress | None) -> list[Account]:
    total = sum(len(piece.months) for piece in pieces)
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return [write_piece(folder, piece, lookups(), tell) for piece in pieces]


def _write_macro(folder: Path, span: Ints, stream: np.random.SeedSequence) -> list[FileRecord]:
    with TableWriter(folder / "macro" / "part-00000.parquet", table_schema("macro")) as writer:
        writer.write(macro_rows(load_truth(), span, stream))
    return [file_record(folder, "macro", None, writer.path, rows=writer.rows)] if writer.rows else []


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a folder beside the target that takes its place on success and vanishes otherwise."""
    _refuse_foreign(path)
    building = path.parent / f".{path.name}-{uuid.uuid4().hex}.building"
    replaced = building.with_suffix(".replaced")
    for left_over in path.parent.glob(f".{path.name}-*.building"):
        shutil.rmtree(left_over)
    building.mkdir(parents=True)
    try:
        yield building
        if path.exists():
            path.rename(replaced)
        building.rename(path)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def _refuse_foreign(path: Path) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / PROFILE_FILE).is_file() or not read_profile(path).simulated:
        raise Misuse(
            f"the demonstration book must go to a new folder or replace a simulated book, was {path.name!r}, "
            "which holds something else; choose another name."
        )


def _check(loans: int, months: int, seed: int, until: date) -> None:
    for name, value, least in (("loans", loans, 1), ("months", months, 1), ("seed", seed, 0)):
        if value < least:
            raise Misuse(f"{name} must be a whole number from {least}, was {value!r}.")
    if until != month_end(month_index(until)):
        raise Misuse(f"until must be a month end such as {month_end(month_index(until))}, was {until}.")
