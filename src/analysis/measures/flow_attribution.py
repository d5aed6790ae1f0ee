"""Through which flows did the NPL ratio change: formation, cure, cash, exit, or the size of the book?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import pairwise

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import require_columns
from analysis.measures.attribution_parts import ZERO, Key, Stock, Stocks
from analysis.measures.attribution_stocks import (
    GroupedStocks,
    Period,
    every_level,
    group_key,
    grouped_stocks,
    missing_tapes,
)
from analysis.measures.components import dimensions, exact_rows

STEPS = (
    "formation", "entered", "cure", "cash", "advance", "transfer", "exit", "denominator", "missing_tape", "residual",
)  # fmt: skip
_SUMMED = ("formation", "entered", "cure", "cash", "advance", "stayed")
_PRIOR = ("prior_as_of", "prior_is_npl", "prior_segment", "prior_balance")
Flows = Mapping[str, Fraction]


@dataclass(frozen=True, kw_only=True)
class _Move:
    """Loans of one group, the group they were in a month before (None if they were not there), and their flows."""

    here: Key
    there: Key | None
    flows: Flows


@dataclass(frozen=True, kw_only=True)
class _Month:
    """Groups at both ends of a month, the loans that moved, and the segments whose tape is missing at one end."""

    before: Stocks
    after: Stocks
    moves: tuple[_Move, ...]
    gone: frozenset[Key]


def flow_attribution(
    states: ir.Table, period: Period, *, by: Sequence[str] = (), basis: str = "balance"
) -> pd.DataFrame:
    """The change of the NPL ratio between two month ends, by the flows of the months between, each month exact.

    A month's change of N ÷ B is split into the change of N at the mean of 1 ÷ B, flow by flow, and the change
    of 1 ÷ B at the mean of N (the denominator); months add up. A write-off also makes the book smaller, which
    is in the denominator's part. Two snapshots do not tell cash from a partial write-off, nor a write-off from a
    sale or a last payment. Loans of a segment whose tape is missing in a month are left out of that month;
    what leaving them out changes is the missing tape's part.

    Args:
        states: one row is a loan at a month end, classified, with its state a month before.
        period: first and second month end.
        by: dimensions; none gives the whole book. Each group's own ratio is attributed.
        basis: "balance" or "count".

    Returns:
        one row per group, ascending: the dimensions, `before`, `after`, `change`, and the parts `formation`
        (performing a month before), `entered` (not there a month before), `cure`, `cash` (an NPL that shrank),
        `advance` (one that grew), `transfer` (between groups), `exit` (an NPL that is not there any more),
        `denominator`, `missing_tape`, `residual` (loans of unknown state) [share; exact fractions, None
        if unknown; the parts sum to `change` exactly], and `note`: "not_recorded", "missing_tape" (of a
        segment, in some month), "no_denominator" (no ratio in some month), "partly_recorded" or "".

    Raises:
        Misuse: if a dimension, the basis or the period is not valid.
        MissingColumns: if the table lacks a column.

    Source: stock and flows as in an NPL bridge (EBA/GL/2018/10, Annex IV); the quotient split as by P. Das
        Gupta (1993), chapter 2.
    """
    groups = dimensions(by)
    cells = tuple(dict.fromkeys(["segment", *groups]))
    book = grouped_stocks(states, period, by=cells, basis=basis)
    months = _months(book, _moves(states, cells, period, basis))
    places = [cells.index(name) for name in groups]
    keys = dict.fromkeys(_at(cell, places) for day in period for cell in book.months[day])
    rows = [{**dict(zip(groups, key, strict=True)), **_row(months, key, places, book)} for key in keys]
    typed = pd.DataFrame(rows, dtype=object).astype({"note": "str"})
    return typed.sort_values(list(groups), na_position="last", kind="stable", ignore_index=True) if groups else typed


def _months(book: GroupedStocks, moves: Mapping[date, Sequence[_Move]]) -> list[_Month]:
    every = every_level(book)
    within = [day for day in sorted(book.months) if book.period[0] <= day <= book.period[1]]
    return [
        _Month(
            before=book.months[first],
            after=book.months[second],
            moves=tuple(moves.get(second, ())),
            gone=frozenset(key for key in missing_tapes(replace(every, period=(first, second))) if len(key) == 1),
        )
        for first, second in pairwise(within)
    ]


def _moves(states: ir.Table, cells: Sequence[str], period: Period, basis: str) -> dict[date, list[_Move]]:
    require_columns("states", {"loan_id", *_PRIOR}, states.columns)
    within = states.filter(states.as_of > ibis.literal(period[0]), states.as_of <= ibis.literal(period[1]))
    sums = _sums(_with_origin(within, states, cells), cells, basis)
    moves: dict[date, list[_Move]] = {}
    for row in sums.to_dict("records"):
        here, there = group_key(row, cells), group_key(row, [f"from_{name}" for name in cells])
        flows = {name: Fraction(row[name] or 0) for name in _SUMMED}
        moves.setdefault(row["as_of"].date(), []).append(
            _Move(here=here, there=there if row["was_there"] else None, flows=flows)
        )
    return moves


def _with_origin(within: ir.Table, states: ir.Table, cells: Sequence[str]) -> ir.Table:
    """Loans with the group they were in a month before; only the segment is stored with the loan."""
    if tuple(cells) == ("segment",):
        return within.mutate(from_segment=within.prior_segment)
    origins = {f"from_{name}": states[name] for name in cells}
    earlier = states.select(loan=states.loan_id, seen=states.as_of, **origins)
    return within.left_join(earlier, [within.loan_id == earlier.loan, within.prior_as_of == earlier.seen])


def _sums(loans: ir.Table, cells: Sequence[str], basis: str) -> pd.DataFrame:
    one = ibis.literal(1)
    amounts = (loans.principal_balance, loans.prior_balance) if basis == "balance" else (one, one)
    loans = loans.mutate(now=amounts[0], then=amounts[1])
    now, then = loans.now, loans.then
    is_bad, was_bad = loans.is_npl, loans.prior_is_npl
    was_there = loans.prior_as_of.notnull()  # noqa: PD004  (Ibis)
    keys = ["as_of", *cells, *(f"from_{name}" for name in cells)]
    sums = loans.group_by([*keys], was_there=was_there).aggregate(
        formation=now.sum(where=is_bad & was_there & ~was_bad),
        entered=now.sum(where=is_bad & ~was_there),
        cure=-then.sum(where=was_bad & ~is_bad),
        cash=(now - then).sum(where=was_bad & is_bad & (now < then)),
        advance=(now - then).sum(where=was_bad & is_bad & (now > then)),
        stayed=then.sum(where=was_bad),
    )
    return exact_rows(sums, keys)


def _at(cell: Key, places: Sequence[int]) -> Key:
    return tuple(cell[place] for place in places)


def _row(months: Sequence[_Month], key: Key, places: Sequence[int], book: GroupedStocks) -> dict[str, object]:
    def is_mine(cell: Key) -> bool:
        return _at(cell, places) == key

    before, after = (_within(stocks, is_mine).rate for stocks in (book.before, book.after))
    is_recorded = not any(book.period[0] <= day <= book.period[1] for day in book.unrecorded)
    steps = [_steps(month, is_mine) for month in months] if is_recorded else [None]
    known = [step for step in steps if step is not None]
    is_whole = len(known) == len(steps)
    parts = {name: sum((step[name] for step in known), ZERO) if is_whole else None for name in STEPS}
    change = after - before if is_recorded and before is not None and after is not None else None
    ends = {"before": before, "after": after} if is_recorded else {"before": None, "after": None}
    return {**ends, "change": change, **parts, "note": _note(book, months, is_mine, (is_recorded, is_whole))}


def _note(
    book: GroupedStocks, months: Sequence[_Month], is_mine: Callable[[Key], bool], known: tuple[bool, bool]
) -> str:
    is_recorded, is_whole = known
    cells = {cell for month in months for cell in (*month.before, *month.after) if is_mine(cell)}
    if not is_recorded:
        return "not_recorded"
    if any(cell[:1] in month.gone for month in months for cell in cells):
        return "missing_tape"
    if not is_whole:
        return "no_denominator"
    return "partly_recorded" if any(cell in book.partly for cell in cells) else ""


def _within(stocks: Stocks, is_mine: Callable[[Key], bool]) -> Stock:
    return sum((stock for cell, stock in stocks.items() if is_mine(cell)), Stock())


def _steps(month: _Month, is_mine: Callable[[Key], bool]) -> Flows | None:
    """Parts of one month's change of the ratio; None if the ratio is not defined at both ends."""

    def is_kept(cell: Key | None) -> bool:
        return cell is not None and is_mine(cell) and cell[:1] not in month.gone

    old, new = _within(month.before, is_kept), _within(month.after, is_kept)
    old_rate, new_rate = old.rate, new.rate
    if old_rate is None or new_rate is None:
        return None
    flows = _flows(month, is_kept, old.bad)
    worth = (1 / old.whole + 1 / new.whole) / 2
    denominator = (old.bad + new.bad) / 2 * (1 / new.whole - 1 / old.whole)
    residual = new.bad - old.bad - sum(flows.values(), ZERO)
    whole = (_within(month.after, is_mine).rate or ZERO) - (_within(month.before, is_mine).rate or ZERO)
    return {name: amount * worth for name, amount in flows.items()} | {
        "denominator": denominator,
        "missing_tape": whole - (new_rate - old_rate),
        "residual": residual * worth,
    }


def _flows(month: _Month, is_kept: Callable[[Key | None], bool], opening: Fraction) -> Flows:
    mine = [(move.flows, is_kept(move.here), is_kept(move.there)) for move in month.moves]
    own = {name: sum((flows[name] for flows, is_here, _ in mine if is_here), ZERO) for name in _SUMMED[:-1]}
    transfer = sum((flows["stayed"] * (is_here - was_here) for flows, is_here, was_here in mine), ZERO)
    stayed = sum((flows["stayed"] for flows, _, was_here in mine if was_here), ZERO)
    return {**own, "transfer": transfer, "exit": stayed - opening}
