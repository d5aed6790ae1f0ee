"""Amounts, ratios, changes and dates as people read them."""

from datetime import date
from decimal import Decimal
from math import inf, nan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.exhibits import locale
from analysis.terms import Text, same


@pytest.mark.parametrize(
    ("amount", "zh", "en"),
    [
        (Decimal("41370000000"), "413.7亿元", "CNY 41.37bn"),
        (808_500_000, "8.1亿元", "CNY 808.5m"),
        (100_000_000, "1.0亿元", "CNY 100.0m"),
        (99_999_999, "1.0亿元", "CNY 100.0m"),
        (99_994_999, "9,999万元", "CNY 100.0m"),
        (999_950_000, "10.0亿元", "CNY 1.00bn"),
        (10_000, "1万元", "CNY 10,000"),
        (9_999.6, "1万元", "CNY 10,000"),
        (9_999, "9,999元", "CNY 9,999"),
        (0, "0元", "CNY 0"),
        (Decimal("-500000"), "−50万元", "CNY −500,000"),
        (None, "–", "–"),
        (nan, "–", "–"),
    ],
)
def test_an_amount_takes_the_unit_in_which_it_is_read(amount: float | None, zh: str, en: str) -> None:
    assert locale.money(amount) == Text(zh, en)


def test_other_currencies_keep_their_names() -> None:
    assert locale.money(5e8, "USD") == Text("5.0亿美元", "USD 500.0m")
    assert locale.money(5e8, "CHF") == Text("5.0亿 CHF", "CHF 500.0m")
    assert locale.money(5, "CHF") == Text("5 CHF", "CHF 5")


def test_a_change_of_an_amount_carries_its_sign_and_zero_has_none() -> None:
    assert locale.change_money(808_500_000) == Text("+8.1亿元", "+CNY 808.5m")
    assert locale.change_money(-808_500_000) == Text("−8.1亿元", "−CNY 808.5m")
    assert locale.change_money(0) == Text("0元", "CNY 0")
    assert locale.change_money(nan) == same("–")


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0162, "1.62%"), (0, "0.00%"), (-0.00001, "0.00%"), (1.684, "168.40%"), (None, "–"), (inf, "–")],
)
def test_a_ratio_has_two_decimals_and_unknown_is_a_dash(share: float | None, shown: str) -> None:
    assert locale.ratio(share) == shown


@pytest.mark.parametrize(
    ("change", "shown"), [(0.0011, "+11bp"), (-0.0014, "−14bp"), (0.00004, "0bp"), (-0.00004, "0bp"), (nan, "–")]
)
def test_a_change_is_in_basis_points_with_a_true_minus_and_no_sign_on_zero(change: float, shown: str) -> None:
    assert locale.change_bp(change) == same(shown)


def test_coverage_changes_in_points_and_prose_in_words() -> None:
    assert locale.points(-0.041) == Text("−4.1个百分点", "−4.1 points")
    assert locale.points(0.0) == Text("0.0个百分点", "0.0 points")
    assert locale.basis_points(-0.0011) == Text("11个基点", "11bp")
    assert locale.points(None) == locale.basis_points(None) == same("–")


def test_dates_and_periods_read_naturally_in_both_languages() -> None:
    assert locale.day(date(2026, 9, 30)) == Text("2026年9月30日", "30 Sep 2026")
    assert locale.day(None) == same("–")
    assert locale.period(date(2026, 9, 30)) == Text("2026年三季度", "2026 Q3")
    assert locale.period(date(2026, 8, 31)) == Text("2026年8月", "Aug 2026")
    assert (locale.short_period(date(2026, 9, 30)), locale.short_period(date(2026, 8, 31))) == ("26Q3", "26-08")


@pytest.mark.parametrize(
    ("value", "plain"), [(pd.Timestamp("2026-09-30"), date(2026, 9, 30)), (pd.NaT, None), ("x", None)]
)
def test_frames_dates_become_plain_dates(value: object, plain: date | None) -> None:
    assert locale.as_date(value) == plain


def test_counts_have_thousands_separators_and_nouns_agree() -> None:
    assert locale.count(11_200) == "11,200"
    assert locale.number_of(1, "error", "errors") == "1 error"
    assert locale.number_of(2, "error", "errors") == "2 errors"


@given(st.decimals(-(10**14), 10**14, places=2))
def test_no_amount_is_shown_with_more_than_four_digits_before_its_separator_unit(amount: Decimal) -> None:
    zh = locale.money(amount).zh.replace(",", "").lstrip("−")
    digits = zh.split(".")[0].rstrip("亿万元")
    assert len(digits) <= (4 if "亿" not in zh else 7)


@given(st.floats(-1, 1))
def test_a_sign_is_shown_exactly_when_the_rounded_change_is_not_zero(change: float) -> None:
    shown = locale.change_bp(change).en
    assert shown.startswith(("+", "−")) == (shown != "0bp")
    assert "-" not in shown


def test_every_reason_is_told_in_both_languages() -> None:
    assert locale.REASONS
    for code, text in locale.REASONS.items():
        assert text.zh, code
        assert text.en, code
    assert locale.reason("a code of the future") == locale.REASONS[""]
