"""Loss rates from flows: in print, from a book by hand, and by law."""

from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.loss_rates import LOSSES, flow_loss_rates, loss_rates, provisions, roll_loss_rates
from analysis.measures.migration import BUCKETS, migration
from moved_loans import moved, path
from states_of_loans import JAN, Row, flows, loan, states

# IFRScommunity, provision matrix by flow rates: of sales of 100,000 these are unpaid after each bucket.
REACHED = (100_000, 50_000, 23_000, 8_000, 2_000)
RECEIVABLES = (300_000, 140_000, 60_000, 23_000, 5_000)
# In M0 are 1,000: one tenth rolls on. In M1 are 200: half rolls on. M2 to M5: all roll on. In M6 are 50: 20 to
# the last bucket and 10 are written off.
BOOK = [
    *path("A", "0 900", "0 900"),
    *path("B", "0 100", "30 100"),
    *path("C", "30 100", "60 100"),
    *path("D", "30 100", "30 100"),
    *path("E", "60 10", "90 10"),
    *path("F", "90 10", "120 10"),
    *path("G", "120 10", "150 10"),
    *path("H", "150 10", "180 10"),
    *path("I", "180 20", "181 20"),
    *path("J", "180 10", "-"),
    *path("K", "180 20", "180 20"),
    *path("L", "200 40", "200 40"),
]
WRITTEN_OFF = flows(("J", JAN, "write_off", "10"))


def test_the_published_provision_matrix() -> None:
    rates = flow_loss_rates(REACHED)
    assert [round(float(rate) * 100, 1) for rate in rates] == [2.0, 4.0, 8.7, 25.0, 100.0]
    amounts = provisions(rates, RECEIVABLES)
    assert [round(amount) for amount in amounts if amount is not None] == [6_000, 5_600, 5_217, 5_750, 5_000]
    assert amounts[2] == Decimal("5217.39")
    assert round(sum(amounts)) == 27_567


@pytest.mark.parametrize("reached", [(), (100, 0), (100, 120), (-1,)])
def test_amounts_reached_fall_and_stay_above_0(reached: tuple[int, ...]) -> None:
    with pytest.raises(Misuse, match="reached must be amounts above 0"):
        flow_loss_rates(reached)


def test_an_unknown_rate_or_balance_has_no_provision() -> None:
    assert provisions([None, Fraction(1, 3)], [Decimal(1), None]) == [None, None]
    assert provisions([Fraction(1, 3)], [Decimal("0.01")]) == [Decimal("0.00")]


def test_the_rates_of_a_book_worked_by_hand() -> None:
    rated = roll_loss_rates(migration(moved(BOOK), WRITTEN_OFF, state="bucket"))
    assert rated["bucket"].tolist() == list(BUCKETS)
    assert rated["roll"].tolist() == [Fraction(1, 10), Fraction(1, 2), 1, 1, 1, 1, Fraction(3, 5), None]
    whole = Fraction(3, 5)
    assert rated["rate"].tolist() == [whole / 20, whole / 2, whole, whole, whole, whole, whole, 1]
    assert rated["note"].tolist() == [""] * 8


def test_without_flows_a_loan_that_left_has_not_rolled() -> None:
    rated = roll_loss_rates(migration(moved(BOOK), state="bucket"))
    assert rated["roll"].tolist()[6] == Fraction(2, 5)
    assert set(LOSSES) == {"written_off", "sold", "foreclosed", "converted", "forgiven"}


def test_by_count_every_loan_weighs_the_same() -> None:
    rated = roll_loss_rates(migration(moved(BOOK), WRITTEN_OFF, state="bucket"), basis="count")
    assert rated["roll"].tolist()[:2] == [Fraction(1, 2), Fraction(1, 2)]
    assert rated["roll"].tolist()[6] == Fraction(2, 3)


def test_less_than_all_may_be_lost_of_the_last_bucket() -> None:
    moves = migration(moved(BOOK), WRITTEN_OFF, state="bucket")
    full, part = (roll_loss_rates(moves, loss_share=share) for share in (Fraction(1), Fraction(45, 100)))
    assert part["rate"].tolist() == [rate * Fraction(45, 100) for rate in full["rate"]]
    with pytest.raises(Misuse, match="write 45 %"):
        roll_loss_rates(moves, loss_share=Fraction(45))
    with pytest.raises(Misuse, match="did you mean 'balance'"):
        roll_loss_rates(moves, basis="balanc")


def test_rates_are_applied_to_what_is_there_now_beside_what_is_held() -> None:
    rated = roll_loss_rates(migration(moved(BOOK), WRITTEN_OFF, state="bucket"))
    now = [loan("N", "1000", as_of=JAN, allowance=Decimal(20)), loan("O", "100", as_of=JAN, days_past_due=15,
           allowance=Decimal(40)), loan("P", "50", as_of=JAN, days_past_due=999, allowance=Decimal(30))]  # fmt: skip
    found = loss_rates(states(now), rated).set_index("bucket")
    assert found.loc[["M0", "M1", "M7+"], "value"].tolist() == [0.03, 0.3, 1.0]
    assert found.loc[["M0", "M1", "M7+"], "provision"].tolist() == [30, 30, 50]
    assert found.loc[["M0", "M1", "M7+"], "difference"].tolist() == [-10, 10, -20]
    # Nothing is in M2 now, which is a true 0 in a book that records balances.
    assert found.loc["M2", ["balance", "provision", "held", "loans"]].tolist() == [0, 0, 0, 0]
    assert found["provision"].sum() == 110


def test_a_bucket_that_no_loan_was_in_breaks_the_chain_before_it_and_not_after() -> None:
    rated = roll_loss_rates(migration(moved([r for r in BOOK if r["loan_id"] != "E"]), WRITTEN_OFF, state="bucket"))
    assert rated["note"].tolist() == ["no_denominator"] * 3 + [""] * 5
    found = loss_rates(states([loan("N", "1000", as_of=JAN)]), rated)
    assert found["value"].isna().tolist() == [True] * 3 + [False] * 5
    assert found["provision"].tolist()[:3] == [None] * 3
    assert found["note"].tolist() == ["no_denominator"] * 3 + [""] * 5


def test_a_book_by_count_alone_has_rates_and_no_amounts() -> None:
    counted = [{**row, "principal_balance": None} for row in BOOK]
    moves = migration(moved(counted), state="bucket")
    assert set(roll_loss_rates(moves)["note"].tolist()[:-1]) == {"not_recorded"}
    rated = roll_loss_rates(moves, basis="count")
    found = loss_rates(states([loan("N", None, as_of=JAN)]), rated)
    assert found["value"].tolist()[7] == 1.0
    assert set(found["note"]) == {"not_recorded"}
    assert found[["balance", "provision", "held", "difference"]].isna().all(axis=None)


def test_segments_have_rates_of_their_own() -> None:
    other = [{**row, "segment": "retail", "loan_id": f"r{row['loan_id']}"} for row in BOOK[:6]]
    moves = migration(moved([*BOOK, *other]), WRITTEN_OFF, by=["segment"], state="bucket")
    rated = roll_loss_rates(moves, by=["segment"])
    found = loss_rates(states([loan("N", "1000", as_of=JAN)]), rated, by=["segment"])
    assert found["segment"].tolist() == ["manufacturing"] * 8 + ["retail"] * 8
    assert found["note"].tolist()[8:15] == ["no_denominator"] * 7
    with pytest.raises(MissingColumns, match="allowance"):
        loss_rates(states([]).drop("allowance"), rated, by=["segment"])


@given(st.lists(st.decimals(1, 10**9, places=2), min_size=1, max_size=6), st.integers(1, 1000))
def test_flow_rates_rise_to_1_and_do_not_depend_on_the_currency(amounts: list[Decimal], scale: int) -> None:
    reached = sorted(amounts, reverse=True)
    rates = flow_loss_rates(reached)
    assert list(rates) == sorted(rates)
    assert rates[-1] == 1
    assert flow_loss_rates([amount * scale for amount in reached]) == rates


def latest_rates(book: list[Row]) -> pd.DataFrame:
    moves = migration(moved(book), state="bucket")
    return roll_loss_rates(moves[moves["as_of"] == moves["as_of"].max()])


STEPS = st.tuples(*[st.sampled_from(["0 100", "30 90", "60 80.55", "170 40", "181 9", "-"])] * 3)


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.lists(STEPS, max_size=12), st.randoms())
def test_rates_are_shares_and_neither_order_nor_currency_matters(paths: list, random) -> None:
    book = path("anchor", "0 1", "0 1", "0 1") + [r for i, steps in enumerate(paths) for r in path(f"L{i}", *steps)]
    rated = latest_rates(book)
    known = [rate for rate in rated["rate"] if rate is not None]
    assert known[-1] == 1
    assert all(0 <= rate <= 1 for rate in known)
    scaled = [{**row, "principal_balance": row["principal_balance"] * 3} for row in random.sample(book, len(book))]
    other = latest_rates(scaled)
    assert other["rate"].tolist() == rated["rate"].tolist()
