"""House rules of the notebooks, and that they run."""

import ast
from pathlib import Path

import nbformat
import pytest

from analysis.reports.contract import NOTEBOOKS

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
LOGIC = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.Lambda)


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def cells(path: Path) -> list[nbformat.NotebookNode]:
    return nbformat.read(path, as_version=4).cells


def code(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    return [cell for cell in cells if cell.cell_type == "code"]


def test_every_contract_has_its_notebook_and_the_reverse() -> None:
    assert PATHS
    assert {path.stem for path in PATHS} == set(NOTEBOOKS)


def test_the_title_is_a_question_in_both_languages(cells: list[nbformat.NotebookNode]) -> None:
    title = cells[0].source.splitlines()[0]
    assert title.startswith("# ")
    assert "?" in title
    assert "？" in title


def test_the_parameters_cell_mirrors_the_contract(path: Path, cells: list[nbformat.NotebookNode]) -> None:
    tagged = [cell for cell in code(cells) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assigned = {
        target.id: ast.literal_eval(statement.value)
        for statement in ast.parse(tagged[0].source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    assert assigned == NOTEBOOKS[path.stem].params().model_dump()


def test_it_is_short(cells: list[nbformat.NotebookNode]) -> None:
    assert len(code(cells)) <= 20
    assert max(len(cell.source.splitlines()) for cell in code(cells)) <= 12


def test_it_holds_no_logic(cells: list[nbformat.NotebookNode]) -> None:
    found = [node for cell in code(cells) for node in ast.walk(ast.parse(cell.source)) if isinstance(node, LOGIC)]
    assert [ast.unparse(node)[:60] for node in found] == []


def test_there_is_prose_for_nearly_every_call(cells: list[nbformat.NotebookNode]) -> None:
    prose = sum(cell.cell_type == "markdown" for cell in cells)
    assert prose >= 0.8 * len(code(cells))


def test_prose_is_in_both_languages_and_types_no_number(cells: list[nbformat.NotebookNode]) -> None:
    prose = [cell.source for cell in cells[1:] if cell.cell_type == "markdown" and "npl" not in cell.metadata]
    assert prose
    assert [text for text in prose if 'lang="en"' not in text or 'lang="zh"' not in text] == []
    assert [text for text in prose if any(f"{digit}%" in text or f"{digit} %" in text for digit in range(10))] == []


def test_every_section_has_a_stable_anchor(cells: list[nbformat.NotebookNode]) -> None:
    headings = [cell for cell in cells[1:] if cell.cell_type == "markdown" and cell.source.startswith("## ")]
    anchors = [cell.metadata["npl"]["id"] for cell in headings]
    assert len(anchors) == len(set(anchors)) > 1


def test_only_checked_cells_keep_their_output(cells: list[nbformat.NotebookNode]) -> None:
    checked = [cell for cell in code(cells) if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert checked, "nbval would compare nothing"
    assert all(cell.outputs and cell.execution_count for cell in checked)
    assert [cell.source for cell in code(cells) if cell not in checked and cell.outputs] == []
