"""What is a segment's history: evenly spaced values, without gaps, up to the latest date?"""

from dataclasses import dataclass
from itertools import pairwise
from math import gcd

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import require_columns

Floats = NDArray[np.float64]
YEAR = 12
# With more of its months missing than this, a history is not filled but starts after its last gap.
_MOST_MISSING = 0.1


@dataclass(frozen=True, kw_only=True)
class History:
    """Evenly spaced values of one segment, none missing, the last one at the latest date.

    Attributes:
        path: values of the measure [its unit]; empty if the latest one is unknown.
        dates: month ends, as many as values.
        step: months between two values [months].
        note: "", "gaps_filled" (a few missing months were interpolated), "gaps" (starts after the last
            gap), "latest_unknown" or "no_history".
    """

    path: Floats
    dates: pd.DatetimeIndex
    step: int
    note: str = ""

    @property
    def per_year(self) -> int:
        """Values in a year [count]."""
        return max(YEAR // self.step, 1)

    @property
    def is_constant(self) -> bool:
        """Whether all values are the same."""
        return self.path.size > 0 and bool(np.ptp(self.path) == 0)

    def latest(self, count: int) -> "History":
        """The same history, its latest values only."""
        return History(path=self.path[-count:], dates=self.dates[-count:], step=self.step, note=self.note)


def histories(measurements: pd.DataFrame, by: str | None = "segment") -> dict[object, History]:
    """The history of each segment, in the order of their names.

    Args:
        measurements: one row is a segment at a month end, with `as_of`, `value` and the dimension.
        by: the dimension; None where the rows are of the whole book, whose key is then None.

    Returns:
        by segment, the history up to the latest date of the frame.

    Raises:
        MissingColumns: if a column is missing.
    """
    require_columns("measurements", {"as_of", "value", *([by] if by else [])}, measurements.columns)
    if measurements.empty:
        return {}
    dates = pd.to_datetime(measurements["as_of"])
    months = dates.dt.year * YEAR + dates.dt.month
    step = _step(sorted(set(months)))
    rows = pd.DataFrame({"month": months, "value": measurements["value"].astype("float64")})
    if by is None:
        return {None: _history(rows, int(months.max()), step)}
    groups = rows.groupby(measurements[by], sort=True, dropna=False)
    return {key: _history(group, int(months.max()), step) for key, group in groups}


def _step(months: list[int]) -> int:
    return gcd(*(later - earlier for earlier, later in pairwise(months))) or 1


def _history(rows: pd.DataFrame, latest: int, step: int) -> History:
    known = rows.dropna(subset="value").set_index("month")["value"]
    if known.empty:
        return _of([], [], step, "no_history")
    if latest not in known.index:
        return _of([], [], step, "latest_unknown")
    months = list(range(int(known.index.min()), latest + 1, step))
    values = known.reindex(months)
    gaps = values.isna().to_numpy(dtype=bool)
    if not gaps.any():
        return _of(months, values, step, "")
    if gaps.mean() <= _MOST_MISSING:
        return _of(months, values.interpolate(), step, "gaps_filled")
    after = int(np.flatnonzero(gaps)[-1]) + 1
    return _of(months[after:], values.iloc[after:], step, "gaps")


def _of(months: list[int], values: "pd.Series[float] | list[float]", step: int, note: str) -> History:
    ends = [pd.Timestamp(year=(m - 1) // YEAR, month=(m - 1) % YEAR + 1, day=1) for m in months]
    dates = pd.DatetimeIndex(ends, dtype="datetime64[s]") + pd.offsets.MonthEnd(0)
    return History(path=np.asarray(values, dtype=float), dates=dates, step=step, note=note)
