"""What is still collected on loans that were written off, which never come back into the stock of bad loans?"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import require_columns
from analysis.measures.catalog import require_basis
from analysis.measures.components import dimensions
from analysis.measures.periods import month_numbers
from analysis.measures.workouts import by_cohort
from analysis.models.recovery_curves import recovered_shares

_FLOW = ("loan_id", "date", "kind", "amount")


def written_off_recoveries(
    states: ir.Table, flows: ir.Table, *, by: Sequence[str] = (), basis: str = "balance", cohort: str = "all"
) -> pd.DataFrame:
    """Share of what was written off that has been collected so many months later.

    Rights remain after a write-off and so does a ledger of its own; what is collected is no movement of the
    stock of bad loans. Write-offs are followed to the reporting date.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan.
        by: dimensions, as at the last month end before the write-off; none gives the whole book.
        basis: "balance" (share of all that was written off) or "count" (mean of the shares of single loans).
        cohort: "all", or "year" or "quarter" of write-off, by its first day.

    Returns:
        one row per group and month, ascending: `as_of`, the dimensions, `cohort` (not with "all"), `months` [since
        write-off; what comes in in its own month is in month 1], `value` [share of the amount written off],
        `lower`, `upper`, `at_risk` [loans], `owed`, `received`, `note` as `recovery_curve` gives them.

    Raises:
        Misuse: if a dimension, the basis or the cohort is unknown.
        MissingColumns: if a table lacks a column.

    Source: 《金融企业呆账核销管理办法（2017年修订版）》 财金〔2017〕90号: written off, the file kept (账销案存).
    """
    require_basis(basis)
    claims, keys = by_cohort(written_off(states, flows, by=by), by, cohort)
    return recovered_shares(claims, collected(claims, flows), keys, basis=basis)


def written_off(states: ir.Table, flows: ir.Table, *, by: Sequence[str] = ()) -> ir.Table:
    """Loans that were written off, in whole or in part.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan.
        by: dimensions.

    Returns:
        one row per loan, in no order: `loan_id`, the dimensions (null of a loan that no month end showed
        before), `start` (date of its first write-off), `as_of` (reporting date), `owed` (all that was written
        off) [currency], `followed` [months].

    Raises:
        Misuse: if a dimension is unknown.
        MissingColumns: if a table lacks a column.
    """
    groups = dimensions(by)
    require_columns("states", {"as_of", "loan_id", *groups}, states.columns)
    require_columns("flows", _FLOW, flows.columns)
    given_up = flows.filter(flows.kind == "write_off")
    loans = given_up.group_by("loan_id").aggregate(start=given_up.date.min(), owed=given_up.amount.sum())
    loans = loans.mutate(as_of=states.as_of.max().as_scalar())
    loans = loans.mutate(followed=month_numbers(loans.as_of) - month_numbers(loans.start))
    if not groups:
        return loans
    before = states.select("loan_id", *groups, seen=states.as_of).inner_join(loans, "loan_id")
    known = before.filter(before.seen < before.start)
    last = known.group_by("loan_id").aggregate(seen=known.seen.max())
    latest = known.select("loan_id", "seen", *groups).semi_join(last, ["loan_id", "seen"]).drop("seen")
    return loans.left_join(latest, "loan_id").drop("loan_id_right")


def collected(claims: ir.Table, flows: ir.Table) -> ir.Table:
    """What was collected on loans after they were written off, by months since.

    Args:
        claims: one row is a loan written off, as `written_off` gives it.
        flows: one row is a dated money movement of a loan.

    Returns:
        one row per loan and month in which something came in, in no order: `loan_id`, `start`, `months`, `received`
        [currency].
    """
    came = flows.filter(flows.kind == "written_off_recovery")
    spans = claims.select("loan_id", "start")
    dated = spans.inner_join(came, [spans.loan_id == came.loan_id, came.date >= spans.start])
    months = ibis.greatest(month_numbers(dated.date) - month_numbers(dated.start), 1)
    return dated.group_by("loan_id", "start", months=months).aggregate(received=dated.amount.sum())
