"""How did each segment move, on one scale, against all the others?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from matplotlib.axes import Axes

from analysis.exhibits.charts import NORMAL, SMALL, Series, date_ticks, quarterly, share_span, share_ticks
from analysis.exhibits.exhibit import Caption, Exhibit, Metric, boxed
from analysis.exhibits.locale import UNKNOWN, is_known, ratio, share_number, short_period, whole_bp
from analysis.exhibits.palette import Tone, colour, tone_colour
from analysis.exhibits.svg import Size, image, label, painted, place, room
from analysis.exhibits.tables import data_table
from analysis.terms import Text, same

WIDE: Size = (280, 132)
NARROW: Size = (158, 112)
_PERIODS_IN_TABLE = 13
_SPAN_FOR_FIRST = 0.35  # of the width: a shorter line has no room for its first value beside the last
_TONE_CLASSES = {"worse": "up", "better": "dn"}


@dataclass(frozen=True)
class Frame:
    """What all panels of a chart share: start of ids, size, span of time and of values, room for the last value."""

    key: str
    size: Size
    days: tuple[int, int]
    span: tuple[float, float]
    right: float


def panels(series: Sequence[Series], caption: Caption, *, worse: str = "up") -> Exhibit:
    """Small pictures, one per segment, on one vertical scale; the other segments in grey.

    Args:
        series: one per panel, in the order they are shown.
        caption: finding, small line, source.
        worse: the direction of change that is bad, "up" or "down".

    Returns:
        a chart whose metrics are each segment's latest value and change [share].
    """
    drawn = "".join(_variant(series, caption, name, worse) for name in ("w", "n"))
    body = f"{drawn}{data_table(*_data(series), caption.headline)}"
    return Exhibit(id=caption.id, kind="chart", html=boxed(caption, body), metrics=_metrics(series))


def change_tone(change: float, worse: str = "up") -> Tone:
    """Whether a change is worse, better, or too small to show as either."""
    moved = whole_bp(change)
    if not moved:
        return "neutral"
    return "worse" if (moved > 0) == (worse == "up") else "better"


def _variant(series: Sequence[Series], caption: Caption, name: str, worse: str) -> str:
    frame = _frame(series, f"{caption.id}-{name}", WIDE if name == "w" else NARROW)
    shared = painted(lambda axes: _paint_shared(axes, frame, series), size=frame.size, prefix=frame.key)
    box = f"0 0 {frame.size[0]:g} {frame.size[1]:g}"
    key = escape(frame.key, quote=True)
    symbol = f'<svg class="defs" aria-hidden="true"><symbol id="{key}-s" viewBox="{box}">{shared}</symbol></svg>'
    shown = "".join(_panel(one, frame, number, worse) for number, one in enumerate(series))
    return f'<div class="ch {name}">{symbol}<div class="panels">{shown}</div></div>'


def _panel(one: Series, frame: Frame, number: int, worse: str) -> str:
    tone, key = change_tone(one.change, worse), f"{frame.key}{number}"
    own = painted(lambda axes: _paint_own(axes, frame, one, tone), size=frame.size, prefix=key)
    base = escape(frame.key, quote=True)
    drawn = f'<use href="#{base}-s" width="{frame.size[0]:g}" height="{frame.size[1]:g}"/>{own}'
    change = one.change_label
    moved = f' <span class="chg {_TONE_CLASSES.get(tone, "flat")}">{change.html()}</span>' if change else ""
    picture = image(drawn, size=frame.size, prefix=key, words=(one.label, _description(one)))
    return (
        f'<div class="panel" data-seg="{escape(one.key, quote=True)}"><b>{one.label.html()}{moved}</b>{picture}</div>'
    )


def _frame(series: Sequence[Series], key: str, size: Size) -> Frame:
    days = [day.toordinal() for one in series for day in (*one.dates, *(ahead.as_of for ahead in one.ahead))]
    values = [value for one in series for value in one.values]
    bounds = [bound for one in series for ahead in one.ahead for bound in (ahead.lower, ahead.upper)]
    last = [share_number(_latest(one)[1]) for one in series]
    right = room(last, NORMAL + 1, 700) + 8
    span = share_span(values + _trimmed(bounds, values))
    return Frame(key, size, (min(days, default=0), max(days, default=1)), span, right)


def _trimmed(bounds: list[float], values: list[float]) -> list[float]:
    # One wild interval must not flatten every panel: beyond twice the highest value a band is cut off.
    known = [value for value in values if is_known(value)]
    top = 2 * max(known, default=0.0)
    return [min(max(bound, 0.0), top) for bound in bounds if is_known(bound)]


def _set_up(axes: Axes, frame: Frame) -> None:
    place(axes, frame.size, margins=(24, frame.right, 16, 20))
    first, last = frame.days
    pad = max((last - first) * 0.02, 1)
    axes.set_xlim(first - pad, last + pad)
    axes.set_ylim(*frame.span)


def _paint_shared(axes: Axes, frame: Frame, series: Sequence[Series]) -> None:
    _set_up(axes, frame)
    axes.set_yticks(*share_ticks(*frame.span, at_most=3))
    axes.set_xticks(*date_ticks([day for one in series for day in one.dates], 3 if frame.size == WIDE else 2))
    axes.tick_params(labelsize=SMALL - 0.5, pad=3)
    axes.tick_params(axis="x", pad=6)
    axes.grid(axis="y")
    for one in series if len(series) > 1 else ():
        axes.plot(*quarterly(one.dates, one.values), color=colour("context"), lw=0.8)


def _paint_own(axes: Axes, frame: Frame, one: Series, tone: Tone) -> None:
    _set_up(axes, frame)
    axes.set_axis_off()
    ink = tone_colour(tone)
    places = [day.toordinal() for day in one.dates]
    thin = places, list(one.values)
    if frame.size == NARROW:
        thin = quarterly(one.dates, one.values)
    axes.plot(*thin, color=ink, lw=2)
    known = [(spot, value) for spot, value in zip(places, one.values, strict=True) if is_known(value)]
    if not known:
        middle = (frame.days[0] + frame.days[1]) / 2
        label(
            axes,
            (middle, sum(frame.span) / 2),
            Text("没有数据", "no data"),
            role="muted",
            size=SMALL,
            ha="center",
        )
        return
    axes.plot(*known[-1], "o", color=ink, ms=6, mew=0)
    if len(known) > 1:
        axes.plot(*known[0], "o", color=ink, ms=3.5, mew=0)
    if known[-1][0] - known[0][0] > _SPAN_FOR_FIRST * (frame.days[1] - frame.days[0]):
        label(axes, known[0], share_number(known[0][1]), role="muted", size=SMALL - 0.5, dy=6, dx=-2)
    role = {"worse": "worse", "better": "better"}.get(tone, "accent")
    _paint_ahead(axes, frame, one, known[-1], role)


def _paint_ahead(axes: Axes, frame: Frame, one: Series, latest: tuple[int, float], role: str) -> None:
    strong = {"role": role, "size": NORMAL + 1, "weight": 700}
    if not one.ahead:
        label(axes, latest, share_number(latest[1]), dx=7, dy=-4.5, **strong)
        return
    days = [latest[0], *(ahead.as_of.toordinal() for ahead in one.ahead)]
    ceiling = frame.span[1]
    lower = [latest[1], *(max(ahead.lower, frame.span[0]) for ahead in one.ahead)]
    upper = [latest[1], *(min(ahead.upper, ceiling) for ahead in one.ahead)]
    axes.fill_between(days, lower, upper, color=colour(role), alpha=0.16, lw=0)
    axes.plot(days, [latest[1], *(ahead.value for ahead in one.ahead)], color=colour(role), lw=1.6, ls=(0, (3, 2)))
    label(axes, latest, share_number(latest[1]), dy=8, dx=3, ha="right", **strong)
    end = one.ahead[-1]
    label(axes, (days[-1], end.value), share_number(end.value), dx=4, dy=-4, role="muted", size=SMALL)


def _latest(one: Series) -> tuple[date | None, float]:
    known = [(day, value) for day, value in zip(one.dates, one.values, strict=True) if is_known(value)]
    return known[-1] if known else (None, math.nan)


def _description(one: Series) -> Text:
    day, value = _latest(one)
    if day is None:
        return Text("没有数据", "no data")
    moved = one.change_label or same("")
    return Text("最新{value}（{day}）{moved}", "Latest {value} ({day}) {moved}").format(
        value=ratio(value), day=short_period(day), moved=moved
    )


def _data(series: Sequence[Series]) -> tuple[list[Text], list[tuple[Text, list[str]]]]:
    days = sorted({day for one in series for day in one.dates})
    kept = sorted({days[i] for i in range(len(days) - 1, -1, -3 if len(days) > 2 * _PERIODS_IN_TABLE else -1)})
    kept = kept[-_PERIODS_IN_TABLE:]
    known = [dict(zip(one.dates, one.values, strict=True)) for one in series]
    ahead = sorted({step.as_of for one in series for step in one.ahead})
    head = [Text("分部", "Segment"), *(same(short_period(day)) for day in kept)]
    head += [Text(f"{short_period(day)}（预测）", f"{short_period(day)} forecast") for day in ahead]
    rows = [
        (one.label, [ratio(values.get(day)) for day in kept] + [_forecast(one, day) for day in ahead])
        for one, values in zip(series, known, strict=True)
    ]
    return head, rows


def _forecast(one: Series, day: date) -> str:
    steps = [step for step in one.ahead if step.as_of == day]
    if not steps:
        return UNKNOWN
    return f"{ratio(steps[0].value)} ({share_number(steps[0].lower)}–{share_number(steps[0].upper)})"


def _metrics(series: Sequence[Series]) -> dict[str, Metric]:
    latest: dict[str, Metric] = {f"{one.key}.latest": _latest(one)[1] for one in series}
    return latest | {f"{one.key}.change": one.change for one in series}
