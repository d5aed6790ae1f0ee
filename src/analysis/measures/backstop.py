"""How much of each bad loan must be covered by its age, how much is, and when does the next step come?"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.classify.candidate import applies
from analysis.errors import Misuse, require_columns
from analysis.measures.collateral import secured
from analysis.measures.components import dimensions
from analysis.measures.npl_age import CUTS, YEAR, aged, cut_rows, in_cut_order, reporting_date, require_month
from analysis.rules.loader import Rule, load_rules

RULES = "eu_backstop"
AHEAD = (0, 12, 24, 36)
PARTS = ("unsecured", "immovable", "other")
BACKSTOP_COLUMNS = (
    "loans", "npl", *PARTS, "required", "held", "shortfall", "exempt", "at_least", "unvalued", "note",
)  # fmt: skip
_SCOPE = "backstop_scope"
# Wider than an amount in both places, which is what makes the product exact on every engine.
_FACTOR = "decimal(19, 4)"
_NEEDED = ("as_of", "loan_id", "is_npl", "principal_balance", "allowance", "origination_date", "collateral_type")


def backstop(
    states: ir.Table,
    loans: ir.Table | None = None,
    *,
    as_of: date | None = None,
    by: Sequence[str] = (),
    ahead: Sequence[int] = AHEAD,
) -> pd.DataFrame:
    """Least coverage of non-performing loans by age and collateral, now and later if nothing changes.

    Each loan is held to its own factors: what one loan has too much does not cover another. A loan that is
    secured in part is split at the value of its collateral. Later dates take balances, collateral and
    allowances as they are now, and only let the loans grow older.

    Source: Regulation (EU) No 575/2013, arts. 47c and 469a, inserted by Regulation (EU) 2019/630. We depart:
        held is the allowance of the loan alone, without further value adjustments, own-funds reductions and
        what has been written off of it; a forbearance measure does not stop the clock for a year; credits
        insured by an export agency are not told apart; years run from the first month end that showed the
        loan as non-performing, so that the third year begins 24 months after it; collateral without a recorded
        value counts as none, and whether it is eligible is taken from its type.

    Args:
        states: one row is a loan at a month end, classified; every month up to the date, for the ages.
        loans: one row is a loan with its attributes; without them every loan is unsecured.
        as_of: the month end; the latest if not given.
        by: dimensions and cuts of `npl_age.CUTS`, as they are at the month end; none gives the whole book.
        ahead: how far to look [months from 0, each once].

    Returns:
        one row per date and group with non-performing loans, ascending: `as_of` (the month end and the later
        dates), the groups, `loans` (non-performing, in scope) [count], `npl`, of it `unsecured`, `immovable`,
        `other`, `required`, `held`, `shortfall` (the deduction) [currency; exact, factors times cents;
        None if not recorded], `exempt` (NPL originated before the rules) [currency; exact], `at_least` (loans
        bad when first seen: older than known, and required at least so much), `unvalued` (loans with a
        type of collateral but no value: taken as unsecured) [loans in scope], and `note`: "not_recorded",
        "partly_recorded", "no_loans" (none in scope), "at_least" or "".

    Raises:
        Misuse: if a dimension, the month end or a number of months is not as above.
        MissingColumns: if a table lacks a column.
    """
    groups, day = dimensions(by, CUTS), reporting_date(states, as_of)
    if not ahead or min(ahead) < 0 or len(set(ahead)) < len(ahead):
        raise Misuse(f"ahead must be months from 0, each once, was {', '.join(map(str, ahead)) or 'none'}.")
    keys = ["as_of", *groups]
    one = loan_backstop(states, loans, as_of=day, by=groups, ahead=ahead)
    sums = cut_rows(_sums(one, keys, ahead), keys)
    if sums.empty:
        require_month(states, day)
    rows = [row for months in ahead for row in _at(sums, keys, day, months)]
    found = pd.DataFrame(rows, columns=[*keys, *BACKSTOP_COLUMNS], dtype=object)
    kinds = {name: sums[name].dtype for name in keys} | dict.fromkeys(("loans", "at_least", "unvalued"), "int64")
    return in_cut_order(found.astype(kinds | {"note": "str"}), keys)


def loan_backstop(
    states: ir.Table,
    loans: ir.Table | None = None,
    *,
    as_of: date,
    by: Sequence[str] = (),
    ahead: Sequence[int] = AHEAD,
) -> ir.Table:
    """The same loan by loan.

    Args:
        states: as for `backstop`.
        loans: as for `backstop`.
        as_of: the month end.
        by: dimensions and cuts.
        ahead: how far to look [months].

    Returns:
        one row is a loan that is non-performing at the month end: `as_of`, `loan_id`, the groups,
        `npl_months` [months], `is_at_least`, `is_in_scope`, `is_unvalued`, `npl`, `unsecured`, `immovable`, `other`,
        `held` [currency; null if not recorded], and for each number of months `required_<months>` and
        `shortfall_<months>` [currency; exact; null if not known].

    Raises:
        Misuse: if a dimension is unknown.
        MissingColumns: if a table lacks a column.
    """
    groups = dimensions(by, CUTS)
    require_columns("states", {*_NEEDED, *groups} - {"npl_years"}, states.columns)
    held = secured(aged(states, as_of), loans)
    bad = _parted(held.filter(held.is_npl))
    required = {months: _required(bad, months) for months in ahead}
    return bad.select(
        "as_of", "loan_id", *groups, "npl_months", "is_at_least", "is_in_scope", "is_unvalued",
        npl=bad.principal_balance, **{part: bad[part] for part in PARTS}, held=bad.allowance,
        **{f"required_{months}": amount for months, amount in required.items()},
        **{f"shortfall_{months}": _over(amount, bad.allowance) for months, amount in required.items()},
    )  # fmt: skip


def _parted(bad: ir.Table) -> ir.Table:
    """Bad loans with their secured and unsecured parts, and whether the rules are about them at all."""
    nothing = bad.principal_balance * 0  # null where the balance is, so that no part of it is shown as 0
    value = ibis.coalesce(bad.collateral, nothing)
    kinds = {part: applies(bad, _rules(part)[0]) for part in PARTS[1:]}
    parts = {part: ibis.ifelse(is_kind, value, nothing) for part, is_kind in kinds.items()}
    scope = load_rules(RULES).of(_SCOPE)[0].effective_from
    return bad.mutate(
        **parts,
        unsecured=bad.principal_balance - reduce(add, parts.values()),
        is_unvalued=ibis.or_(*kinds.values()) & bad.collateral.isnull(),  # noqa: PD003  (Ibis)
        is_in_scope=(bad.origination_date >= ibis.literal(scope)).fill_null(True),
    )


def _required(bad: ir.Table, months: int) -> ir.DecimalValue:
    old = bad.npl_months + months
    amounts = [bad[part] * _factor(old, _rules(part)) for part in PARTS]
    return reduce(add, amounts)


def _factor(months: ir.IntegerValue, rules: Sequence[Rule]) -> ir.DecimalValue:
    latest_first = sorted(rules, key=lambda rule: int(rule.applies_from or 0), reverse=True)
    steps = [(months >= _begins(rule), ibis.literal(Decimal(rule.value), _FACTOR)) for rule in latest_first]
    return ibis.cases(*steps, else_=ibis.literal(Decimal(0), _FACTOR))


def _begins(rule: Rule) -> int:
    """Months after which the n-th year begins: the first year begins at once."""
    return YEAR * (int(rule.applies_from or 1) - 1)


def _rules(part: str) -> tuple[Rule, ...]:
    return load_rules(RULES).of(f"backstop_{part}")


def _over(required: ir.DecimalValue, held: ir.DecimalColumn) -> ir.DecimalValue:
    gap = required - held
    return ibis.cases((gap > 0, gap), (gap <= 0, gap * 0))


def _sums(one: ir.Table, keys: Sequence[str], ahead: Sequence[int]) -> ir.Table:
    inside, is_recorded = one.is_in_scope, one.npl.notnull() & one.held.notnull()  # noqa: PD004  (Ibis)
    amounts = ["npl", *PARTS, "held", *(f"{name}_{months}" for months in ahead for name in ("required", "shortfall"))]
    return one.group_by(list(keys)).aggregate(
        loans=one.count(where=inside),
        **{name: one[name].sum(where=inside) for name in amounts},
        exempt=one.npl.sum(where=~inside),
        outside=one.count(where=~inside),
        at_least=one.count(where=inside & one.is_at_least),
        unvalued=one.count(where=inside & one.is_unvalued),
        balances=one.npl.count(),
        recorded=one.count(where=inside & is_recorded),
    )


def _at(sums: pd.DataFrame, keys: Sequence[str], day: date, months: int) -> list[dict[str, Any]]:
    later = (pd.Timestamp(day) + pd.offsets.MonthEnd(months)).as_unit("s")
    return [
        {name: row[name] for name in keys} | {"as_of": later} | _row(row, months) for row in sums.to_dict("records")
    ]


def _row(row: Mapping[Any, Any], months: int) -> dict[str, object]:
    found = {name: row[name] for name in ("npl", *PARTS, "held", "exempt")}
    found |= {name: row[f"{name}_{months}"] for name in ("required", "shortfall")}
    # Over no loans a sum is null in SQL although it is a true 0 where balances are recorded.
    empty = {name for name in found if row["outside" if name == "exempt" else "loans"] == 0 and row["balances"]}
    amounts = {name: Decimal(0) if name in empty else amount for name, amount in found.items()}
    return amounts | {name: row[name] for name in ("loans", "at_least", "unvalued")} | {"note": _note(row)}


def _note(row: Mapping[Any, Any]) -> str:
    if not row["balances"] or (row["loans"] and not row["recorded"]):
        return "not_recorded"
    if not row["loans"]:
        return "no_loans"
    if row["recorded"] < row["loans"]:
        return "partly_recorded"
    return "at_least" if row["at_least"] else ""
