"""A failure page helps those who must mend the run, and shows nothing of the data."""

import json
from pathlib import Path

import pytest

from analysis.errors import DataRefused, Misuse, Unavailable
from analysis.reports.failure import KINDS, Incident, failure_page, write_failure
from analysis.reports.page_checks import page_faults
from analysis.terms import Text

IDENTITY = {"notebook": "20_segment_trends", "as_of": "2026-09-30", "slug": "segment-<b>"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_failure_says_what_happened_and_what_to_do_in_both_languages(kind: str) -> None:
    page = failure_page(Incident(kind=kind), IDENTITY)
    for words in (KINDS[kind].what, KINDS[kind].advice):
        assert words.html() in page
    assert [fault for fault in page_faults(page) if "h1" in fault or "address" in fault] == []


@pytest.mark.parametrize(
    ("incident", "error"),
    [
        (Incident(kind="error", exception="KeyError"), DataRefused),
        (Incident(kind="error", exception="Misuse"), Misuse),
        (Incident(kind="error", exception="Unavailable"), Unavailable),
        (Incident(kind="error", exception="Unreconciled"), DataRefused),
        (Incident(kind="endless"), DataRefused),
        (Incident(kind="hanging"), Unavailable),
        (Incident(kind="unstarted"), Unavailable),
        (Incident(kind="dead"), Unavailable),
        (Incident(kind="gate"), DataRefused),
        (Incident(kind="quality"), DataRefused),
    ],
)
def test_the_exit_code_tells_data_from_usage_and_infrastructure(incident: Incident, error: type[Exception]) -> None:
    assert type(incident.error) is error


def test_a_message_names_the_section_the_type_and_every_fault() -> None:
    section = Text("分部走势", "Segments over time")
    incident = Incident(kind="gate", exception="X", section=section, faults=("one", "two"), log="private")
    assert incident.message("en") == ("the report's content did not pass its checks [Segments over time] (X): one; two")
    assert incident.summary("zh") == "报告内容未通过检查 [分部走势] (X)"


def test_the_log_is_apart_private_and_nowhere_else(tmp_path: Path) -> None:
    incident = Incident(kind="error", exception="KeyError", log="IBAN GB33BUKB20201555555555")
    write_failure(tmp_path, incident, IDENTITY)
    write_failure(tmp_path, incident, IDENTITY)
    assert (tmp_path / "log.txt").stat().st_mode & 0o077 == 0
    assert "IBAN" in (tmp_path / "log.txt").read_text(encoding="utf-8")
    for name in ("failure.html", "failure.json"):
        assert "IBAN" not in (tmp_path / name).read_text(encoding="utf-8")
    record = json.loads((tmp_path / "failure.json").read_text(encoding="utf-8"))
    assert (record["exit_code"], record["status"], record["slug"]) == (1, "failed", "segment-<b>")


def test_names_and_faults_are_escaped() -> None:
    page = failure_page(
        Incident(kind="gate", exception="<i>", faults=("<script>alert(1)</script>",)), IDENTITY | {"as_of": "<b>"}
    )
    assert "<script" not in page
    assert "<i>" not in page
    assert "<b>" not in page


def test_the_page_holds_its_own_font_and_a_character_it_cannot_draw_hides_nothing() -> None:
    page = failure_page(Incident(kind="gate", faults=("\u16a0 has no glyph",)), IDENTITY)
    assert page.count("@font-face") == 2
    assert "font-src data:" in page
    assert "\u16a0 has no glyph" in page
