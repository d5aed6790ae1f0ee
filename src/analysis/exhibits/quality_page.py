"""What does the page of data quality rest on? The findings, the imports' accounts, and rows by month."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analysis.book.quality import Finding, findings, rules_checked
from analysis.book.store import Book
from analysis.classify.differences import differences
from analysis.measures.stock import measured
from analysis.terms import Text

_FATES = ("in", "accepted", "quarantined")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A book that was put to every rule.

    Attributes:
        findings: what is wrong, the worst first.
        imports: records of the book's imports, with their `tallies`.
        rules: how many rules were asked [count].
        months: one row is a segment at a month end, with its `loans`.
        differences: one row is a reported and a computed class at a date.
        currency: ISO code.
        label: gives a segment's name from its code.
    """

    findings: Sequence[Finding]
    imports: Sequence[Mapping[str, Any]]
    rules: int
    months: pd.DataFrame
    differences: pd.DataFrame
    currency: str
    label: Callable[[str], Text]


def checked(book: Book, states: ir.Table) -> Checked:
    """Put a book to every rule.

    Args:
        book: open as of the reporting date.
        states: one row is a loan at a month end, classified.
    """
    return Checked(
        findings=findings(book),
        imports=book.catalog.current_imports,
        rules=len(rules_checked(book)),
        months=measured(states, "loan_count", by=("segment",), basis="count"),
        differences=differences(states.filter(states.as_of == book.as_of)),
        currency=book.profile.currency,
        label=lambda key: book.label("segment", key),
    )


def account_totals(imports: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What came in, what was accepted and what was set aside, over all imports.

    Returns:
        one row is "rows" or "amount": `in`, `accepted`, `quarantined`, `rounding` (accepted less printed),
        `difference`, which is 0 if the account closes [rows or the tape's currency; exact].
    """
    tallies = [tally for record in imports for tally in record.get("tallies", ())]
    rows = {fate: sum(int(tally[f"rows_{fate}"]) for tally in tallies) for fate in _FATES} | {"rounding": 0}
    amounts = {fate: _total(tallies, f"amount_{fate}") for fate in (*_FATES, "rounding")}
    table = pd.DataFrame([rows, amounts], index=["rows", "amount"], dtype=object)
    return table.assign(difference=table["in"] + table["rounding"] - table["accepted"] - table["quarantined"])


def _total(tallies: Sequence[Mapping[str, Any]], name: str) -> Decimal:
    return sum((Decimal(str(tally[name])) for tally in tallies), Decimal(0))
