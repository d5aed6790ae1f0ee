"""A report is published whole or not at all, and a crash leaves the last good one."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.errors import Unavailable
from analysis.reports import exchange
from analysis.reports.failure import Incident
from analysis.reports.places import Place, slug
from analysis.reports.publish import (
    RUNS_KEPT,
    Edition,
    clear_failure,
    failure_folder,
    latest_name,
    publish_edition,
    publish_failure,
    report_lock,
    sweep,
)

PLACE = Place(notebook="30_tiny", as_of="2026-06-30")
STEPS = Path(__file__).with_name("publish_steps.py")


def edition(run: str) -> Edition:
    return Edition(run=run, public={"manifest.json": run, "report.zh.html": run}, private={"log.txt": "secret"})


def kept_runs(root: Path) -> list[str]:
    return sorted(path.name for path in (PLACE.path(root) / "runs").iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process; this system cannot fork")
@pytest.mark.parametrize("way", ["exchange", "renames"])
def test_a_kill_at_any_step_leaves_one_whole_edition_and_the_next_run_mends_the_rest(tmp_path: Path, way: str) -> None:
    done = subprocess.run([sys.executable, STEPS, tmp_path, way], capture_output=True, text=True, check=True)
    steps = json.loads(done.stdout)
    assert len(steps) > 20
    assert {step["at_once"] for step in steps} <= {"old", "new"} | ({"gone"} if way == "renames" else set())
    assert sum(step["at_once"] == "gone" for step in steps) <= 1
    assert {step["mended"] for step in steps} == {"old", "new"}
    assert {step["then"] for step in steps} == {"newest"}
    assert {step["staged"] for step in steps} == {0}
    assert {step["latest"] for step in steps} == {"2026-06-30"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process; this system cannot fork")
@pytest.mark.parametrize("way", ["exchange", "renames"])
def test_records_of_published_runs_survive_a_kill_and_those_of_others_do_not(tmp_path: Path, way: str) -> None:
    done = subprocess.run([sys.executable, STEPS, tmp_path, way], capture_output=True, text=True, check=True)
    for step in json.loads(done.stdout):
        assert step["runs"] == (["newest", "old"] if step["mended"] == "old" else ["new", "newest", "old"])


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_second_edition_takes_the_place_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(exchange, "exchange", lambda _one, _other: False)
    publish_edition(tmp_path, PLACE, edition("1"))
    folder = publish_edition(tmp_path, PLACE, edition("2"))
    assert (folder / "report.zh.html").read_text() == "2"
    assert kept_runs(tmp_path) == ["1", "2"]
    assert list((tmp_path / "_staging").iterdir()) == []
    assert [path.name for path in (tmp_path / "30_tiny").iterdir() if path.name.startswith(".")] == []


def test_only_the_newest_records_of_runs_are_kept(tmp_path: Path) -> None:
    for run in range(RUNS_KEPT + 3):
        publish_edition(tmp_path, PLACE, edition(f"{run:02}"))
    assert kept_runs(tmp_path) == [f"{run:02}" for run in range(3, RUNS_KEPT + 3)]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_records_of_runs_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = publish_edition(tmp_path, PLACE, edition("1"))
    assert stat.S_IMODE((folder / "runs" / "1" / "log.txt").stat().st_mode) == 0o600


def test_latest_is_the_newest_period_even_if_an_older_one_is_published_later(tmp_path: Path) -> None:
    for as_of in ("2026-06-30", "2026-03-31"):
        publish_edition(tmp_path, Place(notebook="30_tiny", as_of=as_of), edition("1"))
    publish_edition(tmp_path, Place(notebook="30_tiny", as_of="2026-09-30", slug="segment-retail"), edition("1"))
    pointers = {path.name: json.loads(path.read_text()) for path in (tmp_path / "30_tiny").glob("*.json")}
    assert pointers == {
        "latest.json": {"folder": "2026-06-30"},
        "latest--segment-retail.json": {"folder": "2026-09-30--segment-retail"},
    }
    assert (tmp_path / "30_tiny" / latest_name("") / "report.zh.html").read_text() == "1"


def test_a_pointer_that_was_lost_or_is_behind_is_mended_when_the_notebook_is_next_run(tmp_path: Path) -> None:
    publish_edition(tmp_path, PLACE, edition("1"))
    folder = tmp_path / "30_tiny"
    (folder / latest_name("")).unlink()
    (folder / "latest.json").write_text('{"folder": "2026-03-31"}\n')
    sweep(tmp_path, "30_tiny")
    assert json.loads((folder / "latest.json").read_text()) == {"folder": "2026-06-30"}
    assert (folder / latest_name("") / "report.zh.html").read_text() == "1"
    before = (folder / "latest.json").stat().st_mtime_ns
    sweep(tmp_path, "30_tiny")
    assert (folder / "latest.json").stat().st_mtime_ns == before


def test_without_links_the_small_file_still_points_to_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    publish_edition(tmp_path, PLACE, edition("1"))
    assert json.loads((tmp_path / "30_tiny" / "latest.json").read_text()) == {"folder": "2026-06-30"}
    assert not (tmp_path / "30_tiny" / "latest").exists()


def test_a_second_process_is_refused_at_once_and_told_why(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from analysis.reports.publish import report_lock\n"
        "with report_lock(Path(sys.argv[1]), '30_tiny'): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(Unavailable, match="another run is publishing 30_tiny"), report_lock(tmp_path, "30_tiny"):
            pass
        with report_lock(tmp_path, "40_other"):
            pass
    finally:
        other.communicate()
    with report_lock(tmp_path, "30_tiny"):
        pass


def test_sweeping_one_notebook_leaves_the_staging_of_another(tmp_path: Path) -> None:
    staged = [tmp_path / "_staging" / f"{name}~2026-06-30~1" for name in ("30_tiny", "30_tiny_too")]
    for folder in staged:
        folder.mkdir(parents=True)
    sweep(tmp_path, "30_tiny")
    assert [folder.exists() for folder in staged] == [False, True]


def test_word_of_a_failure_replaces_the_former_word_and_is_cleared_by_success(tmp_path: Path) -> None:
    publish_edition(tmp_path, PLACE, edition("1"))
    for run, exception in (("2", "KeyError"), ("3", "ZeroDivisionError")):
        publish_failure(tmp_path, PLACE, run, Incident(kind="error", exception=exception, log="private"))
    record = json.loads((failure_folder(tmp_path, PLACE) / "failure.json").read_text())
    assert record["exception"] == "ZeroDivisionError"
    assert (PLACE.path(tmp_path) / "report.zh.html").read_text() == "1"
    clear_failure(tmp_path, PLACE)
    clear_failure(tmp_path, PLACE)
    assert not failure_folder(tmp_path, PLACE).exists()


def test_a_slug_is_the_same_for_the_same_departures_in_any_order() -> None:
    assert slug({}) == ""
    assert slug({"segment": "retail", "book": "sba"}) == slug({"book": "sba", "segment": "retail"})
    assert slug({"segment": "retail", "book": "sba"}) == "book-sba--segment-retail"


def test_a_value_cannot_pass_for_another_departure() -> None:
    assert slug({"book": "sba--segment-retail"}) != slug({"book": "sba", "segment": "retail"})


@pytest.mark.parametrize("value", ["../../etc", "a/b", "A", "x" * 300, "名 称", "con.", "a--b/..\\c", "\u0000"])
def test_a_slug_is_one_plain_folder_name_and_tells_values_apart(value: str) -> None:
    made = slug({"segment": value})
    assert len(made.encode()) < 200
    assert not set(made) & set('/\\ \u0000:*?"<>|')
    assert made == made.casefold()
    assert made != slug({"segment": value + "x"})
