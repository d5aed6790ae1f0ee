"""Cohorts of loans projected and back-tested: by hand, and against history as it was known."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from aged_loans import Loan, aged
from analysis.errors import MissingColumns, Misuse
from analysis.measures.vintage import vintages
from analysis.models.development_backtest import back_test, back_test_summary, cut_back
from analysis.models.vintage_projection import vintage_projection

Q1, Q2, Q3, Q4 = (pd.Timestamp(f"2025-{month:02d}-01") for month in (1, 4, 7, 10))
CURVES = {Q1: (100, [2, 5, 6]), Q2: (200, [4, 7]), Q3: (300, [3])}


def rows(curves: dict[pd.Timestamp, tuple[int, list[int]]], **group: str) -> pd.DataFrame:
    """Cohorts by quarterly age: loans lent, and how many were ever bad."""
    return pd.DataFrame(
        {"cohort": cohort, **group, "age": 3 * step, "loans": lent, "bad": bad, "value": bad / lent, "note": ""}
        for cohort, (lent, path) in curves.items()
        for step, bad in enumerate(path)
    )


def values(found: pd.DataFrame, cohort: pd.Timestamp, name: str = "value") -> list[float]:
    return found.loc[found["cohort"] == cohort, name].tolist()


def test_cohorts_are_projected_by_increments_worked_by_hand() -> None:
    found = vintage_projection(rows(CURVES))
    assert values(found, Q1) == pytest.approx([0.02, 0.05, 0.06])
    assert values(found, Q2) == pytest.approx([0.02, 0.035, 0.035 + 0.01])
    assert values(found, Q3) == pytest.approx([0.01, 0.01 + 6 / 300, 0.03 + 0.01])
    assert values(found, Q3, "is_projected") == [False, True, True]
    assert values(found, Q3, "cohorts") == [0, 2, 1]


def test_the_band_goes_from_quartile_to_quartile_worked_by_hand() -> None:
    found = vintage_projection(rows(CURVES))
    # 100 (3/100 - 2/100)^2 + 200 (3/200 - 2/100)^2 = .015 per amount lent, with one degree of freedom.
    error = np.sqrt(0.015 * 300 + 0.015 * 300**2 / 300) / 300
    half = float(ndtri(0.75)) * error
    assert values(found, Q3, "lower")[1] == pytest.approx(0.03 - half)
    assert values(found, Q3, "upper")[1] == pytest.approx(0.03 + half)
    # One cohort alone has gone on from there: how much cohorts differ is not known.
    assert np.isnan([values(found, Q3, "lower")[2], values(found, Q2, "upper")[2], *values(found, Q1, "lower")]).all()


def test_cohorts_are_projected_by_factors_worked_by_hand() -> None:
    found = vintage_projection(rows(CURVES), method="chain_ladder")
    assert values(found, Q2)[2] == pytest.approx(7 / 200 * 6 / 5)
    assert values(found, Q3) == pytest.approx([0.01, 0.01 * 12 / 6, 0.02 * 6 / 5])


def test_no_band_lies_below_what_is_bad_already_or_above_all() -> None:
    wild = {Q1: (10, [1, 10]), Q2: (10, [2, 2]), Q3: (10, [3, 3]), Q4: (10, [5])}
    found = vintage_projection(rows(wild))
    # .8 and .405 to either side.
    assert (values(found, Q4, "lower")[1], values(found, Q4, "upper")[1]) == (0.5, 1.0)


def test_a_projection_ends_at_the_age_asked_for_or_where_no_cohort_has_been() -> None:
    assert set(vintage_projection(rows(CURVES), to=3)["age"]) == {0, 3}
    assert set(vintage_projection(rows(CURVES), to=120)["age"]) == {0, 3, 6}


def test_each_group_goes_by_its_own_cohorts() -> None:
    both = pd.concat([rows(CURVES, segment="retail"), rows({Q1: (10, [1, 1]), Q2: (10, [2])}, segment="trade")])
    found = vintage_projection(both, by=["segment"])
    retail = found[found["segment"] == "retail"].drop(columns="segment").reset_index(drop=True)
    pd.testing.assert_frame_equal(retail, vintage_projection(rows(CURVES)))
    assert values(found[found["segment"] == "trade"], Q2) == pytest.approx([0.2, 0.2])


def test_a_cohort_that_nobody_goes_before_is_left_as_it_is_and_one_without_numbers_says_why() -> None:
    known = rows({Q2: (100, [2, 5])})
    unknown = pd.DataFrame([{"cohort": Q1, "age": 0, "loans": 9, "bad": None, "value": np.nan, "note": "not_recorded"}])
    found = vintage_projection(pd.concat([known, unknown]))
    assert not found["is_projected"].any()
    assert values(found, Q1, "note") == ["not_recorded"]
    assert np.isnan(values(found, Q1)).all()


def test_no_cohorts_give_no_rows() -> None:
    assert len(vintage_projection(vintages(aged([])))) == 0
    assert len(back_test(vintages(aged([])), [3])) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": 0}, "at least 1 month"),
        ({"basis": "balanc"}, "did you mean 'balance'"),
        ({"by": ["segmnet"]}, "did you mean 'segment'"),
        ({"method": "chainladder"}, "did you mean 'chain_ladder'"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        vintage_projection(rows(CURVES), **options)
    with pytest.raises(Misuse, match="months must be at least 1"):
        cut_back(rows(CURVES), 0)


def test_a_table_without_a_column_is_refused() -> None:
    with pytest.raises(MissingColumns, match="bad"):
        vintage_projection(rows(CURVES).drop(columns="bad"))


def test_a_back_test_worked_by_hand() -> None:
    found = back_test(rows(CURVES | {Q4: (100, [1])}), [3])
    # Three months ago the first cohort was at 5 %, the second at 2 %; the third and fourth were not there.
    assert found[["cohort", "age", "ahead"]].to_numpy().tolist() == [[Q2, 3, 3]]
    assert found.iloc[0][["value", "actual", "error"]].tolist() == pytest.approx([0.05, 0.035, 0.015])
    assert found["within"].tolist() == [None]


def test_a_summary_counts_what_lay_within_and_leaves_out_what_had_no_band() -> None:
    tested = pd.DataFrame(
        {"ahead": [3, 3, 3, 6], "error": [0.01, -0.03, 0.02, 0.0], "actual": 0.1, "within": [True, False, None, None]}
    )
    found = back_test_summary(tested).set_index("ahead")
    assert found.loc[3].tolist() == pytest.approx([3, 0.1, 0.0, 0.02, 0.5])
    assert np.isnan(found.loc[6, "coverage"])


def test_history_cut_back_is_what_was_seen_then() -> None:
    loans = [
        Loan(loan_id=f"{lent}-{i}", lent=str(pd.Period("2026-01") + lent), path="." * (i + lent % 3) + "*" * (9 - i))
        for lent in range(9)
        for i in range(9)
    ]
    then, now = (vintages(aged(loans, until=until)) for until in ("2026-06", "2026-09"))
    known = then[then["value"].notna()].reset_index(drop=True)
    assert len(known) > 3
    pd.testing.assert_frame_equal(cut_back(now, 3), known)
