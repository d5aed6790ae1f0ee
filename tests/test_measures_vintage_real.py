"""Vintages of real loans and accounts: the same numbers from the files by pandas, and from statsmodels."""

from collections.abc import Callable
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from analysis.book.engine import connect
from analysis.book.prior import with_attributes
from analysis.book.sources import card_status, lendingclub
from analysis.book.tape import Tape
from analysis.measures.vintage import vintages
from independent_panels import lendingclub_source

Read = Callable[..., Tape]


def states(read: Read, path: Path, staging: Path) -> ir.Table:
    """The panel of a source; who was there a month before does not matter here."""
    tape = read(path, backend=connect(), staging=staging)
    rows = with_attributes(tape.snapshots, tape.loans)
    return rows.mutate(prior_as_of=ibis.null("date")).cache()


def months(dates: pd.Series) -> pd.Series:
    return dates.dt.year * 12 + dates.dt.month


def lives(path: Path) -> pd.DataFrame:
    """One row is a LendingClub loan: bad at the fourth month end after the last payment, gone at its last payment."""
    source = lendingclub_source(path)
    issued, paid = pd.to_datetime(source["issue_d"]), pd.to_datetime(source["last_pymnt_d"])
    life = (months(paid) - months(issued)).fillna(0).astype(int)
    seen = source.assign(issued=issued, bad=np.where(source["is_bad"], life + 4, np.nan), life=life)
    return seen[seen["is_bad"] | (seen["life"] > 0)].assign(first=0, weight=source["funded_amnt"])


def lent_in(month: int) -> pd.Timestamp:
    return (pd.Period("2020-01", "M") + int(month)).start_time


def accounts(path: Path) -> pd.DataFrame:
    """One row is a card account that ever owed something; statuses 3 to 5 are more than 90 days past due."""
    record = pd.read_parquet(path).assign(STATUS=lambda rows: rows["STATUS"].astype("str"))
    record["age"] = record["MONTHS_BALANCE"] - record.groupby("ID")["MONTHS_BALANCE"].transform("min")
    owing = record[~record["STATUS"].isin(["X", "C"])]
    grouped = owing.groupby("ID")
    found = pd.DataFrame({"first": grouped["age"].min(), "last": grouped["age"].max()})
    found["bad"] = owing[owing["STATUS"].isin(["3", "4", "5"])].groupby("ID")["age"].min()
    opened = record.groupby("ID")["MONTHS_BALANCE"].min().reindex(found.index)
    found["issued"] = opened.map(lent_in)
    # Still there in the last month, or at risk until the month end that first lacks it.
    return found.assign(life=np.minimum(found["last"] + 1, -opened), weight=1)


def quarters(loans: pd.DataFrame) -> dict[pd.Timestamp, pd.DataFrame]:
    return dict(list(loans.groupby(loans["issued"].dt.to_period("Q").dt.start_time)))


def check(found: pd.DataFrame, loans: pd.DataFrame, *, whole: str, weight: str) -> int:
    """Compare each cohort that has numbers with a computation loan by loan; how many cells there were."""
    known = found[found["value"].notna()]
    by_quarter = quarters(loans)
    for cohort, cells in known.groupby("cohort"):
        own = by_quarter[cohort]
        amounts = own[weight].to_numpy()
        until = own["bad"].fillna(own["life"])
        assert set(cells[whole].astype(float)) == {float(amounts.sum())}
        tests = [(own["bad"] <= age, own["bad"] == age, (own["first"] <= age) & (until >= age)) for age in cells["age"]]
        expected = [[amounts[test].sum() for test in tested] for tested in tests]
        numbers = cells[["bad", "newly_bad", "at_risk"]].astype(float).to_numpy()
        assert numbers.tolist() == np.array(expected, dtype=float).tolist()
    return len(known)


def check_survival(found: pd.DataFrame, loans: pd.DataFrame) -> None:
    """Compare the product of the hazards by count with the estimate of Kaplan and Meier for each cohort."""
    by_quarter = quarters(loans)
    for cohort, cells in found[found["value"].notna()].groupby("cohort"):
        own = by_quarter[cohort]
        times, is_bad = own["bad"].fillna(own["life"]), own["bad"].notna()
        curve = SurvfuncRight(times, is_bad.astype(int), entry=own["first"] - 0.5)
        expected = pd.Series(curve.surv_prob, index=curve.surv_times.astype(int))
        product = (1 - cells.set_index("age")["hazard"].fillna(0)).cumprod()
        shown = expected[expected.index <= product.index.max()]
        assert product.reindex(shown.index).to_numpy() == pytest.approx(shown.to_numpy(), rel=1e-9)


@pytest.fixture(scope="module")
def loans(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> ir.Table:
    path = shared_data / "lendingclub_2007_2011.parquet"
    return states(lendingclub.tape, path, tmp_path_factory.mktemp("lc"))


@pytest.fixture(scope="module")
def cards(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> ir.Table:
    path = shared_data / "credit_record.parquet"
    return states(card_status.tape, path, tmp_path_factory.mktemp("card"))


@pytest.mark.slow
@pytest.mark.parametrize(("threshold", "months_late"), [(90, 4), (60, 3), (30, 2)])
def test_lendingclub_cohorts_are_those_of_the_file(
    loans: ir.Table, shared_data: Path, threshold: int, months_late: int
) -> None:
    file = lives(shared_data / "lendingclub_2007_2011.parquet")
    file = file.assign(bad=file["bad"] - 4 + months_late)
    found = vintages(loans, threshold=threshold)
    assert check(found, file.assign(weight=1), whole="loans", weight="weight") > 1000
    check_survival(found, file)
    by_amount = vintages(loans, threshold=threshold, basis="balance")
    assert check(by_amount, file, whole="amount", weight="weight") > 1000


@pytest.mark.slow
def test_in_the_end_lendingclub_cohorts_have_the_default_rate_of_the_file(loans: ir.Table, shared_data: Path) -> None:
    file = lives(shared_data / "lendingclub_2007_2011.parquet")
    found = vintages(loans, threshold=90)
    last = found[found["value"].notna()].groupby("cohort").tail(1)
    rates = file.groupby(file["issued"].dt.to_period("Q").dt.start_time)["is_bad"].mean()
    assert last.set_index("cohort")["value"].to_dict() == pytest.approx(rates.loc[last["cohort"]].to_dict())
    # Of closed loans about 15 % defaulted; the cohort of the book's first month, June 2007, is left out.
    assert last["bad"].sum() / last["loans"].sum() == pytest.approx(0.15, abs=0.01)
    assert last["current_bad"].sum() < last["bad"].sum() / 100


@pytest.mark.slow
def test_card_cohorts_are_those_of_the_file(cards: ir.Table, shared_data: Path) -> None:
    file = accounts(shared_data / "credit_record.parquet")
    found = vintages(cards, threshold=90)
    assert check(found, file, whole="loans", weight="weight") > 500
    check_survival(found, file)
    by_amount = vintages(cards, threshold=90, basis="balance")
    assert set(by_amount["note"]) == {"not_recorded"}
    assert by_amount["value"].isna().all()


@pytest.mark.slow
def test_current_bad_cards_are_those_of_the_file(cards: ir.Table, shared_data: Path) -> None:
    record = pd.read_parquet(shared_data / "credit_record.parquet").assign(
        STATUS=lambda rows: rows["STATUS"].astype("str")
    )
    first = record.groupby("ID")["MONTHS_BALANCE"].transform("min")
    quarter = {month: lent_in(month).to_period("Q").start_time for month in first.unique()}
    bad = record.assign(cohort=first.map(quarter), age=record["MONTHS_BALANCE"] - first)
    expected = bad[bad["STATUS"].isin(["3", "4", "5"])].groupby(["cohort", "age"]).size()
    found = vintages(cards, threshold=90)
    known = found[found["value"].notna()].set_index(["cohort", "age"])["current_bad"].astype(int)
    assert known.sum() > 1_000
    assert known.tolist() == expected.reindex(known.index, fill_value=0).tolist()
