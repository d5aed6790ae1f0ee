"""Loans with allowance, collateral and a past, made by hand for the tests of coverage."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from hypothesis import strategies as st

from analysis.terms import FIVE_CLASSES, NPL_CLASSES

Row = Mapping[str, object]
MARCH = date(2026, 3, 31)
LETTERS = dict(zip("NMSDL", FIVE_CLASSES, strict=True))
STATES = ibis.schema(
    {
        "as_of": "date",
        "loan_id": "string",
        "segment": "string",
        "collateral_type": "string",
        "origination_date": "date",
        "principal_balance": "decimal(18, 2)",
        "allowance": "decimal(18, 2)",
        "days_past_due": "int32",
        "bucket": "string",
        "five_class": "string",
        "reported_class": "string",
        "is_npl": "boolean",
    }
)
LOANS = ibis.schema({"loan_id": "string", "collateral_value": "decimal(18, 2)", "valuation_date": "date"})


def state(loan_id: str, step: str, day: date = MARCH, **fields: object) -> Row:
    """A loan at a month end from its class letter (N M S D L, or ? for none), balance and allowance.

    It is in retail, unsecured, granted in 2020 and in arrears only if said otherwise. An amount ? is not recorded.
    """
    letter, balance, allowance = step.split()
    five_class = LETTERS.get(letter)
    return {
        "as_of": day,
        "loan_id": loan_id,
        "segment": "retail",
        "collateral_type": "none",
        "origination_date": date(2020, 1, 1),
        "principal_balance": None if balance == "?" else Decimal(balance),
        "allowance": None if allowance == "?" else Decimal(allowance),
        "days_past_due": 0,
        "bucket": "M0",
        "five_class": five_class,
        "is_npl": None if five_class is None else five_class in NPL_CLASSES,
    } | fields


def bad_since(loan_id: str, since: date, step: str, **fields: object) -> list[Row]:
    """A loan that was performing until a month end showed it as bad, and that is bad in March 2026."""
    before = date(since.year - 1, since.month, 28)
    days = {before: "N 1 0", since: step, MARCH: step}
    return [state(loan_id, of, day, **fields) for day, of in days.items()]


def states(rows: Iterable[Row]) -> ir.Table:
    """A table of classified loans; what a row does not say is null."""
    return _table(rows, STATES)


def loans(rows: Mapping[str, tuple[str, date | None]]) -> ir.Table:
    """A table of loans with the value of their collateral and the day of its valuation."""
    return _table(
        ({"loan_id": name, "collateral_value": Decimal(value), "valuation_date": day}
         for name, (value, day) in rows.items()),
        LOANS,
    )  # fmt: skip


def _table(rows: Iterable[Row], schema: ibis.Schema) -> ir.Table:
    full = [{name: row.get(name) for name in schema.names} for row in rows]
    return ibis.memtable(pa.Table.from_pylist(full, schema=schema.to_pyarrow()))


AMOUNTS = st.decimals(1, 10**7, places=2)
_LOAN = st.builds(
    lambda letter, balance, allowance, fields: state("L", f"{letter} {balance} {allowance}", **fields),
    st.sampled_from("NMSDL"),
    AMOUNTS,
    AMOUNTS,
    st.fixed_dictionaries(
        {
            "segment": st.sampled_from(["retail", "services", None]),
            "collateral_type": st.sampled_from(["none", "real_estate", "equipment"]),
            "origination_date": st.sampled_from([date(2018, 1, 1), date(2021, 1, 1)]),
            "days_past_due": st.sampled_from([0, 90, 91]),
        }
    ),
)
BOOKS = st.lists(_LOAN, min_size=1, max_size=10).map(
    lambda rows: [{**row, "loan_id": f"L{i}"} for i, row in enumerate(rows)]
)


def grown_old(rows: Iterable[Row], day: date) -> list[Row]:
    """The same loans with a month long ago in which they were bad already."""
    return [past for row in rows for past in ({**row, "as_of": day}, row)]
