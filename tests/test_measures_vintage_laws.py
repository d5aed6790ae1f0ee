"""What holds of every vintage: a walk along each loan agrees, and nothing that does not matter changes a number."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from aged_loans import LOANS, MONTHS, Loan, aged, book, walked
from analysis.measures.vintage import vintages

MONEY = ["amount", "bad", "current_bad", "at_risk", "newly_bad"]
SHARES = ["value", "lower", "upper", "current", "hazard", "hazard_lower", "hazard_upper"]


def told(rows: pd.DataFrame, whole: str) -> dict[tuple[object, ...], tuple[object, ...]]:
    known = rows[rows["value"].notna()]
    return {
        (row["cohort"], row["segment"] if pd.notna(row["segment"]) else None, row["age"]): tuple(
            row[name] for name in (whole, *MONEY[1:])
        )
        for row in known.to_dict("records")
    }


BASES = st.sampled_from(["count", "balance"])
DAYS = st.sampled_from([0, 30, 90])


def check(loans: list[Loan], basis: str, days: int) -> None:
    drawn, until = book(loans), str(pd.Period("2026-01") + MONTHS - 1)
    found = vintages(aged(drawn, until=until), by=["segment"], basis=basis, threshold=days)
    expected = walked(drawn, amounts=basis == "balance", days=days)
    assert told(found, "amount" if basis == "balance" else "loans") == expected
    check_shares(found[found["value"].notna()])


def check_shares(known: pd.DataFrame) -> None:
    assert known["value"].between(0, 1).all()
    assert (known["bad"] >= known["current_bad"]).all()
    assert (known["at_risk"] >= known["newly_bad"]).all()
    assert (known["lower"] <= known["value"]).all()
    assert (known["value"] <= known["upper"]).all()
    for _, cell in known.groupby(["cohort", "segment"], dropna=False):
        assert cell["age"].tolist() == list(range(len(cell)))
        assert cell["bad"].tolist() == sorted(cell["bad"])
        assert np.cumsum(cell["newly_bad"]).tolist() == cell["bad"].tolist()


@settings(max_examples=6, deadline=None)
@given(LOANS, BASES, DAYS)
def test_a_walk_along_each_loan_agrees_and_ever_never_falls_nor_lies_below_current(
    loans: list[Loan], basis: str, days: int
) -> None:
    check(loans, basis, days)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(LOANS, BASES, DAYS)
def test_a_walk_along_each_loan_agrees_for_many_books(loans: list[Loan], basis: str, days: int) -> None:
    check(loans, basis, days)


@settings(max_examples=2, deadline=None)
@given(LOANS, st.randoms())
def test_neither_the_order_of_rows_nor_the_names_of_loans_matter(loans: list[Loan], random) -> None:
    names = random.sample(range(10_000), len(loans))
    one, other = book(loans), book(random.sample(loans, len(loans)), names)
    found = [vintages(aged(drawn), by=["region"], basis="balance") for drawn in (one, random.sample(other, len(other)))]
    pd.testing.assert_frame_equal(*found, check_exact=True)


@settings(max_examples=2, deadline=None)
@given(LOANS, st.decimals(1, 99, places=2))
def test_splitting_a_loan_in_two_changes_no_amount(loans: list[Loan], part: Decimal) -> None:
    whole = Loan(loan_id="W", lent="2026-02", path="..**..", amount="100")
    halves = [replace(whole, loan_id="X", amount=str(part)), replace(whole, loan_id="Y", amount=str(100 - part))]
    one, two = (
        vintages(aged([*book(loans), *parts]), basis="balance").drop(columns="loans") for parts in ([whole], halves)
    )
    same = [*MONEY, "value", "current", "hazard"]
    pd.testing.assert_frame_equal(one[same], two[same], check_exact=True)
    # Two loans tell more than one.
    assert (two["lower"] - one["lower"]).dropna().min() > -1e-12


@settings(max_examples=2, deadline=None)
@given(LOANS)
def test_another_currency_changes_amounts_by_its_rate_and_no_share(loans: list[Loan]) -> None:
    dearer = [replace(loan, amount=str(Decimal(loan.amount or 0) * 7)) for loan in loans]
    one, seven = (
        vintages(
            aged([*book(drawn)[1:], Loan(loan_id="Z", lent="2026-01", path="." * MONTHS, amount=amount)]),
            basis="balance",
        )
        for drawn, amount in ((loans, "10"), (dearer, "70"))
    )
    pd.testing.assert_frame_equal(one[SHARES], seven[SHARES], rtol=1e-12)
    multiplied = one[MONEY].map(lambda amount: None if amount is None else 7 * amount)
    pd.testing.assert_frame_equal(multiplied, seven[MONEY], check_exact=True)


@settings(max_examples=4, deadline=None)
@given(LOANS, st.integers(2, MONTHS - 1))
def test_another_month_adds_cells_and_changes_none(loans: list[Loan], months: int) -> None:
    # Whoever is seen late would come into the denominator late.
    drawn = book(replace(loan, late=0) for loan in loans)
    keys = ["cohort", "segment", "age"]
    earlier, later = (
        vintages(aged(drawn, until=str(pd.Period("2026-01") + last)), by=["segment"]) for last in (months - 1, months)
    )
    known = earlier[earlier["value"].notna()]
    now = known[keys].merge(later, on=keys, how="left")
    pd.testing.assert_frame_equal(known.reset_index(drop=True), now[known.columns], check_exact=True)


@settings(max_examples=2, deadline=None)
@given(LOANS)
def test_groups_add_up_to_the_whole_where_all_are_as_young(loans: list[Loan]) -> None:
    drawn = book(loans)
    parts, whole = (vintages(aged(drawn), by=by, basis="balance", cohort="month") for by in (["segment", "region"], []))
    added = parts.groupby(["cohort", "age"])["bad"].agg(lambda amounts: sum(a for a in amounts if a is not None))
    known = whole[whole["value"].notna()].set_index(["cohort", "age"])["bad"]
    assert added.reindex(known.index).tolist() == known.tolist()


def test_one_less_the_hazards_multiplied_is_the_estimate_of_kaplan_and_meier() -> None:
    rng = np.random.default_rng(20260131)
    life = np.minimum(rng.geometric(0.08, 400), 12)
    bad_at = rng.geometric(0.06, 400)
    paths = [("." * 12)[:n] if b >= n else "." * b + "*" * (n - b) for n, b in zip(life, bad_at, strict=True)]
    loans = [Loan(loan_id=str(i), lent="2026-01", path=path) for i, path in enumerate(paths)]
    found = vintages(aged(loans, until="2026-12"), cohort="month")
    # A loan that is gone at a month end was at risk until then; one still there at the last has been seen until it.
    is_bad = bad_at < life
    times = np.where(is_bad, bad_at, np.where(life == 12, 11, life))
    curve = SurvfuncRight(times, is_bad.astype(int))
    expected = pd.Series(curve.surv_prob, index=curve.surv_times)
    product = (1 - found.set_index("age")["hazard"]).cumprod()
    assert len(expected) >= 10
    assert product.reindex(expected.index).to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)
    # Gone loans count as never bad below ever bad, so that the latter lies below.
    assert (found["value"] <= 1 - product.to_numpy() + 1e-12).all()
