"""What changed since last quarter and last year, and whether a limit is reached."""

import math
from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.book.profile import Limit
from analysis.errors import MissingColumns, Misuse
from analysis.measures.change import comparison, status
from analysis.measures.periods import month_end_before, month_ends
from analysis.measures.stock import measured
from states_of_loans import MARCH, loan, states

YEAR_AGO, QUARTER_AGO = date(2025, 3, 31), date(2025, 12, 31)
CEILING, FLOOR = Limit(watch=0.02, breach=0.03), Limit(watch=1.7, breach=1.5)


def measurements(*rows: tuple[date, str, float]) -> pd.DataFrame:
    """One row is a segment at a month end, with its value."""
    frame = pd.DataFrame(rows, columns=["as_of", "segment", "value"])
    return frame.assign(numerator=None, denominator=None, loans=50, lower=math.nan, upper=math.nan, note="")


HISTORY = measurements(
    (YEAR_AGO, "farm", 0.010),
    (QUARTER_AGO, "farm", 0.018),
    (date(2026, 2, 28), "farm", 0.5),
    (MARCH, "farm", 0.025),
    (QUARTER_AGO, "retail", 0.040),
    (MARCH, "retail", 0.030),
)


def test_each_segment_against_the_quarter_and_the_year_before() -> None:
    found = comparison(HISTORY, as_of=MARCH).set_index("segment")
    farm, retail = found.loc["farm"], found.loc["retail"]
    assert farm[["value", "prior", "change", "prior_year", "change_year"]].tolist() == pytest.approx(
        [0.025, 0.018, 0.007, 0.010, 0.015]
    )
    assert retail["change"] == pytest.approx(-0.010)
    assert retail[["prior_year", "change_year", "watch", "breach"]].isna().all()
    assert set(found["status"]) == {"none"}


def test_the_columns_are_those_that_are_promised() -> None:
    found = comparison(HISTORY, as_of=MARCH, limit=CEILING)
    assert list(found.columns) == [
        "segment", "value", "prior", "change", "prior_year", "change_year",
        "watch", "breach", "status", "loans", "note",
    ]  # fmt: skip
    assert found["segment"].tolist() == ["farm", "retail"]
    assert found["status"].tolist() == ["watch", "breach"]


def test_another_period_can_be_compared_to() -> None:
    found = comparison(HISTORY, as_of=MARCH, compare_to=date(2026, 2, 28)).set_index("segment")
    assert found.loc["farm", "change"] == pytest.approx(0.025 - 0.5)
    assert math.isnan(found.loc["retail", "change"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0199, "ok"), (0.02, "watch"), (0.0299, "watch"), (0.03, "breach"), (1.0, "breach"), (math.nan, "none")],
)
def test_a_ceiling_is_reached_from_below(value: float, expected: str) -> None:
    assert status(value, CEILING) == expected
    (found,) = comparison(measurements((MARCH, "farm", value)), as_of=MARCH, limit=CEILING)["status"]
    assert found == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2.1, "ok"), (1.71, "ok"), (1.7, "watch"), (1.51, "watch"), (1.5, "breach"), (0.0, "breach"), (math.nan, "none")],
)
def test_a_floor_such_as_that_of_coverage_is_reached_from_above(value: float, expected: str) -> None:
    assert status(value, FLOOR, "down") == expected
    (found,) = comparison(measurements((MARCH, "farm", value)), as_of=MARCH, limit=FLOOR, worse="down")["status"]
    assert found == expected


def test_without_a_limit_there_is_no_status() -> None:
    assert status(0.5, None) == "none"


def test_a_segment_that_is_gone_is_listed_without_loans() -> None:
    rows = HISTORY[~((HISTORY["segment"] == "retail") & (HISTORY["as_of"] == MARCH))]
    gone = comparison(rows, as_of=MARCH, limit=CEILING).set_index("segment").loc["retail"]
    assert math.isnan(gone["value"])
    assert gone["prior"] == pytest.approx(0.040)
    assert (gone["loans"], gone["note"], gone["status"]) == (0, "no_loans", "none")


def test_a_segment_that_is_new_has_no_change() -> None:
    new = comparison(measurements((MARCH, "farm", 0.01)), as_of=MARCH).iloc[0]
    assert new["value"] == 0.01
    assert new[["prior", "change", "prior_year", "change_year"]].isna().all()


def test_a_note_of_the_reporting_date_stays_with_its_value() -> None:
    rows = HISTORY.assign(note=["too_small", "", "", "", "", "partly_recorded"])
    assert comparison(rows, as_of=MARCH)["note"].tolist() == ["", "partly_recorded"]


def test_loans_without_a_segment_are_compared_with_each_other() -> None:
    rows = measurements((QUARTER_AGO, None, 0.01), (MARCH, None, 0.02), (MARCH, "farm", 0.03))  # type: ignore[arg-type]
    found = comparison(rows, as_of=MARCH)
    assert len(found) == 2
    assert found["change"].iloc[-1] == pytest.approx(0.01)


def test_the_whole_book_has_one_row() -> None:
    whole = HISTORY[HISTORY["segment"] == "farm"].drop(columns="segment")
    found = comparison(whole, as_of=MARCH, limit=CEILING)
    assert found[["value", "prior", "prior_year"]].to_numpy().tolist() == [[0.025, 0.018, 0.010]]
    assert found["status"].tolist() == ["watch"]


@pytest.mark.parametrize("day", [MARCH, date(2030, 1, 31)])
def test_a_whole_book_without_loans_has_one_row_without_a_value(day: date) -> None:
    empty = HISTORY.iloc[:0].drop(columns="segment")
    row = comparison(empty, as_of=day).iloc[0]
    assert math.isnan(row["value"])
    assert (row["loans"], row["note"], row["status"]) == (0, "no_loans", "none")
    assert comparison(HISTORY.iloc[:0], as_of=day).empty


def test_measurements_of_loans_can_be_compared_as_they_come() -> None:
    book = [
        loan("A", "100", as_of=QUARTER_AGO), loan("B", "100", as_of=QUARTER_AGO),
        loan("A", "100"), loan("B", "300", "loss"),
    ]  # fmt: skip
    for by in ((), ("segment",), ("segment", "vintage_year")):
        row = comparison(measured(states(book), "npl_ratio", by=by), as_of=MARCH, limit=CEILING).iloc[0]
        assert row[["value", "prior", "change"]].tolist() == [0.75, 0.0, 0.75]
        assert (row["status"], row["note"]) == ("breach", "too_small")


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.randoms())
def test_a_change_is_value_less_prior_whatever_the_order_of_rows(values: list[float], random) -> None:
    days = [YEAR_AGO, QUARTER_AGO, MARCH]
    rows = measurements(*((day, "farm", value) for day, value in zip(days, values, strict=True)), (MARCH, "z", 0.5))
    order = random.sample(range(len(rows)), len(rows))
    found = comparison(rows.iloc[order], as_of=MARCH)
    pd.testing.assert_frame_equal(found, comparison(rows, as_of=MARCH))
    assert found["change"][0] == values[2] - values[1]
    assert found["change_year"][0] == values[2] - values[0]


@given(st.floats(0, 3), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_floor_is_a_ceiling_seen_from_the_other_side(value: float, breach: float, gap: float) -> None:
    ceiling, floor = Limit(watch=breach, breach=breach + gap), Limit(watch=-breach, breach=-breach - gap)
    assert status(value, ceiling, "up") == status(-value, floor, "down")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"as_of": date(2026, 3, 30)}, "as_of must be a month end, was 2026-03-30"),
        ({"as_of": MARCH, "compare_to": date(2026, 1, 30)}, "compare_to must be a month end, was 2026-01-30"),
        ({"as_of": MARCH, "compare_to": MARCH}, "compare_to must be before 2026-03-31, was 2026-03-31"),
        ({"as_of": MARCH, "worse": "left"}, "worse must be up or down, was 'left'"),
        ({"as_of": MARCH, "limit": FLOOR}, "watch must come before breach when worse is up, was 1.7 and 1.5"),
        ({"as_of": MARCH, "limit": CEILING, "worse": "down"}, "watch must come before breach when worse is down"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        comparison(HISTORY, **options)  # type: ignore[arg-type]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MissingColumns, match="measurements lacks 'loans'"):
        comparison(HISTORY.drop(columns="loans"), as_of=MARCH)


@pytest.mark.parametrize(
    ("as_of", "months", "expected"),
    [
        (MARCH, 0, MARCH),
        (MARCH, 1, date(2026, 2, 28)),
        (MARCH, 3, QUARTER_AGO),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2025, 2, 28), 12, date(2024, 2, 29)),
    ],
)
def test_a_month_end_before_another_is_a_month_end(as_of: date, months: int, expected: date) -> None:
    assert month_end_before(as_of, months) == expected


def test_periods_lie_between_month_ends() -> None:
    found = month_ends([YEAR_AGO, QUARTER_AGO, MARCH]).to_pyarrow().to_pylist()
    assert found == [{"opening": YEAR_AGO, "as_of": QUARTER_AGO}, {"opening": QUARTER_AGO, "as_of": MARCH}]
    assert month_ends([MARCH]).to_pyarrow().to_pylist() == []
