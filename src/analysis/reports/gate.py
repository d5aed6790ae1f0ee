"""May an executed notebook be published? Everything it declares is there, and nothing that must not be."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbformat import NotebookNode

from analysis.exhibits.exhibit import MIME_TYPE
from analysis.reports.contract import NotebookContract
from analysis.reports.exporter import exhibits, outputs, report_meta
from analysis.reports.manifest import stated
from analysis.reports.request import Request

# What a first run on a new machine says of itself, and nothing of the data.
ALLOWED_STDERR = re.compile(r"Matplotlib is building the font cache; this may take a moment\.")
_REASON = re.compile(r'<span class="na" title="[^"]+"')


def notebook_faults(contract: NotebookContract, notebook: NotebookNode) -> Iterator[str]:
    """Sentences on what an executed notebook lacks, or shows and must not."""
    yield from _output_faults(notebook)
    yield from _exhibit_faults(contract, exhibits(notebook))
    for metric in contract.metrics:
        yield from _metric_faults(metric, exhibits(notebook), exhibit_markup(notebook))
    yield from _empty_charts(exhibits(notebook), exhibit_markup(notebook))


def run_faults(request: Request, notebook: NotebookNode) -> Iterator[str]:
    """Sentences on where a notebook computed something else than was asked."""
    meta = report_meta(notebook)
    said: Mapping[str, Any] = {
        "notebook": meta["notebook"],
        "reporting date": meta["as_of"],
        "book": meta["book"]["hash"],
        "rule set": meta["definition"]["key"],
        "parameters": meta["parameters"],
    }
    asked: Mapping[str, Any] = {
        "notebook": request.contract.name,
        "reporting date": request.params.as_of,
        "book": request.book.content_hash,
        "rule set": request.rules.key,
        "parameters": request.params.model_dump(),
    }
    for name, wanted in asked.items():
        if said[name] != wanted:
            yield f"the notebook's {name} must be what was asked, but differs; it may have changed during the run"


def exhibit_markup(notebook: NotebookNode) -> Mapping[str, str]:
    """Markup of each exhibit by id."""
    return {data[MIME_TYPE]["id"]: data.get("text/html", "") for data in outputs(notebook) if MIME_TYPE in data}


def _output_faults(notebook: NotebookNode) -> Iterator[str]:
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    if any(output.output_type == "error" for output in shown):
        yield "no cell may end in an error, but one did"
    stderr = "".join(output.text for output in shown if output.get("name") == "stderr")
    if lines := ALLOWED_STDERR.sub("", stderr).strip():
        yield f"no cell may write to standard error, but {len(lines.splitlines())} lines were written; see the log"


def _exhibit_faults(contract: NotebookContract, shown: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    times = Counter(one["id"] for one in shown)
    for name in contract.exhibits:
        if name not in times:
            yield f"exhibit {name} must be shown, but is not"
    for name, count in times.items():
        if count > 1:
            yield f"exhibit {name} must be shown once, but is shown {count} times"


def _metric_faults(metric: str, shown: Sequence[Mapping[str, Any]], markup: Mapping[str, str]) -> Iterator[str]:
    values = list(stated(metric, shown))
    if not values:
        yield f"headline number {metric} must be stated by an exhibit, but none does"
    if len({value for _, value in values}) > 1:
        yield f"headline number {metric} must be the same everywhere, but differs between {_names(values)}"
    for name, value in values:
        if value is None and not _REASON.search(markup.get(name, "")):
            yield f"headline number {metric} of {name} is not known; the exhibit must say why, but does not"
        elif value is not None and not _is_finite(value):
            yield f"headline number {metric} of {name} must be a finite number, but is not"


def _empty_charts(shown: Sequence[Mapping[str, Any]], markup: Mapping[str, str]) -> Iterator[str]:
    for one in shown:
        if one["kind"] == "chart" and "<svg" not in markup.get(one["id"], ""):
            yield f"chart {one['id']} must be drawn, but is empty"


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _names(values: Sequence[tuple[str, Any]]) -> str:
    return " and ".join(name for name, _ in values)
