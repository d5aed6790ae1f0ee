"""A slope is that of the line, and it is called a trend no more often than noise allows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import toeplitz
from statsmodels.regression.linear_model import GLS, OLS

from analysis.models.noise import persistence
from analysis.models.slope import Slope, critical_value, lags, slope_per_year, t_ratios
from series_of_values import at_least, at_most, noise, series

# Hangs on its past not at all, so that the estimate is plain least squares.
ZIGZAG = [0.010, 0.014, 0.011, 0.016, 0.012, 0.015, 0.013, 0.018, 0.014, 0.019, 0.013, 0.020, 0.015, 0.019, 0.016]


@pytest.mark.parametrize(("count", "expected"), [(100, 4), (24, 2), (60, 3), (12, 2), (1000, 6)])
def test_the_lags_are_those_of_newey_and_west_1994(count: int, expected: int) -> None:
    # 4 (n / 100)^(2/9), rounded down: 4, 2.91, 3.57, 2.50, 6.67.
    assert lags(count) == expected


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.01, 0.01), st.floats(0.1, 1), st.integers(12, 36))
def test_the_slope_of_an_exact_line_is_exact_with_an_interval_without_width(
    monthly: float, start: float, count: int
) -> None:
    found = slope_per_year(series(start + monthly * np.arange(count)))
    assert found.slope == pytest.approx(12 * monthly, rel=1e-9, abs=1e-13)
    assert found.high - found.low == pytest.approx(0, abs=1e-12)


def test_a_quarterly_slope_is_per_year_too() -> None:
    found = slope_per_year(series(0.01 + 0.001 * np.arange(12), step=3))
    assert found.slope == pytest.approx(0.004)
    assert found.verdict(0.0) == "rising"


def test_without_persistence_it_is_least_squares_with_the_newey_west_error_of_statsmodels() -> None:
    values = np.array(ZIGZAG)
    assert persistence(values[None, :])[0] == 0
    regressors = np.column_stack([np.ones(values.size), np.arange(values.size)])
    line = OLS(values, regressors).fit(cov_type="HAC", cov_kwds={"maxlags": 2, "use_correction": True})
    found = slope_per_year(series(values))
    assert found.slope == pytest.approx(12 * line.params[1])
    half = 12 * critical_value(values.size, 0.0, 0.95) * line.bse[1]
    assert (found.low, found.high) == pytest.approx((found.slope - half, found.slope + half))


def test_with_persistence_it_is_generalised_least_squares_with_all_values() -> None:
    values = noise(0.7, 36, 1, seed=16)[0] + 0.2 * np.arange(36)
    carried = float(persistence(values[None, :])[0])
    assert 0.3 < carried < 0.95
    regressors = np.column_stack([np.ones(36), np.arange(36)])
    expected = GLS(values, regressors, sigma=carried ** toeplitz(np.arange(36))).fit()
    assert slope_per_year(series(values)).slope == pytest.approx(12 * expected.params[1])


def test_the_ratio_that_is_simulated_is_the_one_that_is_reported() -> None:
    values = noise(0.6, 24, 20, seed=1)
    for path, ratio in zip(values, t_ratios(values), strict=True):
        found = slope_per_year(series(path))
        critical = critical_value(24, round(float(persistence(path[None, :])[0]), 2), 0.95)
        assert found.slope / ((found.high - found.low) / 2 / critical) == pytest.approx(ratio)


@pytest.mark.parametrize("true", [0.0, 0.5, 0.8, 0.9])
def test_noise_without_a_trend_seldom_passes_for_one(true: float) -> None:
    paths = noise(true, 24, 400, seed=11)
    found = sum(slope_per_year(series(path)).verdict(0.0) != "noise" for path in paths)
    assert found <= at_most(400, 0.06)


def test_even_a_random_walk_passes_for_a_trend_in_no_more_than_one_of_six() -> None:
    found = sum(slope_per_year(series(path)).verdict(0.0) != "noise" for path in noise(1.0, 24, 400, seed=12))
    assert found <= at_most(400, 1 / 6)


@pytest.mark.parametrize("count", [12, 24, 60])
def test_over_noise_of_all_kinds_a_trend_is_found_at_the_nominal_rate(count: int) -> None:
    kinds = [*np.arange(0, 1, 0.05), *[1.0] * 5]
    paths = np.concatenate([noise(true, count, 40, seed=20 + kind) for kind, true in enumerate(kinds)])
    critical = [critical_value(count, round(float(carried), 2), 0.95) for carried in persistence(paths)]
    found = int((np.abs(t_ratios(paths)) > critical).sum())
    assert at_least(len(paths), 0.05) <= found <= at_most(len(paths), 0.05)


@pytest.mark.parametrize(("true", "monthly"), [(0.0, 0.5), (0.8, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize(("sign", "verdict"), [(1, "rising"), (-1, "falling")])
def test_a_clear_trend_is_found(true: float, monthly: float, sign: int, verdict: str) -> None:
    paths = noise(true, 24, 100, seed=13) + sign * monthly * np.arange(24)
    assert sum(slope_per_year(series(path)).verdict(0.0) == verdict for path in paths) >= 95


def test_the_interval_holds_the_true_slope_as_often_as_it_says() -> None:
    paths = noise(0.5, 24, 400, seed=14) + 0.3 * np.arange(24)
    found = [slope_per_year(series(path)) for path in paths]
    assert sum(one.low <= 12 * 0.3 <= one.high for one in found) >= at_least(400, 0.95)


@pytest.mark.parametrize("true", [0.0, 0.3, 0.5])
def test_the_persistence_is_recovered(true: float) -> None:
    assert np.median(persistence(noise(true, 60, 500, seed=15))) == pytest.approx(true, abs=0.05)


def test_the_persistence_of_a_short_series_is_corrected_for_its_length() -> None:
    # Plain autocorrelation of 24 values around their line is low by about (2 + 4 × 0.5) / 24 = 0.17.
    assert np.median(persistence(noise(0.5, 24, 500, seed=15))) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("values", [[], [0.01], [0.01] * 11])
def test_with_fewer_than_twelve_values_nothing_is_known(values: list[float]) -> None:
    found = slope_per_year(series(values))
    assert np.isnan([found.slope, found.low, found.high]).all()
    assert found.verdict(0.0) == "unknown"


def test_the_nine_quarters_of_the_banking_system_are_too_few_to_call_a_trend() -> None:
    # NFRA, commercial banks, NPL ratio 2023Q4 to 2025Q4 [%].
    assert slope_per_year(series([1.59, 1.59, 1.56, 1.55, 1.50, 1.51, 1.49, 1.52, 1.50], 3)).verdict(0) == "unknown"


@pytest.mark.parametrize("value", [0.0, 0.015, 1.0])
def test_what_never_moves_has_no_slope(value: float) -> None:
    found = slope_per_year(series([value] * 24))
    assert (found.slope, found.low, found.high) == (0, 0, 0)
    assert found.verdict(0.0) == "noise"


@pytest.mark.parametrize(
    ("slope", "verdict"),
    [
        (Slope(slope=0.002, low=0.001, high=0.003), "rising"),
        (Slope(slope=-0.002, low=-0.003, high=-0.001), "falling"),
        (Slope(slope=0.002, low=0.0, high=0.004), "noise"),
        (Slope(slope=0.0009, low=0.0008, high=0.001), "noise"),
        (Slope(slope=0.001, low=0.0008, high=0.0012), "rising"),
        (Slope(), "unknown"),
    ],
)
def test_a_verdict_needs_an_interval_off_zero_and_a_slope_worth_mentioning(slope: Slope, verdict: str) -> None:
    assert slope.verdict(0.001) == verdict


PATHS = st.lists(st.floats(0, 1), min_size=12, max_size=36).filter(lambda path: np.ptp(path) > 1e-3)


@settings(max_examples=25, deadline=None)
@given(PATHS, st.integers(-10, 10))
def test_the_unit_of_the_measure_does_not_matter(path: list[float], power: int) -> None:
    one, other = slope_per_year(series(path)), slope_per_year(series(np.array(path) * 2.0**power))
    assert (other.slope, other.low, other.high) == pytest.approx(
        tuple(2.0**power * bound for bound in (one.slope, one.low, one.high)), abs=1e-12
    )


@settings(max_examples=25, deadline=None)
@given(PATHS)
def test_the_mirrored_history_has_the_mirrored_slope(path: list[float]) -> None:
    one, other = slope_per_year(series(path)), slope_per_year(series(-np.array(path)))
    assert (other.slope, other.low, other.high) == pytest.approx((-one.slope, -one.high, -one.low), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(PATHS)
def test_more_confidence_gives_a_wider_interval_around_the_same_slope(path: list[float]) -> None:
    wide, narrow = slope_per_year(series(path), 0.99), slope_per_year(series(path), 0.8)
    assert wide.slope == narrow.slope
    assert wide.low <= narrow.low <= wide.slope <= narrow.high <= wide.high
