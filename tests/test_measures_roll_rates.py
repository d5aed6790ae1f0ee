"""Roll rates by both conventions and what flows through, worked by hand, in print, and on real accounts."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.sources import card_status
from analysis.book.store import Book, open_book
from analysis.errors import Misuse
from analysis.measures.migration import BUCKETS, migration
from analysis.measures.migration_matrix import matrix, pooled
from analysis.measures.roll_rates import CONVENTIONS, flow_through, roll_rates
from moved_loans import moved, path

# In M1 were 4 loans of 100: one rolls on, one stays, one is paid, one cures. C falls back from M3 to M2; D is
# new and in M2 already.
BOOK = [
    *path("A", "20 100", "50 90"),
    *path("B", "20 100", "20 95"),
    *path("P", "20 100", "-"),
    *path("K", "20 100", "0 80"),
    *path("C", "70 40", "40 30"),
    *path("D", "-", "45 7"),
]


def rates(rolled: pd.DataFrame, convention: str) -> dict[str, float]:
    return rolled[rolled["convention"] == convention].set_index("bucket")["value"].to_dict()


def row(rolled: pd.DataFrame, bucket: str, convention: str) -> pd.Series:
    return rolled[(rolled["bucket"] == bucket) & (rolled["convention"] == convention)].iloc[0]


def test_roll_rates_by_count_worked_by_hand() -> None:
    rolled = roll_rates(migration(moved(BOOK), state="bucket"))
    assert (row(rolled, "M1", "loan_level")["numerator"], row(rolled, "M1", "loan_level")["denominator"]) == (1, 4)
    # A, C and D are in M2 now.
    assert (row(rolled, "M1", "net")["numerator"], row(rolled, "M1", "net")["value"]) == (3, 0.75)
    assert row(rolled, "M3", "loan_level")["value"] == 0
    assert row(rolled, "M2", "loan_level")["note"] == "no_denominator"


def test_roll_rates_by_balance_worked_by_hand() -> None:
    rolled = roll_rates(migration(moved(BOOK), state="bucket"), basis="balance")
    assert row(rolled, "M1", "loan_level")["value"] == 100 / 400
    assert row(rolled, "M1", "net")["numerator"] == Decimal(90 + 30 + 7)
    assert row(rolled, "M1", "net")["value"] == pytest.approx(127 / 400)
    assert rolled[["lower", "upper"]].isna().all(axis=None)


def test_a_loan_that_skips_a_bucket_has_rolled() -> None:
    rolled = roll_rates(migration(moved(path("A", "30 10", "61 10")), state="bucket"))
    assert rates(rolled, "loan_level")["M1"] == 1
    assert rates(rolled, "net")["M1"] == 0


def test_a_book_by_count_has_no_roll_rate_by_balance() -> None:
    rolled = roll_rates(migration(moved(path("A", "30", "61")), state="bucket"), basis="balance")
    assert set(rolled["note"]) == {"not_recorded"}
    assert rolled["value"].isna().all()


def test_the_interval_is_that_of_print() -> None:
    # E. B. Wilson (1927), recomputed: 7 of 50 (.06951, .26186).
    book = [r for i in range(50) for r in path(f"L{i}", "10 1", "40 1" if i < 7 else "0 1")]
    found = row(roll_rates(migration(moved(book), state="bucket")), "M1", "loan_level")
    assert (found["lower"], found["upper"]) == pytest.approx((0.06951, 0.26186), abs=1e-5)


def test_what_flows_through_is_the_provision_matrix_of_print() -> None:
    # IFRScommunity, provision matrix by flow rates: 100,000 sold; 50,000 / 23,000 / 8,000 / 2,000 unpaid after
    # each bucket; loss rates 2.0 / 4.0 / 8.7 / 25.0 / 100 %. The last buckets lose all, as theirs does.
    unpaid = [100_000, 50_000, 23_000, 8_000, 2_000, 2_000, 2_000, 2_000]
    rolled = pd.DataFrame({
        "as_of": pd.Timestamp("2026-01-31"), "bucket": BUCKETS[:-1], "next_bucket": BUCKETS[1:], "convention": "net",
        "value": [after / before for before, after in pairwise(unpaid)],
    })  # fmt: skip
    through = flow_through(rolled).set_index("bucket")["value"]
    assert through.iloc[:5].round(3).tolist() == [0.02, 0.04, 0.087, 0.25, 1.0]
    exposures = [300_000, 140_000, 60_000, 23_000, 5_000]
    losses = [exposure * rate for exposure, rate in zip(exposures, through, strict=False)]
    assert [round(loss) for loss in losses] == [6_000, 5_600, 5_217, 5_750, 5_000]
    assert round(sum(losses)) == 27_567


def test_what_flows_through_an_unknown_rate_is_unknown() -> None:
    through = flow_through(roll_rates(migration(moved(BOOK), state="bucket")))
    net = through[through["convention"] == "net"].set_index("bucket")["value"]
    assert net.isna().tolist() == [True] * 7
    assert set(through["last_bucket"]) == {"M7+"}


def test_both_conventions_have_names_in_both_languages() -> None:
    assert set(roll_rates(migration(moved(BOOK), state="bucket"))["convention"]) == set(CONVENTIONS)
    assert all(text.zh and text.en for text in CONVENTIONS.values())


def test_an_unknown_basis_is_refused_with_a_hint() -> None:
    with pytest.raises(Misuse, match="did you mean 'balance'"):
        roll_rates(migration(moved(BOOK), state="bucket"), basis="balanc")


STEPS = st.integers(0, 220).map(lambda days: f"{days} 10")


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(STEPS, STEPS), min_size=1, max_size=12), st.randoms())
def test_rates_of_the_loans_are_shares_and_do_not_depend_on_order(paths, random) -> None:
    book = [r for i, steps in enumerate(paths) for r in path(f"L{i}", *steps)]
    rolled = roll_rates(migration(moved(book), state="bucket"))
    known = rolled[rolled["convention"] == "loan_level"]["value"].dropna()
    assert known.between(0, 1).all()
    shuffled = roll_rates(migration(moved(random.sample(book, len(book))), state="bucket"))
    pd.testing.assert_frame_equal(rolled, shuffled, check_exact=True)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_where_every_loan_stays_or_rolls_on_both_conventions_agree(starts: list[int]) -> None:
    # Nobody is in a bucket already that others roll into.
    even = [start - start % 2 for start in starts]
    book = [r for i, k in enumerate(even) for r in path(f"L{i}", f"{30 * k} 10", f"{30 * k + 30 * (i % 2)} 10")]
    rolled = roll_rates(migration(moved(book), state="bucket"))
    for bucket in {f"M{k}" for k in even}:
        assert rates(rolled, "loan_level")[bucket] == rates(rolled, "net")[bucket]


@pytest.fixture(scope="module")
def cards(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("cards")
    (folder / "staging").mkdir()
    source = shared_data / "credit_record.parquet"
    tape = card_status.tape(source, backend=connect(), staging=folder / "staging")
    append_tape(folder / "card", tape, card_status.profile())
    frame = pd.read_parquet(source)
    return open_book(folder / "card"), frame.assign(STATUS=frame["STATUS"].astype("str"))


@pytest.mark.slow
@pytest.mark.parametrize(("status", "published"), [("2", 0.30), ("3", 0.59)])
def test_roll_rates_of_real_card_accounts_agree_with_pandas_and_with_the_known_ones(
    cards: tuple[Book, pd.DataFrame], status: str, published: float
) -> None:
    book, source = cards
    rolled = roll_rates(pooled(migration(book.snapshots, state="bucket")))
    # Status 2 is bucket M3: 60 to 89 days past due. The next month of an account is looked up by its number,
    # so that an account without a record then has left, in both.
    statuses = source.set_index(["ID", "MONTHS_BALANCE"])["STATUS"]
    now = statuses[(statuses == status) & (statuses.index.get_level_values(1) < 0)]
    later = statuses.reindex(pd.MultiIndex.from_arrays([now.index.get_level_values(0), [m + 1 for _, m in now.index]]))
    found = row(rolled, f"M{int(status) + 1}", "loan_level")
    assert (found["numerator"], found["denominator"]) == (int(later.isin(list("12345"[int(status) :])).sum()), len(now))
    # Kaggle, Credit Card Approval Prediction, of the full file, in which every account counted has a next record.
    assert int((later == str(int(status) + 1)).sum()) / later.notna().sum() == pytest.approx(published, abs=0.02)
    assert found["value"] == pytest.approx(published, abs=0.05)


def test_the_matrix_of_real_card_accounts_agrees_with_pandas(cards: tuple[Book, pd.DataFrame]) -> None:
    book, source = cards
    table = matrix(migration(book.snapshots, state="bucket"), state="bucket")
    owing = source[source["STATUS"].isin(list("012345"))]
    later = owing.assign(MONTHS_BALANCE=owing["MONTHS_BALANCE"] - 1)
    both = owing.merge(later, on=["ID", "MONTHS_BALANCE"], suffixes=("_old", "_new"))
    expected = pd.crosstab(both["STATUS_old"], both["STATUS_new"]).to_numpy()
    assert (table.loc["M1":"M6", "M1":"M6"].to_numpy() == expected).all()
    assert table.loc["M1":"M6", "left"].sum() == (owing["MONTHS_BALANCE"] < 0).sum() - len(both)
