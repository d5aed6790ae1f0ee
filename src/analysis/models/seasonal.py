"""How much of a measure's movement comes back every year?"""

import math

import numpy as np
import pandas as pd
from statsmodels.tsa.seasonal import STL

from analysis.models.history import History

YEARS = 2


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
    period = history.per_year
    if period < YEARS or history.path.size < YEARS * period:
        return pd.DataFrame(columns=columns)
    # A smoothing span far longer than the history makes the season periodic.
    parts = STL(history.path, period=period, seasonal=10 * history.path.size + 1).fit()
    rows = (history.dates, history.path, parts.trend, parts.seasonal, parts.resid)
    return pd.DataFrame(dict(zip(columns, rows, strict=True)))


def seasonal_strength(history: History) -> float:
    """Share of the movement around the trend that is seasonal [0 to 1]; NaN if too short or never moving.

    Two years of plain noise reach about a half, because twelve monthly means fit it well: read it with
    the length of the history.

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
