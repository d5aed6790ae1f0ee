"""Real loans from file to published page: in equals out, and the report's ratios are those of plain pandas."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.cli import cli
from independent_panels import card_panel, lendingclub_panel, lendingclub_source, sba_panel, sba_source, sba_usable

NOTEBOOK = "20_segment_trends"
pytestmark = pytest.mark.slow


def said(*command: str) -> Any:
    run = CliRunner().invoke(cli, [*command, "--format", "json"])
    assert run.exit_code == 0, run.output
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of reports, beside books of their own."""
    reports = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NPL_BOOKS", str(tmp_path_factory.mktemp("books")))
        patch.setenv("NPL_REPORTS", str(reports))
        yield reports


def imported(source: str, file: Path) -> tuple[list[int], list[Decimal]]:
    """Rows and amounts that an import says came in, were accepted and were set aside."""
    tallies = said("import", str(file), "--source", source, "--into", source)["tallies"]
    rows = [sum(one[f"rows_{what}"] for one in tallies) for what in ("in", "accepted", "quarantined")]
    amounts = [
        sum((Decimal(one[f"amount_{what}"] or 0) for one in tallies), Decimal(0))
        for what in ("in", "accepted", "quarantined")
    ]
    return rows, amounts


def published(reports: Path, source: str, as_of: str) -> dict[str, float]:
    """NPL ratio of the segments that a published report draws."""
    (run,) = said("report", NOTEBOOK, "--book", source, "--as-of", as_of)
    assert run["status"] == "published"
    assert [Path(page).name for page in run["paths"]] == ["report.zh.html", "report.en.html"]
    manifest = json.loads((Path(run["paths"][0]).parent / "manifest.json").read_text(encoding="utf-8"))
    assert reports in Path(run["paths"][0]).parents
    panels = next(one for one in manifest["exhibits"] if one["id"] == "segment_panels")["metrics"]
    return {name.removesuffix(".latest"): value for name, value in panels.items() if name.endswith(".latest")}


def measured(source: str, as_of: str) -> dict[str, float]:
    """NPL ratio of every segment by the command line."""
    rows = said("measure", "npl_ratio", "--book", source, "--as-of", as_of, "--by", "segment")
    return {row["segment"]: row["value"] for row in rows}


def by_pandas(panel: pd.DataFrame) -> dict[str, float]:
    """NPL ratio of every segment of an independent panel; an account without a balance counts as one."""
    balance = panel["balance"] if "balance" in panel else pd.Series(1.0, index=panel.index)
    npl = balance.where(panel["is_npl"], 0.0).groupby(panel["segment"]).sum()
    return (npl / balance.groupby(panel["segment"]).sum()).to_dict()


def assert_agree(shown: dict[str, float], found: dict[str, float], panel: pd.DataFrame, segments: int) -> None:
    expected = by_pandas(panel)
    assert len(expected) == segments
    assert found == pytest.approx(expected, abs=1e-6)  # balances of a schedule are rounded to cents
    assert len(shown) >= min(segments, 12)
    assert shown == {segment: found[segment] for segment in shown}


def test_sba_is_published_as_the_file_has_it(places: Path, shared_data: Path) -> None:
    file, as_of = shared_data / "sba_national_sample.csv.gz", "2008-12-31"
    source = sba_source(file)
    usable = sba_usable(source)
    total, kept = int(source["amount"].sum()), int(usable["amount"].sum())
    assert imported("sba", file) == (
        [len(source), len(usable), len(source) - len(usable)], [total, kept, total - kept]
    )  # fmt: skip
    panel = sba_panel(usable, pd.Timestamp(as_of))
    assert_agree(published(places, "sba", as_of), measured("sba", as_of), panel, segments=25)


def test_lendingclub_is_published_as_the_file_has_it(places: Path, shared_data: Path) -> None:
    file, as_of = shared_data / "lendingclub_2007_2011.parquet", "2011-12-31"
    source = lendingclub_source(file)
    total = int(source["funded_amnt"].sum())
    assert imported("lendingclub", file) == ([len(source), len(source), 0], [total, total, 0])
    panel = lendingclub_panel(source, "2011-12")
    assert_agree(published(places, "lendingclub", as_of), measured("lendingclub", as_of), panel, segments=14)


def test_card_accounts_are_published_as_the_file_has_them(places: Path, shared_data: Path) -> None:
    file, as_of = shared_data / "credit_record.parquet", "2020-01-31"
    statuses = pd.read_parquet(file)
    assert imported("card-status", file) == ([len(statuses), len(statuses), 0], [0, 0, 0])
    panel = card_panel(statuses, pd.read_parquet(shared_data / "application_record.parquet"))
    assert_agree(published(places, "card-status", as_of), measured("card-status", as_of), panel, segments=6)
