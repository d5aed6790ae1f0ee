"""Which month end lies how many months before another, and what fell in between?"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import require_columns


def month_end_before(as_of: date, months: int) -> date:
    """The month end that lies some months before another.

    Args:
        as_of: a month end.
        months: how far back [months, from 0].
    """
    return (pd.Timestamp(as_of) - pd.offsets.MonthEnd(months)).date()


def dated_flows(flows: ir.Table, dates: Sequence[date]) -> ir.Table:
    """Money movements with the period they fall in; those outside all periods are left out.

    Args:
        flows: one row is a dated money movement of a loan.
        dates: month ends of a book, ascending.

    Returns:
        the flows, each with the `opening` and the end `as_of` of its period.

    Raises:
        MissingColumns: if the table lacks a column.
    """
    return flows_within(flows, month_ends(dates))


def flows_within(flows: ir.Table, periods: ir.Table) -> ir.Table:
    """The same for periods that are a table.

    Args:
        flows: one row is a dated money movement of a loan.
        periods: one row is a period, as `month_ends` gives it.

    Raises:
        MissingColumns: if the table lacks a column.
    """
    require_columns("flows", {"loan_id", "date", "kind", "amount"}, flows.columns)
    return flows.inner_join(periods, [flows.date > periods.opening, flows.date <= periods.as_of])


def month_ends(dates: Sequence[date]) -> ir.Table:
    """The periods between month ends, to date events with: one row is a period, `opening` < event <= `as_of`.

    Args:
        dates: month ends of a book, ascending; before the first one lies no period.
    """
    pairs = [{"opening": first, "as_of": last} for first, last in pairwise(dates)]
    periods = pd.DataFrame(pairs, columns=["opening", "as_of"])
    return ibis.memtable(periods, schema={"opening": "date", "as_of": "date"})


def month_numbers(days: ir.DateValue) -> ir.IntegerValue:
    """Number of the month that each day of a column is in, so that differences are months."""
    return (days.year().cast("int64") * 12 + days.month()).cast("int64")
