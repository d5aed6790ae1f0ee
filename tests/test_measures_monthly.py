"""What is kept of a month is what the month says now: never an answer to another question, tape, rule or code."""

import os
import shutil
import time
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path

import ibis
import pandas as pd
import pytest

from analysis.book import kept
from analysis.book.store import open_book
from analysis.classify.states import states
from analysis.measures import monthly
from analysis.measures.bridge import bridge
from analysis.measures.components import STOCK, component_rows
from analysis.measures.migration import migration
from analysis.measures.stock import measured
from analysis.rules.loader import read_rules
from kept_books import (
    APR,
    FEB,
    JAN,
    JUN,
    MAR,
    MAY,
    RULES,
    add,
    answers,
    assert_current,
    files_of,
    first_book,
    fresh,
    month,
    newly_written,
    rows_of,
    steps,
    sums,
)


def test_a_second_question_is_answered_from_what_the_first_one_kept(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    assert_current(book)
    before = files_of(book.path)
    assert before
    assert_current(open_book(book.path))
    assert newly_written(book.path, before) == set()


def test_one_kept_answer_serves_every_component_and_both_bases(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    component_rows(states(book, RULES), ("segment",), ["npl_balance", "balance"])
    before = files_of(book.path)
    assert len(before) == len(book.months)
    component_rows(states(book, RULES), ("segment",), STOCK)
    measured(states(book, RULES), "restructured_ratio", by=("segment",), basis="count")
    assert files_of(book.path) == before


def test_measures_of_a_book_are_those_of_a_copy_of_its_rows(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    loans, dates, by = states(book, RULES), book.months, ("region", "segment")
    copy = ibis.memtable(loans.to_pyarrow())
    for _ in range(2):
        for of in (
            lambda rows: component_rows(rows, by, STOCK),
            lambda rows: migration(rows, book.flows, by=by),
            lambda rows: bridge(rows, book.flows, dates=dates, by=by, basis="count"),
        ):
            pd.testing.assert_frame_equal(of(loans), of(copy))


def test_an_appended_month_is_worked_out_and_the_history_is_not(tmp_path: Path) -> None:
    answers(first_book(tmp_path / "b"))
    before = files_of(tmp_path / "b")
    moves = [("L1", date(2025, 5, 6), "write_off", "40"), ("L3", date(2025, 5, 7), "repayment", "9")]
    book = add(tmp_path / "b", month(MAY, None, 130, None, 31), moves)
    answers(book)
    assert newly_written(book.path, before) == {MAY}
    assert_current(book)


def test_a_restated_month_is_not_answered_as_it_was(tmp_path: Path) -> None:
    answers(first_book(tmp_path / "b"))
    before = files_of(tmp_path / "b")
    book = add(tmp_path / "b", month(MAR, 120, 0, 0, 95, balance="70.00"), restate=(MAR,))
    assert_current(book)
    # What comes after follows from it; what came before does not.
    assert newly_written(book.path, before) >= {MAR, APR}
    assert not newly_written(book.path, before) & {JAN, FEB}


def test_a_flow_that_comes_late_changes_its_own_month_only(tmp_path: Path) -> None:
    answers(first_book(tmp_path / "b"))
    before = files_of(tmp_path / "b")
    late = [("L1", date(2025, 4, 20), "repayment", "7"), ("L3", date(2025, 5, 20), "repayment", "1")]
    book = add(tmp_path / "b", month(MAY, None, 130, None, 0), late)
    assert_current(book)
    assert newly_written(book.path, before) == {APR, MAY}


def test_another_definition_has_answers_of_its_own(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    answers(book)
    text = (files("analysis.rules") / "cn_2023.toml").read_text(encoding="utf-8")
    place = tmp_path / "cn_card.toml"
    found = []
    for days in ("90", "20"):
        place.write_text(text.replace('id = "cn_2023"', 'id = "cn_card"').replace("value = 90", f"value = {days}"))
        rules = read_rules(place)
        found.append(answers(book, rules))
        assert found[-1] == fresh(book, rules)
    assert found[0] != found[1]
    assert_current(book)


def test_changed_code_does_not_read_what_other_code_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = first_book(tmp_path / "b")
    answers(book)
    before = files_of(book.path)
    monkeypatch.setattr(monthly, "_code", lambda: "another")
    assert_current(book)
    assert newly_written(book.path, before) == set(book.months)


def test_the_code_that_answers_is_all_of_the_measures() -> None:
    assert len(monthly._code()) == len(kept.short_digest("")) == 16
    assert kept.short_digest("a") != kept.short_digest("b")


def test_labels_and_limits_are_read_anew_and_change_no_kept_answer(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    answers(book)
    before = files_of(book.path)
    toml = book.path / "book.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + '\n[labels.segment]\nretail = "Shops"\n', encoding="utf-8")
    renamed = open_book(book.path)
    assert renamed.label("segment", "retail").en == "Shops"
    assert_current(renamed)
    assert newly_written(book.path, before) == set()


# Cut short, emptied, a bit turned, something added.
DAMAGES: tuple[Callable[[bytes], bytes], ...] = (
    lambda content: content[: len(content) // 2],
    lambda _: b"",
    lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    lambda content: content + b"\0",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_worked_out_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    book = first_book(tmp_path / "b")
    answers(book)
    for name in files_of(book.path):
        path = book.path / name
        path.write_bytes(damage(path.read_bytes()))
    assert_current(book)
    assert all(kept._is_whole(book.path / name) for name in files_of(book.path))


def test_a_damaged_month_does_not_cost_the_others(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    monthly.kept_months(states(book, RULES), sums)
    (damaged,) = [name for name in files_of(book.path) if Path(name).name.startswith(str(FEB))]
    (book.path / damaged).write_bytes(b"PAR1")
    before = files_of(book.path)
    monthly.kept_months(states(book, RULES), sums)
    assert newly_written(book.path, before) == {FEB}


def test_filters_are_part_of_the_question(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    loans = states(book, RULES)
    filtered = (
        loans.filter(loans.segment == "retail"),
        loans.filter(loans.segment == "retail").filter(loans.days_past_due > 0),
        loans.filter((loans.segment == "retail") & loans.as_of.isin([FEB, MAR])),
        loans.filter(loans.as_of == APR),
        loans.filter(loans.as_of > JAN, loans.as_of < APR),
        loans.filter(loans.prior_as_of == FEB),
    )
    for _ in range(2):
        for table in filtered:
            assert rows_of(monthly.kept_months(table, sums)) == rows_of(sums(table))
    assert monthly.kept_months(loans.filter(loans.as_of == date(2030, 1, 31)), sums) is None


def test_a_question_of_some_months_is_answered_from_what_all_months_kept(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    loans = states(book, RULES)
    answers(book)
    before = files_of(book.path)
    monthly.kept_months(loans.filter(loans.as_of.isin([FEB, APR])), sums)
    answers(open_book(book.path, as_of=MAR))
    assert files_of(book.path) == before


def test_what_looks_beyond_its_row_is_not_kept(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    loans, by_date = states(book, RULES), ibis.window(group_by="as_of")
    for table in (
        loans.filter(loans.days_past_due == loans.days_past_due.max()),
        loans.filter(loans.days_past_due == loans.days_past_due.max().over(by_date)),
        loans.filter(loans.origination_date < ibis.today()),
        loans.filter(ibis.random() < 2),
        loans.mutate(segment=ibis.literal("all")),
        loans.semi_join(loans.filter(loans.is_npl), "loan_id"),
        loans.limit(3),
        ibis.memtable(loans.to_pyarrow()),
    ):
        assert monthly.kept_months(table, sums) is None
    assert files_of(book.path) == {}
    flows = book.flows.filter(book.flows.kind == "write_off")
    assert monthly.kept_steps(loans, flows, book.months, steps) is None
    earlier = book.flows.filter(book.flows.date < APR)
    assert monthly.kept_steps(loans, earlier, book.months, steps) is None
    assert monthly.kept_steps(loans, book.flows, (JAN, JUN), steps) is None
    assert monthly.kept_steps(loans, book.flows, (JAN,), steps) is None


def test_steps_are_worked_out_alone_or_together_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = answers(first_book(tmp_path / "a"))
    monkeypatch.setattr(monthly, "_TURN_BYTES", 1)
    assert answers(first_book(tmp_path / "b")) == together


def test_a_book_that_cannot_be_written_to_is_answered_all_the_same(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    shutil.rmtree(book.path / "states", ignore_errors=True)
    (book.path / "states").write_text("")
    assert_current(book)
    assert files_of(book.path) == {}


def test_a_full_disk_costs_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    book = first_book(tmp_path / "b")
    monkeypatch.setattr(monthly, "keep", full)
    assert monthly.kept_months(states(book, RULES), sums) is None
    assert len(component_rows(states(book, RULES), (), STOCK)) == len(book.months)
    assert files_of(book.path) == {}


def test_what_is_stale_is_swept_once_nobody_can_be_reading_it(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    monthly.kept_months(states(book, RULES), sums)
    (stale,) = [book.path / name for name in files_of(book.path) if Path(name).name.startswith(str(APR))]
    book = add(book.path, month(APR, None, 0, None, 0), restate=(APR,))
    monthly.kept_months(states(book, RULES), sums)
    assert stale.is_file()
    os.utime(stale, (0, time.time() - 100_000))
    book = add(book.path, month(MAY, None, 0, None, 0))
    monthly.kept_months(states(book, RULES), sums)
    assert not stale.exists()
    assert len(files_of(book.path)) == 5


def test_questions_that_nobody_asks_any_more_are_swept(tmp_path: Path) -> None:
    book = first_book(tmp_path / "b")
    monthly.kept_months(states(book, RULES), sums)
    (old,) = {(book.path / name).parent for name in files_of(book.path)}
    for path in (*old.iterdir(), old):
        os.utime(path, (0, time.time() - 40 * 86_400))
    component_rows(states(book, RULES), ("segment",), STOCK)
    assert not old.exists()
