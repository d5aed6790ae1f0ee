"""From the text of an amount to cents, exactly, and what rounding to the cent added."""

from decimal import Decimal

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from analysis.book.ingest.functions import regexp_full_match, rpad, split_part
from analysis.book.ingest.parsing import is_one_of

EXACT = dt.Decimal(38, 20)
CENTS = dt.Decimal(18, 2)
_WIDE = dt.Decimal(20, 2)  # holds a cent more than the most
# Casting text to more than 18 digits takes a hundred times as long, so the tail is cast by itself.
_TAIL = dt.Decimal(18, 18)
_TAIL_DIGITS = 18
_MONEY_DIGITS, _CENT_DIGITS = 16, 2


def whole_cents(number: ir.StringValue, shift: int = 0) -> ir.DecimalValue:
    """Amount cut off after the cent [currency]; null if it does not fit DECIMAL(18,2).

    Args:
        number: as `number_text` gives it.
        shift: power of ten of its unit, 4 for 万元.
    """
    shifted = number + f"E{shift}" if shift else number
    cut = _before_point(number, shift) + "." + _after_point(number, shift).substr(0, _CENT_DIGITS)
    return ibis.ifelse(_is_short(number, shift), shifted.try_cast(CENTS), cut.try_cast(CENTS))


def cent_fraction(number: ir.StringValue, shift: int = 0) -> ir.DecimalValue:
    """What `whole_cents` cut off, without its sign [cents, 0 to 1, 18 decimals]."""
    tail = "0." + _after_point(number, shift).substr(_CENT_DIGITS, _TAIL_DIGITS)
    return ibis.ifelse(_is_short(number, shift), ibis.literal(Decimal(0), _TAIL), tail.try_cast(_TAIL))


def amount(number: ir.StringValue, whole: ir.DecimalValue, fraction: ir.DecimalValue) -> ir.DecimalValue:
    """Amount to the cent, a tie to the even one [currency]; null if it does not fit DECIMAL(18,2).

    Args:
        number: as `number_text` gives it, for its sign.
        whole: from `whole_cents`.
        fraction: from `cent_fraction`.
    """
    cent = ibis.literal(Decimal("0.01"), CENTS)
    wide = whole.cast(_WIDE)
    farther = ibis.ifelse(number.startswith("-"), wide - cent, wide + cent).try_cast(CENTS)
    return ibis.ifelse(_is_raised(whole, fraction), farther, whole)


def rounding(number: ir.StringValue, whole: ir.DecimalValue, fraction: ir.DecimalValue) -> ir.DecimalValue:
    """What `amount` added to the printed number, at most half a cent [currency, 20 decimals]."""
    nothing = ibis.literal(Decimal(0), EXACT)
    # A plain 1 would take the tail's own type, which has no digit before the point.
    one = ibis.literal(Decimal(1), dt.Decimal(_TAIL_DIGITS + 1, _TAIL_DIGITS))
    raised = ibis.ifelse(_is_raised(whole, fraction), one - fraction, -fraction) * ibis.literal(Decimal("0.01"))
    signed = ibis.ifelse(number.startswith("-"), -raised, raised).cast(EXACT)
    has_amount = amount(number, whole, fraction).notnull()
    return ibis.cases((fraction == 0, nothing), (has_amount, signed), else_=ibis.null(EXACT))


def _is_raised(whole: ir.DecimalValue, fraction: ir.DecimalValue) -> ir.BooleanValue:
    half = ibis.literal(Decimal("0.5"), _TAIL)
    is_odd = is_one_of(whole.cast("string").right(1), "13579")
    return ibis.ifelse(fraction == half, is_odd, fraction > half)


def _is_short(number: ir.StringValue, shift: int) -> ir.BooleanValue:
    """Whether a number has no more digits than an amount to the cent."""
    return regexp_full_match(number, rf"-?[0-9]{{1,{_MONEY_DIGITS - shift}}}(\.[0-9]{{1,{_CENT_DIGITS + shift}}})?")


def _before_point(number: ir.StringValue, shift: int) -> ir.StringValue:
    digits = _without_exponent(number)
    moved = rpad(split_part(digits, ".", 2), shift, "0").substr(0, shift) if shift else ""
    return split_part(digits, ".", 1) + moved


def _after_point(number: ir.StringValue, shift: int) -> ir.StringValue:
    return split_part(_without_exponent(number), ".", 2).substr(shift)


def _without_exponent(number: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(number.contains("E"), number.try_cast(EXACT).cast("string"), number)
