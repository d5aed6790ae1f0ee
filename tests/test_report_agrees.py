"""A report's manifest says what the command line says, and its page holds nothing unescaped or unmasked."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.cli import cli

PAGE_BUDGET = 300_000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(demo_books: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    reports = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NPL_BOOKS", str(demo_books))
        patch.setenv("NPL_REPORTS", str(reports))
        run = CliRunner().invoke(cli, ["report", "20_segment_trends", "--book", "demo", "--format", "json"])
        assert run.exit_code == 0, run.output
        assert [one["status"] for one in json.loads(run.stdout)] == ["published"]
        again = CliRunner().invoke(cli, ["report", "20_segment_trends", "--book", "demo", "--format", "json"])
        assert [one["status"] for one in json.loads(again.stdout)] == ["unchanged"]
    return next((reports / "20_segment_trends").glob("20*/manifest.json"))


@pytest.mark.usefixtures("in_demo_books")
def test_the_measure_agrees_with_the_manifest(published: Path) -> None:
    command = ["measure", "npl_ratio", "--book", "demo", "--by", "segment", "--format", "json"]
    measured = {row["segment"]: row["value"] for row in json.loads(CliRunner().invoke(cli, command).stdout)}
    manifest = json.loads(published.read_text(encoding="utf-8"))
    panels = next(one for one in manifest["exhibits"] if one["id"] == "segment_panels")["metrics"]
    assert len(measured) == 10
    assert {segment: panels[f"{segment}.latest"] for segment in measured} == measured
    whole = json.loads(CliRunner().invoke(cli, ["measure", "npl_ratio", "--format", "json"]).stdout)[0]["value"]
    assert {one["name"]: one["value"] for one in manifest["headline"]} == {"npl_ratio": whole}


def test_the_demonstration_pages_keep_their_budget(published: Path) -> None:
    pages = sorted(published.parent.glob("report.*.html"))
    assert len(pages) == 2
    assert [page.name for page in pages if page.stat().st_size > PAGE_BUDGET] == []
