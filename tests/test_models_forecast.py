"""A forecast is the model's only where the model has beaten the latest value, and its interval is honest."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.ar_model import AutoReg

from analysis.models.forecast import BackTest, back_test, forecast, later_month_ends
from series_of_values import at_least, at_most, noise, series

LINE = 0.01 + 0.001 * np.arange(20)
# Student's t, 97.5 %, by degrees of freedom, as printed in any table.
T2, T23, T26 = 4.303, 2.069, 2.056


def test_the_errors_of_a_line_worked_by_hand() -> None:
    # Latest value against 1, 2 and 3 months of a rise of 1: (1 + 2 + 3) / 3; the model is exact.
    assert back_test(series(range(20)), 3) == BackTest(naive_error=2.0, model_error=pytest.approx(0, abs=1e-12))


def test_the_errors_of_a_jump_worked_by_hand() -> None:
    # Dates 12, 13 and 14 of 0, 1, ... 13, 20, one month ahead: naive 1, 1, 7, model 0, 0, 6.
    found = back_test(series([*range(14), 20]), 1)
    assert (found.naive_error, found.model_error) == pytest.approx((3.0, 2.0))
    assert found.beats_naive


def test_a_model_that_goes_on_rising_after_the_rise_has_ended_loses() -> None:
    # 12 months of a rise of 1, then none: the latest value is right three times, the model at most not.
    history = series([*range(13), 12, 12, 12])
    errors = back_test(history, 1)
    assert errors.naive_error == pytest.approx(0.25)
    assert errors.model_error > errors.naive_error
    assert errors.beats_naive is False
    ahead = forecast(history, 3)
    assert ahead.model == "naive"
    assert ahead.path.tolist() == [12, 12, 12]


def test_at_most_the_latest_24_dates_are_tried() -> None:
    wild = [0.0, 9.0] * 20
    assert back_test(series([*wild, *([5.0] * 26)]), 1).naive_error == 0
    assert back_test(series([*wild, *([5.0] * 24)]), 1).naive_error == pytest.approx(4 / 24)


@pytest.mark.parametrize(("count", "horizon"), [(0, 3), (1, 3), (12, 1), (14, 1), (16, 3), (5, 10)])
def test_with_fewer_than_three_dates_to_try_nothing_is_known(count: int, horizon: int) -> None:
    found = back_test(series(range(count)), horizon)
    assert math.isnan(found.naive_error)
    assert math.isnan(found.model_error)
    assert found.beats_naive is None


def test_three_dates_are_enough() -> None:
    assert back_test(series(range(17)), 3).beats_naive
    assert back_test(series(range(15)), 1).beats_naive


def test_a_line_goes_on_without_width() -> None:
    ahead = forecast(series(LINE), 3)
    assert ahead.model == "drift"
    assert ahead.path == pytest.approx([0.030, 0.031, 0.032])
    assert (ahead.upper - ahead.lower) == pytest.approx([0, 0, 0], abs=1e-15)


def test_the_naive_forecast_worked_by_hand() -> None:
    # Changes +2 and -1: root mean square sqrt(2.5); two changes, so t with 2 degrees of freedom.
    ahead = forecast(series([101.0, 103.0, 102.0]), 2)
    assert ahead.model == "naive"
    assert ahead.path.tolist() == [102, 102]
    half = [T2 * math.sqrt(2.5), T2 * math.sqrt(5)]
    assert (ahead.upper - 102) == pytest.approx(half, rel=2e-4)
    assert (102 - ahead.lower) == pytest.approx(half, rel=2e-4)


def test_the_model_is_the_autoregression_of_statsmodels() -> None:
    changes = 1 + noise(0.6, 29, 1, seed=9)[0]
    values = 10 + np.array([0, *changes.cumsum()])
    fitted = AutoReg(changes, 1, trend="c").fit()
    ahead = forecast(series(values), 2)
    assert ahead.model == "drift"
    assert ahead.path - values[-1] == pytest.approx(fitted.forecast(2).cumsum())
    # 29 changes, of which 28 have one before them; the constant's own error is added to that of the step.
    error = math.sqrt(np.sum(fitted.resid**2) / 26)
    assert ahead.upper[0] - ahead.path[0] == pytest.approx(T26 * error * math.sqrt(1 + 1 / 29), rel=1e-3)


def test_a_segment_that_has_only_just_moved_has_a_forecast() -> None:
    ahead = forecast(series([*[0.0] * 23, 0.02]), 3)
    assert (ahead.model, ahead.path.tolist()) == ("naive", [0.02] * 3)
    assert ahead.upper[0] - 0.02 == pytest.approx(T23 * 0.02 / math.sqrt(23), rel=1e-3)


@pytest.mark.parametrize("count", [24, 60])
def test_the_interval_holds_on_random_walks_as_often_as_it_says(count: int) -> None:
    paths = 1000 + noise(1.0, count + 3, 200, seed=1)
    held = np.array([_held(path[:count], path[count:]) for path in paths])
    # The choice of the better past forecast costs a little of the nominal level.
    assert (held.sum(axis=0) >= at_least(200, 0.93)).all()
    assert (held.sum(axis=0) <= at_most(200, 0.97)).all()


def test_the_interval_nearly_holds_where_changes_carry_over() -> None:
    changes = 0.5 + noise(0.6, 63, 150, seed=2)
    paths = 1000 + changes.cumsum(axis=1)
    held = np.array([_held(path[:60], path[60:]) for path in paths])
    assert (held.sum(axis=0) >= at_least(150, 0.91)).all()


def test_the_model_is_chosen_where_there_is_drift_and_seldom_on_a_random_walk() -> None:
    walks, drifting = noise(1.0, 60, 60, seed=3), noise(1.0, 60, 60, seed=3) + 2 * np.arange(60)
    chosen = [[forecast(series(path + 1000), 3).model for path in paths].count("drift") for paths in (walks, drifting)]
    assert chosen[0] <= 30
    assert chosen[1] == 60


def _held(past: np.ndarray, actual: np.ndarray) -> np.ndarray:
    ahead = forecast(series(past), actual.size)
    return (ahead.lower <= actual) & (actual <= ahead.upper)


@pytest.mark.parametrize("value", [0.0, 0.015, 1.0])
def test_what_never_moved_is_forecast_where_it_stands_without_an_interval(value: float) -> None:
    ahead = forecast(series([value] * 24), 3)
    assert (ahead.model, ahead.path.tolist()) == ("naive", [value] * 3)
    assert np.isnan([*ahead.lower, *ahead.upper]).all()


@pytest.mark.parametrize("values", [[0.01], [0.01, 0.02]])
def test_one_or_two_months_have_a_forecast_without_an_interval(values: list[float]) -> None:
    ahead = forecast(series(values), 3)
    assert (ahead.model, ahead.path.tolist()) == ("naive", values[-1:] * 3)
    assert np.isnan([*ahead.lower, *ahead.upper]).all()


def test_what_was_never_negative_is_not_forecast_negative() -> None:
    falling = forecast(series(np.maximum(0.02 - 0.001 * np.arange(20), 0.001)), 12)
    assert min(falling.path.min(), falling.lower.min()) >= 0
    below = forecast(series(0.005 - 0.001 * np.arange(20)), 3)
    assert below.path == pytest.approx([-0.015, -0.016, -0.017])


def test_the_dates_ahead_are_month_ends_a_step_apart() -> None:
    assert list(later_month_ends(series([0.01]), 2)) == [pd.Timestamp(2021, 2, 28), pd.Timestamp(2021, 3, 31)]
    quarters = later_month_ends(series([0.01] * 4, step=3), 2)
    assert list(quarters) == [pd.Timestamp(2022, 1, 31), pd.Timestamp(2022, 4, 30)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 6))
def test_every_history_has_a_forecast_inside_its_interval_that_never_narrows(path: list[float], horizon: int) -> None:
    ahead = forecast(series(path), horizon)
    assert ahead.path.size == ahead.lower.size == ahead.upper.size == horizon
    assert np.isfinite(ahead.path).all()
    if not np.isnan(ahead.lower).any():
        assert (ahead.lower <= ahead.path).all()
        assert (ahead.path <= ahead.upper).all()
        assert (np.diff(ahead.upper - ahead.path) >= -1e-12).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=24))
def test_more_confidence_gives_a_wider_interval(path: list[float]) -> None:
    wide, narrow = forecast(series(path), 3, 0.99), forecast(series(path), 3, 0.8)
    known = ~np.isnan(wide.lower)
    assert (wide.lower <= narrow.lower)[known].all()
    assert (wide.upper >= narrow.upper)[known].all()
