"""Classified loans made by hand for the tests of measures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from hypothesis import strategies as st

from analysis.terms import FIVE_CLASSES, NPL_CLASSES

Row = Mapping[str, object]
DEC, JAN, FEB, MAR = MONTHS = (date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31))
MARCH = MAR
STATES = ibis.schema(
    {
        "as_of": "date",
        "loan_id": "string",
        "segment": "string",
        "region": "string",
        "enterprise_size": "string",
        "product": "string",
        "collateral_type": "string",
        "vintage_year": "int32",
        "principal_balance": "decimal(18, 2)",
        "allowance": "decimal(18, 2)",
        "days_past_due": "int32",
        "five_class": "string",
        "is_npl": "boolean",
        "is_restructured": "boolean",
        "in_observation": "boolean",
        "prior_as_of": "date",
        "prior_is_npl": "boolean",
        "prior_balance": "decimal(18, 2)",
        "prior_days_past_due": "int32",
        "prior_five_class": "string",
    }
)
FLOWS = ibis.schema({"loan_id": "string", "date": "date", "kind": "string", "amount": "decimal(18, 2)"})


def loan(loan_id: str, balance: str | None, five_class: str | None = "pass", **rest: object) -> Row:
    """A loan at the end of March 2026, in manufacturing and never overdue unless said otherwise."""
    return {
        "as_of": MARCH,
        "loan_id": loan_id,
        "segment": "manufacturing",
        "principal_balance": None if balance is None else Decimal(balance),
        "days_past_due": 0,
        "five_class": five_class,
        "is_npl": None if five_class is None else five_class in NPL_CLASSES,
        "is_restructured": False,
        "in_observation": False,
    } | rest


def path(loan_id: str, *steps: str, segment: str = "manufacturing", moves_to: str = "") -> list[Row]:
    """A loan month by month: a balance, with * where it is non-performing, or - where it is not there.

    From February on it is in the segment it moves to, if any.
    """
    return [
        loan(loan_id, step.rstrip("*"), "loss" if step.endswith("*") else "pass", as_of=day,
             segment=moves_to if moves_to and day >= FEB else segment)
        for day, step in zip(MONTHS, steps, strict=True)
        if step != "-"
    ]  # fmt: skip


def states(rows: Iterable[Row]) -> ir.Table:
    """A table of classified loans; what a row does not say is null."""
    return _table(rows, STATES)


def flows(*rows: tuple[str, date, str, str]) -> ir.Table:
    """A table of money movements: loan, date, kind, amount."""
    return _table((dict(zip(FLOWS.names, (*row[:3], Decimal(row[3])), strict=True)) for row in rows), FLOWS)


def with_prior(rows: Sequence[Row]) -> list[Row]:
    """Rows with their state at the month end before, as a book stores it."""
    months = sorted({row["as_of"] for row in rows})  # type: ignore[type-var]
    before = dict(zip(months[1:], months[:-1], strict=True))
    known = {(row["as_of"], row["loan_id"]): row for row in rows}
    priors = [known.get((before.get(row["as_of"]), row["loan_id"]), {}) for row in rows]
    return [
        {
            **row,
            "prior_as_of": prior.get("as_of"),
            "prior_is_npl": prior.get("is_npl"),
            "prior_balance": prior.get("principal_balance"),
            "prior_days_past_due": prior.get("days_past_due"),
            "prior_five_class": prior.get("five_class"),
        }
        for row, prior in zip(rows, priors, strict=True)
    ]


def _table(rows: Iterable[Row], schema: ibis.Schema) -> ir.Table:
    full = [{name: row.get(name) for name in schema.names} for row in rows]
    return ibis.memtable(pa.Table.from_pylist(full, schema=schema.to_pyarrow()))


MONEY = st.decimals(0, 10**9, places=2).map(str)
LOANS = st.builds(
    loan,
    st.just("L"),
    MONEY,
    st.sampled_from(list(FIVE_CLASSES)),
    as_of=st.sampled_from([date(2026, 2, 28), MARCH]),
    segment=st.sampled_from(["manufacturing", "retail", None]),
    region=st.sampled_from(["north", "south"]),
    product=st.sampled_from(["term", "card"]),
    vintage_year=st.sampled_from([2024, 2025]),
    allowance=st.none() | st.decimals(0, 10**6, places=2),
    days_past_due=st.sampled_from([0, 1, 90, 91]),
    is_restructured=st.booleans(),
    in_observation=st.booleans(),
)
BOOKS = st.lists(LOANS, max_size=12).map(lambda rows: [{**row, "loan_id": f"L{i}"} for i, row in enumerate(rows)])
GROUPS = st.lists(st.sampled_from(["segment", "region", "product", "vintage_year"]), max_size=3, unique=True)
