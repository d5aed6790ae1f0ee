"""LendingClub loans: the derived panel ties to the source's principal to the cent."""

import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.sources import lendingclub
from analysis.book.store import Book, open_book
from analysis.book.tape import Tape
from independent_panels import lendingclub_panel, lendingclub_source
from ledgers import rows, values

CLEAN = {
    "row_id": 1, "funded_amnt": 100, "term": "6", "int_rate": 0.07, "issue_d": "2010-01-01",
    "loan_status": "Fully Paid", "purpose": "car", "addr_state": "NM", "total_rec_prncp": 100.0,
    "recoveries": 0.0, "collection_recovery_fee": 0.0, "last_pymnt_d": "2010-07-01",
}  # fmt: skip
CHARGED_OFF = {"loan_status": "Charged Off", "total_rec_prncp": 40.0, "last_pymnt_d": "2010-03-01"}


def read(folder: Path, *loans: dict[str, object]) -> Tape:
    records = [CLEAN | {"row_id": number} | loan for number, loan in enumerate(loans, start=1)]
    pd.DataFrame(records).to_parquet(folder / "loans.parquet")
    staging = folder / "staging"
    staging.mkdir()
    return lendingclub.tape(folder / "loans.parquet", backend=connect(), staging=staging)


def flow_totals(flows: ir.Table | None) -> pd.DataFrame:
    """One row is a loan, one column a kind of flow, in cents."""
    assert flows is not None
    totals = flows.group_by("loan_id", "kind").aggregate(cents=(flows.amount * 100).sum().cast("int64")).to_pandas()
    return totals.pivot_table(index="loan_id", columns="kind", values="cents", fill_value=0)


def cents(amounts: pd.Series) -> pd.Series:
    return (amounts * 100).round().astype("int64")


@pytest.fixture(scope="module")
def source(shared_data: Path) -> pd.DataFrame:
    return lendingclub_source(shared_data / "lendingclub_2007_2011.parquet")


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Tape:
    path = shared_data / "lendingclub_2007_2011.parquet"
    return lendingclub.tape(path, backend=connect(), staging=tmp_path_factory.mktemp("lc"))


@pytest.fixture(scope="module")
def book(real: Tape, tmp_path_factory: pytest.TempPathFactory) -> Book:
    folder = tmp_path_factory.mktemp("books") / "lendingclub"
    autumn = real.snapshots.filter(real.snapshots.as_of.isin([date(2011, 11, 30), date(2011, 12, 31)]))
    append_tape(folder, Tape(loans=real.loans, snapshots=autumn, tallies=real.tallies), lendingclub.profile())
    return open_book(folder)


def test_a_paid_loan_follows_the_published_schedule(tmp_path: Path) -> None:
    # Apache Fineract, schedule: 100 at 7 %, 30/360, 6 monthly instalments; interest .58 .49 .39 .29 .20 .10.
    balances = values(read(tmp_path, {}).snapshots, "principal_balance")
    interest = [round(float(balance) * 0.07 / 12, 2) for balance in sorted(balances, reverse=True)]
    assert interest == [0.58, 0.49, 0.39, 0.29, 0.20, 0.10]


def test_a_paid_loan_leaves_with_its_last_payment(tmp_path: Path) -> None:
    tape = read(tmp_path, {"last_pymnt_d": "2010-04-01"})
    assert values(tape.snapshots, "as_of") == [date(2010, 1, 31), date(2010, 2, 28), date(2010, 3, 31)]
    last = [f for f in rows(tape.flows) if f["date"] == date(2010, 4, 15)]
    assert [(f["kind"], f["amount"] > 60) for f in last] == [("repayment", True)]


def test_a_charged_off_loan_ages_by_calendar_days_and_goes_on_day_120(tmp_path: Path) -> None:
    tape = read(tmp_path, CHARGED_OFF)
    aged = {r["as_of"]: (r["days_past_due"], r["principal_balance"]) for r in rows(tape.snapshots)}
    # First unpaid instalment on 15 April 2010; day 120 is 13 August.
    assert aged[date(2010, 3, 31)] == (0, Decimal("60.00"))
    assert [aged[d][0] for d in sorted(aged)][-4:] == [15, 46, 76, 107]
    assert max(aged) == date(2010, 7, 31)
    assert [(f["date"], f["amount"]) for f in rows(tape.flows) if f["kind"] == "write_off"] == [
        (date(2010, 8, 13), Decimal("60.00"))
    ]


def test_a_loan_that_never_paid_is_late_from_its_first_instalment(tmp_path: Path) -> None:
    tape = read(tmp_path, CHARGED_OFF | {"total_rec_prncp": 0.0, "last_pymnt_d": None})
    assert values(tape.snapshots, "principal_balance") == [Decimal("100.00")] * 5
    assert values(tape.snapshots, "days_past_due") == [0, 13, 44, 74, 105]
    assert [f["rule"] for f in tape.findings] == ["never_paid"]


def test_recoveries_come_after_the_write_off_with_their_fee(tmp_path: Path) -> None:
    tape = read(tmp_path, CHARGED_OFF | {"recoveries": 12.345, "collection_recovery_fee": 1.5})
    recovered = [f for f in rows(tape.flows) if f["kind"] == "written_off_recovery"]
    assert [(f["date"], f["amount"], f["cost"]) for f in recovered] == [
        (date(2010, 9, 13), Decimal("12.34"), Decimal("1.50"))
    ]
    assert "recovery_rounding" in [f["rule"] for f in tape.findings]


def test_a_gap_between_funded_and_received_is_a_correction(tmp_path: Path) -> None:
    tape = read(tmp_path, {"total_rec_prncp": 99.99}, {"total_rec_prncp": 100.25})
    found = {f["loan_id"]: f["amount"] for f in rows(tape.flows) if f["kind"] == "correction"}
    assert found == {"LC-1": Decimal("-0.01"), "LC-2": Decimal("0.25")}


def test_a_second_policy_is_a_channel_of_its_own(tmp_path: Path) -> None:
    tape = read(tmp_path, {}, {"loan_status": "Does not meet the credit policy. Status:Charged Off", **{}})
    assert {r["loan_id"]: r["channel"] for r in rows(tape.loans)} == {
        "LC-1": "credit_policy",
        "LC-2": "outside_credit_policy",
    }


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"row_id": None}, "missing_key", "row_id"),
        ({"row_id": 1}, "duplicate_identical", "row_id"),
        ({"row_id": 1, "purpose": "house"}, "duplicate_conflict", "row_id"),
        ({"loan_status": "Current"}, "open_loan", "loan_status"),
        ({"loan_status": None}, "missing_value", "loan_status"),
        ({"issue_d": "soon"}, "unreadable_date", "issue_d"),
        ({"last_pymnt_d": "2009-12-01"}, "implausible_date", "last_pymnt_d"),
        ({"last_pymnt_d": None}, "missing_value", "last_pymnt_d"),
        ({"purpose": None}, "missing_segment", "purpose"),
        ({"funded_amnt": -5}, "unreadable_amount", "funded_amnt"),
        ({"funded_amnt": 0}, "nothing_disbursed", "funded_amnt"),
        ({"term": "0"}, "unreadable_number", "term"),
        ({"int_rate": 12.5}, "unreadable_number", "int_rate"),
        (CHARGED_OFF | {"total_rec_prncp": 100.01}, "negative_balance", "total_rec_prncp"),
    ],
)
def test_a_record_that_cannot_be_used_is_set_aside(
    tmp_path: Path, fields: dict[str, object], reason: str, field: str
) -> None:
    tape = read(tmp_path, {}, fields)
    assert [(q["source_row"], q["reason"], q["field"]) for q in rows(tape.quarantine)] == [(2, reason, field)]
    (tally,) = tape.tallies
    assert (tally.rows_in, tally.rows_accepted, tally.rows_quarantined) == (2, 1, 1)
    assert tally.amount_in == tally.amount_accepted + tally.amount_quarantined


LOANS = st.fixed_dictionaries(
    {
        "funded_amnt": st.integers(1, 40_000),
        "term": st.sampled_from(["1", "36", "60"]),
        "int_rate": st.floats(0, 0.3),
        "months": st.integers(0, 70),
        "is_bad": st.booleans(),
        "share": st.floats(0, 1),
    }
)


@settings(max_examples=6, deadline=None)
@given(st.lists(LOANS, min_size=1, max_size=30))
def test_what_was_lent_is_repaid_corrected_or_written_off(drawn: list[dict]) -> None:
    loans = [
        {
            **{key: one[key] for key in ("funded_amnt", "term", "int_rate")},
            "last_pymnt_d": str((pd.Period("2010-01") + one["months"]).to_timestamp().date()),
            "loan_status": "Charged Off" if one["is_bad"] else "Fully Paid",
            "total_rec_prncp": round(one["funded_amnt"] * (one["share"] if one["is_bad"] else 1), 2),
        }
        for one in drawn
    ]
    with tempfile.TemporaryDirectory() as folder:
        tape = read(Path(folder), *loans)
        totals = flow_totals(tape.flows).reindex(columns=["drawdown", "repayment", "write_off"], fill_value=0)
        assert (totals["drawdown"] == totals["repayment"] + totals["write_off"]).all()
        assert min(values(tape.snapshots, "principal_balance"), default=Decimal(0)) >= 0
        assert min(values(tape.flows, "amount"), default=Decimal(0)) >= 0


def test_the_real_file_is_accounted_for_to_the_row_and_cent(real: Tape, source: pd.DataFrame) -> None:
    (tally,) = real.tallies
    assert (tally.rows_in, tally.rows_accepted, tally.rows_quarantined) == (len(source), len(source), 0)
    assert tally.amount_in == tally.amount_accepted == Decimal(int(source["funded_amnt"].sum()))
    loans = real.loans.to_pandas().set_index("loan_id")
    assert (loans["original_amount"].astype("int64") == source["funded_amnt"].reindex(loans.index)).all()


def test_real_principal_ties_to_the_source_loan_by_loan(real: Tape, source: pd.DataFrame) -> None:
    totals = flow_totals(real.flows).reindex(source.index)
    received = cents(source["total_rec_prncp"])
    assert (totals["repayment"] == received).all()
    assert (totals["write_off"] == (source["funded_amnt"] * 100 - received).where(source["is_bad"], 0)).all()
    moved = totals["drawdown"] - totals["repayment"] - totals["write_off"] + totals["correction"]
    assert (moved == 0).all()
    assert (totals["correction"] != 0).sum() == next(
        f["count"] for f in real.findings if f["rule"] == "principal_rounding"
    )


def test_real_default_rates_by_purpose_agree_with_the_file(real: Tape, source: pd.DataFrame) -> None:
    written_off = real.flows.filter(real.flows.kind == "write_off").select("loan_id")
    gone = real.loans.semi_join(written_off, "loan_id")
    bad = gone.group_by("segment").aggregate(n=gone.count()).to_pandas().set_index("segment")["n"]
    lent = real.loans.group_by("segment").aggregate(n=real.loans.count()).to_pandas().set_index("segment")["n"]
    expected = source.groupby("purpose")["is_bad"].mean()
    assert (bad / lent).sort_index().to_dict() == pytest.approx(expected.to_dict())
    # LendingClub 2007 to 2011, all loans: 15 % default; recoveries 8.9 % of unpaid principal at charge-off.
    assert bad.sum() / lent.sum() == pytest.approx(0.15, abs=0.01)
    totals = flow_totals(real.flows)
    assert totals["written_off_recovery"].sum() / totals["write_off"].sum() == pytest.approx(0.089, abs=0.001)


def test_real_npl_by_segment_agrees_with_an_independent_computation(book: Book, source: pd.DataFrame) -> None:
    panel = lendingclub_panel(source, "2011-12")
    snapshots = book.snapshots.filter(book.snapshots.as_of == date(2011, 12, 31))
    bad = snapshots.days_past_due >= 90
    found = snapshots.group_by("segment").aggregate(
        loans=snapshots.count(), npl=snapshots.principal_balance.sum(where=bad), npl_loans=bad.sum()
    )
    frame = found.to_pandas().set_index("segment").sort_index()
    here = panel.groupby("segment")
    late = panel[panel["is_npl"]].groupby("segment")["balance"]
    assert len(frame) == 14
    assert frame["loans"].to_dict() == here.size().to_dict()
    assert frame["npl_loans"].to_dict() == late.size().reindex(frame.index, fill_value=0).to_dict()
    expected = late.sum().reindex(frame.index, fill_value=0.0).round(2)
    assert frame["npl"].fillna(0).astype(float).to_dict() == pytest.approx(expected.to_dict(), abs=0.001)


def test_real_balances_agree_with_an_independent_schedule(book: Book, source: pd.DataFrame) -> None:
    owed = lendingclub_panel(source, "2011-12")["balance"]
    snapshots = book.snapshots.filter(book.snapshots.as_of == date(2011, 12, 31)).select("loan_id", "principal_balance")
    found = snapshots.to_pandas().set_index("loan_id")["principal_balance"].astype(float)
    assert (found.reindex(owed.index) - owed).abs().max() < 0.011
