"""Errors raised on purpose: each says what, what it must be, what it was, and what to do."""

from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import ClassVar


class AnalysisError(ValueError):
    """Base of the family; catch it to catch everything raised on purpose."""

    exit_code: ClassVar[int] = 1  # of the command line: data or content refused


class MissingColumns(AnalysisError):
    """A table lacks columns that a step needs."""

    def __init__(self, table: str, missing: Iterable[str], present: Iterable[str]) -> None:
        """Name each missing column, its nearest present one, and what is there."""
        present = list(present)
        wanted = ", ".join(f"{name!r}{did_you_mean(name, present)}" for name in sorted(missing))
        super().__init__(f"{table} lacks {wanted}. It has: {', '.join(present)}.")


class Unreconciled(AnalysisError):
    """Two totals that must agree to the cent do not."""

    def __init__(self, what: str, expected: Decimal, found: Decimal, unit: str) -> None:
        """State both totals and the gap [unit]."""
        super().__init__(
            f"{what} does not reconcile: expected {expected:,.2f} {unit}, "
            f"found {found:,.2f} {unit} (gap {found - expected:+,.2f})."
        )


class DataRefused(AnalysisError):
    """Data or content is not fit for what was asked; nothing was published."""


class Misuse(AnalysisError):
    """A name, parameter or option that the caller has to change."""

    exit_code = 2


class Unavailable(AnalysisError):
    """A file, server, kernel or program that is not there or not answering."""

    exit_code = 3


def require_columns(table: str, needed: Iterable[str], present: Iterable[str]) -> None:
    """Refuse a table that lacks columns.

    Raises:
        MissingColumns: naming each, its nearest present one, and what is there.
    """
    present = list(map(str, present))
    if missing := set(needed) - set(present):
        raise MissingColumns(table, missing, present)


def require_known(what: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that is none of those there are.

    Raises:
        Misuse: naming them and the nearest one.
    """
    names = list(known)
    if name not in names:
        raise Misuse(f"{what} must be one of {', '.join(names)}, was {name!r}{did_you_mean(name, names)}.")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Hint at the nearest known name, as text to append to a message; empty if none is near."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
