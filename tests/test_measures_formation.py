"""How fast loans go bad, gross and net, worked by hand and held to its laws."""

import math
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.formation import CONVENTIONS, formation
from analysis.measures.stock import measured
from analysis.terms import DISPOSALS
from states_of_loans import DEC, FEB, MAR, Row, flows, path, states, with_prior

# A goes bad, recovers and goes bad again; C pays 50; E is written off; F is bought as a bad loan.
BOOK = with_prior([
    *path("A", "100", "100*", "100", "90*"),
    *path("B", "200", "200", "200", "200"),
    *path("C", "300*", "300*", "250*", "250*"),
    *path("D", "400", "400", "400", "400", segment="retail"),
    *path("E", "50*", "50*", "-", "-", segment="retail"),
    *path("F", "-", "-", "-", "60*", segment="retail"),
])  # fmt: skip
WRITE_OFF = ("E", date(2026, 2, 10), "write_off", "50")
CASH = ("C", date(2026, 2, 15), "recovery", "50")


def last(frame: pd.DataFrame) -> pd.Series:
    return frame.iloc[-1]


def test_gross_and_net_formation_worked_by_hand() -> None:
    row = last(formation(states(BOOK), flows(WRITE_OFF, CASH)))
    amounts = {
        "opening": 1050, "opening_performing": 700, "opening_npl": 350,
        "inflow": 190, "entered": 60, "disposals": 50, "closing_npl": 400,
    }  # fmt: skip
    assert {name: row[name] for name in amounts} == {name: Decimal(amount) for name, amount in amounts.items()}
    assert row["gross"] == pytest.approx(190 / 700 * 4)
    assert row["net"] == pytest.approx((400 - 350 + 50) / 1050 * 4)
    assert (row["gross_note"], row["net_note"], row["loans"]) == ("", "", 5)


def test_formation_by_segment_worked_by_hand() -> None:
    found = formation(states(BOOK), flows(WRITE_OFF, CASH), by=["segment"])
    now = found[found["as_of"] == pd.Timestamp(MAR)].set_index("segment")
    assert now["gross"].to_dict() == pytest.approx({"manufacturing": 190 / 300 * 4, "retail": 0.0})
    assert now["net"].to_dict() == pytest.approx({"manufacturing": 40 / 600 * 4, "retail": (60 - 50 + 50) / 450 * 4})


def test_formation_by_count_is_gross_only() -> None:
    row = last(formation(states(BOOK), flows(WRITE_OFF), basis="count"))
    assert (row["opening_performing"], row["inflow"], row["entered"]) == (3, 2, 1)
    assert row["gross"] == pytest.approx(2 / 3 * 4)
    assert math.isnan(row["net"])
    assert row["net_note"] == "missing_flows"


def test_a_month_is_annualised_twelvefold() -> None:
    row = last(formation(states(BOOK), flows(WRITE_OFF), months=1))
    assert (row["inflow"], row["opening_performing"], row["disposals"]) == (Decimal(90), Decimal(700), Decimal(0))
    assert row["gross"] == pytest.approx(90 / 700 * 12)
    assert row["net"] == pytest.approx((400 - 250) / 950 * 12)


def test_a_round_trip_counts_in_gross_each_time_and_in_net_not_at_all() -> None:
    book = with_prior([*path("A", "100", "100*", "100", "100"), *path("B", "900", "900", "900", "900")])
    row = last(formation(states(book), flows()))
    assert row["gross"] == pytest.approx(100 / 1000 * 4)
    assert row["net"] == 0


def test_the_convention_is_named_in_both_languages() -> None:
    found = formation(states(BOOK), flows(WRITE_OFF))
    assert set(found["convention"]) == {"gross,net"}
    assert set(CONVENTIONS) == {"gross", "net"}
    assert all(text.zh and text.en for text in CONVENTIONS.values())


@pytest.mark.parametrize("kind", DISPOSALS)
def test_every_way_out_of_a_bad_loan_adds_back_to_net(kind: str) -> None:
    row = last(formation(states(BOOK), flows(("E", FEB, kind, "50"))))
    assert row["disposals"] == Decimal(50)


@pytest.mark.parametrize(
    ("flow", "counted"),
    [
        (("B", FEB, "sale", "200"), 0),  # a performing loan is sold
        (("B", FEB, "write_off", "200"), 200),  # what is written off was bad, even if no month end saw it
        (("C", FEB, "recovery", "50"), 0),
        (("E", FEB, "written_off_recovery", "20"), 0),
        (("E", DEC, "write_off", "50"), 0),  # the day of the opening stock
        (("E", date(2026, 1, 1), "write_off", "50"), 50),
        (("E", MAR, "write_off", "50"), 50),  # the day of the closing stock
        (("E", date(2026, 4, 1), "write_off", "50"), 0),
    ],
)
def test_a_disposal_counts_by_kind_state_and_day(flow: tuple[str, date, str, str], counted: int) -> None:
    assert last(formation(states(BOOK), flows(flow)))["disposals"] == Decimal(counted)


def test_a_group_that_was_written_off_whole_still_has_its_formation() -> None:
    book = with_prior([*path("A", "100", "100", "100", "100"), *path("E", "50*", "50*", "-", "-", segment="retail")])
    found = formation(states(book), flows(WRITE_OFF), by=["segment"])
    gone = found[(found["as_of"] == pd.Timestamp(MAR)) & (found["segment"] == "retail")].iloc[0]
    assert (gone["closing_npl"], gone["disposals"], gone["loans"], gone["net"]) == (Decimal(0), Decimal(50), 0, 0.0)
    assert math.isnan(gone["gross"])
    assert gone["gross_note"] == "no_denominator"


def test_before_a_quarter_has_passed_nothing_is_known() -> None:
    found = formation(states(BOOK), flows(WRITE_OFF))
    assert found["gross_note"].tolist() == ["no_prior"] * 3 + [""]
    assert found[["gross", "net"]].iloc[:3].isna().all(axis=None)
    assert found["opening"].tolist()[:3] == [None] * 3


def test_one_month_of_history_has_an_answer() -> None:
    row = last(formation(states(path("A", "100*", "-", "-", "-")), flows()))
    assert (row["closing_npl"], row["gross_note"], row["net_note"]) == (Decimal(100), "no_prior", "no_prior")


def test_without_flows_net_is_unknown_and_gross_is_not() -> None:
    row = last(formation(states(BOOK)))
    assert row["gross"] == pytest.approx(190 / 700 * 4)
    assert (row["disposals"], row["net_note"]) == (None, "missing_flows")
    assert math.isnan(row["net"])


def test_a_book_without_balances_has_no_formation_by_balance() -> None:
    row = last(formation(states({**row, "principal_balance": None} for row in BOOK), flows()))
    assert (row["inflow"], row["closing_npl"]) == (None, None)
    assert (row["gross_note"], row["net_note"]) == ("not_recorded", "not_recorded")


def test_all_performing_and_all_npl_have_an_answer() -> None:
    good = last(formation(states(with_prior(path("A", *["100"] * 4))), flows()))
    bad = last(formation(states(with_prior(path("A", *["100*"] * 4))), flows()))
    assert (good["gross"], good["net"]) == (0, 0)
    assert math.isnan(bad["gross"])
    assert (bad["gross_note"], bad["net"]) == ("no_denominator", 0)


def test_an_empty_book_has_no_formation() -> None:
    assert formation(states([]), flows(WRITE_OFF), by=["segment"]).empty


def test_as_a_measure_it_is_the_quotient_of_its_parts() -> None:
    gross = measured(states(BOOK), "npl_formation_gross", flows=flows(WRITE_OFF)).iloc[-1]
    net = measured(states(BOOK), "npl_formation_net", flows=flows(WRITE_OFF)).iloc[-1]
    assert (gross["numerator"], gross["denominator"]) == (Decimal(190), Decimal(700))
    assert (net["numerator"], net["denominator"]) == (Decimal(100), Decimal(1050))
    assert [gross["value"], net["value"]] == pytest.approx([190 / 700 * 4, 100 / 1050 * 4])
    assert (gross["note"], net["note"]) == ("too_small", "too_small")
    assert measured(states(BOOK), "npl_formation_net").iloc[-1]["note"] == "missing_flows"


STEPS = st.lists(st.sampled_from(["-", "100", "70", "100*", "70*"]), min_size=4, max_size=4)
BOOKS = st.lists(st.tuples(STEPS, st.sampled_from(["retail", "farm"])), min_size=1, max_size=6).map(
    lambda loans: with_prior(
        [row for i, (steps, segment) in enumerate(loans) for row in path(f"L{i}", *steps, segment=segment)]
    )
)


@settings(max_examples=8, deadline=None)
@given(BOOKS.filter(bool))
def test_the_amounts_of_the_whole_are_the_sums_of_its_segments(book: list[Row]) -> None:
    amounts = ["opening", "opening_npl", "inflow", "entered", "disposals", "closing_npl"]
    whole, parts = (formation(states(book), flows(), by=by, months=1) for by in ((), ("segment",)))
    for _, row in whole[whole["gross_note"] != "no_prior"].iterrows():
        mine = parts[parts["as_of"] == row["as_of"]]
        assert {name: sum(mine[name]) for name in amounts} == {name: row[name] for name in amounts}


@settings(max_examples=8, deadline=None)
@given(BOOKS.filter(bool))
def test_an_independent_count_of_turns_agrees(book: list[Row]) -> None:
    seen = {(row["loan_id"], row["as_of"]): row for row in book}
    found = formation(states(book), flows())
    days = {row["as_of"] for row in book}
    if {DEC, MAR} <= days:
        turned = [
            row["principal_balance"]
            for (name, day), row in seen.items()
            if day > DEC and row["is_npl"] and (then := _before(seen, name, day, days)) and not then["is_npl"]
        ]
        assert last(found)["inflow"] == sum(turned, Decimal(0))


def _before(seen: dict[tuple[str, date], Row], name: str, day: date, days: set[date]) -> Row | None:
    earlier = [one for one in sorted(days) if one < day]
    return seen.get((name, earlier[-1])) if earlier else None


@pytest.mark.parametrize("months", [0, 13, -3])
def test_a_period_that_is_no_part_of_a_year_is_refused(months: int) -> None:
    with pytest.raises(Misuse, match="months must be 1 to 12, was"):
        formation(states(BOOK), months=months)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(Misuse, match="did you mean 'segment'"):
        formation(states(BOOK), by=["segmant"])
    with pytest.raises(Misuse, match="basis must be balance or count, was 'money'"):
        formation(states(BOOK), basis="money")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MissingColumns, match="flows lacks 'amount'"):
        formation(states(BOOK), flows(WRITE_OFF).drop("amount"))
    with pytest.raises(MissingColumns, match="states lacks 'prior_is_npl'"):
        formation(states(BOOK).drop("prior_is_npl"))
