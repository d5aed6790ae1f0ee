"""Four estimates of the same probabilities: printed numbers, where they agree, and whether their bounds hold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.models.transition_estimates import HORIZONS, METHODS, Estimate, Moves, bounds, estimates, redrawn
from analysis.models.transition_intervals import goodman_interval

MONTHLY = np.array([[0.95, 0.04, 0.01], [0.20, 0.70, 0.10], [0.0, 0.0, 1.0]])
ONE_STATE = Moves(counts=np.array([[[90.0, 10.0], [0, 0]]]), absorbing=(1,), months=1)


def monthly(counts: object, *, months: int = 1, absorbing: tuple[int, ...] = (2,)) -> Moves:
    return Moves(counts=np.asarray(counts, dtype=float), absorbing=absorbing, months=months)


def estimate(moves: Moves, method: str, horizon: int) -> Estimate:
    (found,) = estimates(moves, method, [horizon])
    return found


EVEN = monthly(np.repeat([[[950, 40, 10], [200, 700, 100], [0, 0, 0]]], 12, axis=0))


def test_the_cohort_matrix_of_the_worked_example() -> None:
    # 10 loans in A, 10 in B over a year: 9 stay, 1 to B; 1 to A, 8 stay, 1 defaults.
    found = estimate(monthly([[[9, 1, 0], [1, 8, 1], [0, 0, 0]]], months=12), "cohort", 12)
    assert found.probabilities == pytest.approx(np.array([[0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0, 1]]))


def test_the_duration_estimate_of_one_state_worked_by_hand() -> None:
    # 10 leave of 100; 95 are at risk on average.
    found = estimate(ONE_STATE, "duration", 1)
    assert found.probabilities[0, 0] == pytest.approx(math.exp(-10 / 95))
    assert (found.regularised, found.gap) == (0, 0.0)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_months_that_are_alike_give_one_answer_by_three_methods(horizon: int) -> None:
    expected = np.linalg.matrix_power(MONTHLY, horizon)
    for method in ("cohort", "logarithm", "aalen_johansen"):
        assert estimate(EVEN, method, horizon).probabilities == pytest.approx(expected), method
    assert estimate(EVEN, "duration", horizon).probabilities == pytest.approx(expected, abs=0.03)


def test_a_quarterly_book_knows_a_month_by_intensities_only() -> None:
    quarterly = monthly(EVEN.counts, months=3)
    notes = {method: estimate(quarterly, method, 1).note for method in METHODS}
    assert notes == {"cohort": "within_a_period", "duration": "", "logarithm": "", "aalen_johansen": "within_a_period"}
    generator = estimate(quarterly, "logarithm", 1).probabilities
    assert np.linalg.matrix_power(generator, 3) == pytest.approx(MONTHLY)
    assert np.isnan(estimate(quarterly, "cohort", 1).probabilities).all()


def test_a_history_shorter_than_the_horizon_is_too_short_for_aalen_johansen() -> None:
    short = monthly(EVEN.counts[:6])
    assert estimate(short, "aalen_johansen", 12).note == "too_short"
    assert estimate(short, "aalen_johansen", 3).note == ""


def test_aalen_johansen_takes_the_latest_months() -> None:
    calm, storm = [[10, 0], [0, 0]], [[5, 5], [0, 0]]
    moves = monthly([calm, storm], absorbing=(1,))
    assert estimate(moves, "aalen_johansen", 1).probabilities[0, 1] == 0.5
    assert estimate(moves, "cohort", 1).probabilities[0, 1] == 0.25


def test_what_had_to_be_changed_for_a_generator_is_counted() -> None:
    # Nobody goes from the first state to the third in one month, but the second leads there at once.
    found = estimate(monthly([[[60, 40, 0], [0, 40, 60], [0, 0, 0]]]), "logarithm", 1)
    assert found.regularised == 1
    assert found.gap > 0.01
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(3))


def test_a_matrix_without_a_logarithm_says_so() -> None:
    assert estimate(monthly([[[0, 9, 0], [9, 0, 0], [0, 0, 0]]]), "logarithm", 1).note == "no_logarithm"


def test_a_state_that_nobody_was_in_is_unknown_and_so_is_what_leads_to_it() -> None:
    moves = monthly([[[8, 2, 0], [0, 0, 0], [0, 0, 0]]])
    for method in ("cohort", "logarithm"):
        assert np.isnan(estimate(moves, method, 3).probabilities[:2]).all(), method


@settings(max_examples=25, deadline=None)
@given(arrays(np.int64, (12, 2, 3), elements=st.integers(0, 40)), st.sampled_from(list(METHODS)))
def test_probabilities_of_a_state_add_up_to_one(counts: np.ndarray, method: str) -> None:
    moves = monthly(np.concatenate([counts, np.zeros((12, 1, 3))], axis=1))
    for horizon in HORIZONS:
        table = estimate(moves, method, horizon).probabilities
        known = table[~np.isnan(table).any(axis=1)]
        assert known.sum(axis=1) == pytest.approx(np.ones(len(known)))
        assert (known >= -1e-12).all()


def test_bounds_of_one_period_are_goodmans_and_hold_together() -> None:
    (((lower, upper), name),) = bounds(EVEN, "cohort", [1])
    expected = goodman_interval(EVEN.pooled)
    assert name == "goodman"
    assert lower == pytest.approx(expected[0], nan_ok=True)
    assert upper == pytest.approx(expected[1], nan_ok=True)


@pytest.mark.parametrize("method", METHODS)
def test_bounds_lie_around_the_estimate_and_are_the_same_every_time(method: str) -> None:
    value = estimate(EVEN, method, 12).probabilities
    (((lower, upper), name),) = bounds(EVEN, method, [12])
    ((again, _),) = bounds(EVEN, method, [12])
    assert name == "bootstrap"
    assert (lower[:2] < value[:2]).all() and (value[:2] < upper[:2]).all()
    assert np.array_equal(lower, again[0], equal_nan=True)


def test_redrawn_counts_keep_what_each_state_held() -> None:
    for one in redrawn(EVEN, np.random.default_rng(3), draws=5):
        assert np.array_equal(one.counts.sum(axis=2), EVEN.counts.sum(axis=2))


@pytest.mark.parametrize("method", ["cohort", "aalen_johansen"])
def test_bounds_hold_the_truth_about_as_often_as_they_say(method: str) -> None:
    rng = np.random.default_rng(11)
    truth = np.linalg.matrix_power(MONTHLY, 3)
    held = []
    for _ in range(60):
        counts = rng.multinomial(np.array([800, 400, 0]), MONTHLY, size=(12, 3))
        (((lower, upper), _),) = bounds(monthly(counts), method, [3])
        held.append(((lower <= truth) & (truth <= upper))[:2])
    assert 0.88 < np.mean(held) < 0.99
