"""Is the whole allowance large enough? The two standards of Chinese supervision, and which of them binds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, require_columns
from analysis.measures.bridge import ENTRIES, bridge
from analysis.measures.components import component_rows, dimensions, exact_rows
from analysis.measures.exact import Exact, quotient
from analysis.rules.loader import Rule, load_rules
from analysis.terms import DISPOSALS, NPL_CLASSES, Text

RULES = "cn_provisions"
STANDARDS: Mapping[str, Text] = MappingProxyType(
    {
        "base": Text("基本标准", "base standard"),
        "least": Text("可下调至的下限", "least that a single bank may be asked for"),
        "classification": Text(
            "按贷款分类准确性一项对应的档次；另两项因素的档次未知，要求可能更高",
            "tier by the accuracy of classification alone; the other two factors may ask for more",
        ),
    }
)
FACTORS: Mapping[str, Text] = MappingProxyType(
    {
        "classification": Text(
            "逾期90天以上贷款纳入不良贷款的比例", "share of the loans 90+ days overdue that are NPL"
        ),
        "disposal": Text("处置的不良贷款÷新形成的不良贷款", "NPL disposed of ÷ NPL newly formed"),
        "capital": Text("资本充足率", "capital adequacy ratio"),
    }
)
_MECHANISMS = ("coverage", "provision_ratio")
_FIGURES = (
    "loans", "balance", "npl", "held", "coverage_minimum", "provision_ratio_minimum", "required_by_coverage",
    "required_by_provision_ratio", "required", "surplus", "binding", "status", "note",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Standard:
    """A pair of minima: the rules they come from, None where none applies, and why not."""

    name: str
    rules: tuple[Rule | None, Rule | None]
    note: str = ""


def provision_requirement(states: ir.Table, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """The allowance that each standard asks for, at each month end, and what there is beyond it.

    The standards are those of a whole bank. By group they say what the group adds to it: amounts of one
    standard ratio add up over groups, the higher of the two does not.

    Source: 《商业银行贷款损失准备管理办法》 (CBRC Order [2011] No. 4), arts 6-7; 银监发〔2018〕7号, whose tiers
        are unverified.

    Args:
        states: one row is a loan at a month end, classified.
        by: dimensions; none gives the whole book.

    Returns:
        one row per `as_of`, group and `standard` (see `STANDARDS`), ascending: `loans`, `balance`, `npl`,
        `held` (the allowance) [currency; exact; None if not recorded], `coverage_minimum`,
        `provision_ratio_minimum` [share; NaN if none applies], `required_by_coverage`,
        `required_by_provision_ratio`, `required` (the higher), `surplus` (held − required; a shortfall is below 0)
        [currency; exact; None if unknown], `binding` ("coverage", "provision_ratio", "both", or "" if unknown),
        `status` ("verified", or "unverified" where a number was not read in print), and `note`: "not_recorded",
        "not_in_force", "no_denominator" (no loan is overdue that long, so that there is no tier),
        "partly_recorded" or "".

    Raises:
        Misuse: if a dimension is unknown.
        MissingColumns: if the table lacks a column.
    """
    groups = dimensions(by)
    sums = component_rows(states, groups, ["balance", "npl_balance", "allowance"])
    shares = dict(_classified(states))
    rows = [
        {name: row[name] for name in ("as_of", *groups)} | {"standard": standard.name} | _figures(row, standard)
        for row in sums.to_dict("records")
        for standard in _standards(row["as_of"].date(), shares.get(row["as_of"]))
    ]
    kinds: dict[str, Any] = {name: sums[name].dtype for name in ("as_of", *groups)}
    kinds |= {"loans": "int64", "coverage_minimum": "float64", "provision_ratio_minimum": "float64"}
    kinds |= dict.fromkeys(("standard", "binding", "status", "note"), "str")
    return pd.DataFrame(rows, columns=["as_of", *groups, "standard", *_FIGURES], dtype=object).astype(kinds)


def provision_factors(
    states: ir.Table,
    flows: ir.Table | None = None,
    *,
    dates: Sequence[date],
    capital_adequacy: Decimal | None = None,
) -> pd.DataFrame:
    """The three factors by which a bank's requirement is set between the base and the least.

    Whether a loan is non-performing is what the bank reports, where it reports a class, because that is what
    the first factor judges. Disposed of are cash, write-offs, sales, foreclosures, swaps for equity and
    forgiveness of NPL; newly formed is what became or entered as NPL.

    Source: 银监发〔2018〕7号, part 2. That disposal includes cash is our reading.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan.
        dates: month ends from the opening to the reporting date, ascending, two or more.
        capital_adequacy: the bank's ratio at the reporting date [share]; no book holds it.

    Returns:
        one row per factor, in the order of `FACTORS`: `as_of`, `factor`, `value` [share; NaN if unknown],
        `numerator`, `denominator` [currency; exact; None if unknown or not there], `coverage_minimum`,
        `provision_ratio_minimum` (of its tier) [share; NaN if no tier is known], `status` of the tier ("none" if no
        tier is known), and `note`: "not_recorded", "no_denominator", "missing_flows",
        "missing_capital_adequacy", "no_tiers" or "".

    Raises:
        Misuse: if the dates are not as the bridge wants them, or the ratio is no share.
        MissingColumns: if a table lacks a column.
    """
    if capital_adequacy is not None and not 0 <= capital_adequacy < 1:
        raise Misuse(f"capital_adequacy must be a share in [0, 1), was {capital_adequacy!r}; write 13.5 % as 0.135.")
    last = max(dates)
    overdue = dict(_classified(states.filter(states.as_of == last))).get(pd.Timestamp(last), (None, None))
    disposed = (None, None) if flows is None else _disposed(states, flows, dates)
    rows = [
        _factor("classification", *overdue, "not_recorded", last),
        _factor("disposal", *disposed, "missing_flows" if flows is None else "not_recorded", last),
        _factor("capital", capital_adequacy, capital_adequacy and Decimal(1), "missing_capital_adequacy", last),
    ]
    return pd.DataFrame(rows).astype({"as_of": "datetime64[s]"})


def _classified(states: ir.Table) -> Iterator[tuple[pd.Timestamp, tuple[Exact, Exact]]]:
    """By month end: of the loans overdue so long, the balance classified as non-performing, and all of it."""
    needed = {"as_of", "days_past_due", "reported_class", "is_npl", "principal_balance"}
    require_columns("states", needed, states.columns)
    days = load_rules(RULES).of("coverage_by_classification")[0].days
    is_bad = states.reported_class.isin(NPL_CLASSES).fill_null(states.is_npl)
    is_late = states.days_past_due > days
    sums = (
        states.mutate(is_bad=is_bad, is_late=is_late)
        .group_by("as_of")
        .aggregate(
            late=states.principal_balance.sum(where=is_late),
            bad=states.principal_balance.sum(where=is_late & is_bad),
            recorded=states.principal_balance.count(),
        )
    )
    for row in exact_rows(sums, ["as_of"]).to_dict("records"):
        found = (row["bad"] or Decimal(0), row["late"] or Decimal(0)) if row["recorded"] else (None, None)
        yield row["as_of"], found


def _disposed(states: ir.Table, flows: ir.Table, dates: Sequence[date]) -> tuple[Exact, Exact]:
    lines = bridge(states, flows, dates=dates).to_dict("records")
    gone = sum((-row[name] for row in lines for name in ("cash", *DISPOSALS)), Decimal(0))
    return gone, sum((row[name] for row in lines for name in ENTRIES), Decimal(0))


def _standards(day: date, classified: tuple[Exact, Exact] | None) -> Iterator[_Standard]:
    rules = load_rules(RULES)
    for name, suffix in (("base", ""), ("least", "_least")):
        pair = [rules.of(f"{mechanism}{suffix}")[0] for mechanism in _MECHANISMS]
        held = [rule if _is_in_force(rule, day) else None for rule in pair]
        yield _Standard(name=name, rules=(held[0], held[1]), note="" if all(held) else "not_in_force")
    part, whole = classified or (None, None)
    yield _tiered(part, whole, day)


def _tiered(part: Exact, whole: Exact, day: date) -> _Standard:
    if part is None or whole is None:
        return _Standard(name="classification", rules=(None, None), note="not_recorded")
    if whole == 0:
        return _Standard(name="classification", rules=(None, None), note="no_denominator")
    share = Fraction(part) / Fraction(whole)
    tiers = [_tier(f"{mechanism}_by_classification", share, day) for mechanism in _MECHANISMS]
    note = "" if all(tiers) else "not_in_force"
    return _Standard(name="classification", rules=(tiers[0], tiers[1]), note=note)


def _tier(mechanism: str, share: Fraction, day: date) -> Rule | None:
    """The tier that a share is in: that with the highest beginning it reaches."""
    reached = [
        rule
        for rule in load_rules(RULES).of(mechanism)
        if _is_in_force(rule, day) and share >= Fraction(rule.applies_from or 0)
    ]
    return max(reached, key=lambda rule: Fraction(rule.applies_from or 0), default=None)


def _is_in_force(rule: Rule, day: date) -> bool:
    return rule.effective_from <= day <= (rule.effective_to or date.max)


def _figures(row: Mapping[Any, Any], standard: _Standard) -> dict[str, object]:
    coverage, ratio = (None if rule is None else Decimal(rule.value) for rule in standard.rules)
    by_coverage, by_ratio = _times(row["npl_balance"], coverage), _times(row["balance"], ratio)
    required = None if by_coverage is None or by_ratio is None else max(by_coverage, by_ratio)
    held = row["allowance"]
    return {
        "loans": row["loans"],
        "balance": row["balance"],
        "npl": row["npl_balance"],
        "held": held,
        "coverage_minimum": math.nan if coverage is None else float(coverage),
        "provision_ratio_minimum": math.nan if ratio is None else float(ratio),
        "required_by_coverage": by_coverage,
        "required_by_provision_ratio": by_ratio,
        "required": required,
        "surplus": None if required is None or held is None else held - required,
        "binding": _binding(by_coverage, by_ratio),
        "status": _status(standard),
        "note": _note(row, standard),
    }


def _times(amount: Decimal | None, share: Decimal | None) -> Decimal | None:
    return None if amount is None or share is None else amount * share


def _binding(by_coverage: Decimal | None, by_ratio: Decimal | None) -> str:
    if by_coverage is None or by_ratio is None:
        return ""
    if by_coverage == by_ratio:
        return "both"
    return "coverage" if by_coverage > by_ratio else "provision_ratio"


def _status(standard: _Standard) -> str:
    known = {rule.status for rule in standard.rules if rule is not None}
    return "unverified" if "unverified" in known or standard.name == "classification" else "verified"


def _note(row: Mapping[Any, Any], standard: _Standard) -> str:
    if any(row[name] is None for name in ("balance", "npl_balance", "allowance")):
        return "not_recorded"
    if standard.note:
        return standard.note
    recorded = min(row[f"recorded_{thing}"] for thing in ("balance", "npl", "allowance"))
    return "partly_recorded" if recorded < row["loans"] else ""


def _factor(factor: str, part: Exact, whole: Exact, unknown: str, day: date) -> dict[str, object]:
    value = quotient(part, whole)
    share = Fraction(part) / Fraction(whole) if part is not None and whole else None
    tiers = [None if share is None else _tier(f"{name}_by_{factor}", share, day) for name in _MECHANISMS]
    minima = [math.nan if tier is None else float(Decimal(tier.value)) for tier in tiers]
    note = unknown if part is None or whole is None else "no_denominator" if whole == 0 else ""
    return {
        "as_of": day,
        "factor": factor,
        "value": value,
        "numerator": part,
        "denominator": whole,
        "coverage_minimum": minima[0],
        "provision_ratio_minimum": minima[1],
        "status": "none" if None in tiers else "unverified",
        "note": note or ("no_tiers" if None in tiers else ""),
    }
