"""A kernel that is killed gets a second run; a notebook at fault does not."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import report_projects as projects
from analysis.reports import runner
from report_projects import CARDS, CURVE, NAME, OPENING, Project

# The kernel kills itself as a system short of memory would, as often as the file beside says.
KILLED = """
import os, pathlib, signal
left = pathlib.Path({path!r})
times = int(left.read_text())
left.write_text(str(times - 1))
if times > 0:
    os.kill(os.getpid(), signal.SIGKILL)
"""
FAILS = "raise ValueError('balance 1,000,000')"

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills by a signal that Windows does not have")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(runner, "RETRY_SECONDS", 0.0)
    return projects.build(tmp_path, monkeypatch)


@pytest.fixture
def killed(project: Project, tmp_path: Path) -> Callable[[int], Path]:
    """A notebook whose kernel is killed so many times; gives the file that counts down."""

    def killed(times: int) -> Path:
        left = tmp_path / "left"
        left.write_text(str(times))
        project.write(OPENING, KILLED.format(path=str(left)), CARDS, CURVE)
        return left

    return killed


def test_a_kernel_killed_once_is_run_again_and_the_report_is_published(
    project: Project, killed: Callable[[int], Path]
) -> None:
    killed(1)
    run = project.publish()
    assert (run.status, run.exit_code) == ("published", 0)
    (record,) = (project.period / "runs").glob("*/run.json")
    assert json.loads(record.read_text(encoding="utf-8"))["attempts"] == 2
    assert "died" in record.with_name("log.txt").read_text(encoding="utf-8")
    assert "attempts" not in (project.period / "manifest.json").read_text(encoding="utf-8")


def test_a_kernel_killed_twice_is_a_failure_of_infrastructure_with_a_page_for_its_owners(
    project: Project, killed: Callable[[int], Path]
) -> None:
    left = killed(5)
    run = project.publish()
    assert (run.status, run.exit_code) == ("failed", 3)
    assert run.message.startswith("the kernel died")
    assert left.read_text() == "3"
    assert not project.period.exists()
    folder = project.reports / "_failed" / f"{NAME}--2026-06-30"
    assert run.paths == [str(folder / "failure.html")]
    assert '<dt><span lang="zh">运行次数</span><span lang="en">Attempts</span></dt><dd>2</dd>' in (
        folder / "failure.html"
    ).read_text(encoding="utf-8")
    record = json.loads((folder / "failure.json").read_text(encoding="utf-8"))
    assert (record["kind"], record["attempts"], record["exit_code"]) == ("dead", 2, 3)


def test_without_time_for_a_second_run_there_is_none(
    project: Project, killed: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RETRY_SECONDS", 1e6)
    left = killed(5)
    assert project.publish().exit_code == 3
    assert left.read_text() == "4"


def test_a_cell_that_fails_is_not_run_again(project: Project) -> None:
    project.write(OPENING, FAILS)
    run = project.publish()
    assert (run.status, run.exit_code) == ("failed", 1)
    record = json.loads(next(project.reports.glob("_failed/*/failure.json")).read_text(encoding="utf-8"))
    assert (record["kind"], record["attempts"]) == ("error", 1)
