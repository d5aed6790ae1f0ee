"""Are we covered? Coverage by class, age and collateral, the allowance bridge, and what rules ask for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pandas as pd

from analysis.exhibits.exhibit import Caption, Exhibit, Metric, absent
from analysis.exhibits.locale import (
    MoneyScale,
    as_date,
    capitalised,
    count,
    day,
    is_known,
    money,
    money_scale,
    ratio,
    reason,
)
from analysis.exhibits.reading import number
from analysis.exhibits.tables import Cell, Column, Row, number_cell, table, text_cell
from analysis.exhibits.waterfall import Ends, Look, Step, in_money, waterfall
from analysis.measures.allowance_bridge import ALLOWANCE_LINES
from analysis.measures.provision_requirement import STANDARDS
from analysis.terms import Text, same

LINE_LABELS: Mapping[str, Text] = MappingProxyType(
    {
        "new": Text("新增贷款计提", "On new loans"),
        "charge": Text("计提", "Charged"),
        "release": Text("转回", "Released"),
        "write_off": Text("核销", "Written off"),
        "write_off_uncovered": Text("核销时补提", "Charged on write-off"),
        "written_off_recovery": Text("收回已核销", "Recovered of written off"),
        "sale": Text("随转让转出", "Released by sales"),
        "foreclosure": Text("随抵债转出", "Released by foreclosure"),
        "debt_to_equity": Text("随转股转出", "Released by swaps"),
        "forgiveness": Text("随减免转出", "Released by forgiveness"),
        "repaid": Text("结清贷款转回", "Released on repayment"),
        "transfer": Text("分部间划转", "Between groups"),
        "residual": Text("未解释差额", "Not explained by flows"),
    }
)
_COVERAGE_COLUMNS = (
    Column(key="group", label=Text("分组", "Group"), align="text"),
    Column(key="loans", label=Text("不良笔数", "NPLs")),
    Column(key="npl", label=Text("不良余额", "NPL balance")),
    Column(key="allowance_npl", label=Text("对应准备", "Allowance on them")),
    Column(key="own_value", label=Text("自身覆盖率", "Own coverage")),
    Column(key="uncovered", label=Text("未覆盖", "Uncovered")),
    Column(key="collateral", label=Text("押品价值", "Collateral")),
    Column(key="age", label=Text("估值已过，月", "Valued, months ago")),
)
_REQUIREMENT_COLUMNS = (
    Column(key="standard", label=Text("标准", "Standard"), align="text"),
    Column(key="coverage", label=Text("拨备覆盖率", "Coverage")),
    Column(key="provision", label=Text("贷款拨备率", "Provision ratio")),
    Column(key="required", label=Text("要求的准备", "Required")),
    Column(key="held", label=Text("已提", "Held")),
    Column(key="surplus", label=Text("超出", "Surplus")),
    Column(key="binding", label=Text("起约束的", "Binding"), align="text"),
    Column(key="status", label=Text("出处", "Source"), align="text"),
)
_BACKSTOP_COLUMNS = (
    Column(key="when", label=Text("日期", "Date"), align="text"),
    Column(key="npl", label=Text("适用的不良", "NPL in scope")),
    Column(key="unsecured", label=Text("无担保部分", "Unsecured")),
    Column(key="required", label=Text("要求的覆盖", "Required")),
    Column(key="held", label=Text("已提准备", "Held")),
    Column(key="shortfall", label=Text("缺口", "Shortfall")),
    Column(key="bar", label=same(""), align="mark"),
)
_BINDING = MappingProxyType(
    {
        "coverage": Text("拨备覆盖率", "Coverage"),
        "provision_ratio": Text("贷款拨备率", "Provision ratio"),
        "both": Text("两者", "Both"),
    }
)
_STATUS = MappingProxyType({"verified": Text("已核对", "Checked"), "unverified": Text("待核对", "Not checked")})


@dataclass(frozen=True, kw_only=True)
class Covered:
    """What is known of the allowance for bad loans.

    Attributes:
        as_of: reporting date.
        currency: ISO code.
        source: where the numbers come from.
        note: why nothing is known, for all of it.
        whole: the row of all loans, as `npl_coverage` gives it.
        groups: by name of a cut or dimension, one row is a group, as `npl_coverage` gives it.
        label: gives a group's name from its cut and its code.
        cut_label: gives the name of a cut or dimension.
        period: dates of the allowance bridge; None if the book does not reach back.
        bridge: the row of all loans, as `allowance_bridge` gives it; empty if there is none.
        bridge_note: why there is no bridge.
        requirement: one row is a standard, as `provision_requirement` gives it.
        backstop: one row is a date, as `backstop` gives it.
    """

    as_of: date
    currency: str = "CNY"
    source: Text | None = None
    note: str = ""
    whole: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    label: Callable[[str, str], Text] = field(default=lambda _, key: Text(key, key))
    cut_label: Callable[[str], Text] = field(default=lambda name: Text(name, name))
    period: tuple[date, date] | None = None
    bridge: Mapping[str, Any] = field(default_factory=dict)
    bridge_note: str = ""
    requirement: pd.DataFrame | None = None
    backstop: pd.DataFrame | None = None


def coverage_table(covered: Covered) -> Exhibit:
    """Bad loans and what is held for them, by class and by bucket of days past due."""
    rows = _blocks(covered, ("five_class", "bucket"))
    value, own = (number(covered.whole.get(name)) for name in ("value", "own_value"))
    why = reason(covered.note or str(covered.whole.get("note") or "no_loans"))
    words = Text(
        "拨备覆盖率{value}；不良贷款自身的准备覆盖其{own}",
        "Coverage is {value}; the allowance held for the bad loans themselves covers {own} of them",
    )
    caption = Caption(
        id="coverage_table",
        headline=words.format(value=ratio(value, 1), own=ratio(own, 1))
        if is_known(value)
        else Text("拨备覆盖：", "Coverage: ") + why,
        subtitle=Text(
            "{unit}；自身覆盖率=不良贷款对应准备÷不良余额；押品价值逐笔以余额为限；未覆盖=不良余额−对应准备",
            "{unit}; own coverage = allowance on NPL ÷ NPL; collateral of each loan up to its balance; uncovered = NPL "
            "− allowance on them",
        ).format(unit=_scale(covered).unit),
        source=covered.source,
    )
    shown = table(rows, _COVERAGE_COLUMNS, caption, total=_coverage_row(covered, Text("合计", "Total"), covered.whole))
    metrics: dict[str, Metric] = {"provision_coverage_ratio": value, "own_coverage": own}
    return Exhibit(id=shown.id, kind="table", html=shown.html, metrics=shown.metrics | metrics)


def coverage_by_age(covered: Covered) -> Exhibit:
    """The same by how long loans have been bad, and by collateral."""
    caption = Caption(
        id="coverage_by_age",
        headline=_least_headline(covered),
        subtitle=Text(
            "{unit}；不良满年数自首次成为不良的月末起算",
            "{unit}; years since the month end that first showed it as NPL",
        ).format(unit=_scale(covered).unit),
        source=covered.source,
    )
    return table(_blocks(covered, ("npl_years", "collateral_type")), _COVERAGE_COLUMNS, caption)


def allowance_bridge(covered: Covered) -> Exhibit:
    """The allowance from opening to closing; what is charged and released balances each loan."""
    known = covered.bridge if covered.bridge.get("opening") is not None else {}
    lines = {name: Fraction(known[name]) for name in ("opening", *ALLOWANCE_LINES, "closing") if name in known}
    steps = [Step(key=name, label=LINE_LABELS[name], amount=lines[name]) for name in ALLOWANCE_LINES if name in lines]
    sizes = sorted(abs(step.amount) for step in steps if step.amount)
    typical = sizes[len(sizes) // 2] if sizes else lines.get("closing", Fraction(0))
    caption = Caption(
        id="allowance_bridge",
        headline=_bridge_headline(covered, lines),
        subtitle=Text(
            "贷款损失准备，逐月逐笔；计提与转回为轧差项，含其他未列明的变动",
            "Allowance, month by month and loan by loan; charged and released are what balances each loan",
        ),
        source=covered.source,
    )
    ends = Ends(opening=lines.get("opening"), closing=lines.get("closing"), labels=_end_labels(covered.period))
    note = covered.bridge_note or str(covered.bridge.get("note") or "not_recorded")
    scale = money_scale(float(typical), covered.currency)
    return waterfall(ends, steps, in_money(scale), caption, Look(worse="", note=note))


def requirement_table(covered: Covered) -> Exhibit:
    """What Chinese supervision asks for, by each standard, and what is held beyond it."""
    rows = [] if covered.requirement is None else covered.requirement.to_dict("records")
    base = next((row for row in rows if row["standard"] == "base"), {})
    caption = Caption(
        id="requirement_table",
        headline=_requirement_headline(covered, base),
        subtitle=Text("{unit}；两项标准孰高", "{unit}; the higher of two standards").format(unit=_scale(covered).unit)
        + Text(
            "；整家银行的标准，按本账簿的贷款计算；待核对=未见原文",
            "; standards of a whole bank, worked out for the loans of this book; not checked = not read in print",
        ),
        source=covered.source,
    )
    return table([_requirement_row(covered, row) for row in rows], _REQUIREMENT_COLUMNS, caption)


def backstop_table(covered: Covered) -> Exhibit:
    """What the European rule would ask for, now and later if nothing changes: the cliff ahead."""
    rows = [] if covered.backstop is None else covered.backstop.to_dict("records")
    reach = max((number(row["shortfall"]) for row in rows if is_known(number(row["shortfall"]))), default=0.0)
    caption = Caption(
        id="backstop_table",
        headline=_backstop_headline(covered, rows),
        subtitle=Text(
            "{unit}；欧盟2019/630号条例的最低覆盖，作为参照，并非对本行的要求；之后各期假设余额、押品与准备不变，只计账龄",
            "{unit}; least coverage of Regulation (EU) 2019/630, as a yardstick where it is not law; later dates let "
            "the loans grow older and change nothing else",
        ).format(unit=_scale(covered).unit),
        source=covered.source,
    )
    return table([_backstop_row(covered, row, reach) for row in rows], _BACKSTOP_COLUMNS, caption)


def _blocks(covered: Covered, cuts: Sequence[str]) -> list[Row]:
    return [row for cut in cuts if cut in covered.groups for row in _block(covered, cut, covered.groups[cut])]


def _key(group: object) -> str:
    return "" if group is None or pd.isna(group) else str(group)  # type: ignore[call-overload]


def _least_headline(covered: Covered) -> Text:
    """Which kind of collateral leaves most uncovered."""
    groups = covered.groups.get("collateral_type")
    rows = [] if groups is None else [row for row in groups.to_dict("records") if is_known(number(row["uncovered"]))]
    if not rows:
        return Text("按年限与押品的覆盖：", "Coverage by age and collateral: ") + reason(covered.note or "no_loans")
    most = max(rows, key=lambda row: (number(row["uncovered"]), str(row["collateral_type"])))
    return Text("未覆盖最多的是{name}：{amount}", "Most is uncovered of {name}: {amount}").format(
        name=covered.label("collateral_type", _key(most["collateral_type"])),
        amount=money(number(most["uncovered"]), covered.currency),
    )


def _block(covered: Covered, cut: str, groups: pd.DataFrame) -> list[Row]:
    named = [row for row in groups.to_dict("records") if number(row["loans"])]
    if not named:
        return []
    head = Cell(html=f"<b>{covered.cut_label(cut).html()}</b>", sort=cut)
    rows = [_coverage_row(covered, covered.label(cut, _key(row[cut])), row) for row in named]
    return [{"group": head}, *rows]


def _coverage_row(covered: Covered, name: Text, row: Mapping[Any, Any]) -> Row:
    own, age = number(row.get("own_value")), number(row.get("valuation_months"))
    note = str(row.get("note") or "not_recorded")
    return {
        "group": text_cell(name),
        "loans": number_cell(number(row.get("loans")), count(number(row.get("loans"))), note=note),
        **{name: _amount(covered, row.get(name), note) for name in ("npl", "allowance_npl", "uncovered", "collateral")},
        "own_value": number_cell(own, ratio(own, 1), strong=True, note=note),
        "age": number_cell(age, count(age), note="not_recorded"),
    }


def _amount(covered: Covered, amount: object, note: str, *, strong: bool = False) -> Cell:
    known = number(amount)
    exact = Decimal(str(amount)) if is_known(known) else None
    return number_cell(known, _scale(covered).shows(exact), note=note, strong=strong)


def _scale(covered: Covered) -> MoneyScale:
    # That of a middling group: in the unit of the whole, most groups would read as nothing.
    sizes = sorted(number(npl) for groups in covered.groups.values() for npl in groups["npl"] if number(npl) > 0)
    typical = sizes[len(sizes) // 2] if sizes else number(covered.whole.get("npl"))
    return money_scale(typical, covered.currency)


def _end_labels(period: tuple[date, date] | None) -> tuple[Text, Text]:
    if period is None:
        return Text("期初", "Opening"), Text("期末", "Closing")
    return Text("期初 ", "Opening, ") + day(period[0]), Text("期末 ", "Closing, ") + day(period[1])


def _bridge_headline(covered: Covered, lines: Mapping[str, Fraction]) -> Text:
    if not lines:
        why = covered.bridge_note or str(covered.bridge.get("note") or "not_recorded")
        return Text("准备变动：", "Allowance bridge: ") + reason(why)
    change = lines["closing"] - lines["opening"]
    moved = Text("持平", "unchanged") if not change else Text("增加", "up ") if change > 0 else Text("减少", "down ")
    size = money(float(abs(change)), covered.currency) if change else Text("", "")
    return Text(
        "准备{moved}{size}，至{closing}；核销用去{used}，计入损益{charged}",
        "The allowance is {moved}{size}, at {closing}; write-offs used {used}, {charged} went through profit and loss",
    ).format(
        moved=moved,
        size=size,
        closing=money(float(lines["closing"]), covered.currency),
        used=money(float(-lines["write_off"]), covered.currency),
        charged=money(number(covered.bridge.get("charged")), covered.currency),
    )


def _requirement_headline(covered: Covered, base: Mapping[Any, Any]) -> Text:
    surplus = number(base.get("surplus"))
    if not is_known(surplus):
        why = covered.note or str(base.get("note") or "not_recorded")
        return Text("监管要求：", "Required by supervision: ") + reason(why)
    words = (
        Text("已提准备比基本标准多{amount}", "The allowance is {amount} above the base standard")
        if surplus >= 0
        else Text("已提准备比基本标准少{amount}", "The allowance is {amount} short of the base standard")
    )
    return words.format(amount=money(abs(surplus), covered.currency))


def _requirement_row(covered: Covered, row: Mapping[Any, Any]) -> Row:
    note = str(row["note"] or "not_recorded")
    coverage, provision = (number(row[name]) for name in ("coverage_minimum", "provision_ratio_minimum"))
    return {
        "standard": text_cell(capitalised(STANDARDS[str(row["standard"])])),
        "coverage": number_cell(coverage, ratio(coverage, 0), note=note),
        "provision": number_cell(provision, ratio(provision, 1), note=note),
        **{name: _amount(covered, row[name], note) for name in ("required", "held")},
        "surplus": _amount(covered, row["surplus"], note, strong=True),
        "binding": text_cell(_BINDING[row["binding"]]) if row["binding"] in _BINDING else Cell(html=absent(note)),
        "status": text_cell(_STATUS.get(str(row["status"]), Text("", ""))),
    }


def _backstop_headline(covered: Covered, rows: Sequence[Mapping[Any, Any]]) -> Text:
    known = [(as_date(row["as_of"]), number(row["shortfall"])) for row in rows]
    known = [(when, shortfall) for when, shortfall in known if is_known(shortfall)]
    if not known:
        notes = [str(row["note"]) for row in rows if row["note"]]
        return Text("欧盟最低覆盖：", "EU backstop: ") + reason(covered.note or next(iter(notes), "no_loans"))
    now, (last, ahead) = known[0][1], known[-1]
    return Text(
        "按欧盟规则缺口为{now}，若无变化，到{last}为{ahead}",
        "By the European rule {now} would be short, {ahead} by {last} if nothing changes",
    ).format(now=money(now, covered.currency), last=day(last), ahead=money(ahead, covered.currency))


def _backstop_row(covered: Covered, row: Mapping[Any, Any], reach: float) -> Row:
    note, short = str(row["note"] or "not_recorded"), number(row["shortfall"])
    width = 100 * short / reach if reach and is_known(short) else 0.0
    bar = f'<span class="br" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>' if width else ""
    return {
        "when": text_cell(day(as_date(row["as_of"]))),
        **{name: _amount(covered, row[name], note) for name in ("npl", "unsecured", "required", "held")},
        "shortfall": _amount(covered, row["shortfall"], note, strong=True),
        "bar": Cell(html=bar),
    }
