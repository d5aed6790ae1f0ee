"""What is asked of a book by a measure that is a table, and which settings does the measure know?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import ibis.expr.types as ir
import pandas as pd

from analysis.book.profile import Profile
from analysis.errors import Misuse, Unavailable, did_you_mean, require_known
from analysis.measures.catalog import Definition
from analysis.measures.periods import month_end_before
from analysis.rules.loader import load_rules

Opening = Literal["year", "first", "now"]
_YEAR = 12


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a book.

    Attributes:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan; None where the book has none.
        months: month ends from the opening to the reporting date.
        since: the opening that was asked for; None where none was.
        by: dimensions; none gives the whole book.
        basis: "balance" or "count".
        profile: what the book says of itself; None where nobody asked it.
        settings: what was settled of the measure's own settings, by name.
        loans: one row is a loan with its attributes; None where the book has none.
    """

    states: ir.Table
    flows: ir.Table | None
    months: tuple[date, ...]
    since: date | None
    by: tuple[str, ...]
    basis: str
    profile: Profile | None = None
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    loans: ir.Table | None = None

    @property
    def period(self) -> tuple[date, date]:
        """Opening and reporting date."""
        return self.months[0], self.months[-1]

    @property
    def within(self) -> ir.Table:
        """States at the month ends from the opening to the reporting date."""
        return self.states.filter(self.states.as_of.isin(list(self.months)))

    @property
    def latest(self) -> ir.Table:
        """States at the reporting date."""
        return self.states.filter(self.states.as_of == self.months[-1])

    def moves(self) -> ir.Table:
        """The flows.

        Raises:
            Unavailable: if the book has none.
        """
        if self.flows is None:
            raise Unavailable("this measure needs flows, but the book has none; import one to see it.")
        return self.flows


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A choice that a measure leaves open.

    Attributes:
        default: what it is if nobody chooses; empty where `rule` says it.
        known: the values there are; none where it is a whole number.
        least: smallest number there may be.
        rule: id of the house rule that holds the default.
    """

    default: str = ""
    known: tuple[str, ...] = ()
    least: int = 0
    rule: str = ""

    def settled(self, name: str, value: str | None) -> str:
        """The value that holds.

        Args:
            name: of the setting, for a message.
            value: what was chosen; None if nothing was.

        Raises:
            Misuse: if it is no value of the setting.
        """
        if value is None:
            return self.default or str(load_rules("house").rule(self.rule).value)
        if self.known:
            require_known(name, value, self.known)
        elif not (value.isascii() and value.isdigit() and int(value) >= self.least):
            raise Misuse(f"{name} must be a whole number from {self.least}, was {value!r}.")
        return value


@dataclass(frozen=True, kw_only=True)
class Statement(Definition):
    """A measure that is a table, and how it is answered.

    Attributes:
        rows: its answer.
        settings: what can be chosen, by name.
        opens: where its period begins if nobody says: a year before the reporting date ("year"), where the book
            does ("first"), or at the reporting date, of a measure that looks at no other ("now").
        has_groups: whether it can be asked by dimensions.
        cuts: what it can be asked by beside the dimensions.
    """

    rows: Callable[[Question], pd.DataFrame]
    settings: Mapping[str, Setting] = field(default_factory=dict, hash=False)
    opens: Opening = "year"
    has_groups: bool = True
    cuts: tuple[str, ...] = ()

    def settled(self, chosen: Mapping[str, str]) -> Mapping[str, str]:
        """Every setting with the value that holds.

        Raises:
            Misuse: if a name is no setting of the measure, or a value none of the setting.
        """
        for name in chosen:
            if name not in self.settings:
                known = ", ".join(self.settings) or "nothing"
                hint = did_you_mean(name, self.settings)
                raise Misuse(f"of {self.name!r} can be set: {known}; was {name!r}{hint}.")
        return {name: setting.settled(name, chosen.get(name)) for name, setting in self.settings.items()}

    def require_groups(self, by: Sequence[str]) -> None:
        """Refuse dimensions for a measure that is of the whole book.

        Raises:
            Misuse: if there are any.
        """
        if by and not self.has_groups:
            raise Misuse(f"by must be left out for {self.name!r}, which is of the whole book, was {', '.join(by)}.")


def months_since(months: Sequence[date], since: str, *, opens: Opening = "year") -> tuple[date, ...]:
    """Month ends from an opening on.

    Args:
        months: month ends of a book, ascending.
        since: the opening, such as "2025-12-31".
        opens: the opening if `since` is empty: "year" (a year before the last one, or where the book begins),
            "first" (where the book begins) or "now" (the last one itself).

    Raises:
        Misuse: if the opening is no month end of the book before its last one.
        Unavailable: if the book has one month only.
    """
    if opens == "now" and not since:
        return tuple(months[-1:])
    if len(months) < 2:
        raise Unavailable("this measure compares two month ends, but the book has one; import an earlier one.")
    earlier = tuple(map(str, months[:-1]))
    if since and since not in earlier:
        raise Misuse(
            f"since must be one of the book's month ends from {earlier[0]} to {earlier[-1]}, "
            f"was {since!r}{did_you_mean(since, earlier)}."
        )
    opening = since or (earlier[0] if opens == "first" else str(month_end_before(months[-1], _YEAR)))
    return tuple(month for month in months if str(month) >= opening)
