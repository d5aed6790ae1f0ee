"""Which files does a table read? Known for tables that a book opened here, and for nobody else's."""

from dataclasses import dataclass
from datetime import date
from weakref import WeakKeyDictionary

import ibis.expr.operations as ops
import ibis.expr.types as ir

from analysis.book.engine import Part


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Files that a table reads; their names hold digests of all that their rows follow from.

    Attributes:
        parts: the files.
        months: the month end of each part; none where a part may hold any.
    """

    parts: tuple[Part, ...]
    months: tuple[date, ...] = ()


# Beside the tables, not in them: an Ibis table can carry nothing of ours.
_ORIGINS: WeakKeyDictionary[ops.Node, Origin] = WeakKeyDictionary()


def with_origin(table: ir.Table, origin: Origin) -> ir.Table:
    """The table, of which `origin_of` now knows the files."""
    _ORIGINS[table.op()] = origin
    return table


def origin_of(table: ops.Node) -> Origin | None:
    """Files that a table reads; None if it is not a table that a book opened.

    Args:
        table: the operation that an expression starts from.
    """
    return _ORIGINS.get(table)
