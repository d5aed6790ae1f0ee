"""Turn an executed notebook into one page that needs nothing but itself."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from markupsafe import Markup
from nbconvert.exporters.html import HTMLExporter
from nbformat import NotebookNode

from analysis.errors import DataRefused
from analysis.exhibits.exhibit import MIME_TYPE
from analysis.exhibits.fonts import FAMILY, embedded_font_css
from analysis.exhibits.locale import period
from analysis.reports.bold_text import bold_text
from analysis.reports.contract import META_TYPE
from analysis.reports.fingerprint import Code
from analysis.reports.page_text import page_text
from analysis.reports.shared_styles import with_shared_styles
from analysis.reports.style import HTML_LANGUAGE, PAGE_WORDS, page_script, page_style, script_digest
from analysis.terms import LANGUAGES, Language, Text, same

ANALYST = "analyst"  # tag of cells for who reads the notebook, not the report
_FONTS = "/*fonts*/"
_HEADING = re.compile(r"<h[12]\b.*?</h[12]>", re.DOTALL)
_HASH_LETTERS = 16


@dataclass(frozen=True, kw_only=True)
class Checks:
    """Quality findings of the book: how many refuse a report, how many a reader should know."""

    errors: int = 0
    warnings: int = 0


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page: its id and title (empty before the first heading), and its content.

    Attributes:
        parts: each one exhibit with the words before it, which paper must not tear apart.
    """

    id: str
    title: Markup
    parts: tuple[tuple[Markup, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pill:
    """A short status of the whole report: colour, shape and words."""

    level: str
    mark: str
    text: Markup


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A line of the provenance."""

    label: Markup
    value: Markup


class ReportExporter(HTMLExporter):
    """The notebook as a page of our own template: no code, no streams, no tracebacks."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  (the parent's own)
        """Take the template that lies beside this module, wherever Jupyter keeps its own."""
        template = {"template_name": "template", "extra_template_basedirs": [str(Path(__file__).parent)]}
        super().__init__(exclude_anchor_links=True, **template, **options)  # type: ignore[no-untyped-call]

    def _create_environment(self) -> Any:  # noqa: ANN401  (the parent's own)
        environment = super()._create_environment()  # type: ignore[no-untyped-call]
        environment.autoescape = True
        return environment

    def from_notebook_node(  # type: ignore[override]
        self,
        nb: NotebookNode,
        resources: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401  (the parent's own)
    ) -> tuple[str, dict[str, Any]]:
        """The page of a notebook; `resources["page"]` holds what the template prints around it."""
        resources = self._init_resources(resources)  # type: ignore[no-untyped-call]
        # The parent's version parses the page again, which changes the letters of SVG attributes.
        return super(HTMLExporter, self).from_notebook_node(nb, resources, **options)

    def prose(self, source: str) -> Markup:
        """Markdown as HTML, without titles: the page prints those from the cells' metadata."""
        rendered = self.markdown2html({}, source)
        return Markup(_HEADING.sub("", rendered).strip())  # noqa: S704 - prose is part of the notebook's code


def report_pages(notebook: NotebookNode, checks: Checks, code: Code) -> dict[Language, str]:
    """The whole report as one HTML page for each language that it may open in; both are in either.

    Args:
        notebook: executed.
        checks: quality findings of the book.
        code: what computed the numbers.

    Raises:
        DataRefused: if the notebook did not start a run, or a character has no glyph.
    """
    exporter = ReportExporter()
    meta = report_meta(notebook)
    content = {
        "sections": sections(notebook, exporter),
        "pills": pills(meta, checks),
        "facts": facts(meta, code),
    }
    shell = NotebookNode(cells=[], metadata=notebook.metadata, nbformat=4, nbformat_minor=5)
    pages: dict[Language, str] = {}
    for language in LANGUAGES:
        page = _page(meta, language) | content
        pages[language], _ = exporter.from_notebook_node(shell, {"page": page})
    bold = " ".join(bold_text(html) for html in pages.values())
    fonts = embedded_font_css((page_text(html) for html in pages.values()), bold)
    return {language: with_shared_styles(html.replace(_FONTS, fonts, 1)) for language, html in pages.items()}


def report_meta(notebook: NotebookNode) -> dict[str, Any]:
    """What the notebook said of its run.

    Raises:
        DataRefused: if it did not, or more than once.
    """
    found = [data[META_TYPE] for data in outputs(notebook) if META_TYPE in data]
    if len(found) != 1:
        raise DataRefused(
            f"a notebook must show its run once, but did so {len(found)} times; "
            "its second code cell ends with the value of session.start(…)."
        )
    meta: dict[str, Any] = found[0]
    return meta


def exhibits(notebook: NotebookNode) -> list[dict[str, Any]]:
    """What each exhibit of the notebook says of itself: `id`, `kind`, `metrics`; in order."""
    return [data[MIME_TYPE] for data in outputs(notebook) if MIME_TYPE in data]


def outputs(notebook: NotebookNode) -> list[Mapping[str, Any]]:
    """Data of each output of a notebook, by media type; in order."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [output.get("data", {}) for cell in cells for output in cell.outputs]


def sections(notebook: NotebookNode, exporter: ReportExporter) -> tuple[Section, ...]:
    """The page's sections, from headings' metadata, prose and exhibits; everything else stays out."""
    found = [Section(id="", title=Markup())]
    words: tuple[Markup, ...] = ()
    for cell in notebook.cells:
        if heading := cell.metadata.get("npl"):
            found[-1], words = _with_part(found[-1], words), ()
            found.append(Section(id=heading["id"], title=_markup(Text(heading["zh"], heading["en"]))))
        words += _prose(cell, exporter)
        for exhibit in _exhibits(cell):
            found[-1], words = _with_part(found[-1], (*words, exhibit)), ()
    found[-1] = _with_part(found[-1], words)
    return tuple(section for section in found if section.parts)


def pills(meta: Mapping[str, Any], checks: Checks) -> tuple[Pill, ...]:
    """States that a reader must know before the first number."""
    shown = [_check_pill(checks)]
    if meta["simulated"]:
        shown.append(_warning(Text("模拟数据", "Simulated data")))
    if meta["derived"]:
        shown.append(_warning(Text("推算面板", "Derived panel")))
    if meta["unverified"]:
        text = Text("{n}条规则待核对原文", "{n} rules not checked against the source")
        shown.append(_warning(text.format(n=len(meta["unverified"]))))
    return tuple(shown)


def facts(meta: Mapping[str, Any], code: Code) -> tuple[Fact, ...]:
    """Provenance: data, definition, code and parameters; enough to run it again, and no clock."""
    definition, book = meta["definition"], meta["book"]
    rule_file = f"{definition['id']} {definition['key']} · {definition['effective_from']}"
    given = {k: v for k, v in meta["parameters"].items() if k != "lang" and v != ""}
    lines: list[tuple[Text, Text]] = [
        (Text("数据", "Data"), same(f"{book['name']} · sha256:{book['hash'][:_HASH_LETTERS]}…")),
        (Text("数据截止", "Data cut-off"), same(meta["as_of"])),
        (Text("不良口径", "Definition"), _text(definition["label"])),
        (Text("规则文件", "Rule file"), same(rule_file)),
        (Text("代码版本", "Code"), same(f"npl-workbook {meta['version']} · sha256:{code.digest[:_HASH_LETTERS]}…")),
        (Text("软件包", "Packages"), same(", ".join(f"{k} {v}" for k, v in code.packages.items()))),
        (Text("参数", "Parameters"), same(", ".join(f"{k}={v}" for k, v in given.items()))),
        (Text("笔记本", "Notebook"), same(meta["notebook"])),
    ]
    if meta["derived"]:
        lines.append((Text("推算方法", "Derivation"), _text(meta["derived"])))
    if meta["unverified"]:
        lines.append((Text("待核对规则", "Unverified rules"), same(", ".join(meta["unverified"]))))
    lines += [(Text("说明", "Note"), _text(note)) for note in meta["notes"]]
    return tuple(Fact(label=_markup(label), value=_markup(value)) for label, value in lines)


def _page(meta: Mapping[str, Any], language: Language) -> dict[str, Any]:
    bank, title = _text(meta["bank"]), _text(meta["title"])
    when = period(date.fromisoformat(meta["as_of"]))
    if meta.get("scope"):
        when = when + same(" · ") + _text(meta["scope"])
    window_title = Text(f"{bank.zh} · {title.zh} · {when.zh}", f"{bank.en} · {title.en} · {when.en}")
    return {
        "html_lang": HTML_LANGUAGE[language],
        "window_title": window_title,
        "start_title": getattr(window_title, language),
        "bank": _markup(bank),
        "title": _markup(title),
        "period": _markup(when),
        "words": {name: _markup(text) for name, text in PAGE_WORDS.items()},
        "style": Markup(_FONTS + _print_footer(title, when, language) + page_style()),  # noqa: S704 - escaped below
        "script": Markup(page_script()),  # noqa: S704 - our own file
        "script_digest": script_digest(),
    }


def _print_footer(title: Text, when: Text, language: Language) -> str:
    # Page margins cannot follow a language switch, so they carry the language the page opens in.
    words = f"{getattr(title, language)} · {getattr(when, language)}"
    quoted = json.dumps(words, ensure_ascii=False).replace("<", "\\3c ")
    return f'@page{{@bottom-left{{content:{quoted};font:8pt "{FAMILY}",sans-serif;color:#5a6675}}}}'


def _with_part(section: Section, part: tuple[Markup, ...]) -> Section:
    return replace(section, parts=(*section.parts, part)) if part else section


def _prose(cell: NotebookNode, exporter: ReportExporter) -> tuple[Markup, ...]:
    is_shown = cell.cell_type == "markdown" and ANALYST not in cell.metadata.get("tags", [])
    return tuple(filter(None, (exporter.prose(cell.source),))) if is_shown else ()


def _exhibits(cell: NotebookNode) -> tuple[Markup, ...]:
    if cell.cell_type != "code" or ANALYST in cell.metadata.get("tags", []):
        return ()
    outputs = (output.get("data", {}) for output in cell.outputs)
    return tuple(Markup(data["text/html"]) for data in outputs if MIME_TYPE in data)  # noqa: S704 - exhibits escape


def _check_pill(checks: Checks) -> Pill:
    if checks.errors:
        text = Text("{n}项数据质量错误", "{n} data quality errors").format(n=checks.errors)
        return Pill(level="breach", mark="■", text=_markup(text))
    if checks.warnings:
        text = Text("{n}项数据质量提示", "{n} data quality warnings").format(n=checks.warnings)
        return _warning(text)
    return Pill(level="ok", mark="●", text=_markup(Text("数据检查通过", "Data checks passed")))


def _warning(text: Text) -> Pill:
    return Pill(level="watch", mark="▲", text=_markup(text))


def _text(both: Mapping[str, str]) -> Text:
    return Text(both["zh"], both["en"])


def _markup(text: Text) -> Markup:
    return Markup(text.html())  # noqa: S704 - `html` escapes
