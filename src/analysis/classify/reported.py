"""What does the bank itself report: a class worse than the rules give is kept, a better one is not."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from analysis.classify.candidate import Candidate, applies
from analysis.rules.loader import Rule, RuleSet
from analysis.terms import FIVE_CLASSES


def reported_class(rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """At least the class that the bank reports, which may rest on more than a tape holds."""
    for name in FIVE_CLASSES:
        yield Candidate(rule, name, (rows.reported == name) & applies(rows, rule))


def otherwise(_rows: ir.Table, rule: Rule, _rules: RuleSet) -> Iterator[Candidate]:
    """The class of a loan that no other rule speaks about."""
    if rule.five_class is not None:
        yield Candidate(rule, rule.five_class, ibis.literal(True))
