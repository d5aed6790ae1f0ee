"""A report of one segment says so wherever it would else speak of the whole book."""

from datetime import date
from pathlib import Path

import pytest

import executed_notebooks as made
from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.profile import Profile
from analysis.exhibits import outlook, segment_page
from analysis.exhibits.narrative import summary
from analysis.reports.contract import notebook_contract
from analysis.reports.exporter import Checks, report_pages
from analysis.reports.fingerprint import Code
from analysis.reports.session import Run, lab_header, opened
from analysis.terms import Text
from tapes import loan, snapshot, tape
from test_exhibits_segments import visible

MONTH = date(2026, 6, 30)
FARM = {"zh": "农业", "en": "Farming"}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books") / "two"
    labels = {"segment": {"farm": Text(**FARM)}}
    names = [f"LOAN-{number:03d}" for number in range(80)]
    loans = [loan(name, segment="farm" if number < 40 else "trade") for number, name in enumerate(names)]
    rows = [snapshot(MONTH, name, dpd=0 if number % 4 else 95) for number, name in enumerate(names)]
    append_tape(folder, tape(connect(), loans, rows), Profile(title=Text("行", "Bank"), labels=labels))
    return folder


def run_of(book: Path, segment: str, notebook: str = "20_segment_trends") -> Run:
    contract = notebook_contract(notebook)
    return opened(contract, contract.params(book=str(book), segment=segment))


def texts(run: Run) -> list[str]:
    frames = segment_page.segment_frames(run.lens)
    page = segment_page.segment_reading(run.lens, frames)
    shown = (
        summary(page),
        outlook.segment_intervals(*segment_page.counted_intervals(run.lens)),
        segment_page.ties(run.lens, frames),
    )
    return [visible(exhibit.html) for exhibit in shown]


def test_sentences_charts_and_ties_name_the_segment_that_they_are_of(book: Path) -> None:
    answer, intervals, ties = texts(run_of(book, "farm"))
    assert "The NPL ratio of Farming was 25.00% at 30 Jun 2026" in answer
    assert "No segment is clearly above the 25.00% of Farming" in intervals
    assert "all loans" not in intervals.lower()
    assert "Segments add up to Farming, without a difference" in ties
    assert "whole book" not in ties.lower()


def test_without_a_segment_they_speak_of_all_loans(book: Path) -> None:
    answer, intervals, ties = texts(run_of(book, ""))
    assert "The NPL ratio was 25.00% at 30 Jun 2026" in answer
    assert "of all loans" in intervals
    assert "Segments add up to the whole book" in ties


def test_the_head_of_the_page_names_the_segment(book: Path) -> None:
    meta = run_of(book, "farm").meta
    assert meta["scope"] == FARM
    assert "2026-06-30 · 农业 · " in lab_header(meta)
    pages = report_pages(
        made.notebook(made.started(scope=FARM), made.shown(made.headline())), Checks(), Code(digest="0", packages={})
    )
    assert "2026 Q2 · Farming" in pages["en"].split("</header>")[0].split("</title>")[1]


def test_the_page_about_the_tape_is_about_all_of_it(book: Path) -> None:
    run = run_of(book, "farm", "10_data_quality")
    assert run.meta["scope"] is None
    assert run.states.count().to_pyarrow().as_py() == 80
    assert run_of(book, "").meta["scope"] is None
