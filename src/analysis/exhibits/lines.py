"""How did a few groups move over time on one picture, each named at the end of its line?"""

from collections.abc import Sequence

from matplotlib.axes import Axes

from analysis.exhibits.charts import (
    NARROW_WIDTH,
    NORMAL,
    SMALL,
    WIDE_WIDTH,
    Series,
    chart,
    date_ticks,
    share_span,
    share_ticks,
    shortened_label,
)
from analysis.exhibits.exhibit import Caption, Exhibit, Metric
from analysis.exhibits.locale import is_known, ratio, share_number, short_period
from analysis.exhibits.palette import colour
from analysis.exhibits.svg import Size, label, place, room
from analysis.exhibits.tables import data_table
from analysis.terms import Text, same

_HEIGHT = 260
_NAME_WIDTH = 150
_LINE = 15.0  # least distance of two names [pixels]
_ROWS_IN_TABLE = 24


def lines(series: Sequence[Series], caption: Caption, *, emphasised: str = "") -> Exhibit:
    """Lines with their names and latest values at their ends; one of them, or a single one, in colour.

    Args:
        series: few enough to tell apart.
        caption: finding, small line, source.
        emphasised: key of the line the headline speaks of.

    Returns:
        a chart whose metrics are each group's latest value [share].
    """
    sizes: tuple[Size, Size] = ((WIDE_WIDTH, _HEIGHT), (NARROW_WIDTH, _HEIGHT))
    known = [one for one in series if any(is_known(value) for value in one.values)]

    def drawn(axes: Axes, size: Size) -> None:
        _set_up(axes, known, size)
        for one in known:
            _paint(axes, one, _role(one, known, emphasised))
        _name(axes, known, size, emphasised)

    return chart(drawn, caption, sizes=sizes, data=_data(series, caption), metrics=_metrics(series))


def spread(heights: Sequence[float], least: float = _LINE) -> list[float]:
    """Heights moved apart so that no two are nearer than `least`, in their order, as little as needed [pixels]."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _top(groups[-2], heights, least) > _bottom(groups[-1], heights, least):
            groups[-2:] = [groups[-2] + groups[-1]]
    placed = dict.fromkeys(order, 0.0)
    for group in groups:
        start = _bottom(group, heights, least) + least / 2
        placed |= {index: start + step * least for step, index in enumerate(group)}
    return [placed[index] for index in range(len(heights))]


def _bottom(group: list[int], heights: Sequence[float], least: float) -> float:
    return sum(heights[index] for index in group) / len(group) - least * len(group) / 2


def _top(group: list[int], heights: Sequence[float], least: float) -> float:
    return _bottom(group, heights, least) + least * len(group)


def _set_up(axes: Axes, series: Sequence[Series], size: Size) -> None:
    bounds = [bound for one in series for step in one.ahead for bound in (step.lower, step.upper)]
    span = share_span([value for one in series for value in one.values] + bounds)
    names = [shortened_label(one.label, _room_for_name(size)) for one in series]
    place(axes, size, margins=(30, room(names, NORMAL, 700) + room(["00.00 "], NORMAL, 700) + 16, 14, 24))
    days = [day for one in series for day in (*one.dates, *(step.as_of for step in one.ahead))]
    ordinals = [day.toordinal() for day in days] or [0, 1]
    axes.set_xlim(min(ordinals) - 1, max(ordinals) + 1)
    axes.set_ylim(*span)
    axes.set_yticks(*share_ticks(*span))
    axes.set_xticks(*date_ticks(days, 8 if size[0] == WIDE_WIDTH else 3))
    axes.tick_params(labelsize=SMALL, pad=4)
    axes.grid(axis="y")


def _paint(axes: Axes, one: Series, role: str) -> None:
    days = [day.toordinal() for day in one.dates]
    axes.plot(days, one.values, color=colour(role), lw=1.4 if role == "context" else 2.2)
    last = _last(one)
    axes.plot([last[0]], [last[1]], "o", color=colour(role), ms=6, mew=0)
    if one.ahead:
        ahead = [last[0], *(step.as_of.toordinal() for step in one.ahead)]
        lower, upper = ([last[1], *(getattr(step, end) for step in one.ahead)] for end in ("lower", "upper"))
        axes.fill_between(ahead, lower, upper, color=colour(role), alpha=0.16, lw=0)
        axes.plot(ahead, [last[1], *(step.value for step in one.ahead)], color=colour(role), lw=1.6, ls=(0, (3, 2)))


def _name(axes: Axes, series: Sequence[Series], size: Size, emphasised: str) -> None:
    pixels = [float(axes.transData.transform((0, _last(one)[1]))[1]) for one in series]
    for one, wanted, given in zip(series, pixels, spread(pixels), strict=True):
        role = _role(one, series, emphasised)
        name = shortened_label(one.label, _room_for_name(size)) + same(f" {share_number(_last(one)[1])}")
        ink, weight = ("muted", 400) if role == "context" else (role, 700)
        end = axes.get_xlim()[1]
        label(
            axes,
            (end, _last(one)[1]),
            name,
            dx=8,
            dy=given - wanted - 4,
            role=ink,
            size=NORMAL,
            weight=weight,
        )


def _role(one: Series, series: Sequence[Series], emphasised: str) -> str:
    return "accent" if len(series) == 1 or one.key == emphasised else "context"


def _room_for_name(size: Size) -> float:
    return _NAME_WIDTH if size[0] == WIDE_WIDTH else _NAME_WIDTH / 2


def _last(one: Series) -> tuple[int, float]:
    return [(day.toordinal(), v) for day, v in zip(one.dates, one.values, strict=True) if is_known(v)][-1]


def _data(series: Sequence[Series], caption: Caption) -> str:
    days = sorted({day for one in series for day in one.dates})[-_ROWS_IN_TABLE:]
    found = [dict(zip(one.dates, one.values, strict=True)) for one in series]
    head = [Text("期间", "Period"), *(one.label for one in series)]
    rows = [(same(short_period(day)), [ratio(values.get(day)) for values in found]) for day in days]
    return data_table(head, rows, caption.headline)


def _metrics(series: Sequence[Series]) -> dict[str, Metric]:
    return {f"{one.key}.latest": next((v for v in reversed(one.values) if is_known(v)), None) for one in series}
