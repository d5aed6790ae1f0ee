"""Row rules: which snapshots break them. A rule is an expression on the stored snapshot and its prior state."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from analysis.book.quality.thresholds import BUCKETED_JUMP_DAYS, JUMP_DAYS, threshold
from analysis.book.store import Book
from analysis.terms import FIVE_CLASSES

# A movement of these kinds lowers what is overdue, or settles it otherwise.
_SETTLING = (
    "repayment", "interest", "recovery", "sale", "foreclosure", "forgiveness", "debt_to_equity",
    "capitalised_interest", "write_off", "correction",
)  # fmt: skip


class Floor(NamedTuple):
    """A class is at least this one when the days past due are more than these [days]."""

    five_class: str
    days_over: int


def row_rules(book: Book, floors: tuple[Floor, ...]) -> Mapping[str, ir.BooleanValue]:
    """Give the rules that a snapshot can break by itself, by code; those the book cannot be asked are left out."""
    rows = book.snapshots
    rules = {
        "days_past_due_jump": _jump(rows, book),
        "as_of_before_origination": rows.as_of < rows.origination_date,
    }
    if book.profile.basis == "balance":
        rules["balance_above_original"] = rows.principal_balance > rows.original_amount
    if labels := book.profile.labels.get("segment"):
        rules["unknown_segment"] = rows.segment.isnull() | ~rows.segment.isin(list(labels))
    if floors:
        rules["class_better_than_days_past_due"] = _better_than_allowed(rows, floors)
    return {code: broken.fill_null(False) for code, broken in rules.items()}


def broken_rows(rows: ir.Table, rules: Mapping[str, ir.BooleanValue]) -> ir.Table:
    """Give the rows that break rules, in one scan: one row is a snapshot and a rule that it breaks.

    Columns: `rule`, `as_of`, `loan_id`, `balance` [currency].
    """
    flagged = rows.mutate(**rules).filter(ibis.or_(*rules.values()))
    codes = ibis.array([ibis.ifelse(flagged[code], code, ibis.null("string")) for code in rules])
    named = flagged.select("as_of", "loan_id", balance=flagged.principal_balance, rule=codes.unnest())
    return named.filter(named.rule.notnull()).select("rule", "as_of", "loan_id", "balance")


def linked_rows(book: Book) -> Iterator[ir.Table]:
    """Give the rows that break rules which need other rows or tables; columns as `broken_rows`."""
    yield _of_rule("duplicate_key", _duplicates(book))
    if book.profile.basis == "balance":
        yield _of_rule("days_past_due_fall", _unpaid_falls(book))
        # An account of a book by count owes nothing in some months, and is then rightly not there.
        yield _of_rule("missing_month", _returned(book))


def linked_rules(book: Book) -> tuple[str, ...]:
    """Codes of the rules that `linked_rows` asks this book."""
    return ("duplicate_key", *(("days_past_due_fall", "missing_month") if book.profile.basis == "balance" else ()))


def _of_rule(code: str, rows: ir.Table) -> ir.Table:
    return rows.select("as_of", "loan_id", rule=ibis.literal(code), balance=rows.principal_balance).select(
        "rule", "as_of", "loan_id", "balance"
    )


def _jump(rows: ir.Table, book: Book) -> ir.BooleanValue:
    # A book by count knows the days to the bucket only.
    tolerance = int(threshold(JUMP_DAYS if book.profile.basis == "balance" else BUCKETED_JUMP_DAYS))
    between = rows.as_of.delta(rows.prior_as_of, unit="day")
    return rows.days_past_due - rows.prior_days_past_due > between + tolerance


def _better_than_allowed(rows: ir.Table, floors: tuple[Floor, ...]) -> ir.BooleanValue:
    classes = list(FIVE_CLASSES)
    better = [
        (rows.days_past_due > floor.days_over) & rows.reported_class.isin(classes[: classes.index(floor.five_class)])
        for floor in floors
    ]
    return ibis.or_(*better)


def _duplicates(book: Book) -> ir.Table:
    """Repeated rows of the latest two dates; an import lets none pass, so older ones are not read again."""
    latest = book.snapshots.filter(book.snapshots.as_of.isin(list(book.months[-2:])))
    same = ibis.window(group_by=["as_of", "loan_id"], order_by=["principal_balance", "days_past_due"])
    numbered = latest.mutate(place=ibis.row_number().over(same))
    return numbered.filter(numbered.place > 0)


def _unpaid_falls(book: Book) -> ir.Table:
    """Days past due that fell while neither a movement settled anything nor the balance fell."""
    rows = book.snapshots
    restructured = (rows.restructure_date > rows.prior_as_of).fill_null(False)
    fell = rows.filter(
        rows.days_past_due < rows.prior_days_past_due, rows.principal_balance >= rows.prior_balance, ~restructured
    )
    if not book.has("flows"):
        return fell
    flows = book.flows.filter(book.flows.kind.isin(list(_SETTLING)))
    settled = flows.select(paid_loan=flows.loan_id, paid_on=flows.date)
    inside = [fell.loan_id == settled.paid_loan, settled.paid_on > fell.prior_as_of, settled.paid_on <= fell.as_of]
    return fell.anti_join(settled, inside)


def _returned(book: Book) -> ir.Table:
    """Rows of loans that were not there at the date before, but at an earlier one; `as_of` is the missing date."""
    rows = book.snapshots
    before = dict(zip(book.months[1:], book.months[:-1], strict=True))
    missing = rows.as_of.cases(*before.items()) if before else ibis.null("date")
    found = rows.filter(rows.prior_as_of.isnull()).mutate(missing=missing)
    late = found.filter(found.missing.notnull(), (found.origination_date <= found.missing).fill_null(True))
    earlier = rows.select(known_loan=rows.loan_id, known_on=rows.as_of)
    returned = late.semi_join(earlier, [late.loan_id == earlier.known_loan, earlier.known_on < late.missing])
    return returned.mutate(as_of=returned.missing)
