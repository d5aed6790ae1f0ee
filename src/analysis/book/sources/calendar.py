"""Months, quarter ends and days between dates, as expressions."""

from datetime import date

import ibis
import ibis.expr.types as ir

from analysis.book.ingest.functions import last_day


def months_between(earlier: ir.DateValue, later: ir.DateValue) -> ir.IntegerValue:
    """Calendar months from one date's month to another's [months]."""
    return ((later.year() - earlier.year()) * 12 + later.month() - earlier.month()).cast("int32")


def months_later(day: ir.DateValue, months: ir.IntegerValue | int) -> ir.DateValue:
    """The same day some months later, or that month's last."""
    count = ibis.literal(months) if isinstance(months, int) else months
    return as_date(day + count.as_interval("M"))


def days_later(day: ir.DateValue, days: ir.IntegerValue | int) -> ir.DateValue:
    """The date some days later."""
    count = ibis.literal(days) if isinstance(days, int) else days
    return as_date(day + count.as_interval("D"))


def days_between(earlier: ir.DateValue | date, later: ir.DateValue) -> ir.IntegerValue:
    """Days from one date to another, negative if it is before it [days]."""
    start = ibis.literal(earlier) if isinstance(earlier, date) else earlier
    return later.delta(start, unit="day").cast("int32")


def month_end(day: ir.DateValue) -> ir.DateValue:
    """Last day of a date's month."""
    return last_day(day)


def quarter_end(day: ir.DateValue) -> ir.DateValue:
    """Last day of a date's quarter."""
    return last_day(months_later(day.truncate("Q").cast("date"), 2))


def as_date(moment: ir.DateValue) -> ir.DateValue:
    """The date of a moment that Ibis takes for a date already, and so would not cast."""
    return moment.cast("timestamp").cast("date")
