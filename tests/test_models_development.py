"""Factors and increments from age to age: as printed, by hand, by law, and as wide as the errors that are made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from analysis.errors import Misuse
from analysis.models.development import METHODS, developed, development_factors, development_increments

# G. C. Taylor and F. R. Ashe (1983), J. Econometrics 23:37-61, incremental amounts; the example of T. Mack (1993),
# ASTIN Bulletin 23:213-225, whose tables 2 and 3 the numbers below are.
TAYLOR_ASHE = """
357848 766940 610542 482940 527326 574398 146342 139950 227229 67948
352118 884021 933894 1183289 445745 320996 527804 266172 425046
290507 1001799 926219 1016654 750816 146923 495992 280405
310608 1108250 776189 1562400 272482 352053 206286
443160 693190 991983 769488 504851 470639
396132 937085 847498 805037 705960
440832 847631 1131398 1063269
359480 1061648 1443370
376686 986608
344014
"""
FACTORS = [3.4906, 1.7473, 1.4574, 1.1739, 1.1038, 1.0863, 1.0539, 1.0766, 1.0177]
RESERVES = [0, 95, 470, 710, 985, 1419, 2178, 3920, 4279, 4626]  # thousands; 18,681 together
ERRORS = [0.80, 0.26, 0.19, 0.27, 0.29, 0.26, 0.22, 0.23, 0.29]  # of the reserves, from the second on
NAN = np.nan
TRIANGLE = np.array([[2.0, 5.0, 6.0], [4.0, 7.0, NAN], [3.0, NAN, NAN]])


def triangle(text: str) -> np.ndarray:
    rows = [[float(word) for word in line.split()] for line in text.split("\n") if line]
    amounts = np.full((len(rows), len(rows[0])), np.nan)
    for place, row in enumerate(rows):
        amounts[place, : len(row)] = np.cumsum(row)
    return amounts


def test_the_factors_are_those_of_print() -> None:
    assert development_factors(triangle(TAYLOR_ASHE)).rates == pytest.approx(FACTORS, abs=5e-5)


def test_what_is_to_come_and_its_error_are_those_of_print() -> None:
    amounts = triangle(TAYLOR_ASHE)
    ahead = developed(amounts, np.full(10, 1.0), method="chain_ladder")
    reserves = ahead.amounts[:, -1] - np.nanmax(amounts, axis=1)
    assert reserves / 1000 == pytest.approx(RESERVES, abs=0.5)
    assert reserves.sum() / 1000 == pytest.approx(18_681, abs=0.5)
    assert ahead.errors[1:, -1] / reserves[1:] == pytest.approx(ERRORS, abs=0.0051)


def test_factors_and_increments_worked_by_hand() -> None:
    factors, increments = development_factors(TRIANGLE), development_increments(TRIANGLE, [10, 20, 30])
    assert factors.rates == pytest.approx([12 / 6, 6 / 5])
    # 2 (5/2 - 2)^2 + 4 (7/4 - 2)^2 = .75, with one degree of freedom.
    assert factors.variances == pytest.approx([0.75, NAN], nan_ok=True)
    assert (factors.volumes.tolist(), factors.cohorts.tolist()) == ([6, 5], [2, 1])
    assert increments.rates == pytest.approx([6 / 30, 1 / 10])
    # 10 (3/10 - 2/10)^2 + 20 (3/20 - 2/10)^2 = .15.
    assert increments.variances == pytest.approx([0.15, NAN], nan_ok=True)
    assert (increments.volumes.tolist(), increments.cohorts.tolist()) == ([30, 10], [2, 1])


def test_both_methods_worked_by_hand() -> None:
    factors, increments = (developed(TRIANGLE, [10, 20, 30], method=method) for method in ("chain_ladder", "additive"))
    assert factors.amounts[1:] == pytest.approx(np.array([[4, 7, 8.4], [3, 6, 7.2]]))
    assert increments.amounts[1:] == pytest.approx(np.array([[4, 7, 9], [3, 9, 12]]))
    # The step of the third cohort: .75 x 3 + .75 x 3^2 / 6, and .15 x 30 + .15 x 30^2 / 30.
    assert factors.errors[2, 1] == pytest.approx(np.sqrt(0.75 * 3 + 0.75 * 9 / 6))
    assert increments.errors[2, 1] == pytest.approx(np.sqrt(0.15 * 30 + 0.15 * 900 / 30))
    assert (factors.errors[0] == 0).all()
    assert np.isnan(factors.errors[1, 2])


def test_a_cohort_without_anything_bad_goes_by_increments() -> None:
    amounts = np.array([[0.0, 4.0, 8.0], [2.0, 4.0, NAN], [0.0, NAN, NAN]])
    assert development_factors(amounts).rates == pytest.approx([2, 2])
    ahead = developed(amounts, [10, 10, 5], method="chain_ladder").amounts
    assert ahead[2] == pytest.approx([0, 5 * 6 / 20, 5 * 6 / 20 + 5 * 4 / 10])
    assert ahead[1] == pytest.approx([2, 4, 8])


def test_a_step_that_no_cohort_has_made_is_not_known() -> None:
    ahead = developed(np.array([[1.0, NAN], [2.0, NAN]]), [10, 10])
    assert np.isnan(ahead.amounts[:, 1]).all()
    assert np.isnan(ahead.errors[:, 1]).all()


@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ([1.0, 2.0], "axes cohort and age, had 1"),
        ([[2.0, 1.0]], "never fall"),
        ([[-1.0, 1.0]], "0 or more"),
        ([[1.0, NAN, 2.0]], "had gaps"),
    ],
)
def test_what_is_no_development_is_refused(amounts: list[object], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        development_factors(amounts)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(Misuse, match="did you mean 'additive'"):
        developed(TRIANGLE, [1, 1, 1], method="aditive")


AMOUNTS = st.lists(st.lists(st.integers(0, 100), min_size=5, max_size=5).map(np.cumsum), min_size=2, max_size=6).map(
    lambda rows: np.array([[x if i + j < 6 else NAN for j, x in enumerate(row)] for i, row in enumerate(rows)])
)


@given(AMOUNTS, st.sampled_from(sorted(METHODS)), st.randoms())
def test_projections_never_fall_and_neither_order_nor_scale_matters(amounts: np.ndarray, method: str, random) -> None:
    lent = np.arange(1.0, len(amounts) + 1) * 1000
    ahead = developed(amounts, lent, method=method)
    assert (np.diff(ahead.amounts, axis=1)[~np.isnan(np.diff(ahead.amounts, axis=1))] >= -1e-9).all()
    seen = ~np.isnan(amounts)
    assert (ahead.amounts[seen] == amounts[seen]).all()
    order = random.sample(range(len(amounts)), len(amounts))
    mixed = developed(amounts[order], lent[order], method=method)
    assert mixed.amounts == pytest.approx(ahead.amounts[order], nan_ok=True)
    assert mixed.errors == pytest.approx(ahead.errors[order], nan_ok=True)
    dearer = developed(amounts * 7, lent * 7, method=method)
    assert dearer.amounts == pytest.approx(ahead.amounts * 7, nan_ok=True)
    assert dearer.errors == pytest.approx(ahead.errors * 7, nan_ok=True)


@given(st.lists(st.floats(1, 2), min_size=4, max_size=4), st.lists(st.integers(1, 1000), min_size=5, max_size=5))
def test_cohorts_that_all_go_alike_are_projected_exactly_without_error(rates: list[float], starts: list[int]) -> None:
    whole = np.array(starts, dtype=float)[:, None] * np.cumprod([1.0, *rates])
    seen = np.where(np.add.outer(np.arange(5), np.arange(5)) < 5, whole, NAN)
    ahead = developed(seen, whole[:, 0], method="chain_ladder")
    assert ahead.amounts == pytest.approx(whole)
    by_increments = developed(seen, whole[:, 0], method="additive")
    assert by_increments.amounts == pytest.approx(whole)


def _simulated(method: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cohorts that develop by the law of a method, to the end, and what was lent."""
    lent, ages = rng.uniform(500, 1500, 14), 10
    amounts = np.empty((14, ages))
    amounts[:, 0] = rng.gamma(20.0, lent / 1000)
    for age in range(1, ages):
        # Gamma steps with a mean and variance in proportion to what was bad before, or to what was lent.
        before = amounts[:, age - 1] if method == "chain_ladder" else lent
        mean = 0.3 / age if method == "chain_ladder" else 0.02
        variance = 0.3 * mean
        amounts[:, age] = amounts[:, age - 1] + rng.gamma(before * mean**2 / variance, variance / mean)
    return amounts, lent


@pytest.mark.parametrize("method", sorted(METHODS))
def test_half_of_what_comes_lies_between_the_quartiles(method: str) -> None:
    rng, held = np.random.default_rng(20260331), []
    for _ in range(200):
        whole, lent = _simulated(method, rng)
        seen = np.where(np.add.outer(np.arange(14), np.arange(10)) < 14, whole, NAN)
        ahead = developed(seen, lent, method=method)
        band = float(ndtri(0.75)) * ahead.errors[5:, -1]
        held.append(np.abs(whole[5:, -1] - ahead.amounts[5:, -1]) <= band)
    assert np.mean(held) == pytest.approx(0.5, abs=0.04)
