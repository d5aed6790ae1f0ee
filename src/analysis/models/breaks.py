"""Did the level of a measure jump at some month, more than its own noise explains?"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.models.history import History
from analysis.models.noise import is_line, persistence, simulated_noise

Floats = NDArray[np.float64]
FEWEST = 24
_TRIMMED = 0.15
_MOST_CARRIED = 0.95
_PATHS = 999


@dataclass(frozen=True, kw_only=True)
class Break:
    """The likeliest jump.

    Attributes:
        date: first month end of the new level; NaT if the jump is not significant.
        p: probability that noise alone gives as large a jump somewhere [share]; NaN if not tested.
    """

    date: pd.Timestamp
    p: float


NO_TEST = Break(date=pd.NaT, p=float("nan"))  # type: ignore[arg-type]


def level_break(history: History, significance: float = 0.05) -> Break:
    """Test for one jump of the level at an unknown month, beside a straight trend and persistent noise.

    The largest F statistic over all months but the first and last 15 % is set against the largest of
    999 simulated series with the same length and persistence. The test is for one history: of twenty
    segments without a break, one is flagged on average.

    Args:
        history: evenly spaced values; with fewer than 24, or if they lie on a straight line, there is no test.
        significance: share of histories without a break that may be flagged.

    Returns:
        the break.

    Source: D. W. K. Andrews (1993), Econometrica 61:821-856, for the largest statistic and the
        trimming. We depart in the null distribution: his tables do not hold beside a trend.
    """
    values = history.path
    if values.size < FEWEST or is_line(values[None, :])[0]:
        return NO_TEST
    carried = float(min(persistence(values[None, :])[0], _MOST_CARRIED))
    largest, where = (found[0] for found in _largest_f(values[None, :], carried))
    p = (1 + int((_under_no_break(values.size, round(carried, 2)) >= largest).sum())) / (_PATHS + 1)
    date = history.dates[_candidates(values.size)[int(where)]] if p < significance else pd.NaT
    return Break(date=date, p=p)  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def _under_no_break(count: int, carried: float) -> Floats:
    return _largest_f(simulated_noise(count, carried, _PATHS), carried)[0]


def _largest_f(values: Floats, carried: float) -> tuple[Floats, NDArray[np.intp]]:
    line, jumps = _bases(values.shape[1], carried)
    differenced = values[:, 1:] - carried * values[:, :-1]
    residuals = differenced - (differenced @ line) @ line.T
    explained = (residuals @ jumps.T) ** 2
    total = (residuals**2).sum(axis=1, keepdims=True)
    # A series that a jump explains wholly would divide by 0.
    left = np.maximum(total - explained, np.finfo(float).eps * total)
    statistics = explained * (differenced.shape[1] - 3) / np.where(left > 0, left, 1.0)
    return statistics.max(axis=1), statistics.argmax(axis=1)


@lru_cache(maxsize=64)
def _bases(count: int, carried: float) -> tuple[Floats, Floats]:
    """Orthonormal columns of constant and trend, and for each month the jump's part at right angles to them."""
    time = np.arange(count, dtype=float)
    line, _ = np.linalg.qr(np.column_stack([np.ones(count - 1), time[1:]]))
    steps = (time >= np.array(_candidates(count))[:, None]).astype(float)
    jumps = steps[:, 1:] - carried * steps[:, :-1]
    jumps -= (jumps @ line) @ line.T
    return line, jumps / np.linalg.norm(jumps, axis=1, keepdims=True)


def _candidates(count: int) -> range:
    return range(int(np.ceil(_TRIMMED * count)), int(np.floor((1 - _TRIMMED) * count)) + 1)
