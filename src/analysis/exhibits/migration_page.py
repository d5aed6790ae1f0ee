"""What does the page of migration rest on? Moves, roll rates, official rates and cures, from a classified book."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analysis.exhibits.cure_tables import Cured
from analysis.exhibits.migrations import BAD, PERFORMING, Migrations
from analysis.exhibits.reading import number
from analysis.exhibits.rolls import Official, Rolled, roll_rate
from analysis.exhibits.segment_page import KEY, Lens, source_line
from analysis.measures.components import component_rows
from analysis.measures.cures import cure_rates, pooled_cohorts, redefault_rates
from analysis.measures.endings import EXITS
from analysis.measures.exact import exact_sum, quotients
from analysis.measures.intervals import binomial_interval
from analysis.measures.migration import BUCKETS, ENTERED, migration, migration_over
from analysis.measures.migration_matrix import migration_shares, pooled
from analysis.measures.migration_rates import official_migration_rates
from analysis.measures.periods import month_end_before
from analysis.measures.roll_rates import flow_through, roll_rates
from analysis.measures.stock import small_segment_loans
from analysis.terms import Text

YEAR = 12
_QUARTER = 3  # also the months that a loan has to hold before it counts as cured: a choice of this page, no rule
_EVERY = {"M": Text("每月", "each month"), "Q": Text("每季度", "each quarter")}
_STEPS = {"M": Text("一个月", "a month"), "Q": Text("一个季度", "a quarter")}


def migrations(lens: Lens) -> Migrations:
    """Where loans went in the latest twelve months, or since the book's first month where it is younger.

    Args:
        lens: from where the book is looked at.
    """
    book = lens.book
    dates = latest_months(lens, YEAR)
    known: dict[str, Any] = {
        "as_of": book.as_of,
        "since": dates[0] if len(dates) > 1 else None,
        "basis": lens.basis,
        "step": _STEPS[book.profile.periodicity],
        "source": source_line(book, lens.rules),
        "label": lambda key: lens.book.label(KEY, key),
        "has_flows": lens.flows is not None,
    }
    if len(dates) < 2:
        return Migrations(note="no_prior", **known)
    over = migration_over(lens.states, lens.flows, between=(dates[0], dates[-1]), by=(KEY,))
    return Migrations(
        monthly=_with_shares(pooled(moves_within(lens, dates, "five_class")), lens.basis),
        yearly=_with_shares(pooled(over), lens.basis),
        segments=_gone_bad(over),
        **known,
    )


def rolled(lens: Lens) -> Rolled:
    """Roll rates of the latest twelve months, and of those before.

    Args:
        lens: from where the book is looked at.
    """
    book, dates = lens.book, latest_months(lens, 2 * YEAR)
    known: dict[str, Any] = {
        "as_of": book.as_of,
        "basis": lens.basis,
        "every": _EVERY[book.profile.periodicity],
        "source": source_line(book, lens.rules),
    }
    if len(dates) < 2:
        return Rolled(note="no_prior", **known)
    moves = moves_within(lens, dates, "bucket")
    year = _rates(moves, book.as_of, (YEAR, 0), lens.basis)
    return Rolled(
        recent=_rates(moves, book.as_of, (_QUARTER, 0), lens.basis),
        year=year,
        prior=_rates(moves, book.as_of, (2 * YEAR, YEAR), lens.basis),
        through=None if year is None else flow_through(year),
        paths=_paths(moves, book.as_of, lens.basis),
        **known,
    )


def official(lens: Lens) -> Official:
    """Official migration rates from the beginning of the year, and those of the same months a year before.

    Args:
        lens: from where the book is looked at.
    """
    book = lens.book
    since = _beginning(lens, book.as_of)
    known: dict[str, Any] = {"as_of": book.as_of, "since": since, "source": source_line(book, lens.rules)}
    if since is None:
        return Official(note="no_prior", **known)
    before = month_end_before(book.as_of, YEAR)
    begun = date(before.year - 1, 12, 31)
    is_there = before in book.months and begun in book.months and since == date(book.as_of.year - 1, 12, 31)
    return Official(
        rates=official_migration_rates(lens.states, lens.flows, as_of=book.as_of, opening=since),
        before=official_migration_rates(lens.states, lens.flows, as_of=before, opening=begun) if is_there else None,
        **known,
    )


def cured(lens: Lens) -> Cured:
    """Who came back and who went bad again, by year.

    Args:
        lens: from where the book is looked at.
    """
    cures = cure_rates(lens.states, within=YEAR, probation=_QUARTER)
    redefaults = redefault_rates(lens.states, within=YEAR, probation=_QUARTER)
    return Cured(
        within=YEAR,
        probation=_QUARTER,
        source=source_line(lens.book, lens.rules),
        note="" if len(cures) else "no_changes",
        cures=_by_year(cures),
        redefaults=_by_year(redefaults),
    )


def control_totals(lens: Lens) -> pd.DataFrame:
    """Balances and loans of the latest month's moves against the stock at both of its ends.

    Returns:
        one row is "opening" or "closing": `moves`, `stock`, `difference` [currency, or loans by count; exact]; none
        in a book of one month.
    """
    dates = latest_months(lens, YEAR)[-2:]
    if len(dates) < 2:
        return pd.DataFrame(columns=["moves", "stock", "difference"])
    moves = moves_within(lens, dates, "five_class")
    ends = {
        "opening": moves[moves["from_state"] != ENTERED],
        "closing": moves[~moves["to_state"].isin(EXITS)],
    }
    by_count = lens.basis == "count"
    part = "loans" if by_count else "balance"
    rows = []
    for when, (name, mine) in zip(dates, ends.items(), strict=True):
        stock = component_rows(lens.states.filter(lens.states.as_of == when), (), [part])[part].iloc[0]
        added = exact_sum(mine["loans" if by_count else f"{name}_balance"])
        difference = None if added is None or stock is None else added - stock
        rows.append({"end": name, "moves": added, "stock": stock, "difference": difference})
    return pd.DataFrame(rows, dtype=object).set_index("end")


def latest_months(lens: Lens, months: int) -> tuple[date, ...]:
    """The book's month ends from some months before the reporting date on, that one included if there is one."""
    first = month_end_before(lens.book.as_of, months)
    return tuple(month for month in lens.book.months if month >= first)


def moves_within(lens: Lens, dates: Sequence[date], state: str) -> pd.DataFrame:
    """Moves month by month between some month ends, of all loans."""
    within: ir.Table = lens.states.filter(lens.states.as_of.isin(list(dates)))
    return migration(within, lens.flows, state=state)


def _with_shares(moves: pd.DataFrame, basis: str) -> pd.DataFrame:
    shares = migration_shares(moves, basis=basis)
    return moves.merge(shares[["from_state", "to_state", "value", "lower", "upper"]], on=["from_state", "to_state"])


def _gone_bad(over: pd.DataFrame) -> pd.DataFrame:
    """One row is a segment, the last without a name all loans: performing loans at the beginning, bad at the end."""
    mine = over[over["from_state"].isin(PERFORMING) & (over["from_state"] != ENTERED)]
    counted = mine.assign(bad=mine["loans"].where(mine["to_state"].isin(BAD), 0), **{KEY: mine[KEY].astype(object)})
    groups = counted[counted[KEY].notna()].groupby(KEY, sort=True)[["loans", "bad"]].sum().reset_index()
    whole = {KEY: None, "loans": exact_sum(counted["loans"]) or 0, "bad": exact_sum(counted["bad"]) or 0}
    rows = pd.DataFrame([*groups.to_dict("records"), whole], columns=[KEY, "loans", "bad"], dtype=object)
    lower, upper = binomial_interval(rows["bad"].to_numpy(dtype=float), rows["loans"].to_numpy(dtype=float))
    least = small_segment_loans()
    notes = ["no_loans" if not loans else "too_small" if loans < least else "" for loans in rows["loans"]]
    return rows.assign(value=quotients(rows["bad"], rows["loans"]), lower=lower, upper=upper, note=notes)


def _rates(moves: pd.DataFrame, as_of: date, months: tuple[int, int], basis: str) -> pd.DataFrame | None:
    """Roll rates of the months between two numbers of months before the reporting date, added up; None if none."""
    after, until = (pd.Timestamp(month_end_before(as_of, number)) for number in months)
    mine = moves[(moves["as_of"] > after) & (moves["as_of"] <= until)]
    return roll_rates(pooled(mine), basis=basis) if len(mine) else None


def _paths(moves: pd.DataFrame, as_of: date, basis: str) -> dict[str, list[float]]:
    quarters = [(months, months - _QUARTER) for months in range(2 * YEAR, 0, -_QUARTER)]
    rates = [_rates(moves, as_of, months, basis) for months in quarters]
    return {bucket: [number(roll_rate(one, bucket).get("value")) for one in rates] for bucket in BUCKETS[:-1]}


def _beginning(lens: Lens, as_of: date) -> date | None:
    """The end of the year before, or else the book's first month of the year; None if there is none before."""
    earlier = [month for month in lens.book.months if date(as_of.year - 1, 12, 31) <= month < as_of]
    return earlier[0] if earlier else None


def _by_year(cohorts: pd.DataFrame) -> dict[str, dict[str, Any]]:
    if not len(cohorts):
        return {}
    years = cohorts["as_of"].dt.year
    parts = {str(year): cohorts[years == year] for year in sorted(set(years))} | {"": cohorts}
    return {
        year: {str(name): value for name, value in pooled_cohorts(part).to_dict("records")[0].items()}
        for year, part in parts.items()
    }
