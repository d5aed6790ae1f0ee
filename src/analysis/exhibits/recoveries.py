"""What do we get back, and when? Recovery curves, ways out, loss given default, and what follows a write-off."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import pandas as pd

from analysis.exhibits.curves import Axis, Curve, Role, curves
from analysis.exhibits.exhibit import Caption, Exhibit, absent
from analysis.exhibits.incidence import Exit, incidence, still_open
from analysis.exhibits.locale import as_date, count, is_known, ratio, reason, share_number
from analysis.exhibits.reading import number
from analysis.exhibits.tables import Cell, Column, Row, number_cell, table, text_cell
from analysis.terms import DIMENSIONS, Text, same

ENDING_LABELS: Mapping[str, Text] = MappingProxyType(
    {
        "cash": Text("现金结清", "Paid"),
        "cured": Text("治愈", "Cured"),
        "sold": Text("转让", "Sold"),
        "foreclosed": Text("抵债", "Foreclosed"),
        "converted": Text("转股", "Swapped"),
        "forgiven": Text("减免", "Forgiven"),
        "written_off": Text("核销", "Written off"),
        "left": Text("离开台账", "Left the tape"),
    }
)
_ROLES = MappingProxyType({"cash": "accent", "cured": "better", "sold": "total", "written_off": "worse"})
HORIZONS = (12, 24, 36)
_MATURE = 12
_YEARS_SHOWN = 5
_SINCE_DEFAULT = Axis(label=Text("违约后月数", "Months since default"))
_SINCE_WRITE_OFF = Axis(label=Text("核销后月数", "Months since write-off"))
_LGD_COLUMNS = (
    Column(key="loans", label=Text("违约笔数", "Defaults")),
    Column(key="all", label=Text("损失率", "LGD")),
    Column(key="interval", label=Text("95%区间", "95% interval"), align="text"),
    Column(key="closed", label=Text("仅已了结", "Closed only")),
    Column(key="count", label=Text("按笔数", "By number")),
    Column(key="half", label=Text("回收过半，月", "Half the cash, months")),
    Column(key="recovered", label=Text("已收回", "Received")),
    Column(key="cost", label=Text("费用占收回", "Cost of it")),
)


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What is known of defaults and what came in on them.

    Attributes:
        as_of: reporting date.
        basis: "balance" or "count".
        source: where the numbers come from.
        note: why nothing is known of money; ways out may still be.
        curve, by_year: recovered shares by months, of all and by year of default, as `recovery_curve` gives them.
        exits: chances of each way out, as `workout_exits` gives them.
        lgd, times, cash: by group of `by`, the last rows without a name of all: as `workout_lgd`, `time_to_cash` and
            `recovery_rows` give them.
        written_off: recovered shares after a write-off, as `written_off_recoveries` gives them.
        by: dimension of the table of losses.
        label: gives the name of one of its groups.
        truncated: defaults left out because they were bad when first seen [count].
    """

    as_of: date
    basis: str = "balance"
    source: Text | None = None
    note: str = ""
    curve: pd.DataFrame | None = None
    by_year: pd.DataFrame | None = None
    exits: pd.DataFrame | None = None
    lgd: pd.DataFrame | None = None
    times: pd.DataFrame | None = None
    cash: pd.DataFrame | None = None
    written_off: pd.DataFrame | None = None
    by: str = "collateral_type"
    label: Callable[[str], Text] = same
    truncated: int = 0


def recovery_chart(recovered: Recovered) -> Exhibit:
    """Recovered share of the exposure at default by months since, of all and of the latest years of default."""
    whole = _curve("all", Text("全部", "All"), recovered.curve, "accent")
    years = [_curve(str(when.year), same(str(when.year)), own, "context") for when, own in _cohorts(recovered.by_year)]
    grown = [one for one in years[-_YEARS_SHOWN:] if one.known and one.known[-1][0] >= _MATURE]
    caption = Caption(
        id="recovery_chart",
        headline=_recovery_headline(recovered),
        subtitle=Text(
            "累计收回占违约时敞口，%，{by}，不折现；未了结的计至报告日，阴影为95%区间；灰线为各违约年份；"
            "首次出现即为不良的{n}笔未计入",
            "Received so far, % of exposure at default, {by}, not discounted; open ones as far as followed, shaded = "
            "95% interval; grey = years of default; {n} defaults bad when first seen are left out",
        ).format(by=_basis(recovered), n=count(recovered.truncated)),
        source=recovered.source,
    )
    return curves([whole, *grown], caption, _SINCE_DEFAULT)


def exits_chart(recovered: Recovered) -> Exhibit:
    """How defaults end, in competition with each other."""
    rows = _readable(recovered.exits)
    months = sorted({int(row["months"]) for row in rows})
    exits = [_exit(name, [row for row in rows if row["exit"] == name]) for name in ENDING_LABELS]
    shown = [one for one in exits if one.last > 0]
    caption = Caption(
        id="exits_chart",
        headline=_exits_headline(shown, months, recovered),
        subtitle=Text(
            "违约后各月内以各方式结束的概率，%，{by}，Aalen–Johansen；未了结的为删失，区间见数据表",
            "Chance to have ended in each way by each month, %, {by}, Aalen–Johansen; open ones are censored, "
            "intervals in the data table",
        ).format(by=_basis(recovered)),
        source=recovered.source,
    )
    return incidence(shown, months if shown else [], caption, axis=_SINCE_DEFAULT.label)


def lgd_table(recovered: Recovered) -> Exhibit:
    """What was lost, by collateral and in all, with time to cash and cost."""
    groups = _groups(recovered)
    rows = [_lgd_row(recovered, name) for name in groups]
    caption = Caption(
        id="lgd_table",
        headline=_lgd_headline(recovered),
        subtitle=Text(
            "处置法，按合同利率折现，按敞口；未了结的按回收曲线外推；“仅已了结”漏掉拖得久的，多半偏低；费用已扣除",
            "Workout method, discounted at the contract rate, by exposure; open workouts follow the recovery curve; "
            "closed ones alone leave out those that take long, mostly too low; costs deducted",
        ),
        source=recovered.source,
    )
    columns = [Column(key="group", label=DIMENSIONS[recovered.by], align="text"), *_LGD_COLUMNS]
    total = _lgd_row(recovered, None) if recovered.lgd is not None else None
    return table(rows, columns, caption, total=total)


def written_off_chart(recovered: Recovered) -> Exhibit:
    """What comes in after a write-off, which never enters the stock of bad loans again."""
    came = recovered.written_off if _came_in(recovered.written_off) else None
    curve = _curve("all", Text("全部", "All"), came, "accent")
    caption = Caption(
        id="written_off_chart",
        headline=_written_off_headline(curve, recovered),
        subtitle=Text(
            "核销后累计收回占核销金额，%，{by}；阴影为95%区间",
            "Collected since, % of the amount written off, {by}; shaded = 95% interval",
        ).format(by=_basis(recovered)),
        source=recovered.source,
    )
    return curves([curve], caption, _SINCE_WRITE_OFF)


def recovered_by(curve: pd.DataFrame | None, months: int) -> float:
    """Recovered share so many months after default; NaN if nothing was followed that far [share]."""
    if curve is None:
        return math.nan
    return next((number(row["value"]) for row in curve[curve["months"] == months].to_dict("records")), math.nan)


def loss(recovered: Recovered, group: str | None, scope: str = "all", weight: str = "exposure") -> Mapping[str, Any]:
    """A loss given default and what is known of it; empty if there is none."""
    rows = _of(recovered.lgd, recovered.by, group)
    mine = [row for row in rows if row["scope"] == scope and row["weight"] == weight]
    return mine[0] if mine else {}


def _of(frame: pd.DataFrame | None, by: str, group: str | None) -> list[Mapping[str, Any]]:
    rows = [] if frame is None else frame.to_dict("records")
    named = ({str(name): value for name, value in row.items()} for row in rows)
    return [row for row in named if _name(row.get(by)) == group]


def _name(value: object) -> str | None:
    return None if value is None or value is pd.NA or value != value else str(value)  # noqa: PLR0124  (NaN)


def _came_in(rows: pd.DataFrame | None) -> bool:
    return rows is not None and any(number(value) > 0 for value in rows["value"])


def _groups(recovered: Recovered) -> list[str]:
    names = {_name(value) for value in ([] if recovered.lgd is None else recovered.lgd[recovered.by])}
    known = sorted(name for name in names if name is not None)
    return sorted(known, key=lambda name: (-number(loss(recovered, name).get("loans")), name))


def _lgd_row(recovered: Recovered, group: str | None) -> Row:
    every, closed = loss(recovered, group), loss(recovered, group, "closed")
    times, cash = (next(iter(_of(frame, recovered.by, group)), {}) for frame in (recovered.times, recovered.cash))
    received = number(cash.get("received")) / (number(cash.get("exposure")) or math.nan)
    return {
        "group": text_cell(Text("合计", "Total") if group is None else recovered.label(group)),
        "loans": number_cell(number(every.get("loans")), count(number(every.get("loans")))),
        "all": _share(every, strong=True),
        "interval": _interval(every),
        "closed": _share(closed),
        "count": _share(loss(recovered, group, weight="count")),
        "half": number_cell(number(times.get("months")), count(number(times.get("months"))), note="no_cash"),
        "recovered": number_cell(received, ratio(received, 1), note="no_cash"),
        "cost": _share(cash),
    }


def _share(row: Mapping[str, Any], *, strong: bool = False) -> Cell:
    value = number(row.get("value"))
    return number_cell(value, ratio(value, 1), strong=strong, note=str(row.get("note") or "not_recorded"))


def _interval(row: Mapping[str, Any]) -> Cell:
    lower, upper = (number(row.get(name)) for name in ("lower", "upper"))
    if not is_known(lower):
        return Cell(html=absent(str(row.get("note") or "not_recorded")))
    return text_cell(f"{share_number(lower, 1)}–{share_number(upper, 1)}")


def _curve(key: str, label: Text, rows: pd.DataFrame | None, role: Role) -> Curve:
    shown = sorted(((int(row["months"]), row) for row in _readable(rows)), key=lambda pair: pair[0])
    has_band = role == "accent"
    return Curve(
        key=key,
        label=label,
        months=(0, *(month for month, _ in shown)) if shown else (),
        values=(0.0, *(number(row["value"]) for _, row in shown)) if shown else (),
        lower=(0.0, *(number(row["lower"]) for _, row in shown)) if shown and has_band else (),
        upper=(0.0, *(number(row["upper"]) for _, row in shown)) if shown and has_band else (),
        role=role,
    )


def _readable(rows: pd.DataFrame | None) -> Sequence[Mapping[Any, Any]]:
    """Months with enough defaults behind them; all months of a book that has too few throughout."""
    known = [] if rows is None else [row for row in rows.to_dict("records") if int(row["months"]) > 0]
    enough = [row for row in known if row["note"] != "too_small"]
    return enough or known


def _cohorts(rows: pd.DataFrame | None) -> list[tuple[date, pd.DataFrame]]:
    if rows is None or not len(rows):
        return []
    found = ((as_date(when), own) for when, own in rows.groupby("cohort", sort=True))
    return [(when, own) for when, own in found if when is not None]


def _exit(name: str, rows: Sequence[Mapping[Any, Any]]) -> Exit:
    ordered = sorted(rows, key=lambda row: int(row["months"]))
    values, lower, upper = (tuple(number(row[part]) for row in ordered) for part in ("value", "lower", "upper"))
    role = _ROLES.get(name, "context")
    return Exit(key=name, label=ENDING_LABELS[name], values=values, lower=lower, upper=upper, role=role)


def _basis(recovered: Recovered) -> Text:
    return Text("按敞口", "by exposure") if recovered.basis == "balance" else Text("按笔数", "by number of loans")


def _recovery_headline(recovered: Recovered) -> Text:
    known = [(months, value) for months in HORIZONS if is_known(value := recovered_by(recovered.curve, months))]
    if not known:
        why = reason(recovered.note or "too_short")
        return Text("回收曲线：", "Recovery curve: ") + why
    parts = [Text("{n}个月{v}", "{v} by month {n}").format(n=months, v=ratio(value, 1)) for months, value in known]
    joined = Text("、".join(part.zh for part in parts), ", ".join(part.en for part in parts))
    return Text("违约后累计收回：", "Received after default: ") + joined


def _exits_headline(exits: Sequence[Exit], months: Sequence[int], recovered: Recovered) -> Text:
    if not exits:
        return Text("违约的结局：", "How defaults end: ") + reason(recovered.note or "too_short")
    most = max(exits, key=lambda one: (one.last, one.key))
    return Text(
        "{n}个月内，最多的结局是{name}（{share}），仍有{rest}未了结",
        "Within {n} months most defaults end as: {name} ({share}); {rest} are still open",
    ).format(n=max(months), name=_lower(most.label), share=ratio(most.last, 1), rest=ratio(still_open(exits), 1))


def _lower(label: Text) -> Text:
    return Text(label.zh, label.en[:1].lower() + label.en[1:])


def _lgd_headline(recovered: Recovered) -> Text:
    every, closed = (number(loss(recovered, None, scope).get("value")) for scope in ("all", "closed"))
    if not is_known(every):
        why = str(loss(recovered, None).get("note") or recovered.note or "not_recorded")
        return Text("违约损失率：", "Loss given default: ") + reason(why)
    said = Text("违约损失率为{all}", "Loss given default is {all}")
    if is_known(closed):
        said = said + Text("；只看已了结的为{closed}", "; of closed workouts alone {closed}")
    return said.format(all=ratio(every, 1), closed=ratio(closed, 1))


def _written_off_headline(curve: Curve, recovered: Recovered) -> Text:
    if not curve.known:
        is_there = recovered.written_off is not None and len(recovered.written_off)
        return Text("核销后收回：", "After write-off: ") + reason(
            recovered.note or ("no_recoveries" if is_there else "no_write_offs")
        )
    months, value = curve.known[-1]
    return Text("核销后{n}个月内收回{v}", "{v} of what was written off came in within {n} months").format(
        n=months, v=ratio(value, 1)
    )
