"""Where are non-performing loans rising, and is it more than noise? The exhibits of the segment page."""

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import pandas as pd

from analysis.exhibits.cards import Card, Remark, cards
from analysis.exhibits.charts import Ahead, Series
from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.locale import (
    as_date,
    change_bp,
    change_money,
    count,
    day,
    is_known,
    money_scale,
    period,
    points,
    ratio,
    reason,
    share_number,
    short_period,
)
from analysis.exhibits.narrative import on_prior, shown_value
from analysis.exhibits.palette import Tone
from analysis.exhibits.panels import change_tone, panels
from analysis.exhibits.reading import (
    POINT_MEASURES,
    Reading,
    SegmentFrames,
    Standing,
    Subject,
    number,
)
from analysis.exhibits.sparkline import sparkline
from analysis.exhibits.tables import Cell, Column, Row, number_cell, status_cell, table, text_cell
from analysis.terms import Text, same

Unit = Literal["share", "money", "count"]
MAX_PANELS = 12
_QUARTERS_SHOWN = 12
_MONTHS = 12


def headline(items: Sequence[Card]) -> Exhibit:
    """The key numbers of the whole book."""
    return cards(items, id="headline")


def indicator(subject: Subject, history: pd.DataFrame, comparison: pd.DataFrame, *, unit: Unit = "share") -> Card:
    """The card of one measure of the whole book.

    Args:
        subject: the measure.
        history: one row is a month end, as `measured(states, name, by=())` gives it.
        comparison: one row, as `comparison` gives it for the same frame.
        unit: what the measure is counted in.
    """
    row = {str(k): v for record in comparison.to_dict("records")[:1] for k, v in record.items()}
    value = number(row.get("value"))
    shown, unit_name = _valued(subject, value, unit)
    return Card(
        key=subject.name,
        label=subject.measure,
        value=shown,
        unit=unit_name,
        number=value if is_known(value) else None,
        remarks=_remarks(subject, row, unit),
        status=str(row.get("status") or "none"),
        history=tuple(_quarter_ends(history, subject.as_of).values()),
        definition=subject.definition,
        note=str(row.get("note") or ""),
    )


def segment_panels(reading: Reading, frames: SegmentFrames) -> Exhibit:
    """Each segment's path on one scale, those that worsened most over the year first."""
    caption = Caption(
        id="segment_panels",
        headline=panels_headline(reading),
        subtitle=scope(reading)
        + Text(
            "；灰线为其他分部，橙色为变差，青色为变好",
            "; grey = other segments, orange = worse, teal = better",
        ),
        source=reading.subject.source,
    )
    shown = sorted(reading.segments[:MAX_PANELS], key=lambda one: -_badness(reading, one))
    return panels([segment_series(reading, frames, one) for one in shown], caption, worse=reading.subject.worse)


def panels_headline(reading: Reading) -> Text:
    """In how many segments the measure got worse over the year, and where most."""
    known = [one for one in reading.segments if one.is_readable and is_known(one.change_year)]
    measure = reading.subject.measure
    if not any(one.is_readable for one in reading.segments):
        return Text("各分部{measure}：没有可解读的分部", "{measure} by segment: none can be read").format(
            measure=measure
        )
    if not known:
        too_short = Text("各分部{measure}：历史不足一年", "{measure} by segment: less than a year of history")
        return too_short.format(measure=measure)
    worse = [one for one in known if change_tone(one.change_year, reading.subject.worse) == "worse"]
    if not worse:
        return Text(
            "{n}个分部的{measure}较上年同期均未恶化",
            "{measure} worsened over the year in none of {n} segments",
        ).format(measure=measure, n=len(known))
    most = max(worse, key=lambda one: (_badness(reading, one), one.key))
    return Text(
        "{n}个分部中{k}个的{measure}较上年同期恶化，{name}最甚",
        "{measure} worsened over the year in {k} of {n} segments, most in {name}",
    ).format(measure=measure, n=len(known), k=len(worse), name=most.label)


def segment_table(reading: Reading, frames: SegmentFrames) -> Exhibit:
    """All segments with size, ratio, changes, path and standing; the largest first, then the total."""
    subject = reading.subject
    caption = Caption(
        id="segment_table",
        headline=_table_headline(reading),
        subtitle=_table_subtitle(reading),
        source=subject.source,
    )
    rows = [_row(reading, one, _history_of(frames, one.key)) for one in reading.segments]
    total = _row(reading, reading.total, frames.total)
    return table(rows, _columns(reading), caption, total=total, rest=lambda hidden: _rest(reading, len(hidden)))


def _valued(subject: Subject, value: float, unit: Unit) -> tuple[Text, Text]:
    if unit == "money":
        scale = money_scale(value, subject.currency)
        return scale.shows(value), scale.unit
    if unit == "count":
        return same(count(value)), Text("笔", "loans")
    return same(share_number(value, _decimals(subject))), same("%")


def _remarks(subject: Subject, row: dict[str, object], unit: Unit) -> tuple[Remark, ...]:
    pairs = (("change", on_prior(subject)), ("change_year", Text("较上年同期", "vs prior year")))
    changes = [
        Remark(
            value=change_text(subject, number(row.get(name)), unit),
            against=words,
            tone=_remark_tone(subject, number(row.get(name)), unit),
        )
        for name, words in pairs
        if is_known(number(row.get(name)))
    ]
    limit = number(row.get("breach"))
    held = (
        [Remark(value=same(ratio(limit, _decimals(subject))), against=Text("限额", "limit"))] if is_known(limit) else []
    )
    return (*(changes or [Remark(value=_no_change(row), against=same(""))]), *held)


def _no_change(row: dict[str, object]) -> Text:
    if is_known(number(row.get("value"))):
        return Text("无可比前期", "No earlier period to compare")
    return reason(str(row.get("note") or ""))


def _decimals(subject: Subject) -> int:
    return 1 if subject.name in POINT_MEASURES else 2


def _remark_tone(subject: Subject, change: float, unit: Unit) -> Tone | None:
    decimals = 0 if unit == "count" else 3 if subject.name in POINT_MEASURES else 4
    if not round(change, decimals):
        return None
    return "worse" if (change > 0) == (subject.worse == "up") else "better"


def change_text(subject: Subject, change: float, unit: Unit = "share") -> Text:
    """A change of a measure with its sign and unit."""
    if unit == "money":
        return change_money(change, subject.currency)
    if unit == "count":
        return same(("+" if change > 0 else "") + count(change))
    return points(change) if subject.name in POINT_MEASURES else change_bp(change)


def scope(reading: Reading) -> Text:
    """The small line of panels: measure, unit, basis, date, and whether segments are left out."""
    basis = Text("按笔数", "by number of loans") if reading.subject.basis == "count" else Text("按余额", "by balance")
    said = Text("{measure}，%，{basis}，截至{when}", "{measure}, %, {basis}, to {when}").format(
        measure=reading.subject.measure, basis=basis, when=day(reading.subject.as_of)
    )
    left_out = Text("；{n}个分部中规模最大的{k}个", "; the {k} largest of {n} segments")
    segments = len(reading.segments)
    return said + left_out.format(k=MAX_PANELS, n=segments) if segments > MAX_PANELS else said


def _badness(reading: Reading, one: Standing) -> float:
    change = one.change_year if is_known(one.change_year) else one.change
    return -math.inf if not is_known(change) else change if reading.subject.worse == "up" else -change


def segment_series(reading: Reading, frames: SegmentFrames, one: Standing, *, ahead: tuple[Ahead, ...] = ()) -> Series:
    """A segment's path up to the reporting date, with its change in words."""
    rows = _history_of(frames, one.key)
    dated = [(when, number(value)) for when, value in zip(map(as_date, rows["as_of"]), rows["value"], strict=True)]
    known = sorted((when, value) for when, value in dated if when is not None and when <= reading.subject.as_of)
    change, words = _change_shown(reading, one)
    moved = words + change_text(reading.subject, change) if is_known(change) else None
    return Series(
        key=one.key,
        label=one.label,
        dates=tuple(when for when, _ in known),
        values=tuple(value for _, value in known),
        change=change,
        change_label=moved,
        ahead=ahead,
    )


def _change_shown(reading: Reading, one: Standing) -> tuple[float, Text]:
    if is_known(one.change_year):
        return one.change_year, Text("同比 ", "YoY ")
    return one.change, _nearer(reading.subject) + same(" ")


def _nearer(subject: Subject) -> Text:
    if subject.compare_to is None or subject.is_quarterly:
        return Text("环比", "QoQ")
    return Text("较", "vs ") + same(short_period(subject.compare_to))


def _history_of(frames: SegmentFrames, key: str) -> pd.DataFrame:
    return frames.history[frames.history["segment"].astype(str) == key]


def _quarter_ends(history: pd.DataFrame, as_of: date) -> dict[date, float]:
    # Steps of three months back from the reporting date, so that month-end books read by the quarter.
    dated = {as_date(when): number(value) for when, value in zip(history["as_of"], history["value"], strict=True)}
    by_month = {(when.year * _MONTHS + when.month): value for when, value in dated.items() if when}
    months = [as_of.year * _MONTHS + as_of.month - 3 * step for step in range(_QUARTERS_SHOWN - 1, -1, -1)]
    found = [month for month in months if month in by_month]
    kept = [month for month in months if found and month >= found[0]]
    return {date((month - 1) // _MONTHS, (month - 1) % _MONTHS + 1, 1): by_month.get(month, math.nan) for month in kept}


def _columns(reading: Reading) -> list[Column]:
    by_count = reading.subject.basis == "count"
    sizes = (
        (Text("贷款笔数", "Loans"), Text("不良笔数", "NPLs"))
        if by_count
        else (Text("贷款余额", "Loans"), Text("不良余额", "NPLs"))
    )
    columns = [
        Column(key="segment", label=Text("分部", "Segment"), align="text"),
        Column(key="denominator", label=sizes[0]),
        Column(key="numerator", label=sizes[1]),
        Column(key="value", label=reading.subject.measure),
        Column(key="change", label=_nearer(reading.subject)),
        Column(key="change_year", label=Text("同比", "YoY")),
        Column(key="path", label=Text("近12个季度", "12 quarters"), align="mark"),
    ]
    if any(is_known(one.coverage) for one in reading.segments):
        columns.append(Column(key="coverage", label=Text("拨备覆盖率", "Coverage")))
    if any(one.status != "none" for one in reading.segments):
        columns.append(Column(key="status", label=Text("状态", "Status"), align="mark"))
    return columns


def _row(reading: Reading, one: Standing, history: pd.DataFrame) -> Row:
    tone = change_tone(_change_shown(reading, one)[0], reading.subject.worse)
    path = list(_quarter_ends(history, reading.subject.as_of).values())
    return {
        "segment": text_cell(one.label),
        "denominator": _size_cell(reading, one.denominator),
        "numerator": _size_cell(reading, one.numerator),
        "value": number_cell(one.value, shown_value(reading, one.value), strong=True, note=one.note),
        "change": _change_cell(reading, one.change),
        "change_year": _change_cell(reading, one.change_year),
        "path": Cell(html=sparkline(path, tone=tone)),
        "coverage": number_cell(one.coverage, ratio(one.coverage, 0), note="no_denominator"),
        "status": status_cell(one.status),
    }


def _rest(reading: Reading, hidden: int) -> Row:
    others = reading.segments[len(reading.segments) - hidden :]
    size = sum(one.denominator for one in others if is_known(one.denominator))
    bad = sum(one.numerator for one in others if is_known(one.numerator))
    value = bad / size if size else math.nan
    return {
        "segment": text_cell(Text("其余{n}个分部", "{n} other segments").format(n=hidden)),
        "denominator": _size_cell(reading, size),
        "numerator": _size_cell(reading, bad),
        "value": number_cell(value, shown_value(reading, value), strong=True, note="no_denominator"),
    }


def _size_cell(reading: Reading, amount: float) -> Cell:
    if reading.subject.basis == "count":
        return number_cell(amount, count(amount), note="not_recorded")
    scale = money_scale(_typical(reading), reading.subject.currency)
    return number_cell(amount, scale.shows(Decimal(str(amount)) if is_known(amount) else None), note="not_recorded")


def _typical(reading: Reading) -> float:
    known = sorted(one.numerator for one in reading.segments if is_known(one.numerator) and one.numerator > 0)
    return known[len(known) // 2] if known else reading.total.denominator


def _change_cell(reading: Reading, change: float) -> Cell:
    tone = change_tone(change, reading.subject.worse)
    return number_cell(change, change_text(reading.subject, change), tone=tone, note="no_history")


def _table_headline(reading: Reading) -> Text:
    over, near = len(reading.with_status("breach")), len(reading.with_status("watch"))
    readable = [one for one in reading.segments if one.is_readable]
    if over or near:
        words = Text("{k}个分部超限，{n}个需关注", "Segments in breach of the limit: {k}; to watch: {n}")
        return words.format(k=over, n=near)
    if not readable:
        return Text("没有可解读的分部", "There is no segment to read")
    highest = max(readable, key=lambda one: (one.value, one.key))
    return Text("{measure}最高的是{name}（{value}）", "{measure} is highest in {name} ({value})").format(
        measure=reading.subject.measure, name=highest.label, value=shown_value(reading, highest.value)
    )


def _table_subtitle(reading: Reading) -> Text:
    when = period(reading.subject.as_of)
    if reading.subject.basis == "count":
        return Text("{when}；笔数", "{when}; numbers of loans").format(when=when)
    unit = money_scale(_typical(reading), reading.subject.currency).unit
    return Text("{when}；金额单位：{unit}", "{when}; amounts in {unit}").format(when=when, unit=unit)
