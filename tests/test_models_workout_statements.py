"""Every table about workouts can be asked from the command line, and says what it cannot say."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.cli import cli
from analysis.measures.query import measures_listed
from analysis.models.estimates import EVERY_STATEMENT
from analysis.models.workout_statements import WORKOUT_STATEMENTS
from tapes import PROFILE, loan, snapshot, tape

FIRST = ("as_of", "segment", "measure", "definition", "basis")
CURVE = ("months", "value", "lower", "upper", "cured", "at_risk", "owed", "received", "note", "since")


def asked(*command: str) -> Result:
    return CliRunner().invoke(cli, ["measure", *command])


@pytest.mark.usefixtures("in_demo_books")
def test_a_curve_by_segment_has_its_columns_and_begins_with_the_book() -> None:
    run = asked("recovery_curve", "--by", "segment", "--format", "json")
    assert run.exit_code == 0, run.output
    rows = json.loads(run.stdout)
    assert {row["segment"] for row in rows} >= {"manufacturing", "wholesale_retail"}
    assert tuple(rows[0]) == (*FIRST, *CURVE)
    assert {row["since"] for row in rows} == {"2021-10-31"}


@pytest.mark.usefixtures("in_demo_books")
def test_an_opening_and_a_cohort_narrow_what_is_asked() -> None:
    run = asked(
        "workouts", "--since", "2025-12-31", "--set", "cohort=quarter", "--set", "same_within=0", "--format", "json"
    )
    rows = json.loads(run.stdout)
    assert {row["cohort"] for row in rows} == {"2026-01-01", "2026-04-01", "2026-07-01"}
    assert sum(row["merged"] for row in rows) == 0
    run = asked("written_off_recoveries", "--since", "2026-06-30", "--format", "json")
    assert {row["months"] for row in json.loads(run.stdout)} == {1, 2}


def test_the_list_names_them_with_definition_and_source() -> None:
    listed = {row["measure"]: row for row in measures_listed(EVERY_STATEMENT)}
    for one in WORKOUT_STATEMENTS:
        row = listed[one.name]
        assert row["definition_zh"] and row["definition_en"] and row["source"], one.name
    assert listed["workouts"]["status"] == "unverified"


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book without flows: one loan gets well, one drops out, one is still bad."""
    monkeypatch.setenv("NPL_BOOKS", str(tmp_path))
    months = [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)]
    overdue = {"A": [0, 100, 130, 160], "B": [0, 100, None, None], "C": [0, 100, 130, 160]}
    shots = [
        snapshot(month, name, dpd=days)
        for name, path in overdue.items()
        for month, days in zip(months, path, strict=True)
        if days is not None
    ]
    append_tape(tmp_path / "bank", tape(connect(), map(loan, overdue), shots), PROFILE)
    return tmp_path / "bank"


@pytest.mark.usefixtures("bank")
def test_a_book_without_flows_says_so_and_still_shows_who_left() -> None:
    for name in ("recovery_curve", "workout_lgd", "written_off_recoveries", "workout_cash", "time_to_cash"):
        run = asked(name, "--book", "bank")
        assert (run.exit_code, "needs flows" in run.stderr) == (3, True), name
    run = asked("workout_exits", "--book", "bank", "--format", "json")
    rows = json.loads(run.stdout)
    assert {row["exit"] for row in rows} == {"left"}
    assert rows[-1]["value"] == pytest.approx(1 / 3)
    counted = json.loads(asked("workouts", "--book", "bank", "--format", "json").stdout)
    assert {(row["how"], row["loans"], row["drawn"]) for row in counted} == {("left", 1, None), ("open", 2, None)}


@pytest.mark.usefixtures("in_demo_books")
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("cohort=month", "cohort must be one of"),
        ("same_within=-1", "same_within"),
        ("cohrt=all", "did you mean 'cohort'"),
    ],
)
def test_what_cannot_be_set_is_refused(setting: str, message: str) -> None:
    run = asked("recovery_curve", "--set", setting)
    assert run.exit_code == 2
    assert message in run.stderr
