"""An engine is named by its address, refused in one sentence, and never shows a password."""

import os
import socket
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analysis.book.address import server_address
from analysis.book.engine import Embedded, open_engine
from analysis.book.engine_choice import VARIABLE, default_engine, engine_chosen
from analysis.book.store import open_book
from analysis.cli import cli
from analysis.errors import Misuse, Unavailable
from analysis.reports.runner import clean_environment
from classified import add, monthly

SECRET = "hunter2"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    add(folder / "bank", monthly("L1", (date(2025, 1, 31), date(2025, 2, 28)), (0, 91)))
    return folder


@pytest.fixture
def book(books: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A book of one loan, named "bank"."""
    monkeypatch.setenv("NPL_BOOKS", str(books))
    return "bank"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_an_address_is_read_part_by_part() -> None:
    address = server_address("postgresql://ann:p%40ss%2Fword@host:5433/bank/loans?sslmode=require")
    assert (address.host, address.port, address.user, address.password) == ("host", 5433, "ann", "p@ss/word")
    assert (address.path, address.options) == (("bank", "loans"), {"sslmode": "require"})
    assert str(address) == "postgresql://host:5433/bank/loans"
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://ann:{SECRET}/x@host/bank",
        f"postgresql://ann:{SECRET}#x@host/bank",
        f"postgresql://ann:12/{SECRET}@host/bank",
        f"postgresql://ann:12#{SECRET}@host/bank",
        f"postgresql:ann:{SECRET}@host/bank",
        f"postgresql://[ann:{SECRET}@host/bank",
    ],
)
def test_an_address_that_cannot_be_read_shows_nothing_of_its_password(text: str) -> None:
    with pytest.raises(Misuse, match="percent-encoded") as refused:
        server_address(text)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("text", [f"oracle://ann:{SECRET}@host/bank", f"spark://{SECRET}", f"duckdb:///{SECRET}"])
def test_an_engine_that_there_is_not_is_misuse(book: str, text: str) -> None:
    done = run("measure", "npl_ratio", "--book", book, "--engine", text)
    assert done.exit_code == 2
    assert "engine must be" in done.stderr


def test_an_unknown_scheme_shows_nothing_that_follows_it(book: str) -> None:
    assert SECRET not in run("check", book, "--engine", f"oracle://ann:{SECRET}@host/bank").stderr


@pytest.mark.parametrize("command", [("measure", "npl_ratio", "--book"), ("check",), ("load",), ("report", "--book")])
def test_a_server_that_does_not_answer_is_one_sentence(book: str, command: tuple[str, ...]) -> None:
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed: python make.py engines")
    done = run(*command, book, "--engine", f"postgresql://ann:{SECRET}@127.0.0.1:{closed_port()}/bank")
    assert done.exit_code == 3
    assert "does not answer" in done.stderr
    assert SECRET not in done.output
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme, module, package, extra in (
        ("postgresql", "warehouse", "psycopg", "postgres"),
        ("spark", "cluster", "pyspark.sql", "spark"),
    ):
        monkeypatch.delitem(sys.modules, f"analysis.book.{module}", raising=False)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(Unavailable, match=rf"install npl-workbook\[{extra}\]"):
            open_engine(f"{scheme}://host/bank", "bank")


def test_duckdb_reads_the_files_and_has_nothing_to_load(book: str) -> None:
    assert isinstance(open_engine("duckdb", book), Embedded)
    done = run("load", book)
    assert done.exit_code == 2
    assert "nothing to copy" in done.stderr


def test_the_chosen_engine_holds_for_one_command_and_what_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with engine_chosen("duckdb://"):
        assert default_engine() == "duckdb://"
        assert clean_environment(Path("run"), Path("books"))[VARIABLE] == "duckdb://"
    assert VARIABLE not in os.environ
    monkeypatch.setenv(VARIABLE, "duckdb:")
    with engine_chosen("duckdb"):
        assert default_engine() == "duckdb"
    assert default_engine() == "duckdb:"


def test_a_named_engine_goes_before_the_chosen_one(book: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "oracle://host")
    with pytest.raises(Misuse, match="'oracle'"):
        open_book(book)
    assert open_book(book, engine="duckdb").engine.kind == "duckdb"
    assert run("measure", "npl_ratio", "--book", book, "--engine", "duckdb").exit_code == 0
