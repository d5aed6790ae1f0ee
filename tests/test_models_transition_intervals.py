"""How sure a matrix is: the bounds of print, and simulated loans whose truth they hold as often as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from analysis.book.demo.truth import OUTCOMES, chain, load_truth
from analysis.book.store import open_book
from analysis.errors import Misuse
from analysis.measures.endings import EXITS
from analysis.measures.migration import BUCKETS, migration
from analysis.measures.migration_matrix import matrix
from analysis.models.aalen_johansen import CENSORED, Spells, aalen_johansen
from analysis.models.transition_intervals import (
    aalen_johansen_variance,
    goodman_interval,
    normal_interval,
    percentile_interval,
    resampled_counts,
)
from analysis.models.transitions import cohort_matrix, generator, matrix_power, transition_matrix
from simulated_chains import RATES, paths, stays

MONTHLY = np.array([[0.92, 0.06, 0.02], [0.30, 0.55, 0.15], [0.0, 0.0, 1.0]])


def exits(*stays: tuple[float, int]) -> Spells:
    times, to = (np.array(column) for column in zip(*stays, strict=True))
    state, entry = np.zeros(len(to), dtype=int), np.zeros(len(to))
    return Spells(state=state, entry=entry, exit=times.astype(float), to=to, states=3)


def test_the_simultaneous_bounds_of_print() -> None:
    # L. A. Goodman (1965), Technometrics 7:247-254: 23, 12, 44 at 95 %; as in the R package DescTools.
    lower, upper = goodman_interval([23, 12, 44])
    assert lower == pytest.approx([0.186276, 0.079173, 0.423861], abs=1e-6)
    assert upper == pytest.approx([0.424257, 0.271715, 0.682358], abs=1e-6)


def test_the_bounds_of_a_state_without_loans_are_unknown() -> None:
    lower, upper = goodman_interval([[0, 0], [3, 0]])
    assert np.isnan([lower[0], upper[0]]).all()
    assert (lower[1, 1], upper[1, 0]) == (0, 1)


@given(st.lists(st.integers(0, 500), min_size=2, max_size=6).filter(any))
def test_bounds_hold_their_share_and_are_shares(counts: list[int]) -> None:
    lower, upper = goodman_interval(counts)
    shares = np.array(counts) / sum(counts)
    assert ((lower >= 0) & (lower <= shares + 1e-12) & (shares - 1e-12 <= upper) & (upper <= 1)).all()


def test_bounds_of_all_states_hold_together_as_often_as_they_say() -> None:
    rng, truth = np.random.default_rng(11), np.array([0.9, 0.06, 0.03, 0.01])
    lower, upper = goodman_interval(rng.multinomial(400, truth, size=2000))
    held = ((lower <= truth) & (truth <= upper)).all(axis=1).mean()
    assert 0.93 < held < 0.985


def test_the_variance_of_one_exit_is_greenwoods() -> None:
    # M. Greenwood (1926), by hand: ten loans, one event at each of t = 1 … 10.
    expected = [0.009, 0.016, 0.021, 0.024, 0.025, 0.024, 0.021, 0.016, 0.009, 0]
    ten = exits(*((t, 1) for t in range(1, 11)))
    found = [aalen_johansen_variance(ten, end=t) for t in range(1, 11)]
    assert [one[0, 0] for one in found] == pytest.approx(expected, abs=1e-12)
    assert [one[0, 1] for one in found] == pytest.approx(expected, abs=1e-12)


def test_without_censoring_the_variance_of_an_incidence_is_binomial() -> None:
    alternating = exits(*((t, 1 + t % 2) for t in range(1, 11)))
    for end in range(1, 11):
        share = (end // 2) / 10
        assert aalen_johansen_variance(alternating, end=end)[0, 1] == pytest.approx(share * (1 - share) / 10)


def test_censored_loans_make_it_less_sure() -> None:
    full = exits((1, 1), (2, 1), (3, 1), (4, 1))
    censored = exits((1, 1), (1.5, CENSORED), (3, 1), (4, 1))
    assert aalen_johansen_variance(censored, end=3)[0, 0] > aalen_johansen_variance(full, end=2)[0, 0]


def test_incidence_and_variance_agree_with_statsmodels_on_censored_loans() -> None:
    rng = np.random.default_rng(12)
    times, cause = rng.integers(1, 25, 300) / 12, rng.integers(0, 3, 300)  # 0 is censored; many ties
    stays = exits(*zip(times, np.where(cause == 0, CENSORED, cause), strict=True))
    incidence, survival = CumIncidenceRight(times, cause), SurvfuncRight(times, (cause > 0).astype(int))
    for place in range(0, len(survival.surv_times), 5):
        end = survival.surv_times[place]
        found, variance = aalen_johansen(stays, absorbing=[1, 2], end=end)[0], aalen_johansen_variance(stays, end=end)
        at = np.searchsorted(incidence.times, end)
        assert found[0] == pytest.approx(survival.surv_prob[place])
        assert found[1:] == pytest.approx([incidence.cinc[0][at], incidence.cinc[1][at]])
        assert variance[0, 0] == pytest.approx(_greenwood(times, cause, end) * found[0] ** 2)


def _greenwood(times: np.ndarray, cause: np.ndarray, end: float) -> float:
    """Greenwood's sum of d / (Y x (Y - d)), which the square of the survival multiplies."""
    total = 0.0
    for time in np.unique(times[(cause > 0) & (times <= end)]):
        gone, there = ((times == time) & (cause > 0)).sum(), (times >= time).sum()
        total += gone / (there * (there - gone))
    return total


def test_both_estimates_from_dates_recover_a_known_law() -> None:
    truth, seen = transition_matrix(RATES), stays(20_000, np.random.default_rng(3))
    duration = transition_matrix(generator(seen.moves(), seen.exposure(), absorbing=[2]))
    assert duration == pytest.approx(truth, abs=0.01)
    product = aalen_johansen(stays(1_500, np.random.default_rng(4)), absorbing=[2], end=1)
    assert product == pytest.approx(truth, abs=0.05)


def test_bounds_from_the_variance_hold_the_truth_as_often_as_they_say() -> None:
    truth, rng, held = transition_matrix(RATES), np.random.default_rng(5), []
    for _ in range(120):
        seen = stays(60, rng)
        lower, upper = normal_interval(aalen_johansen(seen, absorbing=[2], end=1), aalen_johansen_variance(seen, end=1))
        held.append(((lower <= truth) & (truth <= upper))[:2])
    coverage = np.mean(held, axis=0)
    # From state 0 to 2 few loans of 30 have gone, so that a symmetric interval misses more often there.
    assert coverage.min() > 0.82
    assert coverage.mean() > 0.90
    assert coverage[0, 0] > 0.90


def moves_of(steps: np.ndarray) -> np.ndarray:
    loan = np.repeat(np.arange(len(steps)), steps.shape[1] - 1)
    return np.stack([loan, steps[:, :-1].ravel(), steps[:, 1:].ravel()], axis=1)


def test_resampled_loans_hold_the_truth_as_often_as_they_say() -> None:
    rng, held = np.random.default_rng(6), []
    truth = matrix_power(MONTHLY, 3)
    for sample in range(60):
        moves = moves_of(paths(MONTHLY, 150, 8, rng))
        counts = resampled_counts(moves, 3, draws=120, seed=sample)
        lower, upper = percentile_interval([matrix_power(cohort_matrix(draw, absorbing=[2]), 3) for draw in counts])
        held.append(((lower <= truth) & (truth <= upper))[:2])
    assert 0.87 < np.mean(held) < 0.99


def test_loans_that_keep_to_themselves_make_wider_bounds_than_their_moves_would() -> None:
    # Half of the loans always stay, half always move: 20 loans with 50 moves each are 20 facts and not 1,000.
    steps = np.array([[0] * 51] * 10 + [[0, 1] * 25 + [0]] * 10)
    counts = resampled_counts(moves_of(steps), 2, draws=400, seed=1)
    lower, upper = percentile_interval(counts[:, 0, 1] / counts[:, 0].sum(axis=1))
    alone = goodman_interval(moves_counts(steps)[0])
    assert upper - lower > 3 * (alone[1] - alone[0])[1]


def moves_counts(steps: np.ndarray) -> np.ndarray:
    table = np.zeros((2, 2))
    np.add.at(table, (steps[:, :-1].ravel(), steps[:, 1:].ravel()), 1)
    return table


def test_the_same_seed_draws_the_same_loans() -> None:
    moves = moves_of(paths(MONTHLY, 20, 5, np.random.default_rng(2)))
    one, same, other = (resampled_counts(moves, 3, draws=3, seed=seed) for seed in (7, 7, 8))
    assert (one == same).all()
    assert (one != other).any()
    assert (one.sum(axis=(1, 2)) == len(moves)).all()


def test_a_draw_that_does_not_know_a_state_does_not_count() -> None:
    lower, upper = percentile_interval([[0.1, np.nan], [0.2, np.nan], [np.nan, np.nan]], confidence=0.999)
    assert (lower[0], upper[0]) == pytest.approx((0.1, 0.2), abs=1e-3)
    assert np.isnan([lower[1], upper[1]]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: goodman_interval([1, -1]), "must be 0 or more"),
        (lambda: goodman_interval([1, 1], confidence=95), "write 95 % as 0.95"),
        (lambda: percentile_interval([[0.1]], confidence=1), "write 95 % as 0.95"),
        (lambda: normal_interval([0.1], [0.1], confidence=0), "write 95 % as 0.95"),
        (lambda: resampled_counts(np.empty((0, 3), dtype=int), 2, draws=1, seed=1), "were 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        call()


@pytest.mark.parametrize("segment", ["consumer", "credit_card", "mortgage", "construction"])
def test_the_demonstration_books_truth_lies_within_the_bounds(in_demo_books, segment: str) -> None:  # noqa: ARG001
    book = open_book("demo", as_of="2025-03-31")
    months = [day for day in book.months if day.year >= 2023]
    snapshots = book.snapshots.filter(book.snapshots.as_of.isin([book.months[14], *months]))
    own = snapshots.filter(snapshots.segment == segment)
    counts = matrix(migration(own, book.flows, state="bucket"), state="bucket")
    truth = chain(load_truth(), months[0])[list(load_truth().segments).index(segment)]
    gone = counts[[exit_state for exit_state in EXITS if exit_state != "repaid"]].sum(axis=1)
    for place in range(1, 7):
        row = counts.loc[BUCKETS[place]]
        seen = [row[BUCKETS[place + 1]], row[BUCKETS[place - 1]] if place > 1 else 0, row["M0"], gone.iloc[place]]
        lower, upper = goodman_interval([*seen, row[BUCKETS[place]]], confidence=0.9999)
        assert sum(seen) + row[BUCKETS[place]] == row.sum() - row["repaid"]
        assert ((lower <= truth[place]) & (truth[place] <= upper)).all(), (OUTCOMES, BUCKETS[place], seen)
