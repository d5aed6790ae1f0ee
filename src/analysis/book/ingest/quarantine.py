"""Why a source row was not used: the reasons in words, and the rows themselves."""

from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from analysis.book.ingest.functions import to_json
from analysis.book.ingest.staging import Staged
from analysis.terms import Text

REASONS = MappingProxyType(
    {
        "too_few_fields": Text("字段数少于表头", "fewer fields than the header"),
        "too_many_fields": Text("字段数多于表头", "more fields than the header"),
        "broken_quotes": Text("引号不成对", "quotes that do not match"),
        "line_too_long": Text("行过长", "line too long"),
        "undecodable": Text("含无法解码的字节", "bytes that are no text"),
        "missing_key": Text("缺少报告日或借据号", "as-of date or loan number missing"),
        "broken_key": Text("编号含换行符", "line break in a key"),
        "scientific_key": Text("编号被表格软件改写为科学计数法", "number rewritten as 1.23E+18 by a spreadsheet"),
        "missing_value": Text("必填项为空", "required value missing"),
        "missing_segment": Text("缺少分部", "segment missing"),
        "unknown_segment": Text("分部不在映射表中", "segment not in the map"),
        "unreadable_date": Text("日期无法识别", "unreadable date"),
        "implausible_date": Text("日期超出合理范围", "implausible date"),
        "not_month_end": Text("报告日不是月末", "as-of date is not a month end"),
        "unreadable_amount": Text("金额无法识别", "unreadable amount"),
        "amount_too_large": Text("金额超出可表示范围", "amount too large to hold"),
        "negative_balance": Text("余额为负", "negative balance"),
        "unreadable_number": Text("数值无法识别", "unreadable number"),
        "negative_days": Text("逾期天数为负", "negative days past due"),
        "implausible_days": Text("逾期天数超出合理范围", "implausible days past due"),
        "other_currency": Text("币种与账簿不同", "currency other than the book's"),
        "unknown_kind": Text("流水类型不在映射表中", "kind of flow not in the map"),
        "duplicate_identical": Text("重复记录（内容相同）", "duplicate with the same content"),
        "duplicate_conflict": Text("重复记录（内容不同）", "duplicate with other content"),
    }
)


def quarantined(rejected: ir.Table, staged: Staged) -> ir.Table:
    """Give the source rows that were not used.

    Args:
        rejected: one row is a rejected record, with `source_row`, `reason`, `field`, `value`, `amount`.
        staged: the source.

    Returns:
        one row is a source row: `source`, `source_row`, `reason`, `field`, `value`,
        `amount` [currency, null if unreadable], `raw` (JSON of the row, or of the text that could not be split).
    """
    # The text of a row is made only after the join, which leaves few of them.
    rows = rejected.inner_join(staged.records, "source_row")
    return rows.select(
        "source_row", "reason", "field", "value", "amount", source=ibis.literal(staged.label), raw=_raw(rows, staged)
    ).select("source", "source_row", "reason", "field", "value", "amount", "raw")


def _raw(rows: ir.Table, staged: Staged) -> ir.StringValue:
    names = ibis.array(list(staged.columns))
    fields = ibis.map(names, ibis.array([rows[staged.field(name)] for name in staged.columns]))
    line = ibis.map(ibis.array(["line"]), ibis.array([rows.line]))
    return ibis.ifelse(rows.problem.isnull(), to_json(fields), to_json(line))
