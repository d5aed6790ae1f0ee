"""Where the benchmark's books and files lie, and how a result is told from another."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

SCRATCH = Path(__file__).parent / "scratch"
Work = Callable[[], str]  # what is timed; what it returns must be the same for every peer
RULES = "cn_2023"
YEAR = 12
# Kinds of flows by what they do, and what a disposal makes of a loan.
CASH = ("repayment", "recovery")
DISPOSALS = ("write_off", "sale", "debt_to_equity", "foreclosure", "forgiveness")  # the last one applied first
ENDED = ("written_off", "sold", "converted", "foreclosed", "forgiven")
ADDITIONS = ("drawdown", "capitalised_interest", "fx", "correction")
ENTRIES = ("inflow", "redefault", "entered")


def book(size: str) -> Path:
    """Folder of the benchmark's book."""
    return SCRATCH / f"book-{size}"


def tape(size: str) -> Path:
    """CSV with one row per loan-month."""
    return SCRATCH / f"tape-{size}.csv"


def opened(size: str) -> tuple[Any, Any]:
    """A book and its rules; imported late so that start-up is timed apart."""
    from analysis.book.store import open_book
    from analysis.rules.loader import load_rules

    return open_book(book(size)), load_rules(RULES)


def state_files(size: str) -> list[str]:
    """Classified months, oldest first."""
    from analysis.classify.cache import month_files, states_folder

    held, rules = opened(size)
    return [str(path) for path in month_files(held, rules, states_folder(held)).values()]


def flow_files(size: str) -> list[str]:
    """Files of money movements."""
    held, _ = opened(size)
    return [str(held.path / file.path) for file in held.catalog.of("flows")]


def total(rows: Any, column: str) -> str:  # noqa: ANN401  (a pandas frame)
    """Sum of a column, to the unit."""
    return units(rows[column].dropna())


def units(amounts: Iterable[object]) -> str:
    """Sum of amounts, to the unit."""
    return str(sum((Decimal(str(amount)) for amount in amounts), Decimal(0)).quantize(Decimal(1)))


def told(sums: Mapping[str, object]) -> str:
    """Sums by name, to the unit, those that are not 0."""
    said = {name: units([amount]) for name, amount in sorted(sums.items()) if amount is not None}
    return " ".join(f"{name}={amount}" for name, amount in said.items() if amount.strip("-") != "0")
