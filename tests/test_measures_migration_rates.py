"""Official migration rates by both conventions, worked by hand, and held to their laws."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.migration_rates import CONVENTIONS, NORMAL_LOANS, RATES, official_migration_rates
from analysis.terms import DISPOSALS
from moved_loans import BOOKS, moved, path
from states_of_loans import DEC, FEB, JAN, MAR, Row, flows

# Pass, 1,000 at the beginning of the year: P1 stays, P2 pays 50 and is special mention, P3 is substandard,
# P4 went down and came back, P5 is repaid, P6 became a loss and was written off, P7 was sold while pass.
# Special mention, 200: S1 gets better, S2 is doubtful, S3 was substandard and sold.
# Substandard, 100: B1 stays, B2 is a loss, B3 was doubtful and foreclosed, B4 was sold while substandard.
# Doubtful, 60: D1 stays and pays 10, D2 is written off.
BOOK = [
    *path("P1", "N 300", "N 300", "N 300", "N 290"),
    *path("P2", "N 200", "N 180", "M 150", "M 150"),
    *path("P3", "N 100", "M 100", "S 100", "S 100"),
    *path("P4", "N 100", "M 100", "S 100", "N 100"),
    *path("P5", "N 100", "N 50", "-", "-"),
    *path("P6", "N 120", "M 120", "S 120", "-"),
    *path("P7", "N 80", "N 80", "-", "-"),
    *path("S1", "M 80", "N 80", "N 80", "N 80"),
    *path("S2", "M 70", "S 70", "D 70", "D 65"),
    *path("S3", "M 50", "S 50", "-", "-"),
    *path("B1", "S 40", "S 40", "S 40", "S 40"),
    *path("B2", "S 30", "D 30", "L 30", "L 30"),
    *path("B3", "S 20", "D 20", "-", "-"),
    *path("B4", "S 10", "S 10", "-", "-"),
    *path("D1", "D 35", "D 30", "D 25", "D 25"),
    *path("D2", "D 25", "D 25", "-", "-"),
    *path("new", "-", "N 500", "S 500", "S 500"),
]
FLOWS = (
    ("P5", date(2026, 2, 2), "repayment", "50"),
    ("P6", date(2026, 3, 5), "write_off", "120"),
    ("P7", date(2026, 2, 5), "sale", "80"),
    ("S3", date(2026, 2, 5), "sale", "50"),
    ("B3", date(2026, 2, 5), "foreclosure", "20"),
    ("B4", date(2026, 2, 5), "sale", "10"),
    ("D2", date(2026, 2, 5), "write_off", "25"),
)
Parts = dict[tuple[str, str], tuple[object, object]]


def parts(rows: pd.DataFrame) -> Parts:
    return {(r["convention"], r["rate"]): (r["numerator"], r["denominator"]) for r in rows.to_dict("records")}


def rates(book: list[Row], *movements: tuple[str, date, str, str], **options: object) -> pd.DataFrame:
    return official_migration_rates(moved(book), flows(*movements), as_of=MAR, **options)  # type: ignore[arg-type]


def test_both_conventions_worked_by_hand() -> None:
    found = parts(rates(BOOK, *FLOWS))
    # What is left of 1,000: 290 + 150 + 100 + 100 = 640; of 200: 80 + 65; of 100: 40 + 30; of 60: 25.
    assert found == {
        ("A_2005", "normal_loans"): (100 + 65, 640 + 145),
        ("A_2005", "pass"): (150 + 100, 640),
        ("A_2005", "special_mention"): (65, 145),
        ("A_2005", "substandard"): (30, 70),
        ("A_2005", "doubtful"): (0, 25),
        ("B_2022", "pass"): (250 + 120, 1000),
        ("B_2022", "special_mention"): (65 + 50, 200),
        ("B_2022", "substandard"): (30 + 20, 100),
        ("B_2022", "doubtful"): (0 + 25, 60),
    }
    assert all(type(number) is Decimal for pair in found.values() for number in pair)


def test_values_are_their_quotients_and_small_classes_are_said_to_be_so() -> None:
    found = rates(BOOK, *FLOWS).set_index(["convention", "rate"])
    assert found.loc[("A_2005", "normal_loans"), "value"] == pytest.approx(165 / 785)
    assert found.loc[("B_2022", "pass"), "value"] == pytest.approx(0.37)
    assert set(found["note"]) == {"too_small"}
    assert found.loc[("A_2005", "normal_loans"), "loans"] == 10


def test_the_rate_of_normal_loans_and_that_of_the_pass_class_are_two_measures() -> None:
    found = rates(BOOK, *FLOWS).set_index(["convention", "rate"])["value"]
    assert found["A_2005", NORMAL_LOANS] != found["A_2005", "pass"]
    assert RATES[NORMAL_LOANS].zh == "正常贷款迁徙率"
    assert RATES["pass"].zh == "正常类贷款迁徙率"


def test_a_loan_lent_more_counts_with_what_it_owed_at_the_beginning() -> None:
    book = path("A", "N 100", "N 100", "N 100", "M 150")
    assert parts(rates(book))["A_2005", "pass"] == (100, 100)


def test_a_partial_write_off_counts_beside_what_is_left_and_never_twice() -> None:
    book = path("A", "N 100", "S 100", "S 70", "S 70")
    found = parts(rates(book, ("A", FEB, "write_off", "30")))
    assert found["A_2005", "pass"] == (70, 70)
    assert found["B_2022", "pass"] == (100, 100)
    more = parts(rates(book, ("A", FEB, "write_off", "30"), ("A", MAR, "sale", "500")))
    assert more["B_2022", "pass"] == (100, 100)


@pytest.mark.parametrize("kind", DISPOSALS)
def test_every_way_of_disposal_counts_by_the_convention_of_2022(kind: str) -> None:
    book = [*path("A", "M 100", "S 100", "-", "-"), *path("B", "N 1", "N 1", "N 1", "N 1")]
    assert parts(rates(book, ("A", date(2026, 2, 9), kind, "100")))["B_2022", "special_mention"] == (100, 100)


@pytest.mark.parametrize(
    ("day", "counted"),
    [(DEC, 0), (date(2026, 1, 20), 0), (JAN, 0), (date(2026, 2, 1), 100), (MAR, 100), (date(2026, 4, 1), 0)],
)
def test_a_sale_counts_once_a_month_end_before_it_saw_the_loan_bad(day: date, counted: int) -> None:
    book = [*path("A", "N 100", "S 100", "-", "-"), *path("B", "N 1", "N 1", "N 1", "N 1")]
    assert parts(rates(book, ("A", day, "sale", "100")))["B_2022", "pass"] == (counted, 101)


def test_cash_from_a_bad_loan_is_no_disposal() -> None:
    book = [*path("A", "N 100", "S 100", "-", "-"), *path("B", "N 1", "N 1", "N 1", "N 1")]
    assert parts(rates(book, ("A", FEB, "recovery", "100")))["B_2022", "pass"] == (0, 101)


def test_without_flows_only_the_convention_of_2005_is_known() -> None:
    found = official_migration_rates(moved(BOOK), as_of=MAR).set_index("convention")
    assert set(found.loc["B_2022", "note"]) == {"missing_flows"}
    assert found.loc["B_2022", "value"].isna().all()
    assert found.loc["A_2005", "value"].notna().all()


def test_a_book_without_balances_has_no_rates() -> None:
    found = rates(path("A", "N", "N", "N", "M"))
    assert set(found["note"]) == {"not_recorded"}
    assert found["value"].isna().all()
    assert found["numerator"].tolist() == [None] * 9


def test_a_class_without_loans_has_no_rate_rather_than_zero() -> None:
    found = rates(path("A", "N 1", "N 1", "N 1", "N 1")).set_index(["convention", "rate"])
    assert found.loc[("A_2005", "doubtful"), "note"] == "no_denominator"
    assert pd.isna(found.loc[("A_2005", "doubtful"), "value"])


def test_by_segment_a_loan_counts_where_it_was_at_the_beginning() -> None:
    book = [*path("A", "N 100", "N 100", "N 100", "M 90"), *path("B", "N 10", "N 10", "N 10", "N 10", segment="retail")]
    moves_house = [{**row, "segment": "retail"} if row["as_of"] == MAR else row for row in book]
    found = rates(moves_house, by=["segment"])
    passes = found[(found["rate"] == "pass") & (found["convention"] == "A_2005")].set_index("segment")["numerator"]
    assert passes.to_dict() == {"manufacturing": 90, "retail": 0}


def test_the_period_begins_with_the_year_unless_told_otherwise() -> None:
    assert set(rates(BOOK)["opening"]) == {pd.Timestamp(DEC)}
    found = parts(rates(path("A", "N 9", "M 9", "M 9", "S 9"), opening=JAN))
    assert found["A_2005", "special_mention"] == (9, 9)


@pytest.mark.parametrize("dates", [{"as_of": date(2025, 11, 30)}, {"as_of": MAR, "opening": date(2025, 6, 30)}])
def test_a_month_end_that_the_book_does_not_hold_is_refused(dates: dict[str, date]) -> None:
    with pytest.raises(Misuse, match="must be month ends of the states in order"):
        official_migration_rates(moved(BOOK), **dates)  # type: ignore[arg-type]


def test_tables_without_their_columns_are_refused() -> None:
    with pytest.raises(MissingColumns, match="five_class"):
        official_migration_rates(moved(BOOK).drop("five_class"), as_of=MAR)
    with pytest.raises(MissingColumns, match="kind"):
        official_migration_rates(moved(BOOK), flows(*FLOWS).drop("kind"), as_of=MAR)


def test_conventions_say_who_defines_them_and_how_sure_we_are() -> None:
    found = rates(BOOK, *FLOWS)
    assert set(found["convention"]) == set(CONVENTIONS)
    assert set(found["rate"]) == set(RATES)
    assert {one.status for one in CONVENTIONS.values()} == {"unverified"}
    texts = [text for one in CONVENTIONS.values() for text in (one.label, one.definition)]
    assert all(text.zh and text.en for text in (*texts, *RATES.values()))


@settings(max_examples=6, deadline=None)
@given(BOOKS, st.randoms())
def test_rates_are_shares_and_do_not_depend_on_order(book: list[Row], random) -> None:
    movements = [(str(row["loan_id"]), FEB, "write_off", str(row["principal_balance"])) for row in book[3:6]]
    found = official_migration_rates(moved(book), flows(*movements), as_of=FEB)
    assert found["value"].dropna().between(0, 1).all()
    other = official_migration_rates(moved(random.sample(book, len(book))), flows(*movements), as_of=FEB)
    pd.testing.assert_frame_equal(found, other, check_exact=True)


@settings(max_examples=6, deadline=None)
@given(BOOKS, st.integers(2, 5))
def test_splitting_loans_in_equal_parts_changes_no_rate(book: list[Row], number: int) -> None:
    whole = [{**row, "principal_balance": row["principal_balance"] * number} for row in book]
    split = [{**row, "loan_id": f"{row['loan_id']}-{part}"} for row in book for part in range(number)]
    one, other = (official_migration_rates(moved(rows), as_of=FEB) for rows in (whole, split))
    columns = ["convention", "rate", "value", "numerator", "denominator"]
    pd.testing.assert_frame_equal(one[columns], other[columns], check_exact=True)


@settings(max_examples=6, deadline=None)
@given(BOOKS)
def test_amounts_of_segments_add_up_to_the_book(book: list[Row]) -> None:
    whole = rates_of(book)
    summed = rates_of(book, by=["segment"]).groupby(["convention", "rate"], sort=False)[["numerator", "denominator"]]
    added = summed.agg(lambda amounts: sum(amounts, Decimal(0))).reset_index()
    pd.testing.assert_frame_equal(whole[list(added.columns)], added, check_exact=True)


def rates_of(book: list[Row], **options: object) -> pd.DataFrame:
    return official_migration_rates(moved(book), flows(), as_of=FEB, **options)  # type: ignore[arg-type]
