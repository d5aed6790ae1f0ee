"""How much of a measure's movement comes back every year, and what is left without it?"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.tsa.seasonal import STL

from analysis.models.history import History
from analysis.models.noise import simulated_noise

Floats = NDArray[np.float64]
YEARS = 2
_YEARS_TO_ADJUST = 3
_PATHS = 999
_ROUNDS = 40


def decomposition(history: History) -> pd.DataFrame:
    """A history taken apart into trend, season and remainder.

    The season is the same every year: two to five years do not show how it changes.

    Args:
        history: evenly spaced values, at least two years of them.

    Returns:
        one row per month end, ascending: `as_of`, `value`, `trend`, `season`, `remainder` [unit of the
        measure], which add up to the value. No rows where there are less than two years, or one value a year.

    Source: R. B. Cleveland, W. S. Cleveland, J. E. McRae and I. Terpenning (1990), J. Off. Stat. 6:3-73.
    """
    columns = ["as_of", "value", "trend", "season", "remainder"]
    if not _has_years(history, YEARS):
        return pd.DataFrame(columns=columns)
    trend, season = _taken_apart(history.path, history.per_year)
    rows = (history.dates, history.path, trend, season, history.path - trend - season)
    return pd.DataFrame(dict(zip(columns, rows, strict=True)))


def seasonal_strength(history: History) -> float:
    """Share of the movement around the trend that is seasonal [0 to 1]; NaN if too short or never moving.

    Two years of plain noise reach about a half and five years a fifth, because twelve monthly means fit
    few values well: read it with the length of the history.

    Args:
        history: evenly spaced values.

    Source: X. Wang, K. Smith and R. Hyndman (2006), Data Min. Knowl. Discov. 13:335-364.
    """
    parts = decomposition(history)
    if parts.empty or history.is_constant:
        return math.nan
    remainder, moving = np.var(parts["remainder"]), np.var(parts["remainder"] + parts["season"])
    floor = (np.finfo(float).eps * np.abs(history.path).max() * history.path.size) ** 2
    return math.nan if moving <= floor else float(max(0.0, 1 - remainder / moving))


def is_seasonal(history: History, significance: float = 0.05) -> bool:
    """Whether a season is stronger than noise without one would show.

    The bar is simulated: the strength that random walks of the same length reach, which is as much as
    any less persistent noise does.

    Args:
        history: evenly spaced values; with less than three years of them there is no telling.
        significance: share of histories without a season that may be taken for seasonal.
    """
    if not _has_years(history, _YEARS_TO_ADJUST):
        return False
    return seasonal_strength(history) > _strength_of_noise(history.path.size, history.per_year, 1 - significance)


def seasonally_adjusted(history: History) -> History:
    """The history without its season, where it has one; else as it is.

    Args:
        history: evenly spaced values.
    """
    if not is_seasonal(history):
        return history
    return replace(history, path=history.path - _taken_apart(history.path, history.per_year)[1])


def _has_years(history: History, years: int) -> bool:
    return history.per_year >= YEARS and history.path.size >= years * history.per_year


def _taken_apart(values: Floats, period: int) -> tuple[Floats, Floats]:
    trends, seasons = _smoothers(values.size, period)
    return values @ trends, values @ seasons


@lru_cache(maxsize=32)
def _smoothers(count: int, period: int) -> tuple[Floats, Floats]:
    """Trend and season of a unit impulse at each place: those of any series are sums of them.

    Means over a span far longer than the history make the season the same every year; lines, the
    default, would fit two values of a month wholly and leave no remainder. After the usual few rounds a
    pure season still leaves a pattern, small but regular enough to be taken for a jump.
    """
    span = 10 * count + 1
    parts = [
        STL(impulse, period=period, seasonal=span, seasonal_deg=0).fit(inner_iter=_ROUNDS) for impulse in np.eye(count)
    ]
    return np.array([part.trend for part in parts]), np.array([part.seasonal for part in parts])


@lru_cache(maxsize=64)
def _strength_of_noise(count: int, period: int, share: float) -> float:
    trends, seasons = _smoothers(count, period)
    walks = simulated_noise(count, 1.0, _PATHS)
    moving = walks - walks @ trends
    remainder = moving - walks @ seasons
    return float(np.quantile(1 - remainder.var(axis=1) / moving.var(axis=1), share))
