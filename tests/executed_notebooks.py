"""Executed notebooks made by hand, as a run of a tiny report would leave them."""

from typing import Any

import nbformat
from nbformat import NotebookNode

from analysis.exhibits.cards import Card, cards
from analysis.exhibits.exhibit import MIME_TYPE, Exhibit
from analysis.reports.contract import META_TYPE
from analysis.terms import Text, same

SMALL = {"zh": "小", "en": "small"}
DRAWING = '<svg role="img" viewBox="0 0 9 9" aria-labelledby="c-t"><title id="c-t">线 / line</title></svg>'


def meta(**fields: Any) -> dict[str, Any]:
    """What a run says of itself, unless said otherwise."""
    return {
        "notebook": "30_tiny",
        "title": SMALL,
        "question": SMALL,
        "bank": SMALL,
        "currency": "CNY",
        "jurisdiction": "CN",
        "as_of": "2026-06-30",
        "compare_to": "",
        "periodicity": "M",
        "book": {"name": "demo", "hash": "ab" * 32, "months": 2},
        "definition": {"id": "cn_2023", "key": "cn_2023@1", "label": SMALL, "effective_from": "2023-07-01"},
        "unverified": [],
        "simulated": False,
        "derived": None,
        "notes": [],
        "parameters": {"book": "demo", "as_of": "2026-06-30", "lang": "zh", "seed": 7},
        "version": "0",
    } | fields


def headline(number: float | None = 0.0162, *, note: str = "") -> Exhibit:
    card = Card(
        key="npl_ratio", label=Text("不良率", "NPL ratio"), value=same("1.62"), unit=same("%"), number=number, note=note
    )
    return cards([card], id="headline")


def curve(**metrics: float | None) -> Exhibit:
    html = f'<figure id="curve"><figcaption>线</figcaption>{DRAWING}</figure>'
    return Exhibit(id="curve", kind="chart", html=html, metrics=dict(metrics))


def shown(exhibit: Exhibit) -> NotebookNode:
    """The output of a cell that ends with an exhibit."""
    bundle = exhibit._repr_mimebundle_()
    assert MIME_TYPE in bundle
    return nbformat.v4.new_output("execute_result", bundle)


def started(**fields: Any) -> NotebookNode:
    """The output of the cell that begins a run."""
    return nbformat.v4.new_output("execute_result", {META_TYPE: meta(**fields), "text/html": "<style>x</style>"})


def written(text: str, stream: str = "stdout") -> NotebookNode:
    return nbformat.v4.new_output("stream", name=stream, text=text)


def notebook(*outputs: NotebookNode, prose: str = "") -> NotebookNode:
    """A notebook whose cells have these outputs; all after the first are in one section."""
    cells = [nbformat.v4.new_code_cell("balance_by_segment = measured(states)", outputs=[one]) for one in outputs]
    section = nbformat.v4.new_markdown_cell("## 一 / One")
    section.metadata["npl"] = {"id": "one", "zh": "一", "en": "One"}
    words = [nbformat.v4.new_markdown_cell(prose)] if prose else []
    return nbformat.v4.new_notebook(cells=[*cells[:1], section, *words, *cells[1:]])


def whole() -> NotebookNode:
    """A notebook with all that the tiny report declares."""
    return notebook(started(), shown(headline()), shown(curve(npl_ratio=0.0162)))
