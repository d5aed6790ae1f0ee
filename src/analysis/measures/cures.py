"""Do bad loans get well, do they stay well, and how long does a loan stay in a state?"""

import math
from collections.abc import Sequence
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from analysis.errors import Misuse, require_columns
from analysis.measures.catalog import require_basis
from analysis.measures.components import dimensions, exact_rows
from analysis.measures.endings import EXITS
from analysis.measures.exact import Exact, exact_sum, quotients
from analysis.measures.intervals import counted_bounds
from analysis.measures.migration import ENTERED, NOT_RECORDED, in_order
from analysis.measures.periods import month_numbers

CURE_OUTCOMES = ("cured", "relapsed", "left_performing", "left", "not_returned")
REDEFAULT_OUTCOMES = ("redefaulted", "left", "held")
_NEEDED = ("as_of", "loan_id", "is_npl", "is_restructured", "principal_balance", "prior_as_of", "prior_is_npl")


def cure_rates(
    states: ir.Table, *, within: int, probation: int, by: Sequence[str] = (), basis: str = "count"
) -> pd.DataFrame:
    """Of the loans that became non-performing in a month, which share came back in time and stayed?

    Every loan that went bad counts below the line, also one that was paid, sold or written off meanwhile:
    it can no longer cure. Loans first seen as bad, in the book's first month or later, are left out,
    because nobody knows since when they are.

    Args:
        states: one row is a loan at a month end, classified, with its state a month before; every month.
        within: months in which a loan has to be back [months, from 1].
        probation: months that it then has to stay performing [months, from 0].
        by: dimensions, as they were when the loan went bad; none gives the whole book.
        basis: "count", or "balance" when it went bad.

    Returns:
        one row per `as_of` (month of going bad) and group, ascending: `entrants`, of them `cured`,
        `relapsed` (back in time, bad again in probation: a technical cure), `left_performing` (back in
        time, gone in probation), `left` (gone before coming back in time), `not_returned` (in time, if ever);
        `cured_restructured`, those of `cured` that were restructured loans when they came back [loans or
        currency; exact; None if not recorded]; `value`, cured ÷ entrants [share; NaN if unknown], `lower`,
        `upper` [share; 95 % Wilson interval, by count only], and `note`: "", "not_recorded", "no_denominator",
        or "censored" where the book ends before the months and the probation are over: its loans are
        counted as far as seen and have no rate.

    Raises:
        Misuse: if a dimension or the basis is unknown or a number of months is out of range.
        MissingColumns: if the table lacks a column.

    Source: EBA/GL/2016/07, sections 7 and 8, for the probation; as a share of a complete cohort by practice.
    """
    groups = _checked(states, by, basis, months=(within, probation))
    entries = _events(states, groups).filter(ibis._.kind == "npl")
    back = (entries.next_kind == "performing") & (entries.next_month - entries.month <= within)
    end = entries.next_month + probation
    outcomes = ibis.cases(
        (back & (entries.after_kind == "npl") & (entries.after_month <= end), "relapsed"),
        (back & (entries.after_gone <= end), "left_performing"),
        (back, "cured"),
        (entries.gone - entries.month <= within, "left"),
        else_="not_returned",
    )
    rows = _tallied(entries.mutate(outcome=outcomes), groups, basis, (*CURE_OUTCOMES, "cured_restructured"))
    whole = rows.assign(entrants=_summed(rows, CURE_OUTCOMES))
    return _rated(whole, ("entrants", *CURE_OUTCOMES, "cured_restructured"), basis, _last(states) - within - probation)


def redefault_rates(
    states: ir.Table, *, within: int, probation: int, by: Sequence[str] = (), basis: str = "count"
) -> pd.DataFrame:
    """Of the loans that came back in a month and held their probation, which share went bad again?

    Args:
        states: as for `cure_rates`.
        within: months after the probation that are watched [months, from 1].
        probation: months that a loan has to stay performing before it counts [months, from 0].
        by: dimensions, as they were when the loan came back; none gives the whole book.
        basis: "count", or "balance" when it came back.

    Returns:
        one row per `as_of` (month of coming back) and group, ascending: `cured`, of them `redefaulted`, `left`
        and `held` (neither, in the months watched); then `value`, redefaulted ÷ cured, `lower`, `upper` and
        `note` as `cure_rates` gives them.

    Raises:
        Misuse: if a dimension or the basis is unknown or a number of months is out of range.
        MissingColumns: if the table lacks a column.
    """
    groups = _checked(states, by, basis, months=(within, probation))
    returns = _events(states, groups).filter(ibis._.kind == "performing")
    end = returns.month + probation
    bad_again = ibis.ifelse(returns.next_kind == "npl", returns.next_month, ibis.null("int64"))
    failed = (bad_again <= end) | (returns.gone <= end)
    cured = returns.mutate(bad_again=bad_again, end=end).filter(~failed.fill_null(False))
    outcomes = ibis.cases(
        (cured.bad_again - cured.end <= within, "redefaulted"),
        (cured.gone - cured.end <= within, "left"),
        else_="held",
    )
    rows = _tallied(cured.mutate(outcome=outcomes), groups, basis, REDEFAULT_OUTCOMES)
    whole = rows.assign(cured=_summed(rows, REDEFAULT_OUTCOMES))
    return _rated(whole, ("cured", *REDEFAULT_OUTCOMES), basis, _last(states) - within - probation)


def pooled_cohorts(rated: pd.DataFrame, *, by: Sequence[str] = (), basis: str = "count") -> pd.DataFrame:
    """Cohorts added up, those alone whose windows are over.

    Args:
        rated: one row is a cohort, as `cure_rates` or `redefault_rates` gives it.
        by: dimensions to keep.
        basis: that of the cohorts.

    Returns:
        one row per group: the first and the last month that counted as `since` and `as_of`, sums, `value`,
        `lower`, `upper`, `note` as before, and `censored`: loans or currency of the cohorts left out. A
        group that has only such cohorts has no rate, and the note "censored".
    """
    groups = dimensions(by)
    known = {"entrants", "cured_restructured", *CURE_OUTCOMES, *REDEFAULT_OUTCOMES}
    # In the order of the cohorts, whose rate is that of the second amount by the first.
    amounts = [str(name) for name in rated.columns if name in known]
    whole = "entrants" if "entrants" in amounts else "cured"
    ordered = [whole, *(name for name in amounts if name != whole)]
    is_open = rated["note"] == "censored"
    keyed = rated.assign(_all="")
    keys = [*groups] or ["_all"]
    closed = keyed[~is_open].groupby(keys, dropna=False)
    added = closed[ordered].agg(exact_sum).join(closed["as_of"].agg(since="min", as_of="max"))
    left_out = keyed[is_open].groupby(keys, dropna=False)[whole].agg(exact_sum).rename("censored")
    joined = added.join(left_out, how="outer").reset_index().astype(dict.fromkeys([*ordered, "censored"], object))
    is_recorded = any(amount is not None for amount in rated[whole])
    nothing: Exact = 0 if basis == "count" else Decimal(0) if is_recorded else None
    exact = {name: [None if pd.isna(n) else n for n in joined[name]] for name in ordered}
    exact["censored"] = [nothing if pd.isna(n) else n for n in joined["censored"]]
    sums = joined.assign(**{name: pd.Series(values, dtype=object) for name, values in exact.items()})
    return _rated(sums[["since", "as_of", *groups, *ordered, "censored"]], (*ordered, "censored"), basis, math.inf)


def time_in_state(migrations: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """How long loans stay in a state: months at risk ÷ moves out of it.

    Loans still there when the book ends count with the months they have been seen. It is the mean if
    the chance to move does not depend on how long a loan has been there.

    Args:
        migrations: one row is a move in a month, as `migration` gives it; months are added up.
        by: their dimensions.

    Returns:
        one row per group and `state`, in order: `loan_months` at risk, `moves` out, `months` [months; NaN if
        nobody moved], `censored`: loans in the state at the last month end.

    Source: D. Lando and T. M. Skødeberg (2002), J. Banking & Finance 26:423-444, the inverse of eq. 3.
    """
    groups = list(dimensions(by))
    known = migrations[(migrations["from_state"] != ENTERED) & (migrations["from_state"] != NOT_RECORDED)]
    stays = known.assign(moves=known["loans"].where(known["from_state"] != known["to_state"], 0))
    added = stays.groupby([*groups, "from_state"], dropna=False)[["loans", "moves"]].sum().reset_index()
    latest = migrations[migrations["as_of"] == migrations["as_of"].max()]
    there = latest[~latest["to_state"].isin(EXITS)].groupby([*groups, "to_state"], dropna=False)["loans"].sum()
    still = there.rename("censored").rename_axis([*groups, "from_state"]).reset_index()
    joined = added.merge(still, on=[*groups, "from_state"], how="left").fillna({"censored": 0})
    ordered = in_order(joined.assign(to_state=joined["from_state"]), groups)
    months = quotients(map(int, ordered["loans"]), map(int, ordered["moves"]))
    named = ordered.rename(columns={"from_state": "state", "loans": "loan_months"})
    counted = named.assign(months=months).astype({"censored": "int64"})
    return counted[[*groups, "state", "loan_months", "moves", "months", "censored"]]


def _checked(states: ir.Table, by: Sequence[str], basis: str, *, months: tuple[int, int]) -> tuple[str, ...]:
    groups, (within, probation) = dimensions(by), months
    require_basis(basis)
    if within < 1 or probation < 0:
        raise Misuse(f"within must be at least 1 month and probation 0, were {within!r} and {probation!r}.")
    require_columns("states", {*_NEEDED, *groups}, states.columns)
    return groups


def _events(states: ir.Table, groups: Sequence[str]) -> ir.Table:
    """One row is a change of state of a loan, or its disappearance, with the two events that came next.

    `kind` is "npl", "performing" or "gone", `month` its number; `gone` is the month in which the loan was
    no longer there if that came next, `after_gone` if it came after that, null if not.
    """
    rows = _rows_of_bad_loans(states, groups)
    changes = rows.filter(rows.is_npl != rows.prior_is_npl)
    missing = rows.filter(rows.followed_as_of.isnull(), rows.month < _last(states))  # noqa: PD003  (Ibis)
    changed = changes.mutate(kind=ibis.ifelse(changes.is_npl, "npl", "performing"))
    events = changed.union(missing.mutate(kind=ibis.literal("gone"), month=missing.month + 1))
    loan = ibis.window(group_by="loan_id", order_by="month")
    led = {
        f"{place}_{name}": events[name].lead(steps).over(loan)
        for steps, place in ((1, "next"), (2, "after"))
        for name in ("kind", "month", "is_restructured")
    }
    kept = events.mutate(**led)
    gone = {
        place: ibis.ifelse(kept[f"{place}_kind"] == "gone", kept[f"{place}_month"], ibis.null("int64"))
        for place in ("next", "after")
    }
    return kept.mutate(gone=gone["next"], after_gone=gone["after"])


def _rows_of_bad_loans(states: ir.Table, groups: Sequence[str]) -> ir.Table:
    """States of loans that changed theirs once; `followed_as_of` is null where the next month end lacks the loan."""
    # Who changed is read from the stored state, so that these loans alone are put in order and not the whole book.
    changed = states.filter(states.is_npl != states.prior_is_npl).select("loan_id").distinct()
    rows = states.semi_join(changed, "loan_id")
    followed = rows.prior_as_of.lead(1).over(ibis.window(group_by="loan_id", order_by="as_of"))
    columns = [*dict.fromkeys([*_NEEDED, *groups])]
    return rows.select(*columns, month=month_numbers(rows.as_of), followed_as_of=followed)


def _last(states: ir.Table) -> int:
    return int(month_numbers(states.as_of).max().to_pyarrow().as_py() or 0)


def _tallied(events: ir.Table, groups: Sequence[str], basis: str, outcomes: Sequence[str]) -> pd.DataFrame:
    amounts = events.principal_balance if basis == "balance" else ibis.literal(1)
    counted = events.mutate(amount=amounts)
    is_recorded = counted.amount.count() == counted.count()
    restructured = (counted.outcome == "cured") & counted.next_is_restructured
    where = {name: restructured if name == "cured_restructured" else counted.outcome == name for name in outcomes}
    # A filtered sum over no loans is null although it is a true 0 where balances are recorded.
    sums = {name: ibis.coalesce(counted.amount.sum(where=chosen), 0) for name, chosen in where.items()}
    is_known = dict.fromkeys(where, is_recorded)
    if "cured_restructured" in where:
        cured = counted.outcome == "cured"
        unsaid = counted.count(where=cured & counted.next_is_restructured.isnull())  # noqa: PD003  (Ibis)
        is_known["cured_restructured"] = is_recorded & (ibis.coalesce(unsaid, 0) == 0)
    known = {name: ibis.ifelse(is_known[name], added, ibis.null(added.type())) for name, added in sums.items()}
    keys = ["as_of", *groups]
    return exact_rows(counted.group_by(keys).aggregate(**known), keys)


def _summed(rows: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    sums = [exact_sum(parts) for parts in zip(*(rows[name] for name in names), strict=True)]
    return pd.Series(sums, index=rows.index, dtype=object)


def _rated(rows: pd.DataFrame, amounts: Sequence[str], basis: str, last_closed: float) -> pd.DataFrame:
    """Rows with the rate of their second amount by their first, unless their windows are still open."""
    whole, part = rows[amounts[0]], rows[amounts[1]]
    dates = rows["as_of"].dt
    closed = (dates.year * 12 + dates.month <= last_closed).to_numpy(dtype=bool)
    notes = [_note(*row) for row in zip(whole, closed, strict=True)]
    shares = quotients(part, whole)
    values = np.where([note == "" for note in notes], shares, math.nan).astype(float)
    lower, upper = counted_bounds(part, whole, ~np.isnan(values) & (basis == "count"))
    keys = [str(name) for name in rows.columns if name not in amounts]
    rated = rows[[*keys, *amounts]].assign(value=values, lower=lower, upper=upper)
    return rated.assign(note=pd.Series(notes, index=rows.index, dtype="str"))


def _note(whole: Exact, is_closed: object) -> str:
    if not is_closed:
        return "censored"
    if whole is None:
        return "not_recorded"
    return "no_denominator" if whole == 0 else ""
