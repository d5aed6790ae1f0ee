"""Exact amounts that may be unknown: sums and quotients that say so instead of showing 0."""

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

Exact = Decimal | int | None


def exact_sum(amounts: Iterable[Exact]) -> Exact:
    """Sum of amounts; None if one is unknown or there are none."""
    parts = list(amounts)
    known = [part for part in parts if part is not None]
    return sum(known[1:], start=known[0]) if known and len(known) == len(parts) else None


def quotient(numerator: Exact, denominator: Exact) -> float:
    """Numerator ÷ denominator, rounded once; NaN if one is unknown or the denominator is 0."""
    if numerator is None or denominator is None or denominator == 0:
        return math.nan
    return float(Fraction(numerator) / Fraction(denominator))


def quotients(numerators: Iterable[Exact], denominators: Iterable[Exact]) -> list[float]:
    """Quotients of amounts row by row."""
    return [quotient(*pair) for pair in zip(numerators, denominators, strict=True)]
