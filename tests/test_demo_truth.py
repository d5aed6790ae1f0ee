"""The demonstration book's parameters, and the pure steps that turn them into months."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.book.demo.calendar import days_past_due, month_end, month_index
from analysis.book.demo.cases import Case, cases
from analysis.book.demo.lookups import PART, lookups
from analysis.book.demo.paths import BETTER, CURE, STAY, WORSE, months_behind
from analysis.book.demo.truth import BUCKETS, OUTCOMES, chain, chain_in, load_truth, state_on

MONTHS = st.integers(month_index(date(2000, 1, 1)), month_index(date(2060, 1, 1)))


@given(MONTHS)
def test_what_can_happen_to_a_loan_adds_up_to_one(month: int) -> None:
    chances = chain(load_truth(), month_end(month))
    assert chances.shape == (10, len(BUCKETS), len(OUTCOMES))
    assert chances.min() >= 0
    assert chances.sum(axis=2) == pytest.approx(1)


@given(month=MONTHS, behind=st.integers(1, 7), due_day=st.integers(5, 25))
def test_each_missed_instalment_is_one_bucket_of_thirty_days(month: int, behind: int, due_day: int) -> None:
    days = int(days_past_due(month, np.array([behind]), np.array([due_day]))[0])
    assert 30 * (behind - 1) < days <= 30 * behind


@given(month=MONTHS, behind=st.integers(1, 40), due_day=st.integers(5, 25))
def test_a_loan_that_misses_another_instalment_ages_by_the_days_of_the_month(
    month: int, behind: int, due_day: int
) -> None:
    before = days_past_due(month - 1, np.array([behind]), np.array([due_day]))
    after = days_past_due(month, np.array([behind + 1]), np.array([due_day]))
    assert after[0] - before[0] == month_end(month).day


@pytest.mark.parametrize(
    ("before", "outcome", "after"),
    [
        (0, WORSE, 1),
        (0, STAY, 0),
        (2, BETTER, 1),
        (3, CURE, 0),
        (6, STAY, 6),
        (6, WORSE, 7),
        (7, STAY, 8),
        (9, CURE, 0),
    ],
)
def test_an_outcome_moves_a_loan(before: int, outcome: int, after: int) -> None:
    assert months_behind(np.array([before]), np.array([outcome]))[0] == after


@pytest.mark.parametrize("plan", lookups().plans)
def test_what_is_owed_falls_from_all_to_nothing(plan: str) -> None:
    number = lookups().plans.index(plan)
    owed, months = lookups().owed[number], lookups().plan_months[number]
    assert owed[0] == PART
    assert (np.diff(owed) <= 0).all()
    assert owed[months - 1] > 0
    assert owed[months] == 0


def test_an_annuity_leaves_the_balance_of_the_textbook() -> None:
    # 240 months at 3.9 % a year: balance after 60 payments by the closed formula.
    growth = Decimal("1.00325")
    expected = 1 - (growth**60 - 1) / (growth**240 - 1)
    found = lookups().owed[lookups().plans.index("annuity_240"), 60]
    assert found == pytest.approx(float(expected) * PART, abs=1)


def test_shares_add_up_to_one() -> None:
    truth = load_truth()
    for parts in (truth.segments, truth.sizes, truth.regions):
        assert sum(part.share for part in parts.values()) == pytest.approx(1)
    mixes = [p.plans for p in truth.products.values()] + [p.collateral for p in truth.products.values()]
    for mix in [*mixes, *(s.products for s in truth.segments.values())]:
        assert sum(mix.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("day", "state"),
    [
        (date(2020, 1, 31), "normal"),
        (date(2020, 2, 29), "pandemic"),
        (date(2022, 12, 31), "pandemic"),
        (date(2023, 1, 31), "normal"),
        (date(2025, 3, 31), "normal"),
        (date(2025, 4, 30), "downturn"),
    ],
)
def test_a_state_of_the_economy_holds_from_its_first_day(day: date, state: str) -> None:
    assert state_on(load_truth(), day) == state


def test_the_pandemic_hits_trade_and_the_downturn_hits_real_estate() -> None:
    truth = load_truth()
    segments = list(truth.segments)
    trade, property_ = segments.index("wholesale_retail"), segments.index("real_estate")
    normal, pandemic, downturn = (chain_in(truth, state)[:, 0, 0] for state in ("normal", "pandemic", "downturn"))
    assert pandemic[trade] == pytest.approx(2.0 * normal[trade])
    assert downturn[property_] == pytest.approx(2.6 * normal[property_])


def _case(key: str) -> Case:
    return next(case for case in cases() if case.key == key)


def test_the_manufacturer_owes_what_the_annuity_leaves_when_it_stops_paying() -> None:
    # CNY 500,000 in 36 instalments at 5 %: 341,576.79 after the twelfth; here each instalment is in whole cents.
    assert float(_case("manufacturer").balance(date(2023, 11, 30))) == pytest.approx(341_576.79, abs=0.10)


def test_the_manufacturer_falls_overdue_within_a_year_of_the_lines_completion() -> None:
    case = _case("manufacturer")
    assert timedelta(0) < case.missed[0] - case.facts["completed_on"] < timedelta(days=365)
    assert (case.agreed_on - case.missed[0]).days <= 90


def test_the_manufacturer_pays_no_principal_for_six_months_and_then_everything() -> None:
    case = _case("manufacturer")
    paid = [m.date for m in case.movements if m.kind == "repayment" and m.date > case.agreed_on]
    interest = [m.date for m in case.movements if m.kind == "interest" and case.agreed_on < m.date < paid[0]]
    assert len(interest) == 6
    assert len(paid) == 24
    assert case.balance(date(2026, 9, 30)) == 0


def test_the_retailer_repays_in_full_within_half_a_year_half_of_it_at_the_end() -> None:
    case = _case("retailer")
    paid = [m for m in case.movements if m.kind == "repayment"]
    assert state_on(load_truth(), case.missed[0]) == "pandemic"
    assert paid[-1].amount == Decimal(150_000)
    assert paid[-1].date - case.agreed_on < timedelta(days=183)
    assert sum(m.amount for m in paid) == Decimal(300_000)
