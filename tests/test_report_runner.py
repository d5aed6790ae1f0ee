"""A notebook runs in a clean process that nothing of the caller's reaches and no loop escapes."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from analysis.reports import runner
from analysis.reports.exporter import outputs
from analysis.reports.failure import Incident
from analysis.reports.runner import Executed, Job, Limits, clean_environment, run_notebook

LIMITS = Limits()
DRAWS = """
import matplotlib.pyplot as plt
plt.plot([1, 2]);
"""
REPORTS_ENVIRONMENT = """
import os, time
print(os.environ.get("MPLBACKEND"), time.tzname[0], os.environ["PYTHONHASHSEED"], os.environ.get("IPYTHONDIR"))
"""
WAITS = "import time\ntime.sleep(60)"
LOOPS = "while True: pass"
FORKS = """
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(witness).write_text(str(child.pid))
while True: pass
"""


@pytest.fixture
def run(tmp_path: Path):
    def run(*cells: str, limits: Limits = LIMITS, **values: str | int) -> Executed | Incident:
        section = nbformat.v4.new_markdown_cell("## 二 / Two")
        section.metadata["npl"] = {"id": "two", "zh": "二", "en": "Two"}
        first = nbformat.v4.new_code_cell("witness = ''\nx = 0", metadata={"tags": ["parameters"]})
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        path = tmp_path / "tiny.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[first, section, *code]), path)
        return run_notebook(Job(notebook=path, parameters=values, books=tmp_path, limits=limits))

    return run


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended but was not yet buried does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def text(done: Executed | Incident) -> str:
    assert isinstance(done, Executed), getattr(done, "log", "")
    return "".join(out.text for cell in done.notebook.cells for out in cell.get("outputs", ()) if "text" in out)


def test_charts_do_not_vanish_where_the_caller_chose_a_backend_without_windows(
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    done = run(DRAWS)
    assert isinstance(done, Executed)
    assert any("image/png" in data for data in outputs(done.notebook))


def test_nothing_of_the_callers_environment_changes_what_comes_out(run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TZ": "Asia/Shanghai",
        "MPLBACKEND": "agg",
        "PYTHONSTARTUP": "/nowhere",
        "IPYTHONDIR": "/x",
    }.items():
        monkeypatch.setenv(name, value)
    assert re.fullmatch(r"\S+inline UTC 0 /\S+/npl-\w+/ipython\n", text(run(REPORTS_ENVIRONMENT)))


def test_parameters_arrive_and_the_same_run_leaves_the_same_outputs(run) -> None:
    once, again = (run("print(x + 1)", x=41).notebook for _ in range(2))
    assert [cell.get("outputs") for cell in once.cells] == [cell.get("outputs") for cell in again.cells]
    assert once.cells[-1].outputs[0].text == "42\n"


def test_the_notebook_keeps_no_trace_of_the_clock(run) -> None:
    notebook = run("print(1)").notebook
    assert "papermill" not in notebook.metadata
    assert all("papermill" not in cell.metadata and "execution" not in cell.metadata for cell in notebook.cells)


def test_a_failing_cell_names_its_section_and_type_and_keeps_its_text_for_the_log(run) -> None:
    done = run("raise KeyError('IBAN GB33BUKB20201555555555')")
    assert isinstance(done, Incident)
    assert (done.kind, done.exception, done.error.exit_code) == ("error", "KeyError", 1)
    assert done.message("en") == "a cell of the notebook failed [Two] (KeyError)"
    assert "IBAN" in done.log


@pytest.mark.parametrize(("cell", "kind", "code"), [(LOOPS, "endless", 1), (WAITS, "hanging", 3)])
def test_a_cell_over_its_limit_is_ended_and_told_apart(run, cell: str, kind: str, code: int) -> None:
    begun = time.monotonic()
    done = run(cell, limits=Limits(cell=2.0))
    assert isinstance(done, Incident)
    assert (done.kind, done.error.exit_code) == (kind, code)
    assert time.monotonic() - begun < 40


def test_the_limit_in_all_holds_though_each_cell_is_short(run) -> None:
    cells = ["import time\ntime.sleep(1)"] * 60
    done = run(*cells, limits=Limits(total=8.0))
    assert isinstance(done, Incident)
    assert done.kind in {"hanging", "endless"}


def test_neither_kernel_nor_what_it_started_outlives_the_limit(run, tmp_path: Path) -> None:
    witness = tmp_path / "pid"
    done = run(FORKS, limits=Limits(cell=3.0), witness=str(witness))
    assert isinstance(done, Incident)
    assert not is_alive(int(witness.read_text()))


def test_a_kernel_that_dies_is_told_from_a_cell_that_fails(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RETRY_SECONDS", 0.0)
    done = run("import os\nos._exit(1)")
    assert isinstance(done, Incident)
    assert (done.kind, done.error.exit_code) == ("dead", 3)


@pytest.mark.skipif(os.name == "nt", reason="kills a process by a signal that Windows does not have")
def test_a_killed_caller_leaves_no_process_behind(tmp_path: Path) -> None:
    path = tmp_path / "waits.ipynb"
    marker = tmp_path / "kernel"
    cells = [
        nbformat.v4.new_code_cell(f"import os, pathlib\npathlib.Path({str(marker)!r}).write_text(str(os.getpid()))")
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell(WAITS)]), path)
    code = (
        "import sys; from pathlib import Path; from analysis.reports.runner import Job, run_notebook\n"
        "run_notebook(Job(notebook=Path(sys.argv[1]), parameters={}, books=Path('.')))"
    )
    caller = subprocess.Popen([sys.executable, "-c", code, path])
    kernel = _number_in(marker)
    caller.kill()
    caller.wait()
    deadline = time.monotonic() + 20
    while is_alive(kernel) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_alive(kernel)


def test_the_environment_is_built_without_what_is_private_to_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    monkeypatch.setenv("PAPERMILL_X", "1")
    made = clean_environment(tmp_path, tmp_path / "books")
    assert "JUPYTER_TOKEN" not in made
    assert "PAPERMILL_X" not in made
    assert made["NPL_BOOKS"] == str(tmp_path / "books")
    assert made["OMP_NUM_THREADS"] == "1"


def _number_in(path: Path) -> int:
    deadline = time.monotonic() + 60
    while not (path.is_file() and path.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return int(path.read_text())
