"""Capital for a book of few names: printed numbers, an independent simulation, and the limits it must have."""

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import Misuse
from analysis.measures.concentration import View
from analysis.measures.granularity import (
    CreditRisk,
    factor_sensitivity,
    granularity_adjustment,
    granularity_share,
    house_credit_risk,
    unexpected_loss,
)
from test_measures_concentration import owed, states

RISK = CreditRisk(
    default_probability=0.01,
    loss_given_default=0.45,
    loss_variance=0.25,
    correlation=0.2,
    precision=0.25,
    confidence=0.999,
)


def test_delta_is_the_one_that_gordy_and_luetkebohmert_print() -> None:
    # Gordy and Lütkebohmert (2007), Bundesbank Discussion Paper 2 01/2007: xi = 0.25 gives 4.83 at 99.9 %.
    assert factor_sensitivity(0.25, 0.999) == pytest.approx(4.83, abs=5e-3)


def test_capital_is_the_unconditional_irb_formula_worked_by_hand() -> None:
    # N((-2.3263 + 0.44721 x 3.0902) / 0.89443) = N(-1.0558) = 0.14553; x 0.45 less 0.0045.
    assert unexpected_loss(RISK) == pytest.approx(0.45 * (0.14553 - 0.01), abs=2e-5)


def test_the_adjustment_worked_by_hand() -> None:
    # 100 equal names: HHI 0.01; C = 0.45 + 0.25 x 0.55 = 0.5875; K = 0.06099, R = 0.0045.
    capital = unexpected_loss(RISK)
    by_hand = 0.01 * 0.5875 * (4.8336 * (capital + 0.0045) - capital) / (2 * capital)
    assert granularity_share(0.01, RISK) == pytest.approx(by_hand, rel=1e-4)
    assert granularity_share(0.01, RISK) == pytest.approx(0.0123, abs=1e-4)


def test_a_simulated_creditrisk_book_needs_about_so_much_more() -> None:
    # CreditRisk+ with one gamma factor, Poisson defaults and a certain loss of 1; its own K replaces that of IRB.
    names, intensity, precision, q = 200, 0.01, 1.0, 0.995
    rng = np.random.default_rng(5)
    factor = rng.gamma(precision, 1 / precision, 2_000_000)
    losses = rng.poisson(names * intensity * factor) / names
    fine = intensity * -math.log(1 - q) / precision  # quantile of an exponential factor
    found = np.quantile(losses, q) - fine
    delta = factor_sensitivity(precision, q)
    capital = fine - intensity
    expected = (delta * (capital + intensity) - capital) / (2 * capital * names)
    assert found == pytest.approx(expected, abs=0.5 / names)  # losses come in steps of 1 / names


@given(st.floats(1e-6, 1), st.floats(0.01, 1))
def test_it_is_proportional_to_the_hhi(hhi: float, share: float) -> None:
    assert granularity_share(hhi * share, RISK) == pytest.approx(share * granularity_share(hhi, RISK))


def test_a_wilder_loss_needs_more() -> None:
    assert granularity_share(0.01, RISK) < granularity_share(0.01, replace(RISK, loss_variance=0.5))


def test_a_tiny_book_worked_by_hand_leaves_out_what_has_defaulted() -> None:
    book = [owed("A", "300"), owed("B", "100"), owed("B", "100"), owed("C", "900", "loss")]
    (row,) = granularity_adjustment(states(book), risk=RISK).to_dict("records")
    assert (row["names"], row["exposure"], row["note"]) == (2, Decimal(500), "")
    assert row["hhi"] == pytest.approx(0.6**2 + 0.4**2)
    assert row["adjustment"] == pytest.approx(granularity_share(0.52, RISK))
    assert row["amount"] == pytest.approx(Decimal(str(500 * granularity_share(0.52, RISK))), abs=Decimal("0.005"))
    assert row["equal_names"] == pytest.approx(1 / 0.52)


def test_a_group_is_one_name() -> None:
    book = [owed("A", "300", group_id="G"), owed("B", "100", group_id="G"), owed("C", "100")]
    (row,) = granularity_adjustment(states(book), View(of="group"), risk=RISK).to_dict("records")
    assert row["hhi"] == pytest.approx(0.8**2 + 0.2**2)


def test_a_book_without_balances_says_so() -> None:
    (row,) = granularity_adjustment(states([owed("A", None)])).to_dict("records")
    assert (row["note"], row["amount"]) == ("not_recorded", None)
    assert math.isnan(row["adjustment"])


def test_what_the_house_takes_is_in_its_rules() -> None:
    assert house_credit_risk().precision == 0.25
    assert house_credit_risk().confidence == 0.999


def test_what_is_no_credit_risk_or_no_exposure_is_refused() -> None:
    with pytest.raises(Misuse, match=r"default_probability must be a share between 0 and 1, was 1\.5"):
        replace(RISK, default_probability=1.5)
    with pytest.raises(Misuse, match="precision must be above 0"):
        replace(RISK, precision=0)
    with pytest.raises(Misuse, match="exposure of borrowers or groups"):
        granularity_adjustment(states([owed("A", "1")]), View(of="segment"))
