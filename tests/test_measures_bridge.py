"""The bridge closes to the cent: worked by hand, and by law for any book."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.book.store import open_book
from analysis.classify.states import states as classified
from analysis.errors import MissingColumns, Misuse
from analysis.measures.bridge import LINES, bridge, loan_bridge
from analysis.measures.bridge_views import round_trips, ties, undressed
from analysis.measures.components import component_rows
from analysis.rules.loader import load_rules
from states_of_loans import DEC, FEB, JAN, MAR, MONTHS, flows, loan, states, with_prior
from states_of_loans import path as path_of

ENDS = (DEC, MAR)
path = partial(path_of, segment="retail")


BOOK = with_prior([
    *path("bad_and_back", "100", "100*", "90", "80*"),  # inflow 100, cure 90 after 10 of cash, re-default 80
    *path("paying", "300*", "280*", "280*", "250*"),  # 50 of cash
    *path("written_off", "60*", "60*", "-", "-"),
    *path("half_written_off", "200*", "120*", "120*", "120*"),
    *path("sudden", "70", "70", "-", "-"),  # written off before a month end ever showed it as bad
    *path("bought", "-", "-", "40*", "40*"),
    *path("sold", "55*", "55*", "55*", "-"),
    *path("mover", "500*", "500*", "500*", "450*", moves_to="services"),  # 50 of cash
    *path("good", "1000", "990", "980", "970"),
    *path("vanished", "25*", "25*", "25*", "-"),  # no flow says where it went
    *path("capitalised", "10*", "10*", "12*", "12*"),
])  # fmt: skip
MOVES = flows(
    ("bad_and_back", date(2026, 2, 10), "recovery", "10"),
    ("paying", date(2026, 1, 10), "repayment", "20"),
    ("paying", date(2026, 3, 31), "recovery", "30"),
    ("written_off", date(2026, 2, 1), "write_off", "60"),
    ("written_off", date(2026, 3, 1), "written_off_recovery", "15"),
    ("half_written_off", date(2026, 1, 31), "write_off", "80"),
    ("sudden", date(2026, 2, 20), "write_off", "70"),
    ("sold", date(2026, 3, 5), "sale", "55"),
    ("mover", date(2026, 3, 5), "recovery", "50"),
    ("good", date(2026, 3, 5), "repayment", "10"),
    ("capitalised", date(2026, 2, 5), "capitalised_interest", "2"),
    ("paying", date(2026, 2, 5), "interest", "9"),
)  # fmt: skip


def amounts(row: pd.Series | dict) -> dict[str, Decimal]:
    return {name: row[name] for name in ("opening", *LINES, "closing") if row[name] != 0}


def test_every_line_by_events_worked_by_hand() -> None:
    (row,) = bridge(states(BOOK), MOVES, dates=MONTHS).to_dict("records")
    assert amounts(row) == {
        "opening": 1150, "inflow": 170, "redefault": 80, "entered": 40, "capitalised_interest": 2,
        "cash": -110, "cure": -90, "write_off": -210, "sale": -55, "residual": -25, "closing": 952,
    }  # fmt: skip


def test_every_line_by_two_snapshots_worked_by_hand() -> None:
    (row,) = bridge(states(BOOK), MOVES, dates=ENDS).to_dict("records")
    assert amounts(row) == {
        "opening": 1150, "inflow": 150, "entered": 40, "capitalised_interest": 2,
        "cash": -100, "write_off": -210, "sale": -55, "residual": -25, "closing": 952,
    }  # fmt: skip


def test_round_trips_are_what_events_show_and_snapshots_do_not() -> None:
    lines = round_trips(states(BOOK), MOVES, dates=MONTHS).set_index("line")["round_trips"]
    assert {name: value for name, value in lines.items() if value} == {
        "inflow": 20, "redefault": 80, "cash": -10, "cure": -90
    }  # fmt: skip


def test_a_loan_that_changed_its_segment_leaves_one_and_enters_the_other() -> None:
    rows = bridge(states(BOOK), MOVES, dates=MONTHS, by=["segment"]).set_index("segment")
    assert rows["transfer"].to_dict() == {"retail": -500, "services": 500}
    assert amounts(rows.loc["services"]) == {"transfer": 500, "cash": -50, "closing": 450}


def test_recoveries_after_write_off_never_enter_the_bridge() -> None:
    without = flows(("written_off", date(2026, 2, 1), "write_off", "60"))
    with_one = without.union(flows(("written_off", date(2026, 3, 1), "written_off_recovery", "15")))
    found = [bridge(states(BOOK), table, dates=MONTHS) for table in (without, with_one)]
    pd.testing.assert_frame_equal(*found)


def test_the_bridge_by_count_worked_by_hand() -> None:
    (row,) = bridge(states(BOOK), MOVES, dates=MONTHS, basis="count").to_dict("records")
    assert amounts(row) == {
        "opening": 7, "inflow": 2, "redefault": 1, "entered": 1, "cure": -1, "write_off": -2, "sale": -1,
        "residual": -1, "closing": 6,
    }  # fmt: skip


def test_a_loan_without_a_balance_is_counted_as_not_recorded() -> None:
    rows = with_prior([loan("a", None, "loss", as_of=FEB), loan("a", None, "loss")])
    (row,) = bridge(states(rows), flows(), dates=(FEB, MAR)).to_dict("records")
    assert (row["unrecorded"], row["closing"]) == (1, 0)
    (counted,) = bridge(states(rows), flows(), dates=(FEB, MAR), basis="count").to_dict("records")
    assert (counted["opening"], counted["closing"]) == (1, 1)


def test_a_book_without_bad_loans_has_an_empty_bridge() -> None:
    assert len(bridge(states(path("good", "5", "5", "5", "5")), flows(), dates=ENDS)) == 0
    assert len(bridge(states([]), flows(), dates=ENDS, by=["segment"])) == 0


@pytest.mark.parametrize("dates", [(), (MAR,), (MAR, DEC), (MAR, MAR)])
def test_dates_must_be_two_or_more_and_ascend(dates: Sequence[date]) -> None:
    with pytest.raises(Misuse, match="two or more month ends"):
        bridge(states(BOOK), MOVES, dates=dates)


def test_tables_without_their_columns_are_refused() -> None:
    with pytest.raises(MissingColumns, match="is_npl"):
        bridge(states(BOOK).drop("is_npl"), MOVES, dates=ENDS)
    with pytest.raises(MissingColumns, match="amount"):
        bridge(states(BOOK), MOVES.drop("amount"), dates=ENDS)
    with pytest.raises(Misuse, match="basis"):
        bridge(states(BOOK), MOVES, dates=ENDS, basis="both")


def test_the_five_ties_say_what_ties_and_what_nobody_stated() -> None:
    found = ties(states(BOOK), MOVES, dates=MONTHS, stated={"ledger": Decimal(1500), "cash": Decimal(100)})
    assert found.set_index("tie")["status"].to_dict() == {
        "opening": "tied", "tape": "tied", "ledger": "tied", "allowance": "not_stated", "cash": "differs"
    }  # fmt: skip
    assert found.set_index("tie").loc["cash", "difference"] == 10


def test_a_prior_state_that_is_not_the_month_before_does_not_tie() -> None:
    wrong = [{**row, "prior_balance": Decimal(1)} if row["loan_id"] == "paying" else row for row in BOOK]
    tie = ties(states(wrong), MOVES, dates=MONTHS).set_index("tie").loc["opening"]
    assert (tie["status"], tie["loans"]) == ("differs", 3)
    with pytest.raises(Misuse, match="did you mean 'ledger'"):
        ties(states(BOOK), MOVES, dates=MONTHS, stated={"leger": Decimal(1)})


def test_the_ratio_without_write_offs_and_sales_worked_by_hand() -> None:
    (row,) = undressed(states(BOOK), MOVES, dates=MONTHS).to_dict("records")
    assert row["reported"] == pytest.approx(952 / 1922)
    assert row["removed"] == 265
    assert row["undisposed"] == pytest.approx((952 + 265) / (1922 + 265))
    assert row["constant_opening"] == pytest.approx(1010 / 2110)
    assert row["constant_closing"] == pytest.approx(912 / 1882)


def test_a_segment_whose_loans_are_all_new_has_no_constant_ratio() -> None:
    rows = undressed(states(BOOK), MOVES, dates=(DEC, JAN), by=["segment"]).set_index("segment")
    assert rows.loc["retail", "constant_closing"] == pytest.approx(1150 / 2210)
    fresh = undressed(states(path("new", "-", "-", "-", "9")), flows(), dates=ENDS)
    assert fresh["constant_closing"].isna().all()
    assert fresh["removed"].tolist() == [0]


STEP = st.sampled_from(["-", "100", "90.55*", "100*", "40", "0*"])
PATHS = st.lists(st.tuples(st.tuples(STEP, STEP, STEP, STEP), st.sampled_from(["", "services"])), max_size=30)
KINDS = ("drawdown", "repayment", "recovery", "write_off", "sale", "foreclosure", "forgiveness", "fx", "interest")
MOVE = st.tuples(st.integers(0, 29), st.integers(1, 90), st.sampled_from(KINDS), st.decimals(1, 200, places=2))
MONEY_MOVES = st.lists(MOVE, max_size=40)


def any_book(paths: list, moves: list) -> tuple:
    rows = [row for i, (steps, to) in enumerate(paths) for row in path(f"L{i}", *steps, moves_to=to)]
    money = [
        (f"L{i}", DEC + timedelta(days=day), kind, str(amount)) for i, day, kind, amount in moves if i < len(paths)
    ]
    return with_prior(rows), money


@settings(max_examples=6, deadline=None)
@given(PATHS, MONEY_MOVES, st.sampled_from([MONTHS, ENDS]), st.sampled_from(["balance", "count"]))
def test_opening_and_lines_make_closing_in_every_book(paths: list, moves: list, dates: tuple, basis: str) -> None:
    rows, money = any_book(paths, moves)
    table, movements = states(rows), flows(*money)
    whole = bridge(table, movements, dates=dates, basis=basis)
    parts = bridge(table, movements, dates=dates, basis=basis, by=["segment"])
    loans = loan_bridge(table, movements, dates=dates, basis=basis, by=["segment"]).to_pandas()
    for rows_of in (whole, parts, loans):
        assert (rows_of["opening"] + rows_of[list(LINES)].sum(axis=1) == rows_of["closing"]).all()
    assert parts["transfer"].sum() == 0
    for name in ("opening", *LINES, "closing"):
        assert parts[name].sum() == whole[name].sum()
    unit = "loans" if basis == "count" else "balance"
    npl = component_rows(table, (), [f"npl_{unit}"]).set_index("as_of")[f"npl_{unit}"]
    assert whole["closing"].sum() == (npl.get(pd.Timestamp(MAR)) or 0)
    assert whole["opening"].sum() == (npl.get(pd.Timestamp(DEC)) or 0)


@settings(max_examples=4, deadline=None)
@given(PATHS, MONEY_MOVES, st.randoms())
def test_order_and_names_of_loans_do_not_matter(paths: list, moves: list, random: object) -> None:
    rows, money = any_book(paths, moves)
    renamed = [{**row, "loan_id": f"Z{row['loan_id'][::-1]}"} for row in rows]
    random.shuffle(renamed)  # type: ignore[attr-defined]
    other = [(f"Z{loan_id[::-1]}", *rest) for loan_id, *rest in reversed(money)]
    pd.testing.assert_frame_equal(
        bridge(states(rows), flows(*money), dates=MONTHS), bridge(states(renamed), flows(*other), dates=MONTHS)
    )


@settings(max_examples=4, deadline=None)
@given(PATHS, MONEY_MOVES)
def test_two_equal_halves_of_a_loan_move_what_the_loan_moves(paths: list, moves: list) -> None:
    rows, money = any_book(paths, moves)
    halves = [{**row, "loan_id": f"{row['loan_id']}{half}"} for row in rows for half in "ab"]
    doubled = [(f"{loan_id}{half}", *rest) for loan_id, *rest in money for half in "ab"]
    whole = bridge(states(rows), flows(*money), dates=MONTHS)
    split = bridge(states(halves), flows(*doubled), dates=MONTHS)
    for name in ("opening", *LINES, "closing"):
        assert split[name].sum() == 2 * whole[name].sum()


@pytest.mark.slow
@pytest.mark.usefixtures("in_demo_books")
def test_the_demonstration_book_closes_without_a_residual() -> None:
    book = open_book("demo")
    table, months = classified(book, load_rules("cn_2023")), book.months[-5:]
    rows = bridge(table, book.flows, dates=months, by=["segment", "region"])
    assert len(rows) > 30
    assert (rows["residual"] == 0).all()
    assert (rows["opening"] + rows[list(LINES)].sum(axis=1) == rows["closing"]).all()
    written_off = book.flows.filter((book.flows.kind == "write_off") & (book.flows.date > months[0]))
    assert -rows["write_off"].sum() == written_off.amount.sum().execute()
    assert set(ties(table, book.flows, dates=months)["status"]) == {"tied", "not_stated"}
    trips = round_trips(table, book.flows, dates=months, by=["segment"])
    assert (trips[trips["line"].isin(LINES)].groupby("segment")["round_trips"].sum() == 0).all()
