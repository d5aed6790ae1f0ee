"""The minimum coverage of old bad loans: the table of the law on both sides of each step, by hand and by law."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.backstop import AHEAD, PARTS, backstop, loan_backstop
from covered_loans import BOOKS, MARCH, bad_since, grown_old, loans, state, states

# Regulation (EU) 2019/630, art. 47c(2) and (3): least coverage in the n-th year since the classification.
LAW = {
    "none": ("0", "0", "0.35", "1", "1", "1", "1", "1", "1", "1", "1"),
    "real_estate": ("0", "0", "0", "0.25", "0.35", "0.55", "0.70", "0.80", "0.85", "1", "1"),
    "equipment": ("0", "0", "0", "0.25", "0.35", "0.55", "0.80", "1", "1", "1", "1"),
}
AMOUNTS = ("npl", *PARTS, "required", "held", "shortfall")
HALF_COVERED = loans({"H": ("60", date(2025, 1, 1)), "R": ("500", None)})
# 100 unsecured in its third year; 100 secured by 60 in its fourth; 100 fully secured in its first.
BOOK = [
    *bad_since("U", date(2024, 3, 31), "S 100 20"),
    *bad_since("H", date(2023, 3, 31), "D 100 70", collateral_type="real_estate", segment="services"),
    *bad_since("R", date(2026, 3, 31), "S 100 0", collateral_type="real_estate"),
    state("good", "N 1000 10"),
]


def amounts(row: dict) -> dict[str, Decimal]:
    return {name: row[name] for name in AMOUNTS}


def months_before(count: int) -> date:
    return (pd.Timestamp(MARCH) - pd.offsets.MonthEnd(count)).date()


@pytest.mark.parametrize("collateral", LAW)
def test_every_step_of_the_schedule_is_taken_on_its_first_day_and_not_before(collateral: str) -> None:
    # One month short of n years and n years, for a loan of 100 that is secured in full, or not at all.
    ages = [months for year in range(1, 11) for months in (12 * year - 1, 12 * year)]
    old = {f"L{months}": months_before(months) for months in ages}
    rows = [row for name, day in old.items() for row in bad_since(name, day, "L 100 0", collateral_type=collateral)]
    values = None if collateral == "none" else loans(dict.fromkeys(old, ("100", None)))
    found = loan_backstop(states(rows), values, as_of=MARCH, ahead=[0]).to_pyarrow().to_pylist()
    assert {row["npl_months"]: row["required_0"] for row in found} == {
        months: 100 * Decimal(LAW[collateral][months // 12]) for months in ages
    }


def test_the_shortfall_worked_by_hand_loan_by_loan_and_split_at_the_collateral() -> None:
    (now,) = backstop(states(BOOK), HALF_COVERED, ahead=[0]).to_dict("records")
    # U: 35 % of 100 = 35, of which 20 held. H: all of the unsecured 40 and 25 % of the secured 60 = 55, 70 held.
    assert amounts(now) == {
        "npl": 300, "unsecured": 140, "immovable": 160, "other": 0, "required": 90, "held": 90, "shortfall": 15,
    }  # fmt: skip
    assert (now["loans"], now["exempt"], now["unvalued"], now["note"]) == (3, 0, 0, "")
    assert type(now["required"]) is Decimal


def test_later_dates_let_the_loans_grow_older_and_nothing_else() -> None:
    found = backstop(states(BOOK), HALF_COVERED)
    assert found["as_of"].dt.date.tolist() == [date(2026 + years, 3, 31) for years in range(4)]
    # A year on U owes 100, H 40 + 35 % of 60; then 40 + 55 %; three years on R owes 25 % and H 40 + 70 %.
    assert found["required"].tolist() == [90, 100 + 61, 100 + 73, 100 + 82 + 25]
    assert found["shortfall"].tolist() == [15, 80, 80 + 3, 80 + 12 + 25]
    assert found["held"].tolist() == [90] * 4


def test_what_one_loan_has_too_much_does_not_cover_another() -> None:
    # Together the loans hold all that is required of them, and U still lacks 15.
    (now,) = backstop(states(BOOK), HALF_COVERED, ahead=[0]).to_dict("records")
    assert now["held"] == now["required"]
    assert now["shortfall"] > 0


def test_groups_are_ordered_within_each_date_and_add_up_to_the_book() -> None:
    found = backstop(states(BOOK), HALF_COVERED, by=["segment", "npl_years"], ahead=[12, 0])
    assert found["segment"].tolist() == ["retail", "retail", "services"] * 2
    assert found["npl_years"].tolist() == ["0", "2", "3"] * 2
    assert found["as_of"].is_monotonic_increasing
    now = found[found["as_of"] == pd.Timestamp(MARCH)]
    (whole,) = backstop(states(BOOK), HALF_COVERED, ahead=[0]).to_dict("records")
    assert {name: sum(now[name]) for name in AMOUNTS} == amounts(whole)


def test_loans_originated_before_26_april_2019_are_exempt() -> None:
    days = {"before": date(2019, 4, 25), "after": date(2019, 4, 26), "unknown": None}
    rows = [
        row for name, day in days.items() for row in bad_since(name, date(2020, 3, 31), "L 100 0", origination_date=day)
    ]
    found = loan_backstop(states(rows), as_of=MARCH, ahead=[0]).to_pyarrow().to_pylist()
    assert {row["loan_id"]: row["is_in_scope"] for row in found} == {"before": False, "after": True, "unknown": True}
    (whole,) = backstop(states(rows), ahead=[0]).to_dict("records")
    assert (whole["loans"], whole["npl"], whole["exempt"], whole["shortfall"]) == (2, 200, 100, 200)
    (exempt,) = backstop(states(rows[:3]), ahead=[0]).to_dict("records")
    assert (exempt["npl"], exempt["required"], exempt["exempt"], exempt["note"]) == (0, 0, 100, "no_loans")


def test_a_loan_bad_when_first_seen_is_required_at_least_so_much() -> None:
    rows = [state("old", "L 100 0", date(2024, 3, 31)), state("old", "L 100 0")]
    (row,) = backstop(states(rows), ahead=[0]).to_dict("records")
    assert (row["required"], row["at_least"], row["note"]) == (35, 1, "at_least")


def test_collateral_without_a_value_or_of_an_unknown_type_secures_nothing() -> None:
    kinds = {"house": "real_estate", "promise": "guarantee", "picture": "painting"}
    rows = [
        row
        for name, kind in kinds.items()
        for row in bad_since(name, date(2023, 3, 31), "L 100 0", collateral_type=kind)
    ]
    (row,) = backstop(states(rows), loans({"picture": ("100", None)}), ahead=[0]).to_dict("records")
    assert (row["unsecured"], row["required"], row["unvalued"]) == (300, 300, 2)


def test_a_book_without_balances_or_allowances_says_so_and_shows_no_0() -> None:
    counted = states([state("A", "L ? ?", date(2025, 3, 31)), state("A", "L ? ?")])
    (row,) = backstop(counted, ahead=[0]).to_dict("records")
    assert {name: row[name] for name in (*AMOUNTS, "exempt") if row[name] is not None} == {}
    assert (row["loans"], row["note"]) == (1, "not_recorded")
    (part,) = backstop(states([*BOOK, state("gap", "S 5 ?")]), HALF_COVERED, ahead=[0]).to_dict("records")
    assert (part["loans"], part["shortfall"], part["note"]) == (4, 15, "partly_recorded")


def test_a_book_without_bad_loans_has_no_row_and_an_unknown_month_is_refused() -> None:
    assert len(backstop(states([state("good", "N 5 0")]))) == 0
    with pytest.raises(Misuse, match="as_of must be one of the 1 month ends"):
        backstop(states([state("good", "N 5 0")]), as_of=date(2026, 4, 30))


@pytest.mark.parametrize("ahead", [[], [-12, 0], [0, 12, 12]])
def test_months_ahead_are_from_0_and_each_once(ahead: list[int]) -> None:
    with pytest.raises(Misuse, match="ahead must be months from 0"):
        backstop(states(BOOK), ahead=ahead)


def test_tables_without_their_columns_are_refused() -> None:
    with pytest.raises(MissingColumns, match="origination_date"):
        backstop(states(BOOK).drop("origination_date"))
    with pytest.raises(Misuse, match="did you mean 'npl_years'"):
        backstop(states(BOOK), by=["npl_year"])


OLD = st.sampled_from([months_before(months) for months in (0, 23, 24, 36, 59, 60, 95, 96, 120)])


@settings(max_examples=2, deadline=None)
@given(BOOKS, OLD, st.integers(0, 10**7))
def test_the_shortfall_grows_with_age_and_is_never_more_than_required(rows: list, since: date, value: int) -> None:
    table = states(grown_old(rows, since))
    found = backstop(table, loans({"L0": (str(value), None), "L1": ("1", None)}))
    assert (found["required"] <= found["npl"]).all()
    assert (found["shortfall"] <= found["required"]).all()
    assert (found["required"] - found["held"] <= found["shortfall"]).all()
    assert found["required"].is_monotonic_increasing
    assert found["shortfall"].is_monotonic_increasing
    assert (sum(found[part] for part in PARTS) == found["npl"]).all()
    assert len(found) in {0, len(AHEAD)}


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(BOOKS, OLD, st.randoms())
def test_splitting_a_loan_in_two_and_the_order_change_no_amount(rows: list, since: date, random) -> None:
    even = [
        {**row, "principal_balance": row["principal_balance"] * 2, "allowance": row["allowance"] * 2} for row in rows
    ]
    halves = [{**row, "loan_id": f"{part}{row['loan_id']}"} for row in rows for part in "ab"]
    value = Decimal("77.77")
    whole = backstop(states(grown_old(even, since)), loans({"L0": (str(value * 2), None)}), by=["segment"])
    mixed = random.sample(halves, len(halves))
    split = backstop(
        states(grown_old(mixed, since)), loans(dict.fromkeys(("aL0", "bL0"), (str(value), None))), by=["segment"]
    )
    for name in (*AMOUNTS, "exempt"):
        assert split[name].tolist() == whole[name].tolist()
