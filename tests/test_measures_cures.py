"""Bad loans that get well, stay well or do not, and how long loans stay: by hand, by brute force, by law."""

import math
from decimal import Decimal

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.cures import (
    CURE_OUTCOMES,
    REDEFAULT_OUTCOMES,
    cure_rates,
    pooled_cohorts,
    redefault_rates,
    time_in_state,
)
from analysis.measures.migration import migration
from moved_loans import month_list, moved, path
from states_of_loans import JAN, Row

# All go bad in January. Within two months and a probation of two: A comes back and stays; B comes back and goes
# bad in probation; C comes back too late; D is gone before; E comes back and is gone in probation; F stays bad.
BOOK = [
    *path("A", "N 10", "S 10", "S 10", "N 10", "N 10", "N 10", "N 10", "N 10"),
    *path("B", "N 20", "S 20", "N 20", "N 20", "S 20", "N 20", "N 20", "N 20"),
    *path("C", "N 30", "S 30", "S 30", "S 30", "N 30", "N 30", "N 30", "N 30"),
    *path("D", "N 40", "S 40", "S 40", "-", "-", "-", "-", "-"),
    *path("E", "N 50", "S 50", "N 50", "-", "-", "-", "-", "-"),
    *path("F", "N 60", "S 60", "D 60", "L 60", "L 60", "L 60", "L 60", "L 60"),
]


def first(rows: pd.DataFrame, *names: str) -> tuple[object, ...]:
    return tuple(rows.iloc[0][list(names)])


def test_every_outcome_worked_by_hand() -> None:
    found = cure_rates(moved(BOOK), within=2, probation=2)
    january = found[found["as_of"] == pd.Timestamp(JAN)]
    assert first(january, "entrants", *CURE_OUTCOMES) == (6, 1, 1, 1, 1, 2)
    assert first(january, "value", "note") == (pytest.approx(1 / 6), "")


def test_every_outcome_by_balance_when_it_went_bad() -> None:
    found = cure_rates(moved(BOOK), within=2, probation=2, basis="balance")
    amounts = first(found, "entrants", *CURE_OUTCOMES)
    assert amounts == (210, 10, 20, 50, 40, 90)
    assert all(type(amount) is Decimal for amount in amounts)
    assert first(found, "value")[0] == pytest.approx(10 / 210)
    assert found[["lower", "upper"]].isna().all(axis=None)


@pytest.mark.parametrize(("within", "probation", "cured"), [(1, 0, 2), (1, 1, 1), (2, 0, 3), (2, 1, 2), (3, 2, 2)])
def test_more_time_cures_more_and_more_probation_fewer(within: int, probation: int, cured: int) -> None:
    assert first(cure_rates(moved(BOOK), within=within, probation=probation), "cured") == (cured,)


def test_a_cohort_whose_window_is_not_over_is_said_to_be_and_has_no_rate() -> None:
    found = cure_rates(moved(BOOK), within=2, probation=2)
    # B goes bad again in April; the book ends in July, a month too early for two and two.
    april = found[found["as_of"] == pd.Timestamp("2026-04-30")]
    assert first(april, "entrants", "cured", "note") == (1, 1, "censored")
    assert math.isnan(april["value"].iloc[0])
    closed = cure_rates(moved(BOOK), within=2, probation=1)
    assert closed["note"].tolist() == ["", ""]


def test_only_cohorts_whose_windows_are_over_are_added_up_and_the_others_counted() -> None:
    found = pooled_cohorts(cure_rates(moved(BOOK), within=2, probation=2))
    assert first(found, "entrants", "cured", "censored", "note") == (6, 1, 1, "")
    assert first(found, "since", "as_of") == (pd.Timestamp(JAN), pd.Timestamp(JAN))


def test_a_group_with_censored_cohorts_only_is_not_dropped() -> None:
    late = path("G", "N 1", "N 1", "N 1", "N 1", "N 1", "N 1", "N 1", "S 1", segment="retail")
    found = pooled_cohorts(cure_rates(moved([*BOOK, *late]), within=2, probation=2, by=["segment"]), by=["segment"])
    retail = found[found["segment"] == "retail"]
    assert first(retail, "entrants", "censored", "note") == (None, 1, "censored")
    assert math.isnan(retail["value"].iloc[0])


def test_a_loan_first_seen_as_bad_has_no_known_beginning() -> None:
    book = [*BOOK, *path("X", "S 1", "N 1", "N 1", "N 1"), *path("Y", "-", "S 1", "N 1", "N 1", "N 1")]
    assert first(cure_rates(moved(book), within=2, probation=2), "entrants") == (6,)


def test_a_loan_that_drops_out_of_a_tape_was_gone_though_it_comes_back_well() -> None:
    book = [*path("A", "N 1", "S 1", "-", "N 1", "N 1", "N 1"), *path("Z", *["N 1"] * 6)]
    assert first(cure_rates(moved(book), within=2, probation=1), "left", "cured") == (1, 0)
    long_gone = [*path("A", "N 1", "S 1", "-", "-", "-", "N 1"), *path("Z", *["N 1"] * 6)]
    assert first(cure_rates(moved(long_gone), within=1, probation=1), "left", "not_returned") == (1, 0)


def test_a_cure_by_restructuring_is_told_apart() -> None:
    book = [{**row, "is_restructured": row["as_of"] > JAN} for row in BOOK]
    found = cure_rates(moved(book), within=2, probation=0)
    assert first(found, "cured", "cured_restructured") == (3, 3)
    assert first(cure_rates(moved(BOOK), within=2, probation=0), "cured_restructured") == (0,)


def test_a_book_that_does_not_record_restructuring_does_not_say_none() -> None:
    silent = moved([{**row, "is_restructured": None} for row in BOOK])
    found = cure_rates(silent, within=2, probation=0)
    assert first(found, "cured", "cured_restructured") == (3, None)


def test_the_interval_of_a_cure_rate_is_that_of_print() -> None:
    # E. B. Wilson (1927), recomputed: 7 of 50 (.06951, .26186).
    book = [r for i in range(50) for r in path(f"L{i}", "N 1", "S 1", "N 1" if i < 7 else "S 1", "N 1")]
    found = cure_rates(moved(book), within=1, probation=0)
    assert first(found, "lower", "upper") == pytest.approx((0.06951, 0.26186), abs=1e-5)


def test_redefault_worked_by_hand() -> None:
    book = [
        *path("A", "S 1", "N 10", "N 9", "N 9", "S 9"),  # holds two months, then bad again
        *path("B", "S 1", "N 20", "N 9", "S 9", "S 9"),  # bad again in probation: never cured
        *path("C", "S 1", "N 30", "N 9", "N 9", "-"),  # cured, then gone
        *path("D", "S 1", "N 40", "N 9", "-", "-"),  # gone in probation: never cured
        *path("E", "S 1", "N 50", "N 9", "N 9", "N 9"),
    ]
    found = redefault_rates(moved(book), within=1, probation=2)
    assert first(found, "as_of", "cured", *REDEFAULT_OUTCOMES) == (pd.Timestamp(JAN), 3, 1, 1, 1)
    assert first(found, "value", "note") == (pytest.approx(1 / 3), "")
    by_balance = redefault_rates(moved(book), within=1, probation=2, basis="balance")
    assert first(by_balance, "cured", *REDEFAULT_OUTCOMES) == (90, 10, 30, 50)
    assert first(redefault_rates(moved(book), within=2, probation=2), "note") == ("censored",)


def test_cohorts_added_up_have_the_rate_of_those_who_went_bad_again_and_not_of_those_who_left() -> None:
    paths = [("A", "N"), ("B", "N"), ("C", "S"), ("D", "-"), ("E", "-"), ("F", "-")]
    book = [row for name, last in paths for row in path(name, "S 1", "N 9", "N 9", f"{last} 9" if last != "-" else "-")]
    found = pooled_cohorts(redefault_rates(moved(book), within=1, probation=1))
    assert first(found, "cured", *REDEFAULT_OUTCOMES) == (6, 1, 3, 2)
    assert first(found, "value")[0] == pytest.approx(1 / 6)


def test_time_in_a_state_worked_by_hand() -> None:
    found = time_in_state(migration(moved(BOOK))).set_index("state")
    # Substandard: A 2 months, B 1 and 1, C 3, D 2, E 1, F 1; each move out ends a stay.
    assert found.loc["substandard", ["loan_months", "moves", "censored"]].tolist() == [11, 7, 0]
    assert found.loc["substandard", "months"] == pytest.approx(11 / 7)
    # Nobody has left the loss class, F is still there.
    assert found.loc["loss", "moves"] == 0
    assert math.isnan(found.loc["loss", "months"])
    assert found.loc["loss", "censored"] == 1


def test_a_book_without_balances_has_no_cures_by_balance() -> None:
    found = cure_rates(moved(path("A", "N", "S", "N", "N")), within=1, probation=0, basis="balance")
    assert first(found, "entrants", "cured", "note") == (None, None, "not_recorded")
    assert math.isnan(found["value"].iloc[0])


def test_a_book_without_bad_loans_has_no_cohort() -> None:
    table = moved(path("A", "N 1", "N 1"))
    assert len(cure_rates(table, within=1, probation=1)) == 0
    assert len(pooled_cohorts(cure_rates(table, within=1, probation=1))) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"within": 0, "probation": 1}, "within must be at least 1"),
        ({"within": 1, "probation": -1}, "probation 0"),
        ({"within": 1, "probation": 1, "basis": "balanc"}, "did you mean 'balance'"),
        ({"within": 1, "probation": 1, "by": ["segmnet"]}, "did you mean 'segment'"),
    ],
)
@pytest.mark.parametrize("measure", [cure_rates, redefault_rates])
def test_what_cannot_be_asked_is_refused(measure, options: dict[str, object], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        measure(moved(BOOK), **options)


def test_a_table_without_a_column_is_refused() -> None:
    with pytest.raises(MissingColumns, match="is_restructured"):
        cure_rates(moved(BOOK).drop("is_restructured"), within=1, probation=1)


PATHS = st.lists(st.lists(st.sampled_from(["N 10", "S 10", "-"]), min_size=7, max_size=7), max_size=8)


def book_of(paths: list[list[str]]) -> list[Row]:
    return path("anchor", *["N 1"] * 7) + [r for i, steps in enumerate(paths) for r in path(f"L{i}", *steps)]


def brute(paths: list[list[str]], within: int, probation: int) -> dict[tuple[object, str], int]:
    """Outcomes of every entry, by walking along each path."""
    found: dict[tuple[object, str], int] = {}
    for steps in paths:
        text = "".join(step[0] for step in steps)
        for start in (i for i in range(1, 7) if text[i - 1 : i + 1] == "NS"):
            window = text[start : start + within + 1]
            back, gone = window.find("N"), window.find("-")
            if gone >= 0 and (back < 0 or gone < back):
                outcome = "left"
            elif back < 0:
                outcome = "not_returned"
            else:
                held = text[start + back : start + back + probation + 1].lstrip("N")[:1]
                outcome = {"": "cured", "S": "relapsed", "-": "left_performing"}[held]
            key = month_list(7)[start], outcome
            found[key] = found.get(key, 0) + 1
    return found


@settings(max_examples=30, deadline=None)
@given(PATHS, st.integers(1, 3), st.integers(0, 2))
def test_an_independent_walk_along_each_loan_agrees(paths: list[list[str]], within: int, probation: int) -> None:
    rows = cure_rates(moved(book_of(paths)), within=within, probation=probation).to_dict("records")
    counted = {(row["as_of"].date(), name): row[name] for row in rows for name in CURE_OUTCOMES if row[name]}
    assert counted == brute(paths, within, probation)


@settings(max_examples=6, deadline=None)
@given(PATHS, st.randoms())
def test_outcomes_add_up_and_neither_order_nor_names_matter(paths: list[list[str]], random) -> None:
    book = book_of(paths)
    found = cure_rates(moved(book), within=2, probation=1)
    for row in found.to_dict("records"):
        assert sum(row[name] for name in CURE_OUTCOMES) == row["entrants"]
    mixed = book_of(random.sample(paths, len(paths)))
    other = cure_rates(moved(random.sample(mixed, len(mixed))), within=2, probation=1)
    pd.testing.assert_frame_equal(found, other, check_exact=True)


@settings(max_examples=6, deadline=None)
@given(PATHS)
def test_splitting_a_loan_changes_no_amount(paths: list[list[str]]) -> None:
    whole, split = book_of([*paths, ["N 10", "S 10", "N 10"] + ["N 10"] * 4]), book_of(paths)
    halves = [r for name, cent in (("x", "4.01"), ("y", "5.99")) for r in path(name, *_parted(cent))]
    one, other = (
        cure_rates(moved(book), within=2, probation=1, basis="balance") for book in (whole, [*split, *halves])
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def _parted(amount: str) -> list[str]:
    return [f"{letter} {amount}" for letter in "NSNNNNN"]


def test_the_table_may_come_from_any_engine_of_the_house() -> None:
    backend = ibis.duckdb.connect()
    table = backend.create_table("states", moved(BOOK).to_pyarrow())
    one, other = (cure_rates(source, within=2, probation=2) for source in (table, moved(BOOK)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
