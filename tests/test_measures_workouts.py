"""Defaults: when they began, what was owed, how they ended, by hand, by law and where the tape has holes."""

from decimal import Decimal

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.bridge import bridge
from analysis.measures.workouts import ENDINGS, same_default_months, workout_rows, workouts
from defaulted_loans import BOOK, MOVES, book, day, flows
from moved_loans import month_list, path
from states_of_loans import FEB, JAN, MAR, Row, states

MAY = pd.Timestamp("2026-05-31")


def found(rows: list[Row], moves=None, **options: object) -> pd.DataFrame:
    """Defaults by loan and start."""
    table = workouts(states(rows), None if moves is None else flows(moves), **options).to_pandas()
    dated = table.assign(start=pd.to_datetime(table["start"]), end=pd.to_datetime(table["end"]))
    return dated.sort_values(["loan_id", "start"]).set_index("loan_id")


# Loans with holes and returns, told apart by name; each stands for itself.
ODD = [
    *path("after_a_gap", "-", "S 5", "S 5", "N 5", "N 5", "N 5", "N 5", "N 5"),
    *path("again", "N 9", "S 9", "N 9", "S 9", "N 9", "S 9", "N 9", "N 8"),
    *path("conceded", "N 100", "S 100", "S 100", "S 90", "-", "-", "-", "-"),
    *path("missing", "N 9", "S 9", "-", "S 8", "N 8", "N 8", "N 8", "N 8"),
    *path("sold_blind", "N 9", "S 9", "-", "-", "-", "-", "-", "-"),
    *[
        {**row, "segment": "retail" if row["as_of"] > MAR else "services"}
        for row in path("mover", "N 9", "S 9", "S 9", "S 9", "S 9", "S 9", "S 9", "S 9")
    ],
]
ODD_MOVES = [
    ("conceded", day(3, 2), "forgiveness", "10", None),
    ("conceded", day(4, 2), "recovery", "90", None),
    ("sold_blind", day(2), "sale", "9", None),
]


@pytest.fixture(scope="module")
def by_hand() -> pd.DataFrame:
    """Defaults of the book by hand."""
    return found(BOOK, MOVES, same_within=2)


@pytest.fixture(scope="module")
def odd() -> pd.DataFrame:
    """Defaults of the odd loans."""
    return found(ODD, ODD_MOVES, same_within=2, by=["segment"])


def test_every_way_out_worked_by_hand(by_hand: pd.DataFrame) -> None:
    rows = by_hand
    assert rows["how"].to_dict() == {
        "A": "cured", "B": "cash", "C": "sold", "D": "written_off", "E": "open", "F": "written_off", "G": "open",
        "H": "foreclosed", "I": "left",
    }  # fmt: skip
    assert rows["months"].to_dict() == {"A": 2, "B": 2, "C": 2, "D": 1, "E": 4, "F": 4, "G": 4, "H": 1, "I": 1}
    assert rows.loc["A", ["exposure", "face"]].tolist() == [100, 90]
    assert rows.loc["E", ["exposure", "drawn"]].tolist() == [500, 20]
    assert rows.loc["D", "end"] == pd.Timestamp(FEB)
    assert pd.isna(rows.loc["E", "end"])
    assert set(rows["as_of"].astype(str)) == {"2026-05-31"}
    assert rows["followed"].to_dict() == dict.fromkeys("ABCDEGHI", 4) | {"F": 5}
    assert set(rows["how"]) <= set(ENDINGS)


def test_a_loan_bad_when_first_seen_has_no_known_beginning(by_hand: pd.DataFrame, odd: pd.DataFrame) -> None:
    assert by_hand["is_truncated"].to_dict() == {name: name == "F" for name in "ABCDEFGHI"}
    assert odd["is_truncated"].to_dict() == {name: name == "after_a_gap" for name in odd.index}


def test_a_loan_bad_again_too_soon_is_in_the_same_default(by_hand: pd.DataFrame) -> None:
    # G was back from the end of February to that of March: one month.
    assert found(BOOK, MOVES, same_within=1).loc["G", "how"].tolist() == ["cured", "open"]
    merged = by_hand.loc["G"]
    assert merged[["how", "spells", "months", "exposure"]].tolist() == ["open", 2, 4, 70]
    assert merged["start"] == pd.Timestamp(JAN)
    assert same_default_months() == 9


def test_a_default_takes_in_all_that_follow_one_another_too_soon(odd: pd.DataFrame) -> None:
    assert odd.loc["again", ["spells", "how", "months", "face"]].tolist() == [3, "cured", 5, 9]


def test_a_month_missing_from_the_tape_ends_no_default(odd: pd.DataFrame) -> None:
    assert odd.loc["missing", ["how", "months", "spells"]].tolist() == ["cured", 3, 1]


def test_a_sale_without_its_price_is_marked(by_hand: pd.DataFrame, odd: pd.DataFrame) -> None:
    assert by_hand["is_priced"].all()
    assert odd["is_priced"].to_dict() == {name: name != "sold_blind" for name in odd.index}


def test_a_concession_on_the_way_does_not_end_a_default(odd: pd.DataFrame) -> None:
    assert odd.loc["conceded", ["how", "months"]].tolist() == ["cash", 3]


def test_without_flows_there_are_cures_and_loans_that_left() -> None:
    rows = found(BOOK)
    assert rows["how"].groupby(level=0).first().to_dict() == {
        "A": "cured", "B": "left", "C": "left", "D": "left", "E": "open", "F": "left", "G": "cured", "H": "left",
        "I": "left",
    }  # fmt: skip
    assert rows["drawn"].isna().all()


def test_a_default_keeps_the_group_it_was_in_when_it_began(odd: pd.DataFrame) -> None:
    assert odd.loc["mover", "segment"] == "services"


def test_a_quarterly_book_ends_defaults_at_quarter_ends() -> None:
    ends = month_list(10)[::3]
    rows = [{**row, "as_of": ends[place]} for name, steps in (("A", "NSSN"), ("B", "NS--"), ("Z", "NNNN"))
            for place, row in enumerate(path(name, *(f"{s} 9" if s != "-" else "-" for s in steps)))]  # fmt: skip
    found_ = found(rows, [("B", day(5), "write_off", "9", None)])
    assert found_[["how", "months"]].to_numpy().tolist() == [["cured", 6], ["written_off", 3]]


def test_counts_by_year_and_ending_are_in_order_and_add_up() -> None:
    rows = workout_rows(workouts(*book(), same_within=2))
    assert rows["begin"].tolist() == ["before"] + ["seen"] * 7
    assert rows["how"].tolist() == ["written_off", "cured", "cash", "written_off", "sold", "foreclosed", "left", "open"]
    assert rows["loans"].sum() == 9
    assert sum(rows["exposure"]) == Decimal("2340.00")
    open_ = rows[rows["how"] == "open"].iloc[0]
    assert open_[["loans", "merged", "drawn", "mean_months"]].tolist() == [2, 1, 20, 4]
    assert rows["cohort"].dt.year.tolist() == [2025] + [2026] * 7


def test_exposures_that_nobody_recorded_are_not_zero() -> None:
    rows = workout_rows(workouts(states(path("A", "N", "S", "S"))))
    assert rows[["loans", "exposure", "drawn"]].to_numpy().tolist() == [[1, None, None]]


@pytest.mark.slow
def test_what_is_collected_after_a_write_off_never_moves_the_stock() -> None:
    table, months = states(BOOK), month_list(6)
    without = [move for move in MOVES if move[2] != "written_off_recovery"]
    assert len(without) < len(MOVES)
    one, other = (bridge(table, flows(moves), dates=months) for moves in (MOVES, without))
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ["segmnet"]}, "did you mean 'segment'"),
        ({"same_within": -1}, "same_within must be 0 months or more"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        workouts(states(BOOK), **options)


def test_tables_without_a_column_are_refused() -> None:
    with pytest.raises(MissingColumns, match="is_npl"):
        workouts(states(BOOK).drop("is_npl"))
    with pytest.raises(MissingColumns, match="cost"):
        workouts(states(BOOK), flows(MOVES).drop("cost"))
    with pytest.raises(Misuse, match="cohort must be one of"):
        workout_rows(workouts(states(BOOK)), cohort="month")


PATHS = st.lists(st.lists(st.sampled_from(["N 10", "S 10", "-"]), min_size=6, max_size=6), min_size=10, max_size=40)


def brute(steps: list[str], same_within: int) -> list[tuple[int, int, str]]:
    """Defaults of a loan by walking along it: first month, last month seen bad, how it ended."""
    seen = [(month, step[0]) for month, step in enumerate(steps) if step != "-"]
    spells: list[list[int]] = []
    back = -99
    for place, (month, state) in enumerate(seen):
        if state == "S" and (place == 0 or seen[place - 1][1] == "N"):
            if spells and month - back < same_within:
                spells[-1][1:] = [month, -99]
            else:
                spells.append([month, month, -99])
        elif state == "S":
            spells[-1][1] = month
        elif place and seen[place - 1][1] == "S":
            back = month
            spells[-1][2] = month
    return [
        (first, until if until > 0 else last, "cured" if until > 0 else "open" if last == 5 else "left")
        for first, last, until in spells
    ]


@settings(max_examples=3, deadline=None)
@given(PATHS, st.integers(0, 3))
def test_an_independent_walk_along_each_loan_agrees(paths: list[list[str]], same_within: int) -> None:
    rows = path("anchor", *["N 1"] * 6) + [r for i, steps in enumerate(paths) for r in path(f"L{i}", *steps)]
    months = dict(zip(map(pd.Timestamp, month_list(6)), range(6), strict=True))
    table = found(rows, same_within=same_within)
    walked = [(f"L{i}", *each) for i, steps in enumerate(paths) for each in brute(steps, same_within)]
    ends = [months.get(end, 5) - (how == "left") for end, how in zip(table["end"], table["how"], strict=True)]
    assert sorted(zip(table.index, table["start"].map(months), ends, table["how"], strict=True)) == sorted(walked)


@pytest.mark.slow
def test_the_table_may_come_from_any_engine_of_the_house() -> None:
    backend = ibis.duckdb.connect()
    table, moves = book()
    made = [backend.create_table(name, part.to_pyarrow()) for name, part in (("states", table), ("flows", moves))]
    one, other = (workout_rows(workouts(*source, same_within=2)) for source in (made, book()))
    pd.testing.assert_frame_equal(one, other)
