"""From a request to the library: published, skipped when unchanged, refused with the last good report in place."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import report_projects as projects
from analysis.book.quality import Finding
from analysis.console import print_runs
from analysis.errors import Misuse, Unavailable
from analysis.reports import pack
from analysis.reports.publish import report_lock
from analysis.terms import Text
from report_projects import CARDS, CELLS, CURVE, NAME, OPENING, Project, add_book, files

LEAKS = CARDS.replace("不良率", "借款人 B-LOAN-2 的不良率")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return projects.build(tmp_path, monkeypatch)


def index(project: Project) -> str:
    return (project.reports / "index.html").read_text(encoding="utf-8")


def test_a_report_is_published_then_left_alone_then_the_same_again_by_force(project: Project) -> None:
    first = project.publish()
    assert (first.status, first.exit_code, first.message) == ("published", 0, "2026-06-30")
    assert [Path(path).name for path in first.paths] == ["report.zh.html", "report.en.html"]
    assert first.index == str(project.reports / "index.html")
    published = files(project.reports)

    again = project.publish(languages=("en",))
    assert (again.status, [Path(path).name for path in again.paths]) == ("unchanged", ["report.en.html"])
    assert files(project.reports) == published

    assert project.publish(force=True).status == "published"
    assert files(project.reports) == published
    assert len(list((project.period / "runs").iterdir())) == 2

    record = json.loads((project.period / "manifest.json").read_text(encoding="utf-8"))
    assert (project.period / "manifest.json").read_text(encoding="utf-8").endswith("}\n")
    assert [(one["path"], one["bytes"]) for one in record["outputs"]] == [
        (name, len((project.period / name).read_bytes())) for name in ("report.en.html", "report.zh.html")
    ]
    assert record["headline"][0] | {"label": None} == {
        "name": "npl_ratio", "value": 0.0162, "change": None, "status": "none", "unit": "share", "worse": "up",
        "label": None,
    }  # fmt: skip
    assert record["parameters"]["compare_to"] == "2026-03-31"
    assert record["exhibits"][1] == {"id": "curve", "kind": "chart", "metrics": {"npl_ratio": 0.0162}}
    assert {one["table"] for one in record["inputs"]} == {"loans", "snapshots"}
    assert str(project.folder) not in json.dumps(record)

    (project.period / "report.en.html").write_text("damaged")
    assert project.publish().status == "published"
    assert files(project.reports) == published


def test_a_failed_run_leaves_the_last_good_report_says_so_and_a_success_clears_it(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.publish()
    good = files(project.period)
    project.write(OPENING, "raise KeyError('IBAN GB33BUKB20201555555555')")
    failed = project.publish()
    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert failed.message == "a cell of the notebook failed [One] (KeyError); the report published before stays"
    assert files(project.period) == good
    folder = project.reports / "_failed" / f"{NAME}--2026-06-30"
    assert failed.paths == [str(folder / "failure.html")]
    for name in ("failure.html", "failure.json"):
        assert "IBAN" not in (folder / name).read_text(encoding="utf-8")
    assert "IBAN" in (folder / "log.txt").read_text(encoding="utf-8")
    assert (folder / "log.txt").stat().st_mode & 0o077 == 0
    assert "showing the report published before" in index(project)

    print_runs([failed], "table")
    assert capsys.readouterr().out.splitlines()[-1] == str(project.reports / "index.html")

    project.write(*CELLS)
    assert project.publish().status == "unchanged"
    assert not folder.exists()
    assert "published before" not in index(project)


def test_a_page_that_names_a_borrower_or_lacks_an_exhibit_is_refused(project: Project) -> None:
    project.write(OPENING, LEAKS)
    run = project.publish()
    assert (run.status, run.exit_code) == ("failed", 1)
    assert "exhibit curve must be shown, but is not" in run.message
    assert "holds 1 identifiers of the book" in run.message
    assert "B-LOAN-2" not in run.message
    assert not project.period.exists()
    assert "there is no earlier report" in index(project)


def test_errors_of_the_tape_refuse_a_report_before_it_runs_but_not_the_one_about_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = Finding(rule="duplicate_key", severity="error", label=Text("重复", "A loan stands twice"), count=2)
    monkeypatch.setattr("analysis.book.quality.findings", lambda _: (error,))
    run = project.publish()
    assert (run.status, run.exit_code) == ("failed", 1)
    assert run.message.endswith("severity error: A loan stands twice (duplicate_key, 2 rows)")

    request = pack.requests([NAME], {})[0]
    shows = pack.replace(request, contract=pack.replace(request.contract, shows_errors=True))
    assert pack._refusal(shows, (error,)) is None


def test_each_book_and_each_departure_has_a_place_of_its_own(project: Project, tmp_path: Path) -> None:
    add_book(project, "other")
    elsewhere = Project(folder=tmp_path / "elsewhere")
    add_book(elsewhere, "demo")
    asked = (
        {},
        {"as_of": "2026-03-31"},
        {"segment": "manufacturing"},
        {"basis": "count", "segment": "manufacturing"},
        {"book": "other"},
        {"book": str(tmp_path / "elsewhere" / "data" / "books" / "demo")},
        {"lang": "en"},
    )
    folders = [pack.requests([NAME], values)[0].place.folder for values in asked]
    assert folders[:5] == [
        "2026-06-30",
        "2026-03-31",
        "2026-06-30--segment-manufacturing",
        "2026-06-30--basis-count--segment-manufacturing",
        "2026-06-30--book-other",
    ]
    assert folders[5].startswith("2026-06-30--book-demo-")
    assert folders[6] == "2026-06-30"


def test_what_is_asked_is_checked_before_anything_runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "_attempted", lambda *_: pytest.fail("ran"))
    with pytest.raises(Misuse, match=r"no parameter 'segmnet' \(did you mean 'segment'\?\)[\s\S]*Allowed parameters"):
        project.publish(segmnet="retail")
    with pytest.raises(Misuse, match="segment must be one of manufacturing, was 'retail'"):
        project.publish(segment="retail")
    with pytest.raises(Misuse, match="as_of must be one of the book's 2 month ends"):
        project.publish(as_of="2026-09-30")
    with pytest.raises(Misuse, match=r"rules must be one of .* was 'cn_2032' \(did you mean 'cn_2023'\?\)"):
        project.publish(rules="cn_2032")
    with pytest.raises(Unavailable, match="book must be one of demo"):
        project.publish(book="demmo")
    with pytest.raises(Misuse, match="notebook must be one of 30_tiny"):
        pack.publish_reports(["30_tinny"], {}, ("zh",))
    assert not project.reports.exists()


def test_a_new_month_a_changed_notebook_or_new_code_is_not_unchanged(project: Project) -> None:
    def key() -> str:
        return pack.requests([NAME], {"as_of": "2026-06-30"})[0].fingerprint.key

    before = key()
    assert key() == before
    project.write(OPENING, CARDS, CURVE, "1")
    assert key() != before
    project.write(*CELLS)
    assert key() == before
    (project.folder / "data" / "books" / "demo" / "book.toml").write_text('title = "Another Bank"\n', encoding="utf-8")
    assert key() != before


def test_a_report_that_another_run_is_publishing_is_refused_with_its_own_exit_code(project: Project) -> None:
    with report_lock(project.reports, NAME):
        run = project.publish()
    assert (run.status, run.exit_code) == ("failed", 3)
    assert run.message.startswith("another run is publishing 30_tiny")
    assert not (project.reports / "_failed").exists()


def test_reports_go_where_the_environment_says(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NPL_REPORTS", str(tmp_path / "shared"))
    with report_lock(tmp_path / "shared", NAME):
        assert project.publish().index == str(tmp_path / "shared" / "index.html")


def test_nothing_heavy_is_loaded_before_it_is_known_that_something_changed() -> None:
    heavy = ("papermill", "nbconvert", "nbclient", "matplotlib", "statsmodels", "scipy", "fontTools")
    code = f"import sys, analysis.reports.pack; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_progress_never_goes_back_and_ends_within_its_span() -> None:
    seen: list[tuple[int, int]] = []
    for number in range(3):
        share = pack._share(lambda done, of: seen.append((done, of)), number, 3)
        for done in range(5):
            share(done, 4)
    assert seen == sorted(seen)
    assert {of for _, of in seen} == {300}
    assert seen[-1][0] == 300
