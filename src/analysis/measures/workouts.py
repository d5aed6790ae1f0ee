"""Which loans defaulted, what did they owe then, and how did each default end?"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, require_columns, require_known
from analysis.measures.components import dimensions, exact_rows
from analysis.measures.endings import EXITS, LEFT, PAID, REPAID, endings
from analysis.measures.exact import quotients
from analysis.measures.periods import month_numbers
from analysis.rules.loader import load_rules
from analysis.terms import CASH as CASH_KINDS
from analysis.terms import DISPOSALS

CURED, CASH, OPEN = "cured", PAID, "open"
# How a default ends: as a loan leaves any stock, but that cash is named as in the bridge, or not yet.
ENDINGS = (CURED, *(CASH if name == REPAID else name for name in EXITS), OPEN)
SEEN, BEFORE = "seen", "before"
COHORTS = ("all", "year", "quarter")
_BY_FLOW = dict(zip(DISPOSALS, EXITS[1:-1], strict=True))
_TRUNCATION = {"year": "Y", "quarter": "Q"}
_STATE = ("as_of", "loan_id", "is_npl", "principal_balance")
_FLOW = ("loan_id", "date", "kind", "amount", "cost")


def same_default_months() -> int:
    """Months back in order that end a default; a loan that is bad again sooner never left it [months]."""
    return int(load_rules("house").rule("EU-SAME-DEFAULT").value)


def workouts(
    states: ir.Table, flows: ir.Table | None = None, *, by: Sequence[str] = (), same_within: int = 0
) -> ir.Table:
    """Defaults of loans: the time from the first month end at which a loan is non-performing to its end.

    A loan missing from a month's tape is taken to be as it was. It is cured when it is first seen performing
    again; a cure of late may yet turn out to be none, as it does if the loan is bad again too soon. What
    happened last ended it, see `endings`: it is "cash" if that is cash and covers with other disposals what it
    owed, and "left" if it only drops out of the tape, or if there are no flows to say why. A loan written off
    before any month end showed it as non-performing is not among them.

    Args:
        states: one row is a loan at a month end, classified; all months.
        flows: one row is a dated money movement of a loan.
        by: dimensions, as they were at default.
        same_within: months; a loan that is bad again sooner after it came back is in the same default as before.

    Returns:
        one row per default, in no order: `loan_id`, the dimensions, `start` (month end), `as_of` (reporting
        date), `is_truncated` (bad when first seen, so that nobody knows since when), `spells` (of being
        non-performing, in this one default), `exposure` (balance at start), `drawn` (drawdowns since; null
        without flows) [currency], `end` (month end; null if open), `how` (out of `ENDINGS`), `months` (to its
        end, or to the reporting date if open), `followed` (to the reporting date) [months], `face` (balance it
        came back with; null unless cured) [currency], `is_priced` (false if it was sold and the price is not known).

    Raises:
        Misuse: if a dimension is unknown or `same_within` is negative.
        MissingColumns: if a table lacks a column.

    Source: EBA/GL/2017/16, para. 101, for defaults that count as one.
    """
    groups = dimensions(by)
    if same_within < 0:
        raise Misuse(f"same_within must be 0 months or more, was {same_within!r}.")
    require_columns("states", {*_STATE, *groups}, states.columns)
    ended = _ended(_defaults(_spells(states, groups), groups, same_within), states)
    told = _untold(ended) if flows is None else _told(ended, flows)
    until = ibis.coalesce(told.end, told.as_of)
    return told.select(
        "loan_id", *groups, "start", "as_of", "is_truncated", "spells", "exposure", "drawn", "end", "how", "face",
        months=month_numbers(until) - month_numbers(told.start),
        followed=month_numbers(told.as_of) - month_numbers(told.start),
        is_priced=told.is_priced,
    )  # fmt: skip


def workout_rows(defaults: ir.Table, *, by: Sequence[str] = (), cohort: str = "year") -> pd.DataFrame:
    """Defaults counted by when they began and how they ended.

    Args:
        defaults: one row is a default, as `workouts` gives it.
        by: dimensions; none gives the whole book.
        cohort: "year" or "quarter" of default, or "all".

    Returns:
        one row per group, `cohort` (its first day; not with "all"), `begin` ("seen", or "before" of loans
        bad when first seen, whose year is that of the tape) and `how` that there is, in order: `loans`
        [defaults], `merged` (of them, with more than one spell), `unpriced` (sold, price not known), `exposure`,
        `drawn` [currency; exact; None if not recorded], `mean_months` to the end or so far [months].

    Raises:
        Misuse: if a dimension or the cohort is unknown.
    """
    cohorts, keys = by_cohort(defaults, by, cohort)
    named = cohorts.mutate(begin=ibis.ifelse(cohorts.is_truncated, BEFORE, SEEN))
    counted = named.group_by([*keys, "begin", "how"]).aggregate(
        loans=named.count(),
        merged=(named.spells > 1).sum(),
        unpriced=(~named.is_priced).sum(),
        exposure=_whole(named, "exposure"),
        drawn=_whole(named, "drawn"),
        waited=named.months.sum(),
    )
    rows = cohort_rows(counted, [*keys, "begin", "how"])
    timed = rows.assign(mean_months=quotients(rows["waited"], rows["loans"])).drop(columns="waited")
    places = {name: place for place, name in enumerate((SEEN, BEFORE, *ENDINGS))}
    ranked = timed.assign(_begin=timed["begin"].map(places), _how=timed["how"].map(places))
    ordered = ranked.sort_values([*keys, "_begin", "_how"], na_position="last", kind="stable", ignore_index=True)
    return ordered.drop(columns=["_begin", "_how"])


def by_cohort(defaults: ir.Table, by: Sequence[str], cohort: str) -> tuple[ir.Table, list[str]]:
    """Defaults with the cohort they belong to, and the keys that put them into groups.

    Args:
        defaults: with `start` and `as_of`.
        by: dimensions.
        cohort: out of `COHORTS`.

    Raises:
        Misuse: if a dimension or the cohort is unknown.
    """
    groups = dimensions(by)
    require_known("cohort", cohort, COHORTS)
    if cohort == "all":
        return defaults, ["as_of", *groups]
    first_day = defaults.start.truncate(_TRUNCATION[cohort]).cast("date")
    return defaults.mutate(cohort=first_day), ["as_of", *groups, "cohort"]


def cohort_rows(table: ir.Table, keys: Sequence[str]) -> pd.DataFrame:
    """Rows of a small table, ordered by their keys, exact; the cohort's first day as a date of pandas.

    Args:
        table: with `as_of` and the other keys among its columns.
        keys: columns to order by.
    """
    rows = exact_rows(table, keys)
    return rows.astype({"cohort": "datetime64[s]"}) if "cohort" in keys else rows


def _spells(states: ir.Table, groups: Sequence[str]) -> ir.Table:
    """One row is an unbroken time of a loan as non-performing, with what came after it."""
    bad = states.filter(states.is_npl).select("loan_id").distinct()
    rows = states.filter(states.is_npl.notnull()).semi_join(bad, "loan_id").select(*_STATE, *groups)  # noqa: PD004
    loan = ibis.window(group_by="loan_id", order_by="as_of")
    around = rows.mutate(was=rows.is_npl.lag().over(loan), will=rows.is_npl.lead().over(loan))
    was = ibis.coalesce(around.was, False)
    marked = around.mutate(
        begins=around.is_npl & ~was,
        returns=~around.is_npl & was,
        ends=around.is_npl & ~ibis.coalesce(around.will, False),
    )
    counted = marked.mutate(
        spell=marked.begins.cast("int64").sum().over(ibis.cumulative_window(group_by="loan_id", order_by="as_of"))
    )
    during = counted.filter(counted.spell > 0)
    return during.group_by("loan_id", "spell").aggregate(
        start=during.as_of.min(where=during.begins),
        is_truncated=(during.begins & during.was.isnull()).any(),  # noqa: PD003  (Ibis)
        exposure=during.principal_balance.sum(where=during.begins),
        last_bad=during.as_of.max(where=during.is_npl),
        owed=during.principal_balance.sum(where=during.ends),
        returned=during.as_of.min(where=during.returns),
        face=during.principal_balance.sum(where=during.returns),
        **{name: during[name].max(where=during.begins) for name in groups},
    )


def _defaults(spells: ir.Table, groups: Sequence[str], same_within: int) -> ir.Table:
    """One row is a default: spells that follow too soon after the one before belong to it."""
    loan = ibis.window(group_by="loan_id", order_by="start")
    apart = month_numbers(spells.start) - month_numbers(spells.returned.lag().over(loan))
    split = spells.mutate(is_new=ibis.coalesce(apart >= same_within, True))
    marked = split.mutate(
        is_last=ibis.coalesce(split.is_new.lead().over(loan), True),
        default=split.is_new.cast("int64").sum().over(ibis.cumulative_window(group_by="loan_id", order_by="start")),
    )
    first, last = marked.is_new, marked.is_last
    return marked.group_by("loan_id", "default").aggregate(
        start=marked.start.min(),
        is_truncated=marked.is_truncated.any(),
        spells=marked.count(),
        exposure=marked.exposure.sum(where=first),
        last_bad=marked.last_bad.max(),
        owed=marked.owed.sum(where=last),
        returned=marked.returned.max(where=last),
        face=marked.face.sum(where=last),
        **{name: marked[name].max(where=first) for name in groups},
    )


def _ended(defaults: ir.Table, states: ir.Table) -> ir.Table:
    """Defaults with the month end at which they were over, and whether by a cure."""
    days = states.select("as_of").distinct()
    dated = days.select(
        day=days.as_of,
        next_day=days.as_of.lead().over(ibis.window(order_by="as_of")),
        as_of=days.as_of.max().over(ibis.window()),
    )
    joined = defaults.inner_join(dated, defaults.last_bad == dated.day)
    return joined.mutate(
        end=ibis.coalesce(joined.returned, joined.next_day),
        how=ibis.cases((joined.returned.notnull(), CURED), (joined.next_day.isnull(), OPEN), else_=LEFT),  # noqa: PD003, PD004
    )


def _untold(ended: ir.Table) -> ir.Table:
    return ended.mutate(drawn=ibis.null("decimal(38, 2)"), is_priced=ibis.literal(True))


def _told(ended: ir.Table, flows: ir.Table) -> ir.Table:
    """Defaults with what their flows say: the way they ended, what was drawn, whether a sale has its price."""
    require_columns("flows", _FLOW, flows.columns)
    moved = flows.filter(flows.kind.isin([*CASH_KINDS, *DISPOSALS, "drawdown"]))
    spans = ended.select("loan_id", "start", "last_bad", "end")
    during = spans.inner_join(
        moved, [spans.loan_id == moved.loan_id, moved.date > spans.start, ibis.coalesce(moved.date <= spans.end, True)]
    )
    sums = during.group_by("loan_id", "start").aggregate(
        drawn_since=during.amount.sum(where=during.kind == "drawdown"),
        unpriced=((during.kind == "sale") & during.cost.isnull()).any(),  # noqa: PD003  (Ibis)
    )
    at_the_end = endings(during.filter(during.date > during.last_bad).mutate(as_of=lambda rows: rows.end))
    joined = ended.left_join(sums, ["loan_id", "start"]).drop("loan_id_right", "start_right")
    joined = joined.left_join(at_the_end.rename(end="as_of"), ["loan_id", "end"])
    settled = joined.cash + joined.disposed
    is_paid = (joined.ended_by == PAID) & (settled >= ibis.coalesce(joined.owed, settled))
    ways = [(joined.ended_by == kind, name) for kind, name in _BY_FLOW.items()]
    return joined.mutate(
        how=ibis.cases((joined.how != LEFT, joined.how), *ways, (is_paid, CASH), else_=joined.how),
        drawn=ibis.coalesce(joined.drawn_since, 0).cast("decimal(38, 2)"),
        is_priced=~ibis.coalesce(joined.unpriced, False),
    )


def _whole(rows: ir.Table, name: str) -> ir.DecimalScalar:
    # A sum that leaves out what is not recorded would be read as all of it.
    total = rows[name].sum()
    return ibis.ifelse(rows[name].count() == rows.count(), total, ibis.null(total.type()))
