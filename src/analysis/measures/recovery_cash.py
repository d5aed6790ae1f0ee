"""What came in on defaulted loans, from where, how many months after default, and at what cost?"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import require_columns
from analysis.measures.exact import exact_sum, quotients
from analysis.measures.periods import month_numbers
from analysis.measures.workouts import CURED, by_cohort, cohort_rows
from analysis.terms import CASH

# Where it came from: paid by the borrower or guarantor (interest is cash, too), the price of a sale, assets or
# equity taken at the value that they settled, and what came in once the loan was off the books.
SOURCES = ("cash", "proceeds", "in_kind", "after_write_off")
_KINDS = {"cash": (*CASH, "interest"), "in_kind": ("foreclosure", "debt_to_equity"), "after_write_off": ()}
_AFTER = "written_off_recovery"


def recoveries(defaults: ir.Table, flows: ir.Table) -> ir.Table:
    """What moved on each defaulted loan, by months since its default.

    A month is counted by the calendar: what moves in the month after the one that ended with the default is
    in month 1. The amount of a sale is the principal transferred and its cost the discount given, so that the
    price is the difference; a sale without its cost has no known price and is left out. Assets taken are
    worth the debt they settled. Costs are those of all other movements.

    Args:
        defaults: one row is a default, as `workouts` gives it.
        flows: one row is a dated money movement of a loan.

    Returns:
        one row per default and month in which something moved, in no order: `loan_id`, `start`, `months`
        [months since default, from 1], `cash`, `proceeds`, `in_kind`, `after_write_off`, their sum `received`,
        `cost` and `drawn` [currency].

    Raises:
        MissingColumns: if a table lacks a column.
    """
    require_columns("flows", {"loan_id", "date", "kind", "amount", "cost"}, flows.columns)
    spans = defaults.select("loan_id", "start", "end", "how")
    # After the end of a default comes only what is collected off the books, and never on a loan that got well.
    is_during = ibis.coalesce(flows.date <= spans.end, True)
    is_after = (flows.kind == _AFTER) & (spans.how != CURED)
    moved = spans.inner_join(flows, [spans.loan_id == flows.loan_id, flows.date > spans.start, is_during | is_after])
    dated = moved.mutate(months=month_numbers(moved.date) - month_numbers(moved.start))
    parts = {name: dated.amount.sum(where=dated.kind.isin(kinds)) for name, kinds in _KINDS.items() if kinds}
    parts["after_write_off"] = dated.amount.sum(where=dated.kind == _AFTER)
    parts["proceeds"] = (dated.amount - dated.cost).sum(where=dated.kind == "sale")
    parts["cost"] = dated.cost.sum(where=dated.kind != "sale")
    parts["drawn"] = dated.amount.sum(where=dated.kind == "drawdown")
    known = {name: ibis.coalesce(total, 0).cast("decimal(38, 2)") for name, total in parts.items()}
    summed = dated.group_by("loan_id", "start", "months").aggregate(**known)
    received = summed.cash + summed.proceeds + summed.in_kind + summed.after_write_off
    return summed.mutate(received=received)


def recovery_rows(defaults: ir.Table, flows: ir.Table, *, by: Sequence[str] = (), cohort: str = "all") -> pd.DataFrame:
    """What came in on defaults that were seen from their beginning, by source, and its cost.

    Args:
        defaults: one row is a default, as `workouts` gives it.
        flows: one row is a dated money movement of a loan.
        by: dimensions; none gives the whole book.
        cohort: "all", or "year" or "quarter" of default.

    Returns:
        one row per group (and `cohort`), ascending: `loans` [defaults], `exposure` (at default), `drawn`
        since, `cash`, `proceeds`, `in_kind`, `after_write_off`, `received`, `cost` [currency; exact; None if
        not recorded], `value`, cost ÷ received [share; NaN if nothing came in], `note`: "" or "no_denominator".

    Raises:
        Misuse: if a dimension or the cohort is unknown.
        MissingColumns: if a table lacks a column.
    """
    grouped, keys = by_cohort(defaults.filter(~defaults.is_truncated), by, cohort)
    seen = grouped.cache()  # it is read several times, and is far smaller than the book
    moved = recoveries(seen, flows)
    names = (*SOURCES, "received", "cost", "drawn")
    sums = moved.group_by("loan_id", "start").aggregate(**{name: moved[name].sum() for name in names})
    joined = seen.drop("drawn").left_join(sums, ["loan_id", "start"])
    is_recorded = joined.exposure.count() == joined.count()
    totals = {name: ibis.coalesce(joined[name].sum(), 0) for name in names}
    totals["exposure"] = ibis.ifelse(is_recorded, joined.exposure.sum(), ibis.null("decimal(38, 2)"))
    rows = cohort_rows(joined.group_by(keys).aggregate(loans=joined.count(), **totals), keys)
    ordered = rows[[*keys, "loans", "exposure", "drawn", *SOURCES, "received", "cost"]]
    notes = ["no_denominator" if exact_sum([received]) == 0 else "" for received in ordered["received"]]
    return ordered.assign(value=quotients(ordered["cost"], ordered["received"]), note=notes)
