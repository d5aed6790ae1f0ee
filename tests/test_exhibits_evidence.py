"""What is said of trends, breaks and forecasts is what was tested, and the reason is given where nothing could be."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from analysis.exhibits import evidence, outlook, segments
from analysis.exhibits.exhibit import Exhibit
from analysis.exhibits.locale import REASONS
from analysis.exhibits.narrative import summary
from analysis.exhibits.reading import SegmentFrames, reading
from analysis.measures.stock import measured
from analysis.models.history import History
from analysis.models.trend import trends
from frames_of_segments import FLAT, RISING, SMALL, SUBJECT, Past, frames, read
from test_exhibits_segments import visible

TESTED = {"break_date": pd.NaT, "break_p": 0.4, "seasonal_strength": 0.2, "naive_error": 0.001, "model_error": 0.002}
UNTESTED = dict.fromkeys(TESTED, float("nan")) | {"break_date": pd.NaT}


def judged(pasts: dict[str, Past], **columns: object) -> SegmentFrames:
    made = frames(pasts)
    return replace(made, trends=made.trends.assign(**(TESTED | columns)))


def shown(made: SegmentFrames) -> Exhibit:
    return evidence.trend_evidence(reading(made, SUBJECT), made)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "The level broke in none of 2 segments"),
        ({"break_date": [pd.NaT, pd.Timestamp("2025-06-30")]}, "The level broke in 1 of 2 segments: Farming"),
        ({"break_p": [0.4, float("nan")]}, "The level broke in none of 1 segments"),
        (UNTESTED, "No history is long enough to test for a break of level"),
    ],
)
def test_a_break_is_denied_only_where_one_was_looked_for(columns: dict[str, object], said: str) -> None:
    assert said in visible(shown(judged({"retail": RISING, "farm": FLAT}, **columns)).html)


def test_every_row_says_why_a_number_is_missing() -> None:
    html = shown(judged({"retail": RISING}, **UNTESTED)).html
    assert html.count('class="na" title="历史期数不足 / history is too short"') == 4
    assert "nan" not in visible(html).lower()


@pytest.mark.parametrize(
    ("pasts", "said"),
    [
        ({"evil": SMALL}, "Too few loans in each segment to judge a trend"),
        ({"retail": Past(path=(0.01,) * 5, verdict="unknown")}, "The history is too short to judge a trend"),
        (
            {"evil": SMALL, "retail": Past(path=(0.01,) * 5, verdict="unknown")},
            "The history is too short to judge a trend",
        ),
    ],
)
def test_the_reason_for_no_trend_is_the_true_one(pasts: dict[str, Past], said: str) -> None:
    assert said in visible(outlook.segment_trends(read(pasts)).html)


def test_a_forecast_without_intervals_claims_nothing_of_them() -> None:
    made = frames({"retail": RISING})
    bare = replace(made, forecasts=made.forecasts.assign(lower=float("nan"), upper=float("nan")))
    text = visible(outlook.segment_forecasts(reading(bare, SUBJECT), bare).html)
    assert "1 of 1 segments are forecast to be worse; the history is too short for intervals" in text
    assert "whole interval" not in text


def test_a_chart_that_shows_the_largest_segments_only_says_so() -> None:
    many = {f"s{n:02d}": Past(path=RISING.path, size=str(1_000_000_000 - n)) for n in range(14)}
    made = frames(many)
    for exhibit in (segments.segment_panels, outlook.segment_forecasts):
        text = visible(exhibit(reading(made, SUBJECT), made).html)
        assert "the 12 largest of 14 segments" in text
    few = frames({"retail": RISING})
    assert "largest" not in visible(segments.segment_panels(reading(few, SUBJECT), few).html)


def test_an_unknown_answer_holds_the_mark_and_the_reason_that_publishing_asks_for() -> None:
    unknown = summary(read({}, whole=Past(path=(float("nan"),), note="no_denominator")))
    assert '<span class="na" title="分母为零 / denominator is zero">' in unknown.html
    assert 'class="na"' not in summary(read({})).html


def test_every_note_of_measures_and_models_has_its_words() -> None:
    quoted = set(re.findall(r'"([a-z_]+)"', " ".join(str(f.__doc__).split("`note`")[1] for f in (measured, trends))))
    of_history = set(re.findall(r'"([a-z_]+)"', str(History.__doc__)))
    assert len(quoted | of_history) >= 10
    assert quoted | of_history <= set(REASONS)
