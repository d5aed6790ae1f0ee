"""ARCHITECTURE.md names every module, and only those; the code keeps the shape it promises."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "analysis"
MODULES = sorted(path for path in SOURCE.rglob("*.py"))
LONGEST_MODULE = 400
LONGEST_FUNCTION = 40


def documented() -> dict[str, str]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^- `(src/analysis/[^`]+\.py)`: (.+)$", text, flags=re.MULTILINE))


def test_there_are_modules() -> None:
    assert len(MODULES) > 20


def test_architecture_has_one_line_per_module() -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in MODULES}
    assert set(documented()) == modules


def test_each_line_is_a_sentence_of_its_own() -> None:
    lines = list(documented().values())
    assert len(set(lines)) == len(lines)
    assert all(len(line) > 20 for line in lines)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_says_what_it_answers_and_stays_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= LONGEST_MODULE


def _lines(function: ast.FunctionDef) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function):
        documentation = function.body[0]
        lines -= (documentation.end_lineno or 0) - documentation.lineno + 1
    return lines


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_functions_stay_short(path: Path) -> None:
    functions = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.FunctionDef)]
    assert [f.name for f in functions if _lines(f) > LONGEST_FUNCTION] == []


def test_no_module_is_a_drawer() -> None:
    names = {path.stem for path in MODULES}
    assert names.isdisjoint({"utils", "helpers", "common", "misc", "tools"})


def test_the_command_starts_without_loading_the_numerical_stack() -> None:
    code = (
        "import sys, analysis.cli; print([m for m in ('matplotlib', 'statsmodels', 'papermill') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
