"""A return to a supervisor with its numbers: which book, which dates, which definition, which unit?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import ibis.expr.types as ir

from analysis.book.store import Book
from analysis.classify.states import states
from analysis.errors import Unavailable, require_known
from analysis.measures.bridge import bridge
from analysis.measures.migration_return import Block, migration_return
from analysis.measures.question import months_since
from analysis.measures.returns import LAYOUTS, return_amounts
from analysis.rules.loader import load_rules
from analysis.terms import Text

UNITS: Mapping[str, tuple[Decimal, Text]] = MappingProxyType(
    {
        "yuan": (Decimal(1), Text("元", "one")),
        "wan": (Decimal(10_000), Text("万元", "ten thousand")),
    }
)
_WITH_MATRIX = "cn_g12"


@dataclass(frozen=True, kw_only=True)
class FilledReturn:
    """A return with its numbers, and what a reader has to know to check them.

    Attributes:
        head: names and values for its head, in order.
        blocks: its parts, amounts exact [currency].
        unit: how much of the currency one unit is.
        status: how far its layout was checked: "verified" or "unverified".
    """

    head: Mapping[str, str]
    blocks: tuple[Block, ...]
    unit: Decimal
    status: str


def filled_return(book: Book, name: str, *, since: str = "", unit: str = "", rules: str = "") -> FilledReturn:
    """A return of a book at its reporting date.

    Args:
        book: the book, open as of the reporting date.
        name: a layout of `returns.LAYOUTS`.
        since: its opening, such as "2025-12-31"; the end of the year before if empty.
        unit: of `UNITS`; the return's own if empty.
        rules: id of a definition; the book's own if empty.

    Raises:
        Misuse: if the return, the unit, the definition or the opening is not known.
        Unavailable: if the book has no flows, no balances or no earlier month.
        DataRefused: if a loan lacks what the return needs.
    """
    require_known("return", name, LAYOUTS)
    if unit:
        require_known("unit", unit, UNITS)
    _require_amounts(book)
    months = months_since(book.months, since or _year_end_before(book))
    chosen, layout = load_rules(rules or book.profile.rules), LAYOUTS[name]
    blocks = _blocks(name, states(book, chosen), book.flows, months)
    own = unit or next(key for key, (size, _) in UNITS.items() if size == layout.unit)
    head = {
        "return": name,
        "book": book.name,
        "title": f"{book.profile.title.zh} / {book.profile.title.en}",
        "as_of": str(book.as_of),
        "since": str(months[0]),
        "definition": f"{chosen.id} ({chosen.key})",
        "unit": f"{UNITS[own][1].zh} ({own}), {book.profile.currency}",
        "source": layout.source,
        "status": layout.status,
        "data": book.content_hash[:12],
    }
    return FilledReturn(head=head, blocks=blocks, unit=UNITS[own][0], status=layout.status)


def _require_amounts(book: Book) -> None:
    if book.profile.basis == "count" or not book.has("flows"):
        lacks = "balances" if book.profile.basis == "count" else "flows"
        raise Unavailable(f"a return is of amounts and of what moved them, but book {book.name!r} records no {lacks}.")


def _blocks(name: str, table: ir.Table, flows: ir.Table, months: Sequence[date]) -> tuple[Block, ...]:
    if name == _WITH_MATRIX:
        return migration_return(table, flows, dates=months)
    amounts = return_amounts(bridge(table, flows, dates=months), LAYOUTS[name])
    return (Block(code=name, label=Text("不良贷款变动", "Changes in the stock of NPL"), rows=amounts),)


def _year_end_before(book: Book) -> str:
    opening = date(book.as_of.year - 1, 12, 31)
    if opening not in book.months:
        raise Unavailable(
            f"a return opens at the end of the year before, {opening}, which book {book.name!r} does not have; "
            "import it, or name another opening with --since."
        )
    return str(opening)
