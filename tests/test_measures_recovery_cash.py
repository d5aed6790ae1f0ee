"""What came in on defaulted loans, by hand, and what must not change it."""

from decimal import Decimal

import ibis.expr.types as ir
import pandas as pd
import pytest

from analysis.errors import MissingColumns, Misuse
from analysis.measures.recovery_cash import SOURCES, recoveries, recovery_rows
from analysis.measures.workouts import workouts
from defaulted_loans import BOOK, MOVES, book, day, flows, renamed, scaled
from moved_loans import path
from states_of_loans import states


@pytest.fixture(scope="module")
def defaults() -> ir.Table:
    """Defaults of the book by hand."""
    return workouts(*book(), same_within=2).cache()


def test_what_came_in_by_month_and_source_worked_by_hand(defaults: ir.Table) -> None:
    rows = recoveries(defaults, flows(MOVES)).to_pandas().set_index(["loan_id", "months"]).sort_index()
    assert rows["cash"][rows["cash"] > 0].to_dict() == {
        ("A", 1): 8, ("A", 2): 10, ("B", 1): 50, ("B", 2): 150, ("E", 2): 57, ("F", 2): 6
    }  # fmt: skip
    assert rows["proceeds"][rows["proceeds"] > 0].to_dict() == {("C", 2): 30}
    assert rows["in_kind"][rows["in_kind"] > 0].to_dict() == {("H", 1): 80}
    assert rows["after_write_off"][rows["after_write_off"] > 0].to_dict() == {("D", 3): 40}
    assert rows["cost"][rows["cost"] > 0].to_dict() == {
        ("B", 1): 5, ("B", 2): 15, ("D", 3): 4, ("E", 2): 1, ("H", 1): 8
    }  # fmt: skip
    assert rows.loc[("E", 1), "drawn"] == 20
    assert (rows["received"] == rows[list(SOURCES)].sum(axis=1)).all()


def test_what_moved_before_default_or_after_a_cure_is_no_recovery(defaults: ir.Table) -> None:
    rows = recoveries(defaults, flows(MOVES)).to_pandas()
    assert rows[rows["loan_id"] == "A"]["received"].sum() == 18


def test_sums_by_source_and_the_cost_of_cash(defaults: ir.Table) -> None:
    (row,) = recovery_rows(defaults, flows(MOVES)).to_dict("records")
    # F, whose beginning nobody saw, is left out.
    assert [row[name] for name in SOURCES] == [275, 30, 80, 40]
    assert (row["loans"], row["exposure"], row["received"], row["cost"], row["drawn"]) == (8, 1740, 425, 33, 20)
    assert all(type(row[name]) is Decimal for name in (*SOURCES, "exposure", "cost"))
    assert (row["value"], row["note"]) == (pytest.approx(33 / 425), "")


def test_the_groups_add_up_to_the_whole_and_a_cohort_has_its_first_day() -> None:
    rows = [{**row, "segment": "retail"} if str(row["loan_id"]) > "C" else row for row in BOOK]
    found = recovery_rows(
        workouts(states(rows), flows(MOVES), by=["segment"], same_within=2),
        flows(MOVES),
        by=["segment"],
        cohort="quarter",
    )
    assert found["segment"].tolist() == ["manufacturing", "retail"]
    assert sum(found["received"]) == 425
    assert set(found["cohort"]) == {pd.Timestamp("2026-01-01")}


@pytest.mark.slow
def test_neither_names_nor_order_nor_currency_matter(defaults: ir.Table) -> None:
    rows, moves = renamed(BOOK[::-1], MOVES[::-1], "x")
    other = recovery_rows(workouts(states(rows), flows(moves), same_within=2), flows(moves))
    pd.testing.assert_frame_equal(recovery_rows(defaults, flows(MOVES)), other)
    dear = recovery_rows(defaults, flows(scaled(MOVES, 7))).iloc[0]
    assert (dear["received"], dear["cost"]) == (7 * 425, 7 * 33)


def test_a_sale_without_its_price_brings_nothing_that_is_known(defaults: ir.Table) -> None:
    moves = [(*move[:4], None) if move[2] == "sale" else move for move in MOVES]
    assert recovery_rows(defaults, flows(moves))["proceeds"].tolist() == [0]


def test_a_second_default_does_not_take_the_cash_of_the_first() -> None:
    rows = [*path("A", "N 9", "S 9", "N 9", "N 9", "S 8", "-"), *path("Z", *["N 1"] * 6)]
    moves = [
        ("A", day(2), "recovery", "1", None), ("A", day(5), "write_off", "8", None),
        ("A", day(5, 20), "written_off_recovery", "2", None),
    ]  # fmt: skip
    found = recoveries(workouts(states(rows), flows(moves)), flows(moves)).to_pandas()
    assert found.sort_values("start")[["months", "received"]].to_numpy().tolist() == [[1, 1], [1, 2]]


def test_a_book_without_defaults_or_with_nothing_received_says_so() -> None:
    none = recovery_rows(workouts(states(path("A", "N 1", "N 1")), flows(MOVES)), flows(MOVES))
    assert len(none) == 0
    silent = recovery_rows(workouts(states(path("Q", "N 1", "S 1", "S 1")), flows(MOVES)), flows(MOVES))
    assert silent["note"].tolist() == ["no_denominator"]
    assert silent["value"].isna().all()


def test_what_cannot_be_asked_is_refused(defaults: ir.Table) -> None:
    with pytest.raises(MissingColumns, match="amount"):
        recoveries(defaults, flows(MOVES).drop("amount"))
    with pytest.raises(Misuse, match="did you mean 'segment'"):
        recovery_rows(defaults, flows(MOVES), by=["segmnt"])
