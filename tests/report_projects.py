"""A small project for tests of publishing: a book of three loans, one notebook, its contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nbformat
import pytest

import tapes
from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.reports import contract as contracts
from analysis.reports import index_page, pack, request
from analysis.reports.contract import NotebookContract
from analysis.reports.pack import ReportRun
from analysis.terms import Text

NAME = "30_tiny"
CONTRACT = NotebookContract(
    name=NAME,
    title=Text("小报告", "Tiny report"),
    question=Text("够小吗？", "Is it small?"),
    exhibits=("headline", "curve"),
    metrics=("npl_ratio",),
)
MONTHS = (date(2026, 3, 31), date(2026, 6, 30))
PARAMETERS = 'book = "demo"\nas_of = ""\ncompare_to = ""\nsegment = ""\nrules = ""\nbasis = ""\nlang = "zh"\nseed = 7'
OPENING = """
from IPython.display import display
from analysis.book.store import open_book
from analysis.rules.loader import load_rules
from analysis.terms import Text, same
opened, defined = open_book(book, as_of=as_of), load_rules(rules)
both = {"zh": "小", "en": "small"}
given = dict(
    book=book, as_of=as_of, compare_to=compare_to, segment=segment, rules=rules, basis=basis, lang=lang, seed=seed
)
meta = dict(
    notebook="30_tiny", title=both, question=both, bank=both, currency="CNY", jurisdiction="CN", as_of=as_of,
    compare_to=compare_to, periodicity="M", book=dict(name=book, hash=opened.content_hash, months=2),
    definition=dict(id=rules, key=defined.key, label=both, effective_from="2023-07-01"), unverified=[],
    simulated=True, derived=None, notes=[], parameters=given, version="0",
)
display({"application/vnd.npl.meta+json": meta}, raw=True)
"""
CARDS = """
from analysis.exhibits.cards import Card, cards
label = Text("不良率", "NPL ratio")
cards([Card(key="npl_ratio", label=label, value=same("1.62"), unit=same("%"), number=0.0162)], id="headline")
"""
CURVE = """
from analysis.exhibits.exhibit import Exhibit
drawing = '<svg role="img" viewBox="0 0 9 9" aria-labelledby="c-t"><title id="c-t">线 / line</title></svg>'
figure = f'<figure id="curve"><figcaption>线</figcaption>{drawing}</figure>'
Exhibit(id="curve", kind="chart", html=figure, metrics={"npl_ratio": 0.0162})
"""
CELLS = (OPENING, CARDS, CURVE)


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with notebooks, books and reports, and the way to publish from it."""

    folder: Path

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def period(self) -> Path:
        """Folder of the usual report of the latest month."""
        return self.reports / NAME / "2026-06-30"

    def write(self, *cells: str) -> None:
        """Make the notebook one of these cells, after that of its parameters."""
        section = nbformat.v4.new_markdown_cell("## 一 / One")
        section.metadata["npl"] = {"id": "one", "zh": "一", "en": "One"}
        first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=[first, *code[:1], section, *code[1:]])
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"
        nbformat.write(notebook, self.folder / "notebooks" / f"{NAME}.ipynb")

    def publish(self, *, force: bool = False, languages: tuple[str, ...] = ("zh", "en"), **values: Any) -> ReportRun:
        """Publish the notebook with these parameters."""
        (run,) = pack.publish_reports([NAME], values, languages, force=force)
        return run

    def page(self, language: str = "zh") -> str:
        return (self.period / f"report.{language}.html").read_text(encoding="utf-8")


def files(folder: Path) -> Mapping[str, bytes]:
    """Content of every public file under a folder, by name."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if "runs/" not in name}


def build(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "demo") -> Project:
    """A project in a folder, with one book; the working folder and the contracts are its own."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(folder)
    for variable in ("NPL_BOOKS", "NPL_REPORTS"):
        monkeypatch.delenv(variable, raising=False)
    known = MappingProxyType({NAME: CONTRACT})
    for module in (contracts, index_page, request):
        monkeypatch.setattr(module, "NOTEBOOKS", known)
    project = Project(folder=folder)
    add_book(project, name)
    project.write(*CELLS)
    return project


def add_book(project: Project, name: str, *, dpd: int = 0) -> None:
    """A book of three loans at two quarter ends."""
    backend = connect()
    loans = [tapes.loan(f"LOAN-{number}") for number in range(1, 4)]
    snapshots = [tapes.snapshot(month, loan["loan_id"], dpd=dpd) for month in MONTHS for loan in loans]
    append_tape(project.folder / "data" / "books" / name, tapes.tape(backend, loans, snapshots), tapes.PROFILE)
