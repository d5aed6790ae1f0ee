"""Every measure that is a table can be asked from the command line, and says what it cannot say."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analysis.book.demo.truth import load_truth
from analysis.cli import cli
from analysis.measures.bridge import LINES
from analysis.measures.catalog import MEASURES
from analysis.measures.query import measures_listed
from analysis.models.estimates import EVERY_STATEMENT
from analysis.terms import NPL_CLASSES
from tapes import PROFILE, loan, snapshot, tape


def asked(*command: str) -> Result:
    return CliRunner().invoke(cli, ["measure", *command])


def rows(*command: str) -> list[dict]:
    run = asked(*command, "--since", "2026-06-30", "--format", "json")
    assert run.exit_code == 0, run.output
    return json.loads(run.stdout)


@pytest.mark.usefixtures("in_demo_books")
@pytest.mark.parametrize("name", EVERY_STATEMENT)
def test_every_statement_answers_by_segment(name: str) -> None:
    found = rows(name, "--by", "segment") if EVERY_STATEMENT[name].has_groups else rows(name)
    if EVERY_STATEMENT[name].has_groups:
        assert {row["segment"] for row in found} >= {"manufacturing", "wholesale_retail"}
    assert {(row["measure"], row["since"]) for row in found} == {(name, "2026-06-30")}
    # A table that looks ahead also has later dates.
    assert min(row["as_of"] for row in found) == "2026-09-30"
    assert {row["definition"] for row in found} == {"cn_2023"}


@pytest.mark.usefixtures("in_demo_books")
def test_statements_agree_with_the_numbers_they_explain() -> None:
    (bridge,) = rows("npl_bridge")
    lines = sum(round(float(bridge[line]) * 100) for line in ("opening", *LINES))
    assert lines == round(float(bridge["closing"]) * 100)
    (ratio,) = json.loads(asked("npl_ratio", "--format", "json").stdout)
    (before,) = json.loads(asked("npl_ratio", "--as-of", "2026-06-30", "--format", "json").stdout)
    assert float(bridge["closing"]) == pytest.approx(float(ratio["numerator"]))
    (flow,) = rows("npl_flow_attribution")
    assert (flow["before"], flow["after"]) == pytest.approx((before["value"], ratio["value"]))
    total = next(row for row in rows("npl_ratio_attribution") if row["note"] == "total")
    assert total["total"] == pytest.approx(ratio["value"] - before["value"])
    (undisposed,) = rows("npl_ratio_undisposed")
    assert undisposed["reported"] == pytest.approx(ratio["value"])


@pytest.mark.usefixtures("in_demo_books")
def test_coverage_is_asked_by_class_and_by_years_as_npl_where_other_measures_are_not() -> None:
    (whole,) = json.loads(asked("provision_coverage_ratio", "--format", "json").stdout)
    for cut in ("five_class", "bucket", "npl_years"):
        found = rows("npl_coverage", "--by", cut)
        assert sum(float(row["allowance"]) for row in found) == pytest.approx(float(whole["numerator"]))
        assert sum(float(row["npl"]) for row in found) == pytest.approx(float(whole["denominator"]))
    run = asked("npl_bridge", "--by", "npl_years")
    assert (run.exit_code, "by must name dimensions" in run.stderr) == (2, True)


@pytest.mark.usefixtures("in_demo_books")
def test_the_own_coverage_of_a_class_is_the_rate_that_the_book_was_made_with() -> None:
    known = load_truth().reporting["allowance"]
    found = {row["five_class"]: row["own_value"] for row in rows("npl_coverage", "--by", "five_class")}
    # A few loans are substandard by the rules where the bank, which sets the allowance, reports a better class.
    assert [found[name] for name in NPL_CLASSES] == pytest.approx([known[name] for name in NPL_CLASSES], abs=5e-3)


@pytest.mark.usefixtures("in_demo_books")
def test_the_allowance_bridge_ends_in_the_allowance_of_the_coverage_ratio() -> None:
    (bridge,), (npl,) = rows("allowance_bridge"), rows("npl_bridge")
    (ratio,) = json.loads(asked("provision_coverage_ratio", "--format", "json").stdout)
    assert bridge["closing"] == ratio["numerator"]
    assert bridge["write_off"] == npl["write_off"]


def test_the_list_names_every_measure_with_its_source() -> None:
    listed = {row["measure"]: row for row in measures_listed(EVERY_STATEMENT)}
    assert set(listed) == {*MEASURES, *EVERY_STATEMENT}
    assert all(row["source"] and row["definition_zh"] and row["definition_en"] for row in listed.values())


@pytest.mark.usefixtures("in_demo_books")
@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["npl_brige"], "did you mean 'npl_bridge'"),
        (["npl_bridge", "--since", "2026-06-29"], "did you mean '2026-06-30'"),
        (["npl_bridge", "--since", "2026-09-30"], "since must be one of the book's month ends"),
        (["npl_bridge", "--history"], "use --since"),
        (["npl_ratio", "--since", "2026-06-30"], "use --history"),
    ],
)
def test_what_cannot_be_asked_is_said_with_what_to_do(command: list[str], message: str) -> None:
    run = asked(*command)
    assert run.exit_code == 2
    assert message in run.stderr


def test_a_book_without_flows_or_a_second_month_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import date

    from analysis.book.append import append_tape
    from analysis.book.engine import connect

    monkeypatch.setenv("NPL_BOOKS", str(tmp_path))
    append_tape(tmp_path / "bank", tape(connect(), [loan("L1")], [snapshot(date(2025, 1, 31), "L1")]), PROFILE)
    run = asked("npl_bridge", "--book", "bank")
    assert (run.exit_code, "the book has one" in run.stderr) == (3, True)
    append_tape(tmp_path / "bank", tape(connect(), [loan("L1")], [snapshot(date(2025, 2, 28), "L1")]), PROFILE)
    run = asked("npl_bridge", "--book", "bank")
    assert (run.exit_code, "needs flows" in run.stderr) == (3, True)
    assert asked("roll_rates", "--book", "bank").exit_code == 0
