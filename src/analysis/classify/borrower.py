"""What do a borrower's other loans say: cross-default and pulling effect."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from analysis.classify.arrears import material, overdue
from analysis.classify.candidate import Candidate, at_least, decimal
from analysis.classify.impairment import is_impaired
from analysis.rules.loader import Rule, RuleSet

OVERDUE_SHARE, NPL_SHARE = "overdue_share_of_borrower", "npl_share_of_borrower"
CLAIMS = ibis.schema(
    {
        "borrower_id": "string",
        "borrower_balance": "decimal(18,2)",
        "borrower_overdue": "decimal(18,2)",
        "borrower_impaired": "int64",
    }
)
BAD_CLAIMS = ibis.schema(
    {
        "borrower_id": "string",
        "claims": "decimal(18,2)",
        "npl_claims": "decimal(18,2)",
        "late_claims": "decimal(18,2)",
    }
)


def claims(rows: ir.Table) -> ir.Table:
    """Sums of the borrowers that are late or impaired with a loan; one row is a borrower.

    Args:
        rows: one row is a loan of one month end.

    Returns:
        columns of `CLAIMS`: `borrower_balance`, `borrower_overdue` [currency], `borrower_impaired` [loans].
    """
    noted = rows.filter((rows.days_past_due > 0) | is_impaired(rows)).select("borrower_id").distinct()
    theirs = rows.semi_join(noted, "borrower_id")
    sums = theirs.group_by("borrower_id").aggregate(
        borrower_balance=theirs.principal_balance.sum(),
        borrower_overdue=overdue(theirs).sum(),
        borrower_impaired=is_impaired(theirs).sum().fill_null(0),
    )
    return _cast(sums, CLAIMS)


def bad_claims(rows: ir.Table) -> ir.Table:
    """Sums of the borrowers with a loan that is non-performing or late; one row is a borrower.

    Args:
        rows: one row is a loan of one month end: `borrower_id`, `principal_balance`, `is_bad`, `is_late`.

    Returns:
        columns of `BAD_CLAIMS`: `claims`, `npl_claims`, `late_claims` [currency].
    """
    noted = rows.filter(rows.is_bad | rows.is_late).select("borrower_id").distinct()
    theirs = rows.semi_join(noted, "borrower_id")
    sums = theirs.group_by("borrower_id").aggregate(
        claims=theirs.principal_balance.sum(),
        npl_claims=ibis.ifelse(theirs.is_bad, theirs.principal_balance, 0).sum(),
        late_claims=ibis.ifelse(theirs.is_late, theirs.principal_balance, 0).sum(),
    )
    return _cast(sums, BAD_CLAIMS)


def late(rows: ir.Table, rules: RuleSet) -> ir.BooleanValue:
    """Whether a loan counts towards its borrower's late claims: beyond the days of the rule, on a material amount."""
    days = [rule.days for rule in rules.of(OVERDUE_SHARE) if rule.days is not None]
    return (rows.days_past_due > min(days)) & material(rows, rules) if days else ibis.literal(False)


def overdue_share_of_borrower(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class when more than a share of the borrower's claims is late [share]."""
    yield from at_least(rows, rule, rows.late_claims > rows.claims * decimal(rule))


def npl_share_of_borrower(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class when more than a share of the borrower's claims is non-performing [share]."""
    yield from at_least(rows, rule, rows.npl_claims > rows.claims * decimal(rule))


def _cast(sums: ir.Table, schema: ibis.Schema) -> ir.Table:
    return sums.select(schema.names).cast(dict(schema))
