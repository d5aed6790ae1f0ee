"""Do bad loans come back, and do they stay? Two tables, one row per year in which they went bad or came back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.exhibits.exhibit import Caption, Exhibit, absent
from analysis.exhibits.locale import count, is_known, ratio, reason, share_number
from analysis.exhibits.reading import number
from analysis.exhibits.tables import Cell, Column, Row, number_cell, table, text_cell
from analysis.measures.cures import CURE_OUTCOMES, REDEFAULT_OUTCOMES
from analysis.terms import Text, same

_OUTCOMES = {
    "cured": Text("治愈", "Cured"),
    "relapsed": Text("考察期内复发", "Relapsed"),
    "left_performing": Text("好转后退出", "Gone when well"),
    "left": Text("退出", "Gone"),
    "not_returned": Text("未好转", "Not back"),
    "redefaulted": Text("再次变坏", "Bad again"),
    "held": Text("保持正常", "Held"),
}


@dataclass(frozen=True, kw_only=True)
class Cured:
    """Who came back, by year, and in all.

    Attributes:
        within: months that are watched [months].
        probation: months that a loan has to hold [months].
        source: where the numbers come from.
        note: why there is nothing to show.
        cures, redefaults: by year, "" for all, one row as `pooled_cohorts` gives it.
    """

    within: int
    probation: int
    source: Text | None = None
    note: str = ""
    cures: Mapping[str, Mapping[str, Any]]
    redefaults: Mapping[str, Mapping[str, Any]]


def cure_table(cured: Cured) -> Exhibit:
    """Of the loans that went bad in a year, which share came back in time and held."""
    words = Text("变坏的贷款有{rate}在{n}个月内治愈", "{rate} of loans that went bad came back within {n} months")
    caption = Caption(
        id="cure_table",
        headline=_headline(cured, cured.cures, words),
        subtitle=Text(
            "按变坏年份，笔数；{within}个月内好转并保持{probation}个月为治愈，95%区间（Wilson）；观察期未满的不计率",
            "By year of going bad, number of loans; cured = back within {within} months and held for {probation}, 95% "
            "interval (Wilson); no rate where the time is not over",
        ).format(within=cured.within, probation=cured.probation),
        source=cured.source,
    )
    return _table(cured.cures, ("entrants", *CURE_OUTCOMES), Text("变坏年份", "Went bad in"), caption)


def redefault_table(cured: Cured) -> Exhibit:
    """Of the loans that came back in a year and held, which share went bad again."""
    words = Text("治愈的贷款有{rate}在{n}个月内再次变坏", "{rate} of cured loans went bad again within {n} months")
    caption = Caption(
        id="redefault_table",
        headline=_headline(cured, cured.redefaults, words),
        subtitle=Text(
            "按好转年份，笔数；考察期{probation}个月之后的{within}个月，95%区间（Wilson）；观察期未满的不计率",
            "By year of coming back, number of loans; the {within} months after {probation} of probation, 95% interval "
            "(Wilson); no rate where the time is not over",
        ).format(within=cured.within, probation=cured.probation),
        source=cured.source,
    )
    return _table(cured.redefaults, ("cured", *REDEFAULT_OUTCOMES), Text("好转年份", "Came back in"), caption)


def _table(by_year: Mapping[str, Mapping[str, Any]], amounts: Sequence[str], first: Text, caption: Caption) -> Exhibit:
    whole, *outcomes = amounts
    columns = [
        Column(key="year", label=first, align="text"),
        Column(key="whole", label=Text("笔数", "Loans")),
        Column(key="value", label=_OUTCOMES[outcomes[0]] + Text("率", ", share")),
        Column(key="interval", label=Text("95%区间", "95% interval"), align="text"),
        *(Column(key=name, label=_OUTCOMES[name]) for name in outcomes),
        Column(key="censored", label=Text("未满期", "Not over")),
    ]
    rows = [_row(same(year), row, whole, outcomes) for year, row in by_year.items() if year]
    total = _row(Text("合计", "Total"), by_year[""], whole, outcomes) if by_year.get("") else None
    return table(rows, columns, caption, total=total)


def _row(name: Text, row: Mapping[str, Any], whole: str, outcomes: Sequence[str]) -> Row:
    value = number(row.get("value"))
    note = str(row.get("note") or "")
    return {
        "year": text_cell(name),
        "whole": _count(row.get(whole), note),
        "value": number_cell(value, ratio(value, 1), strong=True, note=note),
        "interval": _interval(row, note),
        **{outcome: _count(row.get(outcome), note) for outcome in outcomes},
        "censored": _count(row.get("censored"), ""),
    }


def _count(loans: object, note: str) -> Cell:
    known = number(None if loans is None or pd.isna(loans) else str(loans))  # type: ignore[call-overload]
    return number_cell(known, count(known), note=note)


def _interval(row: Mapping[str, Any], note: str) -> Cell:
    lower, upper = (number(row.get(name)) for name in ("lower", "upper"))
    if not is_known(lower):
        return Cell(html=absent(note))
    return text_cell(f"{share_number(lower, 1)}–{share_number(upper, 1)}")


def _headline(cured: Cured, by_year: Mapping[str, Mapping[str, Any]], words: Text) -> Text:
    whole = by_year.get("", {})
    rate = number(whole.get("value"))
    if is_known(rate):
        return words.format(rate=ratio(rate, 1), n=cured.within)
    why = cured.note or str(whole.get("note") or "no_changes")
    return Text("治愈与再次变坏：", "Cures and relapses: ") + reason(why)
