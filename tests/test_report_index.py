"""The index says what is published, newest first, what failed, and what is shown in its place."""

import os
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from analysis.measures.periods import month_end_before
from analysis.reports.library import entries, renew_index
from analysis.reports.page_checks import page_faults
from analysis.reports.places import Place
from library import BANK, add_failure, add_report, number, trends


def index(root: Path) -> str:
    return renew_index(root).read_text(encoding="utf-8")


def rows(html: str) -> list[str]:
    """Words of each row in English."""
    found = re.findall(r"<tr.*?</tr>", html.split("<main")[1], re.DOTALL)
    english = [re.sub(r'<span lang="zh">.*?</span>', "", row) for row in found]
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in english]


def test_an_empty_library_says_how_to_fill_it(tmp_path: Path) -> None:
    html = index(tmp_path)
    assert "No report is published yet" in html
    assert list(page_faults(html)) == []


def test_reports_stand_newest_first_with_number_change_status_and_both_links(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-06-30"), number("npl_ratio", 0.0161))
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0162, change=0.0001, status="watch"))
    html = index(tmp_path)
    _, newest, older = rows(html)
    assert newest.startswith("2026 Q3 1.62% +1bp")
    assert "▲ Watch" in newest
    assert older.startswith("2026 Q2 1.61%")
    assert 'href="20_segment_trends/2026-09-30/report.zh.html"' in html
    assert 'href="20_segment_trends/2026-09-30/report.en.html"' in html
    assert "abababababab" in newest


def test_a_rise_of_what_is_better_high_is_not_marked_as_worse(tmp_path: Path) -> None:
    coverage = number("provision_coverage_ratio", 2.05, change=0.01, worse="down")
    add_report(tmp_path, trends("2026-09-30"), coverage)
    assert '<span class="dn">+100bp</span>' in index(tmp_path)


def test_a_number_that_is_not_known_is_a_dash_and_never_zero(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", None, status=None))
    row = rows(index(tmp_path))[1]
    assert row.startswith("2026 Q3 –")
    assert "0.00%" not in row
    assert "No limit" in row


def test_amounts_and_counts_are_written_in_their_own_units(tmp_path: Path) -> None:
    balance = number("npl_balance", 41_370_000_000.0, unit="money")
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0162), balance)
    quality = Place(notebook="10_data_quality", as_of="2026-09-30")
    counts = [number(name, value, unit="count") for name, value in (("errors", 0), ("warnings", 1200))]
    add_report(tmp_path, quality, *counts)
    text = index(tmp_path)
    assert "413.7亿元" in text
    assert "CNY 41.37bn" in text
    assert any("1,200" in row and "▲ Warnings" in row for row in rows(text))


def test_a_failed_period_names_the_reason_and_links_to_the_report_before_it(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-06-30"), number("npl_ratio", 0.0161))
    add_report(tmp_path, trends("2026-06-30", "segment-retail"), number("npl_ratio", 0.02))
    add_failure(tmp_path, trends("2026-09-30"))
    html = index(tmp_path)
    _, failed, notice, *_ = rows(html)
    assert failed.startswith("2026 Q3 ■ Not published")
    assert "not published – the tape has quality findings of severity error; showing 2026 Q2" in notice
    assert '<a href="20_segment_trends/2026-06-30/report.zh.html"><span lang="zh">显示2026年二季度' in html


def test_a_failure_over_a_published_report_keeps_its_row_and_says_so(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0162))
    add_failure(tmp_path, trends("2026-09-30"))
    _, published, notice = rows(index(tmp_path))
    assert published.startswith("2026 Q3 1.62%")
    assert notice.endswith("showing the report published before")


def test_a_failure_with_nothing_before_it_says_that(tmp_path: Path) -> None:
    add_failure(tmp_path, trends("2026-09-30"))
    assert "there is no earlier report" in rows(index(tmp_path))[2]


def test_the_index_quotes_nothing_that_the_checks_found_in_the_data(tmp_path: Path) -> None:
    add_failure(tmp_path, trends("2026-09-30"))
    assert "LOAN-1" not in index(tmp_path)


def test_what_comes_from_data_is_escaped(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'
    label = {"zh": evil, "en": evil}
    fields = {"bank": label, "book": {"hash": evil, "currency": evil, "simulated": False}}
    add_report(tmp_path, trends("2026-09-30"), number(evil, 0.01, label=label, status=evil), **fields)
    html = index(tmp_path)
    assert html.count("<script>") == 1
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_a_name_that_no_font_can_draw_does_not_hide_the_others(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.01), bank={"zh": "\u16a0", "en": "\u16a0"})
    assert "1.00%" in index(tmp_path)


def test_the_index_needs_nothing_but_itself_and_the_reports_beside_it(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0162))
    html = index(tmp_path)
    assert list(page_faults(html)) == []
    links = [link for link in re.findall(r'href="([^"]*)"', html) if not link.startswith("#")]
    assert links
    assert all(not link.startswith(("/", "file:", "http")) for link in links)


def test_a_damaged_manifest_and_what_a_crash_left_are_passed_over(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0162))
    add_report(tmp_path, Place(notebook="20_segment_trends", as_of=".2026-06-30.aside"), number("npl_ratio", 1.0))
    damaged = tmp_path / "20_segment_trends" / "2026-03-31"
    damaged.mkdir()
    (damaged / "manifest.json").write_text('{"schema_version": 1, "rep')
    listed = tmp_path / "20_segment_trends" / "2025-12-31"
    listed.mkdir()
    (listed / "manifest.json").write_text("[]")
    add_failure(tmp_path, trends("2026-06-30"))
    next(tmp_path.glob("_failed/*/failure.json")).write_bytes(b"\xff{")
    assert [one.as_of for one in entries(tmp_path)] == ["2026-09-30"]
    assert "1.62%" in index(tmp_path)


def test_an_index_whose_records_did_not_change_is_left_alone(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0162))
    path = renew_index(tmp_path)
    before = path.stat().st_mtime_ns
    renew_index(tmp_path)
    assert path.stat().st_mtime_ns == before
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0163))
    assert "1.63%" in index(tmp_path)


def test_an_index_that_was_deleted_or_damaged_is_written_again(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0162))
    good = index(tmp_path)
    (tmp_path / "index.html").write_text("half")
    assert index(tmp_path) == good
    (tmp_path / "index.html").unlink()
    assert index(tmp_path) == good


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process; this system cannot fork")
def test_a_kill_while_the_index_is_written_leaves_the_old_one_whole(tmp_path: Path) -> None:
    add_report(tmp_path, trends("2026-06-30"), number("npl_ratio", 0.0161))
    before = index(tmp_path)
    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0162))
    code = (
        "import os, sys; from pathlib import Path; from analysis.reports.library import renew_index\n"
        "os.fsync = lambda _: os._exit(9)\nrenew_index(Path(sys.argv[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 9
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == before
    assert "1.62%" in index(tmp_path)


def test_a_thousand_reports_are_listed_in_a_second_and_older_ones_fold_away(tmp_path: Path) -> None:
    last = date(2026, 9, 30)
    for months in range(250):
        for slug in ("", "segment-a", "segment-b", "segment-c"):
            add_report(tmp_path, trends(month_end_before(last, months), slug), number("npl_ratio", 0.01, change=0.0))
    index(tmp_path)
    add_report(tmp_path, trends(last, "segment-d"), number("npl_ratio", 0.01, change=0.0))
    begun = time.process_time()
    html = index(tmp_path)
    assert time.process_time() - begun < 1.0
    assert "(989)" in html
    assert html.count("<tr>") == 1001 + 2
    assert BANK["zh"] in html


def test_fonts_of_the_index_before_are_kept_only_where_they_hold_the_same_letters(tmp_path: Path) -> None:
    def fresh() -> str:
        (tmp_path / "index.html").unlink()
        return index(tmp_path)

    add_report(tmp_path, trends("2026-09-30"), number("npl_ratio", 0.0123))
    index(tmp_path)
    add_report(tmp_path, trends("2026-06-30"), number("npl_ratio", 0.0132))
    assert index(tmp_path) == fresh()
    add_report(tmp_path, trends("2026-03-31"), number("npl_ratio", 0.01), bank={"zh": "鑫", "en": "Ж"})
    assert index(tmp_path) == fresh()
    assert list(page_faults(index(tmp_path))) == []
