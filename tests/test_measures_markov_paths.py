"""Three month ends in a row: worked by hand, tied to the migration, and read by the tests of memory."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from analysis.errors import MissingColumns, Misuse
from analysis.measures.endings import EXITS
from analysis.measures.markov_paths import state_triples, triple_table
from analysis.measures.migration import migration
from analysis.models.transition_tests import markov_test
from moved_loans import BOOKS, moved, path
from states_of_loans import FEB, JAN, MAR, Row, flows

BOOK = [
    *path("A", "N 1", "M 1", "S 1", "S 1"),
    *path("B", "N 1", "M 1", "N 1", "-"),  # repaid in March
    *path("C", "-", "N 1", "M 1", "M 1"),
    *path("D", "S 1", "S 1", "-", "N 1"),  # written off in February, and there again in March
    *path("E", "N 1", "N 1", "N 1", "N 1", segment="retail"),
]
FLOWS = flows(("B", MAR, "repayment", "1"), ("D", FEB, "write_off", "1"))


def paths(rows: pd.DataFrame, *by: str) -> dict[tuple[object, ...], int]:
    keys = ["as_of", *by, "before_state", "from_state", "to_state"]
    return {(row[0].month, *row[1:-1]): row[-1] for row in rows[[*keys, "loans"]].itertuples(index=False)}


def test_every_path_worked_by_hand() -> None:
    assert paths(state_triples(moved(BOOK), FLOWS)) == {
        (2, "entered", "pass", "special_mention"): 1,  # C
        (2, "pass", "pass", "pass"): 1,  # E
        (2, "pass", "special_mention", "pass"): 1,  # B
        (2, "pass", "special_mention", "substandard"): 1,  # A
        (2, "substandard", "substandard", "written_off"): 1,  # D
        (3, "pass", "pass", "pass"): 1,
        (3, "pass", "special_mention", "special_mention"): 1,
        (3, "special_mention", "pass", "repaid"): 1,
        (3, "special_mention", "substandard", "substandard"): 1,
    }


def test_a_path_belongs_to_the_group_of_its_middle() -> None:
    changing = [{**row, "segment": "retail"} if row["as_of"] >= FEB else row for row in path("A", *["N 1"] * 4)]
    found = paths(state_triples(moved(changing), by=["segment"]), "segment")
    assert found == {(2, "manufacturing", "pass", "pass", "pass"): 1, (3, "retail", "pass", "pass", "pass"): 1}


def test_without_flows_every_exit_has_left() -> None:
    assert set(state_triples(moved(BOOK))["to_state"]) & set(EXITS) == {"left"}


def test_a_loan_without_a_class_is_said_to_have_none_and_tests_nothing() -> None:
    book = [{**row, "five_class": None} if row["as_of"] == JAN else row for row in path("A", *["N 1"] * 4)]
    found = state_triples(moved(book))
    assert paths(found) == {(2, "pass", "not_recorded", "pass"): 1, (3, "not_recorded", "pass", "pass"): 1}
    assert triple_table(found).sum() == 0


def test_two_month_ends_hold_no_path() -> None:
    assert len(state_triples(moved(path("A", "N 1", "N 1")))) == 0


def test_the_table_has_exits_as_states_and_no_entries() -> None:
    table = triple_table(state_triples(moved(BOOK), FLOWS))
    assert table.shape == (12, 12, 12)
    assert table.sum() == 8
    assert table[1, 0, 5 + EXITS.index("repaid")] == 1


def test_buckets_are_paths_as_well() -> None:
    book = moved(path("A", "0 1", "20 1", "45 1"))
    assert paths(state_triples(book, state="bucket")) == {(2, "M0", "M1", "M2"): 1}


@settings(max_examples=8, deadline=None)
@given(BOOKS)
def test_paths_without_their_first_state_are_the_migration(book: list[Row]) -> None:
    table = moved(book)
    triples = state_triples(table)
    moves = migration(table)
    later = moves[(moves["as_of"] > moves["as_of"].min()) & (moves["from_state"] != "entered")]
    keys = ["as_of", "from_state", "to_state"]
    pd.testing.assert_series_equal(
        triples.groupby(keys)["loans"].sum(), later.groupby(keys)["loans"].sum(), check_index_type=False
    )


def test_loans_that_remember_are_found_from_their_states() -> None:
    # Of loans in special mention, those that came from pass go back to it, those that came from below go down again.
    book = [row for number in range(30) for row in path(f"U{number}", "N 1", "M 1", "N 1", "M 1", "N 1")]
    book += [row for number in range(30) for row in path(f"D{number}", "S 1", "M 1", "S 1", "M 1", "S 1")]
    found = markov_test(triple_table(state_triples(moved(book))))
    assert found.rejects(0.001)
    assert found.statistic == pytest.approx(120)  # all of the 2 x 60 moves out of special mention
    assert found.degrees == 1


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(Misuse, match="did you mean 'bucket'"):
        state_triples(moved(BOOK), state="buckets")
    with pytest.raises(MissingColumns, match="prior_five_class"):
        state_triples(moved(BOOK).drop("prior_five_class"))
    with pytest.raises(Misuse, match="did you mean 'five_class'"):
        triple_table(state_triples(moved(BOOK)), state="five_classes")
    assert np.array_equal(triple_table(state_triples(moved([]))), np.zeros((12, 12, 12)))
