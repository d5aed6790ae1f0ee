"""Why did NPLs move? The bridge of their balance line by line, and that of the ratio flow by flow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from types import MappingProxyType

import pandas as pd

from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.locale import (
    MINUS,
    UNKNOWN,
    basis_points,
    count,
    day,
    is_known,
    money,
    money_scale,
    ratio,
    reason,
)
from analysis.exhibits.narrative import STRONG, title
from analysis.exhibits.reading import NOTHING, number
from analysis.exhibits.tables import data_table
from analysis.exhibits.waterfall import Ends, Look, Step, Writing, in_loans, in_money, in_shares, waterfall
from analysis.measures.bridge import LINES
from analysis.measures.bridge_views import TIES
from analysis.measures.flow_attribution import STEPS
from analysis.terms import Text, same

LINE_LABELS: Mapping[str, Text] = MappingProxyType(
    {
        "inflow": Text("新增不良", "New NPLs"),
        "redefault": Text("再劣变", "Re-defaults"),
        "entered": Text("转入（期初不在册）", "Not on the tape before"),
        "drawdown": Text("不良垫款", "Advances on NPLs"),
        "capitalised_interest": Text("利息资本化", "Capitalised interest"),
        "fx": Text("汇率变动", "Exchange rates"),
        "cash": Text("现金回收", "Cash recoveries"),
        "cure": Text("上调", "Cures"),
        "write_off": Text("核销", "Write-offs"),
        "sale": Text("转让", "Sales"),
        "foreclosure": Text("以物抵债", "Foreclosures"),
        "forgiveness": Text("债务减免", "Forgiveness"),
        "debt_to_equity": Text("债转股", "Swaps for equity"),
        "correction": Text("更正", "Corrections"),
        "transfer": Text("分部间划转", "Between segments"),
        "residual": Text("未解释差额", "Not explained by flows"),
    }
)
STEP_LABELS: Mapping[str, Text] = MappingProxyType(
    {
        "formation": Text("新增不良", "Went bad"),
        "entered": Text("转入（上月不在册）", "Not on the tape before"),
        "cure": Text("上调", "Cured"),
        "cash": Text("余额下降", "Paid down"),
        "advance": Text("余额增加", "Grew"),
        "transfer": Text("分部间划转", "Between segments"),
        "exit": Text("退出账簿", "Left the book"),
        "denominator": Text("贷款总额变化", "Size of the book"),
        "missing_tape": Text("缺失台账", "Missing tape"),
        "residual": Text("未解释差额", "Unknown state"),
    }
)
_CHANGED = Text("不良{unit}较{since}{moved}，至{closing}", "NPLs since {since}: {moved} {closing}")
_BOTH = Text(
    "：流入{came}，流出{left}，其中{line}最多（{most}）",
    "; {came} in, {left} out, largest {line} ({most})",
)
_ONE_WAY = Text("：流入{came}，流出{left}", "; {came} in, {left} out")
_UNDRESSED = Text(
    "若不处置（{removed}），不良率为{undisposed}，而非{reported}。",
    "Without disposals ({removed}) the NPL ratio would be {undisposed}, not {reported}.",
)
_TRIPS = Text(
    "只比首尾两个时点会漏掉{trips}的期内往返（见数据表）。",
    "The two ends alone would miss {trips} of round trips (see the data table).",
)
_TIED = Text("已核对：期初逐笔等于上期期末，期末等于台账", "Checked: opening = prior closing by loan, closing = tape")
_APART = Text("核对不符：{names}", "Does not tie: {names}")
_UNSTATED = Text("；没有外部数据、未核对：{names}。", "; without outside figures: {names}.")
_DISPOSED_IN_RATIO = Text(
    "逐月精确相加；退出含核销、转让与结清，同时使贷款总额变小",
    "months add up exactly; left the book = written off, sold or paid, which makes the book smaller as well",
)


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What is known of how NPLs moved between two dates.

    Attributes:
        period: the two dates; None if the book does not reach back.
        basis: "balance" or "count".
        currency: ISO code.
        source: where the numbers come from.
        lines: `opening`, the lines of the bridge, `closing` [currency or loans; exact]; empty if there is none.
        note: why there is no bridge.
        unrecorded: loans whose balance or class is not known at one of the ends.
        trips: one row is a line, as `bridge_views.round_trips` gives it.
        ties: one row is a tie, as `bridge_views.ties` gives it; None by count.
        disposed: the row of all loans, as `bridge_views.undressed` gives it; empty by count.
        flow: the row of all loans, as `flow_attribution` gives it; empty if the book does not reach back.
        by: the dimension that the change of the ratio is attributed to.
        label: gives the name of one of its groups from its code.
        parts: one row is a group of it, as `attribution.with_total` gives it; None if the book does not reach back.
    """

    period: tuple[date, date] | None
    basis: str = "balance"
    currency: str = "CNY"
    source: Text | None = None
    lines: Mapping[str, Fraction] = field(default_factory=dict)
    note: str = ""
    unrecorded: int = 0
    trips: pd.DataFrame | None = None
    ties: pd.DataFrame | None = None
    disposed: Mapping[str, object] = field(default_factory=dict)
    flow: Mapping[str, object] = field(default_factory=dict)
    by: str = "segment"
    label: Callable[[str], Text] = same
    parts: pd.DataFrame | None = None

    @property
    def ends(self) -> tuple[Text, Text]:
        """What the first and the last bar are called."""
        if self.period is None:
            return Text("期初", "Opening"), Text("期末", "Closing")
        first, last = (day(when) for when in self.period)
        return Text("期初 ", "Opening, ") + first, Text("期末 ", "Closing, ") + last


def npl_bridge(moved: Movement) -> Exhibit:
    """The NPL bridge: opening, additions, reductions, closing; what is odd about it below."""
    said = bridge_sentence(moved)
    caption = Caption(
        id="npl_bridge",
        headline=title(said) if said else _unanswered(Text("不良变动", "NPL bridge"), moved.note),
        subtitle=_measured(moved) + Text("；橙色使不良增加，青色使不良减少", "; orange adds to NPLs, teal takes away"),
        source=moved.source,
    )
    steps = [Step(key=name, label=LINE_LABELS[name], amount=moved.lines[name]) for name in LINES if moved.lines]
    ends = Ends(opening=moved.lines.get("opening"), closing=moved.lines.get("closing"), labels=moved.ends)
    look = Look(note=moved.note, detail=_detail(moved, caption.headline), remarks=_remarks(moved))
    return waterfall(ends, steps, _writing(moved, steps), caption, look)


def ratio_bridge(moved: Movement) -> Exhibit:
    """The change of the NPL ratio by flows and by the size of the book."""
    parts = {name: moved.flow.get(name) for name in ("before", "after", *STEPS)}
    known = {name: Fraction(part) for name, part in parts.items() if isinstance(part, Fraction | int)}
    exact = known if len(known) == len(parts) else {}
    note = moved.note if moved.period is None else str(moved.flow.get("note") or "no_loans")
    by_count = Text("，按笔数", ", by number of loans") if moved.basis == "count" else NOTHING
    caption = Caption(
        id="ratio_bridge",
        headline=_ratio_headline(exact) if exact else _unanswered(Text("不良率变动", "Change of the NPL ratio"), note),
        subtitle=Text("不良贷款率{by_count}；", "NPL ratio{by_count}; ").format(by_count=by_count) + _DISPOSED_IN_RATIO,
        source=moved.source,
    )
    steps = [Step(key=name, label=STEP_LABELS[name], amount=exact[name]) for name in STEPS if exact]
    ends = Ends(opening=exact.get("before"), closing=exact.get("after"), labels=moved.ends)
    return waterfall(ends, steps, in_shares(), caption, Look(note=note))


def bridge_sentence(moved: Movement) -> Text | None:
    """How far NPLs moved, what came in and went out, and by which line most; None if there is no bridge."""
    if not moved.lines or moved.period is None:
        return None
    amounts = {name: moved.lines[name] for name in LINES}
    came, left = (abs(sum((a for a in amounts.values() if a * sign > 0), Fraction(0))) for sign in (1, -1))
    most = min(LINES, key=lambda name: amounts[name])
    label = LINE_LABELS[most]
    words = _CHANGED + (_BOTH if left else _ONE_WAY) + Text("。", ".")
    return words.format(
        unit=Text("笔数" if moved.basis == "count" else "余额", ""),
        since=day(moved.period[0]),
        moved=_worded(moved, moved.lines["closing"] - moved.lines["opening"]),
        closing=_strong(_sized(moved, moved.lines["closing"])),
        came=_strong(_sized(moved, came)),
        left=_strong(_sized(moved, left)),
        line=Text(label.zh, label.en[:1].lower() + label.en[1:]),
        most=_sized(moved, -amounts[most]),
    )


def _ratio_headline(parts: Mapping[str, Fraction]) -> Text:
    most = max(STEPS, key=lambda name: abs(parts[name]))
    change = float(parts["after"]) - float(parts["before"])
    if not parts[most]:
        return Text("不良率没有变动", "The NPL ratio did not move")
    label = STEP_LABELS[most]
    return Text(
        "不良率由{before}到{after}（{change}）；影响最大的是{line}（{size}）",
        "The NPL ratio went from {before} to {after} ({change}); what moved it most: {line} ({size})",
    ).format(
        before=ratio(float(parts["before"])),
        after=ratio(float(parts["after"])),
        change=_bp(change),
        line=Text(label.zh, label.en[:1].lower() + label.en[1:]),
        size=_bp(float(parts[most])),
    )


def _measured(moved: Movement) -> Text:
    return Text("按笔数", "Number of loans") if moved.basis == "count" else Text("按本金余额", "Principal balance")


def _bp(change: float) -> Text:
    size = basis_points(change)
    is_nothing = size.en == "0bp"
    return same("" if is_nothing else "+" if change > 0 else MINUS) + size


def _unanswered(what: Text, note: str) -> Text:
    return what + Text("：", ": ") + reason(note)


def _writing(moved: Movement, steps: Sequence[Step]) -> Writing:
    if moved.basis == "count":
        return in_loans()
    sizes = sorted(abs(step.amount) for step in steps if step.amount)
    typical = sizes[len(sizes) // 2] if sizes else moved.lines.get("closing", 0)
    return in_money(money_scale(float(typical), moved.currency))


def _sized(moved: Movement, amount: Fraction) -> Text:
    if moved.basis == "count":
        return Text("{n}笔", "{n} loans").format(n=count(int(amount)))
    return money(float(amount), moved.currency)


def _worded(moved: Movement, change: Fraction) -> Text:
    if not change:
        return Text("持平", "unchanged at")
    size = _strong(_sized(moved, abs(change))) + Text("", " to")
    return (Text("增加", "up ") if change > 0 else Text("减少", "down ")) + size


def _strong(text: Text) -> Text:
    return same(STRONG) + text + same(STRONG)


def _remarks(moved: Movement) -> tuple[Text, ...]:
    if not moved.lines:
        return ()
    found = (_undressed(moved), _round_trips(moved), _tied(moved), _unrecorded(moved))
    return tuple(text for text in found if text is not None)


def _undressed(moved: Movement) -> Text | None:
    removed, undisposed = (number(moved.disposed.get(name)) for name in ("removed", "undisposed"))
    if not is_known(undisposed) or not removed:
        return None
    return _UNDRESSED.format(
        removed=money(removed, moved.currency),
        undisposed=ratio(undisposed),
        reported=ratio(number(moved.disposed.get("reported"))),
    )


def _round_trips(moved: Movement) -> Text | None:
    if moved.trips is None:
        return None
    missed = sum((Fraction(amount) for amount in moved.trips["round_trips"] if amount > 0), Fraction(0))
    return _TRIPS.format(trips=_sized(moved, missed)) if missed else None


def _tied(moved: Movement) -> Text | None:
    if moved.ties is None:
        return None
    apart, unstated = (moved.ties[moved.ties["status"] == status]["tie"] for status in ("differs", "not_stated"))
    said = _APART.format(names=_tie_names(apart)) if len(apart) else _TIED
    return said + (_UNSTATED.format(names=_tie_names(unstated)) if len(unstated) else Text("。", "."))


def _tie_names(names: pd.Series) -> Text:
    labels = [TIES[str(name)] for name in names]
    return Text("、".join(label.zh for label in labels), ", ".join(label.en for label in labels))


def _unrecorded(moved: Movement) -> Text | None:
    if not moved.unrecorded:
        return None
    words = Text("{n}笔贷款的余额或分类未记录，未计入。", "{n} loans without a recorded balance or class are left out.")
    return words.format(n=count(moved.unrecorded))


def _detail(moved: Movement, title: Text) -> str:
    if moved.trips is None:
        return ""
    head = [
        Text("项目", "Line"),
        Text("逐月事件", "Events by month"),
        Text("首尾两点", "Two ends only"),
        Text("期内往返", "Round trips"),
    ]
    labels = {"opening": moved.ends[0], "closing": moved.ends[1], **LINE_LABELS}
    names = ("events", "snapshots", "round_trips")
    rows = [
        (labels[str(row["line"])], [_exact_text(row[name]) for name in names])
        for row in moved.trips.to_dict("records")
        if row["events"] or row["snapshots"]
    ]
    return data_table(head, rows, title)


def _exact_text(amount: object) -> str:
    return UNKNOWN if amount is None or pd.isna(amount) else f"{amount:,}".replace("-", MINUS)  # type: ignore[call-overload]
