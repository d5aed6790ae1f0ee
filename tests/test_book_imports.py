"""What a book takes in, and what it keeps of imports that were restated, died, or came late."""

import os
import stat
import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from ibis.backends.duckdb import Backend

from analysis.book.append import append_tape
from analysis.book.catalog import Catalog
from analysis.book.engine import connect
from analysis.book.imports import import_mapped
from analysis.book.profile import Profile
from analysis.book.quality import findings
from analysis.book.store import open_book
from analysis.errors import DataRefused, Misuse
from analysis.terms import Text
from ledgers import PLAIN_MAP, csv_text, record
from tapes import PROFILE, loan, snapshot, tape

JAN, FEB, MAR = date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)


def add(folder: Path, month: date, *, profile: Profile = PROFILE, restate: bool = False, **fields: object) -> None:
    """Add a month with one loan of the given attributes."""
    one = tape(connect(), [loan("L1", **fields)], [snapshot(month, "L1")])
    append_tape(folder, one, profile, restate=[month] if restate else ())


def segment(folder: Path) -> str:
    (found,) = open_book(folder).loans.segment.to_pyarrow().to_pylist()
    return str(found)


def test_a_month_that_comes_late_does_not_change_what_is_latest(tmp_path: Path) -> None:
    add(tmp_path / "b", MAR, segment="trade")
    add(tmp_path / "b", JAN, segment="farm")
    assert segment(tmp_path / "b") == "trade"
    add(tmp_path / "b", JAN, segment="mine", restate=True)
    assert segment(tmp_path / "b") == "trade"
    add(tmp_path / "b", MAR, segment="port", restate=True)
    assert segment(tmp_path / "b") == "port"


def test_a_late_month_is_the_latest_of_a_loan_that_ended_before(tmp_path: Path) -> None:
    loans = [loan("L1", segment="farm"), loan("L2")]
    append_tape(tmp_path / "b", tape(connect(), loans, [snapshot(JAN, "L1"), snapshot(MAR, "L2")]), PROFILE)
    add(tmp_path / "b", FEB, segment="trade")
    segments = open_book(tmp_path / "b").loans.order_by("loan_id").segment.to_pyarrow().to_pylist()
    assert segments == ["trade", "manufacturing"]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"currency": "USD"}, "currency of the tape must be 'CNY' as in book 'b', was 'USD'"),
        ({"basis": "count"}, "basis of the tape must be 'balance'"),
        ({"simulated": True}, "simulated of the tape must be False"),
        ({"periodicity": "Q"}, "periodicity of the tape must be 'M'"),
        ({"derived": Text("推算", "derived")}, "the tape is derived, which book 'b' does not say of itself"),
    ],
)
def test_a_tape_of_another_kind_is_refused(tmp_path: Path, other: Mapping[str, object], says: str) -> None:
    add(tmp_path / "b", JAN)
    before = open_book(tmp_path / "b").content_hash
    with pytest.raises(DataRefused, match=says):
        add(tmp_path / "b", FEB, profile=Profile(title=PROFILE.title, **other))
    assert open_book(tmp_path / "b").content_hash == before


def test_a_map_that_says_no_period_may_add_to_a_book_by_quarter(tmp_path: Path) -> None:
    add(tmp_path / "b", MAR, profile=Profile(title=PROFILE.title, periodicity="Q"))
    add(tmp_path / "b", date(2025, 6, 30))
    assert open_book(tmp_path / "b").months == (MAR, date(2025, 6, 30))


def imported(folder: Path, *records: tuple[str, ...], restate: bool = False) -> None:
    (folder / "ledger.csv").write_text(csv_text(records), encoding="utf-8")
    (folder / "map.toml").write_text(PLAIN_MAP, encoding="utf-8")
    import_mapped(str(folder / "ledger.csv"), folder / "map.toml", folder / "b", restate=restate)


def aside(folder: Path) -> tuple[int, Decimal | None]:
    """Rows and amount that the check says were set aside."""
    found = [one for one in findings(open_book(folder / "b")) if one.rule == "quarantine"]
    return (found[0].count, found[0].balance_at_risk) if found else (0, None)


def test_rows_set_aside_by_a_restated_tape_are_forgotten_and_others_are_not(tmp_path: Path) -> None:
    bad = {"loan_id": "L2", "days_past_due": "x", "principal_balance": "5.00"}
    imported(tmp_path, record(as_of="2025-08-31"), record(as_of="2025-08-31", **bad))
    imported(tmp_path, record(), record(**bad), record(**bad | {"loan_id": "L3"}))
    assert aside(tmp_path) == (3, Decimal("15.00"))
    imported(tmp_path, record(), record(**bad), restate=True)
    assert aside(tmp_path) == (2, Decimal("10.00"))
    imported(tmp_path, record(), restate=True)
    assert aside(tmp_path) == (1, Decimal("5.00"))
    quarantine = open_book(tmp_path / "b").quarantine
    assert quarantine is not None
    assert quarantine.count().execute() == 1


def test_the_same_rows_set_aside_again_are_kept_once(tmp_path: Path) -> None:
    records = [record(), record(loan_id="L2", days_past_due="x")]
    for restate in (False, True, True):
        imported(tmp_path, *records, restate=restate)
    quarantine = open_book(tmp_path / "b").quarantine
    assert quarantine is not None
    assert quarantine.count().execute() == 1
    assert len(open_book(tmp_path / "b").catalog.imports) == 3


def test_an_import_holds_until_all_its_months_are_restated() -> None:
    both, one, other = ({"n": n, "months": months} for n, months in enumerate((["a", "b"], ["a"], ["b"])))
    undated = {"n": 9}
    assert Catalog(imports=(undated, both, one)).current_imports == (undated, both, one)
    assert Catalog(imports=(undated, both, one, other)).current_imports == (undated, one, other)


def test_the_record_of_an_import_counts_reasons(tmp_path: Path) -> None:
    odd = [record(loan_id=f"L{i}", days_past_due="x") for i in range(2)]
    imported(tmp_path, record(loan_id="L9"), *odd, record(loan_id="L3", principal_balance="-1"))
    kept = open_book(tmp_path / "b").catalog.imports[-1]
    assert kept["reasons"] == {"unreadable_number": 2, "negative_balance": 1}
    assert kept["months"] == ["2025-09-30"]


def test_what_a_dead_import_left_is_swept_by_the_next(tmp_path: Path) -> None:
    add(tmp_path / "b", JAN)
    (tmp_path / "b" / "_staging" / "dead").mkdir()
    old, young = tmp_path / ".b-import-old", tmp_path / ".b-import-young"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (time.time() - 90_000,) * 2)
    imported(tmp_path, record())
    assert not any((tmp_path / "b" / "_staging").iterdir())
    assert (old.exists(), young.exists()) == (False, True)


def test_a_book_goes_to_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("keep")
    with pytest.raises(Misuse, match="must be a folder of its own, was 'b'"):
        imported(tmp_path, record())
    (tmp_path / "b" / "notes.txt").rename(tmp_path / "notes.txt")
    (tmp_path / "b" / "_staging").mkdir()
    imported(tmp_path, record())
    with pytest.raises(Misuse, match=r"was 'notes\.txt'"):
        import_mapped(str(tmp_path / "ledger.csv"), tmp_path / "map.toml", tmp_path / "notes.txt", restate=False)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_book_may_be_read_by_whom_its_folder_lets(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        add(tmp_path / "b", JAN)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "b").glob("*.*")}
    assert modes == {"book.toml": 0o644, "catalog.json": 0o644}


def known(backend: Backend, folder: Path) -> None:
    contacts = [
        {"contact_id": f"C{day}", "borrower_id": "B-L1", "channel": "phone", "start_ts": f"2025-{day}T23:30:00+08:00"}
        for day in ("01-31", "02-01")
    ]
    macro = [{"date": JAN, "series": "gdp", "value": 1.0, "vintage": day} for day in (None, date(2025, 1, 31), FEB)]
    rows = [snapshot(JAN, "L1"), snapshot(FEB, "L1"), snapshot(FEB, "L2")]
    append_tape(folder, tape(backend, [loan("L1"), loan("L2")], rows, contacts=contacts, macro=macro), PROFILE)


@pytest.mark.parametrize(("table", "january", "february"), [("loans", 1, 2), ("contacts", 1, 2), ("macro", 2, 3)])
def test_no_table_shows_what_was_not_known_yet(tmp_path: Path, table: str, january: int, february: int) -> None:
    known(connect(), tmp_path / "b")
    assert open_book(tmp_path / "b", as_of=JAN).table(table).count().execute() == january
    assert open_book(tmp_path / "b", as_of=FEB).table(table).count().execute() == february
