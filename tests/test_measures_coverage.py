"""Coverage of bad loans by class, age and collateral: by hand, against print, and by law."""

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.components import component_rows
from analysis.measures.npl_age import npl_ages
from analysis.measures.provision_coverage import npl_coverage
from analysis.measures.stock import measured
from covered_loans import BOOKS, MARCH, bad_since, loans, state, states

# Bad are S (100, of which 40 held), D (50, 30 held) and L (10, all held); N and M hold 20 and 5.
BOOK = [
    *bad_since("S", date(2026, 1, 31), "S 100 40", collateral_type="real_estate"),
    *bad_since("D", date(2025, 3, 31), "D 50 30", collateral_type="equipment"),
    *bad_since("L", date(2023, 12, 31), "L 10 10"),
    state("N", "N 800 20"),
    state("M", "M 40 5", segment="services"),
]
VALUES = loans({"S": ("250", date(2025, 3, 20)), "D": ("35", date(2024, 3, 1)), "N": ("900", None)})
SUMS = ("allowance", "npl_balance", "balance")
RATIOS = ("npl", "allowance", "allowance_npl", "allowance_performing", "uncovered")


def test_the_coverage_of_a_book_worked_by_hand() -> None:
    (row,) = npl_coverage(states(BOOK), VALUES).to_dict("records")
    assert [row[name] for name in RATIOS] == [160, 105, 80, 25, 80]
    assert (row["value"], row["own_value"]) == (105 / 160, 0.5)
    # The collateral of S counts up to its balance; the mean age is that of 12 and 24 months.
    assert (row["collateral"], row["collateral_loans"], row["valuation_months"]) == (135, 2, 18)
    assert (row["loans"], row["note"]) == (3, "")
    assert type(row["uncovered"]) is Decimal


def test_coverage_by_class_is_in_the_order_of_the_classes_and_only_bad_ones_have_a_ratio() -> None:
    found = npl_coverage(states(BOOK), by=["five_class"])
    assert found["five_class"].tolist() == ["pass", "special_mention", "substandard", "doubtful", "loss"]
    assert found["note"].tolist() == ["no_denominator", "no_denominator", "", "", ""]
    assert found["value"].tolist()[2:] == [0.4, 0.6, 1.0]
    assert found["value"].isna().tolist()[:2] == [True, True]
    assert found["npl"].tolist() == [0, 0, 100, 50, 10]


def test_coverage_by_full_years_as_a_bad_loan_worked_by_hand() -> None:
    found = npl_coverage(states(BOOK), by=["npl_years"]).set_index("npl_years")
    assert found["npl"].to_dict() == {"0": 100, "1": 50, "2": 10, "performing": 0}
    assert found.index.tolist() == ["0", "1", "2", "performing"]


def test_coverage_by_collateral_and_segment_adds_up_to_the_book() -> None:
    found = npl_coverage(states(BOOK), VALUES, by=["segment", "collateral_type"])
    (whole,) = npl_coverage(states(BOOK), VALUES).to_dict("records")
    assert {name: sum(found[name]) for name in RATIOS} == {name: whole[name] for name in RATIOS}
    assert found["collateral"].tolist() == [35, None, 100, None]


# Month end that first showed the loan as bad: months and full years as a bad loan in March 2026.
AGES = {
    date(2026, 3, 31): (0, "0"),
    date(2025, 4, 30): (11, "0"),
    date(2025, 3, 31): (12, "1"),
    date(2024, 4, 30): (23, "1"),
    date(2024, 3, 31): (24, "2"),
    date(2015, 4, 30): (131, "10"),
    date(2013, 3, 31): (156, "13"),
}


def test_years_as_a_bad_loan_are_full_years_and_ten_come_after_nine() -> None:
    table = states([row for since in AGES for row in bad_since(str(since), since, "S 1 1")])
    found = npl_ages(table, MARCH).to_pyarrow().to_pylist()
    assert {row["npl_since"]: row["npl_months"] for row in found} == {day: months for day, (months, _) in AGES.items()}
    assert not any(row["is_at_least"] for row in found)
    by_years = npl_coverage(table, by=["npl_years"])
    assert dict(zip(by_years["npl_years"], by_years["loans"], strict=True)) == {
        "0": 2,
        "1": 2,
        "2": 1,
        "10": 1,
        "13": 1,
    }
    assert by_years["npl_years"].tolist() == ["0", "1", "2", "10", "13"]


def ages(*steps: tuple[str, date]) -> tuple[date, bool]:
    table = states([state("A", f"{letter} 1 1", day) for letter, day in steps])
    (row,) = npl_ages(table, MARCH).to_pyarrow().to_pylist()
    return row["npl_since"], row["is_at_least"]


def test_the_present_spell_counts_and_not_an_earlier_one() -> None:
    steps = [("S", date(2025, 1, 31)), ("N", date(2025, 6, 30)), ("S", date(2025, 9, 30)), ("D", MARCH)]
    assert ages(*steps) == (date(2025, 9, 30), False)


def test_a_loan_bad_when_first_seen_is_bad_at_least_that_long_and_a_group_of_its_own() -> None:
    assert ages(("S", date(2025, 2, 28)), ("L", MARCH)) == (date(2025, 2, 28), True)
    late = [state("A", "S 7 1", date(2025, 2, 28)), state("A", "S 7 1"), *BOOK]
    found = npl_coverage(states(late), by=["npl_years"])
    assert found["npl_years"].tolist() == ["0", "1", "2", "at_least_1", "performing"]
    assert found["npl"].tolist() == [100, 50, 10, 7, 0]


def test_a_month_without_a_tape_does_not_end_a_spell() -> None:
    steps = [("N", date(2025, 1, 31)), ("S", date(2025, 2, 28)), ("S", date(2025, 12, 31)), ("S", MARCH)]
    assert ages(*steps) == (date(2025, 2, 28), False)


def test_a_valuation_after_the_date_was_not_known_then() -> None:
    late = loans({"S": ("250", date(2026, 4, 1)), "D": ("35", date(2026, 3, 31))})
    (row,) = npl_coverage(states(BOOK), late).to_dict("records")
    assert (row["collateral"], row["collateral_loans"], row["valuation_months"]) == (35, 1, 0)


def test_an_earlier_month_end_is_answered_from_what_was_known_then() -> None:
    (row,) = npl_coverage(states(BOOK), as_of=date(2026, 1, 31)).to_dict("records")
    assert (row["as_of"], row["loans"], row["npl"]) == (pd.Timestamp("2026-01-31"), 1, 100)
    with pytest.raises(Misuse, match="as_of must be one of the 7 month ends"):
        npl_coverage(states(BOOK), as_of=date(2026, 2, 28))


def test_a_book_without_balances_or_allowances_says_so_and_shows_no_0() -> None:
    counted = [state("A", "S ? ?"), state("B", "N ? ?")]
    (row,) = npl_coverage(states(counted)).to_dict("records")
    assert (row["npl"], row["allowance"], row["uncovered"], row["collateral"]) == (None, None, None, None)
    assert (row["loans"], row["note"]) == (1, "not_recorded")
    assert math.isnan(row["value"])
    by_class = npl_coverage(states(counted), by=["five_class"])
    assert by_class["note"].tolist() == ["not_recorded", "not_recorded"]
    (unheld,) = npl_coverage(states([state("A", "S 5 ?")])).to_dict("records")
    assert (unheld["npl"], unheld["allowance_npl"], unheld["note"]) == (5, None, "not_recorded")


def test_a_book_recorded_in_part_says_so() -> None:
    for gap in ("S 5 ?", "S ? 5", "? 5 5"):
        (row,) = npl_coverage(states([*BOOK, state("gap", gap)])).to_dict("records")
        assert row["note"] == "partly_recorded"


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(Misuse, match="did you mean 'five_class'"):
        npl_coverage(states(BOOK), by=["five_clas"])
    with pytest.raises(MissingColumns, match="allowance"):
        npl_coverage(states(BOOK).drop("allowance"))
    with pytest.raises(MissingColumns, match="valuation_date"):
        npl_coverage(states(BOOK), VALUES.drop("valuation_date"))
    with pytest.raises(Misuse, match="one month end at least"):
        npl_coverage(states([]))


# NFRA, main supervisory indicators of commercial banks, as quoted by aastocks.com (2024Q4), itiger.com (2025Q2),
# myzaker.com (2025Q3) and gmt8press.com (2025Q4): NPL ratio, coverage, loan provision ratio, all in percent.
PUBLISHED = {
    "2024Q4": ("1.50", "211.19", "3.18"),
    "2025Q2": ("1.49", "211.97", "3.16"),
    "2025Q3": ("1.52", "207.15", "3.14"),
    "2025Q4": ("1.50", "205.21", "3.07"),
}


def test_coverage_follows_from_the_published_ratios_within_rounding() -> None:
    half, book = Decimal("0.005"), []
    for quarter, (npl_ratio, _, provision_ratio) in PUBLISHED.items():
        for end, sign in (("lowest", 1), ("highest", -1)):
            bad, held = Decimal(npl_ratio) + sign * half, Decimal(provision_ratio) - sign * half
            book.append(state(f"{quarter} {end}", f"S {bad * 100} {held * 100}", segment=f"{quarter} {end}"))
    found = npl_coverage(states(book), by=["segment"]).set_index("segment")["value"] * 100
    for quarter, (_, coverage, _) in PUBLISHED.items():
        assert found[f"{quarter} lowest"] <= float(coverage) + 0.005
        assert float(coverage) - 0.005 <= found[f"{quarter} highest"]


@settings(max_examples=4, deadline=None)
@given(BOOKS)
def test_coverage_is_the_provision_ratio_over_the_npl_ratio_exactly(rows: list) -> None:
    table = states(rows)
    held, bad, whole = map(Fraction, component_rows(table, (), SUMS)[list(SUMS)].iloc[0])
    (row,) = npl_coverage(table).to_dict("records")
    if bad:
        assert row["value"] == float((held / whole) / (bad / whole))
        assert row["value"] == measured(table, "provision_coverage_ratio")["value"][0]
    else:
        assert math.isnan(row["value"])


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(BOOKS, st.randoms())
def test_order_splitting_and_currency_change_nothing_but_the_scale(rows: list, random) -> None:
    by = ["segment", "five_class"]
    whole = npl_coverage(states(rows), by=by)
    mixed = [{**row, "loan_id": f"X{i}"} for i, row in enumerate(random.sample(rows, len(rows)))]
    pd.testing.assert_frame_equal(npl_coverage(states(mixed), by=by), whole, check_exact=True)
    first, *rest = rows
    cents = {name: Decimal("0.01") for name in ("principal_balance", "allowance")}
    other = {name: first[name] - cent for name, cent in cents.items()}
    split = npl_coverage(states([{**first, **other}, {**first, **cents, "loan_id": "second"}, *rest]), by=by)
    for name in RATIOS:
        assert split[name].tolist() == whole[name].tolist()
    scaled = [{**row, **{name: row[name] * 8 for name in cents}} for row in rows]
    larger = npl_coverage(states(scaled), by=by)
    assert [amount * 8 for amount in whole["uncovered"]] == larger["uncovered"].tolist()
    pd.testing.assert_series_equal(larger["value"], whole["value"], check_exact=True)
    (book,) = npl_coverage(states(rows)).to_dict("records")
    assert {name: sum(whole[name]) for name in RATIOS} == {name: book[name] for name in RATIOS}
