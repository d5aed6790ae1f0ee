"""What every chart shares: a wide and a narrow drawing of one picture, its numbers beside it, and its axes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from matplotlib.axes import Axes

from analysis.exhibits.exhibit import Caption, Exhibit, Metric, boxed
from analysis.exhibits.fonts import text_width
from analysis.exhibits.locale import change_bp, is_known, share_number, short_period
from analysis.exhibits.svg import Size, drawing
from analysis.terms import Text

PaintAt = Callable[[Axes, Size], None]
NARROW_WIDTH = 330  # a phone of 390 pixels less the page's and the box's margins
WIDE_WIDTH = 880
SMALL = 11
NORMAL = 12
_ELLIPSIS = "…"


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """A forecast for a date with its interval [same unit as the series]."""

    as_of: date
    value: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """Values of one group in order of time; NaN where a value is unknown.

    Attributes:
        key: the group's code.
        label: its name.
        dates: one per value, ascending.
        values: [share].
        change: against the prior year, or the prior quarter where there is no prior year [share].
        change_label: the change in words, such as "YoY +16bp".
        ahead: forecast after the last date.
    """

    key: str
    label: Text
    dates: tuple[date, ...]
    values: tuple[float, ...]
    change: float = math.nan
    change_label: Text | None = None
    ahead: tuple[Ahead, ...] = ()


def chart(
    paint: PaintAt, caption: Caption, *, sizes: tuple[Size, Size], data: str, metrics: dict[str, Metric]
) -> Exhibit:
    """A captioned chart: drawn wide and narrow, CSS shows one; its numbers follow as a table.

    Args:
        paint: draws on axes of the given size.
        caption: finding, small line, source.
        sizes: of the wide and of the narrow drawing [pixels].
        data: markup of the table with the chart's numbers.
        metrics: the chart's numbers.
    """
    drawn = "".join(
        f'<div class="ch {name}">{_drawn(paint, caption, size, name)}</div>'
        for name, size in zip(("w", "n"), sizes, strict=True)
    )
    return Exhibit(id=caption.id, kind="chart", html=boxed(caption, drawn + data), metrics=metrics)


def empty(caption: Caption) -> Exhibit:
    """A chart without anything to draw: its caption, which has to say why."""
    return Exhibit(id=caption.id, kind="text", html=boxed(caption, "", tag="div"))


def shortened(text: str, width: float, size: float = NORMAL) -> str:
    """The text cut to a width [pixels], ending in an ellipsis where something is missing."""
    if text_width(text, size) <= width:
        return text
    kept = next((n for n in range(len(text), 0, -1) if text_width(text[:n] + _ELLIPSIS, size) <= width), 0)
    return text[:kept].rstrip() + _ELLIPSIS


def shortened_label(text: Text, width: float, size: float = NORMAL) -> Text:
    """Both wordings cut to a width [pixels]."""
    return Text(shortened(text.zh, width, size), shortened(text.en, width, size))


def share_ticks(low: float, high: float, at_most: int = 4) -> tuple[list[float], list[str]]:
    """Round places between two shares, and their labels in percent without the sign."""
    step = _nice_step((high - low) / at_most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = [number * step for number in range(first, last + 1)]
    decimals = max(0, -math.floor(math.log10(step * 100) + 1e-9))
    return places, [share_number(round(place, 10), decimals) for place in places]


def bp_ticks(low: float, high: float, at_most: int = 4) -> tuple[list[float], list[str]]:
    """Round places between two changes of a share, and their labels in basis points."""
    places, _ = share_ticks(low, high, at_most)
    return places, [change_bp(round(place, 10)).en.removesuffix("bp") for place in places]


def share_span(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest share of an axis that holds all values: from 0 unless all are far from it."""
    known = [value for value in values if is_known(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if high <= 0 <= low:
        return 0.0, 0.01
    if low > 0.6 * high:
        pad = max((high - low) * 0.25, high * 0.02)
        return low - pad, high + pad
    return min(low * 1.12, 0.0), max(high * 1.12, 0.0)


def date_ticks(dates: Sequence[date], at_most: int) -> tuple[list[int], list[str]]:
    """Evenly spaced dates of a period, the last one always among them, and their short labels."""
    ordered = sorted(set(dates))
    months = len(ordered) / at_most
    whole = 12 if months > 3 else 3 if months > 1 else 1  # quarters and years read better than odd months
    step = max(1, math.ceil(months / whole) * whole)
    chosen = ordered[::-1][::step][::-1]
    return [day.toordinal() for day in chosen], [short_period(day) for day in chosen]


def quarterly(dates: Sequence[date], values: Sequence[float], longest: int = 24) -> tuple[list[int], list[float]]:
    """Places and values, every third month only (counted from the last) where the history is long."""
    step = 3 if len(dates) > longest else 1
    return [day.toordinal() for day in dates[::-1][::step][::-1]], list(values[::-1][::step][::-1])


def _drawn(paint: PaintAt, caption: Caption, size: Size, name: str) -> str:
    prefix = f"{escape(caption.id)}-{name}"
    return drawing(lambda axes: paint(axes, size), size=size, prefix=prefix, words=(caption.headline, caption.subtitle))


def _nice_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(float(factor * power) for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
