"""Which segments differ, and is the difference larger than its uncertainty? Rows with an interval or a bar."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes

from analysis.exhibits.charts import (
    NARROW_WIDTH,
    NORMAL,
    SMALL,
    WIDE_WIDTH,
    bp_ticks,
    chart,
    share_ticks,
    shortened_label,
)
from analysis.exhibits.exhibit import Caption, Exhibit, Metric
from analysis.exhibits.locale import is_known
from analysis.exhibits.palette import Tone, colour, tone_colour
from analysis.exhibits.svg import Size, label, place, room, tip
from analysis.exhibits.tables import data_table
from analysis.terms import Text, same

AxisUnit = Literal["percent", "bp"]
_ROW_WIDE = 26
_ROW_NARROW = 40
_TOP = 24
_BOTTOM = 22
_LONGEST_LABEL = 240
_CAP = 3.0  # an interval more than this many times the highest value is cut off and marked


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A row: a value, perhaps with its interval, how it is written, and what it says.

    Attributes:
        key: code of the row.
        label: name of the row.
        value: [share]; NaN if it is unknown.
        text: the value as written, with its unit.
        lower, upper: interval [share]; NaN if there is none.
        tone: worse, better, neutral, or context for a value that says nothing.
    """

    key: str
    label: Text
    value: float
    text: Text
    lower: float = math.nan
    upper: float = math.nan
    tone: Tone = "neutral"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A value to compare all rows with, drawn as a line."""

    value: float
    label: Text


@dataclass(frozen=True)
class Layout:
    """Where the rows of a drawing stand: its size, whether names go above the marks, the span of values."""

    size: Size
    is_stacked: bool
    span: tuple[float, float]
    unit: AxisUnit


PaintRow = Callable[[Axes, Mark, float, Layout], None]


@dataclass(frozen=True)
class _Style:
    paint: PaintRow
    reference: Reference | None
    unit: AxisUnit


def intervals(
    marks: Sequence[Mark], caption: Caption, *, reference: Reference | None = None, unit: AxisUnit = "percent"
) -> Exhibit:
    """A dot with its interval per row, against a line for the whole book or for no change.

    Args:
        marks: one per row, in the order they are shown.
        caption: finding, small line, source.
        reference: the line.
        unit: of the axis: percent for levels, basis points for changes.

    Returns:
        a chart whose metrics are each row's value and interval [share].
    """
    return _rows(marks, caption, _Style(_paint_interval, reference, unit))


def bars(marks: Sequence[Mark], caption: Caption, *, reference: Reference | None = None) -> Exhibit:
    """A bar from zero per row; metrics as of `intervals`."""
    return _rows(marks, caption, _Style(_paint_bar, reference, "percent"))


def _rows(marks: Sequence[Mark], caption: Caption, style: "_Style") -> Exhibit:
    span = _span(marks, style.reference)
    heights = [_TOP + _BOTTOM + row * max(len(marks), 1) for row in (_ROW_WIDE, _ROW_NARROW)]
    sizes: tuple[Size, Size] = ((WIDE_WIDTH, heights[0]), (NARROW_WIDTH, heights[1]))

    def drawn(axes: Axes, size: Size) -> None:
        layout = Layout(size, size[0] < WIDE_WIDTH, span, style.unit)
        _set_up(axes, marks, layout)
        _paint_reference(axes, style.reference, len(marks))
        for number, mark in enumerate(marks):
            _paint_words(axes, mark, number, layout)
            if is_known(mark.value):
                style.paint(axes, mark, number, layout)

    return chart(drawn, caption, sizes=sizes, data=_data(marks, caption), metrics=_metrics(marks))


def _span(marks: Sequence[Mark], reference: Reference | None) -> tuple[float, float]:
    centres = [mark.value for mark in marks if is_known(mark.value)] + ([reference.value] if reference else [])
    ends = [end for mark in marks for end in (mark.lower, mark.upper) if is_known(end)]
    reach = _CAP * max((abs(centre) for centre in centres), default=0.0) or max(map(abs, ends), default=0.01) or 0.01
    inside = [min(max(end, -reach), reach) for end in ends] + centres + [0.0]
    low, high = min(inside), max(inside)
    pad = (high - low) * 0.03 or 0.001
    return (low - pad if low < 0 else 0.0), high + pad


def _set_up(axes: Axes, marks: Sequence[Mark], layout: Layout) -> None:
    left, right = 6.0, 10.0
    if not layout.is_stacked:
        left = min(room([mark.label for mark in marks], NORMAL), _LONGEST_LABEL) + 14
        right = room([mark.text for mark in marks], NORMAL, 700) + 18
    place(axes, layout.size, margins=(left, right, _TOP, _BOTTOM))
    axes.set_xlim(*layout.span)
    axes.set_ylim(max(len(marks), 1) - 0.5, -0.5)
    axes.set_yticks([])
    ticks = bp_ticks if layout.unit == "bp" else share_ticks
    axes.set_xticks(*ticks(*layout.span, at_most=4 if layout.is_stacked else 6))
    axes.tick_params(labelsize=SMALL, pad=4)
    axes.grid(axis="x")
    axes.spines["bottom"].set_visible(False)


def _paint_reference(axes: Axes, reference: Reference | None, rows: int) -> None:
    if reference and is_known(reference.value):
        line = [-0.5, max(rows, 1) - 0.5]
        axes.plot([reference.value] * 2, line, color=colour("total"), lw=1.2, ls=(0, (4, 3)))
        low, high = axes.get_xlim()
        share = (reference.value - low) / (high - low)
        side = "left" if share < 0.2 else "right" if share > 0.8 else "center"
        label(axes, (reference.value, -0.5), reference.label, dy=8, role="muted", size=SMALL, ha=side)


def _paint_words(axes: Axes, mark: Mark, number: float, layout: Layout) -> None:
    low, high = layout.span
    role = {"worse": "worse", "better": "better", "context": "muted"}.get(mark.tone, "ink")
    weight = 400 if mark.tone == "context" else 700
    if layout.is_stacked:
        name = shortened_label(mark.label, layout.size[0] - room([mark.text], NORMAL, 700) - 24)
        label(axes, (low, number), name, dy=5, size=NORMAL)
        label(axes, (high, number), mark.text, dy=5, size=NORMAL, ha="right", role=role, weight=weight)
        return
    label(
        axes,
        (low, number),
        shortened_label(mark.label, _LONGEST_LABEL),
        dx=-10,
        dy=-4,
        size=NORMAL,
        ha="right",
    )
    label(axes, (high, number), mark.text, dx=10, dy=-4, size=NORMAL, role=role, weight=weight)


def _paint_interval(axes: Axes, mark: Mark, number: float, layout: Layout) -> None:
    ink, span = colour("muted") if mark.tone == "context" else tone_colour(mark.tone), layout.span
    number += 0.24 if layout.is_stacked else 0
    if is_known(mark.lower) and is_known(mark.upper):
        low, high = max(mark.lower, span[0]), min(mark.upper, span[1])
        axes.plot([low, high], [number] * 2, color=ink, lw=2)
        if mark.lower < span[0]:
            axes.plot([low], [number], "<", color=ink, ms=7, mew=0)
        if mark.upper > span[1]:
            axes.plot([high], [number], ">", color=ink, ms=7, mew=0)
    dot = axes.plot([mark.value], [number], "o", color=ink, ms=8, mew=0)[0]
    tip(dot, mark.label + same(" ") + mark.text)


def _paint_bar(axes: Axes, mark: Mark, number: float, layout: Layout) -> None:
    middle, height = (number + 0.24, 0.3) if layout.is_stacked else (number, 0.6)
    width = min(max(mark.value, layout.span[0]), layout.span[1])
    ink = colour("context") if mark.tone == "context" else tone_colour(mark.tone)
    bar = axes.barh([middle], [width], height=height, color=ink, lw=0)[0]
    tip(bar, mark.label + same(" ") + mark.text)


def _data(marks: Sequence[Mark], caption: Caption) -> str:
    head = [Text("分部", "Segment"), Text("数值", "Value")]
    return data_table(head, [(mark.label, [mark.text]) for mark in marks], caption.headline)


def _metrics(marks: Sequence[Mark]) -> dict[str, Metric]:
    names = ("value", "lower", "upper")
    return {f"{mark.key}.{name}": getattr(mark, name) for mark in marks for name in names}
