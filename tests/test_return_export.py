"""Returns as files: numbers that are numbers, sums that tie, texts that stay texts, and no half-written file."""

import csv
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.cli import cli
from analysis.reports import return_export
from analysis.terms import Text
from tapes import PROFILE, loan, snapshot, tape

DECEMBER, JANUARY, FEBRUARY = date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28)
FORMULA = Text("=1+1", "=HYPERLINK()")
SNAPSHOTS = [
    snapshot(DECEMBER, "bad", dpd=120, balance="123456.78"),
    snapshot(DECEMBER, "good", balance="5000000.01"),
    snapshot(JANUARY, "bad", dpd=150, balance="113456.78"),
    snapshot(JANUARY, "good", balance="4900000.01"),
    snapshot(FEBRUARY, "good", dpd=95, balance="4900000.01"),
    snapshot(FEBRUARY, "new", balance="33333.33"),
]
FLOWS = [
    {"loan_id": name, "date": day, "kind": kind, "amount": Decimal(amount)}
    for name, day, kind, amount in (
        ("bad", date(2026, 1, 9), "recovery", "10000"),
        ("good", date(2026, 1, 20), "repayment", "100000"),
        ("bad", date(2026, 2, 9), "write_off", "113456.78"),
        ("new", date(2026, 2, 9), "drawdown", "33333.33"),
    )
]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of books with a bank of three loans, whose title looks like a formula."""
    books = tmp_path_factory.mktemp("books")
    loans = [loan(name) for name in ("bad", "good", "new")]
    tiny = tape(connect(), loans, SNAPSHOTS, flows=FLOWS)
    append_tape(books / "bank", tiny, PROFILE.model_copy(update={"title": FORMULA}))
    return books


@pytest.fixture(autouse=True)
def books(bank: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NPL_BOOKS", str(bank))
    return bank


def export(name: str, out: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["export", name, "--book", "bank", "--out", str(out), *options])


def lines_of(file: Path) -> dict[tuple[str, str], Mapping[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return {(row["block"], row["code"]): row for row in csv.DictReader(stream)}


def numbers_of(file: Path, sheet: str) -> dict[str, float]:
    rows = openpyxl.load_workbook(file)[sheet].iter_rows(min_row=3, values_only=True)
    return {str(row[0]): row[3] for row in rows}


def test_the_european_return_as_lines(books: Path) -> None:
    assert export("eu_cr2", books / "cr2.csv").exit_code == 0
    rows = lines_of(books / "cr2.csv")
    assert {code: row["amount"] for (_, code), row in rows.items()} == {
        "010": "123456.78", "020": "4900000.01", "030": "-123456.78", "040": "-113456.78", "050": "-10000.00",
        "060": "4900000.01",
    }  # fmt: skip
    first = rows["eu_cr2", "010"]
    assert (first["book"], first["as_of"], first["since"]) == ("bank", "2026-02-28", "2025-12-31")
    assert first["definition"].startswith("cn_2023 (")
    assert {row["status"] for row in rows.values()} == {"unverified"}


def test_amounts_in_ten_thousands_have_two_decimals_and_their_exact_amount_beside_them(books: Path) -> None:
    assert export("cn_g12", books / "g12.csv").exit_code == 0
    rows = lines_of(books / "g12.csv")
    assert (rows["I", "7.A"]["amount"], rows["I", "5.A"]["amount"]) == ("0.00", "12.35")
    assert rows["I", "5.A"]["exact_amount"] == "123456.78"
    assert (
        rows["checks", "lent.difference"]["exact_amount"] == rows["checks", "paid.difference"]["exact_amount"] == "0.00"
    )
    in_yuan = (
        lines_of(books / "g12.csv") if export("cn_g12", books / "g12.csv", "--unit", "yuan").exit_code == 0 else {}
    )
    assert in_yuan["I", "5.A"]["amount"] == "123456.78"


def test_a_workbook_holds_numbers_with_a_format_and_sums_that_are_exact(books: Path) -> None:
    assert export("cn_g12", books / "g12.xlsx").exit_code == 0
    sheet = openpyxl.load_workbook(books / "g12.xlsx")["I"]
    by_row = {str(row[0].value): row for row in sheet.iter_rows(min_row=5)}
    opening = by_row["5"][3]
    assert (opening.value, opening.number_format) == (12.345678, "#,##0.00")
    for row in ("3", "4", "5", "6", "7", "8"):
        values = [cell.value for cell in by_row[row][3:11]]
        assert values[0] == pytest.approx(values[1] + sum(values[2:7]), abs=1e-9)
        assert values[7] == pytest.approx(sum(values[2:7]), abs=1e-9)
    assert opening.fill.fgColor.rgb == "FFEFEFEF"  # not read in a publication
    moved = numbers_of(books / "g12.xlsx", "V")
    assert sum(value for code, value in moved.items() if code != "closing") == pytest.approx(moved["closing"])


def test_a_title_that_looks_like_a_formula_stays_a_text(books: Path) -> None:
    assert export("eu_cr2a", books / "cr2a.xlsx").exit_code == 0
    about = openpyxl.load_workbook(books / "cr2a.xlsx")["about"]
    title = next(row[1] for row in about.iter_rows() if row[0].value == "title")
    assert (title.value, title.data_type) == ("=1+1 / =HYPERLINK()", "s")
    assert export("eu_cr2a", books / "cr2a.csv").exit_code == 0
    assert next(iter(lines_of(books / "cr2a.csv").values()))["title"] == "'=1+1 / =HYPERLINK()"


def test_a_file_that_cannot_be_finished_leaves_the_old_one(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = books / "cr2.csv"
    out.write_text("old")

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(return_export.Path, "write_bytes", full)
    assert export("eu_cr2", out).exit_code == 3
    assert out.read_text() == "old"
    assert [file.name for file in books.glob(".cr2*")] == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["eu_cr3", "a.csv"], 2, "did you mean 'eu_cr2"),
        (["eu_cr2", "a.txt"], 2, "must end in .xlsx or .csv, was 'a.txt'"),
        (["eu_cr2", "nowhere/a.csv"], 2, "folder that is there, was in 'nowhere'"),
        (["eu_cr2", "a.csv", "--since", "2026-01-30"], 2, "did you mean '2026-01-31'"),
        (["eu_cr2", "a.csv", "--as-of", "2025-12-31"], 3, "opens at the end of the year before, 2024-12-31"),
    ],
)
def test_what_cannot_be_exported_is_said_with_what_to_do(
    books: Path, arguments: list[str], exit_code: int, message: str
) -> None:
    name, out, *options = arguments
    run = export(name, books / out, *options)
    assert (run.exit_code, message in run.stderr) == (exit_code, True), run.stderr


def test_a_book_without_flows_or_balances_says_so(books: Path) -> None:
    for basis, lacks in (("balance", "no flows"), ("count", "no balances")):
        rows = [snapshot(day, "L1") for day in (DECEMBER, JANUARY)]
        append_tape(books / basis, tape(connect(), [loan("L1")], rows), PROFILE.model_copy(update={"basis": basis}))
        run = CliRunner().invoke(cli, ["export", "eu_cr2", "--book", basis, "--out", str(books / "a.csv")])
        assert (run.exit_code, lacks in run.stderr) == (3, True)
