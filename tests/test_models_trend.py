"""Each segment has a verdict on its trend and a forecast, or a reason why not."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.models.forecast import back_test, forecast
from analysis.models.slope import slope_per_year
from analysis.models.trend import TREND_MINIMUM, forecasts, trends
from analysis.rules.loader import load_rules
from series_of_values import measurements, month_ends, noise, series

MONTH = np.arange(36)
WOBBLE = 0.0002 * (-1.0) ** MONTH
BOOK = {
    "rising": list(0.01 + 0.0005 * MONTH + WOBBLE),
    "falling": list(0.04 - 0.0005 * MONTH + WOBBLE),
    "flat": list(0.02 + WOBBLE),
    "jump": list(np.where(MONTH >= 20, 0.03, 0.01) + WOBBLE),
    "clean": [0.0] * 36,
    "lost": [1.0] * 36,
    "young": [0.01, 0.02, 0.03],
    "new": [0.02],
    "unknown": [math.nan] * 36,
}


def trend_of(frame: pd.DataFrame, segment: object) -> pd.Series:
    (row,) = [row for _, row in frame.iterrows() if row["segment"] == segment]
    return row


@pytest.mark.parametrize(
    ("segment", "verdict", "note"),
    [
        ("rising", "rising", ""),
        ("falling", "falling", ""),
        ("flat", "noise", ""),
        ("clean", "noise", "constant"),
        ("lost", "noise", "constant"),
        ("young", "unknown", "too_short"),
        ("new", "unknown", "too_short"),
        ("unknown", "unknown", "no_history"),
    ],
)
def test_every_segment_has_a_verdict_or_a_reason(segment: str, verdict: str, note: str) -> None:
    row = trend_of(trends(measurements(BOOK)), segment)
    assert (row["verdict"], row["note"]) == (verdict, note)


def test_segments_come_in_order_with_the_columns_that_are_promised() -> None:
    found = trends(measurements(BOOK))
    assert list(found["segment"]) == sorted(BOOK)
    assert list(found.columns) == [
        "segment", "months", "latest", "slope", "slope_low", "slope_high", "verdict", "break_date", "break_p",
        "seasonal_strength", "is_seasonal", "naive_error", "model_error", "beats_naive", "note",
    ]  # fmt: skip
    assert found["break_date"].dtype == "datetime64[s]"


def test_the_line_is_that_of_the_latest_two_years() -> None:
    values = [*([0.05] * 12), *BOOK["rising"][:24]]
    row = trend_of(trends(measurements({"late": values})), "late")
    alone = slope_per_year(series(values[-24:]))
    assert row["months"] == 24
    assert (row["slope"], row["slope_low"], row["slope_high"]) == (alone.slope, alone.low, alone.high)
    assert row["latest"] == values[-1]


def test_at_least_a_year_is_read_however_short_the_window() -> None:
    assert trend_of(trends(measurements(BOOK), months=3), "rising")["months"] == 12
    assert trend_of(trends(measurements(BOOK), months=36), "rising")["months"] == 36


def test_a_jump_is_dated_beside_the_trend() -> None:
    found = trends(measurements(BOOK))
    assert trend_of(found, "jump")["break_date"] == month_ends(36)[20]
    assert pd.isna(trend_of(found, "rising")["break_date"])
    assert pd.isna(trend_of(found, "young")["break_date"])


def test_a_trend_too_small_to_mention_is_noise() -> None:
    minimum = float(load_rules("house").rule(TREND_MINIMUM).value)
    steps = {"under": 0.9 * minimum / 12, "over": 1.1 * minimum / 12}
    found = trends(measurements({name: list(0.02 + step * MONTH) for name, step in steps.items()}))
    assert trend_of(found, "under")["verdict"] == "noise"
    assert trend_of(found, "over")["verdict"] == "rising"
    mentioned = trends(measurements({"under": list(0.02 + steps["under"] * MONTH)}), minimum_slope=0.0)
    assert trend_of(mentioned, "under")["verdict"] == "rising"


def test_a_trend_is_read_without_the_season() -> None:
    season = np.tile([-4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, -11], 4) / 1000
    values = 0.02 + season + 0.0002 * np.arange(48) + 0.0002 * (-1.0) ** np.arange(48)
    row = trend_of(trends(measurements({"farm": list(values), "flat": BOOK["flat"]})), "farm")
    assert row["is_seasonal"]
    assert row["seasonal_strength"] > 0.9
    assert row["slope"] == pytest.approx(0.0024, rel=0.1)
    assert row["verdict"] == "rising"
    assert row["latest"] == values[-1]


def test_a_jump_is_dated_without_the_season() -> None:
    season = np.tile([-4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, -11], 5) / 1000
    shocks = 0.0005 * noise(0.0, 60, 1, seed=2)[0]
    row = trend_of(trends(measurements({"farm": list(0.02 + season + shocks + 0.006 * (np.arange(60) >= 25))})), "farm")
    assert row["is_seasonal"]
    assert row["break_date"] == month_ends(60)[25]


def test_a_quarterly_book_is_read_over_years_too() -> None:
    row = trend_of(trends(measurements({"farm": list(0.01 + 0.0005 * np.arange(20))}, step=3)), "farm")
    assert row["months"] == 36  # twelve quarters, the fewest values of a line
    assert row["slope"] == pytest.approx(0.002)
    assert row["verdict"] == "rising"


def test_a_gap_is_said_and_a_closed_segment_is_unknown() -> None:
    rows = measurements({"open": BOOK["rising"], "holed": BOOK["rising"], "closed": BOOK["rising"]})
    when = month_ends(36)
    kept = rows[~((rows["segment"] == "holed") & (rows["as_of"] == when[30]))]
    kept = kept[~((kept["segment"] == "closed") & (kept["as_of"] > when[30]))]
    found = trends(kept)
    assert trend_of(found, "holed")["note"] == "gaps_filled"
    closed = trend_of(found, "closed")
    assert (closed["verdict"], closed["note"], closed["months"]) == ("unknown", "latest_unknown", 0)
    assert math.isnan(closed["latest"])


@pytest.mark.parametrize("name", ["rising", None])
def test_a_segment_of_few_loans_has_no_verdict(name: object) -> None:
    rows = measurements({name: BOOK["rising"], "other": BOOK["rising"]}).assign(note="")
    latest = rows["as_of"] == rows["as_of"].max()
    rows.loc[latest & (rows["segment"] != "other"), "note"] = "too_small"
    found = trends(rows).set_index("note")
    assert found.loc["too_small", "verdict"] == "unknown"
    assert found.loc["", "verdict"] == "rising"


def test_the_whole_book_has_one_row_without_a_dimension() -> None:
    rows = measurements({"all": BOOK["rising"]}).drop(columns="segment").assign(note="too_small")
    found = trends(rows, by=None)
    assert "segment" not in found.columns
    assert found["verdict"].tolist() == ["unknown"]
    assert list(forecasts(rows, by=None).columns) == ["as_of", "value", "lower", "upper", "model"]


def test_no_rows_give_no_trends_and_no_forecasts() -> None:
    none = measurements(BOOK).iloc[:0]
    assert trends(none).empty
    assert forecasts(none).empty
    assert list(forecasts(none).columns) == ["segment", "as_of", "value", "lower", "upper", "model"]


def test_the_back_test_is_over_three_steps() -> None:
    row = trend_of(trends(measurements(BOOK)), "jump")
    errors = back_test(series(BOOK["jump"]), 3)
    assert (row["naive_error"], row["model_error"]) == (errors.naive_error, errors.model_error)
    assert row["beats_naive"] is errors.beats_naive
    assert trend_of(trends(measurements(BOOK)), "young")["beats_naive"] is None


def test_forecasts_are_those_of_each_history() -> None:
    found = forecasts(measurements(BOOK), horizon=2)
    assert sorted(set(found["segment"])) == sorted(set(BOOK) - {"unknown"})
    rising = found[found["segment"] == "rising"]
    ahead = forecast(series(BOOK["rising"]), 2)
    assert rising["value"].tolist() == ahead.path.tolist()
    assert rising["lower"].tolist() == ahead.lower.tolist()
    assert list(rising["as_of"]) == [pd.Timestamp(2024, 1, 31), pd.Timestamp(2024, 2, 29)]
    assert found[found["segment"] == "new"]["lower"].isna().all()


@pytest.mark.parametrize("months", [0, -12])
def test_a_window_of_no_months_is_refused(months: int) -> None:
    with pytest.raises(Misuse, match="months must be at least 1, was"):
        trends(measurements(BOOK), months=months)


def test_a_horizon_of_no_steps_is_refused() -> None:
    with pytest.raises(Misuse, match="horizon must be at least 1, was 0"):
        forecasts(measurements(BOOK), horizon=0)


@pytest.mark.parametrize("wanted", [trends, forecasts])
def test_a_missing_column_is_named(wanted: object) -> None:
    with pytest.raises(MissingColumns, match="measurements lacks 'region'"):
        wanted(measurements(BOOK), by="region")  # type: ignore[operator]


@settings(max_examples=5, deadline=None)
@given(st.randoms())
def test_the_order_of_rows_does_not_matter(random: object) -> None:
    paths = {f"s{i}": list(path) for i, path in enumerate(noise(0.5, 30, 3, seed=1))}
    rows = measurements(paths)
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    pd.testing.assert_frame_equal(trends(rows.iloc[order]), trends(rows))
    pd.testing.assert_frame_equal(forecasts(rows.iloc[order]), forecasts(rows))
