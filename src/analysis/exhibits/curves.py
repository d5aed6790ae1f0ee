"""How does a share grow with the months since something happened? Curves on one picture, named at their ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes

from analysis.exhibits.charts import NARROW_WIDTH, NORMAL, SMALL, WIDE_WIDTH, chart, empty, share_span, share_ticks
from analysis.exhibits.exhibit import Caption, Exhibit, Metric
from analysis.exhibits.lines import spread
from analysis.exhibits.locale import is_known, ratio, share_number
from analysis.exhibits.palette import colour
from analysis.exhibits.svg import Size, label, place, room
from analysis.exhibits.tables import data_table
from analysis.terms import Text, same

Role = Literal["accent", "worse", "better", "total", "context"]
_HEIGHT = 270
_MOST_NAMED = {WIDE_WIDTH: 12, NARROW_WIDTH: 4}
_NAME_ROOM = 34.0  # width of a short name [pixels]
_ROW_STEP = 3  # months between rows of the data table
_SHORT = 12  # months up to which every month has its row
_LINE = 13.0
_MONTH = Text("月", "Month")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A share by months; the last months may be projected.

    Attributes:
        key: code of the curve.
        label: its name, written at its end.
        months: ascending [months].
        values: [share]; NaN where unknown.
        lower, upper: bounds of each value [share]; NaN where there are none; empty if there are none at all.
        projected: how many of the last months are a projection.
        role: its colour; context for those that are only background.
    """

    key: str
    label: Text
    months: tuple[int, ...]
    values: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    projected: int = 0
    role: Role = "context"

    @property
    def known(self) -> list[tuple[int, float]]:
        """Months with a value that is not projected."""
        seen = len(self.months) - self.projected
        pairs = zip(self.months[:seen], self.values[:seen], strict=True)
        return [(month, value) for month, value in pairs if is_known(value)]

    @property
    def end(self) -> tuple[int, float]:
        """The last place that is drawn."""
        return [(m, v) for m, v in zip(self.months, self.values, strict=True) if is_known(v)][-1]

    @property
    def bounds(self) -> list[tuple[int, float, float]]:
        """Months with both bounds."""
        rows = zip(self.months, self.lower, self.upper, strict=True) if self.lower else ()
        return [(month, low, high) for month, low, high in rows if is_known(low) and is_known(high)]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What the places of a chart of curves are.

    Attributes:
        label: written under the axis.
        first: heading of the table's first column.
        steps: distances that ticks may have.
        rows: places that the data table shows; by quarters if empty.
    """

    label: Text
    first: Text = _MONTH
    steps: tuple[int, ...] = (1, 3, 6, 12, 24, 36, 60)
    rows: tuple[int, ...] = ()


def curves(drawn: Sequence[Curve], caption: Caption, axis: Axis) -> Exhibit:
    """Curves by months, those in colour over those in grey, bands shaded, projections dashed.

    Args:
        drawn: in the order of their table, the most important first.
        caption: finding, small line, source.
        axis: what is counted along it.

    Returns:
        a chart whose metrics are each curve's last value that is not projected and its month, and its projected
        end [share, months]; without a known value only the caption, which then says why.
    """
    known = [curve for curve in drawn if curve.known]
    if not known:
        return empty(caption)
    sizes: tuple[Size, Size] = ((WIDE_WIDTH, _HEIGHT), (NARROW_WIDTH, _HEIGHT))

    def paint(axes: Axes, size: Size) -> None:
        _set_up(axes, known, size, axis)
        for curve in reversed(known):
            _paint(axes, curve)
        _name(axes, known, size)

    return chart(paint, caption, sizes=sizes, data=_data(known, axis, caption), metrics=_metrics(known))


def step_ticks(last: int, at_most: int, steps: Sequence[int]) -> list[int]:
    """Round numbers from 0 to the last one, in the smallest of some steps that leaves them room."""
    step = next((step for step in steps if last / step <= at_most), 2 * max(steps))
    return list(range(0, last + 1, step))


def _set_up(axes: Axes, known: Sequence[Curve], size: Size, axis: Axis) -> None:
    values = [value for curve in known for value in curve.values]
    bounds = [bound for curve in known for _, low, high in curve.bounds for bound in (low, high)]
    last = max((curve.end[0] for curve in known), default=1)
    low, high = share_span([*values, *bounds, 0.0])
    place(axes, size, margins=(34, _right(known, size), 14, 38))
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(low, high)
    axes.set_yticks(*share_ticks(low, high))
    ticks = step_ticks(last, 10 if size[0] == WIDE_WIDTH else 5, axis.steps)
    axes.set_xticks(ticks, [str(month) for month in ticks])
    axes.tick_params(labelsize=SMALL, pad=4)
    axes.grid(axis="y")
    label(axes, (max(last, 1) / 2, low), axis.label, dy=-32, role="muted", size=SMALL, ha="center")


def _right(known: Sequence[Curve], size: Size) -> float:
    return room([_named(curve) for curve in _to_name(known, size)], NORMAL, 700) + 14


def _paint(axes: Axes, curve: Curve) -> None:
    ink = colour(curve.role)
    band = curve.bounds
    if band:
        places, lower, upper = zip(*band, strict=True)
        axes.fill_between(places, lower, upper, color=ink, alpha=0.16, lw=0)
    months, values = zip(*curve.known, strict=True)
    axes.plot(months, values, color=ink, lw=1 if curve.role == "context" else 2.2)
    axes.plot(months[-1:], values[-1:], "o", color=ink, ms=4 if curve.role == "context" else 6, mew=0)
    if curve.projected:
        ahead = list(zip(curve.months, curve.values, strict=True))[-curve.projected :]
        path = [curve.known[-1], *(step for step in ahead if is_known(step[1]))]
        axes.plot([m for m, _ in path], [v for _, v in path], color=ink, lw=1.6, ls=(0, (3, 2)))


def _name(axes: Axes, known: Sequence[Curve], size: Size) -> None:
    """Names at the ends of curves: those in colour moved apart, others only where they have room."""
    named = _to_name(known, size)
    coloured = [curve for curve in named if curve.role != "context"]
    heights = [_pixels(axes, curve)[1] for curve in coloured]
    taken = [(_pixels(axes, curve)[0], given) for curve, given in zip(coloured, spread(heights, _LINE), strict=True)]
    for curve, (_, height) in zip(coloured, taken, strict=True):
        dy = height - _pixels(axes, curve)[1] - 4
        label(axes, curve.end, _named(curve), dx=6, dy=dy, role=curve.role, size=NORMAL, weight=700)
    for curve in (curve for curve in named if curve.role == "context"):
        x, y = _pixels(axes, curve)
        if all(abs(x - other) > _NAME_ROOM or abs(y - height) > _LINE for other, height in taken):
            taken.append((x, y))
            label(axes, curve.end, _named(curve), dx=6, dy=-4, role="muted", size=SMALL)


def _pixels(axes: Axes, curve: Curve) -> tuple[float, float]:
    x, y = axes.transData.transform(curve.end)
    return float(x), float(y)


def _to_name(known: Sequence[Curve], size: Size) -> list[Curve]:
    """Curves with room for their names: those in colour, then the longest ones."""
    coloured = [curve for curve in known if curve.role != "context"]
    others = sorted((curve for curve in known if curve.role == "context"), key=lambda curve: (-curve.end[0], curve.key))
    return (coloured + others)[: _MOST_NAMED[int(size[0])]]


def _named(curve: Curve) -> Text:
    return curve.label + same("" if curve.role == "context" else f" {share_number(curve.end[1])}")


def _data(known: Sequence[Curve], axis: Axis, caption: Caption) -> str:
    months = sorted({month for curve in known for month in curve.months})
    shown = [month for month in months if _has_row(month, months, axis)]
    head = [axis.first, *(curve.label for curve in known)]
    rows = [(same(str(month)), [_cell(curve, month) for curve in known]) for month in shown]
    return data_table(head, rows, caption.headline)


def _has_row(month: int, months: Sequence[int], axis: Axis) -> bool:
    if axis.rows:
        return month in axis.rows
    return len(months) <= _SHORT or month % _ROW_STEP == 0 or month == months[-1]


def _cell(curve: Curve, month: int) -> Text:
    if month not in curve.months:
        return same("")
    at = curve.months.index(month)
    low, high = (bounds[at] if bounds else math.nan for bounds in (curve.lower, curve.upper))
    value = ratio(curve.values[at])
    shown = f"{value} ({share_number(low)}–{share_number(high)})" if is_known(low) and is_known(high) else value
    is_ahead = at >= len(curve.months) - curve.projected
    return Text(f"{shown} 预测", f"{shown} projected") if is_ahead else same(shown)


def _metrics(known: Sequence[Curve]) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    for curve in known:
        metrics |= {f"{curve.key}.months": curve.known[-1][0], f"{curve.key}.latest": curve.known[-1][1]}
        if curve.projected:
            metrics[f"{curve.key}.projected"] = curve.end[1]
    return metrics
