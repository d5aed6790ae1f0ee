"""Months are added to a book atomically, with the state of the month before."""

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.book.append import append_tape
from analysis.book.catalog import read_catalog
from analysis.book.engine import connect
from analysis.book.schema import snapshot_schema
from analysis.book.store import open_book
from analysis.book.tape import Tally, Tape
from analysis.errors import AnalysisError, DataRefused, Unreconciled
from tapes import PROFILE, loan, snapshot, tape

JAN, FEB, MAR = date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)


def add(folder: Path, rows: list[dict], restate: tuple[date, ...] = ()) -> None:
    loans = [loan(loan_id) for loan_id in sorted({row["loan_id"] for row in rows})]
    append_tape(folder, tape(connect(), loans, rows), PROFILE, restate=restate)


def stored(folder: Path) -> dict[tuple[date, str], dict]:
    frame = open_book(folder).snapshots.order_by("as_of", "loan_id").to_pyarrow().to_pylist()
    return {(row["as_of"], row["loan_id"]): row for row in frame}


def test_a_stored_snapshot_knows_the_month_before(tmp_path: Path) -> None:
    add(tmp_path / "b", [snapshot(JAN, "L1", dpd=95, balance="90.00", reported_class="substandard")])
    add(tmp_path / "b", [snapshot(FEB, "L1", dpd=0, balance="80.00"), snapshot(FEB, "L2")])
    rows = stored(tmp_path / "b")
    second = rows[FEB, "L1"]
    prior = [second[f"prior_{name}"] for name in ("as_of", "balance", "days_past_due")]
    assert prior == [JAN, Decimal("90.00"), 95]
    assert second["prior_reported_class"] == "substandard"
    assert (second["last_over_90_date"], second["clean_since"]) == (JAN, FEB)
    assert rows[FEB, "L2"]["prior_as_of"] is None


@pytest.mark.parametrize(("dpd", "over"), [(90, None), (91, JAN)])
def test_the_over_90_date_starts_with_day_91(tmp_path: Path, dpd: int, over: date | None) -> None:
    add(tmp_path / "b", [snapshot(JAN, "L1", dpd=dpd)])
    assert stored(tmp_path / "b")[JAN, "L1"]["last_over_90_date"] == over


def test_a_new_month_leaves_the_old_files_as_they_are(tmp_path: Path) -> None:
    add(tmp_path / "b", [snapshot(JAN, "L1")])
    before = read_catalog(tmp_path / "b").of("snapshots")
    written = (tmp_path / "b" / before[0].path).stat().st_mtime_ns
    add(tmp_path / "b", [snapshot(FEB, "L1")])
    assert read_catalog(tmp_path / "b").of("snapshots", JAN) == before
    assert (tmp_path / "b" / before[0].path).stat().st_mtime_ns == written


def test_a_known_month_is_refused_unless_it_is_restated(tmp_path: Path) -> None:
    add(tmp_path / "b", [snapshot(JAN, "L1", dpd=0)])
    add(tmp_path / "b", [snapshot(FEB, "L1", dpd=0)])
    with pytest.raises(DataRefused, match="already has 1 of the tape's 1 months"):
        add(tmp_path / "b", [snapshot(JAN, "L1", dpd=120)])
    add(tmp_path / "b", [snapshot(JAN, "L1", dpd=120)], restate=(JAN,))
    assert stored(tmp_path / "b")[FEB, "L1"]["last_over_90_date"] == JAN


def test_a_restated_month_replaces_its_flows_and_no_others(tmp_path: Path) -> None:
    def add_with_flows(month: date, amounts: dict[date, str], restate: tuple[date, ...] = ()) -> None:
        flows = [
            {"loan_id": "L1", "date": day, "kind": "repayment", "amount": Decimal(text)}
            for day, text in amounts.items()
        ]
        rows = tape(connect(), [loan("L1")], [snapshot(month, "L1")], flows=flows)
        append_tape(tmp_path / "b", rows, PROFILE, restate=restate)

    add_with_flows(JAN, {date(2025, 1, 10): "1.00", date(2024, 12, 31): "2.00"})
    add_with_flows(FEB, {date(2025, 2, 10): "4.00"})
    add_with_flows(JAN, {date(2025, 1, 10): "8.00"}, restate=(JAN,))
    assert open_book(tmp_path / "b").flows.amount.sum().to_pyarrow().as_py() == Decimal("14.00")


def test_the_same_flows_delivered_again_count_once(tmp_path: Path) -> None:
    flows = [{"loan_id": "L1", "date": JAN, "kind": "repayment", "amount": Decimal("3.00")}]
    for month in (JAN, FEB):
        append_tape(tmp_path / "b", tape(connect(), [loan("L1")], [snapshot(month, "L1")], flows=flows), PROFILE)
    assert open_book(tmp_path / "b").flows.count().execute() == 1


def test_a_month_between_two_others_reaches_the_later_ones_prior_state(tmp_path: Path) -> None:
    add(tmp_path / "b", [snapshot(JAN, "L1", dpd=5), snapshot(MAR, "L1", dpd=60)])
    add(tmp_path / "b", [snapshot(FEB, "L1", dpd=33)])
    assert stored(tmp_path / "b")[MAR, "L1"]["prior_days_past_due"] == 33


def test_the_order_of_imports_does_not_change_the_content(tmp_path: Path) -> None:
    months = {month: [snapshot(month, "L1", dpd=month.month), snapshot(month, "L2")] for month in (JAN, FEB, MAR)}
    for name, order in {"a": (JAN, FEB, MAR), "b": (MAR, JAN, FEB)}.items():
        for month in order:
            add(tmp_path / name, months[month])
    assert open_book(tmp_path / "a").content_hash == open_book(tmp_path / "b").content_hash


def test_a_snapshot_without_its_loan_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="1 snapshots of 2025-01-31 have no row in loans"):
        append_tape(tmp_path / "b", tape(connect(), [loan("L1")], [snapshot(JAN, "L2")]), PROFILE)
    assert read_catalog(tmp_path / "b").files == ()


def test_an_account_that_does_not_close_is_refused(tmp_path: Path) -> None:
    rows = tape(connect(), [loan("L1")], [snapshot(JAN, "L1")])
    lost = Tally(source="t.csv", table="snapshots", rows_in=2, rows_accepted=1, rows_quarantined=0)
    with pytest.raises(AnalysisError, match="2 rows came in, but 1 were accepted and 0 quarantined"):
        append_tape(tmp_path / "b", Tape(loans=rows.loans, snapshots=rows.snapshots, tallies=(lost,)), PROFILE)


def test_a_missing_cent_is_refused() -> None:
    tally = Tally(
        source="t.csv", table="snapshots", rows_in=1, rows_accepted=1, rows_quarantined=0,
        amount_field="principal_balance", amount_in=Decimal("1.01"), amount_accepted=Decimal("1.00"),
    )  # fmt: skip
    with pytest.raises(Unreconciled, match=r"gap -0\.01"):
        tally.check()


def test_an_append_that_dies_leaves_the_book_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path / "b", [snapshot(JAN, "L1")])
    before = open_book(tmp_path / "b").content_hash

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analysis.book.append.commit_catalog", die)
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path / "b", [snapshot(FEB, "L1")])
    assert open_book(tmp_path / "b").content_hash == before
    assert not list((tmp_path / "b" / "_staging").iterdir())


CHILD = """
import sys
from datetime import date
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from analysis.book.append import append_tape
from analysis.book.engine import connect
from tapes import PROFILE, loan, snapshot, tape
month = date.fromisoformat(sys.argv[2])
rows = [snapshot(month, f"L{i}", dpd=i) for i in range(50)]
append_tape(Path(sys.argv[1]), tape(connect(), [loan(f"L{i}") for i in range(50)], rows), PROFILE)
"""


def test_two_processes_importing_at_once_do_not_lose_a_month(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    commands = [[sys.executable, "-c", CHILD, str(tmp_path / "b"), str(month), here] for month in (JAN, FEB)]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    rows = stored(tmp_path / "b")
    assert len(rows) == 100
    assert all(rows[FEB, f"L{i}"]["prior_days_past_due"] == i for i in range(50))


def test_a_stored_snapshot_has_the_documented_columns(tmp_path: Path) -> None:
    add(tmp_path / "b", [snapshot(JAN, "L1")])
    assert open_book(tmp_path / "b").snapshots.schema() == snapshot_schema()


@settings(max_examples=10, deadline=None)
@given(rows=st.dictionaries(st.sampled_from([f"L{i}" for i in range(6)]), st.integers(0, 10**12), min_size=1))
def test_balances_go_in_and_come_out_to_the_cent(
    rows: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("law") / "b"
    add(folder, [snapshot(JAN, name, balance=str(Decimal(cents) / 100)) for name, cents in rows.items()])
    total = open_book(folder).snapshots.principal_balance.sum().to_pyarrow().as_py()
    assert total == Decimal(sum(rows.values())) / 100
