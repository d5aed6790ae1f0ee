"""What stands behind a loan, as far as was known on the date? Its collateral, capped at what it owes."""

import ibis
import ibis.expr.types as ir

from analysis.errors import require_columns
from analysis.measures.periods import month_numbers


def secured(rows: ir.Table, loans: ir.Table | None) -> ir.Table:
    """Loans at a month end with the value of their collateral.

    A tape says what a loan's collateral is worth once, as it is known last; a valuation dated after the
    month end was not known then and does not count.

    Args:
        rows: one row is a loan at a month end.
        loans: one row is a loan with its attributes; None where there is none to ask.

    Returns:
        the rows, each with `collateral` [currency; at most the balance; null if no value is recorded] and
        `valuation_months` [months since the valuation; null if its date is not recorded].

    Raises:
        MissingColumns: if a table lacks a column.
    """
    require_columns("states", {"as_of", "loan_id", "principal_balance"}, rows.columns)
    if loans is None:
        return rows.mutate(collateral=ibis.null(rows.principal_balance.type()), valuation_months=ibis.null("int64"))
    require_columns("loans", {"loan_id", "collateral_value", "valuation_date"}, loans.columns)
    valued = loans.select("loan_id", "collateral_value", "valuation_date")
    joined = rows.left_join(valued, "loan_id").drop("loan_id_right")
    is_known = joined.collateral_value.notnull() & ~(joined.valuation_date > joined.as_of).fill_null(False)
    # Of a null and a number the least is the number on one engine and null on another.
    capped = ibis.ifelse(
        joined.collateral_value < joined.principal_balance, joined.collateral_value, joined.principal_balance
    )
    months = month_numbers(joined.as_of) - month_numbers(joined.valuation_date)
    return joined.mutate(
        collateral=ibis.ifelse(is_known, capped, ibis.null(capped.type())),
        valuation_months=ibis.ifelse(is_known, months, ibis.null("int64")),
    ).drop("collateral_value", "valuation_date")
