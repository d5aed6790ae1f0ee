"""Probabilities, tests and forecasts as tables: worked by hand, tied to one another, unknown where nobody knows."""

import math
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import Misuse
from analysis.models import transition_estimates, transition_tables
from analysis.models.transition_estimates import HORIZONS, METHODS
from analysis.models.transition_tables import migration_forecast, transition_probabilities, transition_tests

ENDS = pd.date_range("2026-01-31", periods=12, freq="ME").astype("datetime64[s]")


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    """Bounds from a few draws, because not how wide they are is looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transition_estimates, "_DRAWS", 5)
        patch.setattr(transition_tables, "_DRAWS", 5)
        yield


def moves(*cells: tuple[str, str, int], months: int = 12, segment: str = "all", every: int = 1) -> pd.DataFrame:
    """The same moves in every period, of loans that owe 10 each."""
    rows = [
        {"as_of": day, "segment": segment, "from_state": before, "to_state": now, "loans": loans,
         "opening_balance": Decimal(10 * loans), "closing_balance": Decimal(10 * loans)}
        for day in ENDS[every - 1 :: every][:months]
        for before, now, loans in cells
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"opening_balance": object, "closing_balance": object})


# A month before 100 pass and 40 special mention; a tenth of pass falls, half of it comes back, 4 are repaid.
STEADY = moves(
    ("pass", "pass", 86), ("pass", "special_mention", 10), ("pass", "repaid", 4),
    ("special_mention", "pass", 20), ("special_mention", "special_mention", 20), ("entered", "pass", 7),
)  # fmt: skip
MONTH = np.array([[0.86, 0.10, 0.04], [0.5, 0.5, 0.0], [0, 0, 1]])


def value(rows: pd.DataFrame, **where: object) -> float:
    chosen = rows[np.logical_and.reduce([rows[name] == wanted for name, wanted in where.items()])]
    return chosen["value"].item()


def test_probabilities_of_a_year_worked_by_hand() -> None:
    rows = transition_probabilities(STEADY)
    asked = {"from_state": "pass", "to_state": "repaid"}
    for horizon in HORIZONS:
        expected = np.linalg.matrix_power(MONTH, horizon)[0, 2]
        for method in ("cohort", "aalen_johansen"):
            assert value(rows, method=method, horizon=horizon, **asked) == pytest.approx(expected)
    assert set(rows["loans"][rows["from_state"] == "pass"]) == {1200}


def test_every_estimate_names_its_method_its_bounds_and_what_was_changed() -> None:
    rows = transition_probabilities(STEADY)
    known = rows[rows["note"] == ""]
    assert set(known["method"]) == set(METHODS)
    assert (known["lower"] <= known["upper"]).all()
    one_month = known[(known["method"] == "cohort") & (known["horizon"] == 1)]
    assert set(one_month["interval"]) == {"goodman"}
    assert set(known["interval"]) == {"goodman", "bootstrap"}
    changed = known.groupby("method")["regularised"].first()
    assert (changed["logarithm"], changed["duration"]) == (1, 0)  # special mention is never repaid in one go
    assert changed[["cohort", "aalen_johansen"]].isna().all()


def test_states_without_loans_are_unknown_and_few_loans_are_said_to_be_few() -> None:
    rows = transition_probabilities(moves(("pass", "pass", 2), ("pass", "special_mention", 1), months=2))
    notes = rows[(rows["method"] == "cohort") & (rows["horizon"] == 1)].groupby("from_state")["note"].first()
    assert (notes["pass"], notes["special_mention"], notes["loss"]) == ("too_small", "no_loans", "no_loans")
    assert set(rows["note"][(rows["method"] == "aalen_johansen") & (rows["horizon"] == 12)]) == {"too_short"}
    quarter = rows[(rows["method"] == "cohort") & (rows["horizon"] == 3) & (rows["from_state"] == "pass")]
    assert math.isnan(quarter["value"].item())  # it leads to a state that nobody was in


def test_a_quarterly_book_is_known_by_its_dates() -> None:
    rows = transition_probabilities(moves(("pass", "pass", 96), ("pass", "repaid", 4), months=4, every=3))
    asked = {"from_state": "pass", "to_state": "repaid"}
    assert value(rows, method="cohort", horizon=12, **asked) == pytest.approx(1 - 0.96**4)
    assert value(rows, method="logarithm", horizon=1, **asked) == pytest.approx(1 - 0.96 ** (1 / 3))
    assert set(rows["note"][(rows["method"] == "cohort") & (rows["horizon"] == 1)]) == {"within_a_period"}


def test_a_group_that_is_not_there_every_month_keeps_the_months_of_the_book() -> None:
    late = moves(("pass", "pass", 50), ("pass", "repaid", 50), segment="late")
    both = pd.concat([STEADY, late[late["as_of"].dt.month.isin([3, 12])]])
    rows = transition_probabilities(both, by=["segment"])
    asked = {"segment": "late", "method": "cohort", "from_state": "pass", "to_state": "repaid"}
    assert value(rows, horizon=1, **asked) == 0.5


def test_by_balance_there_are_no_bounds_and_unrecorded_balances_are_said_to_be() -> None:
    rows = transition_probabilities(STEADY, basis="balance")
    assert value(rows, method="cohort", horizon=1, from_state="pass", to_state="repaid") == pytest.approx(0.04)
    assert rows[["lower", "upper"]].isna().all(axis=None)
    unknown = transition_probabilities(STEADY.assign(opening_balance=None), basis="balance")
    assert set(unknown["note"]) == {"not_recorded"}
    assert unknown["value"].isna().all()


def test_a_forecast_worked_by_hand() -> None:
    rows = migration_forecast(STEADY)
    now = {"pass": 113, "special_mention": 30}  # 86 + 20 + 7, and 10 + 20
    assert {name: value(rows, horizon=0, state=name) for name in now} == now
    assert value(rows, horizon=1, state="pass") == pytest.approx(113 * 0.86 + 30 * 0.5)
    assert value(rows, horizon=12, state="repaid") == pytest.approx(
        (np.array([113, 30, 0]) @ np.linalg.matrix_power(MONTH, 12))[2]
    )
    assert rows.groupby("horizon")["value"].sum().to_numpy() == pytest.approx([143] * 13)
    assert rows.groupby("horizon")["share"].sum().to_numpy() == pytest.approx([1] * 13)
    assert str(rows["date"].max().date()) == "2027-12-31"
    assert (rows["lower"] <= rows["upper"]).all()


def test_a_forecast_through_a_state_nobody_left_before_is_unknown() -> None:
    rows = migration_forecast(moves(("pass", "pass", 9), ("pass", "loss", 1), months=1))
    assert rows[["horizon", "note"]].to_numpy().tolist()[:3] == [[0, ""], [0, ""], [1, "no_loans"]]
    by_balance = migration_forecast(STEADY.assign(closing_balance=None), basis="balance")
    assert set(by_balance["note"]) == {"not_recorded"}


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=4, max_size=4))
def test_nobody_is_lost_in_a_forecast(loans: list[int]) -> None:
    ends = ["pass", "special_mention", "repaid", "left"]
    cells = [(before, now, number) for before in ends[:2] for now, number in zip(ends, loans, strict=True)]
    rows = migration_forecast(moves(*cells, months=2))
    whole = 2 * (loans[0] + loans[1])
    assert rows.groupby("horizon")["value"].sum().to_numpy() == pytest.approx([whole] * 13)


def paths(*cells: tuple[str, str, str, int], segment: str = "all") -> pd.DataFrame:
    rows = [
        {"as_of": day, "segment": segment, "before_state": one, "from_state": two, "to_state": three, "loans": loans}
        for day in ENDS[:3]
        for one, two, three, loans in cells
    ]
    return pd.DataFrame(rows)


ALIKE = [("pass", "pass", "pass", 80), ("pass", "pass", "repaid", 20), ("special_mention", "pass", "pass", 80),
         ("special_mention", "pass", "repaid", 20)]  # fmt: skip


def test_loans_without_memory_in_months_and_segments_alike_have_nothing_against_them() -> None:
    rows = transition_tests(pd.concat([paths(*ALIKE), paths(*ALIKE, segment="other")]))
    assert rows["test"].tolist() == ["markov", "homogeneous_in_time", "homogeneous_across_segment"]
    assert rows["statistic"].tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    assert rows["p_value"].tolist() == pytest.approx([1, 1, 1])
    assert rows["loans"].tolist() == [1200] * 3


def test_each_test_finds_what_it_is_for() -> None:
    remember = [("pass", "pass", "pass", 90), ("pass", "pass", "repaid", 10), ("special_mention", "pass", "pass", 50),
                ("special_mention", "pass", "repaid", 50)]  # fmt: skip
    found = transition_tests(paths(*remember)).set_index("test")
    assert found.loc["markov", "p_value"] < 0.001
    assert found.loc["homogeneous_in_time", "p_value"] == pytest.approx(1)
    assert found.loc["homogeneous_across_segment", "note"] == "nothing_to_compare"
    worse = [(*cell[:3], 100 - cell[3]) for cell in ALIKE]
    apart = transition_tests(pd.concat([paths(*ALIKE), paths(*worse, segment="other")]), by=["segment"])
    assert apart["segment"].fillna("").tolist() == ["all", "all", "other", "other", ""]
    assert apart.set_index("test").loc["homogeneous_across_segment", "p_value"] < 0.001


def test_few_loans_are_said_to_be_sparse() -> None:
    few = [(*cell[:3], 1) for cell in ALIKE]
    assert "sparse" in set(transition_tests(paths(*few))["note"])


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(Misuse, match="did you mean 'bucket'"):
        transition_probabilities(STEADY, state="buckets")
    with pytest.raises(Misuse, match="basis"):
        migration_forecast(STEADY, basis="both")
    with pytest.raises(Misuse, match="across must be a dimension of the paths, was 'region'"):
        transition_tests(paths(*ALIKE), across="region")
