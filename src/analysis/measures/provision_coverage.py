"""Are the bad loans covered? Allowance against balance by class, days past due, collateral and age as NPL."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import require_columns
from analysis.measures.collateral import secured
from analysis.measures.components import dimensions
from analysis.measures.exact import quotient
from analysis.measures.npl_age import CUTS, aged, cut_rows, reporting_date, require_month

COVERAGE_COLUMNS = (
    "loans", "npl", "allowance", "allowance_npl", "allowance_performing", "value", "own_value", "uncovered",
    "collateral", "collateral_loans", "valuation_months", "note",
)  # fmt: skip
_NEEDED = ("as_of", "loan_id", "is_npl", "principal_balance", "allowance")


def npl_coverage(
    states: ir.Table, loans: ir.Table | None = None, *, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Coverage of non-performing loans at a month end, by any dimensions and cuts.

    The ratio of supervision sets the whole allowance of a group, that on its performing loans included,
    against its non-performing balance. What is held for the bad loans themselves is their own coverage.
    Groups add up to the book; a group without bad loans has an allowance and no ratio.

    Source: 《商业银行贷款损失准备管理办法》 (CBRC Order [2011] No. 4), art. 6, for the ratio; own coverage, by
        practice.

    Args:
        states: one row is a loan at a month end, classified; every month up to the date, for the ages.
        loans: one row is a loan with its attributes; without them no collateral is known.
        as_of: the month end; the latest if not given.
        by: dimensions and cuts of `npl_age.CUTS`; none gives the whole book.

    Returns:
        one row per group, ascending: `as_of`, the groups, `loans` (non-performing) [count], `npl` (their
        balance), `allowance` (of all loans of the group), `allowance_npl`, `allowance_performing` [currency; exact;
        None if not recorded], `value` (allowance ÷ NPL), `own_value` (allowance on NPL ÷ NPL) [share; NaN if
        unknown], `uncovered` (NPL − allowance on them; below 0 if more is held than owed), `collateral` (value of
        the collateral of NPL, of each loan at most its balance) [currency; exact; None if no value is recorded],
        `collateral_loans` (NPL with a recorded value) [count], `valuation_months` (mean age of their valuations)
        [months; NaN if unknown], and `note`: "not_recorded", "no_denominator", "partly_recorded" or "".

    Raises:
        Misuse: if a dimension or the month end is unknown.
        MissingColumns: if a table lacks a column.
    """
    groups = dimensions(by, CUTS)
    require_columns("states", {*_NEEDED, *groups} - {"npl_years"}, states.columns)
    keys, day = ["as_of", *groups], reporting_date(states, as_of)
    # Only ages need the history; the rest is of one month.
    held = aged(states, day) if "npl_years" in groups else states.filter(states.as_of == ibis.literal(day))
    sums = cut_rows(_sums(secured(held, loans), keys), keys)
    if sums.empty:
        require_month(states, day)
    found = pd.DataFrame([_covered(row) for row in sums.to_dict("records")], columns=COVERAGE_COLUMNS, dtype=object)
    numbers = {"value": "float64", "own_value": "float64", "valuation_months": "float64", "note": "str"}
    counts = {"loans": "int64", "collateral_loans": "int64"}
    return pd.concat([sums[keys], found.astype(numbers | counts)], axis=1)


def _sums(held: ir.Table, keys: Sequence[str]) -> ir.Table:
    bad, value = held.is_npl, held.collateral
    return held.group_by(list(keys)).aggregate(
        members=held.count(),
        loans=held.count(where=bad),
        npl=held.principal_balance.sum(where=bad),
        allowance=held.allowance.sum(),
        allowance_npl=held.allowance.sum(where=bad),
        allowance_performing=held.allowance.sum(where=~bad),
        collateral=value.sum(where=bad),
        collateral_loans=value.count(where=bad),
        valuations=held.valuation_months.count(where=bad),
        valuation_months=held.valuation_months.sum(where=bad),
        classes=bad.count(),
        balances=held.principal_balance.count(),
        balances_npl=held.principal_balance.count(where=bad),
        allowances=held.allowance.count(),
        allowances_npl=held.allowance.count(where=bad),
    )


def _covered(row: Mapping[Any, Any]) -> dict[str, object]:
    npl = _part(row["npl"], row["loans"], row["balances_npl"], is_recorded=row["classes"] and row["balances"])
    own = _part(row["allowance_npl"], row["loans"], row["allowances_npl"], is_recorded=row["allowances"])
    return {
        "loans": row["loans"],
        "npl": npl,
        "allowance": row["allowance"],
        "allowance_npl": own,
        "allowance_performing": None if row["allowance"] is None else row["allowance_performing"] or Decimal(0),
        "value": quotient(row["allowance"], npl),
        "own_value": quotient(own, npl),
        "uncovered": None if npl is None or own is None else npl - own,
        "collateral": row["collateral"],
        "collateral_loans": row["collateral_loans"],
        "valuation_months": quotient(row["valuation_months"], row["valuations"]),
        "note": _note(row, npl),
    }


def _part(amount: Decimal | None, loans: int, recorded: int, *, is_recorded: object) -> Decimal | None:
    # Of no bad loans the amount is a true 0 where amounts are recorded; a sum over none is null in SQL.
    if not is_recorded or (loans and not recorded):
        return None
    return amount or Decimal(0)


def _note(row: Mapping[Any, Any], npl: Decimal | None) -> str:
    if npl is None or row["allowance"] is None:
        return "not_recorded"
    if npl == 0:
        return "no_denominator"
    missing = min(row["classes"], row["allowances"]) < row["members"] or row["balances_npl"] < row["loans"]
    return "partly_recorded" if missing else ""
