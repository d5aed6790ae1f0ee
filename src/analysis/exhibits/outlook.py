"""Is a segment different, is it moving, and where is it heading, beyond what chance would do?"""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pandas as pd

from analysis.exhibits.charts import Ahead
from analysis.exhibits.dots import Mark, Reference, intervals
from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.locale import as_date, change_bp, day, is_known, ratio, share_number, whole_bp
from analysis.exhibits.narrative import title, trend
from analysis.exhibits.palette import Tone
from analysis.exhibits.panels import change_tone, panels
from analysis.exhibits.reading import Reading, SegmentFrames, Standing, Subject, at_date, number
from analysis.exhibits.segments import MAX_PANELS, scope, segment_series
from analysis.terms import Text, same

_VERDICT_TONES: dict[str, tuple[Tone, Tone]] = {"rising": ("worse", "better"), "falling": ("better", "worse")}
_CONTEXT: tuple[Tone, Tone] = ("context", "context")


def segment_trends(reading: Reading) -> Exhibit:
    """The trend of each segment with its interval; grey where it cannot be told from noise."""
    judged = [one for one in reading.segments if is_known(one.slope)]
    caption = Caption(
        id="segment_trends",
        headline=title(trend(reading) or _unjudged(reading)),
        subtitle=Text(
            "趋势斜率，个基点/年，线段为95%区间（HAC）；灰色为与噪声无法区分",
            "Trend, basis points per year, with 95% interval (HAC); grey = cannot be told from noise",
        ),
        source=reading.subject.source,
    )
    marks = [_slope_mark(reading, one) for one in sorted(judged, key=lambda one: -one.slope)]
    return intervals(marks, caption, reference=Reference(value=0.0, label=Text("无变化", "no change")), unit="bp")


def segment_intervals(by_count: pd.DataFrame, total_by_count: pd.DataFrame, subject: Subject) -> Exhibit:
    """Each segment's ratio by number of loans with its interval, against the whole book.

    Args:
        by_count: one row is a segment at a month end, as `measured(…, basis="count")` gives it.
        total_by_count: the same for the whole book.
        subject: the measure.
    """
    rows = [{str(k): v for k, v in row.items()} for row in at_date(by_count, subject.as_of).to_dict("records")]
    whole = number(next(iter(at_date(total_by_count, subject.as_of)["value"]), math.nan))
    marks = [_interval_mark(row, whole, subject) for row in sorted(rows, key=lambda row: -_ordering(row["value"]))]
    caption = Caption(
        id="segment_intervals",
        headline=_intervals_headline(marks, whole, subject),
        subtitle=Text(
            "{measure}，按笔数，%，{when}；线段为95%区间（Wilson），虚线为{whole}",
            "{measure} by number of loans, %, {when}; with 95% interval (Wilson); dashed = {whole}",
        ).format(measure=subject.measure, when=day(subject.as_of), whole=subject.whole),
        source=subject.source,
    )
    name = subject.scope or Text("全部", "All loans")
    label = name + same(f" {ratio(whole)}")
    return intervals(marks, caption, reference=Reference(value=whole, label=label) if is_known(whole) else None)


def segment_forecasts(reading: Reading, frames: SegmentFrames) -> Exhibit:
    """Each segment's path with its forecast, and how forecasts of this kind fared in the past."""
    caption = Caption(
        id="segment_forecasts",
        headline=_forecast_headline(reading, frames),
        subtitle=scope(reading) + Text("；虚线为预测，阴影为区间", "; dashed = forecast, shaded = interval"),
        source=backtest_note(frames.trends),
    )
    shown = [one for one in reading.segments[:MAX_PANELS] if is_known(one.value)]
    recent = replace(frames, history=_recent(frames.history, reading.subject.as_of))
    series = [segment_series(reading, recent, one, ahead=_ahead(frames, one.key)) for one in shown]
    return panels(series, caption, worse=reading.subject.worse)


def backtest_note(trends: pd.DataFrame | None) -> Text:
    """In how many segments the model would have forecast better than repeating the latest value."""
    known = [] if trends is None else [value for value in trends["beats_naive"] if pd.notna(value)]
    if not known:
        return Text("历史过短，未做回测。", "The history is too short for a back-test.")
    return Text(
        "回测：{n}个分部中，有{k}个的模型误差小于朴素预测（以最新值外推）。",
        "Back-test: the model beat the naive forecast (latest value carried forward) in {k} of {n} segments.",
    ).format(n=len(known), k=sum(bool(value) for value in known))


def _unjudged(reading: Reading) -> Text:
    if reading.segments and all(one.note == "too_small" for one in reading.segments):
        return Text("各分部笔数均过少，无法判断趋势", "Too few loans in each segment to judge a trend")
    return Text("历史过短，无法判断趋势", "The history is too short to judge a trend")


def _slope_mark(reading: Reading, one: Standing) -> Mark:
    tones = _VERDICT_TONES.get(one.verdict, _CONTEXT)
    return Mark(
        key=one.key,
        label=one.label,
        value=one.slope,
        lower=one.slope_low,
        upper=one.slope_high,
        text=Text("{n}个基点/年", "{n} a year").format(n=_yearly(one.slope)),
        tone=tones[0] if reading.subject.worse == "up" else tones[1],
    )


def _yearly(slope: float) -> Text:
    words = change_bp(slope)
    return Text(words.zh.removesuffix("bp"), words.en)


def _interval_mark(row: dict[str, object], whole: float, subject: Subject) -> Mark:
    value, lower, upper = (number(row[name]) for name in ("value", "lower", "upper"))
    key = str(row["segment"])
    text = f"{ratio(value)} ({share_number(lower)}–{share_number(upper)})" if is_known(lower) else ratio(value)
    above, below = ("worse", "better") if subject.worse == "up" else ("better", "worse")
    tone: Tone = "context"
    if row.get("note") != "too_small" and is_known(whole):
        tone = above if lower > whole else below if upper < whole else "context"  # type: ignore[assignment]
    return Mark(key=key, label=subject.label(key), value=value, lower=lower, upper=upper, text=same(text), tone=tone)


def _intervals_headline(marks: Sequence[Mark], whole: float, subject: Subject) -> Text:
    known = [mark for mark in marks if is_known(mark.value)]
    above = [mark for mark in known if mark.tone in {"worse", "better"} and mark.lower > whole]
    if not above:
        return Text(
            "没有一个分部明显高于{whole}的{value}", "No segment is clearly above the {value} of {whole}"
        ).format(value=ratio(whole), whole=subject.whole)
    names = Text("、".join(mark.label.zh for mark in above[:3]), ", ".join(mark.label.en for mark in above[:3]))
    return Text(
        "{n}个分部中{k}个明显高于{whole}的{value}，以{names}为首",
        "{k} of {n} segments are clearly above the {value} of {whole}, led by {names}",
    ).format(n=len(known), k=len(above), value=ratio(whole), names=names, whole=subject.whole)


def _forecast_headline(reading: Reading, frames: SegmentFrames) -> Text:
    ends = [(one, steps[-1]) for one in reading.segments if (steps := _ahead(frames, one.key)) and is_known(one.value)]
    if not ends:
        return Text("历史过短，无法预测", "The history is too short to forecast")
    horizon = max(step.as_of for _, step in ends)
    worse = [one for one, step in ends if change_tone(step.value - one.value, reading.subject.worse) == "worse"]
    return Text(
        "预计到{when}，{n}个分部中{k}个变差{c}",
        "By {when}, {k} of {n} segments are forecast to be worse{c}",
    ).format(when=day(horizon), n=len(ends), k=len(worse), c=_clearly(reading, ends))


def _clearly(reading: Reading, ends: Sequence[tuple[Standing, Ahead]]) -> Text:
    if not any(is_known(step.lower) for _, step in ends):
        return Text("；历史过短，没有预测区间", "; the history is too short for intervals")
    clear = sum(_is_clear(one, step, reading) for one, step in ends)
    if not clear:
        return Text("，但没有一个的整个预测区间都比现值差", ", in none is the whole interval worse than today")
    return Text("，其中{n}个的整个预测区间都比现值差", ", in {n} the whole interval is worse than today").format(
        n=clear
    )


def _recent(history: pd.DataFrame, as_of: date) -> pd.DataFrame:
    # Two years: a short forecast is not seen at the end of a long line.
    first = (as_of.year - 2) * 12 + as_of.month
    months = [when.year * 12 + when.month if (when := as_date(day)) else 0 for day in history["as_of"]]
    return history[[month >= first for month in months]]


def _is_clear(one: Standing, step: Ahead, reading: Reading) -> bool:
    if whole_bp(step.value - one.value) == 0:
        return False
    return step.lower > one.value if reading.subject.worse == "up" else step.upper < one.value


def _ordering(value: object) -> float:
    known = number(value)
    return known if is_known(known) else -math.inf


def _ahead(frames: SegmentFrames, key: str) -> tuple[Ahead, ...]:
    if frames.forecasts is None:
        return ()
    rows = frames.forecasts[frames.forecasts["segment"].astype(str) == key].to_dict("records")
    steps = (_step({str(name): value for name, value in row.items()}) for row in rows)
    return tuple(step for step in steps if step is not None)


def _step(row: dict[str, object]) -> Ahead | None:
    when, value = as_date(row["as_of"]), number(row["value"])
    if when is None or not is_known(value):
        return None
    return Ahead(as_of=when, value=value, lower=number(row["lower"]), upper=number(row["upper"]))
