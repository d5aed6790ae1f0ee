"""What closed LendingClub loans of 2007 to 2011 say month by month: a panel derived from terms and payments.

One record of the source is a loan that has ended. Given: amount funded, rate, term, purpose, state,
month of issue, month of the last payment, all principal received (`total_rec_prncp`), all
recoveries after charge-off with their fees, and whether the loan was paid or charged off.

Derived, and marked so:

- **Payments** fall on the 15th of each month, from the one after issue to that of the last payment;
  the source gives months only. Principal follows the level-payment schedule of amount, rate and term;
  where the last payment came after the term, the schedule is stretched to it. The schedule of a
  charged-off loan is scaled so that it ends at the principal received. What a loan prepaid on its way,
  or paid late and made good, cannot be seen.
- **Paid loans** leave with their last payment, so the prepaid rest is in it. Received principal differs
  from the amount funded by up to 45 cents in some; the gap is a flow of kind `correction`, signed as it
  moves the balance.
- **Charged-off loans** stop paying after their last payment (a loan without one: from the start). The
  first unpaid instalment is due on the 15th of the month after; days past due are calendar days from
  then. The loan is charged off on day 120, about four months later: the source has no charge-off date,
  and this is a proxy. What is written off is the amount funded less the principal received, to the cent.
- **Recoveries** after charge-off are known in total only. They are entered one month after it, so
  nothing can be read from their timing.

Traps: loans that "do not meet the credit policy" are a second policy, kept in `channel`; the file has
no borrower numbers, so each loan is a borrower of its own; all loans have ended, so the first and the
last years of the panel are thin and the last months hold only loans about to be charged off.
"""

from collections.abc import Mapping
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.ingest.dates import day
from analysis.book.ingest.numerals import number_text, whole_number
from analysis.book.profile import Profile
from analysis.book.schema import TYPES
from analysis.book.sources.calendar import (
    as_date,
    days_between,
    days_later,
    month_end,
    months_between,
    months_later,
)
from analysis.book.sources.records import (
    Fault,
    account_of,
    conforming,
    is_no_amount,
    notice,
    opened,
    repeated,
    sorted_records,
    stored,
    text_records,
    with_money,
)
from analysis.book.tape import Tape
from analysis.terms import Text

CURRENCY = "USD"
_DUE_DAYS = 14  # from the first of the month, to which the source's months are set, to the 15th
_CHARGE_OFF_DAYS = 120  # the proxy of the docstring
_LONGEST_TERM = 600
_FORMATS, _PIVOT = ("%Y-%m-%d",), 30
_AMOUNTS = ("funded_amnt", "total_rec_prncp", "recoveries", "collection_recovery_fee")
_NEEDED = (*_AMOUNTS, "row_id", "term", "int_rate", "issue_d", "loan_status", "purpose", "addr_state", "last_pymnt_d")
_PAID, _CHARGED_OFF, _OUTSIDE_POLICY = "Fully Paid", "Charged Off", "Does not meet the credit policy"
_PURPOSES = {
    "debt_consolidation": Text("债务整合", "Debt consolidation"),
    "credit_card": Text("偿还信用卡", "Credit card refinancing"),
    "other": Text("其他", "Other"),
    "home_improvement": Text("房屋装修", "Home improvement"),
    "major_purchase": Text("大额消费", "Major purchase"),
    "small_business": Text("小微经营", "Small business"),
    "car": Text("购车", "Car"),
    "wedding": Text("婚庆", "Wedding"),
    "medical": Text("医疗", "Medical"),
    "moving": Text("搬迁", "Moving"),
    "vacation": Text("旅行", "Vacation"),
    "house": Text("购房", "House purchase"),
    "educational": Text("教育", "Education"),
    "renewable_energy": Text("可再生能源", "Renewable energy"),
}


def profile() -> Profile:
    """What a book of these loans says of itself."""
    return Profile(
        title=Text("LendingClub 2007–2011 年已结清贷款", "LendingClub closed loans 2007–2011"),
        currency=CURRENCY,
        jurisdiction="US",
        rules="us_retail",
        derived=Text(
            "月度面板由合同条款与还款推算：余额按等额还款计划至最后一次还款；"
            "核销日按首次欠款后 120 天推定，并非来源所载。",
            "Monthly panel derived from terms and payments: level-payment schedule to the last payment; "
            "charge-off on day 120 after the first unpaid instalment, which the source does not give.",
        ),
        labels={
            "segment": _PURPOSES,
            "product": {"36": Text("36期", "36 months"), "60": Text("60期", "60 months")},
            "channel": {
                "credit_policy": Text("符合信贷政策", "Within credit policy"),
                "outside_credit_policy": Text("不符合信贷政策", "Outside credit policy"),
            },
        },
        notes=(
            Text(
                "核销后收回仅有总额，统一记在核销后一个月，不能据此分析回收时间。",
                "Recoveries are known in total only and entered one month after charge-off; do not read their timing.",
            ),
        ),
    )


def tape(path: Path, *, backend: DuckDB, staging: Path) -> Tape:
    """Read the file of closed loans.

    Args:
        path: Parquet file; one row is a loan.
        backend: engine whose tables the tape's are.
        staging: folder for scratch files; it has to stay until the tape is used.

    Returns:
        loans, month-end snapshots, flows (drawdown, repayment, correction, write_off,
        written_off_recovery), quarantine, one tally over `funded_amnt` [USD], and findings.

    Raises:
        MissingColumns: if the file lacks a column.
        DataRefused: if it cannot be read.
    """
    rows = opened(lambda: backend.read_parquet(str(path)), path.name)
    records = text_records(rows, needs=_NEEDED, label=path.name)
    typed = stored(_typed(records), backend, staging / "typed.parquet")
    account = account_of(path.name, "loans", "funded_amnt")
    parts = sorted_records(typed, _faults(typed), raw=rows.columns, account=account)
    loans = stored(_lives(parts.usable), backend, staging / "lives.parquet")
    return Tape(
        loans=conforming(_loans(loans), "loans"),
        snapshots=stored(conforming(_panel(loans), "snapshots"), backend, staging / "snapshots.parquet"),
        flows=stored(conforming(_flows(loans), "flows"), backend, staging / "flows.parquet"),
        quarantine=parts.quarantine,
        tallies=(parts.tally,),
        findings=_noticed(loans),
    )


def _typed(records: ir.Table) -> ir.Table:
    raw = [name for name in records.columns if name != "source_row"]
    identical, conflicting = repeated(records, ("row_id",), raw)
    return with_money(records, _AMOUNTS, CURRENCY).mutate(
        issued=_month(records.issue_d),
        last_paid=_month(records.last_pymnt_d),
        months=whole_number(records.term),
        rate=number_text(records.int_rate).try_cast("float64"),
        is_paid=records.loan_status.endswith(_PAID),
        is_charged_off=records.loan_status.endswith(_CHARGED_OFF),
        is_identical=identical,
        is_conflicting=conflicting,
    )


def _month(text: ir.StringValue) -> ir.DateValue:
    return as_date(day(text, _FORMATS, _PIVOT).truncate("M"))


def _faults(rows: ir.Table) -> list[Fault]:
    required = ("funded_amnt", "term", "int_rate", "issue_d", "loan_status", "total_rec_prncp")
    return [
        Fault(rows.row_id.isnull(), "missing_key", "row_id"),
        Fault(rows.is_identical, "duplicate_identical", "row_id"),
        Fault(rows.is_conflicting, "duplicate_conflict", "row_id"),
        *(Fault(rows[name].isnull(), "missing_value", name) for name in required),
        Fault(rows.purpose.isnull(), "missing_segment", "purpose"),
        Fault(~(rows.is_paid | rows.is_charged_off), "open_loan", "loan_status"),
        Fault(rows.issued.isnull(), "unreadable_date", "issue_d"),
        Fault(rows.last_pymnt_d.notnull() & rows.last_paid.isnull(), "unreadable_date", "last_pymnt_d"),
        Fault(rows.is_paid & rows.last_paid.isnull(), "missing_value", "last_pymnt_d"),
        Fault(rows.last_paid < rows.issued, "implausible_date", "last_pymnt_d"),
        Fault(~rows.months.between(1, _LONGEST_TERM).fill_null(False), "unreadable_number", "term"),
        Fault(~rows.rate.between(0, 1).fill_null(False), "unreadable_number", "int_rate"),
        *(Fault(is_no_amount(rows, name), "unreadable_amount", name) for name in _AMOUNTS),
        Fault(rows.amount_funded_amnt == 0, "nothing_disbursed", "funded_amnt"),
        Fault(rows.is_charged_off & (_unpaid(rows) < 0), "negative_balance", "total_rec_prncp"),
    ]


def _unpaid(rows: ir.Table) -> ir.DecimalValue:
    return rows.amount_funded_amnt - rows.amount_total_rec_prncp


def _lives(usable: ir.Table) -> ir.Table:
    """One row is a usable loan with the months of its life: paid to month `paid_months`, gone at `exit_date`."""
    rows = usable.mutate(paid_months=months_between(usable.issued, usable.last_paid.coalesce(usable.issued)))
    first_unpaid = _due_date(rows, rows.paid_months + 1)
    charged_off = days_later(first_unpaid, _CHARGE_OFF_DAYS)
    rows = rows.mutate(
        loan_id="LC-" + rows.row_id,
        schedule_months=ibis.greatest(rows.months, rows.paid_months),
        first_unpaid=ibis.ifelse(rows.is_charged_off, first_unpaid, ibis.null("date")),
        exit_date=ibis.ifelse(rows.is_charged_off, charged_off, _due_date(rows, rows.paid_months)),
        unpaid=_unpaid(rows),
    )
    return rows.mutate(exit_months=months_between(rows.issued, rows.exit_date))


def _loans(lives: ir.Table) -> ir.Table:
    outside = lives.loan_status.startswith(_OUTSIDE_POLICY)
    return lives.select(
        "loan_id",
        borrower_id=lives.loan_id,
        borrower_type=ibis.literal("individual"),
        segment=lives.purpose,
        region=lives.addr_state,
        product=lives.months.cast("string"),
        loan_purpose=lives.purpose,
        channel=ibis.ifelse(outside, "outside_credit_policy", "credit_policy"),
        origination_date=lives.issued,
        maturity_date=_due_date(lives, lives.months),
        original_amount=lives.amount_funded_amnt,
        contract_rate=lives.rate,
        repayment_type=ibis.literal("level_payment"),
        currency=ibis.literal(CURRENCY),
    )


def _panel(lives: ir.Table) -> ir.Table:
    """One row is a loan at a month end, from that of its issue to the last before its exit."""
    rows = lives.mutate(month=ibis.range(0, lives.exit_months).unnest())
    as_of = month_end(months_later(rows.issued, rows.month))
    late = days_between(rows.first_unpaid, as_of)
    return rows.select(
        "loan_id",
        as_of=as_of,
        principal_balance=rows.amount_funded_amnt - _principal_paid(rows, rows.month),
        days_past_due=ibis.greatest(late.fill_null(0), 0),
    )


def _principal_paid(rows: ir.Table, month: ir.IntegerValue) -> ir.DecimalValue:
    """Principal received up to a month of the loan's life [USD]; all of it from the last payment on.

    Source: level-payment schedule, P(k) = A ((1 + i)^k - 1) / ((1 + i)^n - 1) with the monthly rate i;
    a charged-off loan's P(k) is scaled to the principal received instead of to A after n months.
    """
    received = rows.amount_total_rec_prncp
    whole = ibis.ifelse(rows.is_charged_off, received, rows.amount_funded_amnt).cast("float64")
    months = ibis.ifelse(rows.is_charged_off, rows.paid_months, rows.schedule_months)
    share = _growth(rows.rate, month) / _growth(rows.rate, months).nullif(0)
    scheduled = (whole * share).round(2).cast(TYPES["money"])
    so_far = ibis.least(scheduled, received)
    return ibis.cases((month < 0, 0), (month >= rows.paid_months, received), else_=so_far).cast(TYPES["money"])


def _growth(rate: ir.FloatingValue, months: ir.IntegerValue) -> ir.FloatingValue:
    return ibis.ifelse(rate > 0, (1 + rate / 12) ** months - 1, months.cast("float64"))


def _flows(lives: ir.Table) -> ir.Table:
    """One row is a money movement; zero amounts are left out, but for write-offs."""
    rows = lives.mutate(month=ibis.range(0, lives.paid_months + 1).unnest())
    paid = _principal_paid(rows, rows.month) - _principal_paid(rows, rows.month - 1)
    gone, stayed = lives.filter(lives.is_charged_off), lives.filter(~lives.is_charged_off)
    recovered = _moves(gone, "written_off_recovery", months_later(gone.exit_date, 1), gone.amount_recoveries)
    moves = ibis.union(
        _moves(rows, "repayment", _due_date(rows, rows.month), paid),
        _moves(lives, "drawdown", lives.issued, lives.amount_funded_amnt),
        _moves(stayed, "correction", stayed.exit_date, -stayed.unpaid),
        recovered,
    )
    return moves.filter(moves.amount != 0).union(_moves(gone, "write_off", gone.exit_date, gone.unpaid))


def _moves(rows: ir.Table, kind: str, when: ir.DateValue, amount: ir.DecimalValue) -> ir.Table:
    no_cost = ibis.null(TYPES["money"])
    cost = rows.amount_collection_recovery_fee if kind == "written_off_recovery" else no_cost
    return rows.select("loan_id", date=when, kind=ibis.literal(kind), amount=amount.cast(TYPES["money"]), cost=cost)


def _due_date(rows: ir.Table, month: ir.IntegerValue) -> ir.DateValue:
    """Date of the instalment of a month of the loan's life."""
    return days_later(months_later(rows.issued, month), _DUE_DAYS)


def _noticed(lives: ir.Table) -> tuple[Mapping[str, object], ...]:
    short = lives.filter(lives.is_paid & (lives.unpaid != 0))
    unpaid = lives.filter(lives.is_charged_off & lives.last_pymnt_d.isnull())
    outside = lives.filter(lives.loan_status.startswith(_OUTSIDE_POLICY))
    finer = lives.filter((lives.rounding_recoveries != 0) | (lives.rounding_collection_recovery_fee != 0))
    return (
        *notice("principal_rounding", _NOTICES["principal_rounding"], short),
        *notice("recovery_rounding", _NOTICES["recovery_rounding"], finer),
        *notice("never_paid", _NOTICES["never_paid"], unpaid),
        *notice("outside_credit_policy", _NOTICES["outside_credit_policy"], outside),
    )


_NOTICES = {
    "principal_rounding": Text(
        "已结清贷款的已收本金与放款金额不等，差额记为更正",
        "paid loans whose principal received is not the amount funded; the gap is a correction",
    ),
    "recovery_rounding": Text(
        "收回金额或费用的精度超过分，已取到分", "recoveries or fees finer than a cent, rounded to it"
    ),
    "never_paid": Text("核销贷款从未还款", "charged-off loans without any payment"),
    "outside_credit_policy": Text("不符合信贷政策的贷款", "loans that do not meet the credit policy"),
}
