"""Since when is a bad loan bad? Its age as a non-performing loan, and the groups that coverage is read by."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, require_columns
from analysis.measures.components import exact_rows
from analysis.measures.migration import BUCKETS
from analysis.measures.periods import month_numbers
from analysis.terms import FIVE_CLASSES, Text

YEAR = 12
PERFORMING, AT_LEAST = "performing", "at_least_"
# What coverage is read by beside the dimensions; each changes while a loan is on the book.
CUTS: Mapping[str, Text] = MappingProxyType(
    {
        "five_class": Text("五级分类", "Class"),
        "bucket": Text("逾期档", "Bucket of days past due"),
        "npl_years": Text("不良满年数", "Years as NPL"),
    }
)
_LONGEST = 100
_YEARS = (*map(str, range(_LONGEST)), *(f"{AT_LEAST}{year}" for year in range(_LONGEST)), PERFORMING)
_ORDERS = {"five_class": tuple(FIVE_CLASSES), "bucket": BUCKETS, "npl_years": _YEARS}


def npl_ages(states: ir.Table, as_of: date) -> ir.Table:
    """The present spell of every loan that is non-performing at a month end.

    A spell begins with the first month end after the latest one that showed the loan as performing. A loan
    that no earlier month shows as performing was bad when it was first seen: it is so at least that long. A
    month in which the loan is not on the tape does not end a spell.

    Args:
        states: one row is a loan at a month end, classified; every month up to the date.
        as_of: the month end.

    Returns:
        one row is a loan that is non-performing at the month end: `loan_id`, `npl_since` (first month end of the
        spell), `npl_months` [months since then; 0 in the first], `is_at_least` (bad when first seen).

    Raises:
        MissingColumns: if the table lacks a column.
    """
    require_columns("states", {"as_of", "loan_id", "is_npl"}, states.columns)
    day = ibis.literal(as_of)
    known = states.filter(states.as_of <= day).select("as_of", "loan_id", "is_npl")
    bad_now = known.filter(known.as_of == day, known.is_npl).select("loan_id")
    history = known.semi_join(bad_now, "loan_id")
    good = history.filter(~history.is_npl)
    latest = good.group_by("loan_id").aggregate(last_good=good.as_of.max())
    bad = history.filter(history.is_npl).left_join(latest, "loan_id").drop("loan_id_right")
    spell = bad.filter(bad.last_good.isnull() | (bad.as_of > bad.last_good))  # noqa: PD003  (Ibis)
    begun = spell.group_by("loan_id").aggregate(npl_since=spell.as_of.min(), last_good=spell.last_good.max())
    return begun.select(
        "loan_id", "npl_since",
        npl_months=month_numbers(day) - month_numbers(begun.npl_since),
        is_at_least=begun.last_good.isnull(),  # noqa: PD003  (Ibis)
    )  # fmt: skip


def aged(states: ir.Table, as_of: date) -> ir.Table:
    """Loans at a month end with their age as non-performing ones.

    Args:
        states: as for `npl_ages`.
        as_of: the month end.

    Returns:
        one row is a loan at the month end: the columns of the states, those of `npl_ages` (null for a performing
        loan), and `npl_years`: full years as a non-performing loan as text ("0", "1", …; "at_least_2" for a loan
        bad when first seen), "performing", or null for a loan without a class.

    Raises:
        MissingColumns: if the table lacks a column.
    """
    loans = states.filter(states.as_of == ibis.literal(as_of))
    joined = loans.left_join(npl_ages(states, as_of), "loan_id").drop("loan_id_right")
    years = (joined.npl_months // YEAR).cast("int64").cast("string")
    named = ibis.ifelse(joined.is_at_least, ibis.literal(AT_LEAST).concat(years), years)
    return joined.mutate(npl_years=ibis.cases((joined.is_npl, named), (~joined.is_npl, PERFORMING)))


def reporting_date(states: ir.Table, as_of: date | None) -> date:
    """The month end asked for, unseen, or the latest of the states.

    Raises:
        Misuse: if none is asked for and the states have no rows.
    """
    day: date | None = as_of or states.as_of.max().to_pyarrow().as_py()
    if day is None:
        raise Misuse("states must be of one month end at least, had no rows; give those of a book.")
    return day


def require_month(states: ir.Table, as_of: date) -> None:
    """Refuse a month end that the states do not have; to be asked where nothing was found, as it reads every month.

    Raises:
        Misuse: if the states have no such month end.
    """
    days = sorted(states.select("as_of").distinct().to_pyarrow()["as_of"].to_pylist())
    if as_of not in days:
        known = (
            f"one of the {len(days)} month ends from {days[0]} to {days[-1]}" if days else "one of the states' (none)"
        )
        raise Misuse(f"as_of must be {known}, was {as_of}.")


def cut_rows(table: ir.Table, keys: list[str]) -> pd.DataFrame:
    """Rows of a small table, exact and ordered by their keys: classes from the mildest, ages from the youngest.

    Args:
        table: with `as_of` and the other keys among its columns.
        keys: columns to order by.
    """
    return in_cut_order(exact_rows(table, keys), keys)


def in_cut_order(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows ordered by their keys, each cut in its own order; a group without a name comes last."""
    places = {name: {value: place for place, value in enumerate(_ORDERS[name])} for name in keys if name in _ORDERS}
    return rows.sort_values(
        list(keys),
        key=lambda column: column.map(places[str(column.name)]) if column.name in places else column,
        na_position="last",
        kind="stable",
        ignore_index=True,
    )
