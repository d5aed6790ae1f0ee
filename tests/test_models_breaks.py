"""A jump of the level is found where it is, and seldom where there is none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.models.breaks import NO_TEST, level_break
from series_of_values import at_least, at_most, month_ends, noise, series

LOW_HIGH = np.where(np.arange(36) >= 20, 0.03, 0.01)
ZIGZAG = 0.0005 * (-1.0) ** np.arange(36)


def test_a_clear_jump_is_dated_by_the_first_month_of_the_new_level() -> None:
    found = level_break(series(LOW_HIGH + ZIGZAG))
    assert found.date == month_ends(36)[20] == pd.Timestamp(2022, 9, 30)
    assert found.p == pytest.approx(0.001)


def test_a_pure_jump_without_noise_is_found() -> None:
    assert level_break(series(LOW_HIGH)).date == month_ends(36)[20]


def test_a_jump_beside_a_trend_is_found() -> None:
    assert level_break(series(LOW_HIGH + ZIGZAG + 0.0005 * np.arange(36))).date == month_ends(36)[20]


def test_a_straight_trend_is_no_jump() -> None:
    found = level_break(series(0.01 + 0.001 * np.arange(36) + ZIGZAG))
    assert pd.isna(found.date)
    assert found.p > 0.05


@pytest.mark.parametrize("monthly", [0.125, 0.001, -0.0003])
def test_a_line_without_noise_is_not_tested(monthly: float) -> None:
    assert level_break(series(0.01 + monthly * np.arange(36))) is NO_TEST


@pytest.mark.parametrize("true", [0.0, 0.5, 0.8, 0.95, 1.0])
def test_noise_without_a_jump_is_flagged_at_most_at_the_nominal_rate(true: float) -> None:
    found = [level_break(series(path)) for path in noise(true, 36, 200, seed=3)]
    assert sum(one.p < 0.05 for one in found) <= at_most(200, 0.05)
    assert all(pd.isna(one.date) == (one.p >= 0.05) for one in found)


def test_over_persistent_noise_the_rate_is_near_the_nominal_one() -> None:
    paths = np.concatenate([noise(true, 60, 100, seed=4) for true in (0.7, 0.8, 0.9, 1.0)])
    found = sum(level_break(series(path)).p < 0.05 for path in paths)
    assert at_least(400, 0.05) <= found <= at_most(400, 0.05)


@pytest.mark.parametrize("true", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("where", [10, 30, 48])
def test_a_jump_of_ten_shocks_is_found_and_dated_within_a_month(true: float, where: int) -> None:
    paths = noise(true, 60, 40, seed=5) + 10 * (np.arange(60) >= where)
    found = [level_break(series(path)).date for path in paths]
    near = [date for date in found if not pd.isna(date) and abs(month_ends(60).get_loc(date) - where) <= 1]
    assert len(near) >= 38


def test_a_quarterly_break_is_dated_by_its_quarter() -> None:
    assert level_break(series(LOW_HIGH + ZIGZAG, step=3)).date == month_ends(36, step=3)[20]


@pytest.mark.parametrize(
    "values",
    [[], [0.01], [0.01, 0.02] * 11 + [0.01], [0.0] * 36, [1.0] * 36],
    ids=["none", "one", "23", "0 %", "100 %"],
)
def test_too_short_or_never_moving_is_not_tested(values: list[float]) -> None:
    assert level_break(series(values)) is NO_TEST
    assert np.isnan(NO_TEST.p)
    assert pd.isna(NO_TEST.date)


PATHS = st.lists(st.floats(0, 1), min_size=24, max_size=40).filter(lambda path: np.ptp(path) > 1e-3)


@settings(max_examples=20, deadline=None)
@given(PATHS)
def test_p_is_a_share_and_the_date_is_one_of_the_history(path: list[float]) -> None:
    found = level_break(series(path))
    assert 0 < found.p <= 1
    assert pd.isna(found.date) or found.date in month_ends(len(path))[1:]


@settings(max_examples=20, deadline=None)
@given(PATHS, st.integers(-10, 10))
def test_the_unit_of_the_measure_does_not_matter(path: list[float], power: int) -> None:
    assert level_break(series(np.array(path) * 2.0**power)).p == level_break(series(path)).p
