"""Loans of known age made by hand, and what becomes of them worked out loan by loan, for the tests of vintages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

SCHEMA = ibis.schema(
    {
        "as_of": "date",
        "loan_id": "string",
        "segment": "string",
        "region": "string",
        "origination_date": "date",
        "original_amount": "decimal(18, 2)",
        "days_past_due": "int32",
        "is_npl": "boolean",
        "prior_as_of": "date",
    }
)
DAYS = {".": 0, "1": 30, "2": 31, "9": 90, "*": 91, "?": None}


@dataclass(frozen=True, kw_only=True)
class Loan:
    """A loan: month of origination, and from its first month end on a letter of `DAYS` a month, or - if not there."""

    loan_id: str
    lent: str
    path: str
    amount: str | None = "100"
    segment: str | None = "manufacturing"
    region: str = "north"
    moves_to: str = ""
    late: int = 0

    @property
    def first(self) -> pd.Period:
        return pd.Period(self.lent, "M")

    def rows(self) -> list[dict[str, object]]:
        steps = enumerate("-" * self.late + self.path)
        return [self._row(age, step) for age, step in steps if step != "-"]

    def _row(self, age: int, step: str) -> dict[str, object]:
        days = DAYS[step]
        return {
            "as_of": month_end(self.first + age),
            "loan_id": self.loan_id,
            "segment": self.moves_to if self.moves_to and age else self.segment,
            "region": self.region,
            "origination_date": self.first.start_time.date().replace(day=15),
            "original_amount": None if self.amount is None else Decimal(self.amount),
            "days_past_due": days,
            "is_npl": None if days is None else days > 90,
        }


def month_end(month: pd.Period) -> date:
    return month.end_time.date()


def aged(loans: Iterable[Loan], *, since: str = "2026-01", until: str | None = None) -> ir.Table:
    """The loans as a book that begins and ends with a month sees them."""
    return table((row for loan in loans for row in loan.rows()), since=since, until=until)


def table(rows: Iterable[dict[str, Any]], *, since: str = "2026-01", until: str | None = None) -> ir.Table:
    """Rows between two months, with the month end before where the loan was there then, as a book stores it."""
    first, last = month_end(pd.Period(since, "M")), month_end(pd.Period(until, "M")) if until else date.max
    seen = [row for row in rows if first <= row["as_of"] <= last]
    days = sorted({row["as_of"] for row in seen})
    before = dict(zip(days[1:], days, strict=False))
    there = {(row["as_of"], row["loan_id"]) for row in seen}
    priors = [before.get(row["as_of"]) for row in seen]
    known = [
        row | {"prior_as_of": prior if (prior, row["loan_id"]) in there else None}
        for row, prior in zip(seen, priors, strict=True)
    ]
    return ibis.memtable(pa.Table.from_pylist(known, schema=SCHEMA.to_pyarrow()))


# Every month has a loan of a cohort of its own, so that the book's months do not depend on what else is drawn.
MONTHS = 8
ANCHOR = Loan(loan_id="anchor", lent="2026-01", path="." * MONTHS, segment="anchor")
_PATH = st.text(".2*", min_size=1, max_size=MONTHS)
_LENT = st.integers(-3, MONTHS - 1).map(lambda month: str(pd.Period("2026-01", "M") + month))
LOANS = st.lists(
    st.builds(
        Loan,
        loan_id=st.just(""),
        lent=_LENT,
        path=_PATH,
        amount=st.decimals(1, 10**7, places=2).map(str),
        segment=st.sampled_from(["manufacturing", "retail", None]),
        region=st.sampled_from(["north", "south"]),
        late=st.sampled_from([0, 0, 0, 1]),
    ),
    max_size=10,
)


def book(loans: Iterable[Loan], names: Iterable[int] = range(10_000)) -> list[Loan]:
    """Loans under names of their own, beside the anchor."""
    numbered = zip(loans, names, strict=False)
    return [ANCHOR, *(Loan(**(vars(loan) | {"loan_id": f"L{number}"})) for loan, number in numbered)]


def walked(loans: Iterable[Loan], *, amounts: bool, days: int = 90) -> dict[tuple[object, ...], tuple[object, ...]]:
    """Cohort, segment and age to (whole, ever, current, at risk, newly bad), walking along each path month by month."""
    first, last = pd.Period("2026-01", "M"), pd.Period("2026-01", "M") + MONTHS - 1
    found: dict[tuple[object, ...], list[list[object]]] = {}
    here = [loan for loan in loans if any(month_end(first) <= row["as_of"] <= month_end(last) for row in loan.rows())]
    for loan in here:
        quarter = loan.first.asfreq("Q")
        if quarter.start_time.to_period("M") < first or quarter.end_time.to_period("M") > last:
            continue
        whole = Decimal(loan.amount or 0) if amounts else 1
        steps = ("-" * loan.late + loan.path)[: (last - loan.first).n + 1]
        bad = [step != "-" and (DAYS[step] or 0) > days for step in steps]
        for age in range((last - loan.first).n + 1):
            there = steps[age : age + 1] not in ("", "-")
            was_there = age > 0 and steps[age - 1 : age] not in ("", "-")
            before = any(bad[:age])
            ever, current = any(bad[: age + 1]), bad[age : age + 1] == [True]
            risk = (was_there or there) and not before
            numbers = [whole * flag for flag in (1, ever, current, risk, risk and ever)]
            found.setdefault((quarter.start_time, loan.segment, age), []).append(numbers)
    youngest = {
        (quarter, segment): min(
            (last - loan.first).n
            for loan in here
            if loan.first.asfreq("Q").start_time == quarter and loan.segment == segment
        )
        for quarter, segment, _ in found
    }
    return {
        key: tuple(sum(column) for column in zip(*rows, strict=True))
        for key, rows in found.items()
        if key[2] <= youngest[key[:2]]
    }
