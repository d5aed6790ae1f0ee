"""What do stage and allowance say: a credit-impaired asset is non-performing."""

from collections.abc import Iterator

import ibis.expr.types as ir

from analysis.classify.candidate import Candidate, at_least, decimal
from analysis.rules.loader import Rule, RuleSet

# The stage that IFRS 9 (5.5.3, appendix A) and CAS 22 give a credit-impaired asset.
_IMPAIRED_STAGE = 3


def is_impaired(rows: ir.Table) -> ir.BooleanColumn:
    """Whether a loan is credit-impaired; null where no stage is recorded."""
    return rows.ifrs9_stage == _IMPAIRED_STAGE


def credit_impaired(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class when credit-impaired."""
    yield from at_least(rows, rule, is_impaired(rows))


def expected_loss_share(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least a class when credit-impaired and the allowance reaches a share of the balance [share].

    The balance is the principal: without the interest receivable the share is the larger, the stricter.
    """
    reached = (rows.allowance >= rows.principal_balance * decimal(rule)) & (rows.principal_balance > 0)
    yield from at_least(rows, rule, is_impaired(rows) & reached)
