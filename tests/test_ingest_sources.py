"""The same ledger gives the same tape from a workbook, Parquet or a database."""

import datetime
import sqlite3
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest

from analysis.book.ingest.databases import shown_url
from analysis.book.ingest.mapping import Source
from analysis.book.ingest.readers import open_source
from analysis.book.ingest.sheets import cell_text
from analysis.errors import AnalysisError, DataRefused, MissingColumns, Misuse, Unavailable
from ledgers import HEADER, PLAIN_MAP, account, csv_text, imported, ledger_map, reasons, record, rows, tape_of, values

ORIGINATED = datetime.date(2024, 1, 15)
AUGUST, SEPTEMBER = datetime.date(2025, 8, 31), datetime.date(2025, 9, 30)
TYPED = [
    (AUGUST, "L1", "B1", "制造业", ORIGINATED, Decimal("100.00"), Decimal("1234567.89"), 0),
    (SEPTEMBER, "L1", "B1", "制造业", ORIGINATED, Decimal("100.00"), Decimal("0.10"), 35),
    (SEPTEMBER, "L2", "B2", "建筑业", datetime.date(2024, 2, 29), Decimal("200.00"), Decimal("-5.00"), 0),
]
AS_TEXT = [tuple(str(value) for value in row) for row in TYPED]
AS_FLOATS = [(*row[:5], float(row[5]), float(row[6]), row[7]) for row in TYPED]


def workbook(folder: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "说明"
    sheet = book.create_sheet("台账")
    for row in [HEADER, *AS_FLOATS]:
        sheet.append(row)
    book.save(folder / "ledger.xlsx")
    return folder / "ledger.xlsx"


def parquet(folder: Path) -> Path:
    table = pa.table(dict(zip(HEADER, map(list, zip(*TYPED, strict=True)), strict=True)))
    pyarrow.parquet.write_table(table, folder / "ledger.parquet")
    return folder / "ledger.parquet"


def parquet_folder(folder: Path) -> Path:
    (folder / "parts").mkdir()
    for i, row in enumerate(TYPED):
        table = pa.table({name: [value] for name, value in zip(HEADER, row, strict=True)})
        pyarrow.parquet.write_table(table, folder / "parts" / f"{i}.parquet")
    return folder / "parts"


def sqlite(folder: Path) -> str:
    with sqlite3.connect(folder / "bank.db") as connection:
        columns = ", ".join(f'"{name}"' for name in HEADER)
        connection.execute(f"CREATE TABLE ledger ({columns})")
        plain = [tuple(str(v) if isinstance(v, datetime.date | Decimal) else v for v in row) for row in TYPED]
        connection.executemany(f"INSERT INTO ledger VALUES ({', '.join('?' * len(HEADER))})", plain)
    connection.close()
    return f"sqlite:///{folder / 'bank.db'}"


def duck(folder: Path) -> str:
    parquet(folder)
    with duckdb.connect(str(folder / "bank.duckdb")) as connection:
        connection.execute(f"CREATE TABLE ledger AS FROM '{folder / 'ledger.parquet'}'")
    return f"duckdb://{folder / 'bank.duckdb'}"


@pytest.mark.parametrize("make", [workbook, parquet, parquet_folder, sqlite, duck])
def test_every_kind_of_source_gives_the_tape_of_the_csv(tmp_path: Path, make: Callable[[Path], str | Path]) -> None:
    plain = imported(tmp_path, csv_text(AS_TEXT))
    tape = tape_of(make(tmp_path), tmp_path)
    assert rows(tape.snapshots) == rows(plain.snapshots)
    assert rows(tape.loans) == rows(plain.loans)
    assert reasons(tape) == reasons(plain) == {3: "negative_balance"}
    assert account(tape).amount_in == account(plain).amount_in == Decimal("1234562.99")


def test_a_title_above_the_header_is_skipped_where_the_map_says_so(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [("某银行贷款台账",), ("单位：元",), HEADER, AS_FLOATS[0], (), ("",) * 8, AS_FLOATS[1]]:
        book.active.append(row)
    book.active.merge_cells("A1:H1")
    book.save(tmp_path / "titled.xlsx")
    tape = tape_of(tmp_path / "titled.xlsx", tmp_path, ledger_map(head="[source]\nheader_row = 3"))
    assert account(tape).rows_in == account(tape).rows_accepted == 2


def test_error_cells_are_set_aside_or_missing(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [HEADER, (*TYPED[0][:6], "#N/A", 0), (*TYPED[0][:6], "#DIV/0!", 0), (*TYPED[0], "extra")]:
        book.active.append(row)
    book.save(tmp_path / "errors.xlsx")
    tape = tape_of(tmp_path / "errors.xlsx", tmp_path)
    assert reasons(tape) == {1: "missing_value", 2: "unreadable_amount", 3: "too_many_fields"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        (True, "true"),
        (5, "5"),
        (5.0, "5"),
        (0.1 + 0.2, "0.3"),
        (1234567.89, "1234567.89"),
        (6222021234567890.0, "6222021234567890"),
        (datetime.datetime(2025, 9, 30), "2025-09-30"),
        (datetime.datetime(2025, 9, 30, 12, 30), "2025-09-30T12:30:00"),
        (datetime.timedelta(days=3), "3"),
    ],
)
def test_a_cell_reads_back_as_the_value_it_shows(value: object, text: str | None) -> None:
    assert cell_text(value) == text


def test_a_sheet_that_is_not_there_is_named_with_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"sheet must be one of 说明, 台账 in ledger\.xlsx, was '台帐明细'"):
        tape_of(workbook(tmp_path), tmp_path, ledger_map(head='[source]\nsheet = "台帐明细"'))


def test_an_empty_workbook_is_refused(tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "empty.xlsx")
    with pytest.raises(DataRefused, match="must have a header row"):
        tape_of(tmp_path / "empty.xlsx", tmp_path)


def test_values_of_any_type_come_from_sqlite_as_they_are(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "bank.db") as connection:
        connection.execute('CREATE TABLE t ("余额" DECIMAL(10,2), b INTEGER)')
        connection.executemany("INSERT INTO t VALUES (?, ?)", [("abc", 1), (0.1, "x"), (None, b"\xff")])
    connection.close()
    (batch,) = open_source(f"sqlite:///{tmp_path / 'bank.db'}", Source()).attempts[0]()
    assert batch.column("c0").to_pylist() == ["abc", "0.1", None]
    assert batch.column("c1").to_pylist() == ["1", "x", "\ufffd"]
    assert batch.column("lossy").to_pylist() == [False, False, True]


@pytest.mark.parametrize("make", [sqlite, duck])
def test_a_query_selects_from_a_database(tmp_path: Path, make: Callable[[Path], str]) -> None:
    head = "[source]\nquery = '''SELECT * FROM ledger WHERE \"借据号\" = 'L1' '''"
    assert account(tape_of(make(tmp_path), tmp_path, ledger_map(head=head))).rows_in == 2


@pytest.mark.parametrize("make", [sqlite, duck])
def test_a_query_that_fails_is_refused(tmp_path: Path, make: Callable[[Path], str]) -> None:
    for query in ("SELECT * FROM nothing", "SELEC 1", "DROP TABLE ledger"):
        with pytest.raises(AnalysisError):
            tape_of(make_once(make, tmp_path), tmp_path, ledger_map(head=f'[source]\nquery = "{query}"'))


def make_once(make: Callable[[Path], str], folder: Path) -> str:
    existing = {"sqlite": "bank.db", "duck": "bank.duckdb"}[make.__name__]
    if (folder / existing).exists():
        return f"{'duckdb://' if make is duck else 'sqlite:///'}{folder / existing}"
    return make(folder)


@pytest.mark.parametrize("make", [sqlite, duck])
def test_a_table_that_is_not_there_is_named_with_its_nearest(tmp_path: Path, make: Callable[[Path], str]) -> None:
    with pytest.raises(Misuse, match=r"table must be one of ledger .*did you mean 'ledger'"):
        tape_of(make(tmp_path), tmp_path, ledger_map(head='[source]\ntable = "ledgers"'))


def test_several_tables_need_a_name(tmp_path: Path) -> None:
    url = sqlite(tmp_path)
    with sqlite3.connect(tmp_path / "bank.db") as connection:
        connection.execute("CREATE TABLE other (a)")
    connection.close()
    with pytest.raises(Misuse, match="must name one of ledger, other"):
        tape_of(url, tmp_path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///nowhere/none.db", "there is no such file"),
        ("duckdb://nowhere/none.duckdb", "there is no such file"),
        ("postgres://user:secret@127.0.0.1:1/bank", "postgres://127.0.0.1/bank.* does not answer"),
        ("carrier-pigeon://loft", "does not answer"),
    ],
)
def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path, url: str, says: str) -> None:
    with pytest.raises(Unavailable, match=says) as refused:
        tape_of(url, tmp_path)
    assert "secret" not in str(refused.value)


def test_errors_of_any_driver_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ModuleType("MySQLdb")
    driver.Error = type("Error", (Exception,), {})

    def refuse(_: str) -> None:
        raise driver.Error("access denied\nfor user")

    monkeypatch.setitem(sys.modules, "MySQLdb", driver)
    monkeypatch.setattr("ibis.connect", refuse)
    with pytest.raises(Unavailable, match=r"mysql://host/bank does not answer: access denied\.$"):
        tape_of("mysql://user:secret@host/bank", tmp_path)


def test_no_password_is_shown() -> None:
    assert shown_url("postgres://user:secret@host:5432/bank?sslkey=secret") == "postgres://host/bank"
    assert shown_url("sqlite:////home/somebody/bank.db") == "sqlite://bank.db"
    assert shown_url("sqlite://bank.db") == "sqlite://bank.db"


@pytest.mark.parametrize("make", [sqlite, duck])
@pytest.mark.parametrize("slashes", ["//", "///"])
def test_a_database_may_lie_in_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], str], slashes: str
) -> None:
    scheme, _, place = make(tmp_path).partition("://")
    monkeypatch.chdir(tmp_path)
    (tmp_path / Path(place).name).rename(tmp_path / "my bank.db")
    for name in ("my bank.db", "my%20bank.db"):
        assert account(tape_of(f"{scheme}:{slashes}{name}", tmp_path)).rows_in > 0


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("ledger.xlsx", b"no workbook", DataRefused, "must be a workbook"),
        ("ledger.xlsx", b"PK\x03\x04rest", DataRefused, "must be a workbook"),
        ("ledger.parquet", b"PAR1rest", DataRefused, "must be a Parquet file"),
        ("ledger.parquet", b"", DataRefused, "must be a Parquet file"),
        ("ledger.xls", b"x", Misuse, "rename the file"),
        ("ledger", b"x", Misuse, "rename the file"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    tmp_path: Path, name: str, content: bytes, error: type[AnalysisError], says: str
) -> None:
    with pytest.raises(error, match=says):
        imported(tmp_path, content, name=name)


def test_an_absent_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no such file"):
        tape_of(tmp_path / "none.csv", tmp_path)


def test_every_type_of_a_parquet_file_reads_back_exactly(tmp_path: Path) -> None:
    table = pa.table(
        {
            "decimal": pa.array([Decimal("0.0000000001"), None], pa.decimal128(38, 10)),
            "float": pa.array([0.1, float("nan")]),
            "moment": pa.array([datetime.datetime(2025, 9, 30), None], pa.timestamp("ns")),
            "dictionary": pa.array(["是", None]).dictionary_encode(),
            "list": pa.array([[1, 2], None]),
            "bytes": pa.array([b"\xff", b"a"]),
            "large": pa.array(["x", "y"], pa.large_string()),
            "flag": pa.array([True, False]),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "types.parquet")
    reading = open_source(tmp_path / "types.parquet", Source())
    (batch,) = reading.attempts[0]()
    first = [batch.column(f"c{i}")[0].as_py() for i in range(table.num_columns)]
    assert Decimal(first[0]) == Decimal("0.0000000001")
    assert first[1:2] + first[3:] == ["0.1", "是", "[1, 2]", "\ufffd", "x", "true"]
    assert first[2].startswith("2025-09-30 00:00:00")


def test_missing_columns_name_the_source(tmp_path: Path) -> None:
    url = sqlite(tmp_path)
    with pytest.raises(MissingColumns, match=r"sqlite://bank\.db \[ledger\] lacks '欠款'"):
        tape_of(url, tmp_path, ledger_map(principal_balance='"欠款"'))


def test_flows_may_come_from_the_same_workbook(tmp_path: Path) -> None:
    path = workbook(tmp_path)
    book = openpyxl.load_workbook(path)
    for row in [("借据号", "日期", "类型", "金额"), ("L1", datetime.date(2025, 9, 5), "repayment", 10.5)]:
        book.create_sheet("流水").append(row) if "流水" not in book.sheetnames else book["流水"].append(row)
    book.save(path)
    tail = '[flows]\nsheet = "流水"\n[flows.columns]\nloan_id = "借据号"\ndate = "日期"\nkind = "类型"\namount = "金额"'
    tape = tape_of(path, tmp_path, PLAIN_MAP + tail)
    assert values(tape.flows, "amount") == [Decimal("10.50")]


def test_a_record_is_as_wide_as_the_header() -> None:
    assert len(record()) == len(HEADER) == len(TYPED[0])
