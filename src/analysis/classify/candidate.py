"""Which class wins where several rules speak about a loan: the worst, and of equals the first in the file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from analysis.rules.loader import Rule, RuleSet
from analysis.terms import FIVE_CLASSES

_CLASSES = tuple(FIVE_CLASSES)
# Wider than any rule file is long, so that a place orders by class first and by the file second.
_PLACES_PER_CLASS = 1000


class Candidate(NamedTuple):
    """A class that a rule gives a loan at least, where its condition holds (null counts as no)."""

    rule: Rule
    five_class: str
    condition: ir.BooleanValue


def applies(rows: ir.Table, rule: Rule) -> ir.BooleanValue:
    """Whether a rule is about a loan at all: by its `only`, its `unless` and the day it ran out."""
    met: list[ir.BooleanValue] = [rows[column].isin(values).fill_null(False) for column, values in rule.only.items()]
    met += [~rows[column].isin(values).fill_null(False) for column, values in rule.unless.items()]
    if rule.effective_to is not None:
        met.append(rows.as_of <= ibis.literal(rule.effective_to))
    return ibis.and_(*met)


def at_least(rows: ir.Table, rule: Rule, condition: ir.BooleanValue) -> Iterator[Candidate]:
    """The one candidate of a rule that names its class."""
    if rule.five_class is not None:
        yield Candidate(rule, rule.five_class, condition & applies(rows, rule))


def worst(candidates: Iterable[Candidate], rules: RuleSet) -> ir.IntegerColumn:
    """Place of the candidate that wins; the smaller, the worse the class. Null where no condition holds."""
    ordered = sorted(candidates, key=lambda candidate: _place(candidate.rule, candidate.five_class, rules))
    branches = [(one.condition, ibis.literal(_place(one.rule, one.five_class, rules), "int16")) for one in ordered]
    return ibis.cases(*branches, else_=ibis.null("int16")) if branches else ibis.null("int16")


def worse(challenger: ir.IntegerColumn, place: ir.IntegerColumn) -> ir.IntegerColumn:
    """The challenger's place where its class is worse than a loan's own, else the loan's own."""
    return ibis.ifelse(_milder(challenger) < _milder(place), challenger, place)


def class_at(place: ir.IntegerColumn) -> ir.StringColumn:
    """Class that a place stands for."""
    return _milder(place).cases(*enumerate(reversed(_CLASSES)))


def rule_at(place: ir.IntegerColumn, rules: RuleSet) -> ir.StringColumn:
    """Id of the rule that a place stands for."""
    ids: Mapping[int, str] = dict(enumerate(rule.rule_id for rule in rules.rules))
    return (place % _PLACES_PER_CLASS).cases(*ids.items())


def is_at_or_beyond(place: ir.IntegerColumn, classes: Sequence[str]) -> ir.BooleanColumn:
    """Whether a place is of the mildest of some classes, or worse."""
    mildest = min(_CLASSES.index(name) for name in classes)
    return place < (len(_CLASSES) - mildest) * _PLACES_PER_CLASS


def decimal(rule: Rule) -> ir.DecimalScalar:
    """Value of a rule as an exact number."""
    return ibis.literal(Decimal(rule.value), "decimal(20,4)")


def _milder(place: ir.IntegerColumn) -> ir.IntegerColumn:
    """How many classes are worse than a place's."""
    return place // _PLACES_PER_CLASS


def _place(rule: Rule, five_class: str, rules: RuleSet) -> int:
    milder = len(_CLASSES) - 1 - _CLASSES.index(five_class)
    return milder * _PLACES_PER_CLASS + [known.rule_id for known in rules.rules].index(rule.rule_id)
