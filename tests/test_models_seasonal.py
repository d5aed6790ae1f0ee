"""A history comes apart into trend, season and remainder, and a season is taken out only if it is one."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.seasonal import STL

from analysis.models.breaks import level_break
from analysis.models.seasonal import decomposition, is_seasonal, seasonal_strength, seasonally_adjusted
from analysis.models.slope import slope_per_year
from series_of_values import at_most, month_ends, noise, series

# Year-end cleaning: the ratio falls in December and climbs back; the twelve numbers add up to 0.
MONTHS = np.array([-4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, -11]) / 1000
SEASON = np.tile(MONTHS, 5)


def test_a_season_around_a_line_is_recovered() -> None:
    line = 0.02 + 0.0002 * np.arange(60)
    parts = decomposition(series(line + SEASON))
    assert list(parts["as_of"]) == list(month_ends(60))
    assert parts["season"].to_numpy() == pytest.approx(SEASON, abs=1e-9)
    assert parts["trend"].to_numpy() == pytest.approx(line, abs=1e-9)
    assert parts["remainder"].abs().max() < 1e-9


def test_it_is_the_periodic_decomposition_of_statsmodels() -> None:
    path = noise(0.9, 48, 1, seed=7)[0]
    expected = STL(path, period=12, seasonal=481, seasonal_deg=0).fit(inner_iter=40)
    parts = decomposition(series(path))
    assert parts["trend"].to_numpy() == pytest.approx(expected.trend)
    assert parts["season"].to_numpy() == pytest.approx(expected.seasonal)


def test_the_season_is_the_same_every_year() -> None:
    season = decomposition(series(noise(0.5, 60, 1, seed=1)[0]))["season"].to_numpy().reshape(5, 12)
    assert np.ptp(season, axis=0) == pytest.approx(np.zeros(12), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([24, 31, 60]).flatmap(lambda count: st.lists(st.floats(0, 1), min_size=count, max_size=count)))
def test_the_parts_add_up_to_the_value(path: list[float]) -> None:
    parts = decomposition(series(path))
    assert (parts["trend"] + parts["season"] + parts["remainder"]).to_numpy() == pytest.approx(path)
    assert parts["value"].tolist() == path
    strength = seasonal_strength(series(path))
    assert math.isnan(strength) or 0 <= strength <= 1


def test_a_pure_season_has_strength_near_one() -> None:
    assert seasonal_strength(series(0.02 + SEASON)) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("years", "typical"), [(2, 0.55), (3, 0.35), (5, 0.2)])
def test_noise_has_little_strength_and_less_the_longer_the_history(years: int, typical: float) -> None:
    strengths = [seasonal_strength(series(path)) for path in noise(0.0, 12 * years, 60, seed=2)]
    assert np.median(strengths) == pytest.approx(typical, abs=0.06)


@pytest.mark.parametrize("true", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("count", [36, 60])
def test_noise_seldom_passes_for_a_season(true: float, count: int) -> None:
    assert sum(is_seasonal(series(path)) for path in noise(true, count, 120, seed=3)) <= at_most(120, 0.05)


def test_a_season_of_the_size_of_the_noise_is_found_and_taken_out() -> None:
    shocks = noise(0.0, 60, 50, seed=4) * SEASON.std()
    histories = [series(SEASON + path) for path in shocks]
    assert all(is_seasonal(one) for one in histories)
    left = np.array([seasonally_adjusted(one).path for one in histories]) - shocks
    assert np.abs(left.mean(axis=0)).max() < np.abs(SEASON).max() / 10


def test_taking_the_season_out_keeps_level_dates_and_step() -> None:
    history = series(0.02 + SEASON)
    adjusted = seasonally_adjusted(history)
    assert adjusted.path == pytest.approx(0.02, abs=1e-9)
    assert list(adjusted.dates) == list(history.dates)
    assert (adjusted.step, adjusted.note) == (history.step, history.note)


def test_a_trend_under_a_strong_season_shows_once_the_season_is_taken_out() -> None:
    # Three shocks of the remainder in two years, under a season of twenty.
    shocks = noise(0.0, 60, 40, seed=5) * 0.0005
    paths = SEASON + shocks + 0.003 / 24 * np.arange(60)
    seen = [slope_per_year(seasonally_adjusted(series(path)).latest(24)).verdict(0.0) for path in paths]
    hidden = [slope_per_year(series(path).latest(24)).verdict(0.0) for path in paths]
    assert seen.count("rising") >= 36
    assert hidden.count("rising") <= 4


def test_without_a_season_the_history_is_left_as_it_is() -> None:
    history = series(noise(0.0, 60, 1, seed=6)[0])
    assert seasonally_adjusted(history) is history


def test_a_quarterly_history_has_a_season_of_four() -> None:
    quarters = np.tile([0.01, 0.02, 0.03, 0.00], 5)
    parts = decomposition(series(quarters, step=3))
    assert parts["season"].to_numpy() == pytest.approx(quarters - 0.015, abs=1e-9)
    assert is_seasonal(series(quarters, step=3))


@pytest.mark.parametrize(("count", "step"), [(0, 1), (1, 1), (23, 1), (7, 3), (40, 12)])
def test_less_than_two_years_or_one_value_a_year_come_apart_into_nothing(count: int, step: int) -> None:
    history = series(np.arange(count) % 3, step)
    assert decomposition(history).empty
    assert list(decomposition(history).columns) == ["as_of", "value", "trend", "season", "remainder"]
    assert math.isnan(seasonal_strength(history))
    assert not is_seasonal(history)


def test_two_years_are_taken_apart_but_not_adjusted() -> None:
    history = series(SEASON[:24])
    assert len(decomposition(history)) == 24
    assert seasonally_adjusted(history) is history


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_what_never_moves_has_no_strength(value: float) -> None:
    assert math.isnan(seasonal_strength(series([value] * 60)))
    assert not is_seasonal(series([value] * 60))


def test_a_pure_season_leaves_no_jump_behind() -> None:
    assert pd.isna(level_break(seasonally_adjusted(series(0.02 + SEASON + 0.0005 * np.arange(60)))).date)


def test_an_exact_line_has_no_season() -> None:
    assert not is_seasonal(series(0.01 + 0.001 * np.arange(60)))
