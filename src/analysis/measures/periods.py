"""Which month end lies how many months before another?"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import ibis
import ibis.expr.types as ir
import pandas as pd


def month_end_before(as_of: date, months: int) -> date:
    """The month end that lies some months before another.

    Args:
        as_of: a month end.
        months: how far back [months, from 0].
    """
    return (pd.Timestamp(as_of) - pd.offsets.MonthEnd(months)).date()


def month_ends(dates: Sequence[date]) -> ir.Table:
    """The periods between month ends, to date events with: one row is a period, `opening` < event <= `as_of`.

    Args:
        dates: month ends of a book, ascending; before the first one lies no period.
    """
    pairs = [{"opening": first, "as_of": last} for first, last in pairwise(dates)]
    periods = pd.DataFrame(pairs, columns=["opening", "as_of"])
    return ibis.memtable(periods, schema={"opening": "date", "as_of": "date"})
