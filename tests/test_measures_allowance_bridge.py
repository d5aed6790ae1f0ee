"""The allowance from opening to closing closes to the cent: worked by hand, and by law for any book."""

from datetime import date, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.allowance_bridge import (
    ALLOWANCE_LINES,
    CHARGED,
    allowance_bridge,
    g03_rows,
    loan_allowance_bridge,
)
from analysis.measures.bridge import bridge
from covered_loans import Row, state, states
from states_of_loans import DEC, FEB, JAN, MAR, MONTHS, flows

ENDS = (DEC, MAR)


def path(loan_id: str, *steps: str, **fields: object) -> list[Row]:
    """A loan from December to March: class letter, balance and allowance, or - where it is not there."""
    return [state(loan_id, step, day, **fields) for day, step in zip(MONTHS, steps, strict=True) if step != "-"]


BOOK = [
    *path("steady", "N 500 5", "N 500 8", "N 500 6", "N 500 6"),  # 3 charged, 2 released
    *path("new", "-", "N 90 2", "N 90 2", "M 90 9"),  # 2 when granted, 7 when it got worse
    *path("covered", "S 100 60", "S 100 100", "-", "-"),  # 40 charged, then written off in full
    *path("uncovered", "S 100 60", "S 100 70", "-", "-"),  # 10 charged before and 30 when written off
    *path("in part", "D 200 120", "D 120 50", "D 120 50", "D 120 50"),  # 80 written off, 10 charged
    *path("more than in part", "D 50 10", "D 20 15", "D 20 15", "D 20 15"),  # 30 written off: 20 more, then 15
    *path("too much", "L 40 40", "L 40 40", "-", "-"),  # 25 written off, 15 paid: 15 released
    *path("sold", "S 70 30", "S 70 30", "S 70 30", "-"),
    *path("foreclosed", "S 60 20", "-", "-", "-"),
    *path("paid", "N 10 1", "N 9 1", "-", "-"),
    *path("vanished", "S 25 4", "S 25 4", "S 25 4", "-"),
]
MOVES = flows(
    ("covered", date(2026, 2, 3), "write_off", "100"),
    ("covered", date(2026, 3, 3), "written_off_recovery", "12"),
    ("uncovered", date(2026, 2, 3), "write_off", "100"),
    ("in part", date(2026, 1, 31), "write_off", "80"),
    ("more than in part", date(2026, 1, 31), "write_off", "30"),
    ("too much", date(2026, 2, 3), "write_off", "25"),
    ("too much", date(2026, 2, 3), "recovery", "15"),
    ("sold", date(2026, 3, 5), "sale", "70"),
    ("foreclosed", date(2026, 1, 5), "foreclosure", "60"),
    ("paid", date(2026, 2, 5), "repayment", "9"),
    ("steady", date(2026, 2, 5), "interest", "9"),
)


def amounts(row: dict) -> dict[str, Decimal]:
    return {name: row[name] for name in ("opening", *ALLOWANCE_LINES, "closing") if row[name] != 0}


def test_every_line_worked_by_hand() -> None:
    (row,) = allowance_bridge(states(BOOK), MOVES, dates=MONTHS).to_dict("records")
    assert amounts(row) == {
        "opening": 350, "new": 2, "charge": 3 + 7 + 40 + 10 + 10 + 15, "release": -2 - 15 - 12,
        "write_off": -335, "write_off_uncovered": 30 + 20, "written_off_recovery": 12,
        "sale": -30, "foreclosure": -20, "repaid": -1, "residual": -4, "closing": 80,
    }  # fmt: skip
    assert row["charged"] == 2 + 85 - 29 + 50 - 1
    assert (row["unrecorded"], row["note"]) == (0, "")
    assert type(row["charge"]) is Decimal


def test_two_snapshots_show_the_same_write_offs_and_charge_them_when_written_off() -> None:
    (row,) = allowance_bridge(states(BOOK), MOVES, dates=ENDS).to_dict("records")
    assert amounts(row) == {
        "opening": 350, "new": 9, "charge": 1 + 10 + 15, "release": -15 - 12,
        "write_off": -335, "write_off_uncovered": 40 + 40 + 20, "written_off_recovery": 12,
        "sale": -30, "foreclosure": -20, "repaid": -1, "residual": -4, "closing": 80,
    }  # fmt: skip


def test_what_is_written_off_is_the_same_as_in_the_bridge_of_the_loans() -> None:
    (allowance,) = allowance_bridge(states(BOOK), MOVES, dates=ENDS).to_dict("records")
    (npl,) = bridge(states(BOOK), MOVES, dates=ENDS).to_dict("records")
    assert allowance["write_off"] == npl["write_off"] == -335


def test_a_recovery_after_write_off_passes_through_the_allowance_and_lowers_the_charge() -> None:
    loans = loan_allowance_bridge(states(BOOK), MOVES, dates=MONTHS, by=["segment"]).to_pyarrow().to_pylist()
    (row,) = (row for row in loans if (row["loan_id"], row["as_of"]) == ("covered", MAR))
    assert amounts(row) == {"written_off_recovery": 12, "release": -12}
    assert row["segment"] == "retail"  # the group it was last seen in


def test_a_loan_that_changed_its_class_takes_its_allowance_along() -> None:
    book = [*path("worse", "N 100 1", "M 100 5", "S 100 40", "S 100 50")]
    found = allowance_bridge(states(book), flows(), dates=MONTHS, by=["five_class"]).set_index("five_class")
    assert found.index.tolist() == ["pass", "special_mention", "substandard"]
    assert found["transfer"].tolist() == [-1, 1 - 5, 5]
    assert found["charge"].tolist() == [0, 4, 35 + 10]
    assert found[["opening", "closing"]].to_numpy().tolist() == [[1, 0], [0, 0], [0, 50]]


def test_a_loan_that_changed_its_segment_leaves_one_and_enters_the_other() -> None:
    book = path("mover", "S 100 30", "S 100 30", "S 100 35", "S 100 35")
    moved = [{**row, "segment": "services" if row["as_of"] >= FEB else "retail"} for row in book]
    found = allowance_bridge(states(moved), flows(), dates=MONTHS, by=["segment"]).set_index("segment")
    assert found["transfer"].to_dict() == {"retail": -30, "services": 30}
    assert found["charge"].to_dict() == {"retail": 0, "services": 5}


def test_the_return_g03_adds_up_and_holds_every_line_once() -> None:
    lines = allowance_bridge(states(BOOK), MOVES, dates=MONTHS)
    found = g03_rows(lines).set_index("code")["amount"]
    assert found.to_dict() == {
        "opening": 350, "charge": 107, "write_off": -335, "recovery": 12, "transferred_out": -50, "other": -4,
        "closing": 80,
    }  # fmt: skip
    assert found.iloc[:-1].sum() == found["closing"]
    assert lines["charged"].tolist() == [found["charge"]]


def test_a_book_without_allowances_says_so_and_shows_no_0() -> None:
    counted = path("A", "S ? ?", "S ? ?", "S ? ?", "S ? ?")
    lines = allowance_bridge(states(counted), flows(), dates=MONTHS)
    (row,) = lines.to_dict("records")
    assert {row[name] for name in ("opening", *ALLOWANCE_LINES, "closing", "charged")} == {None}
    assert (row["unrecorded"], row["note"]) == (3, "not_recorded")
    assert set(g03_rows(lines)["amount"]) == {None}
    (part,) = allowance_bridge(states([*BOOK, *counted]), MOVES, dates=MONTHS).to_dict("records")
    assert (part["opening"], part["note"]) == (350, "partly_recorded")


def test_an_empty_book_has_an_empty_bridge() -> None:
    assert len(allowance_bridge(states([]), flows(), dates=ENDS, by=["segment"])) == 0


@pytest.mark.parametrize("dates", [(), (MAR,), (MAR, DEC), (MAR, MAR)])
def test_dates_must_be_two_or_more_and_ascend(dates: tuple) -> None:
    with pytest.raises(Misuse, match="two or more month ends"):
        allowance_bridge(states(BOOK), MOVES, dates=dates)


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(MissingColumns, match="allowance"):
        allowance_bridge(states(BOOK).drop("allowance"), MOVES, dates=ENDS)
    with pytest.raises(MissingColumns, match="amount"):
        allowance_bridge(states(BOOK), MOVES.drop("amount"), dates=ENDS)
    with pytest.raises(Misuse, match="by must name dimensions"):
        allowance_bridge(states(BOOK), MOVES, dates=ENDS, by=["npl_years"])


STEP = st.one_of(
    st.just("-"),
    st.builds("{} {} {}".format, st.sampled_from("NMSDL"), st.just("100"), st.decimals(0, 200, places=2)),
)
PATHS = st.lists(st.tuples(STEP, STEP, STEP, STEP), min_size=1, max_size=20)
KINDS = (
    "drawdown",
    "repayment",
    "recovery",
    "write_off",
    "sale",
    "foreclosure",
    "written_off_recovery",
    "fx",
    "interest",
)
MOVE = st.tuples(st.integers(0, 19), st.integers(1, 90), st.sampled_from(KINDS), st.decimals(1, 200, places=2))


def any_book(paths: list, moves: list, scale: int = 1) -> tuple[list[Row], list]:
    rows = [
        {**row, "segment": "services" if row["as_of"] > JAN and i % 3 == 0 else "retail",
         "allowance": row["allowance"] * scale}
        for i, steps in enumerate(paths) for row in path(f"L{i}", *steps)
    ]  # fmt: skip
    money = [
        (f"L{i}", DEC + timedelta(days=day), kind, str(amount * scale)) for i, day, kind, amount in moves
        if i < len(paths)
    ]  # fmt: skip
    return rows, money


@settings(max_examples=2, deadline=None)
@given(PATHS, st.lists(MOVE, max_size=30), st.sampled_from([MONTHS, ENDS]))
def test_opening_and_lines_make_closing_in_every_book_segment_and_loan(paths: list, moves: list, dates: tuple) -> None:
    rows, money = any_book(paths, moves)
    table, movements, by = states(rows), flows(*money), ["segment", "five_class"]
    parts = allowance_bridge(table, movements, dates=dates, by=by)
    loans = loan_allowance_bridge(table, movements, dates=dates, by=by).to_pandas()
    for found in (parts, loans):
        assert (found["opening"] + found[list(ALLOWANCE_LINES)].sum(axis=1) == found["closing"]).all()
    assert parts["transfer"].sum() == 0
    for name in ALLOWANCE_LINES:
        assert parts[name].sum() == loans[name].sum()
    assert (parts[list(CHARGED)].sum(axis=1) == parts["charged"]).all()
    ends = {end: sum(row["allowance"] for row in rows if row["as_of"] == end) for end in ENDS}
    assert (parts["opening"].sum(), parts["closing"].sum()) == (ends[DEC], ends[MAR])
    written_off = bridge(table, movements, dates=dates)["write_off"].sum()
    assert parts["write_off"].sum() == written_off
    assert (loans["write_off_uncovered"] <= -loans["write_off"]).all()


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(PATHS, st.lists(MOVE, max_size=30), st.randoms())
def test_order_names_and_currency_change_nothing_but_the_scale(paths: list, moves: list, random) -> None:
    rows, money = any_book(paths, moves)
    whole = allowance_bridge(states(rows), flows(*money), dates=MONTHS, by=["segment"])
    mixed = [{**row, "loan_id": f"X{row['loan_id']}"} for row in random.sample(rows, len(rows))]
    renamed = flows(*((f"X{name}", *rest) for name, *rest in random.sample(money, len(money))))
    other = allowance_bridge(states(mixed), renamed, dates=MONTHS, by=["segment"])
    pd.testing.assert_frame_equal(other, whole, check_exact=True)
    rows, money = any_book(paths, moves, scale=7)
    larger = allowance_bridge(states(rows), flows(*money), dates=MONTHS, by=["segment"])
    for name in ("opening", *ALLOWANCE_LINES, "closing"):
        assert larger[name].tolist() == [amount * 7 for amount in whole[name]]


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(PATHS, st.lists(MOVE, max_size=30))
def test_splitting_every_loan_in_two_changes_no_amount(paths: list, moves: list) -> None:
    rows, money = any_book(paths, moves)
    doubled, money_of_two = any_book(paths, moves, scale=2)
    halves = [{**row, "loan_id": f"{part}{row['loan_id']}"} for row in rows for part in "ab"]
    half_moves = flows(*((f"{part}{name}", *rest) for name, *rest in money for part in "ab"))
    whole = allowance_bridge(states(doubled), flows(*money_of_two), dates=MONTHS)
    split = allowance_bridge(states(halves), half_moves, dates=MONTHS)
    for name in ("opening", *ALLOWANCE_LINES, "closing"):
        assert split[name].tolist() == whole[name].tolist()
