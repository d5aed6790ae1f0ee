"""How one month is classified: from its snapshots and the states a month earlier, as expressions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from analysis.book.schema import snapshot_schema
from analysis.classify import arrears, borrower, cure, impairment, reported, restructuring
from analysis.classify.candidate import Candidate, class_at, is_at_or_beyond, rule_at, worse, worst
from analysis.errors import DataRefused, did_you_mean
from analysis.rules.loader import DAYS_FROM, DAYS_OVER, TECHNICAL_DAYS, Rule, RuleSet
from analysis.terms import NPL_CLASSES

Mechanism = Callable[[ir.Table, Rule, RuleSet], Iterator[Candidate]]

# What a rule of a mechanism says of a loan by itself. A rule set applies those that its file names.
OF_A_LOAN: Mapping[str, Mechanism] = MappingProxyType(
    {
        DAYS_OVER: arrears.days_over,
        DAYS_FROM: arrears.days_from,
        TECHNICAL_DAYS: arrears.technical_days,
        "material_days_over": arrears.material_days_over,
        "credit_impaired": impairment.credit_impaired,
        "expected_loss_share": impairment.expected_loss_share,
        "observation": restructuring.observation,
        "observation_days_over": restructuring.observation_days_over,
        restructuring.RENEWAL: restructuring.qualified_renewal,
        "second_restructuring": restructuring.second_restructuring,
        "until_cured": cure.until_cured,
        "until_borrower_cured": cure.until_borrower_cured,
        "until_restructured_cured": cure.until_restructured_cured,
        "reported_class": reported.reported_class,
        "otherwise": reported.otherwise,
    }
)
# What the classes of the borrower's loans say of each of them, once all have one by themselves.
OF_A_BORROWER: Mapping[str, Mechanism] = MappingProxyType(
    {
        borrower.NPL_SHARE: borrower.npl_share_of_borrower,
        borrower.OVERDUE_SHARE: borrower.overdue_share_of_borrower,
    }
)
# Numbers that a mechanism above reads, which give no class of their own.
NUMBERS = frozenset({restructuring.MONTHS, restructuring.RESTART, *arrears.LIMITS})

PRIOR = ibis.schema(
    {
        "loan_id": "string",
        "prior_five_class": "string",
        "prior_is_npl": "boolean",
        "prior_in_observation": "boolean",
        "prior_restructure_date": "date",
        "prior_observation_until": "date",
    }
)
STATE = ibis.schema(
    dict(snapshot_schema())
    | {
        "five_class": "string",
        "is_npl": "boolean",
        "bucket": "string",
        "rule_id": "string",
        "in_observation": "boolean",
        "observation_until": "date",
        "prior_five_class": "string",
        "prior_is_npl": "boolean",
        "vintage_year": "int32",
    }
)
# Place of a row in a month's files: what is decided of a loan finds its snapshot again by its place,
# which costs less than to carry every column through the joins and to sort it.
_PLACE = ibis.schema({"file_index": "int64", "file_row_number": "int64"})
_CARRIED = ("in_observation", "observation_until", "prior_five_class", "prior_is_npl")
DECIDED = ibis.schema({"decided_place": "int64"} | {name: STATE[name] for name in _CARRIED})


class Classification(NamedTuple):
    """The steps of one month in order: each reads the table `month` and the steps before it by name.

    Attributes:
        nobody: what is known before the first month: no row of `prior`.
        prior: what is known from the table `earlier`, the states a month earlier; one row is a loan.
        claims: sums of borrowers with arrears; one row is a borrower.
        own: place that each loan has by itself; one row is a loan.
        bad_claims: sums of borrowers with a non-performing or late loan; one row is a borrower.
        decided: one row is a loan, in the order of the month's files, with the columns of `DECIDED`.
        states: from the table `paired`, a month beside what is decided of it: one row is a loan, with
            the columns of `STATE`.
    """

    nobody: ir.Table
    prior: ir.Table
    claims: ir.Table
    own: ir.Table
    bad_claims: ir.Table
    decided: ir.Table
    states: ir.Table


def classification(rules: RuleSet, *, reported_under: str) -> Classification:
    """The steps that classify any month under a rule set.

    Args:
        rules: a set whose purpose is classification.
        reported_under: id of the rules that the reported classes speak of; under others they say nothing.

    Raises:
        DataRefused: if the set names a mechanism that there is not, or leaves a loan without a class.
    """
    _check(rules)
    month = _table("month", snapshot_schema(), _PLACE)
    own = _own(_known(_with_reported(month, rules, reported_under)), rules)
    return Classification(
        nobody=_nobody(month),
        prior=_prior(_table("earlier", STATE)),
        claims=borrower.claims(month),
        own=own,
        bad_claims=borrower.bad_claims(_table("own", own.schema())),
        decided=_decided(_table("own", own.schema()), rules),
        states=_states(_table("paired", snapshot_schema(), DECIDED), rules),
    )


@cache
def statements(rules: RuleSet, reported_under: str) -> Mapping[str, str]:
    """The steps of `classification` as SQL, by name and in order."""
    steps = classification(rules, reported_under=reported_under)._asdict()
    return MappingProxyType({name: ibis.to_sql(step, dialect="duckdb") for name, step in steps.items()})


def _table(name: str, *schemas: ibis.Schema) -> ir.Table:
    return ibis.table({column: kind for schema in schemas for column, kind in schema.items()}, name=name)


def _prior(earlier: ir.Table) -> ir.Table:
    return earlier.select(**{name: earlier[name.removeprefix("prior_")] for name in PRIOR.names})


def _nobody(month: ir.Table) -> ir.Table:
    return month.filter(False).select(**{name: ibis.null(kind) for name, kind in PRIOR.items()})


def _with_reported(month: ir.Table, rules: RuleSet, reported_under: str) -> ir.Table:
    return month.mutate(reported=month.reported_class if reported_under == rules.id else ibis.null("string"))


def _known(month: ir.Table) -> ir.Table:
    rows = month.left_join(_table("prior", PRIOR), "loan_id").drop("loan_id_right")
    return rows.left_join(_table("claims", borrower.CLAIMS), "borrower_id").drop("borrower_id_right")


def _own(rows: ir.Table, rules: RuleSet) -> ir.Table:
    timely = rows.mutate(is_technical=arrears.technical(rows, rules))
    observed = restructuring.with_observation(timely, rules)
    placed = observed.mutate(own_place=worst(_candidates(observed, rules, OF_A_LOAN), rules))
    is_bad = is_at_or_beyond(placed.own_place, NPL_CLASSES)
    judged = placed.mutate(is_bad=is_bad, is_late=borrower.late(placed, rules))
    asked = {column for rule in rules.rules for column in (*rule.only, *rule.unless)}
    needed = ("as_of", "borrower_id", "principal_balance", "own_place", "is_bad", "is_late", *_PLACE.names, *_CARRIED)
    return judged.select(*needed, *sorted(asked.difference(needed)))


def _decided(own: ir.Table, rules: RuleSet) -> ir.Table:
    rows = own.left_join(_table("bad_claims", borrower.BAD_CLAIMS), "borrower_id").drop("borrower_id_right")
    drawn = worst(_candidates(rows, rules, OF_A_BORROWER), rules)
    decided = rows.mutate(decided_place=worse(drawn, rows.own_place).cast("int64"))
    return decided.order_by(_PLACE.names).select(DECIDED.names)


def _states(paired: ir.Table, rules: RuleSet) -> ir.Table:
    classified = paired.mutate(
        five_class=class_at(paired.decided_place),
        is_npl=is_at_or_beyond(paired.decided_place, NPL_CLASSES),
        bucket=arrears.bucket(paired.days_past_due),
        rule_id=rule_at(paired.decided_place, rules),
        # DuckDB gives 64 bits where Ibis expects 32, and Ibis drops a cast to what it expects.
        vintage_year=paired.origination_date.year().cast("int64"),
    )
    return classified.select(STATE.names).cast(dict(STATE))


def _candidates(rows: ir.Table, rules: RuleSet, mechanisms: Mapping[str, Mechanism]) -> Iterator[Candidate]:
    for rule in rules.rules:
        if rule.mechanism is not None and rule.mechanism in mechanisms:
            yield from mechanisms[rule.mechanism](rows, rule, rules)


def _check(rules: RuleSet) -> None:
    for rule in rules.rules:
        _check_one_of({*OF_A_LOAN, *OF_A_BORROWER, *NUMBERS}, str(rule.mechanism), f"mechanism of {rule.rule_id!r}")
        for column in (*rule.only, *rule.unless):
            _check_one_of(snapshot_schema().names, column, f"column of {rule.rule_id!r}")
    if len(rules.of("otherwise")) != 1:
        raise DataRefused(
            f"rule file {rules.id!r} must have one rule of mechanism 'otherwise', had {len(rules.of('otherwise'))}; "
            "without it a loan may be left without a class."
        )


def _check_one_of(known: Iterable[str], name: str, what: str) -> None:
    names = sorted(known)
    if name not in names:
        raise DataRefused(f"{what} must be one of {', '.join(names)}, was {name!r}{did_you_mean(name, names)}.")
