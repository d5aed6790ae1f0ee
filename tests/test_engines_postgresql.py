"""A book on a PostgreSQL server gives the numbers of its files, and nothing of it is read that is not as they are."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.quality import findings
from analysis.book.store import Book, open_book
from analysis.classify.states import states
from analysis.cli import cli
from analysis.errors import Unavailable
from analysis.measures.catalog import MEASURES
from analysis.rules.loader import load_rules
from equal_engines import NAMES, answer, gaps, small_demo
from ledgers import HEADER, ledger_map, record
from postgresql_server import PASSWORD, Server, running
from tapes import PROFILE, loan, snapshot, tape

JAN, FEB, MAR = date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)
# Texts that a server's own language would sort otherwise, and that a copy as text could mistake.
NAMES_OF_LOANS = ("a", "B", "_c", "É", "ä-1", '"', "\\.", "x,y", "x\ny", "甲", "")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of loans that go bad, recover, are paid and written off."""
    folder = tmp_path_factory.mktemp("made") / "book"
    days = {JAN: (0, 95, 0), FEB: (91, 0, 31), MAR: (120, 0, 61)}
    rows = [
        snapshot(month, name, dpd=days[month][n % 3], balance=f"{100 + n}.0{n % 10}", allowance=Decimal(n) / 4)
        for month in days
        for n, name in enumerate(NAMES_OF_LOANS)
        if (month, name) != (MAR, "B")
    ]
    loans = [
        loan(name, borrower_id=f"{name}!", segment="retail" if n % 2 else "", contract_rate=n / 7, region=None)
        for n, name in enumerate(NAMES_OF_LOANS)
    ]
    moves = [("B", date(2025, 3, 2), "write_off", "101.01"), ("a", date(2025, 2, 3), "repayment", "1.10")]
    flows = [{"loan_id": n, "date": d, "kind": k, "amount": Decimal(a)} for n, d, k, a in moves]
    append_tape(folder, tape(connect(), loans, rows, flows=flows), PROFILE)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """The same book under the test's own name."""
    monkeypatch.setenv("NPL_BOOKS", str(tmp_path))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    folder = tmp_path / request.node.name.replace("[", "-").replace("]", "")[-50:]
    shutil.copytree(made, folder)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def loaded(folder: Path, server: Server) -> str:
    done = run("load", folder.name, "--engine", server.plain)
    assert done.exit_code == 0, done.output
    return done.stdout


def restate(folder: Path, month: date, balance: str) -> None:
    rows = [snapshot(month, "a", balance=balance)]
    append_tape(folder, tape(connect(), [loan("a")], rows), PROFILE, restate=(month,))


@pytest.fixture(scope="module")
def read_only(made: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, Book]:
    """The book open on its files and on the server, for tests that change neither."""
    folder = tmp_path_factory.mktemp("books") / "read_only"
    shutil.copytree(made, folder)
    done = run("load", str(folder), "--engine", server.address)
    assert done.exit_code == 0, done.output
    return open_book(folder, engine="duckdb"), open_book(folder, engine=server.address)


def test_every_row_and_value_arrives(read_only: tuple[Book, Book]) -> None:
    here, there = read_only
    for name, keys in {"snapshots": ("as_of", "loan_id"), "loans": ("loan_id",), "flows": ("loan_id",)}.items():
        rows = [book.table(name).order_by(keys).to_pyarrow().to_pylist() for book in (here, there)]
        assert rows[0] == rows[1]
        assert len(rows[0]) > 1
    assert (here.engine.kind, there.engine.kind) == ("duckdb", "postgresql")
    assert there.content_hash == here.content_hash


def test_texts_are_compared_as_in_files_whatever_the_servers_language(read_only: tuple[Book, Book]) -> None:
    names = read_only[1].loans.loan_id
    assert names.min().to_pyarrow().as_py() == min(NAMES_OF_LOANS)
    assert names.max().to_pyarrow().as_py() == max(NAMES_OF_LOANS)


@pytest.mark.parametrize("name", ["npl_ratio", "npl_bridge", "concentration"])
def test_a_measure_of_the_server_is_that_of_the_files(read_only: tuple[Book, Book], name: str) -> None:
    here, there = (answer(book, name, ("segment",), None) for book in read_only)
    assert gaps(here, there) == []
    assert len(here) > 1


def test_findings_of_the_server_are_those_of_the_files(read_only: tuple[Book, Book]) -> None:
    here, there = map(findings, read_only)
    assert here == there
    assert here


def test_the_command_line_says_the_same(read_only: tuple[Book, Book], server: Server) -> None:
    command = ("measure", "npl_ratio", "--book", str(read_only[0].path), "--by", "segment", "--format", "json")
    there = run(*command, "--engine", server.address)
    assert json.loads(there.stdout) == json.loads(run(*command).stdout)
    assert there.stderr == ""


def test_a_book_that_was_not_loaded_is_refused_with_what_to_do(folder: Path, server: Server) -> None:
    done = run("measure", "npl_ratio", "--book", folder.name, "--engine", server.address)
    assert done.exit_code == 3
    assert "is not there (5 of 5 parts are missing" in done.stderr
    assert f"npl load {folder.name} --engine postgresql://127.0.0.1" in done.stderr


def test_a_restated_month_is_refused_until_it_is_loaded_again(folder: Path, server: Server) -> None:
    loaded(folder, server)
    restate(folder, FEB, "7.00")
    with pytest.raises(Unavailable, match="as it was before a change"):
        open_book(folder, engine=server.plain)
    loaded(folder, server)
    rows = open_book(folder, engine=server.plain).snapshots
    assert rows.filter(rows.as_of == FEB).principal_balance.sum().to_pyarrow().as_py() == Decimal("7.00")


def test_a_new_month_alone_is_copied(folder: Path, server: Server) -> None:
    assert "8 parts, 8 of them copied now" in loaded(folder, server)
    assert "8 parts, 0 of them copied now" in loaded(folder, server)
    later = [snapshot(date(2025, 4, 30), "a")]
    append_tape(folder, tape(connect(), [loan("a")], later), PROFILE)
    # The month, its states, and the list of loans, of which it says something later.
    assert "10 parts, 3 of them copied now" in loaded(folder, server)


def test_an_earlier_date_needs_only_what_was_known_then(folder: Path, server: Server) -> None:
    loaded(folder, server)
    append_tape(folder, tape(connect(), [], [snapshot(date(2025, 4, 30), "a")]), PROFILE)
    months = open_book(folder, as_of=MAR, engine=server.plain).snapshots.as_of
    assert months.max().to_pyarrow().as_py() == MAR


def test_what_no_longer_belongs_to_the_book_is_removed_once_nobody_reads_it(folder: Path, server: Server) -> None:
    loaded(folder, server)
    reader = open_book(folder, engine=server.plain)
    before = states(reader, load_rules("cn_2023")).count().to_pyarrow().as_py()
    restate(folder, FEB, "7.00")
    loaded(folder, server)
    assert states(reader, load_rules("cn_2023")).count().to_pyarrow().as_py() == before
    reader.backend.con.close()
    loaded(folder, server)
    held = open_book(folder, engine=server.plain).backend.list_tables(database=folder.name)
    assert len(held) == 8


def test_a_copy_that_breaks_off_leaves_nothing_that_could_be_read(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from analysis.book import warehouse

    write = warehouse.write_csv
    calls: list[int] = []

    def break_off(*arguments: object) -> None:
        calls.append(len(calls))
        if len(calls) > 2:
            raise OSError(5, "broken")
        write(*arguments)

    monkeypatch.setattr(warehouse, "write_csv", break_off)
    done = run("load", folder.name, "--engine", server.plain)
    assert (done.exit_code, "broken" in done.stderr) == (3, True)
    with pytest.raises(Unavailable, match="in part"):
        open_book(folder, engine=server.plain)
    monkeypatch.setattr(warehouse, "write_csv", write)
    assert "8 parts, 6 of them copied now" in loaded(folder, server)


def test_a_part_that_lost_rows_on_its_way_is_refused(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from analysis.book import warehouse

    monkeypatch.setattr(warehouse, "write_csv", lambda *_: None)
    done = run("load", folder.name, "--engine", server.plain)
    assert (done.exit_code, "but took 0" in done.stderr) == (3, True)


def test_the_address_may_name_another_schema(folder: Path, server: Server) -> None:
    engine = f"{server.plain}/other_{folder.name[-20:]}"
    assert run("load", folder.name, "--engine", engine).exit_code == 0
    assert open_book(folder, engine=engine).loans.count().to_pyarrow().as_py() == len(NAMES_OF_LOANS)
    with pytest.raises(Unavailable, match="is not there"):
        open_book(folder, engine=server.plain)


def test_a_definition_that_was_not_loaded_is_copied_when_it_is_asked_for(read_only: tuple[Book, Book]) -> None:
    here, there = (states(book, load_rules("us_retail")).order_by("as_of", "loan_id") for book in read_only)
    assert there.to_pyarrow().to_pylist() == here.to_pyarrow().to_pylist()


def test_tables_of_others_in_the_schema_are_left_alone(folder: Path, server: Server) -> None:
    loaded(folder, server)
    book = open_book(folder, engine=server.plain)
    book.backend.create_table("snapshots_of_the_bank", book.snapshots.limit(1), database=folder.name)
    loaded(folder, server)
    assert "snapshots_of_the_bank" in book.backend.list_tables(database=folder.name)


@pytest.mark.slow
def test_loans_of_a_warehouse_are_imported_and_measured_there(
    read_only: tuple[Book, Book], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPL_BOOKS", str(tmp_path))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    create = f"CREATE TABLE public.ledger ({', '.join(f'{name} text' for name in HEADER)})"
    with read_only[1].backend.begin() as cursor:
        cursor.execute(create)
        cursor.execute(f"INSERT INTO public.ledger VALUES ({', '.join(['%s'] * len(HEADER))})", record())
    (tmp_path / "map.toml").write_text(ledger_map(head='[source]\ntable = "ledger"'), encoding="utf-8")
    done = run("import", server.plain, "--map", str(tmp_path / "map.toml"), "--into", "bank")
    assert "1 in = 1 accepted + 0 quarantined" in done.stdout
    loaded(tmp_path / "bank", server)
    measured = run("measure", "loan_balance", "--book", "bank", "--format", "json", "--engine", server.plain)
    assert [row["numerator"] for row in json.loads(measured.stdout)] == ["90.00"]


def test_a_wrong_password_is_refused_without_being_shown(folder: Path, server: Server) -> None:
    wrong = server.plain.replace("npl@", "npl:wr0ng-word@")
    done = run("measure", "npl_ratio", "--book", folder.name, "--engine", wrong)
    assert done.exit_code == 3
    assert "password authentication failed" in done.stderr
    assert "wr0ng-word" not in done.output
    assert PASSWORD not in done.output


def test_a_name_that_the_server_would_cut_is_refused(folder: Path, server: Server) -> None:
    done = run("load", folder.name, "--engine", f"{server.plain}/{'x' * 64}")
    assert (done.exit_code, "at most 63 bytes" in done.stderr) == (2, True)


# A group of two dimensions is asked of the numbers only: a table of many small groups takes minutes.
ASKED = [
    *((name, by, basis) for name in NAMES for by, basis in (((), "count"), (("segment",), "balance"))),
    *((name, ("region", "collateral_type"), "balance") for name in MEASURES),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "by", "basis"), ASKED)
def test_every_measure_of_the_server_is_that_of_the_files(
    demo: tuple[Path, Server], name: str, by: tuple[str], basis: str
) -> None:
    folder, server = demo
    here, there = (open_book(folder, engine=engine) for engine in ("duckdb", server.address))
    assert gaps(answer(here, name, by, basis), answer(there, name, by, basis)) == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, server: Server) -> tuple[Path, Server]:
    """The demonstration book in small, loaded."""
    folder = small_demo(tmp_path_factory.mktemp("books"))
    done = run("load", str(folder), "--engine", server.address)
    assert done.exit_code == 0, done.output
    return folder, server


@pytest.mark.slow
def test_findings_of_the_demonstration_book_are_the_same(demo: tuple[Path, Server]) -> None:
    folder, server = demo
    assert findings(open_book(folder, engine=server.address)) == findings(open_book(folder, engine="duckdb"))


@pytest.mark.slow
def test_a_report_of_the_server_is_that_of_the_files_byte_by_byte(
    demo: tuple[Path, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, server = demo
    found = {}
    for kind, engine in {"duckdb": "duckdb", "postgresql": server.address}.items():
        monkeypatch.setenv("NPL_REPORTS", str(tmp_path / kind))
        done = run("report", "20_segment_trends", "--book", str(folder), "--engine", engine)
        assert done.exit_code == 0, done.output
        found[kind] = {path.name: path.read_text() for path in (tmp_path / kind).glob("20_segment_trends/2*/*.*")}
    manifests = {kind: json.loads(files.pop("manifest.json")) for kind, files in found.items()}
    assert found["postgresql"] == found["duckdb"]
    assert {kind: one.pop("engine") for kind, one in manifests.items()} == {kind: kind for kind in manifests}
    assert manifests["postgresql"] == manifests["duckdb"]
    kept = "".join(path.read_text() for path in (tmp_path / "postgresql").rglob("*") if path.is_file())
    assert PASSWORD not in kept
    assert str(server.port) not in json.dumps(manifests)
