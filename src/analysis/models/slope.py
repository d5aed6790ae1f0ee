"""Is a measure rising or falling, by how much a year, and how sure is that?"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from statsmodels.regression.linear_model import OLS

from analysis.models.history import History
from analysis.models.noise import GRID, persistence, simulated_noise

Floats = NDArray[np.float64]
FEWEST = 12
# At 1 the differenced constant vanishes, and there is nothing left to estimate a level from.
_MOST_CARRIED = 0.95
_PATHS = 1000
_WALKS = 5
_LIKEST = 500


@dataclass(frozen=True, kw_only=True)
class Slope:
    """A trend with its interval [unit of the measure per year]; NaN where it cannot be estimated."""

    slope: float = math.nan
    low: float = math.nan
    high: float = math.nan

    def verdict(self, minimum: float) -> str:
        """Say "rising" or "falling" if the interval leaves out 0 and the slope is worth mentioning, else "noise".

        Args:
            minimum: smallest slope worth mentioning [unit of the measure per year].

        Returns:
            "rising", "falling", "noise"; "unknown" if there is no estimate.
        """
        if math.isnan(self.slope):
            return "unknown"
        if abs(self.slope) < minimum or self.low <= 0 <= self.high:
            return "noise"
        return "rising" if self.slope > 0 else "falling"


def slope_per_year(history: History, confidence: float = 0.95) -> Slope:
    """The straight line through a history, with an interval that allows for persistent noise.

    Least squares on time, on the plain scale so that the slope reads in basis points and zeros are
    no trouble. NPL ratios hang on their past: the series and time are first differenced by the share
    that is carried over (Prais and Winsten), then the Newey-West covariance allows for the rest.
    Normal quantiles would still find trends in noise of this length, so the critical value is
    simulated (`critical_value`). Of histories of 24 values without a trend, up to 6 % pass for one where
    no more than 0.9 of a value is carried over, and one in six where all of it is: a random walk.

    Args:
        history: evenly spaced values; with fewer than 12 there is no estimate.
        confidence: probability that the interval is to hold [share].

    Returns:
        slope, lower and upper bound [unit of the measure per year]. A history that lies on a straight
        line has an interval without width.

    Source: W. K. Newey and K. D. West (1987), Econometrica 55:703-708; D. W. K. Andrews and
        J. C. Monahan (1992), Econometrica 60:953-966, for differencing before the covariance.
        We depart in the critical value.
    """
    values = history.path
    if values.size < FEWEST:
        return Slope()
    carried = float(persistence(values[None, :])[0])
    columns = np.stack([values, np.ones(values.size), _time(values.size)])
    response, *regressors = _differenced(columns, np.full((3, 1), min(carried, _MOST_CARRIED)))
    line = OLS(response, np.column_stack(regressors)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags(response.size), "use_correction": True}
    )
    slope, error = float(line.params[1]), float(line.bse[1])
    half = critical_value(values.size, round(carried, 2), confidence) * error
    slope, half = _unless_rounding(values, slope), _unless_rounding(values, half)
    return Slope(
        slope=slope * history.per_year,
        low=(slope - half) * history.per_year,
        high=(slope + half) * history.per_year,
    )


def lags(count: int) -> int:
    """Lags of the Newey-West covariance, 4 (n / 100)^(2/9) rounded down [count].

    Args:
        count: length of the series [values].

    Source: W. K. Newey and K. D. West (1994), Rev. Econ. Stud. 61:631-653.
    """
    return int(4 * (count / 100) ** (2 / 9))


@lru_cache(maxsize=256)
def critical_value(count: int, carried: float, confidence: float) -> float:
    """How many standard errors a slope must be from 0 to be more than noise gives that looks as persistent.

    What is carried over is itself an estimate, and a low one in short series: noise with that very
    persistence would understate how far slopes stray. So noise of any persistence is simulated, 1,000 series
    of each from none to all on a grid of 0.05, and of all five times as many, because stocks of loans come
    near to it; the series whose estimate is like that of the history decide.

    Args:
        count: length of the series [values].
        carried: share of a value that is carried over, as `persistence` estimates it [0 to 1].
        confidence: share of noise that is to stay below.
    """
    estimates, ratios = _without_trend(count)
    distances = np.abs(estimates - carried)
    alike = distances <= np.partition(distances, _LIKEST)[_LIKEST] + GRID / 2
    return float(np.quantile(ratios[alike], confidence))


@lru_cache(maxsize=16)
def _without_trend(count: int) -> tuple[Floats, Floats]:
    """Persistence as it is estimated, and size of the slope in standard errors, of noise of any persistence."""
    grid = np.arange(0, 1, GRID)
    noise = [simulated_noise(count, float(true), _PATHS) for true in grid]
    noise.append(simulated_noise(count, 1.0, _WALKS * _PATHS))
    return (
        np.concatenate([persistence(series) for series in noise]),
        np.concatenate([np.abs(t_ratios(series)) for series in noise]),
    )


def t_ratios(values: Floats) -> Floats:
    """Slope in standard errors, for many series at once: what `slope_per_year` divides.

    Args:
        values: one row is a series.

    Returns:
        one number per row [unitless].
    """
    carried = np.minimum(persistence(values), _MOST_CARRIED)[:, None]
    time = np.broadcast_to(_time(values.shape[1]), values.shape)
    constant = _differenced(np.ones(values.shape), carried)
    weights = constant / (constant**2).sum(axis=1, keepdims=True)
    response, regressor = (_differenced(columns, carried) for columns in (values, time))
    response = response - constant * (response * weights).sum(axis=1, keepdims=True)
    regressor = regressor - constant * (regressor * weights).sum(axis=1, keepdims=True)
    spread = (regressor**2).sum(axis=1)
    slopes = (response * regressor).sum(axis=1) / spread
    scores = (response - slopes[:, None] * regressor) * regressor
    ratios: Floats = slopes * spread / np.sqrt(_long_run_variance(scores))
    return ratios


def _long_run_variance(scores: Floats) -> Floats:
    count, most = scores.shape[1], lags(scores.shape[1])
    variance = (scores**2).sum(axis=1)
    for lag in range(1, most + 1):
        variance = variance + 2 * (1 - lag / (most + 1)) * (scores[:, lag:] * scores[:, :-lag]).sum(axis=1)
    corrected: Floats = variance * count / (count - 2)
    return corrected


def _differenced(values: Floats, carried: Floats) -> Floats:
    # Without the weighted first value, most of what a persistent series says of its trend is lost.
    first = np.sqrt(1 - carried**2) * values[:, :1]
    return np.concatenate([first, values[:, 1:] - carried * values[:, :-1]], axis=1)


def _time(count: int) -> Floats:
    return np.arange(count, dtype=np.float64) - (count - 1) / 2


def _unless_rounding(values: Floats, number: float) -> float:
    return 0.0 if abs(number) <= 8 * np.finfo(float).eps * float(np.max(np.abs(values))) else number
