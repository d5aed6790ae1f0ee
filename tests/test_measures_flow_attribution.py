"""Through which flows the NPL ratio changed, worked by hand and held to its laws."""

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.flow_attribution import STEPS, flow_attribution
from states_of_loans import STATES, Row, loan

STORED = ibis.schema({**STATES, "prior_balance": "decimal(18, 2)", "prior_segment": "string"})
DEC, JAN, FEB = date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28)
DAYS = (DEC, JAN, FEB)
MONTH, TWO_MONTHS = (DEC, JAN), (DEC, FEB)


def states(rows: Iterable[Row]) -> ir.Table:
    """Rows with their state at the month end before, as a book stores it."""
    found = list(rows)
    known = {(row["as_of"], row["loan_id"]): row for row in found}
    before = dict(zip(DAYS[1:], DAYS, strict=False))
    full = []
    for row in found:
        prior = known.get((before.get(row["as_of"]), row["loan_id"]), {})
        past = {
            "prior_as_of": prior.get("as_of"),
            "prior_is_npl": prior.get("is_npl"),
            "prior_balance": prior.get("principal_balance"),
            "prior_segment": prior.get("segment"),
        }
        full.append({name: (row | past).get(name) for name in STORED.names})
    return ibis.memtable(pa.Table.from_pylist(full, schema=STORED.to_pyarrow()))


def path(loan_id: str, *steps: str, segments: Sequence[str] = ("retail",) * 3, **rest: object) -> list[Row]:
    """A loan month by month: a balance, with * where it is non-performing, or - where it is not there."""
    return [
        loan(loan_id, step.rstrip("*"), "loss" if "*" in step else "pass", as_of=day, segment=segment, **rest)
        for day, step, segment in zip(DAYS, steps, segments, strict=False)
        if step != "-"
    ]


# From 200 of 1,000 to 230 of 800. A goes bad, B cures, C pays 20, D grows by 5, E leaves, F comes bad.
BOOK = [
    *path("A", "100", "95*"), *path("B", "40*", "40"), *path("C", "80*", "60*"), *path("D", "50*", "55*"),
    *path("E", "30*", "-"), *path("F", "-", "20*"), *path("G", "700", "530"),
]  # fmt: skip
WORTH = (Fraction(1, 1000) + Fraction(1, 800)) / 2


def row_of(book: Iterable[Row], period: tuple[date, date] = MONTH, **options: object) -> pd.Series:
    found = flow_attribution(states(book), period, **options)  # type: ignore[arg-type]
    assert len(found) == 1
    return found.iloc[0]


def test_a_month_worked_by_hand() -> None:
    row = row_of(BOOK)
    amounts = {"formation": 95, "entered": 20, "cure": -40, "cash": -20, "advance": 5, "transfer": 0, "exit": -30}
    assert {name: row[name] for name in amounts} == {name: amount * WORTH for name, amount in amounts.items()}
    assert row["denominator"] == 215 * (Fraction(1, 800) - Fraction(1, 1000))
    assert (row["residual"], row["missing_tape"], row["note"]) == (0, 0, "")
    assert (row["before"], row["after"], row["change"]) == (Fraction(1, 5), Fraction(23, 80), Fraction(7, 80))
    assert sum(row[name] for name in STEPS) == Fraction(7, 80)


def test_a_month_by_count_worked_by_hand() -> None:
    row = row_of(BOOK, basis="count")
    worth = Fraction(1, 6)
    assert [row[name] for name in STEPS[:7]] == [worth, worth, -worth, 0, 0, 0, -worth]
    assert (row["before"], row["after"], row["denominator"]) == (Fraction(4, 6), Fraction(4, 6), 0)


def test_months_add_up_and_a_round_trip_shows_both_ways() -> None:
    row = row_of([*path("A", "100", "100*", "100"), *path("B", "900", "900", "900")], TWO_MONTHS)
    assert (row["formation"], row["cure"], row["change"]) == (Fraction(1, 10), Fraction(-1, 10), 0)


def test_a_loan_that_changes_segment_is_a_transfer_and_neither_exit_nor_entry() -> None:
    book = [
        *path("A", "100*", "90*", segments=("retail", "trade")),
        *path("B", "100", "110"),
        *path("C", "200", "210", segments=("trade", "trade")),
    ]
    found = flow_attribution(states(book), MONTH, by=["segment"]).set_index("segment")
    assert found[["exit", "entered", "residual"]].to_numpy().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert found["transfer"].to_dict() == {
        "retail": -100 * (Fraction(1, 200) + Fraction(1, 110)) / 2,
        "trade": 100 * (Fraction(1, 200) + Fraction(1, 300)) / 2,
    }
    assert found.loc["trade", "cash"] == -10 * (Fraction(1, 200) + Fraction(1, 300)) / 2
    assert row_of(book)["transfer"] == 0


def test_a_loan_that_changes_region_is_a_transfer_too() -> None:
    moved = [*path("A", "100*", region="north"), {**path("A", "0", "100*")[1], "region": "south"}]
    book = [*moved, *path("B", "100", "100", region="north"), *path("C", "100", "100", region="south")]
    found = flow_attribution(states(book), MONTH, by=["region"]).set_index("region")
    assert found[["exit", "entered", "residual"]].to_numpy().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert (found["transfer"] < 0).to_dict() == {"north": True, "south": False}


def test_a_missing_tape_is_no_exit() -> None:
    lost = [row for i in range(30) for row in path(f"T{i}", "10*", "-", segments=("trade",) * 3)]
    book = [*path("A", "600", "600"), *path("B", "100*", "100*"), *lost]
    row = row_of(book)
    assert (row["exit"], row["denominator"], row["note"]) == (0, 0, "missing_tape")
    assert row["missing_tape"] == row["change"] == Fraction(1, 7) - Fraction(4, 10)
    by_segment = flow_attribution(states(book), MONTH, by=["segment"]).set_index("segment")
    assert by_segment["note"].to_dict() == {"retail": "", "trade": "missing_tape"}
    assert by_segment.loc["trade", ["change", "exit"]].tolist() == [None, None]


def test_a_small_segment_that_ends_is_an_exit() -> None:
    book = [*path("A", "600", "600"), *path("T", "10*", "-", segments=("trade",) * 3)]
    row = row_of(book)
    assert (row["exit"] < 0, row["missing_tape"], row["note"]) == (True, 0, "")


STEP = st.one_of(
    st.just("-"),
    st.builds(lambda cents, star: f"{cents / 100:.2f}{star}", st.integers(1, 10**8), st.sampled_from(["", "*"])),
)
SEGMENTS = st.lists(st.sampled_from(["retail", "trade"]), min_size=3, max_size=3)
PATHS = st.lists(st.tuples(st.lists(STEP, min_size=3, max_size=3), SEGMENTS), min_size=1, max_size=6).map(
    lambda loans: [row for i, (steps, segments) in enumerate(loans) for row in path(f"L{i}", *steps, segments=segments)]
)


def by_hand(book: Sequence[Row]) -> Fraction:
    """Formation in two months, loan by loan: an independent computation."""
    total = Fraction(0)
    for first, second in ((DEC, JAN), (JAN, FEB)):
        old, new = ({row["loan_id"]: row for row in book if row["as_of"] == day} for day in (first, second))
        wholes = [sum(Fraction(row["principal_balance"]) for row in side.values()) for side in (old, new)]
        went = [row for name, row in new.items() if row["is_npl"] and name in old and not old[name]["is_npl"]]
        total += sum(Fraction(row["principal_balance"]) for row in went) * (1 / wholes[0] + 1 / wholes[1]) / 2
    return total


@settings(max_examples=15, deadline=None)
@given(PATHS, st.sampled_from(["balance", "count"]), st.sampled_from([(), ("segment",), ("region", "segment")]))
def test_parts_sum_to_the_change_exactly(book: list[Row], basis: str, by: tuple[str, ...]) -> None:
    if len({row["as_of"] for row in book}) < 3:
        return
    found = flow_attribution(states(book), TWO_MONTHS, by=by, basis=basis)
    for _, row in found.iterrows():
        if row["note"] == "":
            assert sum(row[name] for name in STEPS) == row["change"] == row["after"] - row["before"]
            assert row["residual"] == 0
        else:
            assert row["note"] == "no_denominator"
            assert [row[name] for name in STEPS] == [None] * len(STEPS)
    if by == () and basis == "balance":
        assert found["formation"][0] == by_hand(book)


@settings(max_examples=10, deadline=None)
@given(PATHS, st.randoms(), st.sampled_from([7, 100]))
def test_order_and_currency_do_not_matter(book: list[Row], random, scale: int) -> None:
    if len({row["as_of"] for row in book}) < 3:
        return
    scaled = [{**row, "principal_balance": row["principal_balance"] * scale} for row in book]
    mine, theirs = (
        flow_attribution(states(rows), TWO_MONTHS, by=["segment"]) for rows in (book, random.sample(scaled, len(book)))
    )
    pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


def test_a_loan_of_unknown_class_is_in_the_residual() -> None:
    book = [*path("A", "100*", "100*"), *path("B", "100", "100")]
    unknown = [{**row, "is_npl": None} if (row["loan_id"], row["as_of"]) == ("A", JAN) else row for row in book]
    row = row_of(unknown)
    assert (row["residual"], row["change"], row["note"]) == (Fraction(-1, 2), Fraction(-1, 2), "partly_recorded")


def test_a_book_by_count_has_no_flows_of_balances() -> None:
    book = [{**row, "principal_balance": None} for row in BOOK]
    row = row_of(book)
    assert [row[name] for name in ("before", "after", "change", *STEPS)] == [None] * (3 + len(STEPS))
    assert row["note"] == "not_recorded"
    assert row_of(book, basis="count")["note"] == ""


def test_a_group_that_is_not_there_at_one_end_has_no_change() -> None:
    book = [*path("A", "100", "100"), *path("B", "-", "50*", segments=("trade",) * 3)]
    found = flow_attribution(states(book), MONTH, by=["segment"]).set_index("segment")
    assert found.loc["trade", ["change", "note"]].tolist() == [None, "no_denominator"]
    assert found.loc["trade", "after"] == 1


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(Misuse, match="period must be two month ends of the book"):
        flow_attribution(states(BOOK), (JAN, FEB))
    with pytest.raises(Misuse, match="basis must be balance or count, was 'sum'"):
        flow_attribution(states(BOOK), MONTH, basis="sum")
    with pytest.raises(MissingColumns, match="states lacks 'prior_balance'"):
        flow_attribution(states(BOOK).drop("prior_balance"), MONTH)
