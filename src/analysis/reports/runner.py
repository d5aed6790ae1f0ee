"""Run a notebook in a process of its own, under a time limit that it cannot escape; once more if its kernel is lost."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import nbformat
import psutil
from nbformat import NotebookNode

from analysis.reports.failure import Incident
from analysis.reports.kernel import (
    EXECUTED_FILE,
    JOB_FILE,
    KERNEL_NAME,
    NOTEBOOK_FILE,
    PROGRESS_FILE,
    RESULT_FILE,
    replace_json,
)
from analysis.terms import Text

Progress = Callable[[int, int], None]
Overrun = Literal["", "start", "limit"]
# Memory that ran out or a machine under load are often better a moment later; a fault of notebook or data is not.
RETRY_SECONDS = 5.0
_LOST = frozenset({"dead", "unstarted"})
_ATTEMPTS = 2
_POLL_SECONDS = 0.05
_SAMPLE_SECONDS = 0.5
_BUSY_SHARE = 0.05  # of a processor; a waiting kernel stays far below, a looping one above on a loaded machine
_SOCKET_BASE = 40  # longest temporary folder that leaves room for a socket's name (107 bytes in all)
_PRIVATE = ("MPLBACKEND", "PYTHONSTARTUP", "PYTHONWARNINGS", "JUPYTER_", "IPYTHON", "PAPERMILL_")
_LIBRARY_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a run may take [seconds]: in all, in one cell, and until its first cell."""

    total: float = 1800.0
    cell: float = 900.0
    start: float = 120.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to run: a notebook, its parameters (JSON scalars), and the folder its books lie in."""

    notebook: Path
    parameters: Mapping[str, str | int]
    books: Path
    limits: Limits = Limits()


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A notebook that ran to its end.

    Attributes:
        notebook: with outputs, without traces of machine and clock.
        seconds: time it took [seconds].
        cells: time of each code cell, in order [seconds].
        log: full output of the run; for owners only.
        attempts: how often it was begun.
    """

    notebook: NotebookNode
    seconds: float
    cells: tuple[float, ...]
    log: str = ""
    attempts: int = 1


def run_notebook(job: Job, progress: Progress | None = None) -> Executed | Incident:
    """The executed notebook, or why there is none.

    A run whose kernel died or did not start is begun once more, within the limit in all; nothing else is.

    Args:
        job: what to run.
        progress: called with cells done and cells in all.
    """
    deadline, log = time.monotonic() + job.limits.total, ""
    for attempt in range(1, _ATTEMPTS + 1):
        done = _attempt(job, deadline - time.monotonic(), progress)
        log += done.log
        is_last = attempt == _ATTEMPTS or deadline - time.monotonic() <= RETRY_SECONDS
        if isinstance(done, Executed) or done.kind not in _LOST or is_last:
            break
        time.sleep(RETRY_SECONDS)
    return replace(done, log=log, attempts=attempt)


def _attempt(job: Job, seconds: float, progress: Progress | None) -> Executed | Incident:
    limits = replace(job.limits, total=seconds)
    with _scratch() as folder:
        cells = _prepare(folder, job)
        begun = time.monotonic()
        overrun, busy = _supervise(
            folder, replace(job, limits=limits), lambda done: progress(done, cells) if progress else None
        )
        if overrun:
            return _incident(folder, _overrun_kind(overrun, busy), "")
        return _result(folder, time.monotonic() - begun)


def _prepare(folder: Path, job: Job) -> int:
    notebook = nbformat.read(job.notebook, as_version=4)
    shutil.copyfile(job.notebook, folder / NOTEBOOK_FILE)
    content = {"parameters": dict(job.parameters), "start_seconds": job.limits.start}
    replace_json(folder / JOB_FILE, content)
    kernel = folder / "jupyter" / "kernels" / KERNEL_NAME
    kernel.mkdir(parents=True)
    launcher = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": [*launcher, "--HistoryManager.enabled=False"], "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return len(notebook.cells) + 1  # one more for the injected parameters


def clean_environment(folder: Path, books: Path) -> dict[str, str]:
    """Variables for a run: nothing of the caller's that could change what comes out."""
    package = str(Path(__file__).resolve().parents[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    return kept | dict.fromkeys(_LIBRARY_THREADS, "1") | {
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")])),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "TZ": "UTC",
        "NPL_BOOKS": str(books),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "r"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_NO_CONFIG": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(folder / "mpl")),
    }  # fmt: skip


def _supervise(folder: Path, job: Job, report: Callable[[int], None]) -> tuple[Overrun, bool]:
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(log, "wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and this package
            [sys.executable, "-m", "analysis.reports.kernel", str(folder)],
            cwd=folder,
            env=clean_environment(folder, job.books),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        try:
            overrun = _overrun(process, folder, job.limits, report)
            return overrun, bool(overrun) and _busy(process.pid)
        finally:
            _kill_tree(process)


def _overrun(process: subprocess.Popen[bytes], folder: Path, limits: Limits, report: Callable[[int], None]) -> Overrun:
    begun = cell_begun = time.monotonic()
    cell = -1
    while process.poll() is None:
        now = time.monotonic()
        if (reached := _json(folder / PROGRESS_FILE).get("cell", -1)) != cell:
            cell, cell_begun = reached, now
            report(cell)
        allowed = limits.start if cell < 0 else limits.cell
        if now - cell_begun > allowed or now - begun > limits.total:
            return "start" if cell < 0 else "limit"
        time.sleep(_POLL_SECONDS)
    return ""


def _busy(pid: int) -> bool:
    # An endless loop computes; a lock, a dead file share or a silent server does not.
    before = _processor_seconds(pid)
    time.sleep(_SAMPLE_SECONDS)
    return _processor_seconds(pid) - before > _BUSY_SHARE * _SAMPLE_SECONDS


def _processor_seconds(pid: int) -> float:
    seconds = 0.0
    for process in _tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system
    return seconds


def _tree(pid: int) -> list[Any]:
    try:
        root = psutil.Process(pid)
        return [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return []


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    # The kernel leads a session of its own, so the worker's process group would miss it.
    for member in _tree(process.pid):
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _overrun_kind(overrun: Overrun, busy: bool) -> str:
    if overrun == "start":
        return "unstarted"
    return "endless" if busy else "hanging"


def _result(folder: Path, seconds: float) -> Executed | Incident:
    result = _json(folder / RESULT_FILE)
    if result.get("state") != "done":
        return _incident(folder, result.get("state", "dead"), result.get("exception", ""))
    notebook = nbformat.read(folder / EXECUTED_FILE, as_version=4)
    cells = [c.metadata.get("papermill", {}).get("duration") or 0.0 for c in notebook.cells if c.cell_type == "code"]
    return Executed(notebook=_timeless(notebook), seconds=seconds, cells=tuple(cells), log=_log(folder))


def _incident(folder: Path, kind: str, exception: str) -> Incident:
    section = _json(folder / PROGRESS_FILE).get("section") or {}
    return Incident(
        kind=kind,
        exception=exception,
        section=Text(section["zh"], section["en"]) if {"zh", "en"} <= set(section) else None,
        log=_log(folder),
    )


def _log(folder: Path) -> str:
    return (folder / "log.txt").read_text(encoding="utf-8", errors="replace")


def _timeless(notebook: NotebookNode) -> NotebookNode:
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
    return notebook


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


@contextmanager
def _scratch() -> Iterator[Path]:
    base = tempfile.gettempdir()
    if len(base) > _SOCKET_BASE and os.name != "nt":
        base = "/tmp"  # noqa: S108 - a private folder is made in it; socket names have a length limit
    folder = Path(tempfile.mkdtemp(prefix="npl-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
