"""Which segments are rising, more than noise explains, and where are they heading?"""

import math
from collections.abc import Mapping

import pandas as pd

from analysis.errors import Misuse
from analysis.models.breaks import level_break
from analysis.models.forecast import back_test, forecast, later_month_ends
from analysis.models.history import History, histories
from analysis.models.seasonal import is_seasonal, seasonal_strength, seasonally_adjusted
from analysis.models.slope import FEWEST, Slope, slope_per_year
from analysis.rules.loader import load_rules

TREND_MINIMUM = "HOUSE-TREND-MINIMUM"
HORIZON = 3
WINDOW = 24
_TREND_COLUMNS = (
    "months", "latest", "slope", "slope_low", "slope_high", "verdict", "break_date", "break_p",
    "seasonal_strength", "is_seasonal", "naive_error", "model_error", "beats_naive", "note",
)  # fmt: skip
_FORECAST_COLUMNS = ("as_of", "value", "lower", "upper", "model")


def trends(
    measurements: pd.DataFrame,
    *,
    by: str | None = "segment",
    months: int = WINDOW,
    minimum_slope: float | None = None,
) -> pd.DataFrame:
    """The trend of each segment over the latest months, with what its whole history says beside it.

    Where a season is more than noise, line and break are those of the history without it.

    Args:
        measurements: one row is a segment at a month end, as `measured` gives it.
        by: the dimension; None where the rows are of the whole book.
        months: how far back the line goes [months]; at least 12 values are used where they exist.
        minimum_slope: smallest slope worth mentioning [unit of the measure per year]; the house rule
            HOUSE-TREND-MINIMUM if not given.

    Returns:
        one row per segment, ascending: the dimension,
            `months` [months that the line spans], `latest` [unit of the measure],
            `slope`, `slope_low`, `slope_high` [unit of the measure per year; 95 % interval],
            `verdict`: "rising" or "falling" if the interval leaves out 0 and the slope is at least the
                minimum, "noise" if not, "unknown" if there is no estimate or too few loans,
            `break_date` [first month end of a new level; NaT if none], `break_p` [share],
            `seasonal_strength` [0 to 1], `is_seasonal` [bool; whether the season was taken out],
            `naive_error`, `model_error` [unit of the measure], `beats_naive` [bool; None if not tested],
            `note`: "", "too_short" (fewer than 12 values), "constant", "too_small" (too few loans at
                the latest date), or a note of `History`.

    Raises:
        MissingColumns: if a column is missing.
        Misuse: if `months` is not at least 1.
    """
    if months < 1:
        raise Misuse(f"months must be at least 1, was {months!r}; two years are 24.")
    minimum = float(load_rules("house").rule(TREND_MINIMUM).value) if minimum_slope is None else minimum_slope
    small = _too_small(measurements, by)
    rows = [
        {**_key(by, key), **_trend(history, months, minimum, too_small=key in small)}
        for key, history in histories(measurements, by).items()
    ]
    trended = pd.DataFrame(rows, columns=[*_key(by, None), *_TREND_COLUMNS])
    typed = trended.astype(
        {"months": "int64", "beats_naive": object, "is_seasonal": bool, "verdict": "str", "note": "str"}
    )
    typed["break_date"] = pd.to_datetime(typed["break_date"]).astype("datetime64[s]")
    return typed


def forecasts(measurements: pd.DataFrame, *, by: str | None = "segment", horizon: int = HORIZON) -> pd.DataFrame:
    """The next values of each segment: the model's where it has beaten the naive forecast, else the latest value.

    Args:
        measurements: one row is a segment at a month end, as `measured` gives it.
        by: the dimension; None where the rows are of the whole book.
        horizon: how many steps ahead; a step is a month, or a quarter in a quarterly book [count, from 1].

    Returns:
        one row per segment and later month end, ascending: the dimension, `as_of`, `value`, `lower`,
        `upper` [unit of the measure; 95 % interval, NaN where the history is too short or never moved],
        `model` ("drift": changes carry over, or "naive": latest value). A segment whose latest value is
        unknown has no rows.

    Raises:
        MissingColumns: if a column is missing.
        Misuse: if `horizon` is not at least 1.
    """
    if horizon < 1:
        raise Misuse(f"horizon must be at least 1, was {horizon!r}.")
    ahead = [
        _ahead(history, horizon, _key(by, key))
        for key, history in histories(measurements, by).items()
        if history.path.size
    ]
    columns = [*_key(by, None), *_FORECAST_COLUMNS]
    return pd.concat(ahead, ignore_index=True)[columns] if ahead else pd.DataFrame(columns=columns)


def _trend(history: History, months: int, minimum: float, *, too_small: bool) -> Mapping[str, object]:
    unseasonal = seasonally_adjusted(history)
    window = max(months // history.step, FEWEST)
    recent, slope = history.latest(window), slope_per_year(unseasonal.latest(window))
    jump, errors = level_break(unseasonal), back_test(history, HORIZON)
    return {
        "months": recent.path.size * history.step,
        "latest": history.path[-1] if history.path.size else math.nan,
        "slope": slope.slope,
        "slope_low": slope.low,
        "slope_high": slope.high,
        "verdict": "unknown" if too_small else slope.verdict(minimum),
        "break_date": jump.date,
        "break_p": jump.p,
        "seasonal_strength": seasonal_strength(history),
        "is_seasonal": is_seasonal(history),
        "naive_error": errors.naive_error,
        "model_error": errors.model_error,
        "beats_naive": errors.beats_naive,
        "note": "too_small" if too_small else _note(recent, slope),
    }


def _note(recent: History, slope: Slope) -> str:
    if recent.path.size and math.isnan(slope.slope):
        return "too_short"
    return "constant" if recent.is_constant else recent.note


def _ahead(history: History, horizon: int, key: Mapping[str, object]) -> pd.DataFrame:
    ahead = forecast(history, horizon)
    return pd.DataFrame(
        {
            **{name: [value] * horizon for name, value in key.items()},
            "as_of": later_month_ends(history, horizon),
            "value": ahead.path,
            "lower": ahead.lower,
            "upper": ahead.upper,
            "model": ahead.model,
        }
    )


def _too_small(measurements: pd.DataFrame, by: str | None) -> set[object]:
    if "note" not in measurements.columns or measurements.empty:
        return set()
    latest = measurements[measurements["as_of"] == measurements["as_of"].max()]
    small = latest[latest["note"] == "too_small"]
    return set() if small.empty else {None} if by is None else set(small[by])


def _key(by: str | None, key: object) -> dict[str, object]:
    return {} if by is None else {by: key}
