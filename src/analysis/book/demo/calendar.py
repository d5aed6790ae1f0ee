"""Months as numbers: index 0 is January 1970, days count from 1 January 1970."""

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_EPOCH = date(1970, 1, 1)


def month_index(day: date) -> int:
    """Number of the month a day lies in."""
    return (day.year - 1970) * 12 + day.month - 1


def day_number(day: date) -> int:
    """Number of a day."""
    return (day - _EPOCH).days


def month_end(index: int) -> date:
    """Last day of a month."""
    return _EPOCH + timedelta(days=int(last_day(np.array([index]))[0]))


def first_day(index: Ints) -> Ints:
    """First day of each month [day number]."""
    return np.asarray(index, dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)


def last_day(index: Ints) -> Ints:
    """Last day of each month [day number]."""
    return first_day(np.asarray(index) + 1) - 1


def days_past_due(month: int, behind: Ints, due_day: Ints) -> Ints:
    """Days at a month end since the oldest unpaid instalment fell due.

    Args:
        month: the month that ends.
        behind: instalments missed in a row, the last one in this month [count].
        due_day: day of the month on which instalments fall due, 5 to 25, so that `behind` months
            always give 30 * (behind - 1) + 1 to 30 * behind days for the first seven months.

    Returns:
        [days]; 0 where nothing is missed.
    """
    oldest = first_day(month - np.asarray(behind) + 1) + due_day - 1
    end = last_day(np.array([month]))[0]
    return np.where(np.asarray(behind) > 0, end - oldest, 0)
