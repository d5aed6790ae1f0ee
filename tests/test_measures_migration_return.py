"""The return G12: an example of its instructions, a book by hand, and what it must tie to."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import DataRefused
from analysis.measures.migration_return import COLUMNS, ROWS, Block, migration_return
from states_of_loans import DEC, FEB, JAN, MAR, MONTHS, flows, loan, states, with_prior

ENDS = (DEC, MAR)
CLASSES = dict(zip("NMSDL", ("pass", "special_mention", "substandard", "doubtful", "loss"), strict=True))


def at(loan_id: str, day: date, step: str, **fields: object) -> Mapping[str, object]:
    """A loan at a month end: class letter and balance."""
    return loan(loan_id, step[1:], CLASSES[step[0]], as_of=day, **fields)


def blocks_of(rows: list, *moves: tuple[str, date, str, str], dates: tuple[date, ...] = ENDS) -> dict[str, dict]:
    found = migration_return(states(with_prior(rows)), flows(*moves) if moves else None, dates=dates)
    return {block.code: amounts(block) for block in found}


@cache
def of_book() -> dict[str, dict]:
    return blocks_of(BOOK, *MOVES)


def amounts(block: Block) -> dict[str, Decimal | None]:
    return dict(zip(block.rows["code"], block.rows["amount"], strict=True))


def told(cells: Mapping[str, Decimal | None]) -> dict[str, Decimal]:
    return {code: amount for code, amount in cells.items() if amount}


# Example 12 of the instructions to the return, as printed in copies of it (second hand): a loan of 50 of the beginning
# and one of 50 lent since are settled by a house worth 60, half of it for each loan; 20 of each is left, as pass.
EXAMPLE = [at("old", DEC, "N50"), at("old", MAR, "N20"), at("new", MAR, "N20")]
SETTLED = (
    ("new", JAN, "drawdown", "50"),
    ("old", FEB, "foreclosure", "30"),
    ("new", FEB, "foreclosure", "30"),
)


def test_an_example_of_the_instructions() -> None:
    cells = blocks_of(EXAMPLE, *SETTLED)["I"]
    assert {code: cells[code] for code in ("3.A", "3.C", "3.B", "2.C")} == {"3.A": 50, "3.C": 20, "3.B": 30, "2.C": 20}
    assert cells["2.B"] == 30


# 100 falls to substandard after paying 20; 60 of loss is written off; 40 of substandard comes back, restructured; a
# doubtful 30 pays 5 and is lent 10 more; 15 is lent and paid back before anyone saw it; 70 is lent and goes bad.
BOOK = [
    at("falls", DEC, "N100"), at("falls", MAR, "S80"),
    at("gone", DEC, "L60"),
    at("back", DEC, "S40"), at("back", MAR, "M40", is_restructured=True),
    at("more", DEC, "D30"), at("more", MAR, "L35"),
    at("fresh", MAR, "S70"),
]  # fmt: skip
MOVES = (
    ("falls", JAN, "repayment", "20"),
    ("gone", FEB, "recovery", "12"),
    ("gone", FEB, "write_off", "48"),
    ("gone", MAR, "written_off_recovery", "3"),
    ("more", JAN, "recovery", "5"),
    ("more", FEB, "drawdown", "10"),
    ("unseen", JAN, "drawdown", "15"),
    ("unseen", FEB, "repayment", "15"),
    ("fresh", JAN, "drawdown", "70"),
    ("fresh", JAN, "interest", "1"),
)


def test_the_matrix_worked_by_hand() -> None:
    # Of the 35 of `more` 30 are those of the beginning; the 5 it paid fall on what it was lent.
    assert told(of_book()["I"]) == {
        "3.A": 100, "3.B": 20, "3.E": 80, "3.H": 80,
        "5.A": 40, "5.D": 40, "5.H": 40,
        "6.A": 30, "6.G": 30, "6.H": 30,
        "7.A": 60, "7.B": 60,
        "2.B": 20, "2.E": 70, "2.G": 5, "2.H": 75,
        "8.A": 230, "8.B": 80, "8.D": 40, "8.E": 80, "8.G": 30, "8.H": 150,
        "1.D": 40, "1.E": 150, "1.G": 35, "1.H": 225,
    }  # fmt: skip


def test_what_changed_between_performing_and_bad_worked_by_hand() -> None:
    assert told(of_book()["II"]) == {
        "to_npl_pass": 80, "to_npl_new": 75, "to_normal_substandard": 40, "to_normal_restructured": 40
    }  # fmt: skip


def test_how_bad_loans_became_fewer_worked_by_hand() -> None:
    # `more` paid 5 and owes no less of what it owed, so that the rest is -5.
    assert told(of_book()["III"]) == {"cash": 17, "write_off": 48, "other": -5, "total": 60}
    found = of_book()["IV"]
    assert told(found) == {"cash": 17, "write_off": 48, "total": 65, "written_off_recovery": 3}


def test_the_two_sums_of_the_instructions_are_what_flows_say() -> None:
    checks = of_book()["checks"]
    assert [checks[f"lent.{side}"] for side in ("left", "right", "difference")] == [95, 95, 0]
    assert [checks[f"paid.{side}"] for side in ("left", "right", "difference")] == [100, 100, 0]


def test_a_payment_that_nobody_recorded_shows_in_the_checks() -> None:
    checks = blocks_of(BOOK, *MOVES[1:])["checks"]
    assert checks["paid.difference"] == 20
    unlent = blocks_of(BOOK, *(move for move in MOVES if move[0] != "fresh"))["checks"]
    assert unlent["lent.difference"] == 70


def test_bad_loans_are_those_of_the_bridge() -> None:
    found = of_book()
    assert (found["V"]["opening"], found["V"]["closing"]) == (130, 185)
    assert (found["checks"]["npl_opening.difference"], found["checks"]["npl_closing.difference"]) == (0, 0)


def test_without_flows_it_says_what_it_does_not_know() -> None:
    found = blocks_of(BOOK)
    assert set(found) == {"I", "II", "III", "checks"}
    assert (found["I"]["2.B"], found["I"]["2.E"], found["III"]["cash"], found["III"]["total"]) == (None, 70, None, 60)
    assert found["checks"]["lent.difference"] is None


def test_disposals_are_those_of_every_month_though_the_matrix_sees_two() -> None:
    brief = [at("brief", DEC, "N50"), at("brief", JAN, "S50"), *(at("other", day, "N1") for day in MONTHS)]
    sold = (("brief", FEB, "sale", "50"),)
    found = blocks_of(brief, *sold, dates=MONTHS)
    assert found["IV"]["sale"] == 50
    assert told(found["III"]) == {}
    assert found["I"]["3.B"] == 50


def test_a_loan_without_a_balance_or_a_class_is_refused() -> None:
    for lacking in (loan("A", None, as_of=MAR), loan("A", "1", None, as_of=MAR)):
        with pytest.raises(DataRefused, match="but 1 lack one"):
            blocks_of([*BOOK, lacking], *MOVES)


STEP = st.one_of(st.none(), st.tuples(st.sampled_from("NMSDL"), st.integers(0, 10**6)))


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(STEP, STEP), max_size=6))
def test_every_row_and_column_adds_up_in_every_book(paths: list) -> None:
    rows = [at("anchor", day, "N1") for day in ENDS]
    rows += [
        at(f"L{number}", day, f"{step[0]}{Decimal(step[1]) / 100}")
        for number, path in enumerate(paths)
        for day, step in zip(ENDS, path, strict=True)
        if step
    ]
    cells = blocks_of(rows)["I"]
    for row in ("3", "4", "5", "6", "7", "8"):
        assert cells[f"{row}.A"] == cells[f"{row}.B"] + cells[f"{row}.H"]
    for row in ROWS:
        assert cells[f"{row}.H"] == sum(cells[f"{row}.{letter}"] for letter in "CDEFG")
    assert cells["1.H"] == sum((row["principal_balance"] for row in rows if row["as_of"] == MAR), Decimal(0))
    assert {code.split(".")[1] for code in cells} == set(COLUMNS)
