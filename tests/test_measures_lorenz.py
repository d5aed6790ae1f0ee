"""The Lorenz curve: by hand, tied to the Gini index, and short however many names there are."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.measures.concentration import View, concentration
from analysis.measures.lorenz import lorenz
from test_measures_concentration import VECTOR, owed, states

NPL = View(weight="npl")


def gini_of(curve: pd.DataFrame) -> float:
    """Twice the area between the diagonal and the points joined by lines."""
    return 1 - 2 * float(np.trapezoid(curve["amount_share"], curve["names_share"]))


def test_the_curve_of_three_names_worked_by_hand() -> None:
    curve = lorenz(states([owed("A", "600"), owed("B", "100"), owed("B", "100"), owed("C", "200")]))
    assert curve["names"].tolist() == [0, 1, 2, 3]
    assert curve["amount"].tolist() == [0, 200, 400, 1000]
    assert curve["names_share"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert curve["amount_share"].tolist() == pytest.approx([0, 0.2, 0.4, 1])


def test_the_area_under_it_is_the_printed_gini() -> None:
    # Derived from the ten balances; Gini .462091.
    curve = lorenz(states(owed(f"B{place}", str(amount)) for place, amount in enumerate(VECTOR)))
    assert gini_of(curve) == pytest.approx(0.462091, abs=5e-7)
    assert curve["gini"].iloc[0] == pytest.approx(gini_of(curve))


def test_many_names_have_a_hundred_points_and_their_exact_gini() -> None:
    curve = lorenz(states(owed(f"B{place}", f"{(place + 1) ** 2}") for place in range(1000)))
    assert len(curve) == 100
    assert (curve["names"].iloc[-1], curve["names_share"].iloc[-1], curve["amount_share"].iloc[-1]) == (1000, 1, 1)
    assert 0 <= curve["gini"].iloc[0] - gini_of(curve) < 1 / 99
    assert len(set(curve["gini"])) == 1


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30), st.sampled_from(["balance", "count"]))
def test_it_rises_ever_faster_from_nothing_to_everything(cents: list[int], basis: str) -> None:
    book = states(owed(f"B{place}", f"{amount / 100:.2f}") for place, amount in enumerate(cents))
    curve = lorenz(book, View(basis=basis))
    slopes = np.diff(curve["amount_share"]) / np.diff(curve["names_share"])
    assert (curve["amount_share"].iloc[0], curve["amount_share"].iloc[-1]) == (0, 1)
    assert (np.diff(slopes) > -1e-9).all()
    assert (curve["amount_share"] <= curve["names_share"] + 1e-9).all()
    assert gini_of(curve) == pytest.approx(concentration(book, View(basis=basis))["gini"].iloc[0], abs=1e-9)


def test_bad_loans_have_a_curve_of_their_own_and_so_does_every_segment() -> None:
    book = [owed("A", "5", "loss"), owed("B", "1"), owed("C", "3", "loss"), owed("D", "9", segment="retail")]
    curve = lorenz(states(book), NPL, by=["segment"])
    assert curve[curve["segment"] == "manufacturing"]["amount"].tolist() == [0, 3, 8]
    (retail,) = curve[curve["segment"] == "retail"].to_dict("records")
    assert (retail["note"], retail["names"]) == ("no_denominator", None)
    assert math.isnan(retail["amount_share"])


def test_a_book_without_balances_says_so() -> None:
    (row,) = lorenz(states([owed("A", None), owed("B", None)])).to_dict("records")
    assert (row["note"], row["amount"]) == ("not_recorded", None)
