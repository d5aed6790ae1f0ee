"""Quarterly series of the invented economy around the demonstration bank."""

from datetime import timedelta

import numpy as np
import pyarrow as pa

from analysis.book.demo.calendar import Ints, month_end
from analysis.book.demo.columns import rows_frame
from analysis.book.demo.truth import Truth, state_on
from analysis.book.schema import table_schema

_LAG = timedelta(days=18)
_PERSISTENCE = 0.6


def macro_rows(truth: Truth, months: Ints, stream: np.random.SeedSequence) -> pa.Table:
    """One row is a series at a quarter end, with the day it was published."""
    rng = np.random.Generator(np.random.PCG64(stream))
    quarters = [month_end(int(month)) for month in months if (month + 1) % 3 == 0]
    rows = []
    for series, level in truth.macro.items():
        deviation = 0.0
        for day in quarters:
            deviation = _PERSISTENCE * deviation + level["noise"] * rng.standard_normal()
            value = round(level[state_on(truth, day)] + deviation, 4)
            rows.append({"date": day, "series": series, "value": value, "source": "simulated", "vintage": day + _LAG})
    return rows_frame(rows, table_schema("macro"))
