"""Does the bridge hold, and what would the ratio be without the ways to make it look better?"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.book.quality.thresholds import ledger_tolerance
from analysis.errors import Misuse, did_you_mean, require_columns
from analysis.measures.bridge import LINES, bridge
from analysis.measures.components import component_rows, dimensions, exact_rows
from analysis.measures.exact import quotient, quotients
from analysis.measures.periods import month_ends
from analysis.terms import Text

TIES: Mapping[str, Text] = MappingProxyType(
    {
        "opening": Text("期初=上期期末，逐笔", "Opening = prior closing, loan by loan"),
        "tape": Text("期末=贷款台账不良余额", "Closing = loan tape with its NPL flag"),
        "ledger": Text("台账=总账", "Tape = general ledger"),
        "allowance": Text("核销=准备变动中的核销", "Write-offs = those in the allowance movement"),
        "cash": Text("现金回收=收款系统", "Cash recoveries = receipts"),
    }
)
# Totals that a book does not hold, to be given by whoever has them.
STATED = ("ledger", "allowance", "cash")
_REMOVED = ("write_off", "sale", "foreclosure", "debt_to_equity", "forgiveness")


def round_trips(
    states: ir.Table, flows: ir.Table, *, dates: Sequence[date], by: Sequence[str] = (), basis: str = "balance"
) -> pd.DataFrame:
    """The bridge from every month beside the bridge from the two ends, and what lies between them.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan.
        dates: month ends of the book, ascending, two or more.
        by: dimensions; none gives the whole book.
        basis: "balance" or "count".

    Returns:
        one row per group and line, in the order of the bridge: `as_of`, the dimensions, `line`, `events`,
        `snapshots`, `round_trips` (events − snapshots; loans that went and came back in between). The
        round trips of a group's lines add up to 0.

    Raises:
        Misuse: if a dimension, the basis or the dates are not as the bridge wants them.
    """
    keys = ["as_of", *dimensions(by)]
    ends = (min(dates, default=date.min), max(dates, default=date.min))
    tables = (
        bridge(states, flows, dates=dates, by=by, basis=basis),
        bridge(states, flows, dates=dates if len(dates) < 2 else ends, by=by, basis=basis),
    )
    events, snapshots = (_long(table, keys) for table in tables)
    rows = events.merge(snapshots, on=[*keys, "line"], how="outer", suffixes=("", "_at_ends"))
    both = rows.assign(events=_filled(rows["amount"]), snapshots=_filled(rows["amount_at_ends"]))
    both["round_trips"] = both["events"] - both["snapshots"]
    order = {line: place for place, line in enumerate(("opening", *LINES, "closing"))}
    placed = both.assign(place=both["line"].map(order)).sort_values([*keys, "place"], ignore_index=True)
    return placed[[*keys, "line", "events", "snapshots", "round_trips"]]


def ties(
    states: ir.Table, flows: ir.Table, *, dates: Sequence[date], stated: Mapping[str, Decimal] | None = None
) -> pd.DataFrame:
    """The five checks that a bridge has to pass, for the whole book.

    Args:
        states: one row is a loan at a month end, classified, with its state a month before.
        flows: one row is a dated money movement of a loan.
        dates: month ends of the book, one after the other, two or more.
        stated: what other systems say [currency]: "ledger", the NPL balance in the general ledger;
            "allowance", write-offs in the allowance movement; "cash", receipts on non-performing loans.

    Returns:
        one row is a tie, in the order of `TIES`: `tie`, `left`, `right`, `difference` (None if one side is
        not known), `loans` (that differ; None where it is not by loan), `tolerance` [currency],
        `status`: "tied", "differs" or "not_stated".

    Raises:
        Misuse: if something is stated that there is no tie for.
        MissingColumns: if a table lacks a column.
    """
    for name in stated or {}:
        if name not in STATED:
            raise Misuse(f"stated must name {', '.join(STATED)}, was {name!r}{did_you_mean(name, STATED)}.")
    said = dict(stated or {})
    row = bridge(states, flows, dates=dates).to_dict("records")
    line: Mapping[str, Decimal] = {str(name): value for name, value in row[0].items()} if row else {}
    closing = line.get("closing", Decimal(0))
    carried, opening, unlike = _carried(states, dates)
    rows = [
        _tie("opening", opening, carried, loans=unlike),
        _tie("tape", closing, _tape(states, max(dates))),
        _tie("ledger", closing, said.get("ledger"), tolerance=ledger_tolerance(said.get("ledger", Decimal(0)))),
        _tie("allowance", -line.get("write_off", Decimal(0)), said.get("allowance")),
        _tie("cash", -line.get("cash", Decimal(0)), said.get("cash")),
    ]
    return pd.DataFrame(rows)


def undressed(states: ir.Table, flows: ir.Table, *, dates: Sequence[date], by: Sequence[str] = ()) -> pd.DataFrame:
    """The NPL ratio as reported, without write-offs and sales, and on loans that were there at both ends.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan.
        dates: month ends of the book, ascending, two or more.
        by: dimensions; none gives the whole book.

    Returns:
        one row per group, ascending: `as_of`, the dimensions, `reported` [share], `removed` [currency]
        (NPL written off, sold, foreclosed, swapped for equity or forgiven between the dates), `undisposed`
        [share] ((NPL + removed) ÷ (loans + removed)), `constant_opening` and `constant_closing` [share]
        (loans there at both ends, whole balance), NaN where nothing is there to divide by.

    Raises:
        Misuse: if a dimension or the dates are not as the bridge wants them.
    """
    keys = ["as_of", *dimensions(by)]
    lines = bridge(states, flows, dates=dates, by=by)
    removed = lines.assign(removed=-lines[list(_REMOVED)].sum(axis=1))[[*keys, "removed"]]
    last = max(dates)
    now = component_rows(states.filter(states.as_of == last), by, ["npl_balance", "balance"])
    rows = now.merge(removed, on=keys, how="left").merge(_constant(states, (min(dates), last), by), on=keys, how="left")
    gone = _filled(rows["removed"])
    stocks = list(zip(rows["npl_balance"], rows["balance"], gone, strict=True))
    return rows[keys].assign(
        reported=quotients(rows["npl_balance"], rows["balance"]),
        removed=gone,
        undisposed=[_undisposed(*stock) for stock in stocks],
        constant_opening=quotients(_filled(rows["was_npl"]), _filled(rows["was"])),
        constant_closing=quotients(_filled(rows["now_npl"]), _filled(rows["now"])),
    )


def _long(lines: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    return lines.melt(list(keys), ["opening", *LINES, "closing"], var_name="line", value_name="amount")


def _carried(states: ir.Table, dates: Sequence[date]) -> tuple[Decimal, Decimal, int]:
    """NPL balance that snapshots say they came from, what the earlier ones held, and loans where the two differ."""
    require_columns("states", {"prior_as_of", "prior_is_npl", "prior_balance"}, states.columns)
    steps, states = month_ends(dates), states.filter(states.as_of.isin(list(dates)))
    later = states.inner_join(steps, [states.as_of == steps.as_of, states.prior_as_of == steps.opening])
    later = later.select(
        "loan_id", opening=later.prior_as_of, npl=later.prior_is_npl.fill_null(False), amount=later.prior_balance
    )
    earlier = states.select("loan_id", opening=states.as_of, held_npl=states.is_npl, held=states.principal_balance)
    both = later.left_join(earlier, ["loan_id", "opening"])
    came = ibis.ifelse(both.npl, both.amount, 0).fill_null(0)
    held = ibis.ifelse(both.held_npl.fill_null(False), both.held, 0).fill_null(0)
    total = both.aggregate(came=came.sum().fill_null(0), held=held.sum().fill_null(0), unlike=(came != held).sum())
    found = total.to_pyarrow().to_pylist()[0]
    return found["came"], found["held"], int(found["unlike"] or 0)


def _tape(states: ir.Table, last: date) -> Decimal | None:
    rows = component_rows(states.filter(states.as_of == last), (), ["npl_balance"])
    return rows["npl_balance"].iloc[0] if len(rows) else Decimal(0)


def _tie(
    name: str, left: Decimal, right: Decimal | None, *, loans: int | None = None, tolerance: Decimal = Decimal(0)
) -> Mapping[str, object]:
    difference = None if right is None else left - right
    is_tied = difference is not None and abs(difference) <= tolerance and not loans
    return {
        "tie": name,
        "left": left,
        "right": right,
        "difference": difference,
        "loans": loans,
        "tolerance": tolerance,
        "status": "not_stated" if right is None else "tied" if is_tied else "differs",
    }


def _constant(states: ir.Table, ends: tuple[date, date], by: Sequence[str]) -> pd.DataFrame:
    """One row is a group at the last date: balances of loans there at both ends, before and now."""
    first, last = (states.filter(states.as_of == end) for end in ends)
    before = first.select("loan_id", was=first.principal_balance, was_bad=first.is_npl)
    both = last.inner_join(before, "loan_id")
    keys = ["as_of", *dimensions(by)]
    summed = both.group_by(keys).aggregate(
        was=both.was.sum(),
        was_npl=both.was.sum(where=both.was_bad),
        now=both.principal_balance.sum(),
        now_npl=both.principal_balance.sum(where=both.is_npl),
    )
    return exact_rows(summed, keys)


def _undisposed(npl: Decimal | None, whole: Decimal | None, removed: Decimal) -> float:
    return float("nan") if npl is None or whole is None else quotient(npl + removed, whole + removed)


def _filled(amounts: pd.Series) -> pd.Series:
    """Exact amounts with a true 0 for what did not happen: a line without loans, a group without bad loans."""
    known = [Decimal(0) if amount is None or amount != amount else amount for amount in amounts]  # noqa: PLR0124  (NaN)
    return pd.Series(known, index=amounts.index, dtype=object)
