"""What moved the stock of non-performing loans? From opening to closing balance, line by line and to the cent."""

from collections.abc import Sequence
from datetime import date
from functools import cache, partial, reduce
from operator import add

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, require_columns
from analysis.measures.catalog import require_basis
from analysis.measures.components import dimensions, exact_rows
from analysis.measures.endings import ENDINGS, endings
from analysis.measures.monthly import StepRows, kept_months, kept_steps
from analysis.measures.periods import flows_within, month_ends
from analysis.terms import CASH, DIMENSIONS, DISPOSALS

# Money movements of a loan by the line they belong to; on a loan that is not yet non-performing only
# disposals count. Interest is not principal, and a recovery after write-off never comes in here.
ADDITIONS = ("drawdown", "capitalised_interest", "fx", "correction")
ENTRIES = ("inflow", "redefault", "entered")
LINES = (
    *ENTRIES, "drawdown", "capitalised_interest", "fx", "cash", "cure",
    "write_off", "sale", "foreclosure", "forgiveness", "debt_to_equity", "correction", "transfer", "residual",
)  # fmt: skip


def bridge(
    states: ir.Table, flows: ir.Table, *, dates: Sequence[date], by: Sequence[str] = (), basis: str = "balance"
) -> pd.DataFrame:
    """From the NPL balance at the first date to that at the last, over the steps between.

    With every month end between the two as a date, the lines are events: a loan that went bad, was cured
    and went bad again stands in `inflow`, `cure` and `redefault`. With two dates only, the lines are
    what two snapshots show.

    Source: lines of EBA/GL/2018/10, Annex IV, template CR2a, and of the Chinese 1104 return G12.
    Departure: principal only; accrued interest is left out.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan, `correction` and `fx` signed, the rest positive.
        dates: month ends of the book, ascending, two or more.
        by: dimensions; none gives the whole book.
        basis: "balance" or "count".

    Returns:
        one row per group, ascending: the dimensions, then exact [currency or loans] `opening`, the lines
        of `LINES` signed as they move the balance, `closing`, and `unrecorded` [loans whose balance or
        class is not known at one of the ends]. opening + lines = closing, always; what flows do not
        explain is `residual`.

    Raises:
        Misuse: if a dimension, the basis or the dates are not as above.
        MissingColumns: if a table lacks a column.
    """
    groups = dimensions(by)
    moves = loan_bridge(states, flows, dates=dates, by=groups, basis=basis)
    lines = {name: moves[name].sum().fill_null(0) for name in LINES}
    first, last = min(dates[1:]), max(dates)
    moves = moves.mutate(until=ibis.literal(last))
    summed = moves.group_by("until", *groups).aggregate(
        opening=moves.opening.sum(where=moves.as_of == first).fill_null(0),
        **lines,
        closing=moves.closing.sum(where=moves.as_of == last).fill_null(0),
        unrecorded=moves.unrecorded.sum().fill_null(0),
    )
    rows = exact_rows(summed.rename(as_of="until"), ["as_of", *groups])
    return rows[["as_of", *groups, "opening", *LINES, "closing", "unrecorded"]]


def loan_bridge(
    states: ir.Table, flows: ir.Table, *, dates: Sequence[date], by: Sequence[str] = (), basis: str = "balance"
) -> ir.Table:
    """The bridge loan by loan and step by step.

    A loan that changed its group while non-performing leaves the old group and enters the new one by
    `transfer`, at its opening balance; what else happens to it belongs to the new group. A loan that was
    written off before a month end ever showed it as non-performing comes in and goes out by the amount
    written off.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan.
        dates: month ends of the book, ascending, two or more.
        by: dimensions.
        basis: "balance" or "count".

    Returns:
        one row is a loan in the step that ends at `as_of` (two where it changed its group): `loan_id`,
        the dimensions, `opening`, the lines, `closing`, `unrecorded`. A loan written off that neither
        end of the step shows has no group.

    Raises:
        Misuse: if a dimension, the basis or the dates are not as above.
        MissingColumns: if a table lacks a column.
    """
    groups = dimensions(by)
    _check(states, groups, dates)
    require_basis(basis)
    ends = _ends(states, flows, dates, groups)
    lines = _amounts(ends) if basis == "balance" else _counts(ends)
    return by_group(lines, groups, LINES)


def by_group(lines: ir.Table, groups: Sequence[str], names: Sequence[str]) -> ir.Table:
    """Loans of a bridge with their groups; one that changed its group leaves the old one and enters the new one.

    Args:
        lines: one row is a loan in a step: `step`, `loan_id`, `was_<group>` and `now_<group>`, `is_out` (not there
            at the end), `stayed` (held an opening amount), `held` (the opening amount), the lines but `transfer`,
            `closing`, `unrecorded`.
        groups: dimensions.
        names: the lines, `transfer` among them.

    Returns:
        one row is a loan in the step that ends at `as_of`, two where it changed its group.
    """
    now = {name: ibis.ifelse(lines.is_out, lines[f"was_{name}"], lines[f"now_{name}"]) for name in groups}
    changed = [~now[name].identical_to(lines[f"was_{name}"]) for name in groups]
    moved = ibis.or_(*changed) & lines.stayed if changed else ibis.literal(False)
    values = [name for name in names if name != "transfer"]
    rows = lines.select(
        "loan_id", as_of=lines.step, **now, opening=ibis.ifelse(moved, 0, lines.held),
        **{name: lines[name] for name in values}, transfer=ibis.ifelse(moved, lines.held, 0),
        closing=lines.closing, unrecorded=lines.unrecorded,
    )  # fmt: skip
    gone = lines.filter(moved)
    left = gone.select(
        "loan_id", as_of=gone.step, **{name: gone[f"was_{name}"] for name in groups}, opening=gone.held,
        **{name: gone[name] * 0 for name in values}, transfer=-gone.held,
        closing=gone.closing * 0, unrecorded=gone.unrecorded * 0,
    )  # fmt: skip
    return rows.union(left.cast(dict(rows.schema()))) if changed else rows


def _check(states: ir.Table, groups: Sequence[str], dates: Sequence[date]) -> None:
    require_columns("states", {"as_of", "loan_id", "principal_balance", "is_npl", *groups}, states.columns)
    if len(dates) < 2 or list(dates) != sorted(set(dates)):
        raise Misuse(f"dates must be two or more month ends, ascending, were {', '.join(map(str, dates)) or 'none'}.")


def _ends(states: ir.Table, flows: ir.Table, dates: Sequence[date], groups: Sequence[str]) -> ir.Table:
    """One row is a loan in a step that was non-performing at an end of it, or was written off within it."""
    # Kept with all dimensions, so that one kept answer serves every grouping.
    known = tuple(name for name in DIMENSIONS if name in states.columns)
    kept = kept_steps(states, flows, dates, _ends_of(known))
    some = states.filter(states.as_of.isin(list(dates)))
    ends = _step_ends(some, flows, month_ends(dates), groups) if kept is None else kept
    found = kept_months(states, _bad)
    bad = _bad(states) if found is None else found
    first = bad.group_by("loan_id").aggregate(first_npl=bad.as_of.min())
    return ends.left_join(first, "loan_id").drop("loan_id_right")


def _bad(states: ir.Table) -> ir.Table:
    return states.filter(states.is_npl).select("as_of", "loan_id")


@cache
def _ends_of(groups: tuple[str, ...]) -> StepRows:
    return partial(_step_ends, groups=groups)


def _step_ends(states: ir.Table, flows: ir.Table, steps: ir.Table, groups: Sequence[str]) -> ir.Table:
    before = states.inner_join(steps, states.as_of == steps.opening).select(
        step=steps.as_of, loan_id=states.loan_id, was_npl=states.is_npl, was=states.principal_balance,
        **{f"was_{name}": states[name] for name in groups},
    )  # fmt: skip
    after = states.inner_join(steps, states.as_of == steps.as_of).select(
        step=steps.as_of, loan_id=states.loan_id, now_npl=states.is_npl, now=states.principal_balance,
        **{f"now_{name}": states[name] for name in groups},
    )  # fmt: skip
    dated = flows_within(flows, steps)
    dated = dated.select("loan_id", "date", "kind", "amount", "as_of", step=dated.as_of)
    keys = ibis.union(
        before.filter(before.was_npl).select("step", "loan_id"),
        after.filter(after.now_npl).select("step", "loan_id"),
        _written_off(dated),
        distinct=True,
    )
    # What is beside the keys is chosen by them first: they are few, and the rest is the whole book.
    before, after, dated = (rows.semi_join(keys, ["step", "loan_id"]) for rows in (before, after, dated))
    ended = endings(dated).select("loan_id", "ended_by", step="as_of")
    joined = reduce(_beside, (before, after, _money(dated), ended), keys)
    return joined.left_join(steps, joined.step == steps.as_of).drop("as_of")


def _written_off(dated: ir.Table) -> ir.Table:
    written = dated.filter(dated.kind == "write_off")
    sums = written.group_by("step", "loan_id").aggregate(amount=written.amount.sum())
    return sums.filter(sums.amount != 0).select("step", "loan_id")


def _beside(rows: ir.Table, others: ir.Table) -> ir.Table:
    return rows.left_join(others, ["step", "loan_id"]).drop("step_right", "loan_id_right")


def _money(dated: ir.Table) -> ir.Table:
    """One row is a loan in a step: what moved by kind, and 0 for kinds that did not."""
    kinds = {kind: dated.amount.sum(where=dated.kind == kind).fill_null(0) for kind in (*ADDITIONS, *DISPOSALS)}
    return dated.group_by("step", "loan_id").aggregate(
        **kinds, cash=dated.amount.sum(where=dated.kind.isin(CASH)).fill_null(0)
    )


def _seen(ends: ir.Table) -> ir.Table:
    """Flags of what happened to a loan in a step, and its money with 0 for what did not move."""
    money = {name: ends[name].fill_null(0) for name in (*ADDITIONS, *DISPOSALS, "cash")}
    known = ends.mutate(
        **money,
        is_out=ends.now_npl.isnull() & ends.now.isnull(),  # noqa: PD003  (Ibis)
        stayed=ends.was_npl.fill_null(False),
        bad=ends.now_npl.fill_null(False),
        here_before=ends.was_npl.notnull() | ends.was.notnull(),  # noqa: PD004  (Ibis)
    )
    went_bad = ~known.stayed & (known.bad | (known.write_off > 0))
    entry = ibis.cases(
        (~went_bad, ""),
        (~known.here_before, "entered"),
        (known.first_npl < known.opening, "redefault"),
        else_="inflow",
    )
    unrecorded = (known.stayed & known.was.isnull()) | (known.bad & known.now.isnull())  # noqa: PD003
    return known.mutate(entry=entry, unrecorded=unrecorded.cast("int64"))


def _amounts(ends: ir.Table) -> ir.Table:
    seen = _seen(ends)
    opening = ibis.ifelse(seen.stayed, seen.was.fill_null(0), 0)
    closing = ibis.ifelse(seen.bad, seen.now.fill_null(0), 0)
    # A loan that is not non-performing at either end is in here for what was written off.
    disposed = {kind: ibis.ifelse(seen.stayed | seen.bad, seen[kind], 0) for kind in DISPOSALS}
    disposed["write_off"] = seen.write_off
    moved = {kind: ibis.ifelse(seen.stayed, seen[kind], 0) for kind in (*ADDITIONS, "cash")}
    came = closing + reduce(add, disposed.values())
    lines = {kind: ibis.ifelse(seen.entry == kind, came, 0) for kind in ENTRIES}
    lines |= {kind: moved[kind] for kind in ADDITIONS} | {"cash": -moved["cash"]}
    lines |= {kind: -amount for kind, amount in disposed.items()}
    lines["cure"] = ibis.ifelse(seen.stayed & ~seen.bad & ~seen.is_out, -seen.now.fill_null(0), 0)
    return _closed(seen, opening, lines, closing)


def _counts(ends: ir.Table) -> ir.Table:
    # A loan counts once, so that one line has to say what took it out, however many amounts it left.
    seen = _seen(ends)
    opening, closing = seen.stayed.cast("int64"), seen.bad.cast("int64")
    came = {kind: (seen.entry == kind).cast("int64") for kind in ENTRIES}
    cured = seen.stayed & ~seen.bad & ~seen.is_out
    left = ~seen.bad & ~cured & (seen.stayed | (seen.entry != ""))
    ended_by = ibis.coalesce(seen.ended_by, "residual")
    lines = came | {kind: -(left & (ended_by == kind)).cast("int64") for kind in ENDINGS}
    lines |= dict.fromkeys(ADDITIONS, opening * 0) | {"cure": -cured.cast("int64")}
    return _closed(seen, opening, lines, closing)


def _closed(
    seen: ir.Table, opening: ir.NumericValue, lines: dict[str, ir.NumericValue], closing: ir.NumericValue
) -> ir.Table:
    explained = reduce(add, lines.values(), opening)
    wider = {
        name: value.cast("decimal(38, 2)") if opening.type().is_decimal() else value for name, value in lines.items()
    }
    return seen.mutate(held=opening, closing=closing, residual=closing - explained, **wider)
