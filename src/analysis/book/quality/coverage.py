"""Which dates, segments and pools are missing from a book, so that ratios move only because a tape is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from analysis.book.masking import masked
from analysis.book.profile import Profile
from analysis.book.quality.thresholds import RETURNING_LOANS, SEGMENT_FALL, SEGMENT_LOANS, threshold
from analysis.book.quality.words import RULES, Finding
from analysis.book.store import Book
from analysis.terms import DIMENSIONS, Text

_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Rows of a segment and product at a date, and their balance [currency]."""

    as_of: date
    segment: str | None
    product: str | None
    rows: int
    balance: Decimal | None

    def of(self, pool: str) -> str | None:
        """Segment or product, by the name of the dimension."""
        return self.segment if pool == "segment" else self.product


def cells(book: Book) -> list[Cell]:
    """Count rows by date, segment and product, in one scan."""
    rows = book.snapshots
    keys = ("as_of", "segment", "product")
    counted = rows.group_by(*keys).aggregate(rows=rows.count(), balance=rows.principal_balance.sum())
    return [Cell(**row) for row in counted.order_by(keys).to_pyarrow().to_pylist()]


def absent_months(months: Sequence[date], profile: Profile) -> Iterator[Finding]:
    """Give one finding if dates are missing between a book's first and last."""
    step = 3 if profile.periodicity == "Q" else 1
    present = set(months)
    missing = [day for day in _month_ends(months, step) if day not in present]
    if missing:
        severity, label = RULES["absent_month"]
        examples = tuple(day.isoformat() for day in missing[-_EXAMPLES:])
        yield Finding(
            rule="absent_month",
            severity=severity,
            label=label,
            count=len(missing),
            as_of=missing[-1],
            examples=examples,
        )


def absent_pools(book: Book, counted: Sequence[Cell]) -> Iterator[Finding]:
    """Give a finding per segment or product that has no rows, or far fewer, at a date where it should have.

    A small pool that does not come back has ended and is no finding. Products are counted without the
    segments found missing, so that one missing tape is found once.
    """
    segments = list(_losses(counted, "segment", book.months))
    missing = {loss.value for loss in segments}
    rest = [cell for cell in counted if cell.segment not in missing]
    for loss in segments:
        yield _finding(book, counted, loss)
    for loss in _losses(rest, "product", book.months):
        yield _finding(book, rest, loss)


class _Loss(NamedTuple):
    """A pool that lost rows from one date to the next: code of the rule, dimension, value, both dates."""

    rule: str
    pool: str
    value: str
    before: date
    when: date


def _losses(counted: Sequence[Cell], pool: str, months: Sequence[date]) -> Iterator[_Loss]:
    totals = _totals(counted, pool)
    for value in sorted(totals):
        rows = [totals[value].get(day, 0) for day in months]
        for place in range(1, len(months)):
            if rule := _rule(rows, place):
                yield _Loss(rule, pool, value, months[place - 1], months[place])


def _rule(rows: Sequence[int], place: int) -> str:
    """Code of what a pool of these rows by date lost at a place; empty if nothing."""
    before, now, later = rows[place - 1], rows[place], max(rows[place + 1 :], default=None)
    is_small = before < threshold(SEGMENT_LOANS)
    if now == 0:
        is_back = bool(later) and before >= threshold(RETURNING_LOANS)
        return "absent_segment" if is_back or not is_small else ""
    kept = (1 - threshold(SEGMENT_FALL)) * before
    return "thin_segment" if now < kept and not is_small and (later is None or later >= kept) else ""


def _totals(counted: Sequence[Cell], pool: str) -> Mapping[str, Mapping[date, int]]:
    totals: dict[str, dict[date, int]] = {}
    for cell in counted:
        if (value := cell.of(pool)) is not None:
            days = totals.setdefault(value, {})
            days[cell.as_of] = days.get(cell.as_of, 0) + cell.rows
    return totals


def _finding(book: Book, counted: Sequence[Cell], loss: _Loss) -> Finding:
    severity, label = RULES[loss.rule]
    held = [cell for cell in counted if cell.of(loss.pool) == loss.value]
    before, now = ([c for c in held if c.as_of == day] for day in (loss.before, loss.when))
    value, dimension = book.label(loss.pool, loss.value), DIMENSIONS[loss.pool]
    name = Text("{pool}“{value}”", "{pool} '{value}'").format(value=value, pool=dimension)
    is_back = any(cell.as_of > loss.when for cell in held)
    return Finding(
        rule=loss.rule,
        severity="warning" if is_back else severity,
        label=label.format(name=name),
        count=sum(c.rows for c in before) - sum(c.rows for c in now),
        balance_at_risk=_balance(before, now),
        as_of=loss.when,
        examples=_examples(book.snapshots, loss),
    )


def _balance(before: Sequence[Cell], now: Sequence[Cell]) -> Decimal | None:
    known = [cell.balance for cell in before if cell.balance is not None]
    left = sum((cell.balance for cell in now if cell.balance is not None), Decimal(0))
    return max(sum(known, Decimal(0)) - left, Decimal(0)) if known else None


def _examples(rows: ir.Table, loss: _Loss) -> tuple[str, ...]:
    """Masked numbers of loans that were there before and are not now."""
    before, now = (rows.filter(rows.as_of == ibis.literal(day)) for day in (loss.before, loss.when))
    were = before.filter(before[loss.pool] == loss.value).select("loan_id")
    are = now.filter(now[loss.pool] == loss.value).select("loan_id")
    lost = were.anti_join(are, "loan_id").order_by("loan_id").limit(_EXAMPLES)
    return tuple(masked(loan) for loan in lost.to_pyarrow()["loan_id"].to_pylist())


def _month_ends(months: Sequence[date], step: int) -> Iterator[date]:
    if not months:
        return
    number = months[0].year * 12 + months[0].month
    last = months[-1].year * 12 + months[-1].month
    for following in range(number, last + 1, step):
        yield date(following // 12, following % 12 + 1, 1) - timedelta(days=1)
