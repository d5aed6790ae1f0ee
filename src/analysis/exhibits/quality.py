"""Can this tape be trusted? The exhibits of the data quality page."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pandas as pd

from analysis.book.masking import masked
from analysis.book.quality.words import Finding
from analysis.exhibits.cards import Card, Remark, cards
from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.locale import as_date, count, day, is_known, money, money_scale, number_of, ratio
from analysis.exhibits.narrative import marked
from analysis.exhibits.palette import Tone
from analysis.exhibits.reading import number
from analysis.exhibits.tables import Cell, Column, Row, number_cell, pill, table, text_cell
from analysis.terms import FIVE_CLASSES, Text, same

# Pill of a severity, its place in the order, its words.
SEVERITIES = MappingProxyType(
    {
        "error": ("breach", 2.0, Text("错误", "Error")),
        "warning": ("watch", 1.0, Text("警告", "Warning")),
        "info": ("none", 0.0, Text("提示", "Note")),
    }
)
_TABLES = MappingProxyType(
    {
        "loans": Text("贷款", "Loans"),
        "snapshots": Text("月末快照", "Snapshots"),
        "flows": Text("流水", "Flows"),
        "financials": Text("财务报表", "Financials"),
        "contacts": Text("催收记录", "Contacts"),
        "macro": Text("宏观数据", "Macro series"),
    }
)
_EXAMPLES = 3
_ROW = re.compile(r"row (\d+)")
_MASKED_OR_DATE = re.compile(r"…[0-9a-f]{6}|\d{4}-\d{2}-\d{2}")


def quality_summary(
    findings: Sequence[Finding], imports: Sequence[Mapping[str, Any]], *, rules_checked: int
) -> Exhibit:
    """The answer in one sentence, then what stands behind it.

    Args:
        findings: of the checks.
        imports: records of the book's imports, with their `tallies`.
        rules_checked: how many rules were looked at, with or without a finding.

    Returns:
        text whose metrics are `errors`, `warnings` and `rules_passed`.
    """
    found = _severities(findings)
    lines = [_verdict(found), _rules_sentence(findings, rules_checked), *_tally_sentences(imports)]
    items = "".join(f"<li>{marked(text)}</li>" for text in lines[1:])
    html = f'<div class="npl box sum" id="quality_summary"><p>{marked(lines[0])}</p><ul>{items}</ul></div>'
    metrics = {"errors": found["error"], "warnings": found["warning"]}
    passed = {"rules_checked": rules_checked, "rules_passed": rules_checked - len(_failed(findings))}
    return Exhibit(id="quality_summary", kind="text", html=html, metrics={**metrics, **passed})


def quality_headline(
    findings: Sequence[Finding], imports: Sequence[Mapping[str, Any]], *, rules_checked: int, currency: str = "CNY"
) -> Exhibit:
    """Rules passed, rows used and set aside, and the balance in doubt, as cards; arguments of `quality_summary`."""
    rows = _row_totals(imports)
    items = (
        _passed_card(findings, rules_checked),
        _count_card("rows_accepted", Text("入库行数", "Rows accepted"), rows["rows_accepted"]),
        _quarantined_card(rows),
        _risk_card(findings, currency),
    )
    return cards(items, id="quality_headline")


def quality_findings(findings: Sequence[Finding], *, currency: str = "CNY") -> Exhibit:
    """All findings, the worst first, with what they touch and masked examples."""
    order = sorted(findings, key=lambda one: (-_severity(one)[1], -(one.balance_at_risk or 0), one.rule))
    found = _severities(findings)
    headline = (
        Text("错误{e}项、警告{w}项、提示{i}项", "{en}").format(
            en=f"{number_of(found['error'], 'error', 'errors')}, {number_of(found['warning'], 'warning', 'warnings')}, "
            f"{number_of(found['info'], 'note', 'notes')}",
            e=found["error"],
            w=found["warning"],
            i=found["info"],
        )
        if findings
        else Text("没有发现问题", "No rule found anything")
    )
    caption = Caption(
        id="quality_findings",
        headline=headline,
        subtitle=Text(
            "有错误时不出具报告；警告在报告上列示；编号已脱敏",
            "An error refuses a report, a warning shows on it; identifiers are masked",
        ),
    )
    columns = [
        Column(key="rule", label=Text("发现", "Finding"), align="text"),
        Column(key="severity", label=Text("级别", "Severity"), align="mark"),
        Column(key="count", label=Text("行数", "Rows")),
        Column(key="balance", label=Text("涉及余额", "Balance at risk")),
        Column(key="as_of", label=Text("报告日", "As of"), align="text"),
        Column(key="examples", label=Text("示例", "Examples"), align="text"),
    ]
    return table([_finding_row(one, currency) for one in order], columns, caption)


def import_tally(imports: Sequence[Mapping[str, Any]]) -> Exhibit:
    """Each source file with its rows and amounts: in = accepted + quarantined."""
    tallies = _tallies(imports)
    rows = [_tally_row(tally) for tally in tallies]
    lost = sum(int(one["rows_in"]) - int(one["rows_accepted"]) - int(one["rows_quarantined"]) for one in tallies)
    headline = Text("每一行都有着落：导入 = 入库 + 隔离", "Every row is accounted for: in = accepted + quarantined")
    caption = Caption(
        id="import_tally",
        headline=headline
        if not lost
        else Text("有{n}行去向不明", "{rows} without an account").format(
            n=count(lost), rows=number_of(lost, "row", "rows")
        ),
        subtitle=Text("按来源文件；金额为数据源自身单位", "By source file; amounts in the source's own unit"),
    )
    names = (
        ("rows_in", "导入行", "Rows in"),
        ("rows_accepted", "入库行", "Accepted"),
        ("rows_quarantined", "隔离行", "Quarantined"),
        ("amount_in", "导入金额", "Amount in"),
        ("amount_accepted", "入库金额", "Accepted"),
        ("amount_quarantined", "隔离金额", "Quarantined"),
    )
    columns = [
        Column(key="source", label=Text("来源", "Source"), align="text"),
        Column(key="table", label=Text("数据表", "Table"), align="text"),
    ]
    columns += [Column(key=key, label=Text(zh, en)) for key, zh, en in names]
    return table(rows, columns, caption)


def class_differences(differences: pd.DataFrame, *, as_of: date, currency: str = "CNY") -> Exhibit:
    """Loans whose reported class is not the one the rules give.

    Args:
        differences: one row is a reported and a computed class at a date, as `differences` gives it:
            `as_of`, `reported_class`, `five_class`, `loans`, `balance`, `rule_id`.
        as_of: reporting date.
        currency: of the balances.
    """
    at = [row for row in differences.to_dict("records") if as_date(row["as_of"]) == as_of]
    apart = [row for row in at if row["reported_class"] != row["five_class"]]
    loans = sum(int(row["loans"]) for row in apart)
    caption = Caption(
        id="class_differences",
        headline=Text(
            "{n}笔贷款的报送分类与规则结果不一致", "{loans} with a reported class that the rules do not give"
        ).format(n=count(loans), loans=number_of(loans, "loan", "loans"))
        if apart
        else Text("报送分类与规则结果一致", "Reported classes are what the rules give"),
        subtitle=Text("{when}；橙色为规则结果更差", "{when}; orange = the rules give a worse class").format(
            when=day(as_of)
        ),
    )
    columns = [
        Column(key="reported", label=Text("报送分类", "Reported"), align="text"),
        Column(key="computed", label=Text("规则结果", "By the rules"), align="text"),
        Column(key="loans", label=Text("笔数", "Loans")),
        Column(key="balance", label=Text("余额", "Balance")),
        Column(key="rule", label=Text("适用规则", "Rule"), align="text"),
    ]
    ordered = sorted(apart, key=lambda row: -number(row["balance"]) if is_known(number(row["balance"])) else 0.0)
    return table([_difference_row({str(k): v for k, v in row.items()}, currency) for row in ordered], columns, caption)


def _severity(finding: Finding) -> tuple[str, float, Text]:
    return SEVERITIES.get(finding.severity, SEVERITIES["info"])


def _severities(findings: Sequence[Finding]) -> Counter[str]:
    return Counter(finding.severity if finding.severity in SEVERITIES else "info" for finding in findings)


def _failed(findings: Sequence[Finding]) -> set[str]:
    return {finding.rule for finding in findings if finding.severity in {"error", "warning"}}


def _verdict(found: Counter[str]) -> Text:
    errors, warnings = found["error"], found["warning"]
    if errors:
        return Text("这份数据**不能**用于报告：有{n}项错误。", "This tape **cannot** carry a report: {errors}.").format(
            n=errors, errors=number_of(errors, "error", "errors")
        )
    if warnings:
        return Text(
            "这份数据**可以**用于报告，但有{n}项警告须一并阅读。",
            "This tape **can** carry a report, read with {warnings}.",
        ).format(n=warnings, warnings=number_of(warnings, "warning", "warnings"))
    return Text(
        "这份数据**可以**用于报告：未发现错误或警告。", "This tape **can** carry a report: no errors, no warnings."
    )


def _rules_sentence(findings: Sequence[Finding], checked: int) -> Text:
    return Text("{n}项检查中{k}项通过。", "{k} of {n} rules passed.").format(
        n=checked, k=checked - len(_failed(findings))
    )


def _tally_sentences(imports: Sequence[Mapping[str, Any]]) -> list[Text]:
    if not _tallies(imports):
        return []
    rows = _row_totals(imports)
    words = Text("共导入{n}行：入库{a}行，隔离{q}行。", "{n} rows came in: {a} were accepted, {q} quarantined.")
    return [words.format(n=count(rows["rows_in"]), a=count(rows["rows_accepted"]), q=count(rows["rows_quarantined"]))]


def _tallies(imports: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [tally for record in imports for tally in record.get("tallies", ())]


def _row_totals(imports: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    names = ("rows_in", "rows_accepted", "rows_quarantined")
    return {name: sum(int(tally[name]) for tally in _tallies(imports)) for name in names}


def _passed_card(findings: Sequence[Finding], checked: int) -> Card:
    found = _severities(findings)
    worst = "error" if found["error"] else "warning" if found["warning"] else ""
    status, _, words = SEVERITIES.get(worst, ("ok", 0.0, Text("通过", "Passed")))
    passed = checked - len(_failed(findings))
    label = Text("通过的检查", "Rules passed")
    return _count_card("rules_passed", label, passed, f" / {checked}", status=status, status_words=words)


def _quarantined_card(rows: Mapping[str, int]) -> Card:
    label, aside = Text("隔离行数", "Rows quarantined"), rows["rows_quarantined"]
    if not rows["rows_in"]:
        return _count_card("rows_quarantined", label, aside)
    share = Remark(value=same(ratio(aside / rows["rows_in"])), against=Text("占导入行数", "of rows imported"))
    return _count_card("rows_quarantined", label, aside, remarks=(share,))


def _risk_card(findings: Sequence[Finding], currency: str) -> Card:
    known = [one.balance_at_risk for one in findings if one.balance_at_risk is not None]
    at_risk = max(known, default=Decimal(0))
    scale = money_scale(at_risk, currency)
    return Card(
        key="balance_at_risk",
        label=Text("存疑余额", "Balance in doubt"),
        value=scale.shows(at_risk),
        unit=scale.unit,
        # Findings without balances leave the balance in doubt unknown; no findings leave none in doubt.
        number=float(at_risk) if known or not findings else None,
        remarks=(Remark(value=Text("单项发现", "Largest"), against=Text("涉及的最大余额", "of a single finding")),),
        note="not_recorded",
    )


def _count_card(key: str, label: Text, value: int, of: str = "", **options: Any) -> Card:  # noqa: ANN401 -- a card's own
    return Card(key=key, label=label, value=same(count(value)), unit=same(of), number=value, **options)


def _finding_row(finding: Finding, currency: str) -> Row:
    shape, order, words = _severity(finding)
    examples = [_example(example) for example in list(finding.examples)[:_EXAMPLES]]
    mark = pill(shape, words) or f'<span class="pill none"><i aria-hidden="true">○</i>{words.html()}</span>'
    balance = finding.balance_at_risk
    return {
        "rule": text_cell(finding.label),
        "severity": Cell(html=mark, sort=order),
        "count": number_cell(finding.count, count(finding.count)),
        "balance": number_cell(balance, money(balance, currency), note="not_recorded"),
        "as_of": text_cell(day(finding.as_of)),
        "examples": text_cell(Text("、".join(one.zh for one in examples), ", ".join(one.en for one in examples))),
    }


def _example(example: str) -> Text:
    """An example as the checks give it; whatever is not plainly masked, a row or a date is masked here."""
    if row := _ROW.fullmatch(example):
        return Text(f"第{row[1]}行", example)
    return same(example if _MASKED_OR_DATE.fullmatch(example) else masked(example))


def _tally_row(tally: Mapping[str, Any]) -> Row:
    cells = {
        name: number_cell(int(tally[name]), count(int(tally[name]))) for name in tally if str(name).startswith("rows_")
    }
    has_amount = bool(tally.get("amount_field"))
    amounts = {
        name: Decimal(str(tally[name])) if has_amount else None
        for name in ("amount_in", "amount_accepted", "amount_quarantined")
    }
    shown = {
        name: number_cell(value, f"{value:,.2f}" if value is not None else "", note="not_recorded")
        for name, value in amounts.items()
    }
    table_name = _TABLES.get(str(tally.get("table")), same(str(tally.get("table", ""))))
    return {"source": text_cell(str(tally["source"])), "table": text_cell(table_name), **cells, **shown}


def _difference_row(row: Mapping[str, Any], currency: str) -> Row:
    reported, computed = str(row["reported_class"]), str(row["five_class"])
    classes = list(FIVE_CLASSES)
    tone: Tone | None = None
    if reported in classes and computed in classes:
        tone = "worse" if classes.index(computed) > classes.index(reported) else "better"
    balance = number(row["balance"])
    return {
        "reported": text_cell(FIVE_CLASSES.get(reported, same(reported))),
        "computed": Cell(html=FIVE_CLASSES.get(computed, same(computed)).html(), tone=tone),
        "loans": number_cell(int(row["loans"]), count(int(row["loans"])), tone=tone),
        "balance": number_cell(balance, money(balance, currency), note="not_recorded"),
        "rule": text_cell(str(row.get("rule_id") or "")),
    }
