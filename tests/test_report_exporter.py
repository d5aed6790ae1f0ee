"""An executed notebook becomes one page that needs nothing but itself, the same for the same run."""

import re
from html.parser import HTMLParser

import nbformat
import pytest

import executed_notebooks as made
from analysis.errors import DataRefused
from analysis.reports.exporter import Checks, report_pages
from analysis.reports.fingerprint import Code
from analysis.reports.page_text import page_text
from analysis.reports.style import page_style, script_digest

CODE = Code(digest="0" * 64, packages={"python": "3.11"})
CLEAN = Checks()


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return report_pages(made.whole(), CLEAN, CODE)


def page(notebook: nbformat.NotebookNode, checks: Checks = CLEAN) -> str:
    return report_pages(notebook, checks, CODE)["zh"]


def test_the_same_run_gives_the_same_bytes(pages: dict[str, str]) -> None:
    assert report_pages(made.whole(), CLEAN, CODE) == pages


def test_there_is_a_page_that_opens_in_each_language_and_both_hold_both(pages: dict[str, str]) -> None:
    assert '<html lang="zh-CN"' in pages["zh"]
    assert "<title>小 · 小 · 2026年二季度</title>" in pages["zh"]
    assert '<html lang="en"' in pages["en"]
    assert "<title>small · small · 2026 Q2</title>" in pages["en"]
    for html in pages.values():
        assert '<span lang="zh">不良率</span><span lang="en">NPL ratio</span>' in html


def test_code_streams_and_plain_text_never_reach_a_page() -> None:
    notebook = made.notebook(made.started(), made.written("SECRET-1"), made.written("SECRET-2", "stderr"))
    plain = nbformat.v4.new_output("execute_result", {"text/plain": "SECRET-3", "text/html": "<b>SECRET-4</b>"})
    error = nbformat.v4.new_output("error", ename="SECRET-5", evalue="SECRET-6", traceback=["SECRET-7"])
    notebook.cells[-1].outputs += [plain, error]
    html = page(notebook)
    assert "SECRET" not in html
    assert "balance_by_segment" not in html


def test_only_the_pages_own_script_may_run(pages: dict[str, str]) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', pages["zh"])
    assert "default-src 'none'" in policy
    assert f"script-src '{script_digest()}'" in policy
    assert pages["zh"].count("<script>") == 1


def test_names_from_the_data_are_escaped() -> None:
    evil = {"zh": "<script>alert(1)</script>", "en": '"><img src=x onerror=alert(1)>'}
    parameters = made.meta()["parameters"] | {"segment": "<b>&"}
    started = made.started(bank=evil, title=evil, notes=[evil], derived=evil, parameters=parameters)
    html = page(made.notebook(started, made.shown(made.headline())))
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "<b>&" not in html
    assert html.count("<script>") == 1


def test_a_title_cannot_break_out_of_the_style_sheet() -> None:
    evil = {"zh": "</style><script>alert(1)</script>", "en": "x"}
    html = page(made.notebook(made.started(title=evil), made.shown(made.headline())))
    assert html.count("</style>") == 1


def test_warnings_errors_and_simulated_data_show_before_the_first_number() -> None:
    notebook = made.notebook(made.started(simulated=True, unverified=["R-1", "R-2"]), made.shown(made.headline()))
    head = page(notebook, Checks(warnings=3)).split("<main")[0]
    for words in ("3项数据质量提示", "模拟数据", "2条规则待核对原文"):
        assert words in head
    assert '■</span> <span lang="zh">1项数据质量错误' in page(notebook, Checks(errors=1, warnings=3))
    assert "数据检查通过" in page(notebook)


def test_the_contents_list_every_section_and_the_provenance(pages: dict[str, str]) -> None:
    nav = re.search(r"<nav.*?</nav>", pages["zh"], re.DOTALL)
    assert nav
    targets = re.findall(r'href="#([^"]+)"', nav[0])
    assert targets == ["one", "provenance"]
    assert all(f'id="{target}"' in pages["zh"] for target in targets)


def test_provenance_lets_a_reader_run_it_again(pages: dict[str, str]) -> None:
    foot = pages["zh"].split("<footer")[1]
    for fact in ("sha256:abababababababab", "2026-06-30", "cn_2023@1", "python 3.11", "book=demo", "30_tiny"):
        assert fact in foot


def test_prose_is_kept_and_titles_are_printed_once() -> None:
    prose = '## 一 / One\n\n<span lang="zh">说明</span><span lang="en">remark</span>'
    html = page(made.notebook(made.started(), made.shown(made.headline()), prose=prose))
    assert '<p><span lang="zh">说明</span><span lang="en">remark</span></p>' in html
    assert html.count("<h2") == 2


def test_a_notebook_that_did_not_begin_a_run_is_refused() -> None:
    with pytest.raises(DataRefused, match="must show its run once, but did so 0 times"):
        page(made.notebook(made.shown(made.headline())))


def test_a_character_without_a_glyph_stops_the_page() -> None:
    rare = made.started(bank={"zh": "\u16a0银行", "en": "Bank"})
    with pytest.raises(DataRefused, match=r"ᚠ \(U\+16A0\)"):
        page(made.notebook(rare, made.shown(made.headline())))


def test_words_that_show_on_pointing_and_arrows_of_sorting_have_glyphs_embedded() -> None:
    text = page_text('<style>a::after { content: " ↑"; }</style><b data-tip="甲&amp;" data-tip-en="t">x</b>')
    assert {"↑", "甲", "&", "t", "x"} <= set(text)


def test_the_style_sheet_is_well_formed_and_scopes_the_phone_to_screens() -> None:
    style = page_style()
    assert style.count("{") == style.count("}")
    assert re.findall(r"@media \((?:max|min)-width", style) == []
    for needed in ("@page", "@media print", ":focus-visible", "prefers-reduced-motion", "prefers-color-scheme: dark"):
        assert needed in style


class Tags(HTMLParser):
    """Elements that are open, to see that each is closed."""

    EMPTY = frozenset({"meta", "path", "img", "br", "polyline", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parent's own
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_element_is_closed(pages: dict[str, str]) -> None:
    tags = Tags()
    tags.feed(pages["zh"])
    assert tags.open == []
