"""One measure of a book as rows: what the command line prints."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pandas as pd
import pytest

from analysis.book.profile import Profile
from analysis.errors import Misuse
from analysis.measures.query import measure_rows
from analysis.terms import Text
from states_of_loans import MARCH, flows, loan, states, with_prior

DECEMBER = date(2025, 12, 31)
STATES = states(
    with_prior([
        loan("A", "100", as_of=DECEMBER), loan("A", "100", "loss", allowance=Decimal(40)),
        loan("B", "300", as_of=DECEMBER), loan("B", "300", segment="retail", allowance=Decimal(3)),
    ])
)  # fmt: skip


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A book of two loans and two quarters, with a write-off."""
    monkeypatch.setattr("analysis.measures.query.states", lambda *_: STATES)
    gone = flows(("B", date(2026, 2, 1), "write_off", "20"))
    profile = Profile(title=Text("甲", "A"))
    return SimpleNamespace(
        profile=profile, as_of=MARCH, months=(DECEMBER, MARCH), flows=gone, loans=None, has=lambda _: True
    )


def test_a_measure_has_one_row_per_group_at_the_reporting_date(book) -> None:
    rows = measure_rows(book, "npl_ratio", by=["segment"])
    assert [(row["segment"], row["value"], row["numerator"]) for row in rows] == [
        ("manufacturing", 1.0, Decimal(100)),
        ("retail", 0.0, Decimal(0)),
    ]
    assert list(rows[0]) == [
        "as_of", "segment", "measure", "definition", "basis",
        "value", "numerator", "denominator", "loans", "lower", "upper", "note",
    ]  # fmt: skip
    assert {row["as_of"] for row in rows} == {pd.Timestamp(MARCH)}
    assert {(row["measure"], row["definition"], row["basis"]) for row in rows} == {("npl_ratio", "cn_2023", "balance")}


def test_history_is_every_month(book) -> None:
    rows = measure_rows(book, "npl_ratio", history=True)
    assert [(row["as_of"], row["value"]) for row in rows] == [
        (pd.Timestamp(DECEMBER), 0.0),
        (pd.Timestamp(MARCH), 0.25),
    ]


def test_the_basis_is_the_one_it_was_measured_on(book) -> None:
    (by_count,) = measure_rows(book, "npl_ratio", basis="count")
    assert (by_count["basis"], by_count["value"]) == ("count", 0.5)
    (coverage,) = measure_rows(book, "provision_coverage_ratio", basis="count")
    assert (coverage["basis"], coverage["value"]) == ("balance", 0.43)


def test_net_formation_takes_the_flows_of_the_book(book) -> None:
    (row,) = measure_rows(book, "npl_formation_net")
    assert row["value"] == pytest.approx((100 - 0 + 20) / 400 * 4)
    book.has = lambda _: False
    (row,) = measure_rows(book, "npl_formation_net")
    assert row["note"] == "missing_flows"


def test_unknown_names_are_refused_with_a_hint(book) -> None:
    with pytest.raises(Misuse, match="did you mean 'npl_ratio'"):
        measure_rows(book, "npl_ratios")
    with pytest.raises(Misuse, match="did you mean 'cn_2023'"):
        measure_rows(book, "npl_ratio", rules="cn_2022")
