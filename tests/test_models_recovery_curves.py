"""Recovery curves: by hand, with open workouts as far as seen, by law, and with intervals that hold."""

from decimal import Decimal

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest

from analysis.errors import Misuse
from analysis.measures.workouts import workouts
from analysis.models.recovery_curves import recovered_shares, recovery_curve, time_to_cash
from defaulted_loans import BOOK, MOVES, book, day, flows, renamed, scaled, simulated
from moved_loans import path
from states_of_loans import states

SHOWN = ["months", "value", "cured", "at_risk"]


@pytest.fixture(scope="module")
def defaults() -> ir.Table:
    """Defaults of the book by hand."""
    return workouts(*book(), same_within=2).cache()


@pytest.fixture(scope="module")
def curve(defaults: ir.Table) -> pd.DataFrame:
    """Their curve by balance."""
    return recovery_curve(defaults, flows(MOVES))


def test_the_curve_worked_by_hand(curve: pd.DataFrame) -> None:
    # Owed: 100 + 200 + 300 + 400 + 520 + 70 + 80 + 90 = 1,760; in come 138, 247 and 40 in months 1, 2 and 3.
    assert curve["months"].tolist() == [1, 2, 3, 4]
    assert curve["value"].tolist() == pytest.approx([138 / 1760, 385 / 1760, 425 / 1760, 425 / 1760])
    assert curve["cured"].tolist() == pytest.approx([0, 90 / 1760, 90 / 1760, 90 / 1760])
    assert curve["at_risk"].tolist() == [8] * 4
    assert curve["received"].tolist() == [138, 247, 40, 0]
    assert all(type(owed) is Decimal for owed in curve["owed"])
    assert set(curve["note"]) == {"too_small"}
    assert ((curve["lower"] >= 0) & (curve["lower"] < curve["value"]) & (curve["value"] < curve["upper"])).all()


def test_by_count_it_is_the_mean_of_single_shares(defaults: ir.Table) -> None:
    curve = recovery_curve(defaults, flows(MOVES), basis="count")
    shares = [18 / 100, 200 / 200, 30 / 300, 40 / 400, 57 / 520, 0, 80 / 80, 0]
    assert curve["value"].iloc[-1] == pytest.approx(np.mean(shares))
    # Every workout is followed as far: the interval is that of a mean.
    assert curve["upper"].iloc[-1] - curve["value"].iloc[-1] == pytest.approx(
        1.959964 * np.std(shares, ddof=1) / 8**0.5, rel=1e-6
    )


# Each segment is a case of its own. "followed": two default in January, one in April, the book ends in May.
CASES = [
    *path("A", "N 100", "S 100", "S 100", "S 100", "S 100", "S 100", segment="followed"),
    *path("B", "N 100", "S 100", "-", "-", "-", "-", segment="followed"),
    *path("C", "N 800", "N 800", "N 800", "N 800", "S 800", "S 800", segment="followed"),
    *path("P", "N 100", "N 100", "N 100", "S 100", "S 100", "-", segment="unpriced"),
    *path("Q", "N 100", "N 100", "N 100", "S 100", "S 90", "S 90", segment="unpriced"),
    *path("R", "-", "-", "-", "N", "S", "S", segment="unrecorded"),
    *path("S", "-", "-", "-", "N 1", "N 1", "S 1", segment="young"),
]
CASE_MOVES = [
    ("A", day(2), "recovery", "20", None),
    ("B", day(2), "recovery", "100", None),
    ("A", day(4), "recovery", "30", None),
    ("C", day(5), "recovery", "80", None),
    ("P", day(4), "recovery", "10", None),
    ("P", day(5), "sale", "90", None),
    ("Q", day(4), "recovery", "10", None),
    ("Q", day(5), "recovery", "40", None),
]


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    """Curves of the cases."""
    defaults = workouts(states(CASES), flows(CASE_MOVES), by=["segment"])
    return recovery_curve(defaults, flows(CASE_MOVES), by=["segment"], cohort="quarter").set_index("segment")


def test_a_workout_counts_as_far_as_it_is_followed() -> None:
    defaults = workouts(states([row for row in CASES if str(row["loan_id"]) < "D"]), flows(CASE_MOVES))
    curve = recovery_curve(defaults, flows(CASE_MOVES))
    expected = np.cumsum([200 / 1000, 0, 30 / 200, 0])
    assert curve["value"].tolist() == pytest.approx(expected)
    assert curve["at_risk"].tolist() == [3, 2, 2, 2]
    # What of all that was owed has come in by now says less: C had one month only.
    assert curve["value"].iloc[-1] > 230 / 1000


def test_a_sale_at_a_price_not_known_ends_what_is_known_and_not_the_loan(cases: pd.DataFrame) -> None:
    curve = cases.loc["unpriced"]
    assert curve["value"].tolist() == pytest.approx([0.1, 0.5])
    assert curve["at_risk"].tolist() == [2, 1]


def test_groups_without_a_curve_say_why(cases: pd.DataFrame) -> None:
    silent = cases[cases["months"] == 0]
    assert silent["note"].to_dict() == {"unrecorded": "not_recorded", "young": "too_short"}
    assert silent[["value", "lower", "upper", "cured"]].isna().all(axis=None)


def test_curves_by_quarter_of_default_stand_beside_one_another(cases: pd.DataFrame) -> None:
    own = cases.loc["followed"]
    quarters = [pd.Timestamp("2026-01-01")] * 4 + [pd.Timestamp("2026-04-01")]
    assert own["cohort"].tolist() == quarters
    assert own["value"].tolist() == pytest.approx([0.6, 0.6, 0.75, 0.75, 0.1])


@pytest.mark.slow
def test_a_later_month_changes_no_month_that_everybody_was_followed_to() -> None:
    longer = [*BOOK, *path("E", *["-"] * 6, "L 450"), *path("G", *["-"] * 6, "S 70")]
    more = [*MOVES, ("E", day(6), "recovery", "100", None)]
    one, other = (
        recovery_curve(workouts(states(rows), flows(moves), same_within=2), flows(moves))
        for rows, moves in ((BOOK, MOVES), (longer, more))
    )
    pd.testing.assert_frame_equal(one[SHOWN], other[SHOWN].head(4))
    assert other["value"].iloc[-1] == pytest.approx(525 / 1760)


@pytest.mark.slow
def test_neither_names_nor_order_nor_currency_matter_and_a_split_loan_neither(curve: pd.DataFrame) -> None:
    rows, moves = renamed(BOOK[::-1], MOVES[::-1], "x")
    dear = [{**row, "principal_balance": row["principal_balance"] * 3} for row in rows]  # type: ignore[operator]
    other = recovery_curve(workouts(states(dear), flows(scaled(moves, 3)), same_within=2), flows(scaled(moves, 3)))
    columns = ["value", "lower", "upper", "cured", "at_risk"]
    pd.testing.assert_frame_equal(curve[columns], other[columns], rtol=1e-9)
    halves = [{**row, "loan_id": f"{row['loan_id']}{part}", "principal_balance": row["principal_balance"] / 2}
              for row in BOOK for part in "12"]  # type: ignore[operator]  # fmt: skip
    split = [
        (f"{move[0]}{part}", *move[1:3], *(a and str(Decimal(a) / 2) for a in move[3:]))
        for move in MOVES
        for part in "12"
    ]
    parted = recovery_curve(workouts(states(halves), flows(split), same_within=2), flows(split))
    pd.testing.assert_frame_equal(
        curve[["value", "cured", "owed", "received"]], parted[["value", "cured", "owed", "received"]]
    )


def test_a_book_without_defaults_has_no_curve() -> None:
    assert len(recovery_curve(workouts(states(path("A", "N 1", "N 1")), flows([])), flows([]))) == 0


def test_the_time_to_a_share_of_the_cash(curve: pd.DataFrame) -> None:
    (half,) = time_to_cash(curve).to_dict("records")
    assert (half["months"], half["horizon"], half["note"]) == (2, 4, "too_small")
    assert half["mean_months"] == pytest.approx((138 + 2 * 247 + 3 * 40) / 425)
    assert half["recovered"] == pytest.approx(425 / 1760)
    assert [time_to_cash(curve, share=share)["months"].item() for share in (0.1, 0.9, 0.95, 1)] == [1, 2, 3, 3]
    nothing = time_to_cash(curve.assign(value=0.0, note=""))
    assert nothing["note"].tolist() == ["no_denominator"]
    assert nothing["months"].isna().all()
    with pytest.raises(Misuse, match=r"write 50 % as 0\.5"):
        time_to_cash(curve, share=50)


@pytest.mark.parametrize(
    ("option", "message"), [({"basis": "money"}, "basis must be"), ({"cohort": "age"}, "cohort must")]
)
def test_what_cannot_be_asked_is_refused(defaults: ir.Table, option: dict[str, str], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        recovery_curve(defaults, flows(MOVES), **option)


@pytest.mark.parametrize("basis", ["balance", pytest.param("count", marks=pytest.mark.slow)])
def test_intervals_hold_as_often_as_they_say(basis: str) -> None:
    # 200 books of 120 workouts each, followed for 1 to 10 months; the share after 6 months is 0.11069.
    defaults, receipts, truth = simulated(120, 200, seed=5)
    claims = defaults.mutate(owed=defaults.exposure)
    curve = recovered_shares(claims, receipts, ["as_of", "segment"], basis=basis)
    after = curve[curve["months"] == 6]
    assert len(after) == 200
    held = (after["lower"] <= truth[5]) & (truth[5] <= after["upper"])
    assert 0.90 <= held.mean() <= 0.99
    assert after["value"].mean() == pytest.approx(truth[5], abs=4 * after["value"].std() / 200**0.5)
    # All that came in ÷ all that was owed is biased, because not everybody was followed as long.
    naive = curve[curve["months"] == 10].merge(curve.groupby("segment")["received"].sum().rename("all"), on="segment")
    first = curve[curve["months"] == 1].set_index("segment")["owed"]
    shares = [float(row["all"] / first[row["segment"]]) for row in naive.to_dict("records")]
    assert np.mean(shares) < 0.85 * truth[9]


def test_the_interval_agrees_with_a_bootstrap_of_whole_workouts() -> None:
    defaults, receipts, _ = simulated(300, 1, seed=8)
    curve = recovered_shares(defaults.mutate(owed=defaults.exposure), receipts, ["as_of"]).set_index("months")
    loans, came = defaults.to_pandas().set_index("loan_id"), receipts.to_pandas()
    table = came.assign(received=came["received"].astype(float)).pivot_table(
        index="loan_id", columns="months", values="received", fill_value=0.0
    )
    paid = table.reindex(index=loans.index, columns=range(1, 11), fill_value=0.0).to_numpy()
    seen = loans["followed"].to_numpy()[:, None] >= np.arange(1, 11)
    owed, rng = loans["exposure"].astype(float).to_numpy(), np.random.default_rng(1)
    drawn = rng.integers(0, 300, (800, 300))
    paths = np.array([(paid * seen)[d].sum(axis=0) / (owed[d, None] * seen[d]).sum(axis=0) for d in drawn]).cumsum(
        axis=1
    )
    width = (curve["upper"] - curve["lower"]).to_numpy()[2:8] / (2 * 1.959964)
    assert width == pytest.approx(paths.std(axis=0)[2:8], rel=0.1)
