"""Row rules of an import: what makes a record unusable, and what is only noted."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from analysis.book.ingest.functions import last_day, regexp_full_match
from analysis.book.ingest.layout import Layout
from analysis.book.ingest.numerals import has_currency_mark
from analysis.book.ingest.parsing import is_one_of
from analysis.terms import FIVE_CLASSES

_Rule = tuple[ir.BooleanValue, str]
_KEYS = ("as_of", "loan_id")
_MISSING = {"as_of": "missing_key", "loan_id": "missing_key", "segment": "missing_segment"}
_MOST_DAYS = 36_500  # a hundred years: more is a typing error or a code for "unknown"
_LAST_YEAR = 2199
OTHER = "other"


def fault(rows: ir.Table, layout: Layout, name: str) -> ir.StringValue:
    """Code of the first reason why a column's value makes the row unusable; null if there is none.

    Args:
        rows: with `text_`, `broken_` and, for money, `number_` columns beside the typed ones.
        layout: what the rows must hold.
        name: the column.
    """
    return _first(_faults(rows, layout, name))


def note(rows: ir.Table, layout: Layout, name: str) -> ir.StringValue:
    """Code of what is noticed of a column's value and let pass; null if there is nothing."""
    return _first(_notes(rows, layout, name))


def is_known(text: ir.StringValue, layout: Layout, name: str) -> ir.BooleanValue:
    """Whether a text is one of the book's words for a column."""
    return is_one_of(text, layout.words[name].values())


def _first(rules: Iterator[_Rule]) -> ir.StringValue:
    cases = [(condition.fill_null(False), code) for condition, code in rules]
    return ibis.cases(*cases, else_=ibis.null("string")) if cases else ibis.null("string")


def _faults(rows: ir.Table, layout: Layout, name: str) -> Iterator[_Rule]:
    text = rows[f"text_{name}"]
    yield rows[f"broken_{name}"], "undecodable"
    if name in layout.required:
        yield text.isnull(), _MISSING.get(name, "missing_value")
    if name in layout.refused:
        yield ~is_known(text, layout, name), layout.refused[name]
    if name == "currency":
        yield rows.currency != layout.currency, "other_currency"
    if name == "loan_id":
        yield text.re_search(r"[\r\n]"), "broken_key"
        yield regexp_full_match(text, r"[0-9](\.[0-9]+)?[Ee]\+[0-9]+"), "scientific_key"
    yield from _KIND_FAULTS.get(layout.kinds[name], _no_faults)(rows, layout, name)


def _no_faults(_rows: ir.Table, _layout: Layout, _name: str) -> Iterator[_Rule]:
    return iter(())


def _money_faults(rows: ir.Table, _layout: Layout, name: str) -> Iterator[_Rule]:
    text, number, value = rows[f"text_{name}"], rows[f"number_{name}"], rows[name]
    unread = text.notnull() & number.isnull()
    yield unread & has_currency_mark(text), "other_currency"
    yield unread, "unreadable_amount"
    yield text.notnull() & value.isnull(), "amount_too_large"
    if name == "principal_balance":
        yield value < 0, "negative_balance"


def _date_faults(rows: ir.Table, layout: Layout, name: str) -> Iterator[_Rule]:
    if name not in layout.required:
        return
    value = rows[name]
    yield rows[f"text_{name}"].notnull() & value.isnull(), "unreadable_date"
    yield value.year() > _LAST_YEAR, "implausible_date"
    if name == "as_of":
        yield value != last_day(value), "not_month_end"


def _days_faults(rows: ir.Table, layout: Layout, name: str) -> Iterator[_Rule]:
    if name not in layout.required:
        return
    value = rows[name]
    yield rows[f"text_{name}"].notnull() & value.isnull(), "unreadable_number"
    yield value < 0, "negative_days"
    yield value > _MOST_DAYS, "implausible_days"


_KIND_FAULTS = {"money": _money_faults, "date": _date_faults, "days": _days_faults}


def _notes(rows: ir.Table, layout: Layout, name: str) -> Iterator[_Rule]:
    text = rows[f"text_{name}"]
    if name == layout.amount_field:
        yield rows.rounding != 0, f"rounded:{name}"
    if name == "original_amount":
        yield rows[name] < 0, f"negative:{name}"
    if name in layout.noted:
        yield ~is_known(text, layout, name), f"unknown:{name}"
    if name == "reported_class":
        yield text.notnull() & ~is_one_of(text, FIVE_CLASSES), f"unknown:{name}"
    if name not in layout.required:
        yield from _optional_notes(rows, layout, name)


def _optional_notes(rows: ir.Table, layout: Layout, name: str) -> Iterator[_Rule]:
    kind, value, text = layout.kinds[name], rows[name], rows[f"text_{name}"]
    if kind in {"date", "rate", "flag", "stage"}:
        yield text.notnull() & value.isnull(), f"unreadable:{name}"
    if kind == "stage":
        yield ~value.between(1, 3), f"unreadable:{name}"
    if kind == "rate":
        yield value > 1, f"above_one:{name}"
    if kind == "money":
        yield value < 0, f"negative:{name}"
