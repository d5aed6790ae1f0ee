"""Cohorts of loans by their months on book: ever, current and newly bad, worked by hand, and what cannot be said."""

import math
from decimal import Decimal

import pandas as pd
import pytest

from aged_loans import Loan, aged, table
from analysis.errors import MissingColumns, Misuse
from analysis.measures.vintage import vintages

# Of the first quarter: A is bad at the age of 2 months and well again; B has repaid after the age of 2; C, the
# youngest, is bad from the age of 1 on. D is of the second quarter, E from before the book.
BOOK = [
    Loan(loan_id="A", lent="2026-01", path="..*...", amount="100"),
    Loan(loan_id="B", lent="2026-02", path="...", amount="300"),
    Loan(loan_id="C", lent="2026-03", path=".***", amount="600.50"),
    Loan(loan_id="D", lent="2026-04", path="..*", amount="50"),
    Loan(loan_id="E", lent="2025-12", path="..**..", amount="70"),
]
FIRST, SECOND = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-04-01")


def of(rows: pd.DataFrame, cohort: pd.Timestamp, *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for row in rows[rows["cohort"] == cohort].to_dict("records")]


def test_ever_and_current_bad_by_count_worked_by_hand() -> None:
    found = of(vintages(aged(BOOK)), FIRST, "age", "loans", "bad", "value", "current_bad", "current")
    third = pytest.approx(1 / 3)
    expected = [
        (0, 3, 0, 0, 0, 0),
        (1, 3, 1, third, 1, third),
        (2, 3, 2, pytest.approx(2 / 3), 2, pytest.approx(2 / 3)),
    ]
    assert found == [*expected, (3, 3, 2, pytest.approx(2 / 3), 1, third)]


def test_ever_and_current_bad_by_amount_originated_worked_by_hand() -> None:
    found = vintages(aged(BOOK), basis="balance")
    whole, c, both = Decimal("1000.50"), Decimal("600.50"), Decimal("700.50")
    assert of(found, FIRST, "amount", "bad", "current_bad") == [
        (whole, 0, 0), (whole, c, c), (whole, both, both), (whole, both, c),
    ]  # fmt: skip
    assert of(found, FIRST, "value")[-1] == (pytest.approx(700.5 / 1000.5),)
    assert all(type(amount) is Decimal for amount in [*found["bad"].dropna(), *found["at_risk"].dropna()])


def test_the_marginal_hazard_worked_by_hand() -> None:
    # At the age of 2 A and B are at risk; at 3 only B, which was there a month before and has repaid since.
    found = of(vintages(aged(BOOK)), FIRST, "at_risk", "newly_bad", "hazard")
    assert found == [(3, 0, 0), (3, 1, pytest.approx(1 / 3)), (2, 1, 0.5), (1, 0, 0)]
    by_amount = of(vintages(aged(BOOK), basis="balance"), FIRST, "at_risk", "newly_bad", "hazard")
    assert by_amount[2] == (Decimal(400), Decimal(100), 0.25)


def test_a_cohort_is_followed_to_the_age_of_its_youngest_loan() -> None:
    found = vintages(aged(BOOK))
    assert (of(found, FIRST, "age")[-1], of(found, SECOND, "age")[-1]) == ((3,), (2,))
    by_month = vintages(aged(BOOK), cohort="month")
    assert of(by_month, FIRST, "age")[-1] == (5,)


def test_ever_bad_is_not_what_is_bad_at_a_point_in_time() -> None:
    # All three were bad once, none of them at the same time as another, and none is bad in the end.
    loans = [Loan(loan_id=str(i), lent="2026-01", path="." * i + "*" + "." * (3 - i)) for i in range(3)]
    found = of(vintages(aged(loans), cohort="month"), FIRST, "bad", "current_bad")
    assert found == [(1, 1), (2, 1), (3, 1), (3, 0)]


def test_a_loan_that_has_gone_stays_below_the_line() -> None:
    loans = [Loan(loan_id="gone", lent="2026-01", path="."), Loan(loan_id="here", lent="2026-01", path=".*.*")]
    found = of(vintages(aged(loans), cohort="month"), FIRST, "age", "loans", "value", "at_risk", "hazard")
    assert found[1:3] == [(1, 2, 0.5, 2, 0.5), (2, 2, 0.5, 0, pytest.approx(math.nan, nan_ok=True))]


def test_a_cohort_begun_before_the_book_is_not_known_and_one_under_way_is_censored() -> None:
    found = vintages(aged([*BOOK, Loan(loan_id="F", lent="2026-07", path=".")]))
    names = ("age", "loans", "bad", "value", "lower", "current_bad", "at_risk", "hazard", "note")
    nothing = (None, *[pytest.approx(math.nan, nan_ok=True)] * 2, None, None, pytest.approx(math.nan, nan_ok=True))
    assert of(found, pd.Timestamp("2025-10-01"), *names) == [(0, 1, *nothing, "not_recorded")]
    assert of(found, pd.Timestamp("2026-07-01"), *names) == [(0, 1, *nothing, "censored")]


def test_a_cohort_is_not_read_before_its_quarter_is_over_though_its_loans_have_aged() -> None:
    loans = [Loan(loan_id="A", lent="2026-01", path="..")]
    assert vintages(aged(loans))["note"].tolist() == ["censored"]
    assert vintages(aged(loans), cohort="month")["age"].tolist() == [0, 1]


@pytest.mark.parametrize(("threshold", "bad"), [(0, 4), (30, 3), (31, 2), (90, 1), ("npl", 1), (91, 0)])
def test_bad_is_more_than_the_days_of_the_threshold(threshold: int | str, bad: int) -> None:
    loans = [Loan(loan_id=step, lent="2026-01", path=step) for step in ".129*"]
    assert vintages(aged(loans), threshold=threshold, cohort="month")["bad"].tolist() == [bad]


def test_a_group_is_the_one_in_which_a_loan_was_first_seen() -> None:
    loans = [*BOOK, Loan(loan_id="G", lent="2026-01", path=".**", segment="retail", moves_to="manufacturing")]
    found = vintages(aged(loans), by=("segment",))
    retail = found[found["segment"] == "retail"]
    assert retail[["loans", "bad"]].to_numpy().tolist()[:3] == [[1, 0], [1, 1], [1, 1]]
    assert of(found[found["segment"] == "manufacturing"], FIRST, "loans")[0] == (3,)


def test_loans_without_a_group_come_last_and_are_not_lost() -> None:
    loans = [*BOOK, Loan(loan_id="H", lent="2026-01", path="...", segment=None)]
    found = vintages(aged(loans), by=("segment", "region"))
    first = found[found["cohort"] == FIRST]
    assert pd.isna(first["segment"].iloc[-1])
    assert first.groupby(["segment", "age"], dropna=False)["loans"].sum().groupby("age").sum()[0] == 4


def test_a_book_without_amounts_counts_and_says_so_by_amount() -> None:
    loans = [Loan(**(vars(loan) | {"amount": None})) for loan in BOOK]
    counted = vintages(aged(loans))
    assert of(counted, FIRST, "amount", "bad")[-1] == (None, 2)
    by_amount = vintages(aged(loans), basis="balance")
    assert set(by_amount["note"]) == {"not_recorded"}
    assert by_amount[["bad", "current_bad", "at_risk", "newly_bad"]].isna().all(axis=None)
    assert by_amount[["value", "lower", "hazard"]].isna().all(axis=None)


def test_nothing_lent_is_no_denominator() -> None:
    loans = [Loan(loan_id="A", lent="2026-01", path=".*", amount="0")]
    assert vintages(aged(loans), basis="balance", cohort="month")["note"].tolist() == ["no_denominator"]


def test_states_recorded_for_nobody_are_not_recorded_and_for_some_partly() -> None:
    many = [Loan(loan_id=str(i), lent="2026-01", path=".*") for i in range(40)]
    assert vintages(aged(many), cohort="month")["note"].tolist() == ["", ""]
    some = [*many, Loan(loan_id="X", lent="2026-01", path="??")]
    assert vintages(aged(some), cohort="month")["note"].tolist() == ["partly_recorded"] * 2
    none = [Loan(loan_id="X", lent="2026-01", path="??")]
    assert vintages(aged(none), cohort="month")["note"].tolist() == ["not_recorded"]
    amounts = [*many, Loan(loan_id="X", lent="2026-01", path="..", amount=None)]
    found = vintages(aged(amounts), basis="balance", cohort="month")
    assert found[["loans", "amount", "note"]].to_numpy().tolist() == [[41, 4000, "partly_recorded"]] * 2


def test_few_loans_are_said_to_be_few_and_keep_their_interval() -> None:
    found = vintages(aged(BOOK))
    assert set(found.loc[found["cohort"] == FIRST, "note"]) == {"too_small"}
    # Wilson for 2 of 3.
    assert of(found, FIRST, "lower", "upper")[-1] == (
        pytest.approx(0.20765, abs=1e-5),
        pytest.approx(0.93851, abs=1e-5),
    )


def test_the_interval_of_a_share_of_loans_is_that_of_print() -> None:
    # Wilson, 7 of 50: (.06951, .26186), after L. D. Brown, T. T. Cai and A. DasGupta (2001), Stat. Sci. 16:101-133.
    loans = [Loan(loan_id=str(i), lent="2026-01", path=".*" if i < 7 else "..", amount=str(i + 1)) for i in range(50)]
    found = vintages(aged(loans), cohort="month")
    assert of(found, FIRST, "lower", "upper")[1] == pytest.approx((0.06951, 0.26186), abs=1e-5)
    assert of(found, FIRST, "hazard_lower", "hazard_upper")[1] == pytest.approx((0.06951, 0.26186), abs=1e-5)
    assert of(found, FIRST, "lower")[0] == (0,)


def test_a_month_that_the_tape_lacks_leaves_current_unknown_where_a_loan_had_that_age_in_it() -> None:
    rows = [row for loan in BOOK for row in loan.rows() if row["as_of"].month != 4]
    found = vintages(table(rows))
    assert of(found, FIRST, "age", "current_bad", "note") == [
        (0, 0, "too_small"), (1, None, "too_small"), (2, None, "too_small"), (3, None, "too_small"),
    ]  # fmt: skip
    assert of(found, FIRST, "bad") == [(0,), (0,), (2,), (2,)]


def test_a_loan_with_a_missing_month_is_at_risk_meanwhile() -> None:
    loans = [Loan(loan_id="A", lent="2026-01", path=".-.*"), Loan(loan_id="B", lent="2026-01", path="....")]
    assert of(vintages(aged(loans), cohort="month"), FIRST, "at_risk", "newly_bad")[1:] == [(2, 0), (2, 0), (2, 1)]


def test_a_loan_first_seen_late_is_at_risk_from_then_on_and_below_the_line_throughout() -> None:
    loans = [Loan(loan_id="A", lent="2026-01", path="...."), Loan(loan_id="B", lent="2026-01", path=".*", late=2)]
    found = of(vintages(aged(loans), cohort="month"), FIRST, "loans", "at_risk", "newly_bad")
    assert found == [(2, 1, 0), (2, 1, 0), (2, 2, 0), (2, 2, 1)]


def test_a_book_of_quarter_ends_counts_age_from_the_first_one() -> None:
    rows = [row for loan in BOOK for row in loan.rows() if row["as_of"].month in (3, 6)]
    found = vintages(table(rows, since="2026-03"))
    # A is seen in March (bad) and in June (well), B in March only, C in both.
    assert of(found, FIRST, "age", "bad", "current_bad", "at_risk") == [(0, 1, 1, 3), (3, 2, 1, 2)]
    assert of(found, SECOND, "age", "bad") == [(0, 1)]


def test_a_book_without_loans_has_no_cohort() -> None:
    found = vintages(aged([]))
    assert len(found) == 0
    assert list(found.columns[:4]) == ["cohort", "age", "loans", "amount"]
    assert [str(kind) for kind in vintages(aged(BOOK)).dtypes] == [str(kind) for kind in found.dtypes]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": "nlp"}, "threshold must be 'npl' or whole days"),
        ({"threshold": -1}, "was -1"),
        ({"threshold": True}, "was True"),
        ({"threshold": 90.5}, "was 90.5"),
        ({"basis": "balanc"}, "did you mean 'balance'"),
        ({"by": ["segmnet"]}, "did you mean 'segment'"),
        ({"cohort": "quarterly"}, "did you mean 'quarter'"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        vintages(aged(BOOK), **options)


@pytest.mark.parametrize("column", ["origination_date", "original_amount", "is_npl", "prior_as_of", "as_of"])
def test_a_table_without_a_column_is_refused(column: str) -> None:
    with pytest.raises(MissingColumns, match=column):
        vintages(aged(BOOK).drop(column))
