"""Texts of a bank's file become exactly the values they stand for, or nothing."""

import datetime
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.book.ingest import amounts, dates, numerals, parsing

CNY = numerals.currency_marks("CNY")


def evaluated(texts: list[str | None], expression: Callable[[ir.StringValue], ir.Value]) -> list[object]:
    """What an expression gives for each text."""
    backend = ibis.duckdb.connect()
    table = backend.create_table("texts", pa.table({"place": range(len(texts)), "text": pa.array(texts, pa.string())}))
    result = table.select("place", value=expression(table.text)).order_by("place")
    return list(result.to_pyarrow()["value"].to_pylist())


def amounts_of(texts: list[str], shift: int = 0, marks: str = CNY) -> list[tuple[Any, Any]]:
    """Amount and rounding of each text, in views as an import has them: in one expression every step is repeated."""
    backend = ibis.duckdb.connect()
    given = backend.create_table("texts", pa.table({"place": range(len(texts)), "text": pa.array(texts, pa.string())}))
    numbers = backend.create_view("numbers", given.mutate(number=numerals.number_text(given.text, marks)))
    number = numbers.number
    cents = backend.create_view(
        "cents",
        numbers.mutate(whole=amounts.whole_cents(number, shift), fraction=amounts.cent_fraction(number, shift)),
    )
    parts = (cents.number, cents.whole, cents.fraction)
    result = cents.select("place", value=amounts.amount(*parts), rounding=amounts.rounding(*parts)).order_by("place")
    return [(row["value"], row["rounding"]) for row in result.to_pyarrow().to_pylist()]


def amount_of(text: str, shift: int = 0, marks: str = CNY) -> object:
    ((value, _),) = amounts_of([text], shift, marks)
    return value


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234.5", "1234.50"),
        ("1,234,567.89", "1234567.89"),
        ("1，234，567.89", "1234567.89"),
        ("1 234 567.89", "1234567.89"),
        ("１２３．５", "123.50"),
        ("¥1,234.50", "1234.50"),
        ("￥1,234.50", "1234.50"),
        ("CNY 100", "100.00"),
        ("100 RMB", "100.00"),
        ("100元", "100.00"),
        ("(1,234.50)", "-1234.50"),
        ("（1,234.50）", "-1234.50"),
        ("1234-", "-1234.00"),
        ("-¥5", "-5.00"),
        ("¥-5", "-5.00"),
        ("−5", "-5.00"),
        ("+5", "5.00"),
        ("5.", "5.00"),
        (".5", "0.50"),
        ("1.5E+08", "150000000.00"),
        ("9999999999999999.99", "9999999999999999.99"),
        ("9999999999999999.994", "9999999999999999.99"),
        ("1.23456789E2", "123.46"),
        ("5.684341886080802e-14", "0.00"),
        ("-0.005", "0.00"),
        ("-0.015", "-0.02"),
    ],
)
def test_an_amount_is_read_as_people_write_it(text: str, amount: str) -> None:
    assert amount_of(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1,5", "12,34", "1,2345", "1,234,56", "--5", "-(5)", "(5", "5%", "1_000", "0x1F", "$5", "1 2", "5 5.0",
     "1.2.3", "=1+1", "<b>1</b>", "1e", "NaN", "Infinity", "10000000000000000", "1e16", "9999999999999999.995", "1e999",
     "9" * 40],
)  # fmt: skip
def test_what_is_no_amount_is_not_guessed(text: str) -> None:
    assert amount_of(text) is None


@pytest.mark.parametrize(
    ("text", "shift", "amount"),
    [
        ("12.345678", 4, "123456.78"),
        ("1,234.5", 4, "12345000.00"),
        ("0.000001", 4, "0.01"),
        ("1.5E3", 4, "15000000.00"),
        ("3", 3, "3000.00"),
        ("1.00000001", 8, "100000001.00"),
        ("12.34567850", 4, "123456.78"),
        ("12.34567950", 4, "123456.80"),
    ],
)
def test_a_unit_multiplies_exactly(text: str, shift: int, amount: str) -> None:
    assert amount_of(text, shift, numerals.currency_marks("CNY", shift)) == Decimal(amount)


def test_yuan_is_no_mark_of_an_amount_in_ten_thousands() -> None:
    assert amount_of("5元", 4, numerals.currency_marks("CNY", 4)) is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0.125", "0.12"), ("0.135", "0.14"), ("-0.125", "-0.12"), ("-0.135", "-0.14"), ("0.1251", "0.13")],
)
def test_a_tie_goes_to_the_even_cent(text: str, amount: str) -> None:
    assert amount_of(text) == Decimal(amount)


AMOUNTS = st.decimals(min_value=-(10**15), max_value=10**15, places=6)


@settings(max_examples=20, deadline=None)
@given(st.lists(AMOUNTS, min_size=1, max_size=100), st.sampled_from([0, 3, 4, 6]))
def test_amount_less_rounding_is_what_was_printed(printed: list[Decimal], shift: int) -> None:
    printed = [value.scaleb(-shift) for value in printed]
    found = amounts_of([format(value, "f") for value in printed], shift)
    exact = [value.scaleb(shift) for value in printed]
    assert [amount for amount, _ in found] == [value.quantize(Decimal("0.01"), ROUND_HALF_EVEN) for value in exact]
    assert [amount - rounding for amount, rounding in found] == exact


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-9-5", "2025-09-05"),
        ("2025/09/05", "2025-09-05"),
        ("2025.9.5", "2025-09-05"),
        ("20250905", "2025-09-05"),
        ("2025年9月5日", "2025-09-05"),
        ("２０２５-０９-０５", "2025-09-05"),
        ("05-Sep-25", "2025-09-05"),
        ("05-SEP-70", "1970-09-05"),
        ("05-Sep-30", "2030-09-05"),
        ("05-Sep-31", "1931-09-05"),
        ("29-Feb-00", "2000-02-29"),
        ("2025-09-05 00:00:00", "2025-09-05"),
        ("2025-09-05T23:59:59.5+08:00", "2025-09-05"),
        ("9999-12-31", "9999-12-31"),
        ("2025-02-29", None),
        ("25-09-05", None),
        ("0001-01-01", None),
        ("09/05/2025", None),
        ("2025-13-01", None),
        ("长期", None),
        ("45905", None),
    ],
)
def test_a_date_is_read_only_where_it_cannot_be_mistaken(text: str, day: str | None) -> None:
    (found,) = evaluated([text], lambda t: dates.day(t, dates.DATE_FORMATS, 30))
    assert found == (None if day is None else datetime.date.fromisoformat(day))


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("05/09/2025", "%d/%m/%Y", "2025-09-05"),
        ("9/5/2025", "%m/%d/%Y", "2025-09-05"),
        ("45905", "excel", "2025-09-05"),
        ("45905.0", "excel", "2025-09-05"),
        ("60", "excel", None),
        ("2025-09", "%Y-%m", "2025-09-30"),
        ("202402", "%Y%m", "2024-02-29"),
        ("2025年9月", "%Y年%m月", "2025-09-30"),
    ],
)
def test_a_stated_format_is_read(text: str, form: str, day: str | None) -> None:
    (found,) = evaluated([text], lambda t: dates.day(t, (form,), 30))
    assert found == (None if day is None else datetime.date.fromisoformat(day))


@pytest.mark.parametrize(("pivot", "year"), [(30, 1945), (45, 2045), (99, 2045), (0, 1945)])
def test_the_pivot_says_which_century(pivot: int, year: int) -> None:
    (found,) = evaluated(["31-Dec-45"], lambda t: dates.day(t, dates.DATE_FORMATS, pivot))
    assert found == datetime.date(year, 12, 31)


@pytest.mark.parametrize(
    ("text", "divisor", "share"),
    [("5.25%", 1, 0.0525), ("5.25％", 100, 0.0525), ("5.25", 100, 0.0525), ("0.0525", 1, 0.0525), ("2‰", 1, 0.002),
     ("525", 10000, 0.0525), ("x", 1, None)],
)  # fmt: skip
def test_a_percent_sign_counts_whatever_the_unit(text: str, divisor: int, share: float | None) -> None:
    (found,) = evaluated([text], lambda t: numerals.share(t, divisor))
    assert found == share


@pytest.mark.parametrize(
    ("text", "days"),
    [("35", 35), ("35.0", 35), ("３５", 35), ("35天", 35), ("35 days", 35), ("35.5", None), ("x", None)],
)
def test_days_are_whole(text: str, days: int | None) -> None:
    (found,) = evaluated([text], numerals.whole_number)
    assert found == days


def test_yes_and_no_are_read_in_both_languages() -> None:
    found = evaluated(["是", "Y", "1", "true", "否", "N", "0", "False", "maybe"], parsing.flag)
    assert found == [True] * 4 + [False] * 4 + [None]


def test_spreadsheet_quotes_and_wide_spaces_are_no_part_of_a_code() -> None:
    assert evaluated(['="0012"', "\u3000L1\t", "\ufeffL2"], parsing.trimmed) == ["0012", "L1", "L2"]
