"""The command line: help that needs no manual, one sentence for what is refused, data only on standard output."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.cli import cli
from analysis.measures.catalog import MEASURES
from analysis.models.estimates import EVERY_STATEMENT

COMMANDS = ("demo", "import", "check", "measure", "export", "report")
HEADER = "as_of,loan_id,borrower_id,segment,origination_date,original_amount,principal_balance,days_past_due"
MAP = '[book]\ntitle = "Tiny bank"\n\n[columns]\n' + "\n".join(f'{name} = "{name}"' for name in HEADER.split(","))
GOOD = [
    "2026-06-30,L1,B1,trade,2024-01-15,1000.00,900.00,0",
    "2026-06-30,L2,B2,trade,2024-01-15,500.00,400.10,95",
    "2026-06-30,L3,B3,farm,2024-01-15,500.00,300.05,0",
]
BAD = "2026-06-30,L4,B4,farm,2024-01-15,500.00,77.77,minus one"


@pytest.fixture(autouse=True)
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NPL_BOOKS", str(tmp_path / "books"))
    monkeypatch.setenv("NPL_REPORTS", str(tmp_path / "reports"))
    yield tmp_path / "books"


def npl(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="npl")


def imported(folder: Path, lines: list[str], *extra: str) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tape.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    (folder / "map.toml").write_text(MAP, encoding="utf-8")
    return npl("import", str(folder / "tape.csv"), "--map", str(folder / "map.toml"), "--into", "tiny", *extra)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    shown = npl(command, "--help")
    assert shown.exit_code == 0
    assert f"npl {command}" in shown.output.split("Options:")[0].split("Usage:")[1].split("\n", 1)[1]


def test_the_help_lists_every_command_and_exit_code() -> None:
    shown = npl("--help").output
    assert all(command in shown for command in COMMANDS)
    assert "Exit codes: 0 done, 1 data or content refused, 2 usage, 3" in shown


def test_an_import_prints_its_account_to_the_row_and_cent(tmp_path: Path) -> None:
    shown = imported(tmp_path, [*GOOD, BAD])
    assert shown.exit_code == 0, shown.output
    assert " 4 in = 3 accepted + 1 quarantined" in " ".join(shown.output.split())
    assert "1,677.92 in = 1,600.15 accepted + 77.77 quarantined" in shown.output


def test_json_is_all_that_an_import_prints(tmp_path: Path) -> None:
    tally = json.loads(imported(tmp_path, [*GOOD, BAD], "--format", "json").stdout)["tallies"][0]
    assert (tally["rows_in"], tally["rows_accepted"], tally["rows_quarantined"]) == (4, 3, 1)


def test_the_same_month_twice_is_refused_and_restated_on_request(tmp_path: Path) -> None:
    assert imported(tmp_path, GOOD).exit_code == 0
    again = imported(tmp_path, GOOD)
    assert again.exit_code == 1
    assert "already has" in again.stderr
    assert imported(tmp_path, GOOD, "--restate").exit_code == 0


def test_a_measure_is_json_csv_or_a_table(tmp_path: Path) -> None:
    imported(tmp_path, GOOD)
    rows = json.loads(npl("measure", "npl_ratio", "--book", "tiny", "--by", "segment", "--format", "json").stdout)
    found = {row["segment"]: (row["numerator"], row["denominator"]) for row in rows}
    assert found == {"farm": ("0.00", "300.05"), "trade": ("400.10", "1300.10")}
    assert npl("measure", "npl_ratio", "--book", "tiny", "--format", "csv").stdout.startswith("as_of,measure,")
    assert "npl_ratio" in npl("measure", "npl_ratio", "--book", "tiny").stdout


def test_every_measure_is_listed_with_its_definition_and_source() -> None:
    listed = {row["measure"]: row for row in json.loads(npl("measure", "--list", "--format", "json").stdout)}
    assert set(listed) == {*MEASURES, *EVERY_STATEMENT}
    assert all(row["definition_en"] and row["definition_zh"] and row["source"] for row in listed.values())


@pytest.mark.parametrize(
    ("arguments", "exit_code", "hint"),
    [
        (("measure", "npl_rati", "--book", "tiny"), 2, "did you mean 'npl_ratio'"),
        (("measure", "npl_ratio", "--book", "tiny", "--by", "segmnt"), 2, "did you mean 'segment'"),
        (("measure", "npl_ratio", "--book", "tin"), 3, "did you mean 'tiny'"),
        (("measure", "npl_ratio", "--book", "tiny", "--as-of", "2026-05-31"), 2, "2026-06-30"),
        (("measure", "npl_ratio", "--book", "tiny", "--as-of", "soon"), 2, "must be a date"),
        (("measure", "npl_ratio", "--book", "tiny", "--rules", "cn_2032"), 2, "did you mean 'cn_2023'"),
        (("measure",), 2, "npl measure --list"),
        (("report", "20_segment_trend", "--book", "tiny"), 2, "did you mean '20_segment_trends'"),
        (("report", "--book", "tiny", "--set", "asof=2026-06-30"), 2, "did you mean 'as_of'"),
        (("report", "--book", "tiny", "--set", "nothing"), 2, "NAME=VALUE"),
        (("report", "--book", "tiny", "--set", "as_of=2026-05-31"), 2, "by --as-of"),
        (("report", "--set", "book=tiny"), 2, "by --book"),
        (("report", "--book", "tiny", "--set", "lang=en"), 2, "by --lang"),
        (
            ("measure", "npl_ratio", "--book", "tiny", "--rules", "huose"),
            2,
            "cn_card, eu_npe, us_retail,",
        ),
        (("import", "nowhere.csv", "--source", "sba", "--into", "x"), 3, "nowhere.csv"),
        (("import", "nowhere.csv", "--into", "x"), 2, "--propose-map"),
        (("import", "nowhere.csv", "--source", "sbaa", "--into", "x"), 2, "did you mean 'sba'"),
        (("demo", "--until", "2026-13-31"), 2, "must be a date"),
    ],
)
def test_what_is_refused_says_why_and_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...], exit_code: int, hint: str
) -> None:
    imported(tmp_path, GOOD)
    refused = npl(*arguments)
    assert refused.exit_code == exit_code, refused.output
    assert hint in refused.stderr
    assert refused.stdout == ""
    assert "Traceback" not in refused.output


def test_a_check_exits_with_one_if_a_finding_is_an_error(tmp_path: Path) -> None:
    imported(tmp_path, GOOD)
    assert npl("check", "tiny").exit_code == 0
    (tmp_path / "ledger.csv").write_text("as_of,balance\n2026-06-30,999999.00\n")
    refused = npl("check", "tiny", "--ledger", str(tmp_path / "ledger.csv"), "--format", "json")
    assert refused.exit_code == 1
    assert "error" in {row["severity"] for row in json.loads(refused.stdout)}


def test_a_proposed_map_is_on_standard_output_and_doubts_are_not(tmp_path: Path) -> None:
    (tmp_path / "账.csv").write_bytes("报告日期,借据号,贷款余额(万元)\n2026-06-30,L1,12.3\n".encode("gb18030"))
    drafted = npl("import", str(tmp_path / "账.csv"), "--propose-map")
    assert drafted.exit_code == 0
    assert 'loan_id = "借据号"' in drafted.stdout
    assert "unsure" in drafted.stderr
    assert "unsure" not in drafted.stdout


def test_the_installed_command_speaks_utf8_and_says_one_sentence(tmp_path: Path) -> None:
    environment = os.environ | {"NPL_BOOKS": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "analysis", "measure", "npl_ratio", "--book", "没有"]
    run = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert run.returncode == 3
    assert run.stdout == b""
    assert "没有" in run.stderr.decode("utf-8")
    assert b"Traceback" not in run.stderr


FIELD = st.text(max_size=12).map(lambda text: text.replace("\x00", "\\0")) | st.sampled_from(
    ["NaN", "-1", "1e400", "=HYPERLINK(1)", "<img src=x onerror=1>", '"', "2026-06-30", "L1", "99999999999999999999"]
)
LINES = st.lists(st.lists(FIELD, min_size=1, max_size=10).map(",".join), max_size=12)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=LINES, rubbish=st.binary(max_size=40))
def test_no_tape_brings_a_traceback_or_loses_a_row(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], rubbish: bytes
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    content = "\n".join([HEADER, *GOOD, *lines]).encode("utf-8", "surrogatepass") + b"\n" + rubbish
    (folder / "tape.csv").write_bytes(content)
    (folder / "map.toml").write_text(MAP, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NPL_BOOKS", str(folder / "books"))
        run = npl(
            "import", str(folder / "tape.csv"), "--map", str(folder / "map.toml"), "--into", "f", "--format", "json"
        )
        assert run.exception is None or isinstance(run.exception, SystemExit), run.exception
        assert run.exit_code in {0, 1, 3}, run.output
        if run.exit_code:
            return
        for tally in json.loads(run.stdout)["tallies"]:
            assert tally["rows_in"] == tally["rows_accepted"] + tally["rows_quarantined"]
            amounts = {name: Decimal(tally[f"amount_{name}"]) for name in ("in", "accepted", "quarantined", "rounding")}
            assert amounts["in"] + amounts["rounding"] == amounts["accepted"] + amounts["quarantined"]
        checked = npl("check", "f", "--format", "json")
        assert checked.exit_code in {0, 1}
        json.loads(checked.stdout)
