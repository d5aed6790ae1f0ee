"""Chances of each way out of default: against print, an independent library, the house's other estimate, and law."""

import warnings

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from analysis.errors import Misuse
from analysis.measures.intervals import binomial_interval
from analysis.measures.workouts import workouts
from analysis.models.aalen_johansen import CENSORED, Spells, aalen_johansen
from analysis.models.competing_exits import cumulative_incidence, incidence_bounds, workout_exits
from analysis.models.transition_intervals import aalen_johansen_variance
from defaulted_loans import BOOK, MOVES, book, flows, renamed
from moved_loans import path
from states_of_loans import states

TIMES = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 2)), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def defaults() -> ir.Table:
    """Defaults of the book by hand."""
    return workouts(*book(), same_within=2).cache()


def tables(stays: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Loans at risk and leaving by two exits, month by month; exit 0 is none (censored)."""
    months, exits = np.array(stays).T
    at_risk = np.array([(months >= month).sum() for month in range(1, 9)])
    left = np.array([[((months == month) & (exits == way)).sum() for way in (1, 2)] for month in range(1, 9)])
    return at_risk, left


def test_one_event_at_each_time_has_greenwoods_variance() -> None:
    # 10 loans, one leaves at each of t = 1 … 10: S = .9, .8, …, 0; variance S (1 - S) ÷ 10, M. Greenwood (1926).
    found = cumulative_incidence(np.arange(10, 0, -1), np.ones((10, 1)))
    assert found.still_open == pytest.approx(np.arange(9, -1, -1) / 10)
    greenwood = [0.009, 0.016, 0.021, 0.024, 0.025, 0.024, 0.021, 0.016, 0.009, 0]
    assert found.open_variance == pytest.approx(greenwood, abs=1e-12)
    assert found.variance[:, 0] == pytest.approx(greenwood, abs=1e-12)


def test_two_exits_that_alternate_each_have_the_running_share_of_their_own() -> None:
    left = np.array([[1, 0], [0, 1]] * 5)
    found = cumulative_incidence(np.arange(10, 0, -1), left)
    assert found.value == pytest.approx(left.cumsum(axis=0) / 10)
    # Without censoring each is a binomial share of the ten.
    assert found.variance == pytest.approx(found.value * (1 - found.value) / 10, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(TIMES)
def test_chances_never_fall_and_sum_to_one_with_those_still_open(stays: list[tuple[int, int]]) -> None:
    found = cumulative_incidence(*tables(stays))
    assert (np.diff(found.value, axis=0) >= -1e-12).all()
    assert found.value.sum(axis=1) + found.still_open == pytest.approx(np.ones(8))
    assert (found.variance >= 0).all()


@settings(max_examples=25, deadline=None)
@given(TIMES)
def test_it_is_the_houses_estimate_for_stays_of_single_loans(stays: list[tuple[int, int]]) -> None:
    months, exits = np.array(stays).T
    spells = Spells(
        state=np.zeros(len(stays), dtype=int),
        entry=np.zeros(len(stays)),
        exit=months.astype(float),
        to=np.where(exits == 0, CENSORED, exits),
        states=3,
    )
    found = cumulative_incidence(*tables(stays))
    for month in (2, 5, 8):
        one = aalen_johansen(spells, absorbing=[1, 2], end=month)[0]
        assert [found.still_open[month - 1], *found.value[month - 1]] == pytest.approx(one)
        spread = aalen_johansen_variance(spells, end=month)[0]
        assert [found.open_variance[month - 1], *found.variance[month - 1]] == pytest.approx(spread, abs=1e-12)


def test_an_independent_library_agrees() -> None:
    rng = np.random.default_rng(3)
    months, exits = rng.integers(1, 9, 400), rng.integers(0, 3, 400)
    found = cumulative_incidence(*tables(list(zip(months.tolist(), exits.tolist(), strict=True))))
    other = CumIncidenceRight(months.astype(float), exits)
    assert [found.value[:, way] for way in (0, 1)] == [pytest.approx(one) for one in other.cinc]
    # Its standard errors take another estimate of the variance; 400 loans bring them together.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.sqrt(found.variance[:, 0]) == pytest.approx(other.cinc_se[0], rel=0.05)
    survival = SurvfuncRight(months.astype(float), (exits > 0).astype(int))
    assert found.still_open == pytest.approx(survival.surv_prob)
    assert np.sqrt(found.open_variance) == pytest.approx(survival.surv_prob_se, rel=1e-6)


def test_one_minus_kaplan_meier_for_each_way_alone_says_too_much() -> None:
    rng = np.random.default_rng(4)
    months, exits = rng.integers(1, 9, 300), rng.integers(0, 3, 300)
    found = cumulative_incidence(*tables(list(zip(months.tolist(), exits.tolist(), strict=True))))
    alone = [1 - SurvfuncRight(months.astype(float), (exits == way).astype(int)).surv_prob[6] for way in (1, 2)]
    assert all(alone > found.value[6] * 1.1)
    assert sum(alone) > 1 - found.still_open[6] + 0.1


def test_bounds_stay_in_range_and_are_those_of_a_share_where_nothing_happened_yet() -> None:
    lower, upper = incidence_bounds([0.0, 0.01, 0.99, 1.0], [0.0, 0.0001, 0.0001, 0.0], [20, 20, 20, 20])
    assert ((lower >= 0) & (upper <= 1) & (lower < upper)).all()
    assert (lower[0], upper[0]) == tuple(bound.item() for bound in binomial_interval(0, 20))
    assert (lower[3], upper[3]) == tuple(bound.item() for bound in binomial_interval(20, 20))


def test_bounds_hold_as_often_as_they_say() -> None:
    # Each month 10 % leave one way and 5 % the other; censored after 1 to 12 months.
    rng, truth, held = np.random.default_rng(6), 2 / 3 * (1 - 0.85**6), []
    for _ in range(300):
        months, seen = rng.geometric(0.15, 150), rng.integers(1, 13, 150)
        exits = np.where(months <= seen, np.where(rng.random(150) < 2 / 3, 1, 2), 0)
        at_risk, left = tables(
            list(zip(np.minimum(months, seen).clip(max=8), np.where(months > 8, 0, exits), strict=True))
        )
        found = cumulative_incidence(at_risk, left)
        lower, upper = incidence_bounds(found.value[5, 0], found.variance[5, 0], at_risk[5])
        held.append(lower <= truth <= upper)
    assert 0.92 <= np.mean(held) <= 0.98


def test_the_book_worked_by_hand(defaults: ir.Table) -> None:
    rows = workout_exits(defaults)
    # Eight defaults: D, H and I end in month 1, A, B and C in month 2, E and G are open in month 4.
    last = rows[rows["months"] == 4].set_index("exit")
    assert last["value"].to_dict() == pytest.approx(
        {"cured": 1 / 8, "cash": 1 / 8, "written_off": 1 / 8, "sold": 1 / 8, "foreclosed": 1 / 8, "left": 1 / 8}
    )
    assert last["still_open"].tolist() == pytest.approx([2 / 8] * 6)
    assert rows.drop_duplicates("months")["at_risk"].tolist() == [8, 5, 2, 2]
    assert rows["ended"].sum() == 6
    assert rows.groupby("months")["value"].sum().tolist() == pytest.approx([3 / 8, 6 / 8, 6 / 8, 6 / 8])
    assert ((rows["lower"] <= rows["value"]) & (rows["value"] <= rows["upper"])).all()
    assert set(rows["note"]) == {"too_small"}


def test_by_balance_each_default_weighs_what_it_owed(defaults: ir.Table) -> None:
    rows = workout_exits(defaults, basis="balance")
    last = rows[rows["months"] == 4].set_index("exit")
    owed = {"cured": 100, "cash": 200, "written_off": 400, "sold": 300, "foreclosed": 80, "left": 90}
    assert last["value"].to_dict() == pytest.approx({name: amount / 1740 for name, amount in owed.items()})
    assert rows[["lower", "upper"]].isna().all(axis=None)


@pytest.mark.slow
def test_neither_names_nor_order_matter(defaults: ir.Table) -> None:
    rows, moves = renamed(BOOK[::-1], MOVES[::-1], "x")
    pd.testing.assert_frame_equal(
        workout_exits(defaults), workout_exits(workouts(states(rows), flows(moves), same_within=2))
    )


@pytest.mark.slow
def test_a_later_month_changes_no_month_that_everybody_was_followed_to(defaults: ir.Table) -> None:
    longer = [*BOOK, *path("E", *["-"] * 6, "L 450"), *path("G", *["-"] * 6, "N 70")]
    other = workout_exits(workouts(states(longer), flows(MOVES), same_within=2))
    one, same = workout_exits(defaults), other[other["months"] <= 4]
    pd.testing.assert_frame_equal(one.drop(columns="as_of"), same.drop(columns="as_of"))
    assert other["still_open"].iloc[-1] == pytest.approx(1 / 8)


def test_groups_without_a_curve_say_why() -> None:
    rows = [
        *path("A", "N 1", "S 1", "N 1"),
        *path("B", "N", "S", "S", segment="retail"),
        *path("C", "N 1", "N 1", "S 1", segment="services"),
    ]
    found = workout_exits(workouts(states(rows), by=["segment"]), by=["segment"], basis="balance", cohort="year")
    assert found[["segment", "months", "exit", "note"]].to_numpy().tolist() == [
        ["manufacturing", 1, "cured", "too_small"],
        ["retail", 0, None, "not_recorded"],
        ["services", 0, None, "too_short"],
    ]
    assert found["value"].isna().tolist() == [False, True, True]
    assert set(found["cohort"]) == {pd.Timestamp("2026-01-01")}
    assert len(workout_exits(workouts(states(path("Z", "N 1", "N 1"))))) == 0


def test_what_cannot_be_is_refused(defaults: ir.Table) -> None:
    with pytest.raises(Misuse, match="no more than at_risk"):
        cumulative_incidence([1], [[1, 1]])
    with pytest.raises(Misuse, match="exits must be 0 or more"):
        cumulative_incidence([1], [[-1, 1]])
    with pytest.raises(Misuse, match="did you mean 'balance'"):
        workout_exits(defaults, basis="balanc")
    with pytest.raises(Misuse, match="confidence must be"):
        incidence_bounds([0.5], [0.01], [10], confidence=95)
