"""Which columns and types a book's tables have."""

from types import MappingProxyType

import ibis
import ibis.expr.datatypes as dt

from analysis.errors import require_known
from analysis.terms import CARRIED_ATTRIBUTES, LOANS, PRIOR_STATE, SNAPSHOTS, TABLES, Term

TYPES = MappingProxyType(
    {
        "id": dt.String(),
        "text": dt.String(),
        "date": dt.Date(),
        "money": dt.Decimal(18, 2),
        "days": dt.Int32(),
        "flag": dt.Boolean(),
        "rate": dt.Float64(),
        "stage": dt.Int8(),
        "count": dt.Int64(),
    }
)


def table_schema(table: str) -> ibis.Schema:
    """Columns and types of a table as an importer gives it.

    Raises:
        Misuse: if there is no such table.
    """
    require_known("table", table, TABLES)
    return _schema(TABLES[table])


def snapshot_schema() -> ibis.Schema:
    """Columns and types of a stored snapshot: the tape's, the loan's attributes, its prior state."""
    attributes = tuple(term for term in LOANS if term.name in CARRIED_ATTRIBUTES)
    return _schema(SNAPSHOTS + attributes + PRIOR_STATE)


def _schema(terms: tuple[Term, ...]) -> ibis.Schema:
    return ibis.schema({term.name: TYPES[term.kind] for term in terms})
