"""What was the path of a number, in the space of a word?"""

from collections.abc import Sequence
from itertools import groupby

from analysis.exhibits.locale import is_known
from analysis.exhibits.palette import TONE_COLOURS, VARIABLE, Tone

WIDTH = 84
HEIGHT = 22
_MARGIN = 3.5


def sparkline(values: Sequence[float | None], *, tone: Tone = "neutral") -> str:
    """A line of values in equal steps with a dot on the last known one; gaps stay gaps.

    Args:
        values: in order of time; an unknown value is NaN or None.
        tone: what the line says of the change.

    Returns:
        an SVG image that readers of the page's text do not meet; empty if no value is known.
    """
    places = _places(values)
    if not places:
        return ""
    stroke = f"var({VARIABLE}{TONE_COLOURS[tone]})"
    lines = "".join(
        f'<polyline points="{" ".join(f"{x:g},{y:g}" for x, y in run)}" fill="none" '
        f'style="stroke:{stroke};stroke-width:1.6"/>'
        for run in _runs(values, places)
    )
    x, y = places[max(places)]
    dot = f'<circle cx="{x:g}" cy="{y:g}" r="2.4" style="fill:{stroke}"/>'
    return f'<svg class="sp" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{lines}{dot}</svg>'


def _places(values: Sequence[float | None]) -> dict[int, tuple[float, float]]:
    known = {index: float(value or 0) for index, value in enumerate(values) if is_known(value)}
    if not known:
        return {}
    low, high = min(known.values()), max(known.values())
    step = (WIDTH - 2 * _MARGIN) / max(len(values) - 1, 1)
    return {
        index: (
            round(_MARGIN + index * step, 1),
            round(_height((value - low) / (high - low) if high > low else 0.5), 1),
        )
        for index, value in known.items()
    }


def _height(share: float) -> float:
    return HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN)


def _runs(values: Sequence[float | None], places: dict[int, tuple[float, float]]) -> list[list[tuple[float, float]]]:
    groups = groupby(range(len(values)), key=places.__contains__)
    runs = [[places[index] for index in run] for is_drawn, run in groups if is_drawn]
    return [run for run in runs if len(run) > 1]
