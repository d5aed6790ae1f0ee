"""Card accounts by monthly status: a panel by count that says what the file says."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.sources import card_status
from analysis.book.store import Book, open_book
from analysis.book.tape import Tape
from analysis.errors import DataRefused, MissingColumns
from ledgers import rows, values

DAYS = {"0": 15, "1": 44, "2": 74, "3": 104, "4": 134, "5": 164}


def read(folder: Path, records: list[tuple[object, object, object]], **options: object) -> Tape:
    frame = pd.DataFrame(records, columns=["ID", "MONTHS_BALANCE", "STATUS"]).astype("str").replace("None", None)
    frame.to_parquet(folder / "credit_record.parquet")
    staging = folder / "staging"
    staging.mkdir()
    return card_status.tape(folder / "credit_record.parquet", backend=connect(), staging=staging, **options)


@pytest.fixture(scope="module")
def source(shared_data: Path) -> pd.DataFrame:
    frame = pd.read_parquet(shared_data / "credit_record.parquet")
    return frame.assign(STATUS=frame["STATUS"].astype("str")).sort_values(["ID", "MONTHS_BALANCE"])


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tape, Book]:
    folder = tmp_path_factory.mktemp("card")
    (folder / "staging").mkdir()
    path = shared_data / "credit_record.parquet"
    tape = card_status.tape(path, backend=connect(), staging=folder / "staging")
    append_tape(folder / "card", tape, card_status.profile())
    return tape, open_book(folder / "card")


@pytest.mark.parametrize(("status", "days"), DAYS.items())
def test_days_past_due_lie_near_the_middle_of_the_status(tmp_path: Path, status: str, days: int) -> None:
    assert values(read(tmp_path, [(1, 0, status)]).snapshots, "days_past_due") == [days]


def test_each_status_has_a_bucket_of_thirty_days_of_its_own() -> None:
    assert [-(-days // 30) for days in DAYS.values()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("status", ["X", "C"])
def test_a_month_without_a_loan_is_accepted_but_no_exposure(tmp_path: Path, status: str) -> None:
    tape = read(tmp_path, [(1, -1, "0"), (1, 0, status)])
    assert values(tape.snapshots, "as_of") == [date(2019, 12, 31)]
    assert [(t.rows_in, t.rows_accepted) for t in tape.tallies if t.source.endswith(status)] == [(1, 1)]


def test_months_are_anchored_where_asked(tmp_path: Path) -> None:
    tape = read(tmp_path, [(1, 0, "0"), (1, -2, "1")], anchor=date(2024, 4, 30))
    assert values(tape.snapshots, "as_of") == [date(2024, 2, 29), date(2024, 4, 30)]


def test_an_account_begins_with_its_first_month_whatever_its_status(tmp_path: Path) -> None:
    tape = read(tmp_path, [(1, -1, "X"), (1, 0, "0"), (2, 0, "C")])
    found = {row["loan_id"]: row["origination_date"] for row in rows(tape.loans)}
    assert found == {"1": date(2019, 12, 1), "2": date(2020, 1, 1)}


def test_amounts_are_unknown_and_not_zero(tmp_path: Path) -> None:
    tape = read(tmp_path, [(1, 0, "5")])
    assert values(tape.snapshots, "principal_balance") == [None]
    assert values(tape.loans, "original_amount") == [None]


def test_the_segment_is_the_holders_income_type_where_that_is_known(tmp_path: Path) -> None:
    holders = pd.DataFrame({"ID": [1], "NAME_INCOME_TYPE": ["Pensioner"]})
    holders.to_parquet(tmp_path / card_status.HOLDERS)
    tape = read(tmp_path, [(1, 0, "0"), (2, 0, "0")])
    assert {r["loan_id"]: r["segment"] for r in rows(tape.loans)} == {"1": "Pensioner", "2": "unknown"}
    assert [(f["rule"], f["count"]) for f in tape.findings] == [("unknown_holder", 1)]


def test_without_holders_all_accounts_are_cards(tmp_path: Path) -> None:
    assert values(read(tmp_path, [(1, 0, "0")]).loans, "segment") == ["card"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ((None, 0, "0"), "missing_key"),
        ((2, None, "0"), "missing_key"),
        ((2, 1, "0"), "unreadable_number"),
        ((2, "a", "0"), "unreadable_number"),
        ((2, 0, None), "missing_value"),
        ((2, 0, "9"), "unknown_status"),
        ((1, 0, "0"), "duplicate_identical"),
        ((1, 0, "C"), "duplicate_conflict"),
    ],
)
def test_a_record_that_cannot_be_used_is_set_aside(tmp_path: Path, record: tuple[object, ...], reason: str) -> None:
    tape = read(tmp_path, [(1, 0, "0"), record])
    assert [(q["source_row"], q["reason"]) for q in rows(tape.quarantine)] == [(2, reason)]
    assert sum(t.rows_in for t in tape.tallies) == 2
    assert sum(t.rows_quarantined for t in tape.tallies) == 1


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"ID": [1]}).to_parquet(tmp_path / "credit_record.parquet")
    with pytest.raises(MissingColumns, match="MONTHS_BALANCE"):
        card_status.tape(tmp_path / "credit_record.parquet", backend=connect(), staging=tmp_path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "credit_record.parquet").write_text("ID,STATUS\n1,0\n")
    with pytest.raises(DataRefused, match=r"credit_record\.parquet"):
        card_status.tape(tmp_path / "credit_record.parquet", backend=connect(), staging=tmp_path)


def test_every_record_of_the_real_file_is_accounted_for(real: tuple[Tape, Book], source: pd.DataFrame) -> None:
    by_kind = source["STATUS"].where(source["STATUS"].isin(["C", "X"]), "0-5").value_counts()
    found = {t.source.split()[-1]: (t.rows_in, t.rows_accepted, t.rows_quarantined) for t in real[0].tallies}
    assert found == {kind: (number, number, 0) for kind, number in by_kind.items()}
    assert sum(t.rows_in for t in real[0].tallies) == len(source)


def test_real_months_and_statuses_are_those_of_the_file(real: tuple[Tape, Book], source: pd.DataFrame) -> None:
    owing = source[~source["STATUS"].isin(["C", "X"])]
    counted = owing.groupby(["MONTHS_BALANCE", "STATUS"]).size()
    expected = {
        ((pd.Timestamp("2020-01-31") + pd.offsets.MonthEnd(int(month))).date(), DAYS[str(status)]): number
        for (month, status), number in counted.items()
    }
    snapshots = real[1].snapshots
    found = rows(snapshots.group_by("as_of", "days_past_due").aggregate(number=snapshots.count()))
    assert {(r["as_of"], r["days_past_due"]): r["number"] for r in found} == expected


@pytest.mark.parametrize(("status", "published"), [("2", 0.30), ("3", 0.59)])
def test_real_roll_rates_agree_with_the_file_and_with_the_known_ones(
    real: tuple[Tape, Book], source: pd.DataFrame, status: str, published: float
) -> None:
    following = source.groupby("ID")["STATUS"].shift(-1)
    now = (source["STATUS"] == status) & following.notna()
    worse = str(int(status) + 1)
    snapshots = real[1].snapshots
    rolled = snapshots.filter(
        (snapshots.prior_days_past_due == DAYS[status]) & (snapshots.days_past_due == DAYS[worse])
    )
    assert int(rolled.count().execute()) == int((following[now] == worse).sum())
    # Kaggle, Credit Card Approval Prediction, the full file: 2 to 3 about 30 %, 3 to 4 about 59 %.
    assert (following[now] == worse).mean() == pytest.approx(published, abs=0.02)


def test_a_real_account_that_is_paid_off_stays_so_but_for_one(source: pd.DataFrame) -> None:
    following = source.groupby("ID")["STATUS"].shift(-1)
    after = following[(source["STATUS"] == "C") & following.notna()]
    assert len(after) > 100_000
    assert (after != "C").sum() <= 1


def test_real_segments_are_those_of_the_holders(real: tuple[Tape, Book], shared_data: Path) -> None:
    holders = pd.read_parquet(shared_data / card_status.HOLDERS).set_index("ID")["NAME_INCOME_TYPE"]
    loans = real[1].loans.to_pandas()
    expected = loans["loan_id"].astype("int64").map(holders).fillna("unknown")
    assert (loans["segment"] == expected).all()
