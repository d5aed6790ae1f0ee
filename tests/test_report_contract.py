"""What a notebook may be asked is checked by name, type and value; nothing in it is evaluated."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.store import Book, open_book
from analysis.errors import Misuse
from analysis.measures.periods import month_end_before
from analysis.reports.contract import (
    NOTEBOOKS,
    ReportParams,
    allowed_parameters,
    assignments,
    declared,
    departures,
    notebook_contract,
    parameters,
    resolved,
)
from report_projects import MONTHS
from tapes import PROFILE, loan, snapshot, tape

CONTRACT = next(iter(NOTEBOOKS.values()))
RULES = ("cn_2023", "eu_npe")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    folder = tmp_path_factory.mktemp("books") / "tiny"
    backend = connect()
    loans = [loan("L1"), loan("L2", segment="retail")]
    rows = [snapshot(month, one["loan_id"]) for month in MONTHS for one in loans]
    append_tape(folder, tape(backend, loans, rows), PROFILE)
    return open_book(folder)


def test_there_are_contracts_and_each_asks_a_question_in_both_languages() -> None:
    assert NOTEBOOKS
    for name, contract in NOTEBOOKS.items():
        assert name == contract.name
        assert contract.question.zh.endswith("？")
        assert contract.question.en.endswith("?")
        assert contract.exhibits
        assert contract.metrics


def test_only_the_report_on_data_quality_is_published_of_a_book_with_errors() -> None:
    assert [name for name, contract in NOTEBOOKS.items() if contract.shows_errors] == ["10_data_quality"]


def test_an_unknown_notebook_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Misuse, match=r"was '20_segment_trend' \(did you mean '20_segment_trends'\?\)"):
        notebook_contract("20_segment_trend")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"asof": "2026-09-30"}, "no parameter 'asof' (did you mean 'as_of'?)"),
        ({"seed": "ten"}, "seed: input should be a valid integer"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0"),
        ({"basis": "volume"}, "basis: input should be '', 'balance' or 'count', was 'volume'"),
        ({"book": ""}, "book: string should have at least 1 character"),
        ({"segment": "a\nb"}, "segment: string should match pattern"),
        ({"segment": "x" * 201}, "segment: string should have at most 200 characters"),
        ({"segment": 3}, "segment: input should be a valid string"),
    ],
)
def test_a_wrong_name_or_value_is_refused_with_all_that_is_allowed(values: dict[str, object], message: str) -> None:
    with pytest.raises(Misuse) as refused:
        parameters(CONTRACT, values)
    assert message in str(refused.value)
    assert allowed_parameters(CONTRACT) in str(refused.value)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_any_names_and_values_are_taken_or_refused_in_words(values: dict[str, object]) -> None:
    try:
        assert parameters(CONTRACT, values) == ReportParams.model_validate(values)
    except Misuse as refused:
        assert "Allowed parameters" in str(refused)


def test_settings_are_texts_and_each_comes_once() -> None:
    assert assignments(["segment=__import__('os')", "book= a=b "]) == {"segment": "__import__('os')", "book": "a=b"}
    for settings in (["segment"], ["=x"], ["a=1", "a=2"]):
        with pytest.raises(Misuse):
            assignments(settings)


def test_a_notebook_whose_parameters_cell_lacks_one_is_refused() -> None:
    with pytest.raises(Misuse, match="must define as_of, compare_to"):
        declared(CONTRACT, {"book": "demo"})


def test_what_is_not_given_is_filled_from_the_book(book: Book) -> None:
    filled = resolved(ReportParams(book="x"), book, RULES)
    assert filled.as_of == "2026-06-30"
    assert filled.compare_to == "2026-03-31"
    assert (filled.book, filled.rules, filled.basis, filled.segment) == ("tiny", "cn_2023", "balance", "")


def test_there_is_nothing_to_compare_with_before_the_first_month(book: Book) -> None:
    first = open_book(book.path, as_of=MONTHS[0])
    assert resolved(ReportParams(), first, RULES).compare_to == ""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"compare_to": "2026-06-30"}, "compare_to must be one of the book's month ends before 2026-06-30"),
        ({"segment": "retial"}, r"segment must be one of manufacturing, retail, was 'retial' \(did you mean 'retail'"),
        ({"rules": "us_2099"}, "rules must be one of cn_2023, eu_npe, was 'us_2099'"),
    ],
)
def test_a_value_that_the_book_does_not_have_is_refused(book: Book, values: dict[str, str], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        resolved(ReportParams(**values), book, RULES)


def test_only_what_departs_from_the_usual_names_a_place(book: Book) -> None:
    usual = resolved(ReportParams(book="tiny"), book, RULES)
    assert departures(usual, usual) == {"book": "tiny"}
    asked = resolved(ReportParams(segment="retail", rules="eu_npe", lang="en", compare_to="2026-03-31"), book, RULES)
    assert departures(asked, usual) == {"book": "tiny", "segment": "retail", "rules": "eu_npe"}


def test_months_are_counted_by_month_ends() -> None:
    assert month_end_before(date(2026, 3, 31), 1) == date(2026, 2, 28)
    assert month_end_before(date(2024, 5, 31), 3) == date(2024, 2, 29)
    assert month_end_before(date(2026, 1, 31), 3) == date(2025, 10, 31)


@given(st.dates(date(1980, 1, 1), date(2100, 1, 1)), st.integers(1, 60))
def test_going_back_in_two_steps_is_going_back_at_once(day: date, months: int) -> None:
    assert month_end_before(month_end_before(day, months), 7) == month_end_before(day, months + 7)


def test_the_table_of_parameters_has_a_line_for_each() -> None:
    lines = allowed_parameters(CONTRACT).splitlines()
    assert len(lines) == 1 + len(ReportParams.model_fields)
    assert all(len(line.split()) > 3 for line in lines[1:])
