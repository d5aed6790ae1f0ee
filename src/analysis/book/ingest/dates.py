"""From the text of a date to the date: null where it cannot be read, or could be read in two ways."""

import datetime
import re
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from analysis.book.ingest.functions import last_day, regexp_full_match, try_strptime
from analysis.book.ingest.mapping import EXCEL_FORMAT
from analysis.book.ingest.parsing import narrow

MONTH_FORMATS = ("%Y-%m", "%Y/%m", "%Y%m", "%Y年%m月")
# Only formats that cannot be mistaken for another; day/month/year has to be stated.
DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日", "%d-%b-%y", "%d-%b-%Y")

_EXCEL_EPOCH = datetime.date(1899, 12, 30)
_FIRST_SERIAL, _LAST_SERIAL = 61, 2_958_465  # 1900-03-01, after Excel's false leap day, to 9999-12-31
_YEAR = "(?:(?:1[89]|2[01])[0-9]{2}|9999)"  # 9999 is how systems write "no end"


def day(text: ir.StringValue, formats: Sequence[str], pivot: int) -> ir.DateValue:
    """A date; a format without a day gives the last of the month.

    Args:
        text: a date, with or without a time of day after it.
        formats: tried in order.
        pivot: two-digit years up to this are 20xx, later ones 19xx.
    """
    moment = r"^(.*?[0-9日])[ T][0-9]{1,2}:[0-9]{2}.*$"
    ascii_text = narrow(text)
    bare = ibis.ifelse(ascii_text.contains(":"), ascii_text.re_replace(moment, r"\1"), ascii_text)
    return ibis.coalesce(*(_day_in_format(bare, form, pivot) for form in formats))


def _day_in_format(text: ir.StringValue, form: str, pivot: int) -> ir.DateValue:
    if form == EXCEL_FORMAT:
        return _excel_day(text)
    moment = try_strptime(text, form)
    found = ibis.ifelse(regexp_full_match(text, _format_pattern(form)), moment, ibis.null("timestamp")).cast("date")
    if "%y" in form:
        found = _with_century(found, pivot)
    return found if "%d" in form else last_day(found)


def _with_century(found: ir.DateValue, pivot: int) -> ir.DateValue:
    year = found.year() % 100
    century = ibis.ifelse(year <= pivot, 2000, 1900)
    years = century + year - found.year()
    return (found + years.as_interval("Y")).cast("date")


def _excel_day(text: ir.StringValue) -> ir.DateValue:
    serial = text.re_extract(r"^([0-9]{1,7})(\.[0-9]*)?$", 1).try_cast("int64")
    known = ibis.ifelse(serial.between(_FIRST_SERIAL, _LAST_SERIAL), serial, ibis.null("int64"))
    return (ibis.literal(_EXCEL_EPOCH) + known.as_interval("D")).cast("date")


def _format_pattern(form: str) -> str:
    """Pattern of the texts that a format may read; the engine alone would take 25 for the year 0025."""
    digits = "{2}" if re.search("%[md]%|%[Yy]%[md]", form) else "{1,2}"
    widths = {"%Y": _YEAR, "%y": "[0-9]{2}", "%m": f"[0-9]{digits}", "%d": f"[0-9]{digits}"}
    widths |= {"%b": "[A-Za-z]{3}", "%B": "[A-Za-z]{3,9}", "%%": "%"}
    return "".join(widths.get(part, re.escape(part)) for part in re.split("(%[YymdbB%])", form))
