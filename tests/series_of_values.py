"""Evenly spaced series made by hand or by chance for the tests of models."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from analysis.models.history import History

FIRST = date(2021, 1, 31)
Floats = NDArray[np.float64]


def month_ends(count: int, step: int = 1) -> pd.DatetimeIndex:
    """Month ends from the first one on, so many months apart."""
    return pd.DatetimeIndex(pd.date_range(FIRST, periods=count, freq=pd.offsets.MonthEnd(step)), dtype="datetime64[s]")


def series(values: ArrayLike, step: int = 1) -> History:
    """A history of the values."""
    path = np.asarray(values, dtype=float)
    return History(path=path, dates=month_ends(path.size, step), step=step)


def measurements(paths: Mapping[object, Sequence[float]], step: int = 1) -> pd.DataFrame:
    """One row is a segment at a month end; a shorter path ends at the same latest date."""
    dates = month_ends(max(map(len, paths.values())), step)
    rows = [
        {"as_of": when, "segment": segment, "value": value}
        for segment, path in paths.items()
        for when, value in zip(dates[-len(path) :], path, strict=True)
    ]
    return pd.DataFrame(rows, columns=["as_of", "segment", "value"])


def noise(persistence: float, count: int, paths: int, seed: int) -> Floats:
    """One row is a series: each value is a share of the one before plus a normal shock."""
    shocks = np.random.default_rng(seed).standard_normal((paths, count))
    shocks[:, 0] /= np.sqrt(1 - persistence**2) if persistence < 1 else 1.0
    for now in range(1, count):
        shocks[:, now] += persistence * shocks[:, now - 1]
    return shocks


def at_most(trials: int, share: float) -> int:
    """Successes that only one experiment in a thousand exceeds when each trial succeeds with that probability."""
    return int(binom.ppf(0.999, trials, share))


def at_least(trials: int, share: float) -> int:
    """Successes that only one experiment in a thousand falls short of."""
    return int(binom.ppf(0.001, trials, share))
