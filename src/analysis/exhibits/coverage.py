"""Which month ends does the tape hold for each segment? A calendar of rows with its gaps marked."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import pairwise

import pandas as pd

from analysis.exhibits.exhibit import Caption, Exhibit, absent, both, boxed
from analysis.exhibits.locale import as_date, count, number_of, short_period
from analysis.terms import Text, same

_SHOWN = 18
_MONTHS = 12
_GAP = Text("缺失", "missing")
Month = int  # months since year 0, so that neighbours differ by one


def month_coverage(rows: pd.DataFrame, *, label: Callable[[str], Text] = same) -> Exhibit:
    """Rows per segment and month end, the latest periods; a month that a segment lacks is marked.

    Args:
        rows: one row is a segment at a month end: `as_of`, `segment`, `loans`.
        label: gives a segment's name.

    Returns:
        a table whose metrics are `gaps` and, per segment, `segment.gaps` [months missing].
    """
    found = _by_segment(rows)
    months = _expected({month for held in found.values() for month in held})
    gaps = {segment: [m for m in months if _is_gap(m, held)] for segment, held in found.items()}
    total = sum(map(len, gaps.values()))
    shown = months[-_SHOWN:]
    body = "".join(_row(label(segment), held, shown) for segment, held in found.items())
    heads = "".join(f'<th scope="col">{short_period(_as_date(month))}</th>' for month in shown)
    caption = _caption(gaps, len(months), label)
    markup = (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{both(caption.headline)}"><table class="months">'
        f'<caption class="vh">{caption.headline.html()}</caption><thead><tr><th scope="col">'
        f"{Text('分部', 'Segment').html()}</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    metrics = {f"{segment}.gaps": len(missing) for segment, missing in gaps.items()}
    return Exhibit(
        id=caption.id, kind="table", html=boxed(caption, markup, tag="div"), metrics={"gaps": total, **metrics}
    )


def _by_segment(rows: pd.DataFrame) -> dict[str, dict[Month, int]]:
    found: dict[str, dict[Month, int]] = {}
    for row in rows.to_dict("records"):
        held = found.setdefault(str(row["segment"]), {})
        when = as_date(row["as_of"])
        if when is not None and row["loans"] and row["loans"] > 0:
            held[when.year * _MONTHS + when.month - 1] = int(row["loans"])
    return dict(sorted(found.items()))


def _expected(months: set[Month]) -> list[Month]:
    if not months:
        return []
    ordered = sorted(months)
    steps = [later - earlier for earlier, later in pairwise(ordered)]
    return list(range(ordered[0], ordered[-1] + 1, min(steps, default=1)))


def _is_gap(month: Month, held: Mapping[Month, int]) -> bool:
    # Before its first month a segment did not exist; after that, every month is due.
    return month not in held and bool(held) and month > min(held)


def _row(name: Text, held: Mapping[Month, int], shown: Sequence[Month]) -> str:
    most = max(held.values(), default=1)
    cells = "".join(_cell(month, held, most) for month in shown)
    return f'<tr><th scope="row">{name.html()}</th>{cells}</tr>'


def _cell(month: Month, held: Mapping[Month, int], most: int) -> str:
    if month in held:
        return f'<td style="--share:{held[month] / most:.2f}">{count(held[month])}</td>'
    if _is_gap(month, held):
        words = f'<i aria-hidden="true">■</i><span class="vh">{_GAP.html()}</span>'
        return f'<td class="gap" title="{both(_GAP)}">{words}</td>'
    return f'<td class="before">{absent("no_loans")}</td>'


def _caption(gaps: Mapping[str, Sequence[Month]], months: int, label: Callable[[str], Text]) -> Caption:
    holed = [segment for segment, missing in gaps.items() if missing]
    names = Text("、".join(label(s).zh for s in holed[:3]), ", ".join(label(s).en for s in holed[:3]))
    headline = (
        Text("{k}个分部缺少月份：{names}", "{who} without some months: {names}").format(
            k=len(holed), names=names, who=number_of(len(holed), "segment is", "segments are")
        )
        if holed
        else Text("{n}个分部在全部{m}期都有数据", "Segments with every period: {n} of {n} ({m} periods)").format(
            n=len(gaps), m=months
        )
    )
    subtitle = Text(
        "每期贷款行数，最近{n}期；颜色越深行数越多，■为缺失",
        "Rows per period, latest {n}; darker = more rows, ■ = missing",
    ).format(n=min(months, _SHOWN))
    return Caption(id="month_coverage", headline=headline, subtitle=subtitle)


def _as_date(month: Month) -> date:
    return date(month // _MONTHS, month % _MONTHS + 1, 1)
