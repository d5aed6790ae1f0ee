"""All findings on a book: row rules in one scan, what links rows, what is missing, what imports noticed, the ledger."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from analysis.book.masking import masked
from analysis.book.quality import floors as classification
from analysis.book.quality.coverage import absent_months, absent_pools, cells
from analysis.book.quality.ledger import ledger_differences, ledger_lines
from analysis.book.quality.rows import broken_rows, linked_rows, linked_rules, row_rules
from analysis.book.quality.thresholds import QUARANTINE_REFUSES, QUARANTINE_WARNS, threshold
from analysis.book.quality.words import RULES, SEVERITIES, Finding, Severity, order
from analysis.book.store import Book
from analysis.terms import Text

_EXAMPLES = 3
_ALWAYS = ("currency_mix", "absent_segment", "thin_segment", "absent_month", "quarantine")


def findings(book: Book, *, ledger: Path | None = None) -> tuple[Finding, ...]:
    """What is wrong with a book up to its reporting date, the worst first.

    Args:
        book: opened book; of one month, rules that compare months find nothing.
        ledger: CSV of ledger balances (`as_of`, `balance`, `segment` or not) to tie to.

    Raises:
        AnalysisError: if the ledger cannot be read or the book has no balances for it.
    """
    lines = ledger_lines(ledger) if ledger is not None else []
    counted = cells(book)
    found = [
        *_row_findings(book),
        *_currency_mix(book),
        *absent_months(book.months, book.profile),
        *absent_pools(book, counted),
        *_import_findings(book),
        *(ledger_differences(book, counted, lines) if ledger is not None else ()),
    ]
    return tuple(sorted(found, key=order))


def rules_checked(book: Book, *, ledger: Path | None = None) -> tuple[str, ...]:
    """Codes of the rules that this book can be asked, whether or not they found something."""
    asked = {*row_rules(book, classification.class_floors(book.profile.rules)), *linked_rules(book), *_ALWAYS}
    return tuple(code for code in RULES if code in asked or (code == "ledger_difference" and ledger is not None))


def _row_findings(book: Book) -> Iterator[Finding]:
    rules = row_rules(book, classification.class_floors(book.profile.rules))
    broken = ibis.union(broken_rows(book.snapshots, rules), *linked_rows(book))
    latest: dict[str, Finding] = {}
    for row in _summary(broken):
        severity, label = RULES[row["rule"]]
        before = latest.get(row["rule"])
        latest[row["rule"]] = Finding(
            rule=row["rule"],
            severity=severity,
            label=label,
            count=row["rows"] + (before.count if before else 0),
            balance_at_risk=row["balance"],
            as_of=row["as_of"],
        )
    examples = _examples(broken, latest.values())
    yield from (replace(one, examples=examples[one.rule]) for one in latest.values())


def _summary(broken: ir.Table) -> list[dict[str, Any]]:
    """One row is a rule and a date at which it is broken, dates ascending."""
    grouped = broken.group_by("rule", "as_of").aggregate(rows=broken.count(), balance=broken.balance.sum())
    rows: list[dict[str, Any]] = grouped.order_by("as_of", "rule").to_pyarrow().to_pylist()
    return rows


def _examples(broken: ir.Table, found: Collection[Finding]) -> Mapping[str, tuple[str, ...]]:
    """Masked numbers of the first few loans that break each rule at the date of its finding."""
    if not found:
        return {}
    meant = ibis.or_(*((broken.rule == one.rule) & (broken.as_of == one.as_of) for one in found))
    # Only these dates are read again.
    rows = broken.filter(broken.as_of.isin(sorted({one.as_of for one in found if one.as_of})), meant)
    place = ibis.row_number().over(ibis.window(group_by="rule", order_by="loan_id"))
    numbered = rows.mutate(place=place)
    first = numbered.filter(numbered.place < _EXAMPLES).order_by("rule", "place").to_pyarrow().to_pylist()
    return {one.rule: tuple(masked(row["loan_id"]) for row in first if row["rule"] == one.rule) for one in found}


def _currency_mix(book: Book) -> Iterator[Finding]:
    other = book.loans.filter(book.loans.currency != book.profile.currency)
    now = book.snapshots.filter(book.snapshots.as_of == ibis.literal(book.as_of)).semi_join(other, "loan_id")
    row = now.aggregate(rows=now.count(), balance=now.principal_balance.sum()).to_pyarrow().to_pylist()[0]
    if row["rows"]:
        severity, label = RULES["currency_mix"]
        first = now.select("loan_id").order_by("loan_id").limit(_EXAMPLES).to_pyarrow()["loan_id"].to_pylist()
        yield Finding(
            rule="currency_mix",
            severity=severity,
            label=label,
            count=row["rows"],
            balance_at_risk=row["balance"],
            as_of=book.as_of,
            examples=tuple(masked(loan) for loan in first),
        )


def _import_findings(book: Book) -> Iterator[Finding]:
    records = book.catalog.current_imports
    yield from _quarantined([tally for record in records for tally in record.get("tallies", ())], book)
    noticed: dict[tuple[str, str], Finding] = {}
    for record in records:
        for entry in record.get("findings", ()):
            key = (str(entry["rule"]), str(entry.get("field", "")))
            one = _noticed(entry)
            noticed[key] = replace(one, count=one.count + (noticed[key].count if key in noticed else 0))
    yield from noticed.values()


def _noticed(entry: Mapping[str, Any]) -> Finding:
    field = f" ({entry['field']})" if entry.get("field") else ""
    label = Text(str(entry.get("zh", entry["rule"])) + field, str(entry.get("en", entry["rule"])) + field)
    severity: Severity = next((known for known in SEVERITIES if known == entry.get("severity")), "info")
    return Finding(
        rule=f"import_{entry['rule']}",
        severity=severity,
        label=label,
        count=int(entry["count"]),
        examples=tuple(_row_only(example) for example in list(entry.get("examples", ()))[:_EXAMPLES]),
    )


def _row_only(example: object) -> str:
    """The row of an example: its value is a borrower's own and stays in the quarantine."""
    return str(example).partition(":")[0]


def _quarantined(tallies: Iterable[Mapping[str, Any]], book: Book) -> Iterator[Finding]:
    tallies = list(tallies)
    aside, rows = (sum(int(tally[name]) for tally in tallies) for name in ("rows_quarantined", "rows_in"))
    if not aside:
        return
    share = Decimal(aside) / rows
    refuses, warns = share >= threshold(QUARANTINE_REFUSES), share >= threshold(QUARANTINE_WARNS)
    has_amounts = any(tally["amount_field"] for tally in tallies)
    amounts = sum((Decimal(str(tally["amount_quarantined"])) for tally in tallies), Decimal(0))
    yield Finding(
        rule="quarantine",
        severity="error" if refuses else "warning" if warns else "info",
        label=RULES["quarantine"][1],
        count=aside,
        balance_at_risk=amounts if has_amounts else None,
        examples=_first_rows(book.quarantine),
    )


def _first_rows(quarantine: ir.Table | None) -> tuple[str, ...]:
    if quarantine is None:
        return ()
    first = quarantine.select("source", "source_row").order_by("source", "source_row").limit(_EXAMPLES)
    return tuple(f"row {number}" for number in first.to_pyarrow()["source_row"].to_pylist())
