"""What moved the allowance? From opening to closing, line by line and to the cent, beside the bridge of the NPL."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, require_columns
from analysis.measures.bridge import by_group
from analysis.measures.components import dimensions
from analysis.measures.npl_age import CUTS, cut_rows
from analysis.measures.periods import dated_flows, month_ends
from analysis.terms import CASH, Text

# What a loan that left without being written off takes with it, by what ended it.
_EXITS = ("sale", "foreclosure", "debt_to_equity", "forgiveness", "repaid")
ALLOWANCE_LINES = (
    "new", "charge", "release", "write_off", "write_off_uncovered", "written_off_recovery",
    *_EXITS, "transfer", "residual",
)  # fmt: skip
# Lines that pass through profit and loss as impairment; what a sale or a swap releases is part of its own result.
CHARGED = ("new", "charge", "release", "write_off_uncovered", "repaid")
# Rows of the Chinese 1104 return G03 as far as a tape knows them: name, and the lines each adds up.
G03: Mapping[str, tuple[Text, tuple[str, ...]]] = {
    "opening": (Text("期初余额", "Opening balance"), ("opening",)),
    "charge": (Text("本期计提（净额）", "Charge of the period, net"), CHARGED),
    "write_off": (Text("本期核销", "Written off"), ("write_off",)),
    "recovery": (Text("收回已核销", "Recovered of what was written off"), ("written_off_recovery",)),
    "transferred_out": (
        Text("本期转出（转让、抵债等）", "Transferred out"),
        ("sale", "foreclosure", "debt_to_equity", "forgiveness"),
    ),
    "other": (Text("其他", "Other"), ("transfer", "residual")),
    "closing": (Text("期末余额", "Closing balance"), ("closing",)),
}
_MOVED = ("write_off", "written_off_recovery", *_EXITS[:-1])
# What ended a loan when several things happened to it in one step: the first of these that did.
_ENDED = ("sale", "debt_to_equity", "foreclosure", "forgiveness", "write_off", "repaid")
_CUTS = tuple(name for name in CUTS if name != "npl_years")
_WIDE = "decimal(38, 2)"


def allowance_bridge(
    states: ir.Table, flows: ir.Table, *, dates: Sequence[date], by: Sequence[str] = ()
) -> pd.DataFrame:
    """From the allowance at the first date to that at the last, over the steps between.

    Flows say what was written off, sold or recovered, and nothing says what was charged: `new`, `charge` and
    `release` are what balances each loan, and so hold whatever else moved its allowance (revaluation of a foreign
    currency, unwinding of discount, part of a loan sold). A loan that dropped out of the tape without a
    flow is `residual`.

    A write-off uses up the allowance by the amount written off, as the bridge of the loans shows it. What the
    allowance at the beginning of the step did not cover is `write_off_uncovered`: it had to be charged when
    writing off; what it held beyond is released. A recovery of what was written off adds to the allowance
    and lowers the charge by as much, because the loan is no longer there to hold it.

    Source: lines of the Chinese 1104 return G03 and of IFRS 7, paragraph 35H, from memory.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan.
        dates: month ends of the book, ascending, two or more.
        by: dimensions, "five_class" and "bucket"; none gives the whole book. A loan that changed its group
            takes its opening allowance along, in `transfer`; a loan seen at neither end of a step belongs to
            the group it was last seen in.

    Returns:
        one row per group, ascending: `as_of`, the groups, then exact [currency; None if no allowance is
        recorded] `opening`, the lines of `ALLOWANCE_LINES` signed as they move the allowance, `closing`, `charged`
        (those lines that pass through profit and loss, of `CHARGED`), `unrecorded` [loans without an allowance at
        one of the ends of a step], and `note`: "not_recorded", "partly_recorded" or "". opening + lines =
        closing, always.

    Raises:
        Misuse: if a dimension or the dates are not as above.
        MissingColumns: if a table lacks a column.
    """
    groups = dimensions(by, _CUTS)
    moves = loan_allowance_bridge(states, flows, dates=dates, by=groups)
    first, last = min(dates[1:]), max(dates)
    dated = moves.mutate(until=ibis.literal(last))
    summed = dated.group_by("until", *groups).aggregate(
        opening=dated.opening.sum(where=dated.as_of == first).fill_null(0),
        **{name: dated[name].sum().fill_null(0) for name in ALLOWANCE_LINES},
        closing=dated.closing.sum(where=dated.as_of == last).fill_null(0),
        unrecorded=dated.unrecorded.sum().fill_null(0),
        recorded=dated.recorded.sum().fill_null(0),
    )
    rows = cut_rows(summed.rename(as_of="until"), ["as_of", *groups])
    return _noted(rows, ["as_of", *groups])


def loan_allowance_bridge(
    states: ir.Table, flows: ir.Table, *, dates: Sequence[date], by: Sequence[str] = ()
) -> ir.Table:
    """The bridge loan by loan and step by step.

    Args:
        states: as for `allowance_bridge`.
        flows: one row is a dated money movement of a loan.
        dates: month ends of the book, ascending, two or more.
        by: dimensions, "five_class" and "bucket".

    Returns:
        one row is a loan in the step that ends at `as_of` (two where it changed its group): `loan_id`, the
        groups, `opening`, the lines, `closing` [currency], `unrecorded`, `recorded` [0 or 1].

    Raises:
        Misuse: if a dimension or the dates are not as above.
        MissingColumns: if a table lacks a column.
    """
    groups = dimensions(by, _CUTS)
    require_columns("states", {"as_of", "loan_id", "allowance", *groups}, states.columns)
    if len(dates) < 2 or list(dates) != sorted(set(dates)):
        raise Misuse(f"dates must be two or more month ends, ascending, were {', '.join(map(str, dates)) or 'none'}.")
    ends = _ends(states, flows, dates, groups)
    lined = _lined(ends)
    return by_group(lined, groups, (*ALLOWANCE_LINES, "recorded"))


def g03_rows(lines: pd.DataFrame) -> pd.DataFrame:
    """The bridge in the rows of the return G03.

    Args:
        lines: one row is a group, as `allowance_bridge` gives it.

    Returns:
        one row per group and row of the return, in its order: the groups, `code`, `zh`, `en`, `amount`
        [currency; exact; None if not recorded]. The amounts between opening and closing add up.
    """
    held = {"opening", *ALLOWANCE_LINES, "closing", "charged", "unrecorded", "note"}
    keys = [str(name) for name in lines.columns if name not in held]
    rows = [
        {key: row[key] for key in keys}
        | {"code": code, "zh": label.zh, "en": label.en, "amount": _total([row[name] for name in parts])}
        for row in lines.to_dict("records")
        for code, (label, parts) in G03.items()
    ]
    return pd.DataFrame(rows, columns=[*keys, "code", "zh", "en", "amount"])


def _ends(states: ir.Table, flows: ir.Table, dates: Sequence[date], groups: Sequence[str]) -> ir.Table:
    """One row is a loan in a step that was there at an end of it, was written off in it, or paid after that."""
    steps, dated = month_ends(dates), dated_flows(flows, dates)
    money = dated.filter(dated.kind.isin([*_MOVED, *CASH]))
    sums = money.group_by(step=money.as_of, loan_id=money.loan_id).aggregate(
        **{kind: money.amount.sum(where=money.kind == kind).fill_null(0) for kind in _MOVED},
        repaid=money.amount.sum(where=money.kind.isin(CASH)).fill_null(0),
    )
    # The days are also given as a list, so that months outside the periods are not even read.
    opened, closed = (states.filter(states.as_of.isin(days)) for days in (list(dates[:-1]), list(dates[1:])))
    before = opened.inner_join(steps, opened.as_of == steps.opening)
    after = closed.inner_join(steps, closed.as_of == steps.as_of)
    away = _away(states, sums.filter((sums.write_off != 0) | (sums.written_off_recovery != 0)), dates, groups)
    seen = ibis.union(
        before.select("loan_id", "allowance", *groups, step=before.as_of_right, place=ibis.literal("before")),
        after.select("loan_id", "allowance", *groups, step=after.as_of, place=ibis.literal("after")),
        away,
    )
    return _paired(seen, groups).left_join(sums, ["step", "loan_id"]).drop("step_right", "loan_id_right")


def _away(states: ir.Table, moved: ir.Table, dates: Sequence[date], groups: Sequence[str]) -> ir.Table:
    """Loans with a write-off or a recovery after one, in the group that they were last seen in."""
    past = states.filter(states.as_of <= ibis.literal(max(dates))).semi_join(moved, "loan_id")
    latest = past.group_by("loan_id").aggregate(latest=past.as_of.max())
    last = past.inner_join(latest, [past.loan_id == latest.loan_id, past.as_of == latest.latest])
    known = last.select("loan_id", *groups)
    rows = moved.select("loan_id", "step").left_join(known, "loan_id").drop("loan_id_right")
    nothing = ibis.null(states.allowance.type())
    return rows.select("loan_id", *groups, "step", allowance=nothing, place=ibis.literal("away")).select(
        "loan_id", "allowance", *groups, "step", "place"
    )


def _paired(seen: ir.Table, groups: Sequence[str]) -> ir.Table:
    places = {place: seen.place == place for place in ("before", "after", "away")}
    named = {f"{place}_{name}": seen[name].max(where=where) for place, where in places.items() for name in groups}
    paired = seen.group_by("step", "loan_id").aggregate(
        here_before=places["before"].any(),
        here_after=places["after"].any(),
        was=seen.allowance.sum(where=places["before"]),
        now=seen.allowance.sum(where=places["after"]),
        **named,
    )
    is_away = ~paired.here_before & ~paired.here_after
    return paired.mutate(
        **{f"was_{name}": ibis.ifelse(is_away, paired[f"away_{name}"], paired[f"before_{name}"]) for name in groups},
        **{f"now_{name}": paired[f"after_{name}"] for name in groups},
    )


def _lined(ends: ir.Table) -> ir.Table:
    nothing = ibis.literal(Decimal(0), _WIDE)
    known = ends.mutate(
        **{name: ends[name].fill_null(0).cast(_WIDE) for name in ("was", "now", *_MOVED, "repaid")},
        unrecorded=(
            (ends.here_before & ends.was.isnull()) | (ends.here_after & ends.now.isnull())  # noqa: PD003  (Ibis)
        ).cast("int64"),
        recorded=(ends.was.notnull() | ends.now.notnull()).cast("int64"),  # noqa: PD004  (Ibis)
    )
    stays, ended = known.here_before & known.here_after, known.here_before & ~known.here_after
    used = known.was - known.write_off
    left, uncovered = ibis.greatest(used, nothing), ibis.greatest(-used, nothing)
    need = ibis.ifelse(stays, known.now - left, nothing)
    why = ibis.cases(*((known[kind] > 0, kind) for kind in _ENDED), else_="residual")
    lines = {name: ibis.ifelse(ended & (why == name), -left, nothing) for name in (*_EXITS, "residual")}
    lines |= {
        "new": ibis.ifelse(~known.here_before, known.now, nothing),
        "charge": ibis.greatest(need, nothing),
        "release": ibis.least(need, nothing)
        - known.written_off_recovery
        + ibis.ifelse(ended & (why == "write_off"), -left, nothing),
        "write_off": -known.write_off,
        "write_off_uncovered": uncovered,
    }
    return known.mutate(is_out=~known.here_after, stayed=known.here_before, held=known.was, closing=known.now, **lines)


def _noted(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    notes = [_note(int(row["recorded"]), int(row["unrecorded"])) for row in rows.to_dict("records")]
    amounts = rows.assign(charged=[reduce(add, parts) for parts in rows[list(CHARGED)].to_numpy()])
    names = ["opening", *ALLOWANCE_LINES, "closing", "charged"]
    is_unknown = [note == "not_recorded" for note in notes]
    known = {
        name: pd.Series(
            [None if gone else amount for amount, gone in zip(amounts[name], is_unknown, strict=True)],
            index=rows.index,
            dtype=object,
        )
        for name in names
    }
    return rows[list(keys)].assign(
        **known, unrecorded=rows["unrecorded"].astype("int64"), note=pd.Series(notes, index=rows.index, dtype="str")
    )


def _note(recorded: int, unrecorded: int) -> str:
    if unrecorded and not recorded:
        return "not_recorded"
    return "partly_recorded" if unrecorded else ""


def _total(parts: Sequence[Decimal | None]) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if len(known) == len(parts) else None
