"""From the text of a number, as people write it, to its digits; and to shares and counts."""

import re

import ibis
import ibis.expr.types as ir

from analysis.book.ingest.functions import regexp_full_match
from analysis.book.ingest.parsing import narrow

_EXPONENT = r"(E[+-]?[0-9]{1,3})?"
_PLAIN_NUMBER = r"-?[0-9]+(\.[0-9]+)?"
_GROUPED_NUMBER = rf"-?([0-9]+|[0-9]{{1,3}}(,[0-9]{{3}})+)(\.[0-9]*)?{_EXPONENT}|-?\.[0-9]+{_EXPONENT}"
_CURRENCY_MARKS = {
    "CNY": "CNY|RMB|CN¥|人民币|¥",
    "USD": r"USD|US\$|\$|美元",
    "EUR": "EUR|€|欧元",
    "GBP": "GBP|£|英镑",
    "JPY": "JPY|JP¥|¥|円|日元",
    "HKD": r"HKD|HK\$|\$|港元|港币",
}
_WHOLE_UNIT = {"CNY": "元|圆"}


def number_text(text: ir.StringValue, marks: str = "") -> ir.StringValue:
    """Digits of a number as people write it: "(¥1,234.50)" gives "-1234.50"; null if it is none.

    Args:
        text: a number, with thousands separators in groups of three, a sign before or after it,
            parentheses for a negative one, an exponent, or a mark of the currency.
        marks: pattern of the currency marks that are allowed; none if empty.
    """
    plain = regexp_full_match(text, _PLAIN_NUMBER)
    return ibis.ifelse(plain, text, _ungrouped(narrow(text).upper(), marks))


def currency_marks(currency: str, shift: int = 0) -> str:
    """Pattern of a currency's marks; 元 is one only where the unit is not 万元 or the like."""
    marks = _CURRENCY_MARKS.get(currency, re.escape(currency))
    return f"{marks}|{_WHOLE_UNIT[currency]}" if shift == 0 and currency in _WHOLE_UNIT else marks


def has_currency_mark(text: ir.StringValue) -> ir.BooleanValue:
    """Whether a text names any currency."""
    return narrow(text).upper().re_search("|".join(_CURRENCY_MARKS.values()))


def share(text: ir.StringValue, divisor: int = 1) -> ir.FloatingValue:
    """A rate as a share: "5.25%" gives 0.0525 [share]; `divisor` applies where there is no % or ‰ sign."""
    ascii_text = narrow(text)
    bare = ascii_text.re_replace("[%‰]$", "")
    value = number_text(bare).try_cast("float64")
    return ibis.cases(
        (ascii_text.endswith("%"), value / 100), (ascii_text.endswith("‰"), value / 1000), else_=value / divisor
    )


def whole_number(text: ir.StringValue) -> ir.IntegerValue:
    """A count, with a unit of days or months if it has one: "35天" gives 35; null if it has a fraction."""
    bare = narrow(text).upper().re_replace(r"\s*(DAYS?|天|日|期|个月|月)$", "")
    number = number_text(bare)
    return ibis.ifelse(
        regexp_full_match(number, r"-?[0-9]+(\.0*)?"),
        number.re_replace(r"\..*$", "").try_cast("int64"),
        ibis.null("int64"),
    )


def _ungrouped(text: ir.StringValue, marks: str) -> ir.StringValue:
    if marks:
        text = text.re_replace(marks, "")
    text = text.re_replace(r"([0-9])\s+([0-9])", r"\1,\2").re_replace(r"\s+", "")
    text = text.re_replace(r"^\(([^-+]*)\)$", r"-\1").re_replace(r"^([^-+]*)-$", r"-\1").re_replace(r"^\+", "")
    return ibis.ifelse(regexp_full_match(text, _GROUPED_NUMBER), text.replace(",", ""), ibis.null("string"))
