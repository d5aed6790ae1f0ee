"""What changed since last quarter and last year, and is a limit broken?"""

import math
from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from analysis.book.profile import Limit
from analysis.errors import Misuse, require_columns
from analysis.measures.periods import month_end_before

QUARTER, YEAR = 3, 12
_MEASURED = ("as_of", "value", "numerator", "denominator", "loans", "lower", "upper", "note")
_NEEDED = ("as_of", "value", "loans", "note")
_COMPARED = (
    "value", "prior", "change", "prior_year", "change_year", "watch", "breach", "status", "loans", "note",
)  # fmt: skip


def comparison(
    measurements: pd.DataFrame,
    *,
    as_of: date,
    limit: Limit | None = None,
    worse: Literal["up", "down"] = "up",
    compare_to: date | None = None,
) -> pd.DataFrame:
    """Each group at the reporting date against the prior period, the prior year and its limit.

    Args:
        measurements: one row is a group at a month end, as `stock.measured` gives it.
        as_of: reporting date, a month end.
        limit: house limit of the measure; a value at a limit has reached it.
        worse: direction that is bad; "down" where a limit is a floor, as for coverage.
        compare_to: month end of the prior period; three months before if not given.

    Returns:
        one row per group that has loans at one of the three dates, ascending (one row for the whole
        book): the dimensions, `value`, `prior`, `change`, `prior_year`, `change_year` [unit of the
        measure; NaN if unknown], `watch`, `breach` [same; NaN without a limit], `status` ("ok", "watch",
        "breach"; "none" without a limit or a value), `loans`, `note` ("no_loans" where the group has none
        at the reporting date).

    Raises:
        MissingColumns: if a column is missing.
        Misuse: if a date is not a month end or not before the other, or the limits are in the wrong order.
    """
    require_columns("measurements", _NEEDED, measurements.columns)
    _check(as_of, limit, worse, compare_to)
    by = [str(column) for column in measurements.columns if column not in _MEASURED]
    prior = compare_to or month_end_before(as_of, QUARTER)
    rows = _at(measurements, as_of, by, "value")
    for column, day in (("prior", prior), ("prior_year", month_end_before(as_of, YEAR))):
        then = _at(measurements, day, by, column)[[*by, column]]
        rows = rows.merge(then, on=by, how="outer") if by else rows.join(then, how="outer")
    if not by and rows.empty:
        rows = rows.reindex([0])
    return _judged(rows, by, limit, worse)


def status(value: float, limit: Limit | None, worse: Literal["up", "down"] = "up") -> str:
    """How a value stands against its limit: "ok", "watch" or "breach"; "none" if one of them is not there.

    Args:
        value: of the measure [its unit]; NaN if unknown.
        limit: house limit [same unit].
        worse: direction that is bad.
    """
    if limit is None or math.isnan(value):
        return "none"
    sign = 1 if worse == "up" else -1
    if sign * value >= sign * limit.breach:
        return "breach"
    return "watch" if sign * value >= sign * limit.watch else "ok"


def _check(as_of: date, limit: Limit | None, worse: str, compare_to: date | None) -> None:
    for name, day in (("as_of", as_of), ("compare_to", compare_to or month_end_before(as_of, QUARTER))):
        if not pd.Timestamp(day).is_month_end:
            raise Misuse(f"{name} must be a month end, was {day}.")
    if compare_to is not None and compare_to >= as_of:
        raise Misuse(f"compare_to must be before {as_of}, was {compare_to}.")
    if worse not in {"up", "down"}:
        raise Misuse(f"worse must be up or down, was {worse!r}.")
    if limit is not None and (limit.breach - limit.watch) * (1 if worse == "up" else -1) < 0:
        raise Misuse(f"watch must come before breach when worse is {worse}, was {limit.watch} and {limit.breach}.")


def _at(measurements: pd.DataFrame, day: date, by: Sequence[str], column: str) -> pd.DataFrame:
    found = measurements[pd.to_datetime(measurements["as_of"]) == pd.Timestamp(day)]
    return found[[*by, "value", "loans", "note"]].rename(columns={"value": column}).reset_index(drop=True)


def _judged(rows: pd.DataFrame, by: Sequence[str], limit: Limit | None, worse: Literal["up", "down"]) -> pd.DataFrame:
    values = rows["value"].astype("float64")
    absent = rows["loans"].isna() | (rows["loans"] == 0).fillna(value=False)
    judged = rows.assign(
        value=values,
        prior=rows["prior"].astype("float64"),
        prior_year=rows["prior_year"].astype("float64"),
        change=values - rows["prior"].astype("float64"),
        change_year=values - rows["prior_year"].astype("float64"),
        watch=np.nan if limit is None else limit.watch,
        breach=np.nan if limit is None else limit.breach,
        status=[status(value, limit, worse) for value in values],
        loans=rows["loans"].fillna(0).astype("int64"),
        note=rows["note"].astype(object).mask(absent, "no_loans"),
    )
    ordered = judged.sort_values(list(by), na_position="last", ignore_index=True) if by else judged
    return ordered[[*by, *_COMPARED]].reset_index(drop=True)
