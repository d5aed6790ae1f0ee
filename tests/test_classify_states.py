"""States are classified once a month, kept beside the book, and never stale."""

import os
import random
import time
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.book.schema import snapshot_schema
from analysis.book.store import open_book
from analysis.classify import cache
from analysis.classify.classification import STATE
from analysis.classify.differences import differences
from analysis.classify.states import states
from analysis.rules.loader import load_rules, read_rules
from classified import add, book_of, classified, monthly
from tapes import Row, loan, snapshot

JAN, FEB, MAR, APR = date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)
MONTHS = (JAN, FEB, MAR, APR)


def kept(folder: Path) -> dict[str, int]:
    """Files of states and when each was written."""
    found = sorted((folder / "states").rglob("*.parquet"))
    return {file.relative_to(folder).as_posix(): file.stat().st_mtime_ns for file in found}


def test_a_state_has_every_column_of_its_snapshot(tmp_path: Path) -> None:
    book = book_of(tmp_path, monthly("L1", (JAN, FEB), (0, 31)))
    rows = states(book, load_rules("cn_2023"))
    stored = book.snapshots.order_by("as_of").to_pyarrow().to_pylist()
    found = rows.order_by("as_of").to_pyarrow().to_pylist()
    assert [{name: row[name] for name in snapshot_schema().names} for row in found] == stored
    assert rows.schema() == STATE


def test_a_loan_that_was_not_there_has_no_prior_class(tmp_path: Path) -> None:
    rows = [snapshot(JAN, "L1", dpd=91), snapshot(MAR, "L1"), snapshot(FEB, "L2"), snapshot(MAR, "L2", dpd=5)]
    found = classified(book_of(tmp_path, rows))
    assert found[MAR, "L1"]["prior_is_npl"] is None
    assert found[MAR, "L2"]["prior_is_npl"] is False
    assert found[JAN, "L1"]["prior_five_class"] is None


def test_a_quarterly_book_looks_at_the_quarter_before(tmp_path: Path) -> None:
    quarters = (date(2024, 3, 31), date(2024, 6, 30), date(2024, 9, 30), date(2024, 12, 31))
    found = classified(book_of(tmp_path, monthly("L1", quarters, (91, 0, 0, 0)), periodicity="Q"))
    assert [found[quarter, "L1"]["is_npl"] for quarter in quarters] == [True, True, True, False]


def test_a_book_by_count_is_classified(tmp_path: Path) -> None:
    plain = {"principal_balance": None}
    loans = [loan(name, borrower_id="B", original_amount=None) for name in ("L1", "L2")]
    rows = [snapshot(JAN, "L1", dpd=91, **plain), snapshot(JAN, "L2", **plain)]
    for rules in ("cn_2023", "cn_card", "eu_npe", "us_retail"):
        found = classified(book_of(tmp_path / rules, rows, loans, basis="count"), rules)
        assert [found[JAN, name]["is_npl"] for name in ("L1", "L2")] == [True, False]


def test_only_months_up_to_the_reporting_date_are_there(tmp_path: Path) -> None:
    add(tmp_path / "b", monthly("L1", MONTHS, (0, 0, 0, 0)))
    rows = states(open_book(tmp_path / "b", as_of=FEB), load_rules("cn_2023"))
    assert sorted(rows.as_of.to_pyarrow().to_pylist()) == [JAN, FEB]


def test_a_new_month_alone_is_classified(tmp_path: Path) -> None:
    add(tmp_path / "b", monthly("L1", (JAN, FEB), (0, 91)))
    classified(open_book(tmp_path / "b"))
    before = kept(tmp_path / "b")
    add(tmp_path / "b", monthly("L1", (MAR,), (0,)))
    assert classified(open_book(tmp_path / "b"))[MAR, "L1"]["is_npl"] is True
    after = kept(tmp_path / "b")
    assert len(before) == 2
    assert {name: after[name] for name in before} == before
    assert len(after) == 3


def test_a_restated_month_is_classified_again_with_all_later_ones(tmp_path: Path) -> None:
    add(tmp_path / "b", monthly("L1", MONTHS, (0, 91, 0, 0)))
    assert [state["is_npl"] for state in classified(open_book(tmp_path / "b")).values()] == [False, True, True, True]
    add(tmp_path / "b", monthly("L1", (FEB,), (0,)), restate=(FEB,))
    assert not any(state["is_npl"] for state in classified(open_book(tmp_path / "b")).values())


def test_a_changed_rule_is_applied(tmp_path: Path) -> None:
    text = files("analysis").joinpath("rules", "cn_card.toml").read_text(encoding="utf-8")
    book = book_of(tmp_path, [snapshot(JAN, "L1", dpd=91)], rules="cn_card")
    for days, expected in ((90, True), (91, False)):
        (tmp_path / "cn_card.toml").write_text(text.replace("value = 90", f"value = {days}"), encoding="utf-8")
        rows = states(book, read_rules(tmp_path / "cn_card.toml"))
        assert rows.is_npl.to_pyarrow().to_pylist() == [expected]


def test_changed_code_classifies_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = book_of(tmp_path, [snapshot(JAN, "L1")])
    classified(book)
    monkeypatch.setattr(cache, "_code_digest", lambda: "another")
    classified(book)
    assert len(kept(book.path)) == 2


def test_stale_states_are_swept_once_nobody_can_be_reading_them(tmp_path: Path) -> None:
    add(tmp_path / "b", monthly("L1", (JAN, FEB), (0, 0)))
    classified(open_book(tmp_path / "b"))
    (stale,) = [tmp_path / "b" / name for name in kept(tmp_path / "b") if "2025-02-28" in name]
    add(tmp_path / "b", monthly("L1", (FEB,), (9,)), restate=(FEB,))
    classified(open_book(tmp_path / "b"))
    assert stale.is_file()
    os.utime(stale, (0, time.time() - 100_000))
    add(tmp_path / "b", monthly("L1", (MAR,), (0,)))
    classified(open_book(tmp_path / "b"))
    assert not stale.exists()
    assert len(kept(tmp_path / "b")) == 3


def test_states_do_not_change_what_the_book_is(tmp_path: Path) -> None:
    book = book_of(tmp_path, [snapshot(JAN, "L1")])
    before = book.content_hash
    classified(book)
    assert open_book(book.path).content_hash == before


def test_a_book_that_cannot_be_written_to_is_classified_elsewhere(tmp_path: Path) -> None:
    book = book_of(tmp_path, [snapshot(JAN, "L1", dpd=91)])
    # A file in the place of the folder stands for any reason that it cannot be made.
    (book.path / "states").write_text("")
    assert classified(book)[JAN, "L1"]["is_npl"] is True
    assert cache.states_folder(book) != book.path / "states"


def _classify(folder: str) -> list[bool]:
    return states(open_book(folder), load_rules("cn_2023")).is_npl.to_pyarrow().to_pylist()


def test_two_processes_may_classify_at_once(tmp_path: Path) -> None:
    add(tmp_path / "b", monthly("L1", MONTHS, (0, 91, 0, 0)))
    with get_context("spawn").Pool(2) as pool:
        found = pool.map(_classify, [str(tmp_path / "b")] * 2)
    assert found == [[False, True, True, True]] * 2
    assert len(kept(tmp_path / "b")) == 4
    assert not list((tmp_path / "b" / "states").rglob("*.tmp"))


STORY = st.lists(st.sampled_from([0, 3, 30, 91, 271]), min_size=4, max_size=4)


def rows_of(stories: Sequence[Sequence[int]], months: Sequence[date]) -> list[Row]:
    return [
        snapshot(month, f"L{n}", dpd=story[MONTHS.index(month)], is_restructured=n % 3 == 0, restructure_date=JAN)
        for n, story in enumerate(stories)
        for month in months
    ]


def firms(stories: Sequence[Sequence[int]]) -> list[Row]:
    return [loan(f"L{n}", borrower_id=f"B{n // 2}") for n in range(len(stories))]


def outcome(folder: Path) -> dict[tuple[date, str], tuple[object, ...]]:
    found = classified(open_book(folder))
    return {key: (state["five_class"], state["rule_id"], state["prior_is_npl"]) for key, state in found.items()}


LAW = settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LAW
@given(stories=st.lists(STORY, min_size=6, max_size=12))
def test_months_may_be_appended_one_by_one_or_at_once(
    tmp_path_factory: pytest.TempPathFactory, stories: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("books")
    add(folder / "whole", rows_of(stories, MONTHS), firms(stories))
    for months in (MONTHS[:1], MONTHS[1:]):
        add(folder / "parts", rows_of(stories, months), firms(stories))
        states(open_book(folder / "parts"), load_rules("cn_2023"))
    assert outcome(folder / "parts") == outcome(folder / "whole")


@LAW
@given(stories=st.lists(STORY, min_size=6, max_size=12), seed=st.integers(0, 99))
def test_neither_order_nor_names_of_loans_matter(
    tmp_path_factory: pytest.TempPathFactory, stories: list[list[int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("books")
    rows, loans = rows_of(stories, MONTHS), firms(stories)
    names = [f"L{n}" for n in range(len(stories))]
    shuffled = random.Random(seed).sample(names, len(names))
    renamed = dict(zip(names, shuffled, strict=True))
    add(folder / "plain", rows, loans)
    other = [row | {"loan_id": renamed[str(row["loan_id"])]} for row in random.Random(seed).sample(rows, len(rows))]
    add(folder / "other", other, [one | {"loan_id": renamed[str(one["loan_id"])]} for one in loans])
    found = outcome(folder / "other")
    assert {key: found[key[0], renamed[key[1]]] for key in outcome(folder / "plain")} == outcome(folder / "plain")


def test_differences_are_a_table_and_not_an_override(tmp_path: Path) -> None:
    rows = [
        snapshot(JAN, "L1", dpd=91, balance="10.00", reported_class="special_mention"),
        snapshot(JAN, "L2", dpd=95, balance="20.05", reported_class="special_mention"),
        snapshot(JAN, "L3", reported_class="doubtful"),
        snapshot(JAN, "L4", reported_class="pass"),
        snapshot(JAN, "L5", dpd=91),
    ]
    found = differences(states(book_of(tmp_path, rows), load_rules("cn_2023")))
    assert found.to_dict("records") == [
        {
            "as_of": found["as_of"][0], "reported_class": "special_mention", "five_class": "substandard",
            "loans": 2, "balance": Decimal("30.05"), "rule_id": "CN-2023-11-1",
        }
    ]  # fmt: skip
    assert found["as_of"][0].date() == JAN


def test_without_differences_the_table_has_its_columns(tmp_path: Path) -> None:
    found = differences(states(book_of(tmp_path, [snapshot(JAN, "L1")]), load_rules("cn_2023")))
    assert list(found.columns) == ["as_of", "reported_class", "five_class", "loans", "balance", "rule_id"]
    assert found.empty


def test_the_demonstration_bank_reports_nearly_what_the_rules_give(in_demo_books: Path) -> None:
    book = open_book("demo")
    rows = states(book, load_rules("cn_2023"))
    latest = rows.filter(rows.as_of == book.as_of)
    shares = latest.aggregate(
        npl=latest.is_npl.ifelse(latest.principal_balance, 0).sum() / latest.principal_balance.sum(),
        apart=(latest.five_class != latest.reported_class).mean(),
        unknown=latest.is_npl.isnull().sum(),
    ).to_pyarrow()
    # NFRA, commercial banks, end of 2025: 1.50 %.
    assert float(shares["npl"][0].as_py()) == pytest.approx(0.0150, abs=0.0045)
    assert shares["apart"][0].as_py() < 0.002
    assert shares["unknown"][0].as_py() == 0
    assert in_demo_books.is_dir()
