"""What ended a loan to which several things happened in one period?"""

from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from analysis.terms import CASH, DISPOSALS, LAST_APPLIED

PAID = "cash"
ENDINGS = (*LAST_APPLIED, PAID)
REPAID, LEFT = "repaid", "left"
# The state that a loan goes to, by the disposal that ended it.
_STATES = MappingProxyType(
    {
        "write_off": "written_off",
        "sale": "sold",
        "foreclosure": "foreclosed",
        "debt_to_equity": "converted",
        "forgiveness": "forgiven",
    }
)
EXITS = (REPAID, *_STATES.values(), LEFT)


def endings(dated: ir.Table) -> ir.Table:
    """The last thing that happened to each loan in each period: that of the latest date ended it.

    Of several on one day the one that is applied last did, see `terms.LAST_APPLIED`; cash comes before all of them.

    Args:
        dated: one row is a money movement with the end `as_of` of its period, as `dated_flows` gives it.

    Returns:
        one row per loan and period with cash or a disposal: `loan_id`, `as_of`, `ended_by` (of `ENDINGS`), and
        `cash`, `disposed` [currency] of the period.
    """
    moved = dated.filter(dated.kind.isin([*CASH, *DISPOSALS]), dated.amount > 0)
    is_cash = moved.kind.isin(CASH)
    days = {f"last_{kind}": moved.date.max(where=moved.kind == kind) for kind in LAST_APPLIED}
    by_loan = moved.group_by(["loan_id", "as_of"]).aggregate(
        last=moved.date.max(),
        cash=ibis.coalesce(moved.amount.sum(where=is_cash), 0),
        disposed=ibis.coalesce(moved.amount.sum(where=~is_cash), 0),
        **days,
    )
    ended_by = ibis.cases(*((by_loan[f"last_{kind}"] == by_loan["last"], kind) for kind in LAST_APPLIED), else_=PAID)
    return by_loan.select("loan_id", "as_of", "cash", "disposed", ended_by=ended_by)


def exit_state(gone: ir.Table) -> ir.StringValue:
    """The state of `EXITS` that a loan went to.

    A loan that cash ended is repaid where cash and disposals of the period cover what it owed before; one that only
    drops out of the tape has left.

    Args:
        gone: one row is a loan that is no longer there: `principal_balance` when it last was, and `ended_by`, `cash`
            and `disposed` as `endings` gives them, null where nothing happened to it.
    """
    disposals = [(gone.ended_by == kind, state) for kind, state in _STATES.items()]
    settled = gone.cash + gone.disposed
    is_repaid = (gone.ended_by == PAID) & (settled >= ibis.coalesce(gone.principal_balance, settled))
    return ibis.cases(*disposals, (is_repaid, REPAID), else_=LEFT)
