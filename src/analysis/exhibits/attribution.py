"""Which segments moved the NPL ratio, by their own ratio or by their share of the book? A table with bars."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import pandas as pd

from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.locale import MINUS, is_known, ratio, reason, share_number, whole_bp
from analysis.exhibits.movements import Movement
from analysis.exhibits.palette import Tone
from analysis.exhibits.reading import number
from analysis.exhibits.tables import Cell, Column, Row, number_cell, table, text_cell
from analysis.terms import DIMENSIONS, Text, same

# Parts of a segment's contribution; those that are zero everywhere get no column.
_PARTS = {
    "rate": Text("自身不良率", "Own ratio"),
    "mix": Text("占比", "Share of book"),
    "entry_exit": Text("进入与退出", "Entry and exit"),
    "missing_tape": Text("缺失台账", "Missing tape"),
}
_SUBTITLE = Text(
    "对不良率变动的贡献，基点，Shapley法：自身不良率变化，与占贷款的比重变化；各行精确相加",
    "Contribution to the change of the NPL ratio, basis points, Shapley: by the segment's own ratio and by its share "
    "of the book; rows add up exactly",
)
_MOST = Text(
    "不良率{change}，其中{name}贡献{size}；结构变化共{mix}",
    "NPL ratio {change}, of it {size} from {name}; shifts between {groups} {mix}",
)


def ratio_attribution(moved: Movement) -> Exhibit:
    """Each segment's contribution to the change of the ratio, the largest first, then their sum.

    Args:
        moved: with `parts`, one row per segment and a last one with the total, as `attribution.with_total` gives them.

    Returns:
        a table whose metrics are the parts and the total of each segment [share].
    """
    parts = moved.parts
    rows = [] if parts is None else [_named(row) for row in parts.to_dict("records")]
    caption = Caption(id="ratio_attribution", headline=_headline(moved, rows), subtitle=_SUBTITLE, source=moved.source)
    shown = sorted((row for row in rows if row["note"] != "total"), key=lambda row: (-_size(row), str(row[moved.by])))
    columns = _columns(moved, rows)
    reach = max((_size(row) for row in shown), default=0.0)
    total = next((row for row in rows if row["note"] == "total"), None)
    return table(
        [_row(row, moved.by, _label(row, moved), reach) for row in shown],
        columns,
        caption,
        total=_row(_with_ratios(total, moved), moved.by, Text("合计", "Total"), 0.0) if total and shown else None,
        rest=lambda hidden: {moved.by: text_cell(Text("其余{n}个", "{n} others").format(n=len(hidden)))},
    )


def _headline(moved: Movement, rows: Sequence[Mapping[str, Any]]) -> Text:
    total = next((row for row in rows if row["note"] == "total"), None)
    if total is None or not is_known(number(total["total"])):
        notes = [str(row["note"]) for row in rows if row["note"] not in {"", "total"}]
        why = reason(moved.note if moved.parts is None else next(iter(notes), "no_loans"))
        return Text("各分部对不良率变动的贡献：", "What each segment contributed: ") + why
    most = max((row for row in rows if row["note"] != "total"), key=lambda row: (_size(row), str(row[moved.by])))
    return _MOST.format(
        change=_moved(number(total["total"])),
        name=_label(most, moved),
        size=_signed(number(most["total"])),
        mix=_signed(number(total["mix"])),
        groups=_groups(moved.by),
    )


def _groups(by: str) -> Text:
    return Text(DIMENSIONS[by].zh, {"segment": "segments", "region": "regions"}.get(by, "groups"))


def _moved(change: float) -> Text:
    if not whole_bp(change):
        return Text("持平", "unchanged")
    size = _signed(abs(change)).en.lstrip("+")
    return Text(f"上升{size}", f"up {size}") if change > 0 else Text(f"下降{size}", f"down {size}")


def _signed(change: float, unit: str = "bp") -> Text:
    shown = share_number(abs(change) * 100, 1)
    sign = "" if not shown.strip("0.") else "+" if change > 0 else MINUS
    return same(f"{sign}{shown}{unit}")


def _columns(moved: Movement, rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    used = [name for name in _PARTS if name in {"rate", "mix"} or any(_is_something(row[name]) for row in rows)]
    return [
        Column(key=moved.by, label=DIMENSIONS[moved.by], align="text"),
        Column(key="before", label=Text("期初不良率", "Ratio before")),
        Column(key="after", label=Text("期末不良率", "Ratio after")),
        *(Column(key=name, label=_PARTS[name]) for name in used),
        Column(key="total", label=Text("贡献", "Contribution")),
        Column(key="bar", label=same(""), align="mark"),
    ]


def _is_something(part: object) -> bool:
    size = number(part)
    return is_known(size) and bool(size)


def _row(row: Mapping[str, Any], by: str, name: Text, reach: float) -> Row:
    cells = {part: _part(number(row[part]), str(row["note"])) for part in _PARTS}
    total = number(row["total"])
    return {
        by: text_cell(name),
        "before": _rate(number(row["rate_before"])),
        "after": _rate(number(row["rate_after"])),
        **cells,
        "total": number_cell(total, _signed(total, ""), tone=_tone(total), strong=True, note=str(row["note"])),
        "bar": Cell(html=_bar(total, reach)),
    }


def _with_ratios(total: Mapping[str, Any], moved: Movement) -> Mapping[str, Any]:
    ends = ((name, moved.flow.get(name)) for name in ("before", "after"))
    return {**total, **{f"rate_{name}": float(end) if isinstance(end, Fraction) else math.nan for name, end in ends}}


def _rate(share: float) -> Cell:
    return number_cell(share, ratio(share), note="no_loans")


def _part(change: float, note: str) -> Cell:
    return number_cell(change, _signed(change, ""), note=note)


def _tone(change: float) -> Tone | None:
    return None if not is_known(change) or not whole_bp(change) else "worse" if change > 0 else "better"


def _bar(total: float, reach: float) -> str:
    if not reach or not is_known(total):
        return ""
    width = 50 * abs(total) / reach
    side = f"left:50%;width:{width:.1f}%" if total > 0 else f"left:{50 - width:.1f}%;width:{width:.1f}%"
    return f'<span class="dv {"w" if total > 0 else "g"}" aria-hidden="true"><i style="{side}"></i></span>'


def _label(row: Mapping[str, Any], moved: Movement) -> Text:
    key = row[moved.by]
    return moved.label("" if key is None or pd.isna(key) else str(key))


def _named(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    return {str(name): value for name, value in row.items()}


def _size(row: Mapping[str, Any]) -> float:
    total = number(row["total"])
    return abs(total) if is_known(total) else 0.0
