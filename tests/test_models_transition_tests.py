"""Tests of a chain's assumptions: against scipy, by hand, and on simulated loans whose truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2_contingency

from analysis.errors import Misuse
from analysis.models.transition_tests import homogeneity_test, markov_test, triple_counts
from simulated_chains import paths

MONTHLY = np.array([[0.90, 0.08, 0.02], [0.30, 0.55, 0.15], [0.0, 0.0, 1.0]])
WORSE = np.array([[0.84, 0.14, 0.02], [0.30, 0.55, 0.15], [0.0, 0.0, 1.0]])
RESTLESS, STEADY = np.array([[0.6, 0.4], [0.4, 0.6]]), np.array([[0.99, 0.01], [0.4, 0.6]])


def monthly_counts(steps: np.ndarray, states: int = 3) -> np.ndarray:
    table = np.zeros((steps.shape[1] - 1, states, states))
    for month in range(steps.shape[1] - 1):
        np.add.at(table[month], (steps[:, month], steps[:, month + 1]), 1)
    return table


def test_two_months_of_one_state_worked_by_hand() -> None:
    # 90 and 80 of 100 stay: expected 85 and 15 in both, 2 x (25/85 + 25/15); one degree of freedom.
    found = homogeneity_test([[[90, 10], [0, 0]], [[80, 20], [0, 0]]])
    assert found.statistic == pytest.approx(2 * (25 / 85 + 25 / 15))
    assert found.degrees == 1
    assert found.p_value == pytest.approx(0.0477, abs=1e-4)
    assert found.rejects(0.05)
    assert not found.rejects(0.01)


@given(arrays(np.int64, (3, 3, 3), elements=st.integers(1, 60)))
def test_homogeneity_is_the_sum_of_a_contingency_table_per_state(counts: np.ndarray) -> None:
    tables = [counts[:, state, :] for state in range(3)]
    pearson = [chi2_contingency(table, correction=False) for table in tables]
    ratio = [chi2_contingency(table, correction=False, lambda_="log-likelihood") for table in tables]
    found = homogeneity_test(counts)
    assert found.statistic == pytest.approx(sum(one.statistic for one in pearson))
    assert found.likelihood_ratio == pytest.approx(sum(one.statistic for one in ratio), abs=1e-9)
    # Anderson and Goodman (1957), 3.1: m (m - 1) (T - 1) where every move is made.
    assert found.degrees == sum(one.dof for one in pearson) == 3 * 2 * 2


def test_moves_nobody_makes_and_states_nobody_is_in_cost_no_degrees_of_freedom() -> None:
    counts = np.zeros((4, 3, 3))
    counts[:, 0, :2] = [[9, 1], [8, 2], [9, 1], [7, 3]]
    counts[:2, 1, :] = [[1, 8, 1], [2, 7, 1]]
    counts[:, 2, 2] = 5
    assert homogeneity_test(counts).degrees == 3 * 1 + 1 * 2


def test_months_that_are_alike_have_nothing_against_them() -> None:
    found = homogeneity_test([[[90, 10], [5, 5]]] * 3)
    assert (found.statistic, found.p_value) == (0, 1)


def test_one_month_leaves_nothing_to_compare() -> None:
    found = homogeneity_test([[[90, 10], [5, 5]]])
    assert found.degrees == 0
    assert math.isnan(found.p_value)
    assert not found.rejects(0.05)


def test_few_loans_in_many_cells_are_said_to_be_few() -> None:
    assert homogeneity_test([[[3, 1], [0, 9]], [[2, 2], [0, 9]]]).sparse == pytest.approx(4 / 6)


def test_triples_do_not_run_over_a_gap() -> None:
    found = triple_counts(np.array([[0, 0, 1, -1, 1, 1, 1], [0, 1, -1, 0, 0, -1, 1]]), 2)
    assert found[0, 0, 1] == 1
    assert found[1, 1, 1] == 1
    assert found.sum() == 2


def test_a_first_order_test_worked_by_hand() -> None:
    # From 0 now: of 50 that were in 0 before 40 stay, of 50 that were in 1 before 20.
    triples = np.zeros((2, 2, 2))
    triples[0, 0], triples[1, 0] = [40, 10], [20, 30]
    found = markov_test(triples)
    assert found.statistic == pytest.approx(2 * (100 / 30 + 100 / 20))
    assert found.degrees == 1


def test_chains_that_hold_their_assumptions_are_rejected_as_often_as_they_say() -> None:
    rng = np.random.default_rng(21)
    steps = [paths(MONTHLY, 400, 6, rng) for _ in range(300)]
    homogeneous = np.mean([homogeneity_test(monthly_counts(one)).rejects(0.05) for one in steps])
    first_order = np.mean([markov_test(triple_counts(one, 3)).rejects(0.05) for one in steps])
    assert 0.02 < homogeneous < 0.085
    assert 0.02 < first_order < 0.085


def test_a_month_in_which_more_fell_into_arrears_is_found() -> None:
    rng = np.random.default_rng(22)
    calm, storm = paths(MONTHLY, 2000, 1, rng), paths(WORSE, 2000, 1, rng)
    assert homogeneity_test(np.concatenate([monthly_counts(calm), monthly_counts(storm)])).rejects(0.001)


def test_loans_that_remember_are_found() -> None:
    # Who has just come out of arrears falls back more often: two kinds of loans in one state.
    rng = np.random.default_rng(23)
    steps = np.concatenate([paths(RESTLESS, 500, 8, rng), paths(STEADY, 500, 8, rng)])
    assert markov_test(triple_counts(steps, 2)).rejects(0.001)


@given(arrays(np.int64, (3, 4, 4), elements=st.integers(0, 30)), st.permutations(range(3)), st.permutations(range(4)))
def test_neither_the_order_of_months_nor_that_of_states_matters(counts, months: list[int], order: list[int]) -> None:
    one, other = homogeneity_test(counts), homogeneity_test(counts[months][:, order][:, :, order])
    assert other.statistic == pytest.approx(one.statistic)
    assert other.degrees == one.degrees


@pytest.mark.parametrize("test", [homogeneity_test, markov_test])
@pytest.mark.parametrize(
    ("counts", "message"), [([[1, 2], [3, 4]], "had the shape"), ([[[1, -1], [1, 1]]], "must be 0 or more")]
)
def test_what_are_no_counts_is_refused(test, counts, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        test(counts)
