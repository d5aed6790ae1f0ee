"""What is collected after a write-off: by hand, on a real file by another way, and the demonstration's known truth."""

from decimal import Decimal
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pytest

from analysis.book.append import append_tape
from analysis.book.demo.truth import load_truth
from analysis.book.engine import connect
from analysis.book.sources import lendingclub
from analysis.book.store import Book, open_book
from analysis.classify.states import states as classified
from analysis.errors import MissingColumns, Misuse
from analysis.measures.recovery_cash import recoveries
from analysis.measures.workouts import workouts
from analysis.models.competing_exits import workout_exits
from analysis.models.written_off_recoveries import collected, written_off, written_off_recoveries
from analysis.rules.loader import load_rules
from defaulted_loans import BOOK, MOVES, book, day, flows
from independent_panels import lendingclub_source
from states_of_loans import states

# K was written off in part in March and in part in May; it brings money in each of these months.
MORE = [
    *MOVES,
    ("E", day(3, 5), "write_off", "60", None), ("E", day(3, 20), "written_off_recovery", "6", None),
    ("E", day(5, 5), "write_off", "40", None), ("E", day(5, 20), "written_off_recovery", "9", None),
]  # fmt: skip


def test_the_share_collected_worked_by_hand() -> None:
    table, _ = book()
    found = written_off_recoveries(table, flows(MORE))
    # 400 in February, 100 (60 first) in March, 600 in April: followed for 3, 2 and 1 months.
    assert found["at_risk"].tolist() == [3, 2, 1]
    assert found["owed"].tolist() == [1100, 500, 400]
    # What E brings in the month of its write-off counts with the first month after.
    assert found["received"].tolist() == [6, 49, 0]
    assert found["value"].tolist() == pytest.approx([6 / 1100, 6 / 1100 + 49 / 500, 6 / 1100 + 49 / 500])
    by_count = written_off_recoveries(table, flows(MORE), basis="count")
    assert by_count["value"].tolist()[:2] == pytest.approx([0.06 / 3, 0.06 / 3 + (40 / 400 + 9 / 100) / 2])


def test_groups_are_those_before_the_write_off() -> None:
    rows = [{**row, "segment": "retail"} if row["loan_id"] == "D" else row for row in BOOK]
    unseen = [*MOVES, ("X", day(3), "write_off", "5", None)]
    found = written_off_recoveries(states(rows), flows(unseen), by=["segment"], cohort="quarter")
    assert found[["segment", "cohort"]].drop_duplicates().fillna("").to_numpy().tolist() == [
        ["manufacturing", pd.Timestamp("2026-04-01")],
        ["retail", pd.Timestamp("2026-01-01")],
        ["", pd.Timestamp("2026-01-01")],
    ]


def test_a_book_without_write_offs_has_no_curve() -> None:
    table, _ = book()
    assert len(written_off_recoveries(table, flows([]))) == 0


def test_what_cannot_be_asked_is_refused() -> None:
    table, moves = book()
    with pytest.raises(Misuse, match="did you mean 'balance'"):
        written_off_recoveries(table, moves, basis="balanc")
    with pytest.raises(MissingColumns, match="segment"):
        written_off(table.drop("segment"), moves, by=["segment"])
    with pytest.raises(MissingColumns, match="amount"):
        written_off(table, moves.drop("amount"))


@pytest.fixture(scope="module")
def demo(demo_books: Path) -> tuple[ir.Table, ir.Table]:
    """States and flows of the demonstration book."""
    opened = open_book(demo_books / "demo")
    return classified(opened, load_rules(opened.profile.rules)), opened.flows


@pytest.fixture(scope="module")
def demo_defaults(demo: tuple[ir.Table, ir.Table]) -> ir.Table:
    """Its defaults by collateral."""
    return workouts(*demo, by=["collateral_type"]).cache()


def test_the_demonstration_collects_what_its_truth_says(demo: tuple[ir.Table, ir.Table]) -> None:
    # Each month one loan in so many pays a share of what was written off, for two years and no longer.
    terms = load_truth().recovery["after_write_off"]
    curve = written_off_recoveries(*demo).set_index("months")
    truth = curve.index.to_series().clip(upper=terms["months"]) * terms["chance"] * terms["share"]
    assert len(curve) > 48
    held = (curve["lower"] <= truth) & (truth <= curve["upper"])
    assert held[[6, 12, 24, 36]].all()
    assert held.mean() >= 0.9
    assert curve.loc[36, "value"] == curve.loc[24, "value"]
    by_count = written_off_recoveries(*demo, basis="count").set_index("months").loc[24]
    assert by_count["lower"] <= truth[24] <= by_count["upper"]


def test_the_demonstration_leaves_by_the_ways_of_its_truth(demo_defaults: ir.Table) -> None:
    # A disposed loan without collateral is written off or sold, in shares that hold at every age; the odds of
    # the two cumulative incidences are therefore those of the truth.
    truth = load_truth()
    kinds = dict(zip(("written_off", "sold"), truth.disposal["none"], strict=False))
    rows = workout_exits(demo_defaults, by=["collateral_type"])
    own = rows[(rows["collateral_type"] == "none") & rows["exit"].isin(list(kinds))]
    gone = own.groupby("exit")["ended"].sum()
    last = own[own["months"] == 24].set_index("exit")
    share = last["value"]["sold"] / last["value"].sum()
    error = (kinds["sold"] * kinds["written_off"] / gone.sum()) ** 0.5
    assert gone.sum() > 300
    assert abs(share - kinds["sold"]) < 2.5 * error


def test_the_demonstration_sells_at_the_prices_of_its_truth(
    demo: tuple[ir.Table, ir.Table], demo_defaults: ir.Table
) -> None:
    prices = load_truth().disposal["terms"]["sale_price"]
    sold = demo_defaults.filter(demo_defaults.how == "sold")
    came = recoveries(sold, demo[1])
    by_loan = came.group_by("loan_id").aggregate(proceeds=came.proceeds.sum(), recovered=came.cash.sum())
    joined = sold.inner_join(by_loan, "loan_id").to_pandas()
    share = joined["proceeds"].astype(float) / (joined["exposure"] - joined["recovered"]).astype(float)
    bare = joined["collateral_type"] == "none"
    for is_kind, kind in ((bare, "unsecured"), (~bare, "secured")):
        low, high = prices[kind]
        mean, error = share[is_kind].mean(), (high - low) / 12**0.5 / is_kind.sum() ** 0.5
        assert is_kind.sum() > 50
        assert abs(mean - (low + high) / 2) < 3 * error


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Book:
    """LendingClub's closed loans as a book, every month of it."""
    path = shared_data / "lendingclub_2007_2011.parquet"
    tape = lendingclub.tape(path, backend=connect(), staging=tmp_path_factory.mktemp("lc"))
    folder = tmp_path_factory.mktemp("books") / "lendingclub"
    append_tape(folder, tape, lendingclub.profile())
    return open_book(folder)


@pytest.mark.slow
def test_real_recoveries_agree_with_the_file(real: Book, shared_data: Path) -> None:
    source = lendingclub_source(shared_data / "lendingclub_2007_2011.parquet")
    bad = source[source["is_bad"]]
    unpaid = bad["funded_amnt"] - bad["total_rec_prncp"].round(2)
    table = classified(real, load_rules(real.profile.rules))
    curve = written_off_recoveries(table, real.flows)
    # A loan charged off in the book's last month is followed for no month; the file has no date to say so, and
    # there are few. Of what was unpaid at charge-off, about 8.9 % was recovered (on the whole file).
    assert curve["owed"].iloc[0] == pytest.approx(Decimal(str(unpaid.sum().round(2))), rel=Decimal("0.002"))
    assert curve["value"].iloc[-1] == pytest.approx(bad["recoveries"].sum() / unpaid.sum(), rel=0.005)
    assert curve["value"].iloc[-1] == pytest.approx(0.089, abs=0.01)
    by_segment = written_off_recoveries(table, real.flows, by=["segment"]).groupby("segment")["value"].last()
    expected = bad.groupby("purpose")["recoveries"].sum() / unpaid.groupby(bad["purpose"]).sum()
    large = bad["purpose"].value_counts().loc[lambda n: n > 100].index
    assert len(large) > 5
    assert by_segment[large].to_dict() == pytest.approx(expected[large].to_dict(), rel=0.02)


@pytest.mark.slow
def test_real_defaults_end_in_write_offs_and_their_recoveries_are_those_of_the_write_offs(real: Book) -> None:
    table, rules = classified(real, load_rules(real.profile.rules)), real.profile.rules
    found = workouts(table, real.flows).cache()
    gone = written_off(table, real.flows)
    assert rules == "us_retail"
    last = workout_exits(found).groupby("exit")["value"].last()
    assert last["written_off"] == pytest.approx(1, abs=0.001)
    came = recoveries(found, real.flows)
    assert came.after_write_off.sum().execute() == collected(gone, real.flows).received.sum().execute()
