"""What has to be there before anything is timed: a book, its tape, its classified months."""

from benchmarks.places import RULES, SCRATCH, Work, book, opened, state_files, tape

TAPE_COLUMNS = (
    "as_of", "loan_id", "borrower_id", "segment", "region", "product", "origination_date", "original_amount",
    "principal_balance", "days_past_due", "overdue_principal", "allowance",
)  # fmt: skip
MAP = f"""
[book]
title = "Benchmark"
rules = "{RULES}"

[columns]
""" + "\n".join(f'{name} = "{name}"' for name in TAPE_COLUMNS)  # fmt: skip
MONTHS = 60


def prepare_book(size: str) -> Work:
    """Build a demonstration book of about `size` million loan-months, in pieces."""
    from analysis.book.demo.build import build_demo

    def work() -> str:
        if not (book(size) / "catalog.json").is_file():
            build_demo(book(size), loans=round(float(size) * 1e6 / MONTHS), months=MONTHS)
        return ""

    return work


def prepare_tape(size: str) -> Work:
    """Write the book's snapshots as one CSV."""
    from analysis.book.store import open_book

    def work() -> str:
        if not tape(size).is_file():
            open_book(book(size)).snapshots.select(*TAPE_COLUMNS).to_csv(tape(size))
        (SCRATCH / "map.toml").write_text(MAP)
        return ""

    return work


def classify_book(size: str) -> Work:
    """Classify every month: paid once per month of tape and definition."""
    from analysis.classify.states import states

    return lambda: str(states(*opened(size)).count().execute())


def warm_book(size: str) -> Work:
    """Read every file once, so that no case is the one that waits for the disk."""
    from pathlib import Path

    def work() -> str:
        for path in map(Path, state_files(size)):
            with path.open("rb") as stream:
                while stream.read(1 << 22):
                    pass
        return ""

    return work
