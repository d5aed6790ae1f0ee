"""Does any single borrower or group owe more than it may, and do ten names make up too much of the bad loans?"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse
from analysis.measures.components import exact_rows
from analysis.measures.concentration import View, concentration, largest_names, named_amounts
from analysis.rules.loader import Rule, load_rules

BORROWER_LIMIT, GROUP_LIMIT, TOP_TEN_NPL = "CN-LARGE-BORROWER", "CN-LARGE-GROUP", "HOUSE-TOP-TEN-NPL"
NetCapital = Mapping[date, Decimal]
_OF_CAPITAL = {BORROWER_LIMIT: View(of="borrower"), GROUP_LIMIT: View(of="group")}
_COLUMNS = ("as_of", "rule_id", "name", "amount", "base", "ratio", "limit", "over", "status", "note")
_EXACT, _TEN = "decimal(38, 6)", 10
_UNPROVEN = ("no_groups", "partly_recorded")


@dataclass(frozen=True, kw_only=True)
class _Use:
    """What a limit is held against: the name, its amount [currency], what it is a share of, names over the limit."""

    name: str | None = None
    amount: Decimal | None = None
    base: Decimal | None = None
    over: int | None = None
    note: str = ""


def concentration_limits(states: ir.Table, net_capital: NetCapital) -> pd.DataFrame:
    """The largest borrower, the largest group and the ten largest bad names against their limits.

    A book holds loans only. Law counts more against its limits (credit lines and off-balance exposure of a
    group), so that being within a limit here does not show that it is kept; being over it does show a breach.

    Args:
        states: one row is a loan at a month end, classified.
        net_capital: the bank's net capital (资本净额) by month end [currency, above 0]; no book holds it, so a
            month without it has no answer and says so.

    Returns:
        one row per `as_of` and limit, ascending: `rule_id` (of the house rules), `name` (the largest;
        None for the ten), `amount`, `base` (net capital, or all non-performing loans) [currency; exact; None
        if unknown], `ratio`, `limit` [share; NaN if unknown], `over` (names beyond the limit) [count; None
        if unknown or for the ten], `status` ("ok", "breach" of law, "watch" beyond a house limit, "none"
        where it cannot be said), and `note`: "missing_net_capital", or as for `concentration.concentration`.

    Raises:
        Misuse: if a net capital is not above 0.
        MissingColumns: if the table lacks a column.

    Source: house rules CN-LARGE-BORROWER, CN-LARGE-GROUP (unverified) and HOUSE-TOP-TEN-NPL.
    """
    if wrong := [f"{day}: {amount}" for day, amount in net_capital.items() if amount <= 0]:
        raise Misuse(f"net_capital must be above 0, was {', '.join(wrong)}; leave out a month end without it.")
    rules = load_rules("house")
    found = [
        row
        for rule_id, view in _OF_CAPITAL.items()
        for row in _of_capital(states, net_capital, rules.rule(rule_id), view)
    ]
    found += _top_ten(states, rules.rule(TOP_TEN_NPL))
    rows = pd.DataFrame(found, columns=_COLUMNS, dtype=object)
    typed = rows.astype({"as_of": "datetime64[s]", "ratio": "float64", "limit": "float64", "note": "str"})
    return typed.sort_values(["as_of", "rule_id"], kind="stable", ignore_index=True)


def _of_capital(states: ir.Table, net_capital: NetCapital, rule: Rule, view: View) -> Iterator[dict[str, object]]:
    largest = {row["as_of"]: row for row in largest_names(states, view, top=1).to_dict("records")}
    over = _over(states, net_capital, rule, view)
    for whole in concentration(states, view).to_dict("records"):
        day, first = whole["as_of"], largest.get(whole["as_of"], {})
        base = net_capital.get(day.date())
        note = "missing_net_capital" if base is None and whole["note"] != "not_recorded" else whole["note"]
        use = _Use(
            name=first.get("name"),
            amount=first.get("exposure", whole["total"]),
            base=base,
            over=None if whole["total"] is None else over.get(day),
            note=note,
        )
        yield _row(day, rule, use)


def _over(states: ir.Table, net_capital: NetCapital, rule: Rule, view: View) -> dict[Any, int]:
    """Names beyond a limit by month end, counted where the loans are."""
    most = [{"day": day, "most": amount * Decimal(rule.value)} for day, amount in net_capital.items()]
    limits = ibis.memtable(pd.DataFrame(most, columns=["day", "most"]), schema={"day": "date", "most": _EXACT})
    names = named_amounts(states, view, ["as_of"])
    held = names.inner_join(limits, names.as_of == limits.day)
    counted = held.group_by("as_of").aggregate(over=(held.amount.cast(_EXACT) > held.most).sum())
    return {row["as_of"]: int(row["over"]) for row in exact_rows(counted, ["as_of"]).to_dict("records")}


def _top_ten(states: ir.Table, rule: Rule) -> Iterator[dict[str, object]]:
    view = View(weight="npl")
    amounts: dict[Any, Decimal] = {}
    for row in largest_names(states, view, top=_TEN).to_dict("records"):
        amounts[row["as_of"]] = amounts.get(row["as_of"], Decimal(0)) + row["npl"]
    for whole in concentration(states, view).to_dict("records"):
        amount = amounts.get(whole["as_of"], whole["total"])
        yield _row(whole["as_of"], rule, _Use(amount=amount, base=whole["total"], note=whole["note"]))


def _row(day: pd.Timestamp, rule: Rule, use: _Use) -> dict[str, object]:
    limit = Fraction(Decimal(rule.value))
    ratio = Fraction(use.amount) / Fraction(use.base) if use.amount is not None and use.base else None
    is_in_force = rule.effective_from <= day.date() <= (rule.effective_to or date.max)
    note = use.note if is_in_force or use.note == "not_recorded" else "not_in_force"
    return {
        "as_of": day,
        "rule_id": rule.rule_id,
        **vars(use),
        "ratio": math.nan if ratio is None else float(ratio),
        "limit": float(limit),
        "status": _status(ratio, limit, rule, note),
        "note": note,
    }


def _status(ratio: Fraction | None, limit: Fraction, rule: Rule, note: str) -> str:
    # A limit says "at most": what is just at it keeps it. What is not all known may keep it or not.
    if ratio is None or note == "not_in_force" or (ratio <= limit and note in _UNPROVEN):
        return "none"
    return "ok" if ratio <= limit else "watch" if rule.status == "house" else "breach"
