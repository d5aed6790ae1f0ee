"""A process that executes one notebook, and says on disk how far it came and how it ended."""

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from traitlets.config import Config

JOB_FILE = "job.json"
NOTEBOOK_FILE = "notebook.ipynb"
PROGRESS_FILE = "progress.json"
RESULT_FILE = "result.json"
EXECUTED_FILE = "executed.ipynb"
KERNEL_NAME = "python3"
_WATCH_SECONDS = 1.0


def main(folder: Path) -> None:
    """Execute the job that lies in a folder; leaves `executed.ipynb` and `result.json` there."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    job = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    replace_json(folder / RESULT_FILE, _outcome(folder, job))


def replace_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a small JSON file so that another process reads it whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(path)


def _outcome(folder: Path, job: Mapping[str, Any]) -> dict[str, str]:
    try:
        _execute(folder, job)
    except PapermillExecutionError as error:
        sys.stderr.write(f"{error}\n")
        return {"state": "error", "exception": error.ename}
    except DeadKernelError as error:
        sys.stderr.write(f"{error}\n")
        return {"state": "dead", "exception": "DeadKernelError"}
    except (RuntimeError, TimeoutError) as error:
        # What the client raises when a kernel does not come up.
        sys.stderr.write(f"{error}\n")
        return {"state": "unstarted", "exception": type(error).__name__}
    return {"state": "done", "exception": ""}


def _execute(folder: Path, job: Mapping[str, Any]) -> None:
    section: dict[str, str] = {}

    def started(cell: NotebookNode, cell_index: int) -> None:
        section.update(cell.metadata.get("npl", {}))
        replace_json(folder / PROGRESS_FILE, {"cell": cell_index, "section": section})

    execute_notebook(
        str(folder / NOTEBOOK_FILE),
        str(folder / EXECUTED_FILE),
        parameters=job["parameters"],
        kernel_name=KERNEL_NAME,
        language="python",
        progress_bar=False,
        # One write at the end: no half-filled notebook is ever read.
        request_save_on_cell_execute=False,
        autosave_cell_every=0,
        start_timeout=job["start_seconds"],
        cwd=str(folder),
        on_cell_start=started,
        config=_transport(),
    )


def _transport() -> Config:
    # Sockets in a private folder instead of open TCP ports; Windows has no such sockets.
    ipc = {} if os.name == "nt" else {"transport": "ipc"}
    return Config({"KernelManager": ipc, "AsyncKernelManager": ipc})


def _end_with(parent: int) -> None:
    # Whoever started this may be killed outright; nothing must then run on unwatched.
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
