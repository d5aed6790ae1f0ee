"""Loss given default: against a worked case, by hand, by law, and not fooled by workouts that are still open."""

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.workouts import workouts
from analysis.models.expected_workout import ExpectedWorkout, expected_recovery, expected_workout_lgd, lgd_of_parts
from analysis.models.loss_given_default import at_contract_rate, at_rate, regulatory_rate, workout_lgd
from defaulted_loans import BOOK, MOVES, book, contracts, flows, renamed, scaled
from moved_loans import month_list, path
from states_of_loans import states

# EAD 500,000; collateral 320,000 less 25 %; guarantee of 20 %, of which 90 % is paid; other 30,000; costs 22,000
# at once; 10 months at 9 % ÷ 12; cured with 8 %, which recovers 72 %.
CASE = ExpectedWorkout(
    exposure=500_000, collateral=320_000, haircut=0.25, guaranteed=0.20, guarantor_pays=0.90, other=30_000,
    costs=22_000, months=10, rate=0.09, cure_probability=0.08, cured_share=0.72,
)  # fmt: skip


def test_an_expected_workout_is_that_of_the_worked_case() -> None:
    assert expected_recovery(CASE) == pytest.approx(315_914.64, abs=0.005)
    assert expected_workout_lgd(CASE) == pytest.approx(0.3682, abs=0.00005)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-0.1, 1))
def test_the_loss_of_parts_lies_between_them(cure_share: float, cured: float, other: float) -> None:
    whole = lgd_of_parts(cure_share, cured, other)
    assert min(cured, other) - 1e-12 <= whole <= max(cured, other) + 1e-12


def test_a_case_that_cannot_be_is_refused() -> None:
    with pytest.raises(Misuse, match=r"write 8 % as 0\.08"):
        ExpectedWorkout(exposure=1, cure_probability=8)
    with pytest.raises(Misuse, match="exposure must be above 0"):
        ExpectedWorkout(exposure=0)


def test_the_regulatory_rate_is_the_interbank_rate_and_an_add_on() -> None:
    assert regulatory_rate(0.02) == pytest.approx(0.07)


@pytest.fixture(scope="module")
def defaults() -> ir.Table:
    """Defaults of the book by hand, at 12 % a year: 1 % a month."""
    return at_rate(workouts(*book(), same_within=2), 0.12).cache()


@pytest.fixture(scope="module")
def lost(defaults: ir.Table) -> pd.DataFrame:
    """Their losses, by scope and weight."""
    return workout_lgd(defaults, flows(MOVES)).set_index(["scope", "weight"])


V = 1 / 1.01
BROUGHT = {
    "A": 8 * V + 10 * V**2 + 90 * V**2, "B": 45 * V + 135 * V**2, "C": 30 * V**2, "D": 36 * V**3, "H": 72 * V, "I": 0.0
}  # fmt: skip
OWED = {"A": 100, "B": 200, "C": 300, "D": 400, "H": 80, "I": 90}


def test_the_loss_of_closed_workouts_worked_by_hand(lost: pd.DataFrame) -> None:
    by_exposure, by_count = lost.loc[("closed", "exposure")], lost.loc[("closed", "count")]
    assert by_exposure["value"] == pytest.approx(1 - sum(BROUGHT.values()) / sum(OWED.values()))
    shares = [1 - BROUGHT[name] / OWED[name] for name in OWED]
    assert by_count["value"] == pytest.approx(np.mean(shares))
    assert by_count["upper"] - by_count["value"] == pytest.approx(1.959964 * np.std(shares, ddof=1) / 6**0.5, rel=1e-6)
    losses, owed = np.array([OWED[n] - BROUGHT[n] for n in OWED]), np.array(list(OWED.values()))
    off = losses - by_exposure["value"] * owed
    error = np.sqrt((off**2).sum() * 6 / 5) / owed.sum()
    assert by_exposure["upper"] - by_exposure["value"] == pytest.approx(1.959964 * error, rel=1e-6)
    assert by_exposure[["loans", "left_out", "note"]].tolist() == [6, 2, "too_small"]


def test_a_cured_loan_loses_the_cost_of_delay_and_the_parts_make_the_whole(lost: pd.DataFrame) -> None:
    for weight, cured in (("exposure", 100 / 1170), ("count", 1 / 6)):
        row = lost.loc[("closed", weight)]
        assert row["cure_share"] == pytest.approx(cured)
        # 108 came in on 100; the 8 cover the delay.
        assert row["cured_lgd"] == pytest.approx(1 - BROUGHT["A"] / 100)
        parts = (row["cure_share"], row["cured_lgd"], row["other_lgd"])
        assert lgd_of_parts(*parts) == pytest.approx(row["value"])


def test_open_workouts_count_with_what_they_brought(lost: pd.DataFrame) -> None:
    # All eight are followed for four months: E brought 57 less 1 on 500 and 20 drawn, G nothing on 70.
    owed = sum(OWED.values()) + 500 + 20 * V + 70
    row = lost.loc[("all", "exposure")]
    assert row["value"] == pytest.approx(1 - (sum(BROUGHT.values()) + 56 * V**2) / owed)
    assert row[["loans", "left_out", "months"]].tolist() == [8, 0, 4]
    assert np.isnan(row["cure_share"])


def test_at_the_contract_rate_each_loan_is_discounted_at_its_own() -> None:
    rates = dict.fromkeys("ABCDEGHI", 0.12) | {"B": None}
    found = workout_lgd(at_contract_rate(workouts(*book(), same_within=2), contracts(**rates)), flows(MOVES))
    closed = found.set_index(["scope", "weight"]).loc[("closed", "exposure")]
    brought = sum(BROUGHT.values()) - BROUGHT["B"]
    assert closed["value"] == pytest.approx(1 - brought / (sum(OWED.values()) - 200))
    assert closed[["loans", "left_out"]].tolist() == [5, 3]


@pytest.mark.slow
def test_neither_names_nor_order_nor_currency_matter(lost: pd.DataFrame) -> None:
    rows, moves = renamed(BOOK[::-1], scaled(MOVES[::-1], 3), "x")
    dear = [{**row, "principal_balance": row["principal_balance"] * 3} for row in rows]  # type: ignore[operator]
    other = workout_lgd(at_rate(workouts(states(dear), flows(moves), same_within=2), 0.12), flows(moves))
    columns = ["value", "lower", "upper", "loans", "cure_share", "cured_lgd", "other_lgd"]
    pd.testing.assert_frame_equal(lost[columns], other.set_index(["scope", "weight"])[columns], rtol=1e-6)


def test_groups_without_a_loss_say_why() -> None:
    rows = [
        *path("A", "N 1", "S 1", "S 1"),
        *path("B", "N", "S", "-", segment="retail"),
        *path("C", "N 1", "N 1", "S 1", segment="services"),
    ]
    found = workout_lgd(at_rate(workouts(states(rows), flows([]), by=["segment"]), 0.12), flows([]), by=["segment"])
    counted = found[found["weight"] == "count"]
    assert counted[["segment", "scope", "note"]].to_numpy().tolist() == [
        ["manufacturing", "closed", "no_loans"],
        ["manufacturing", "all", "too_small"],
        ["retail", "closed", "not_recorded"],
        ["retail", "all", "not_recorded"],
        ["services", "closed", "no_loans"],
        ["services", "all", "too_short"],
    ]
    assert counted["value"].isna().tolist() == [True, False, True, True, True, True]


def test_a_table_without_rates_is_refused() -> None:
    with pytest.raises(MissingColumns, match="rate"):
        workout_lgd(workouts(*book()), flows(MOVES))
    with pytest.raises(MissingColumns, match="contract_rate"):
        at_contract_rate(workouts(*book()), contracts(A=0.1).drop("contract_rate"))


def test_closed_workouts_alone_lose_too_little() -> None:
    # Half the loans get well after two months without a loss, half are written off whole after eight; a cohort
    # defaults each month, and the book ends after twelve. The true loss is one half.
    months = month_list(12)
    rows = [
        row
        for cohort in range(10)
        for number in range(8)
        for row in path(
            f"L{cohort}-{number}",
            *["N 10"] * (cohort + 1),
            *(["S 10"] * 2 + ["N 10"] * 12 if number % 2 else ["S 10"] * 8 + ["-"] * 12)[: 11 - cohort],
        )
    ]
    gone = [
        (f"L{cohort}-{number}", months[cohort + 9].replace(day=10), "write_off", "10", None)
        for cohort in range(3)
        for number in (0, 2, 4, 6)
    ]
    found = workout_lgd(at_rate(workouts(states(rows), flows(gone)), 0.0), flows(gone)).set_index(["scope", "weight"])
    assert found.loc[("closed", "exposure"), "value"] == pytest.approx(12 / (12 + 36))
    assert found.loc[("all", "exposure"), "value"] == pytest.approx(0.5)
