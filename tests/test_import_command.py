"""What `npl import` says to a person: why rows were set aside, and how to draft a map of an odd file."""

import json
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result

from analysis import console
from analysis.book.ingest.mapping import load_source, parse_mapping
from analysis.cli import cli
from analysis.errors import Misuse, Unavailable
from ledgers import HEADER, PLAIN_MAP, csv_text, record


def npl(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="npl")


def test_reasons_are_printed_with_their_rows(tmp_path: Path) -> None:
    odd = [record(loan_id=f"L{i}", days_past_due="x") for i in range(2)]
    lines = [record(), *odd, record(loan_id="L5", principal_balance="-1")]
    (tmp_path / "ledger.csv").write_text(csv_text(lines), encoding="utf-8")
    (tmp_path / "map.toml").write_text(PLAIN_MAP, encoding="utf-8")
    options = ("--map", str(tmp_path / "map.toml"), "--into", str(tmp_path / "b"))
    shown = npl("import", str(tmp_path / "ledger.csv"), *options)
    assert (
        "set aside, kept in the book's quarantine folder: unreadable_number (2), negative_balance (1)" in shown.stdout
    )
    again = npl("import", str(tmp_path / "ledger.csv"), *options, "--restate", "--format", "json")
    assert json.loads(again.stdout)["reasons"] == {"unreadable_number": 2, "negative_balance": 1}


def test_a_tape_without_a_row_that_can_be_used_fails_and_is_kept(tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text(csv_text([record(days_past_due="x")]), encoding="utf-8")
    (tmp_path / "map.toml").write_text(PLAIN_MAP, encoding="utf-8")
    options = ("--map", str(tmp_path / "map.toml"), "--into", str(tmp_path / "b"))
    shown = npl("import", str(tmp_path / "ledger.csv"), *options, "--format", "json")
    assert (shown.exit_code, json.loads(shown.stdout)["reasons"]) == (1, {"unreadable_number": 1})
    assert "every row of the tape was set aside" in shown.stderr
    assert list((tmp_path / "b" / "quarantine").glob("*.parquet"))


def test_records_that_become_no_table_are_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    tally = {"source": "s", "table": "", "rows_in": 1, "rows_accepted": 1, "rows_quarantined": 0, "amount_field": ""}
    console.print_import({"tallies": [tally], "findings": []}, "table")
    assert capsys.readouterr().out.startswith("s -> counted, in no table\n")


def titled_workbook(path: Path) -> str:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("明细")
    for row in (["某银行贷款明细表"], [], HEADER, record()):
        sheet.append(row)
    book.save(path)
    return str(path)


def test_a_draft_of_a_sheet_with_a_title_needs_its_header_row_and_says_so(tmp_path: Path) -> None:
    source = titled_workbook(tmp_path / "tape.xlsx")
    assert (
        "say so in a file ([source] header_row = … or sheet = …) and add --map"
        in npl("import", source, "--propose-map").stderr
    )
    (tmp_path / "how.toml").write_text('[source]\nsheet = "明细"\nheader_row = 3\n', encoding="utf-8")
    drafted = npl("import", source, "--propose-map", "--map", str(tmp_path / "how.toml"))
    mapping = parse_mapping(drafted.stdout)
    assert (mapping.source.sheet, mapping.source.header_row) == ("明细", 3)
    assert mapping.columns["loan_id"].source == "借据号"
    (tmp_path / "map.toml").write_text(drafted.stdout, encoding="utf-8")
    run = npl("import", source, "--map", str(tmp_path / "map.toml"), "--into", str(tmp_path / "b"))
    assert "1 in = 1 accepted + 0 quarantined" in run.stdout


def test_how_to_open_a_source_is_read_alone(tmp_path: Path) -> None:
    (tmp_path / "how.toml").write_text('[source]\nencoding = "gbk"\n[columns]\nno_such = "x"\n')
    assert load_source(tmp_path / "how.toml").encoding == "gbk"
    (tmp_path / "how.toml").write_text("[source]\nheader = 3\n")
    with pytest.raises(Misuse, match=r"how\.toml is not valid: key must be one of .*did you mean 'header_row'"):
        load_source(tmp_path / "how.toml")
    with pytest.raises(Unavailable, match=r"map none\.toml cannot be read"):
        load_source(tmp_path / "none.toml")
