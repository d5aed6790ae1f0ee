"""How do loans go bad? Matrices of the five classes, roll rates, official rates, and who goes bad in a year."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

import pandas as pd

from analysis.exhibits.dots import Mark, Reference, intervals
from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.heat_map import Share, State, Way, heat_map
from analysis.exhibits.locale import count, day, is_known, ratio, reason, share_number
from analysis.exhibits.palette import Tone
from analysis.exhibits.reading import number
from analysis.measures.endings import EXITS
from analysis.measures.migration import ENTERED, NOT_RECORDED
from analysis.terms import FIVE_CLASSES, NPL_CLASSES, Text, same

EXIT_LABELS: Mapping[str, Text] = MappingProxyType(
    {
        "repaid": Text("结清", "Repaid"),
        "written_off": Text("核销", "Written off"),
        "sold": Text("转让", "Sold"),
        "foreclosed": Text("抵债", "Foreclosed"),
        "converted": Text("转股", "Swapped"),
        "forgiven": Text("减免", "Forgiven"),
        "left": Text("离开台账", "Left the tape"),
    }
)
STATE_LABELS: Mapping[str, Text] = MappingProxyType(
    {**FIVE_CLASSES, **EXIT_LABELS, NOT_RECORDED: Text("未记录", "Not recorded")}
)
PERFORMING = ("pass", "special_mention")
# What has become of a bad loan, whichever way it ended; who paid it back in full has not gone bad.
BAD = (*NPL_CLASSES, *(name for name in EXITS if name not in {"repaid", "left"}))
_WATCHED = (
    Text("正常类有{share}", "{share} of pass"),
    Text("关注类有{share}", "{share} of special-mention"),
)
_LEFT = Text(
    "没有流水，离开台账的去向不明，未计作变坏。",
    "Without flows nobody knows how loans left; they are not counted bad. ",
)


@dataclass(frozen=True, kw_only=True)
class Migrations:
    """What is known of where loans went up to the reporting date.

    Attributes:
        as_of: reporting date.
        since: month end that the latest twelve months began with; None if the book has no earlier month.
        basis: "balance" or "count".
        step: what the time between two month ends of the book is called.
        source: where the numbers come from.
        label: gives a segment's name.
        has_flows: whether the ways out can be told apart.
        note: why there is nothing to show.
        monthly, yearly: moves within a month, of the latest twelve added up, and moves over the whole of them: rows
            as `migration_matrix.pooled` gives them, with `value`, `lower`, `upper` of `migration_shares`.
        segments: one row is a segment: `segment`, `loans`, `bad`, `value`, `lower`, `upper`, `note`; that of all
            loans has no name.
    """

    as_of: date
    since: date | None
    basis: str = "balance"
    step: Text = field(default=Text("一个月", "a month"))
    source: Text | None = None
    label: Callable[[str], Text] = same
    has_flows: bool = True
    note: str = ""
    monthly: pd.DataFrame | None = None
    yearly: pd.DataFrame | None = None
    segments: pd.DataFrame | None = None


def monthly_matrix(moved: Migrations) -> Exhibit:
    """From class to class in one month, the latest twelve months added up."""
    caption = Caption(
        id="monthly_matrix",
        headline=_monthly_headline(moved),
        subtitle=Text("{step}内的去向，{span}合并；", "Where loans are {step} later, {span} added up; ").format(
            step=moved.step, span=span(moved)
        )
        + _keys(moved),
        source=moved.source,
    )
    return _matrix(moved.monthly, caption)


def yearly_matrix(moved: Migrations) -> Exhibit:
    """From class to class between the two ends of the latest twelve months."""
    caption = Caption(
        id="yearly_matrix",
        headline=_yearly_headline(moved),
        subtitle=Text("{span}首尾两点的去向；", "Where loans of the first date are at the second, {span}; ").format(
            span=span(moved)
        )
        + _keys(moved),
        source=moved.source,
    )
    return _matrix(moved.yearly, caption)


def default_rates(moved: Migrations) -> Exhibit:
    """Which share of the performing loans of each segment is bad, or gone as a bad loan, at the end."""
    rows = [] if moved.segments is None else moved.segments.to_dict("records")
    whole = default_rate(moved)
    marks = [_mark({str(k): v for k, v in row.items()}, whole, moved) for row in rows if not pd.isna(row["segment"])]
    ordered = sorted(marks, key=lambda mark: (-(mark.value if is_known(mark.value) else -1.0), mark.key))
    caption = Caption(
        id="default_rates",
        headline=_default_headline(ordered, whole, moved),
        subtitle=Text(
            "{span}：期初正常或关注、期末已为不良或已按不良处置的笔数占比，%，95%区间（Wilson），虚线为全部贷款",
            "{span}: loans that were pass or special mention and are NPL or disposed of, % of loans, 95% interval "
            "(Wilson); dashed = all loans",
        ).format(span=span(moved)),
        source=moved.source if moved.has_flows or moved.source is None else _LEFT + moved.source,
    )
    line = Reference(value=whole, label=Text("全部 ", "All loans ") + same(ratio(whole)))
    return intervals(ordered, caption, reference=line if is_known(whole) else None)


def default_rate(moved: Migrations) -> float:
    """Share of all performing loans that were bad, or gone as bad loans, at the end; NaN if unknown [share]."""
    rows = [] if moved.segments is None else moved.segments.to_dict("records")
    return next((number(row["value"]) for row in rows if pd.isna(row["segment"])), math.nan)


def share_of(moves: pd.DataFrame | None, origin: str, targets: Sequence[str]) -> float:
    """Share of a class that went to any of some states; NaN if nobody was in it [share]."""
    if moves is None:
        return math.nan
    mine = moves[(moves["from_state"] == origin) & moves["to_state"].isin(targets)]
    anyone = moves[moves["from_state"] == origin]
    return float(mine["value"].sum(skipna=False)) if len(anyone) else math.nan


def span(moved: Migrations) -> Text:
    """The months looked at, from the first date to the second."""
    if moved.since is None:
        return day(moved.as_of)
    return Text("{since}至{as_of}", "{since} to {as_of}").format(since=day(moved.since), as_of=day(moved.as_of))


def _matrix(moves: pd.DataFrame | None, caption: Caption) -> Exhibit:
    rows = [] if moves is None else moves[moves["from_state"] != ENTERED].to_dict("records")
    found = {(str(row["from_state"]), str(row["to_state"])): row for row in rows}
    used = {to for _, to in found}
    columns = [*FIVE_CLASSES, *(name for name in (*EXITS, NOT_RECORDED) if name in used)]
    origins = [*FIVE_CLASSES, *([NOT_RECORDED] if any(origin == NOT_RECORDED for origin, _ in found) else [])]
    shares = {
        key: Share(
            value=number(row["value"]),
            way=_way(*key),
            loans=int(row["loans"]),
            lower=number(row["lower"]),
            upper=number(row["upper"]),
            note="not_recorded",
        )
        for key, row in found.items()
    }
    wholes: dict[str, int] = {}
    for (origin, _), share in shares.items():
        wholes[origin] = wholes.get(origin, 0) + share.loans
    named = {name: same(count(loans)) for name, loans in wholes.items()}
    return heat_map(_states(origins), _states(columns), shares, named, caption)


def _states(names: Sequence[str]) -> list[State]:
    return [State(key=name, label=STATE_LABELS[name]) for name in names]


def _way(origin: str, target: str) -> Way:
    order = list(FIVE_CLASSES)
    if origin not in order or target not in order:
        return "out"
    places = order.index(origin), order.index(target)
    return "stays" if places[0] == places[1] else "worse" if places[0] < places[1] else "better"


def _keys(moved: Migrations) -> Text:
    by = Text("按余额", "by balance") if moved.basis == "balance" else Text("按笔数", "by number of loans")
    return Text(
        "占比{by}，%，下为笔数；橙=变差，青=好转，灰=不变，蓝=退出",
        "shares {by}, %, loans below; orange = worse, teal = better, grey = same, blue = left",
    ).format(by=by)


def _monthly_headline(moved: Migrations) -> Text:
    shares = [share_of(moved.monthly, origin, BAD) for origin in PERFORMING]
    known = [(label, _small(share)) for label, share in zip(_WATCHED, shares, strict=True) if is_known(share)]
    if not known:
        return Text("五级分类月迁徙：", "Migration of the five classes: ") + reason(moved.note or "no_loans")
    parts = [label.format(share=share) for label, share in known]
    joined = Text("、".join(part.zh for part in parts), " and ".join(part.en for part in parts))
    words = Text("{step}内，{parts}变为不良", "Within {step}, {parts} loans became NPL")
    return words.format(step=moved.step, parts=joined)


def _yearly_headline(moved: Migrations) -> Text:
    worse = share_of(moved.yearly, "special_mention", BAD)
    better = share_of(moved.yearly, "special_mention", ("pass",))
    if not is_known(worse):
        return Text("首尾两点的迁徙：", "Migration between the two ends: ") + reason(moved.note or "no_loans")
    return Text(
        "期初的关注类贷款，期末{better}回到正常，{worse}已为不良或已处置",
        "Of special-mention loans, {better} are pass again at the end, {worse} are NPL or disposed of",
    ).format(better=ratio(better, 1), worse=ratio(worse, 1))


def _small(share: float) -> str:
    return ratio(share, 3 if is_known(share) and 0 < share < 0.0005 else 2)


def _mark(row: Mapping[str, object], whole: float, moved: Migrations) -> Mark:
    value, lower, upper = (number(row[name]) for name in ("value", "lower", "upper"))
    key = str(row["segment"])
    tone: Tone = "context"
    if row["note"] != "too_small" and is_known(whole):
        tone = "worse" if lower > whole else "better" if upper < whole else "context"
    text = f"{ratio(value)} ({share_number(lower)}–{share_number(upper)})" if is_known(lower) else ratio(value)
    return Mark(key=key, label=moved.label(key), value=value, lower=lower, upper=upper, text=same(text), tone=tone)


def _default_headline(marks: Sequence[Mark], whole: float, moved: Migrations) -> Text:
    if not is_known(whole):
        return Text("一年内变坏的贷款：", "Loans that went bad in a year: ") + reason(moved.note or "no_loans")
    above = [mark for mark in marks if mark.tone == "worse"]
    if not above:
        return Text(
            "正常和关注类中有{whole}变坏，没有一个分部明显更高",
            "{whole} of performing loans went bad; no segment is clearly above that",
        ).format(whole=ratio(whole))
    names = Text("、".join(mark.label.zh for mark in above[:3]), ", ".join(mark.label.en for mark in above[:3]))
    return Text(
        "正常和关注类中有{whole}变坏，{k}个分部明显更高：{names}",
        "{whole} of performing loans went bad; clearly more in {k} of {n} segments: {names}",
    ).format(whole=ratio(whole), k=len(above), n=len(marks), names=names)
