"""Where is a measure heading in the next months, and does a model know better than its latest value?"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from analysis.models.history import History

Floats = NDArray[np.float64]
FEWEST = 12
_ORIGINS = 24
_FEWEST_ORIGINS = 3
_MOST_CARRIED = 0.95


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Values ahead with their interval [unit of the measure]; `model` is "drift" or "naive"."""

    model: str
    path: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, kw_only=True)
class BackTest:
    """Mean absolute errors of past forecasts [unit of the measure]; NaN and None if there were too few."""

    naive_error: float = math.nan
    model_error: float = math.nan

    @property
    def beats_naive(self) -> bool | None:
        """Whether the model's error was the smaller one."""
        return None if math.isnan(self.model_error) else self.model_error < self.naive_error


def forecast(history: History, horizon: int, confidence: float = 0.95) -> Forecast:
    """The model's forecast where it beat the naive one in the back-test, else the naive one.

    Args:
        history: evenly spaced values, at least one.
        horizon: how many steps ahead [count].
        confidence: probability that each month's interval is to hold [share].

    Returns:
        the forecast; its bounds are NaN where the changes so far are too few to tell, or nothing ever
        changed. What was never negative is not forecast negative.
    """
    better = back_test(history, horizon).beats_naive
    ahead = (_drift if better else _naive)(history.path, horizon, confidence)
    if (history.path < 0).any():
        return ahead
    return Forecast(
        model=ahead.model,
        path=np.maximum(ahead.path, 0.0),
        lower=np.maximum(ahead.lower, 0.0),
        upper=np.maximum(ahead.upper, 0.0),
    )


def back_test(history: History, horizon: int) -> BackTest:
    """Errors that model and naive forecast would have made at up to 24 past dates, each knowing only its past.

    Args:
        history: evenly spaced values.
        horizon: how many steps ahead; errors of all steps are averaged [count].

    Returns:
        the errors; unknown with fewer than three dates that have a year before and the horizon after them.

    Source: L. J. Tashman (2000), Int. J. Forecast. 16:437-450 (rolling origin).
    """
    values = history.path
    origins = range(max(FEWEST, values.size - horizon - _ORIGINS + 1), values.size - horizon + 1)
    if len(origins) < _FEWEST_ORIGINS:
        return BackTest()
    actual = np.array([values[origin : origin + horizon] for origin in origins])
    naive = np.array([values[origin - 1] for origin in origins])[:, None]
    model = np.array([_drift_path(values[:origin], horizon)[0] for origin in origins])
    return BackTest(
        naive_error=float(np.mean(np.abs(actual - naive))), model_error=float(np.mean(np.abs(actual - model)))
    )


def later_month_ends(history: History, horizon: int) -> pd.DatetimeIndex:
    """The dates that a forecast is for.

    Args:
        history: evenly spaced values, at least one.
        horizon: how many steps ahead [count].
    """
    return pd.DatetimeIndex(
        [history.dates[-1] + pd.offsets.MonthEnd(history.step * ahead) for ahead in range(1, horizon + 1)],
        dtype="datetime64[s]",
    )


def _naive(values: Floats, horizon: int, confidence: float) -> Forecast:
    changes = np.diff(values)
    error = math.sqrt(float(np.mean(changes**2))) if changes.size > 1 and np.any(changes) else math.nan
    errors = error * np.sqrt(np.arange(1, horizon + 1))
    return _with_interval("naive", np.full(horizon, values[-1]), errors, _quantile(changes.size, confidence))


def _drift(values: Floats, horizon: int, confidence: float) -> Forecast:
    path, carried, error = _drift_path(values, horizon)
    spread = np.cumsum(carried ** np.arange(horizon))
    # The constant is an average of the changes and errs with them, the same way at every step.
    errors = error * np.sqrt(np.cumsum(spread**2) + np.cumsum(spread) ** 2 / (values.size - 1))
    return _with_interval("drift", path, errors, _quantile(values.size - 4, confidence))


def _drift_path(values: Floats, horizon: int) -> tuple[Floats, float, float]:
    """Each change is a constant plus a share of the change before: ARIMA(1,1,0) with drift."""
    changes = np.diff(values)
    rounding = 8 * np.finfo(float).eps * float(np.max(np.abs(values)))
    if np.ptp(changes) <= rounding:
        return values[-1] + changes.mean() * np.arange(1, horizon + 1), 0.0, 0.0
    before, after = changes[:-1], changes[1:]
    carried = _carried(before, after, rounding)
    constant = float(after.mean() - carried * before.mean())
    error = math.sqrt(float(np.sum((after - constant - carried * before) ** 2)) / (changes.size - 3))
    ahead, change = [], float(changes[-1])
    for _ in range(horizon):
        change = constant + carried * change
        ahead.append(change)
    return values[-1] + np.cumsum(ahead), carried, error


def _carried(before: Floats, after: Floats, rounding: float) -> float:
    """Least squares, in closed form: the past of a segment that has only just moved fits any share."""
    if np.ptp(before) <= rounding:
        return 0.0
    apart = before - before.mean()
    return float(np.clip(apart @ after / (apart @ apart), -_MOST_CARRIED, _MOST_CARRIED))


def _with_interval(model: str, values: Floats, errors: Floats, quantile: float) -> Forecast:
    return Forecast(model=model, path=values, lower=values - quantile * errors, upper=values + quantile * errors)


def _quantile(freedom: int, confidence: float) -> float:
    return float(stdtrit(freedom, (1 + confidence) / 2)) if freedom > 0 else math.nan
