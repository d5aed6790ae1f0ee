"""How do defaults end, and when? Areas of the ways out stacked over months, what is still open on top."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from analysis.exhibits.charts import NARROW_WIDTH, NORMAL, SMALL, WIDE_WIDTH, chart, empty, share_ticks
from analysis.exhibits.curves import step_ticks
from analysis.exhibits.exhibit import Caption, Exhibit, Metric
from analysis.exhibits.lines import spread
from analysis.exhibits.locale import is_known, ratio, share_number
from analysis.exhibits.palette import colour
from analysis.exhibits.svg import Size, label, place, room
from analysis.exhibits.tables import data_table
from analysis.terms import Text, same

_HEIGHT = 280
_STEPS = (1, 3, 6, 12, 24, 36, 60)
_ROW_STEP = 6
_SHORT = 12
_OPEN = Text("未了结", "Still open")


@dataclass(frozen=True, kw_only=True)
class Exit:
    """A way out: chance to have left so by each month.

    Attributes:
        key: code.
        label: name.
        values: one per month [probability].
        lower, upper: bounds of each [probability]; NaN where there are none.
        role: colour of its area.
    """

    key: str
    label: Text
    values: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    role: str

    @property
    def last(self) -> float:
        """Chance at the last month; 0 if there is none [probability]."""
        return self.values[-1] if self.values else 0.0


def incidence(exits: Sequence[Exit], months: Sequence[int], caption: Caption, *, axis: Text) -> Exhibit:
    """Chances of competing exits, stacked in the order given; together with what is still open they make 1.

    Args:
        exits: each with one value per month.
        months: ascending, from 1; before the first everything is open.
        caption: finding, small line, source.
        axis: what the months are counted from.

    Returns:
        a chart whose metrics are each exit's chance at the last month, `still_open` and `months`; without exits only
        the caption, which then says why.
    """
    sizes: tuple[Size, Size] = ((WIDE_WIDTH, _HEIGHT), (NARROW_WIDTH, _HEIGHT))
    exits = [exit_ for exit_ in exits if exit_.values]
    if not exits:
        return empty(caption)
    bands = _stacked(exits)

    def paint(axes: Axes, size: Size) -> None:
        _set_up(axes, exits, (months, axis), size)
        for exit_, (lower, upper) in zip(exits, bands, strict=True):
            _paint(axes, exit_, (months, lower, upper))
        _name(axes, exits, bands)

    return chart(paint, caption, sizes=sizes, data=_data(exits, months, caption), metrics=_metrics(exits, months))


def still_open(exits: Sequence[Exit]) -> float:
    """What has not left by the last month [probability]."""
    return max(1.0 - sum(exit_.last for exit_ in exits), 0.0)


def _stacked(exits: Sequence[Exit]) -> list[tuple[list[float], list[float]]]:
    base = [0.0] * (len(exits[0].values) if exits else 0)
    bands = []
    for exit_ in exits:
        top = [below + value for below, value in zip(base, exit_.values, strict=True)]
        bands.append((base, top))
        base = top
    return bands


def _set_up(axes: Axes, exits: Sequence[Exit], along: tuple[Sequence[int], Text], size: Size) -> None:
    months, axis = along
    last = max(months, default=1)
    names = [_named(exit_.label, exit_.values[-1]) for exit_ in exits if exit_.values] + [_named(_OPEN, 1.0)]
    place(axes, size, margins=(34, room(names, NORMAL, 700) + 16, 14, 38))
    axes.set_xlim(0, _until(months))
    axes.set_ylim(0, 1)
    axes.set_yticks(*share_ticks(0, 1))
    ticks = step_ticks(last, 10 if size[0] == WIDE_WIDTH else 5, _STEPS)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.tick_params(labelsize=SMALL, pad=4)
    axes.grid(axis="y")
    label(axes, (last / 2, 0), axis, dy=-32, role="muted", size=SMALL, ha="center")


def _until(months: Sequence[int]) -> float:
    """Where the last step ends: as long after the last month as that is after the one before."""
    ordered = [0, *sorted(months)]
    return float(2 * ordered[-1] - ordered[-2]) if len(ordered) > 1 else 1.0


def _paint(axes: Axes, exit_: Exit, band: tuple[Sequence[int], list[float], list[float]]) -> None:
    months, lower, upper = band
    places = [0, *months, _until(months)]
    low, high = [0.0, *lower, lower[-1]], [0.0, *upper, upper[-1]]
    axes.fill_between(places, low, high, step="post", color=colour(exit_.role), alpha=0.85, lw=0)
    axes.plot(places, high, drawstyle="steps-post", color=colour("card"), lw=1.5)


def _name(axes: Axes, exits: Sequence[Exit], bands: Sequence[tuple[list[float], list[float]]]) -> None:
    pairs = zip(exits, bands, strict=True)
    ends = [(exit_.label, exit_.values[-1], (low[-1] + high[-1]) / 2) for exit_, (low, high) in pairs]
    rest = still_open(exits)
    ends.append((_OPEN, rest, 1 - rest / 2))
    heights = [float(axes.transData.transform((0, middle))[1]) for _, _, middle in ends]
    roles = [exit_.role if exit_.role not in {"context", "line"} else "muted" for exit_ in exits] + ["muted"]
    last = axes.get_xlim()[1]
    for (name, value, middle), wanted, given, role in zip(ends, heights, spread(heights), roles, strict=True):
        words, lift = _named(name, value), given - wanted - 4
        label(axes, (last, middle), words, dx=8, dy=lift, role=role, size=NORMAL, weight=700)


def _named(name: Text, value: float) -> Text:
    return name + same(f" {share_number(value, 1)}")


def _data(exits: Sequence[Exit], months: Sequence[int], caption: Caption) -> str:
    shown = [at for at, month in enumerate(months) if _has_row(month, months)]
    head = [Text("月", "Month"), *(exit_.label for exit_ in exits), _OPEN]
    rows = [
        (
            same(str(months[at])),
            [*(_cell(one, at) for one in exits), _rest(exits, at)],
        )
        for at in shown
    ]
    return data_table(head, rows, caption.headline)


def _rest(exits: Sequence[Exit], at: int) -> str:
    return ratio(max(1.0 - sum(one.values[at] for one in exits), 0.0), 1)


def _has_row(month: int, months: Sequence[int]) -> bool:
    return len(months) <= _SHORT or month % _ROW_STEP == 0 or month == months[-1]


def _cell(exit_: Exit, at: int) -> str:
    value = ratio(exit_.values[at], 1)
    low, high = exit_.lower[at], exit_.upper[at]
    return f"{value} ({share_number(low, 1)}–{share_number(high, 1)})" if is_known(low) and is_known(high) else value


def _metrics(exits: Sequence[Exit], months: Sequence[int]) -> dict[str, Metric]:
    known: dict[str, Metric] = {exit_.key: exit_.values[-1] if exit_.values else None for exit_ in exits}
    return known | {"still_open": still_open(exits) if months else None, "months": max(months, default=0)}
