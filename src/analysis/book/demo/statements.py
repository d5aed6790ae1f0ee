"""Quarterly statements of firms: distress shows here, published late, before it shows in arrears."""

import numpy as np
import pyarrow as pa

from analysis.book.demo.calendar import Ints, last_day, month_end
from analysis.book.demo.columns import dates, frame, identifiers, money, whole
from analysis.book.demo.lookups import Floats, Lookups
from analysis.book.demo.population import CENTS, NONE
from analysis.book.demo.simulation import Month
from analysis.book.demo.truth import state_on
from analysis.book.schema import table_schema

_QUARTERLY_REVENUE = 1_200_000  # of a small firm [CNY]
_SEASON = (0.88, 1.00, 1.02, 1.10)
_OUTPUT_PER_UNIT = 800  # revenue of a unit of capacity [CNY]


def statement_rows(of: Month, lookups: Lookups, last: int, rng: np.random.Generator) -> pa.Table:
    """One row is a firm with a loan at this quarter's end, if its statement is known by a last day.

    Args:
        of: a month that ends a quarter.
        lookups: the truth as arrays.
        last: last day of the book [day number].
        rng: source of chance.
    """
    warning = lookups.truth.warning
    where = _firms(of)
    lag = rng.integers(warning["publication_lag_days"]["low"], warning["publication_lag_days"]["high"] + 1, len(where))
    known = last_day(np.full(len(where), of.month)) + lag
    figures = _figures(of, where, lookups, rng)
    told = known <= last
    capacity = np.floor(figures["usual"][told] / _OUTPUT_PER_UNIT).astype(np.int64)
    actual = np.minimum(np.floor(figures["revenue"][told] / _OUTPUT_PER_UNIT).astype(np.int64), capacity)
    amounts = ("revenue", "receivables", "inventory", "operating_cash_flow", "debt_service", "total_debt")
    return frame(
        {
            "borrower_id": identifiers("B", of.at.borrower[where][told]),
            "period_end": dates(last_day(np.full(int(told.sum()), of.month))),
            "known_date": dates(known[told]),
            "fund_use_deviation": pa.array(np.round(figures["fund_use_deviation"][told], 4)),
            "capacity_plan": whole(capacity, pa.int64()),
            "capacity_actual": whole(actual, pa.int64()),
            **{name: money(_cents(figures[name][told])) for name in amounts},
        },
        table_schema("financials"),
    )


def _figures(of: Month, where: Ints, lookups: Lookups, rng: np.random.Generator) -> dict[str, Floats]:
    """Figures of each firm [CNY]; all are the usual ones but for chance and distress."""
    warning, chance = lookups.truth.warning, rng.standard_normal((5, len(where)))
    distressed = (of.at.distress[where] != NONE).astype(float)
    usual = _usual_revenue(of, where, lookups)
    revenue = usual * np.exp(warning["revenue"] * distressed + warning["noise"] * chance[0])
    service = _debt_service(of, where, lookups)
    cash = 1.7 * (1 + warning["operating_cash_flow"] * distressed) + 0.3 * chance[3]
    return {
        "usual": usual,
        "revenue": revenue,
        "receivables": usual * 0.55 * np.exp(warning["receivables"] * distressed + 0.08 * chance[1]),
        "inventory": usual * 0.40 * np.exp(warning["inventory"] * distressed + 0.08 * chance[2]),
        "operating_cash_flow": service * cash,
        "debt_service": service,
        "total_debt": of.at.balance[where] / CENTS * 1.6 + usual * 0.3,
        "fund_use_deviation": np.abs(0.04 + 0.03 * chance[4]) + warning["fund_use_deviation"] * distressed,
    }


def _usual_revenue(of: Month, where: Ints, lookups: Lookups) -> Floats:
    """Revenue of a quarter without distress: size, a trait of the borrower, season and the economy."""
    at, truth = of.at, lookups.truth
    scale = np.array([size.scale for size in truth.sizes.values()])[at.size[where]]
    state = state_on(truth, month_end(of.month))
    shift = np.array([truth.warning["state_revenue"].get(key, {}).get(state, 0.0) for key in lookups.segments])
    season = _SEASON[of.month % 12 // 3]
    shape = np.exp(_trait(at.borrower[where]) + shift[at.segment[where]])
    revenue: Floats = _QUARTERLY_REVENUE * scale * season * shape
    return revenue


def _debt_service(of: Month, where: Ints, lookups: Lookups) -> Floats:
    at = of.at
    kinds = [plan.kind in {"level", "annuity"} for plan in lookups.truth.plans.values()]
    months = np.where(np.array(kinds)[at.plan[where]], lookups.plan_months[at.plan[where]], np.inf)
    interest = at.balance[where] * at.rate[where] / 10_000 / 4
    service: Floats = (interest + 3 * at.plan_base[where] / months) / CENTS
    return service


def _firms(of: Month) -> Ints:
    """Places that stand for a firm; the second loan of a borrower stands in the next place."""
    first = np.ones(len(of.at), dtype=bool)
    first[1:] = of.at.borrower[1:] != of.at.borrower[:-1]
    first[1:] |= ~of.shown[:-1]
    return np.flatnonzero(of.shown & of.at.is_firm & first)


def _trait(borrower: Ints) -> Floats:
    """A number between -0.6 and 0.6 that stays with a borrower: the golden ratio spreads its digits evenly."""
    trait: Floats = 1.2 * ((borrower.astype(np.float64) * 0.6180339887498949) % 1.0) - 0.6
    return trait


def _cents(amount: Floats) -> Ints:
    return np.rint(amount * CENTS).astype(np.int64)
