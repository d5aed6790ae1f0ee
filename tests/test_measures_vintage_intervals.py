"""Bounds of shares of amounts: as for loans where all are of one size, and as wide as the errors that are made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import Misuse
from analysis.measures.intervals import binomial_interval
from analysis.measures.vintage_intervals import effective_loans, weighted_interval


def sums(amounts: np.ndarray, found: np.ndarray) -> tuple[float, float, float, float]:
    part = amounts[found]
    return part.sum(), (part**2).sum(), amounts.sum(), (amounts**2).sum()


@given(st.integers(1, 500), st.data(), st.floats(0.01, 1e6))
def test_of_loans_of_one_size_they_are_those_of_wilson(loans: int, data, size: float) -> None:
    found = data.draw(st.integers(0, loans))
    one = sums(np.full(loans, size), np.arange(loans) < found)
    assert np.array(weighted_interval(*one)) == pytest.approx(np.array(binomial_interval(found, loans)), abs=1e-9)


def test_the_effective_number_of_loans_worked_by_hand() -> None:
    # By their sizes one loan of 2 and eight of 1 are worth 10^2 / (4 + 8) = 8.33 loans.
    amounts = np.array([2.0, *np.ones(8)])
    assert effective_loans(*sums(amounts, np.zeros(9, dtype=bool))) == pytest.approx(100 / 12)
    # The large one found, a fifth of the amount, shows a variance of 4 (.8)^2 + 8 (.2)^2: .16 x 10^2 / 2.88 = 5.56.
    assert effective_loans(*sums(amounts, np.arange(9) == 0)) == pytest.approx(16 / 2.88)
    # One of 4 found beside two of 1 would count for 3 by its variance; by their sizes they are 6^2 / 18 = 2.
    assert effective_loans(*sums(np.array([4.0, 1, 1]), np.arange(3) == 0)) == pytest.approx(2)


def test_none_found_and_all_found_have_exact_ends() -> None:
    amounts = np.array([5.0, 1.0, 2.0])
    none, all_of_them = (weighted_interval(*sums(amounts, np.full(3, found))) for found in (False, True))
    assert (none[0], all_of_them[1]) == (0.0, 1.0)
    assert 0 < none[1] < 1
    assert none[1] == pytest.approx(1 - all_of_them[0])


def test_where_there_is_no_amount_there_are_no_bounds() -> None:
    assert np.isnan(weighted_interval(0, 0, 0, 0)).all()
    with pytest.raises(Misuse, match="confidence"):
        weighted_interval(1, 1, 2, 2, confidence=95)


@pytest.mark.parametrize("size_matters", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize(("loans", "spread"), [(60, 0.5), (200, 1.0), (1000, 1.5)])
def test_they_hold_in_about_ninety_five_of_a_hundred_cases(loans: int, spread: float, size_matters: float) -> None:
    rng = np.random.default_rng(20260228)
    amounts = rng.lognormal(0, spread, loans)
    chance = np.clip(0.08 * amounts**size_matters / np.mean(amounts**size_matters), 0, 0.9)
    found = rng.random((2000, loans)) < chance
    whole, squares = amounts.sum(), (amounts**2).sum()
    lower, upper = weighted_interval(found @ amounts, found @ amounts**2, np.full(2000, whole), np.full(2000, squares))
    truth = (chance * amounts).sum() / whole
    held = ((lower <= truth) & (truth <= upper)).mean()
    # Above where small loans go bad more often, of which the sizes alone know nothing.
    assert 0.93 < held < 0.995
    # Taken as so many loans, the amounts would seem surer than they are.
    naive = binomial_interval(found @ amounts / whole * loans, np.full(2000, loans))
    assert ((naive[0] <= truth) & (truth <= naive[1])).mean() < held
