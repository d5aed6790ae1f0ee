"""Run the notebooks on the demonstration book and store what their checked cells print; all else stays empty.

.venv/bin/python tools/store_checked_outputs.py
"""

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from analysis.book.demo.build import build_demo

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
CHECKED = "nbval-check-output"


def main() -> None:
    """Rewrite each notebook in place."""
    with tempfile.TemporaryDirectory() as books:
        build_demo(Path(books) / "demo")
        os.environ["NPL_BOOKS"] = books
        for path in sorted(FOLDER.glob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
            for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
                cell.metadata.pop("execution", None)
                if CHECKED not in cell.metadata.get("tags", []):
                    cell.outputs, cell.execution_count = [], None
            notebook.metadata["language_info"] = {"name": "python"}
            nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
