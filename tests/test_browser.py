"""The published pages in a real browser: screen, phone and paper, in both languages, from a bare file."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.reports.pack import publish_reports
from chromium import PROGRAM, Page, chromium
from test_report_bold import letters

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine"),
]
NOTEBOOKS = ("10_data_quality", "20_segment_trends", "30_migration_and_vintage", "40_recovery_and_coverage")
LANGUAGES = ("zh", "en")
# Text that a reader of one language must not see.
SHOWN = """[...document.querySelectorAll('main [lang]')].filter((e) => e.getClientRects().length)
  .map((e) => e.getAttribute('lang'))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
TOO_WIDE = """[...document.querySelectorAll('main *')].filter((e) => e.offsetParent !== null
  && !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
# The heading, the paragraphs and the finding of each exhibit, as they begin.
PARTS = """[...document.querySelectorAll('main .part')].map((part) =>
  [...part.querySelectorAll(':scope > h2, :scope > p, .cap > b')].map((e) => e.innerText))"""
LETTERS = 8  # few enough to stand on one line
SHEETS = {"10_data_quality": 2, "20_segment_trends": 3, "30_migration_and_vintage": 3, "40_recovery_and_coverage": 3}
PDF_BYTES = 400_000
# Letters of all text that the style sheet sets in bold, whichever element that is.
BOLD = """(() => { const found = new Set(); const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const e = walk.currentNode.parentElement;
    if (!e.closest('script, style') && e.getClientRects().length && Number(getComputedStyle(e).fontWeight) >= 600)
      [...walk.currentNode.data].forEach((letter) => found.add(letter)); }
  return [...found]; })()"""


@pytest.fixture(scope="module")
def reports(demo_books: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NPL_BOOKS", str(demo_books))
        patch.setenv("NPL_REPORTS", str(folder))
        runs = publish_reports([], {"book": "demo"}, LANGUAGES)
    assert [run.status for run in runs] == ["published"] * len(NOTEBOOKS)
    yield folder


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as opened:
        yield opened


def published(reports: Path, notebook: str, language: str) -> Path:
    return next((reports / notebook).glob(f"*-*-*/report.{language}.html"))


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_page_fits_its_screen_and_asks_for_nothing(
    page: Page, reports: Path, notebook: str, language: str, width: int
) -> None:
    path = published(reports, notebook, language)
    page.open(path, width=width)
    assert page.requests() == [path.resolve().as_uri()]
    assert page.complaints() == []
    assert page.evaluate("innerWidth") == width
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(TOO_WIDE) == []
    assert set(page.evaluate(SHOWN)) == {language}


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_language_switch_shows_the_other_language(page: Page, reports: Path, notebook: str) -> None:
    page.open(published(reports, notebook, "zh"), width=1280)
    page.evaluate("document.querySelector('[data-act=lang]').click()")
    assert set(page.evaluate(SHOWN)) == {"en"}
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_dark_page_is_dark(page: Page, reports: Path) -> None:
    page.open(published(reports, "20_segment_trends", "zh"), width=1280)
    page.evaluate("document.querySelector('[data-act=theme]').click()")
    channels = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert max(channels) < 60


def test_a_click_sorts_the_table_by_numbers(page: Page, reports: Path) -> None:
    page.open(published(reports, "20_segment_trends", "en"), width=1280)
    page.evaluate("document.querySelectorAll('#segment_table th button')[3].click()")
    values = page.evaluate(
        "[...document.querySelectorAll('#segment_table tbody tr')].map((row) => Number(row.cells[3].dataset.v))"
    )
    assert len(values) > 5
    assert values == sorted(values, reverse=True)


def test_embedded_letters_are_used(page: Page, reports: Path) -> None:
    page.open(published(reports, "20_segment_trends", "zh"), width=1280)
    assert page.evaluate("[...document.fonts].filter((f) => f.status === 'loaded').length") >= 1


@pytest.mark.parametrize("notebook", NOTEBOOKS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_shown_in_bold_has_its_letters_in_the_bold_font(
    page: Page, reports: Path, notebook: str, language: str
) -> None:
    path = published(reports, notebook, language)
    page.open(path, width=1280)
    shown = set(page.evaluate(BOLD))
    assert len(shown) > 20
    assert {letter for letter in shown if not letter.isspace()} <= letters(path.read_text(encoding="utf-8"), 700)


def printed(page: Page, path: Path, target: Path) -> list[str]:
    """Text of each sheet of a page as it prints, without spaces; the sheets are A4."""
    page.open(path, width=1280)
    page.pdf(target)
    facts = subprocess.run(["pdfinfo", target], capture_output=True, text=True, check=True).stdout
    assert "A4" in next(line for line in facts.splitlines() if line.startswith("Page size"))
    words = subprocess.run(["pdftotext", target, "-"], capture_output=True, text=True, check=True).stdout
    return ["".join(sheet.split()) for sheet in words.split("\f")[:-1]]


@pytest.mark.skipif(shutil.which("pdfinfo") is None, reason="no pdfinfo to read a PDF with")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_it_prints_on_a_few_sheets_of_a4_and_no_exhibit_is_torn_from_its_words(
    page: Page, reports: Path, tmp_path: Path, notebook: str, language: str
) -> None:
    path = published(reports, notebook, language)
    sheets = printed(page, path, tmp_path / "report.pdf")
    assert len(sheets) <= SHEETS[notebook]
    assert (tmp_path / "report.pdf").stat().st_size <= PDF_BYTES
    manifest = json.loads(path.with_name("manifest.json").read_text())
    assert "".join(manifest["title"][language].split()) in sheets[0]
    parts = page.evaluate(PARTS)
    assert len(parts) > 5
    for part in parts:
        starts = ["".join(words.split())[:LETTERS] for words in part]
        assert any(all(start in sheet for start in starts) for sheet in sheets), starts


@pytest.mark.parametrize("width", [1280, 390])
def test_the_index_fits_its_screen_and_leads_to_every_page(page: Page, reports: Path, width: int) -> None:
    page.open(reports / "index.html", width=width)
    assert page.requests() == [(reports / "index.html").resolve().as_uri()]
    assert page.complaints() == []
    assert page.evaluate(OVERFLOW) <= 0
    links = set(page.evaluate("[...document.links].map((link) => link.href)"))
    expected = {
        published(reports, notebook, language).resolve().as_uri() for notebook in NOTEBOOKS for language in LANGUAGES
    }
    assert expected <= links
