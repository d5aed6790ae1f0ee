"""What does the library of reports look like? Newest period first, what it says, whether it can be trusted."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from analysis.exhibits.fonts import embedded_font_css, missing_glyphs
from analysis.reports import index_cells as cells
from analysis.reports.contract import NOTEBOOKS
from analysis.reports.fingerprint import installed_code
from analysis.reports.library import Entry
from analysis.reports.page_text import page_text
from analysis.reports.style import HTML_LANGUAGE, PAGE_WORDS, page_script, page_style, script_digest
from analysis.terms import Text, same

ROWS_OPEN = 12  # a year of months; older rows fold away
_HISTORY = 12  # periods on a line
_TEMPLATE = "library.html.j2"
_FONTS = "/*fonts*/"
_HASH_LETTERS = 12
_TITLE = Text("不良贷款报告库", "NPL report library")
_WORDS: Mapping[str, Text] = PAGE_WORDS | {
    "period": Text("报告期", "Period"),
    "scope": Text("范围", "Scope"),
    "history": Text("走势", "History"),
    "status": Text("状态", "Status"),
    "quality": Text("数据质量", "Data quality"),
    "open": Text("打开", "Open"),
    "data": Text("数据指纹", "Data hash"),
    "older": Text("更早的报告", "Earlier reports"),
    "empty": Text("尚未发布报告。请运行 npl report。", "No report is published yet. Run npl report."),
    "note": Text(
        "本页由各报告的 manifest.json 生成；每个数字都可由数据和代码重算。",
        "Made from the manifest.json of each report; every number can be recomputed from data and code.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A report of one period as the index lists it; cells are empty where nothing is published."""

    period: Markup
    href: str
    scope: str
    value: Markup
    change: Markup
    history: Markup
    second: Markup
    status: Markup
    quality: Markup
    notice: Markup
    links: tuple[cells.Link, ...]
    data: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """The reports of one notebook: its names and question, headings, newest rows, older rows."""

    id: str
    name: str
    title: Markup
    question: Markup
    first: Markup
    second: Markup
    rows: tuple[Row, ...]
    older: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Lead:
    """A card at the top: what it is, its value (a link where there is one), what to say of it."""

    label: Markup
    value: Markup
    remark: Markup
    pill: Markup | None = None
    href: str = ""


def index_page(entries: Sequence[Entry], stamp: str, earlier: str = "") -> str:
    """The index as one HTML page.

    Args:
        entries: every report, by notebook, newest first.
        stamp: digest of the records it is made from.
        earlier: the index that is there; its fonts are kept if they hold the same letters.
    """
    html = _environment().get_template(_TEMPLATE).render(
        stamp=stamp,
        html_lang=HTML_LANGUAGE["zh"],
        window_title=_TITLE,
        title=cells.markup(_TITLE),
        bank=cells.markup(_bank(entries)),
        leads=tuple(_leads(entries)),
        groups=tuple(_groups(entries)),
        words={name: cells.markup(text) for name, text in _WORDS.items()},
        style=Markup(_FONTS + page_style()),  # noqa: S704 - our own files
        script=Markup(page_script()),  # noqa: S704 - our own file
        script_digest=script_digest(),
    )  # fmt: skip
    text = page_text(html)
    # Names come from reports that passed this check; one that did not must not hide all the others.
    drawable = "".join(sorted(set(text) - set(missing_glyphs(text))))
    return html.replace(_FONTS, _fonts(drawable, earlier), 1)


def _fonts(letters: str, earlier: str) -> str:
    # Cutting the fonts takes as long as all the rest of an index of a thousand reports.
    digest = hashlib.sha256(f"{installed_code().digest} {letters}".encode()).hexdigest()
    key = f"/*{digest[:_HASH_LETTERS]}*/"
    kept = earlier.partition(key)[2].partition(key)[0]
    return key + (kept or embedded_font_css(letters)) + key


def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(Path(__file__).with_name("template")), autoescape=True)


def _groups(entries: Sequence[Entry]) -> Iterator[Group]:
    by_notebook = {name: list(members) for name, members in groupby(entries, key=lambda one: one.notebook)}
    # What the loans do comes before whether their data can be trusted.
    for notebook, group in sorted(by_notebook.items(), key=lambda item: not any(map(cells.is_about_ratio, item[1]))):
        contract = NOTEBOOKS.get(notebook)
        rows = tuple(map(_row, _kin(group)))
        yield Group(
            id=notebook,
            name=f"{contract.title.zh} / {contract.title.en}" if contract else notebook,
            title=cells.markup(contract.title if contract else same(notebook)),
            question=cells.markup(contract.question if contract else same("")),
            first=_heading(group, 0),
            second=_heading(group, 1),
            rows=rows[:ROWS_OPEN],
            older=rows[ROWS_OPEN:],
        )


def _kin(group: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Each report with the older ones of its kind, newest first."""
    kinds: dict[str, list[Entry]] = {}
    for entry in reversed(group):
        kinds.setdefault(entry.slug, []).append(entry)
    for entry in group:
        kind = kinds[entry.slug]
        yield kind[::-1]
        kind.pop()


def _row(kin: Sequence[Entry]) -> Row:
    entry = kin[0]
    return Row(
        period=cells.markup(cells.entry_period(entry)),
        href=cells.href(entry, "zh") if entry.record else "",
        scope=_scope(entry) or "–",
        value=cells.value(entry, 0),
        change=cells.change(entry),
        history=cells.history(kin[:_HISTORY]),
        second=cells.value(entry, 1),
        status=cells.status(entry),
        quality=cells.quality(entry),
        notice=cells.notice(kin),
        links=tuple(cells.links(entry)),
        data=(entry.record or {}).get("book", {}).get("hash", "")[:_HASH_LETTERS],
    )


def _scope(entry: Entry) -> str:
    return entry.slug.replace("--", " · ")


def _heading(group: Sequence[Entry], position: int) -> Markup:
    labels = [cells.numbers(one)[position]["label"] for one in group if len(cells.numbers(one)) > position]
    return cells.markup(Text(labels[0]["zh"], labels[0]["en"])) if labels else Markup()


def _leads(entries: Sequence[Entry]) -> Iterator[Lead]:
    published = [one for one in entries if one.record]
    failed = [one for one in entries if one.failure]
    if published:
        yield _latest(max(published, key=lambda one: (one.as_of, cells.is_about_ratio(one), not one.slug)))
    dates = sorted({one.as_of for one in published})
    span = " – ".join(dict.fromkeys((*dates[:1], *dates[-1:]))) or "–"
    yield _count(Text("报告期", "Periods"), len(dates), same(span))
    yield _count(Text("已发布报告", "Published reports"), len(published), Text("中英文各一页", "in both languages"))
    remark = Text("先前的报告保持不变", "earlier reports stay") if failed else Text("没有失败", "none has failed")
    yield _count(Text("未成功的运行", "Failed runs"), len(failed), remark)


def _latest(entry: Entry) -> Lead:
    record = entry.record or {}
    label = _heading([entry], 0)
    is_simulated = record.get("book", {}).get("simulated")
    pill = cells.marked("watch", Text("模拟数据", "Simulated data")) if is_simulated else None
    return Lead(
        label=cells.markup(Text("最新报告", "Latest report")),
        value=cells.markup(cells.entry_period(entry)),
        remark=Markup("{} <b>{}</b> {} {}").format(label, cells.value(entry, 0), cells.change(entry), _scope(entry)),
        pill=pill,
        href=cells.href(entry, "zh"),
    )


def _count(label: Text, number: int, remark: Text) -> Lead:
    return Lead(label=cells.markup(label), value=Markup(number), remark=cells.markup(remark))  # noqa: S704 - a number


def _bank(entries: Sequence[Entry]) -> Text:
    banks = [Text(one.record["bank"]["zh"], one.record["bank"]["en"]) for one in entries if one.record]
    return banks[0] if len(set(banks)) == 1 else same("NPL Workbook")
