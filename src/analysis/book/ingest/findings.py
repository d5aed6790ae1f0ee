"""What an import noticed and let pass, as counted findings with examples."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import ibis.expr.types as ir

from analysis.book.ingest.layout import Layout
from analysis.book.ingest.staging import Staged
from analysis.terms import Text

RULES = MappingProxyType(
    {
        "rounded": Text("金额精度超过分，已按四舍六入五成双取到分", "amounts finer than a cent, rounded half to even"),
        "negative": Text("金额为负", "negative amounts"),
        "unreadable": Text("选填项无法识别，按空值处理", "optional values that cannot be read, left empty"),
        "above_one": Text("利率大于 100%，请核对单位", "rates above 100 %; check the unit in the map"),
        "unknown": Text("取值不在映射表中", "values that are not in the map"),
        "contradiction": Text(
            "同一借据各期的发放日或发放金额不一致，取最近一期",
            "origination date or original amount differs between months of a loan; the latest is kept",
        ),
        "unmatched": Text("流水对应的借据不在台账中", "flows of loans that the tape does not have"),
    }
)
_SEVERITY = {"rounded": "info"}
_EXAMPLES = 3


def noted(typed: ir.Table, staged: Staged, layout: Layout) -> Iterator[Mapping[str, object]]:
    """Give one finding per rule and column, from the notes on usable records.

    Args:
        typed: one row is a record, with `source_row` and `notes`.
        staged: the source, for the values of the examples.
        layout: where each column comes from.
    """
    with_notes = typed.filter(typed.notes.notnull())
    codes = with_notes.select("source_row", code=with_notes.notes.split(",").unnest())
    counts = codes.group_by("code").aggregate(records=codes.count()).order_by("code")
    for row in counts.to_pyarrow().to_pylist():
        rule, _, name = str(row["code"]).partition(":")
        source = layout.columns[name].source
        field = None if source is None else staged.field(" ".join(source.split()))
        first = codes.filter(codes.code == row["code"]).order_by("source_row").limit(_EXAMPLES)
        yield finding(rule, int(row["records"]), _examples(first, staged, field), field=name)


def finding(rule: str, count: int, examples: list[str], *, field: str = "") -> Mapping[str, object]:
    """Give one finding: `rule`, `field`, `severity`, `count` [records], `examples`, and its words.

    Examples name rows of the source and values, never a borrower or loan.
    """
    words = RULES[rule]
    severity = _SEVERITY.get(rule, "warning")
    return {
        "rule": rule, "field": field, "severity": severity, "count": count,
        "examples": examples, "zh": words.zh, "en": words.en,
    }  # fmt: skip


def row_examples(records: ir.Table) -> list[str]:
    """Give the first source rows of a set of records, as text."""
    first = records.select("source_row").order_by("source_row").limit(_EXAMPLES)
    return [f"row {number}" for number in first.to_pyarrow()["source_row"].to_pylist()]


def _examples(first: ir.Table, staged: Staged, field: str | None) -> list[str]:
    if field is None:
        return row_examples(first)
    records = staged.records.select("source_row", value=staged.records[field])
    rows = first.inner_join(records, "source_row").order_by("source_row").to_pyarrow().to_pylist()
    return [f"row {row['source_row']}: {row['value']}" for row in rows]
