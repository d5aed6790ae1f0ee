"""How much hangs on a few names? The share of the largest borrowers, in all loans and in the bad ones; no names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

import pandas as pd

from analysis.exhibits.cards import Card, Remark, cards
from analysis.exhibits.curves import Axis, Curve, Role, curves
from analysis.exhibits.exhibit import Caption, Exhibit, absent
from analysis.exhibits.locale import count, day, is_known, money, ratio, reason, share_number
from analysis.exhibits.reading import number
from analysis.exhibits.tables import Cell, Column, Row, number_cell, status_cell, table, text_cell
from analysis.measures.concentration import Weight
from analysis.terms import Text, same

TOP = 100
WEIGHTS: Mapping[Weight, Text] = MappingProxyType(
    {"npl": Text("不良贷款", "NPLs"), "exposure": Text("全部贷款", "All loans")}
)
LIMIT_LABELS: Mapping[str, Text] = MappingProxyType(
    {
        "CN-LARGE-BORROWER": Text("最大单一借款人÷资本净额", "Largest borrower ÷ net capital"),
        "CN-LARGE-GROUP": Text("最大集团客户÷资本净额", "Largest group ÷ net capital"),
        "HOUSE-TOP-TEN-NPL": Text("最大十户不良÷全部不良", "Ten largest bad names ÷ all NPL"),
    }
)
_AXIS = Axis(
    label=Text("借款人户数，按余额由大到小", "Borrowers, the largest first"),
    first=Text("最大户数", "Largest"),
    steps=(1, 2, 5, 10, 20, 50, 100),
    rows=(1, 3, 5, 10, 20, 50, 100),
)
_ROLES: Mapping[str, Role] = {"npl": "worse", "exposure": "accent"}
_LIMIT_COLUMNS = (
    Column(key="limit_of", label=Text("限额", "Limit"), align="text"),
    Column(key="amount", label=Text("金额", "Amount")),
    Column(key="ratio", label=Text("占比", "Share")),
    Column(key="limit", label=Text("上限", "At most")),
    Column(key="over", label=Text("超限户数", "Names over")),
    Column(key="status", label=Text("状态", "Status"), align="mark"),
)


@dataclass(frozen=True, kw_only=True)
class Names:
    """How much hangs on a few borrowers.

    Attributes:
        as_of: reporting date.
        basis: "balance" or "count".
        currency: ISO code.
        source: where the numbers come from.
        largest: by weight one row is a borrower, as `largest_names` gives it; names are never shown.
        indices: by weight the row of all, as `concentration` gives it.
        limits: one row is a limit, as `concentration_limits` gives it; None by count.
    """

    as_of: date
    basis: str = "balance"
    currency: str = "CNY"
    source: Text | None = None
    largest: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    indices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: pd.DataFrame | None = None


def concentration_cards(names: Names) -> Exhibit:
    """Share of the ten largest, Gini and HHI of bad loans, and the share of the ten largest of all."""
    bad = [_card(names, "npl", index) for index in ("cr10", "gini", "hhi")]
    return cards([*bad, _card(names, "exposure", "cr10")], id="concentration_cards")


def concentration_curve(names: Names) -> Exhibit:
    """Cumulative share of the largest borrowers, of the bad loans and of all."""
    drawn = [_curve(weight, names.largest.get(weight)) for weight in WEIGHTS]
    caption = Caption(
        id="concentration_curve",
        headline=_headline(names),
        subtitle=Text(
            "最大的借款人累计占比，%，{by}，{when}；不列名称",
            "Cumulative share of the largest borrowers, %, {by}, {when}; names are not shown",
        ).format(by=_basis(names), when=day(names.as_of)),
        source=names.source,
    )
    return curves(drawn, caption, _AXIS)


def limits_table(names: Names) -> Exhibit:
    """The largest names against their limits, as far as it can be said."""
    rows = [] if names.limits is None else names.limits.to_dict("records")
    over = [row for row in rows if row["status"] in {"breach", "watch"}]
    unknown = [row for row in rows if row["status"] == "none"]
    caption = Caption(
        id="limits_table",
        headline=_limits_headline(rows, over, unknown),
        subtitle=Text(
            "法定限额计入授信与表外，本账簿只有贷款：未超不等于合规，超则必超",
            "Law counts credit lines and off-balance items too, a book holds loans only: within here proves nothing, "
            "over here is over",
        ),
        source=names.source,
    )
    return table([_limit_row(names, row) for row in rows], _LIMIT_COLUMNS, caption)


def top_share(names: Names, weight: str, index: str = "cr10") -> float:
    """Share of the ten largest, or another index; NaN if unknown."""
    return number(names.indices.get(weight, {}).get(index))


def _card(names: Names, weight: Weight, index: str) -> Card:
    value = top_share(names, weight, index)
    row = names.indices.get(weight, {})
    of = WEIGHTS[weight]
    label, shown, unit = {
        "cr10": (Text("最大十户占{of}", "Ten largest, {of}"), share_number(value, 1), "%"),
        "gini": (Text("基尼系数，{of}", "Gini, {of}"), f"{value:.3f}", ""),
        "hhi": (Text("HHI，{of}", "HHI, {of}"), count(value * 10_000) if is_known(value) else "", ""),
    }[index]
    against = Text("户借款人", "borrowers")
    remark = Remark(value=same(count(number(row.get("names")))), against=against)
    return Card(
        key=f"{weight}.{index}",
        label=label.format(of=Text(of.zh, of.en[:1].lower() + of.en[1:] if weight == "exposure" else of.en)),
        value=same(shown),
        unit=same(unit),
        number=value if is_known(value) else None,
        remarks=(remark,) if is_known(number(row.get("names"))) else (),
        note=str(row.get("note") or "no_loans"),
    )


def _curve(weight: Weight, rows: pd.DataFrame | None) -> Curve:
    ordered = [] if rows is None else sorted(rows.to_dict("records"), key=lambda row: int(row["rank"]))
    return Curve(
        key=weight,
        label=WEIGHTS[weight],
        months=(0, *(int(row["rank"]) for row in ordered)) if ordered else (),
        values=(0.0, *(number(row["cumulative"]) for row in ordered)) if ordered else (),
        role=_ROLES[weight],
    )


def _basis(names: Names) -> Text:
    return Text("按余额", "by balance") if names.basis == "balance" else Text("按笔数", "by number of loans")


def _headline(names: Names) -> Text:
    bad, every = (top_share(names, weight) for weight in WEIGHTS)
    if not is_known(bad) and not is_known(every):
        note = str(names.indices.get("exposure", {}).get("note") or "no_loans")
        return Text("借款人集中度：", "Concentration of borrowers: ") + reason(note)
    if not is_known(bad):
        return Text("最大十户占全部贷款的{every}", "The ten largest borrowers owe {every} of all loans").format(
            every=ratio(every, 1)
        )
    return Text(
        "最大十户占不良贷款的{bad}，占全部贷款的{every}",
        "The ten largest bad names owe {bad} of the NPLs; the ten largest borrowers owe {every} of all loans",
    ).format(bad=ratio(bad, 1), every=ratio(every, 1))


def _limits_headline(rows: list[Any], over: list[Any], unknown: list[Any]) -> Text:
    if not rows:
        return Text("集中度限额：", "Limits of concentration: ") + reason("not_recorded")
    said = (
        Text("{n}项限额中{k}项超限", "{k} of {n} limits are exceeded").format(k=len(over), n=len(rows))
        if over
        else Text("可判断的限额均未超限", "No limit that can be checked is exceeded")
    )
    if not unknown:
        return said
    why = reason(str(unknown[0]["note"]))
    return said + Text("；{k}项无法判断：{why}", "; {k} cannot be checked: {why}").format(k=len(unknown), why=why)


def _limit_row(names: Names, row: Any) -> Row:  # noqa: ANN401  (a record)
    amount, share, over = (number(row[name]) for name in ("amount", "ratio", "over"))
    note = str(row["note"] or "not_recorded")
    return {
        "limit_of": text_cell(LIMIT_LABELS.get(row["rule_id"], same(str(row["rule_id"])))),
        "amount": number_cell(amount, money(amount, names.currency), note=note),
        "ratio": number_cell(share, ratio(share, 1), strong=True, note=note),
        "limit": number_cell(number(row["limit"]), ratio(number(row["limit"]), 0)),
        "over": number_cell(over, count(over), note=note),
        "status": status_cell(row["status"]) if row["status"] != "none" else Cell(html=absent(note), sort=-1.0),
    }
