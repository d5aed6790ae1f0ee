"""Ratios of a book at its month ends, by hand, by law and at the edges."""

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.catalog import FORMATION, MEASURES
from analysis.measures.components import component_rows
from analysis.measures.exact import quotient
from analysis.measures.stock import SMALL_SEGMENT, measured, small_segment_loans, stock
from analysis.rules.loader import load_rules
from states_of_loans import BOOKS, GROUPS, MARCH, Row, loan, states

FEBRUARY = date(2026, 2, 28)
RETAIL = {"segment": "retail"}
# Six loans of 2,000.00 with an allowance of 500.00; 800.00 of them non-performing.
TINY = (
    loan("A", "600", region="north", allowance=Decimal(6)),
    loan("B", "300", "substandard", region="north", days_past_due=120, allowance=Decimal(90)),
    loan("C", "100", "special_mention", region="south", days_past_due=40, allowance=Decimal(4))
    | {"is_restructured": True, "in_observation": True},
    loan("D", "500", region="south", allowance=Decimal(5), **RETAIL),
    loan("E", "250", "loss", region="south", days_past_due=400, allowance=Decimal(250), **RETAIL),
    loan("F", "250", "doubtful", region="north", allowance=Decimal(145), is_restructured=True, **RETAIL),
)
STOCK = [name for name in MEASURES if name not in FORMATION]
SHARES = [name for name in STOCK if MEASURES[name].is_part_of_whole]


def many(count: int, bad: int = 0, **rest: object) -> list[Row]:
    """Loans of 100.00 each, the first ones a loss."""
    return [loan(f"L{i}", "100", "loss" if i < bad else "pass", **rest) for i in range(count)]


def value_of(rows: Sequence[Row], name: str, basis: str = "balance") -> float:
    (value,) = measured(states(rows), name, basis=basis)["value"]
    return value


@pytest.mark.parametrize(
    ("name", "balance", "count"),
    [
        ("npl_ratio", 800 / 2000, 3 / 6),
        ("special_mention_ratio", 100 / 2000, 1 / 6),
        ("overdue_ratio", 650 / 2000, 3 / 6),
        ("overdue90_to_npl", 550 / 800, 2 / 3),
        ("provision_coverage_ratio", 500 / 800, 500 / 800),
        ("loan_provision_ratio", 500 / 2000, 500 / 2000),
        ("restructured_ratio", 350 / 2000, 2 / 6),
        ("npl_balance", 800, 800),
        ("loan_balance", 2000, 2000),
        ("npl_count", 3, 3),
        ("loan_count", 6, 6),
    ],
)
def test_the_tiny_book_worked_by_hand(name: str, balance: float, count: float) -> None:
    assert value_of(TINY, name) == balance
    assert value_of(TINY, name, "count") == count


def test_the_tiny_book_by_segment() -> None:
    found = measured(states(TINY), "npl_ratio", by=["segment"])
    assert found[["segment", "value", "numerator", "denominator", "loans"]].to_numpy().tolist() == [
        ["manufacturing", 0.3, Decimal(300), Decimal(1000), 3],
        ["retail", 0.5, Decimal(500), Decimal(1000), 3],
    ]
    coverage = measured(states(TINY), "provision_coverage_ratio", by=["segment"])
    assert coverage["value"].tolist() == [100 / 300, 400 / 500]


def test_the_tiny_book_by_segment_and_region() -> None:
    by = ["segment", "region"]
    balance, count = (measured(states(TINY), "npl_ratio", by=by, basis=basis) for basis in ("balance", "count"))
    assert balance[[*by, "value"]].to_numpy().tolist() == [
        ["manufacturing", "north", 1 / 3],
        ["manufacturing", "south", 0.0],
        ["retail", "north", 1.0],
        ["retail", "south", 1 / 3],
    ]
    assert count["value"].tolist() == [0.5, 0.0, 1.0, 0.5]
    assert count["numerator"].tolist() == [1, 0, 1, 1]


# NFRA, commercial banks, at quarter end [%]: NPL ratio, loan provision ratio, coverage as published.
QUARTERS = {
    "2024Q4": (1.50, 3.18, 211.19),
    "2025Q2": (1.49, 3.16, 211.97),
    "2025Q3": (1.52, 3.14, 207.15),
    "2025Q4": (1.50, 3.07, 205.21),
}


@pytest.mark.parametrize("quarter", list(QUARTERS))
def test_coverage_is_the_loan_provision_ratio_over_the_npl_ratio_as_the_regulator_publishes(quarter: str) -> None:
    npl, provision, published = QUARTERS[quarter]
    bad = Decimal(str(npl)) * 10**8
    book = [
        loan("good", str(10**10 - bad), allowance=Decimal(str(provision)) * 10**8),
        loan("bad", str(bad), "loss", allowance=Decimal(0)),
    ]
    assert value_of(book, "npl_ratio") == pytest.approx(npl / 100)
    assert value_of(book, "loan_provision_ratio") == pytest.approx(provision / 100)
    # Both ratios are printed to half a basis point, which moves coverage by up to a percentage point.
    least, most = (provision - 0.005) / (npl + 0.005), (provision + 0.005) / (npl - 0.005)
    assert least <= published / 100 <= most
    assert least <= value_of(book, "provision_coverage_ratio") <= most


@settings(max_examples=8, deadline=None)
@given(BOOKS.filter(bool), GROUPS)
def test_coverage_times_npl_ratio_is_the_loan_provision_ratio(book: list[Row], by: list[str]) -> None:
    names = ("provision_coverage_ratio", "npl_ratio", "loan_provision_ratio")
    coverage, npl, provision = (measured(states(book), name, by=by) for name in names)
    known = coverage["value"].notna()
    assert (coverage["value"] * npl["value"])[known].to_list() == pytest.approx(provision["value"][known].to_list())


@settings(max_examples=8, deadline=None)
@given(BOOKS, GROUPS, st.sampled_from(STOCK), st.sampled_from(["balance", "count"]))
def test_a_value_is_the_exact_quotient_of_independent_sums(book: list[Row], by: list[str], name: str, basis: str):
    found = measured(states(book), name, by=by, basis=basis)
    assert list(found.columns) == [
        "as_of", *by, "value", "numerator", "denominator", "loans", "lower", "upper", "note",
    ]  # fmt: skip
    for _, row in found.iterrows():
        if row["denominator"] is not None and row["denominator"] != 0 and row["numerator"] is not None:
            assert row["value"] == float(Fraction(row["numerator"]) / Fraction(row["denominator"]))
        elif MEASURES[name].unit == "share":
            assert math.isnan(row["value"])
    assert found["loans"].sum() == len(book)


@settings(max_examples=8, deadline=None)
@given(BOOKS.filter(bool), GROUPS, st.sampled_from(SHARES), st.sampled_from(["balance", "count"]))
def test_a_part_of_the_whole_is_a_share(book: list[Row], by: list[str], name: str, basis: str) -> None:
    found = measured(states(book), name, by=by, basis=basis)
    known = found[found["value"].notna()]
    assert known["value"].between(0, 1).all()
    if basis == "count":
        assert (known["lower"] <= known["value"]).all()
        assert (known["value"] <= known["upper"]).all()
    else:
        assert found[["lower", "upper"]].isna().all(axis=None)


@settings(max_examples=8, deadline=None)
@given(BOOKS.filter(bool), st.sampled_from([name for name in STOCK if MEASURES[name].unit == "share"]))
def test_the_currency_does_not_matter_to_a_ratio(book: list[Row], name: str) -> None:
    hundred = [{**row, **{k: row[k] and row[k] * 100 for k in ("principal_balance", "allowance")}} for row in book]
    found, scaled = (measured(states(rows), name, by=["segment"]) for rows in (book, hundred))
    pd.testing.assert_series_equal(found["value"], scaled["value"], check_exact=True)


@pytest.mark.parametrize(("bad", "name", "value"), [(0, "npl_ratio", 0.0), (40, "npl_ratio", 1.0)])
def test_all_performing_is_nil_and_all_npl_is_the_whole(bad: int, name: str, value: float) -> None:
    row = measured(states(many(40, bad)), name, basis="count").iloc[0]
    assert (row["value"], row["note"]) == (value, "")
    assert 0 <= row["lower"] < row["upper"] <= 1


def test_coverage_without_npl_is_unknown_and_not_nil() -> None:
    row = measured(states(many(40, allowance=Decimal(1))), "provision_coverage_ratio").iloc[0]
    assert math.isnan(row["value"])
    assert (row["numerator"], row["denominator"], row["note"]) == (Decimal(40), Decimal(0), "no_denominator")


def test_an_allowance_that_nobody_recorded_is_unknown_and_not_nil() -> None:
    row = measured(states(many(40, 4)), "provision_coverage_ratio").iloc[0]
    assert math.isnan(row["value"])
    assert (row["numerator"], row["note"]) == (None, "not_recorded")


def test_an_allowance_recorded_for_some_loans_only_is_said() -> None:
    book = [*many(40, 4, allowance=Decimal(10)), loan("other", "100")]
    row = measured(states(book), "loan_provision_ratio").iloc[0]
    assert (row["value"], row["note"]) == (400 / 4100, "partly_recorded")


def test_a_book_of_states_without_balances_is_measured_by_count_only() -> None:
    book = states({**row, "principal_balance": None} for row in many(40, 4))
    by_balance, by_count = (measured(book, "npl_ratio", basis=basis).iloc[0] for basis in ("balance", "count"))
    assert math.isnan(by_balance["value"])
    assert by_balance["note"] == "not_recorded"
    assert (by_count["value"], by_count["note"]) == (0.1, "")
    assert math.isnan(measured(book, "loan_balance").iloc[0]["value"])


def test_a_segment_of_few_loans_is_too_small_to_read() -> None:
    least = int(load_rules("house").rule(SMALL_SEGMENT).value)
    assert small_segment_loans() == least
    book = states(
        [*many(least, 1), *({**row, **RETAIL, "loan_id": f"R{row['loan_id']}"} for row in many(least - 1, 1))]
    )
    found = measured(book, "npl_ratio", by="segment")
    assert found["note"].tolist() == ["", "too_small"]
    assert found["value"].tolist() == [1 / least, 1 / (least - 1)]
    assert measured(book, "npl_balance", by="segment")["note"].tolist() == ["", ""]


def test_a_single_loan_has_an_answer() -> None:
    row = measured(states([loan("A", "5", "loss")]), "npl_ratio", basis="count").iloc[0]
    assert (row["value"], row["loans"], row["note"]) == (1.0, 1, "too_small")
    assert row["lower"] == pytest.approx(0.2065, abs=5e-5)  # Wilson, 1 of 1: 1 / (1 + 1.96²)


def test_loans_repaid_to_nothing_have_no_ratio_by_balance() -> None:
    row = measured(states([loan("A", "0"), loan("B", "0")]), "npl_ratio").iloc[0]
    assert math.isnan(row["value"])
    assert row["note"] == "no_denominator"


@pytest.mark.parametrize("name", list(MEASURES))
@pytest.mark.parametrize("by", [(), ("segment", "vintage_year")])
def test_every_measure_has_an_answer_for_no_loans_and_for_one_month(name: str, by: tuple[str, ...]) -> None:
    assert measured(states([]), name, by=by).empty
    found = measured(states(TINY), name, by=by)
    assert (found["as_of"] == pd.Timestamp(MARCH)).all()
    assert found["loans"].sum() == 6
    assert found["note"].isin(["", "too_small", "no_denominator", "no_prior", "not_recorded"]).all()


def test_months_come_in_order_and_each_has_its_own_value() -> None:
    book = [*TINY, loan("A", "600", "loss", as_of=FEBRUARY)]
    found = measured(states(book), "npl_ratio")
    assert found["as_of"].tolist() == [pd.Timestamp(FEBRUARY), pd.Timestamp(MARCH)]
    assert found["value"].tolist() == [1.0, 0.4]


def test_unknown_names_are_refused_with_a_hint() -> None:
    with pytest.raises(Misuse, match="did you mean 'npl_ratio'"):
        measured(states(TINY), "npl_rate")
    with pytest.raises(Misuse, match="did you mean 'region'"):
        measured(states(TINY), "npl_ratio", by=["regoin"])
    with pytest.raises(Misuse, match="did you mean 'count'"):
        measured(states(TINY), "npl_ratio", basis="counts")


@pytest.mark.parametrize(("name", "lost"), [("npl_ratio", "is_npl"), ("loan_provision_ratio", "allowance")])
def test_a_missing_column_is_named(name: str, lost: str) -> None:
    with pytest.raises(MissingColumns, match=f"states lacks '{lost}'"):
        measured(states(TINY).drop(lost), name)


def test_a_measure_needs_only_the_columns_it_says() -> None:
    for name in STOCK:
        kept = [c for c in states(TINY).columns if c in {"as_of", "principal_balance", *MEASURES[name].needs}]
        assert len(measured(states(TINY).select(kept), name)) == 1


def test_the_stock_table_has_every_component_in_one_scan() -> None:
    found = stock(states(TINY), ["segment"]).execute()
    assert found["observed_loans"].tolist() == [1, 0]
    assert found["restructured_balance"].tolist() == [Decimal(100), Decimal(250)]
    assert found["balance"].tolist() == component_rows(states(TINY), ["segment"], ["balance"])["balance"].tolist()


@pytest.mark.parametrize(("parts", "value"), [((1, 3), 1 / 3), ((Decimal(1), Decimal(10)), 0.1), ((0, 5), 0.0)])
def test_a_quotient_is_rounded_once(parts: tuple[Decimal, Decimal], value: float) -> None:
    assert quotient(*parts) == value


@pytest.mark.parametrize("parts", [(None, 1), (1, None), (1, 0), (0, 0), (Decimal(0), Decimal("0.00"))])
def test_a_quotient_without_a_part_or_a_whole_is_unknown(parts: tuple[Decimal, Decimal]) -> None:
    assert math.isnan(quotient(*parts))
