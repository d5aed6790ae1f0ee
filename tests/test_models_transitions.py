"""Matrices of moves: the numbers of print, the laws of chains, and a known truth recovered."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.errors import DataRefused, Misuse
from analysis.models.aalen_johansen import CENSORED, Spells, aalen_johansen, aalen_johansen_of_periods
from analysis.models.generators import generator_of
from analysis.models.transitions import cohort_matrix, forecast, generator, matrix_power, transition_matrix

A, B, D = range(3)
Stay = tuple[int, float, float, int]


def spells(stays: Sequence[Stay], states: int = 3) -> Spells:
    state, entry, exit_, to = (np.array(column) for column in zip(*stays, strict=True))
    return Spells(state=state, entry=entry.astype(float), exit=exit_.astype(float), to=to, states=states)


# D. Lando and T. M. Skødeberg (2002), J. Banking & Finance 26:423-444, after their example: 10 loans in A, 10 in B,
# one year; the numbers are derived.
YEAR = spells([
    (A, 0, 1 / 12, B), (B, 1 / 12, 1, CENSORED), *[(A, 0, 1, CENSORED)] * 9,
    (B, 0, 2 / 12, A), (A, 2 / 12, 1, CENSORED), (B, 0, 6 / 12, D), *[(B, 0, 1, CENSORED)] * 8,
])  # fmt: skip
COUNTS = arrays(np.int64, (4, 4), elements=st.integers(0, 50))


def test_the_cohort_matrix_of_print() -> None:
    # Cohort method by hand: of 10 in A 9 stay and 1 goes to B; of 10 in B 1 goes to A, 8 stay, 1 to D; exact.
    counts = [[9, 1, 0], [1, 8, 1], [0, 0, 0]]
    assert cohort_matrix(counts, absorbing=[D]).tolist() == [[0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0, 1]]


def test_the_intensities_of_print() -> None:
    assert YEAR.exposure() == pytest.approx([9.916667, 9.583333, 0], abs=1e-6)
    rates = generator(YEAR.moves(), YEAR.exposure(), absorbing=[D])
    assert rates[A] == pytest.approx([-0.100840, 0.100840, 0], abs=1e-6)
    assert rates[B] == pytest.approx([0.104348, -2 * 0.104348, 0.104348], abs=1e-6)


def test_the_duration_estimate_of_print_gives_a_chance_to_a_move_that_nobody_made() -> None:
    found = transition_matrix(generator(YEAR.moves(), YEAR.exposure(), absorbing=[D]))
    assert found[A] == pytest.approx([0.908671, 0.086575, 0.004754], abs=1e-6)
    assert found[B] == pytest.approx([0.089586, 0.816074, 0.094340], abs=1e-6)
    assert YEAR.moves()[A, D] == 0


def test_the_aalen_johansen_estimate_of_print() -> None:
    found = aalen_johansen(YEAR, absorbing=[D])
    assert found[A] == pytest.approx([0.909091, 0.081818, 0.009091], abs=1e-6)
    assert found[B] == pytest.approx([0.090909, 0.818182, 0.090909], abs=1e-6)
    assert found[D].tolist() == [0, 0, 1]


def test_the_risk_set_is_taken_before_the_move() -> None:
    # One of two loans moves, then the other: a half, then all of what is left.
    found = aalen_johansen(spells([(A, 0, 1, D), (A, 0, 2, D)]), absorbing=[D], end=1)
    assert found[A, D] == 0.5


def test_the_last_record_of_a_loan_counts_once() -> None:
    # Of ten loans eight stay, one moves and one leaves; counted twice, the last records would make it .8, .1, .2.
    year = spells([*[(A, 0, 1, CENSORED)] * 8, (A, 0, 1, B), (A, 0, 1, D), (B, 0, 1, CENSORED)])
    assert year.moves()[A].tolist() == [0, 1, 1]
    assert aalen_johansen(year, absorbing=[D])[A] == pytest.approx([0.8, 0.1, 0.1])


def test_a_loan_that_enters_at_the_time_of_a_move_is_not_yet_at_risk() -> None:
    found = aalen_johansen(spells([(A, 0, 1, D), (A, 0, 3, CENSORED), (A, 1, 3, CENSORED)]), absorbing=[D])
    assert found[A, D] == 0.5


def test_censoring_at_the_cut_off_is_no_exit() -> None:
    found = aalen_johansen(spells([(A, 0, 1, CENSORED), (A, 0, 2, D), (A, 0, 3, CENSORED)]), absorbing=[D])
    assert found[A, D] == 0.5


def test_competing_exits_are_never_one_less_kaplan_meier_of_each() -> None:
    # By hand: ten loans, exits alternating between two causes at t = 1 … 10.
    alternating = spells([(0, 0, t, 1 + t % 2) for t in range(1, 11)])
    for end in range(1, 11):
        found = aalen_johansen(alternating, absorbing=[1, 2], end=end)[0]
        assert found == pytest.approx([1 - end / 10, (end // 2) / 10, ((end + 1) // 2) / 10])


def test_a_state_that_nobody_was_in_is_unknown_and_not_zero() -> None:
    counts = [[8, 2, 0], [0, 0, 0], [0, 0, 5]]
    found = cohort_matrix(counts)
    assert np.isnan(found).any(axis=1).tolist() == [False, True, False]
    assert np.isnan(generator(counts, [3, 0, 2])).any(axis=1).tolist() == [False, True, False]


def test_what_is_unknown_spreads_to_the_states_that_lead_there_and_no_further() -> None:
    steps = np.array([[0.8, 0.2, 0], [np.nan] * 3, [0, 0, 1]])
    assert np.isnan(matrix_power(steps, 2)).any(axis=1).tolist() == [True, True, False]
    rates = np.array([[-0.2, 0.2, 0], [np.nan] * 3, [0, 0, 0]])
    assert np.isnan(transition_matrix(rates)).any(axis=1).tolist() == [True, True, False]
    stays = spells([(A, 0, 1, CENSORED), (B, 0, 1, D)])
    assert np.isnan(aalen_johansen(stays)).any(axis=1).tolist() == [False, True, True]


def test_months_each_with_its_matrix_multiply() -> None:
    months = np.array([[[8, 2], [0, 10]], [[4, 4], [0, 12]]])
    assert aalen_johansen_of_periods(months, absorbing=[1])[0].tolist() == pytest.approx([0.8 * 0.5, 1 - 0.4])


def test_months_whose_loans_all_move_at_month_ends_agree_with_dated_stays() -> None:
    stays = [(A, 0, 1, B), (A, 0, 2, D), (A, 0, 2, CENSORED), (B, 0, 2, A), (B, 1, 2, CENSORED)]
    months = np.zeros((2, 3, 3))
    for state, entry, exit_, to in stays:
        for month in range(int(entry), int(exit_)):
            ends = to if month == exit_ - 1 and to != CENSORED else state
            months[month, state, ends] += 1
    expected = aalen_johansen(spells(stays), absorbing=[D])
    assert aalen_johansen_of_periods(months, absorbing=[D]) == pytest.approx(expected)


def test_a_forecast_follows_the_loans_month_by_month() -> None:
    steps = [[0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0, 1]]
    path = forecast(steps, [100, 0, 0], 2)
    assert path.tolist() == [[100, 0, 0], [90, 10, 0], pytest.approx([82, 17, 1])]
    assert path[2] == pytest.approx(100 * matrix_power(steps, 2)[0])


def test_a_forecast_takes_another_matrix_for_each_month() -> None:
    calm, storm = np.array([[0.9, 0.1], [0, 1]]), np.array([[0.5, 0.5], [0, 1]])
    assert forecast(np.stack([calm, storm]), [100, 0], 2)[-1].tolist() == [45, 55]
    with pytest.raises(Misuse, match="periods must be the number of matrices, 2, was 3"):
        forecast(np.stack([calm, storm]), [100, 0], 3)


def test_a_forecast_needs_only_the_rows_that_hold_loans() -> None:
    steps = np.array([[0.9, 0.1, 0], [np.nan] * 3, [0, 0, 1]])
    assert np.isnan(forecast(steps, [0, 0, 7], 3)).sum() == 0
    assert np.isnan(forecast(steps, [1, 0, 0], 2)[2]).all()


# Generators behind matrices


def test_the_logarithm_of_two_states_is_the_closed_one() -> None:
    # For [[1-a, a], [b, 1-b]] it is -ln(1-a-b) / (a+b) x [[-a, a], [b, -b]]; the example is that of the
    # documentation of the R package markovchain, transition2Generator.
    found = generator_of([[0.4, 0.6], [0.1, 0.9]])
    scale = -math.log(0.3) / 0.7
    assert found.generator == pytest.approx(scale * np.array([[-0.6, 0.6], [0.1, -0.1]]))
    assert found.is_embeddable
    assert found.gap < 1e-12


@pytest.mark.parametrize("method", ["diagonal", "weighted"])
def test_what_had_to_be_changed_in_a_logarithm_is_reported(method: str) -> None:
    # A can reach D only through B in one go, so that its logarithm has a negative intensity from A to D.
    found = generator_of([[0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0, 1]], method=method)  # type: ignore[arg-type]
    assert found.logarithm[A, D] < 0
    assert found.generator[A, D] == 0
    assert not found.is_embeddable
    assert (A, D, found.logarithm[A, D], 0.0) in found.changed
    assert found.generator.sum(axis=1) == pytest.approx(0, abs=1e-12)
    assert 0 < found.gap < 0.01


def test_only_the_weighted_adjustment_takes_it_from_all_intensities_of_the_row() -> None:
    steps = [[0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0, 1]]
    diagonal, weighted = (generator_of(steps, method=method) for method in ("diagonal", "weighted"))
    assert [place[:2] for place in diagonal.changed] == [(A, D)]
    assert [place[:2] for place in weighted.changed] == [(A, B), (A, D)]
    # Israel, Rosenthal and Wei (2001), section 3: q - B |q| / G, B the negative intensities of the row, G the rest.
    raw = weighted.logarithm[A]
    bad, good = -raw[D], abs(raw[A]) + raw[B]
    assert weighted.generator[A, B] == pytest.approx(raw[B] - bad * raw[B] / good)


def test_a_matrix_without_a_real_logarithm_is_refused() -> None:
    with pytest.raises(DataRefused, match="use a shorter period"):
        generator_of([[0.1, 0.9], [0.9, 0.1]])


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, (3, 3), elements=st.floats(0, 0.3)), st.floats(0.25, 3))
def test_a_matrix_that_comes_from_a_generator_gives_it_back(off: np.ndarray, time: float) -> None:
    off = off * (1 - np.eye(3))
    rates = off - np.diag(off.sum(axis=1))
    found = generator_of(transition_matrix(rates, time), time)
    assert found.generator == pytest.approx(rates, abs=1e-7)
    assert found.gap < 1e-7


# Laws


@given(COUNTS)
def test_rows_sum_to_one_or_are_unknown(counts: np.ndarray) -> None:
    for found in (cohort_matrix(counts), transition_matrix(generator(counts, counts.sum(axis=1)))):
        sums = found.sum(axis=1)
        assert sums[~np.isnan(sums)] == pytest.approx(1)
        assert not np.any(found < 0)


@given(COUNTS, st.permutations(range(4)))
def test_the_names_of_states_do_not_matter(counts: np.ndarray, order: list[int]) -> None:
    places = np.ix_(order, order)
    assert cohort_matrix(counts[places]) == pytest.approx(cohort_matrix(counts)[places], nan_ok=True)


@given(COUNTS.filter(lambda counts: bool((counts.sum(axis=1) > 0).all())), st.integers(0, 6), st.integers(0, 6))
def test_months_and_months_later_are_all_the_months(counts: np.ndarray, first: int, then: int) -> None:
    steps = cohort_matrix(counts)
    both = matrix_power(steps, first) @ matrix_power(steps, then)
    assert both == pytest.approx(matrix_power(steps, first + then))


@given(COUNTS.filter(lambda counts: bool((counts.sum(axis=1) > 0).all())))
def test_a_forecast_loses_no_loan(counts: np.ndarray) -> None:
    path = forecast(cohort_matrix(counts), [10, 20, 30, 40], 5)
    assert path.sum(axis=1) == pytest.approx(100)


@given(st.permutations(range(len(YEAR.state))))
def test_the_order_of_stays_does_not_matter(order: list[int]) -> None:
    mixed = Spells(state=YEAR.state[order], entry=YEAR.entry[order], exit=YEAR.exit[order], to=YEAR.to[order], states=3)
    assert aalen_johansen(mixed, absorbing=[D]) == pytest.approx(aalen_johansen(YEAR, absorbing=[D]), abs=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohort_matrix([[1, 2]]), "square array"),
        (lambda: cohort_matrix([[1, -2], [0, 1]]), "must be 0 or more"),
        (lambda: cohort_matrix([[1, 2], [1, 1]], absorbing=[1]), "which loans left"),
        (lambda: matrix_power([[0.5, 0.4], [0, 1]], 2), "sum to 1"),
        (lambda: matrix_power([[1.0]], -1), "was -1"),
        (lambda: transition_matrix([[0.1, -0.1], [0, 0]]), "rates must be 0 or more"),
        (lambda: transition_matrix([[0.0]], -1), "time must be 0 or more"),
        (lambda: aalen_johansen_of_periods([[1, 0], [0, 1]]), "the axes period, from, to"),
        (lambda: spells([(A, 1, 1, B)]), "exit must be later than entry"),
        (lambda: spells([(A, 0, 1, 7)]), "states from 0 to 2"),
        (lambda: spells([(A, 0, 1, A)]), "two states"),
        (lambda: generator_of([[1.0]], method="diagnal"), "did you mean 'diagonal'"),  # type: ignore[arg-type]
        (lambda: generator_of([[1.0]], 0), "time must be more than 0"),
        (lambda: generator_of([[np.nan]]), "must all be known"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        call()
