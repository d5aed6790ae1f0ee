"""The two borrowers of the workout cases, as real loans of the demonstration book.

Their dates are fixed: each month end of theirs that lies in the book's range is there. The whole of
both stories lies between November 2022 and July 2026, so a book that ends in September 2026 shows
them from 48 months on.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from analysis.book.demo.calendar import month_end, month_index
from analysis.terms import CARRIED_ATTRIBUTES

Row = dict[str, object]
CENT = Decimal("0.01")
_TERM = 36  # instalments of the manufacturer's first plan
_STATEMENT_LAG = timedelta(days=40)


@dataclass(frozen=True, kw_only=True)
class Movement:
    """A dated movement of money of a case's loan."""

    date: date
    kind: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Case:
    """A borrower's loan and everything that happened to it."""

    key: str
    loan: Mapping[str, Any]
    movements: tuple[Movement, ...]
    missed: tuple[date, ...]
    agreed_on: date
    observed_until: date
    statements: Mapping[str, Any]
    facts: Mapping[str, Any]

    def balance(self, day: date) -> Decimal:
        """Principal owed at the end of a day [CNY]."""
        signs = {"drawdown": 1, "repayment": -1}
        parts = (signs.get(m.kind, 0) * m.amount for m in self.movements if m.date <= day)
        return sum(parts, Decimal(0))


@cache
def cases() -> tuple[Case, ...]:
    """Both cases, by loan."""
    raw = tomllib.loads((files("analysis.book.demo") / "cases.toml").read_text(encoding="utf-8"))
    movements = {"manufacturer": _manufacturer(raw["manufacturer"]), "retailer": _retailer(raw["retailer"])}
    return tuple(
        Case(
            key=key,
            loan=_typed_loan(facts["loan"]),
            movements=tuple(movements[key]),
            missed=tuple(facts["missed"]),
            agreed_on=facts["agreed_on"],
            observed_until=facts["observed_until"],
            statements=facts["statements"],
            facts=facts,
        )
        for key, facts in raw.items()
    )


def case_loans(first: date, last: date) -> list[Row]:
    """One row is a case's loan that the book shows at least once."""
    return [dict(case.loan) for case in cases() if list(_shown(case, first, last))]


def case_snapshots(first: date, last: date, allowance_rates: Mapping[str, float]) -> dict[date, list[Row]]:
    """Rows of both cases by month end, with attributes and prior state."""
    rows: dict[date, list[Row]] = {}
    for case in cases():
        before: Row = {}
        for day in _shown(case, first, last):
            row = _state(case, day, allowance_rates) | {k: case.loan.get(k) for k in CARRIED_ATTRIBUTES}
            before = row | _prior(row, before)
            rows.setdefault(day, []).append(before)
    return rows


def case_flows(first: date, last: date) -> list[Row]:
    """Movements of both cases from the book's first month on, by loan and date."""
    start = first.replace(day=1)
    return [
        {"loan_id": case.loan["loan_id"], "date": m.date, "kind": m.kind, "amount": m.amount}
        for case in cases()
        for m in sorted(case.movements, key=lambda m: (m.date, m.kind))
        if start <= m.date <= last
    ]


def case_statements(last: date) -> list[Row]:
    """Quarterly statements of both borrowers that are known by a date."""
    rows = [row for case in cases() for row in _statements(case)]
    return [row for row in rows if row["known_date"] <= last]  # type: ignore[operator]  # a date


def due_dates(first: date, count: int) -> list[date]:
    """Same day of so many months in a row."""
    months = range(month_index(first), month_index(first) + count)
    return [month_end(month).replace(day=first.day) for month in months]


def _due_until(opened: date, missed: date) -> list[date]:
    """Dates on which payment was made as agreed, before the first one missed."""
    return due_dates(_next_month(opened), month_index(missed) - month_index(opened) - 1)


def _manufacturer(facts: Mapping[str, Any]) -> Iterator[Movement]:
    loan, agreed = facts["loan"], facts["agreed_on"]
    balance, rate = Decimal(loan["original_amount"]), Decimal(str(loan["contract_rate"])) / 12
    instalment = _annuity(balance, rate, _TERM)
    yield Movement(date=loan["origination_date"], kind="drawdown", amount=balance)
    before = _due_until(loan["origination_date"], facts["missed"][0])
    for day in before:
        interest = _cents(balance * rate)
        yield Movement(date=day, kind="interest", amount=interest)
        yield Movement(date=day, kind="repayment", amount=instalment - interest)
        balance -= instalment - interest
    yield Movement(date=agreed, kind="interest", amount=_cents(balance * rate) * len(facts["missed"]))
    grace = due_dates(_next_month(facts["missed"][-1]), facts["grace_months"])
    for day in grace:
        yield Movement(date=day, kind="interest", amount=_cents(balance * rate))
    yield from _level_payments(balance, rate, due_dates(_next_month(grace[-1]), _TERM - len(before)))


def _level_payments(balance: Decimal, rate: Decimal, days: Sequence[date]) -> Iterator[Movement]:
    instalment = _annuity(balance, rate, len(days))
    for day in days:
        interest = _cents(balance * rate)
        principal = balance if day == days[-1] else instalment - interest
        yield Movement(date=day, kind="interest", amount=interest)
        yield Movement(date=day, kind="repayment", amount=principal)
        balance -= principal


def _retailer(facts: Mapping[str, Any]) -> Iterator[Movement]:
    loan, agreed = facts["loan"], facts["agreed_on"]
    balance, rate = Decimal(loan["original_amount"]), Decimal(str(loan["contract_rate"])) / 12
    first, missed = loan["origination_date"], facts["missed"]
    yield Movement(date=first, kind="drawdown", amount=balance)
    for day in _due_until(first, missed[0]):
        yield Movement(date=day, kind="interest", amount=_cents(balance * rate))
    yield Movement(date=agreed, kind="interest", amount=_cents(balance * rate) * len(missed))
    for day, principal in zip(due_dates(_next_month(missed[-1]), len(facts["plan"])), facts["plan"], strict=True):
        yield Movement(date=day, kind="interest", amount=_cents(balance * rate))
        yield Movement(date=day, kind="repayment", amount=Decimal(principal))
        balance -= principal


def _shown(case: Case, first: date, last: date) -> Iterator[date]:
    for month in range(month_index(first), month_index(last) + 1):
        if case.balance(month_end(month)) > 0:
            yield month_end(month)


def _state(case: Case, day: date, rates: Mapping[str, float]) -> Row:
    balance, open_dates = case.balance(day), [d for d in case.missed if d <= day < case.agreed_on]
    days = (day - open_dates[0]).days if open_dates else 0
    agreed = case.agreed_on <= day
    watched = agreed and day <= case.observed_until
    reported = "special_mention" if watched or days else "pass"
    due = _missed_principal(case) * len(open_dates)
    return {
        "as_of": day,
        "loan_id": case.loan["loan_id"],
        "principal_balance": balance,
        "days_past_due": days,
        "interest_receivable": _cents(balance * Decimal(str(case.loan["contract_rate"])) * (days or 15) / 365),
        "overdue_principal": due,
        "reported_class": reported,
        "ifrs9_stage": 2 if reported == "special_mention" else 1,
        "allowance": _cents(balance * Decimal(str(rates[reported]))),
        "is_restructured": watched,
        "restructure_date": case.agreed_on if agreed else None,
        "observation_end": case.observed_until if agreed else None,
        "is_qualified_renewal": False,
        "borrower_rating": "C" if agreed or days else "B",
    }


def _missed_principal(case: Case) -> Decimal:
    """Principal of one missed instalment [CNY]."""
    if "instalment" in case.facts:
        return Decimal(case.facts["instalment"])
    paid = [m.amount for m in case.movements if m.kind == "repayment" and m.date < case.missed[0]]
    return paid[-1]


def _prior(row: Row, before: Row) -> Row:
    clean = row["days_past_due"] == 0
    return {
        "prior_as_of": before.get("as_of"),
        "prior_balance": before.get("principal_balance"),
        "prior_days_past_due": before.get("days_past_due"),
        "prior_reported_class": before.get("reported_class"),
        "prior_segment": before.get("segment"),
        "last_over_90_date": None,
        "clean_since": (before.get("clean_since") or row["as_of"]) if clean else None,
    }


def _statements(case: Case) -> Iterator[Row]:
    columns = {name: values for name, values in case.statements.items() if isinstance(values, list)}
    start = month_index(case.statements["first_period_end"])
    for number in range(len(columns["revenue"])):
        end = month_end(start + 3 * number)
        paid = [m.amount for m in case.movements if _same_quarter(m.date, end) and m.kind in {"interest", "repayment"}]
        row: Row = {name: values[number] for name, values in columns.items()}
        yield row | {
            "borrower_id": case.loan["borrower_id"],
            "period_end": end,
            "known_date": end + _STATEMENT_LAG,
            "debt_service": sum(paid, Decimal(0)),
        }


def _same_quarter(day: date, end: date) -> bool:
    return 0 <= month_index(end) - month_index(day) < 3


def _typed_loan(loan: Mapping[str, Any]) -> dict[str, Any]:
    money = {"original_amount", "collateral_value"}
    return {name: Decimal(value) if name in money else value for name, value in loan.items()}


def _annuity(balance: Decimal, rate: Decimal, months: int) -> Decimal:
    """Level instalment that repays a balance in so many months [CNY]."""
    growth = (1 + rate) ** months
    return _cents(balance * rate * growth / (growth - 1))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _next_month(day: date) -> date:
    return due_dates(day, 2)[1]
