"""Which share of overdue loans rolls on, and what do the official migration rates say? Two tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from analysis.exhibits.exhibit import Caption, Exhibit, absent
from analysis.exhibits.locale import day, is_known, points, ratio, reason, share_number
from analysis.exhibits.panels import change_tone
from analysis.exhibits.reading import number
from analysis.exhibits.sparkline import sparkline
from analysis.exhibits.tables import Cell, Column, Row, number_cell, table, text_cell
from analysis.measures.migration import BUCKETS
from analysis.measures.migration_rates import CONVENTIONS, NORMAL_LOANS, RATES
from analysis.terms import Text

_ROLL_COLUMNS = (
    Column(key="bucket", label=Text("逾期档", "Bucket"), align="text"),
    Column(key="recent", label=Text("近3个月", "Latest 3 months")),
    Column(key="year", label=Text("近12个月", "Latest 12")),
    Column(key="interval", label=Text("95%区间", "95% interval"), align="text"),
    Column(key="prior", label=Text("此前12个月", "12 before")),
    Column(key="change", label=Text("变化", "Change")),
    Column(key="path", label=Text("近8个季度", "8 quarters"), align="mark"),
    Column(key="net", label=Text("净额口径", "Net")),
    Column(key="through", label=Text("滚至末档", "All the way")),
)


_MONTHLY = Text("每月", "each month")


@dataclass(frozen=True, kw_only=True)
class Rolled:
    """Roll rates of a book.

    Attributes:
        as_of: reporting date.
        basis: "balance" or "count".
        every: how often the book is seen, in words.
        source: where the numbers come from.
        note: why there are none.
        recent, year, prior: rates of the latest 3 months, the latest 12 and the 12 before them, added up, as
            `roll_rates` gives them; None where the book does not reach back.
        through: of the latest 12, as `flow_through` gives it.
        paths: by bucket the loans' own rate quarter by quarter [share; NaN if unknown].
    """

    as_of: date
    basis: str = "balance"
    every: Text = _MONTHLY
    source: Text | None = None
    note: str = ""
    recent: pd.DataFrame | None = None
    year: pd.DataFrame | None = None
    prior: pd.DataFrame | None = None
    through: pd.DataFrame | None = None
    paths: Mapping[str, Sequence[float]] | None = None


@dataclass(frozen=True, kw_only=True)
class Official:
    """Official migration rates of a book.

    Attributes:
        as_of, since: reporting date and beginning of the year; `since` None if the book does not reach back.
        source: where the numbers come from.
        note: why there are none.
        rates, before: as `official_migration_rates` gives them, now and for the same months of the year before.
    """

    as_of: date
    since: date | None
    source: Text | None = None
    note: str = ""
    rates: pd.DataFrame | None = None
    before: pd.DataFrame | None = None


def roll_table(rolled: Rolled) -> Exhibit:
    """Each bucket of days past due with the share of its loans that was in a worse one a month later."""
    rows = [_roll_row(rolled, bucket) for bucket in BUCKETS[:-1]]
    by = Text("按余额", "by balance") if rolled.basis == "balance" else Text("按笔数", "by number of loans")
    caption = Caption(
        id="roll_table",
        headline=_roll_headline(rolled),
        subtitle=Text(
            "滚动率{by}，{every}：期末在本档、下一期末在更差档的占比，各期合并；净额=下一档余额÷本档余额；滚至末档=逐档相乘",
            "Roll rate {by}, {every}: of loans in the bucket, those in a worse one at the next date, dates added up; "
            "net = next bucket ÷ this one; all the way = rates multiplied up to the last bucket",
        ).format(by=by, every=rolled.every),
        source=rolled.source,
    )
    columns = [one for one in _ROLL_COLUMNS if one.key != "interval" or rolled.basis == "count"]
    return table(rows, columns, caption)


def official_table(official: Official) -> Exhibit:
    """The migration rates of supervision from the beginning of the year, by both conventions, each named."""
    columns = [Column(key="rate", label=Text("指标", "Rate"), align="text"), *_rate_columns(official)]
    rows = [_rate_row(official, name) for name in RATES]
    caption = Caption(
        id="official_table",
        headline=_official_headline(official),
        subtitle=Text(
            "自{since}起累计，不年化，按余额；两种口径分子分母不同，不可互比",
            "Since {since}, not annualised, by balance; the conventions differ above and below the line, so never "
            "compare one with the other",
        ).format(since=day(official.since)),
        source=official.source,
    )
    return table(rows, columns, caption)


def roll_rate(rates: pd.DataFrame | None, bucket: str, convention: str = "loan_level") -> Mapping[str, Any]:
    """One bucket's rate by a convention; empty if there is none."""
    if rates is None:
        return {}
    mine = rates[(rates["bucket"] == bucket) & (rates["convention"] == convention)]
    return {str(name): value for row in mine.to_dict("records")[:1] for name, value in row.items()}


def _roll_row(rolled: Rolled, bucket: str) -> Row:
    recent, year, prior = (roll_rate(rates, bucket) for rates in (rolled.recent, rolled.year, rolled.prior))
    change = number(year.get("value")) - number(prior.get("value"))
    net = roll_rate(rolled.year, bucket, "net")
    is_last = bucket == BUCKETS[-2]
    return {
        "bucket": text_cell(f"{bucket} → {BUCKETS[BUCKETS.index(bucket) + 1]}"),
        "recent": _rate(recent),
        "year": _rate(year, strong=True),
        "interval": _interval(year),
        "prior": _rate(prior, missing="no_history"),
        "change": number_cell(change, points(change), tone=change_tone(change), note="no_history"),
        "path": Cell(html=sparkline((rolled.paths or {}).get(bucket, ()))),
        "net": number_cell(math.nan, "", note="last_bucket") if is_last else _rate(net),
        "through": _rate(roll_rate(rolled.through, bucket)),
    }


def _rate(row: Mapping[str, Any], *, strong: bool = False, missing: str = "no_prior") -> Cell:
    value = number(row.get("value"))
    return number_cell(value, ratio(value, 1), strong=strong, note=str(row.get("note") or missing))


def _interval(row: Mapping[str, Any]) -> Cell:
    lower, upper = (number(row.get(name)) for name in ("lower", "upper"))
    if not is_known(lower):
        return Cell(html=absent(str(row.get("note") or "no_prior")))
    return text_cell(f"{share_number(lower, 1)}–{share_number(upper, 1)}")


def _roll_headline(rolled: Rolled) -> Text:
    known = [(bucket, roll_rate(rolled.year, bucket)) for bucket in BUCKETS[1:-1]]
    values = {bucket: number(row.get("value")) for bucket, row in known}
    values = {bucket: value for bucket, value in values.items() if is_known(value)}
    if not values:
        return Text("逾期滚动率：", "Roll rates: ") + reason(rolled.note or "no_loans")
    first = next(iter(values))
    most = max(values, key=lambda bucket: values[bucket])
    said = Text("{first}档{every}有{value}滚入更差档", "Of loans in {first}, {value} roll on {every}").format(
        first=first, value=ratio(values[first], 1), every=rolled.every
    )
    if most == first:
        return said
    return said + Text("，{most}档最高，为{value}", ", most in {most}: {value}").format(
        most=most, value=ratio(values[most], 1)
    )


def _rate_columns(official: Official) -> list[Column]:
    columns = []
    for name, convention in CONVENTIONS.items():
        columns.append(Column(key=name, label=convention.label))
        if official.before is not None:
            columns.append(Column(key=f"{name}_before", label=Text("上年同期", "A year before")))
    return columns


def _rate_row(official: Official, name: str) -> Row:
    cells = {"rate": text_cell(RATES[name])}
    for convention in CONVENTIONS:
        cells[convention] = _official(official.rates, convention, name)
        cells[f"{convention}_before"] = _official(official.before, convention, name)
    return cells


def _official(rates: pd.DataFrame | None, convention: str, name: str) -> Cell:
    found = _official_rate(rates, convention, name)
    if not found:
        return Cell(html=absent("no_prior" if rates is None else "not_defined"))
    value = number(found["value"])
    return number_cell(value, ratio(value), note=str(found["note"]))


def _official_rate(rates: pd.DataFrame | None, convention: str, name: str) -> Mapping[str, Any]:
    if rates is None:
        return {}
    mine = rates[(rates["convention"] == convention) & (rates["rate"] == name)]
    return {str(key): value for row in mine.to_dict("records")[:1] for key, value in row.items()}


def _official_headline(official: Official) -> Text:
    value = number(_official_rate(official.rates, "A_2005", NORMAL_LOANS).get("value"))
    if not is_known(value):
        return Text("监管口径迁徙率：", "Official migration rates: ") + reason(official.note or "not_recorded")
    label = RATES[NORMAL_LOANS]
    return Text("{label}为{value}（{by}）", "{label}: {value} ({by})").format(
        label=label, value=ratio(value), by=CONVENTIONS["A_2005"].label
    )
