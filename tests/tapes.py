"""Tiny tapes for tests, typed as an importer would give them."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from analysis.book.profile import Profile
from analysis.book.schema import table_schema
from analysis.book.tape import Tape
from analysis.terms import Text

Row = Mapping[str, object]
PROFILE = Profile(title=Text("示例银行", "Example Bank"))


def typed(backend: Backend, table: str, rows: Iterable[Row]) -> ir.Table:
    """A table of the tape with the given fields and nulls for the rest."""
    schema = table_schema(table)
    full = [{name: row.get(name) for name in schema.names} for row in rows]
    arrow = pa.Table.from_pylist(full, schema=schema.to_pyarrow())
    return backend.create_table(ibis.util.gen_name(table), arrow, temp=True)


def loan(loan_id: str, **fields: object) -> Row:
    """A loan of CNY 100 to a borrower of its own, unless said otherwise."""
    return {
        "loan_id": loan_id,
        "borrower_id": f"B-{loan_id}",
        "segment": "manufacturing",
        "origination_date": date(2024, 1, 15),
        "original_amount": Decimal("100.00"),
    } | fields


def snapshot(as_of: date, loan_id: str, *, dpd: int = 0, balance: str = "90.00", **fields: object) -> Row:
    """A loan at a month end."""
    return {
        "as_of": as_of,
        "loan_id": loan_id,
        "principal_balance": Decimal(balance),
        "days_past_due": dpd,
    } | fields


def tape(backend: Backend, loans: Iterable[Row], snapshots: Iterable[Row], **tables: Iterable[Row]) -> Tape:
    """A tape of the given rows."""
    others = {name: typed(backend, name, rows) for name, rows in tables.items()}
    return Tape(
        loans=typed(backend, "loans", loans),
        snapshots=typed(backend, "snapshots", snapshots),
        flows=others.pop("flows", None),
        others=others,
    )
