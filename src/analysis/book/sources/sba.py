"""What ended loans of the US Small Business Administration say quarter by quarter, by industry.

One record of the source is a 7(a) loan that has ended. Given: date and amount disbursed
(`DisbursementGross`), term in months, industry (NAICS), state, the outcome (`MIS_Status`: paid in full,
charged off), and for a charge-off its date and principal (`ChgOffPrinGr`).

Derived, and marked so; the source has no balance, rate or arrears:

- **Paid loans** amortise in a straight line, by days, from disbursement to the end of the term, and
  leave on that day. All had been paid when the file was made, so what would have matured after the
  file's latest charge-off leaves on the date of that.
- **Charged-off loans** amortise in a straight line from the amount disbursed to the principal charged
  off. Payments stop 182 days before the charge-off: 90 days past due are then reached 92 days before
  it, so each loan stands as non-performing on the quarter end before its charge-off (on two where a
  quarter is short), unless it lived less than that. The balance stays at the principal charged off,
  to the cent.
- **Flows** are the drawdown, one repayment a quarter dated at its end, and the write-off, which is
  entered even where it is zero. Recoveries and purchases of the guarantee are not in the source.
- **Guarantee**: the share of the approval that the SBA guarantees (`SBA_Appv` / `GrAppv`) is kept as
  a band in `collateral_type`; it is information, not collateral.

Traps: dates come as 2/28/1997 and as 16-Apr-13, and two-digit years above 30 are 19xx; amounts come as
$1,234.00 with a blank at the end; some loans paid in full carry a charge-off date: the outcome is
followed and they are counted; some have no outcome or no date of disbursement and are set aside; some
charge-offs exceed the amount disbursed, which is entered as further drawdowns; NAICS 0 is unknown;
`RevLineCr` and `LowDoc` hold codes without meaning besides Y and N; the sample does not stand for all
loans of the program. The file names no borrower, so each loan is a borrower of its own.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.ingest.dates import day
from analysis.book.ingest.functions import regexp_full_match
from analysis.book.ingest.numerals import whole_number
from analysis.book.profile import Profile
from analysis.book.schema import TYPES
from analysis.book.sources.calendar import (
    as_date,
    days_between,
    days_later,
    months_between,
    months_later,
    quarter_end,
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
from analysis.book.sources.sba_labels import LABELS, SECTORS, UNKNOWN_SECTOR
from analysis.book.tape import Tape
from analysis.terms import Text

CURRENCY = "USD"
_PAID, _CHARGED_OFF = "P I F", "CHGOFF"
_FORMATS, _PIVOT = ("%m/%d/%Y", "%d-%b-%y", "%d-%b-%Y", "%Y-%m-%d"), 30
_UNPAID_DAYS = 182  # see the docstring: 90 days past due, and the longest quarter after that
_LONGEST_TERM = 600
_AMOUNTS = ("DisbursementGross", "ChgOffPrinGr", "GrAppv", "SBA_Appv")
_NEEDED = (
    *_AMOUNTS, "LoanNr_ChkDgt", "State", "NAICS", "Term", "RevLineCr", "LowDoc", "ChgOffDate",
    "DisbursementDate", "MIS_Status",
)  # fmt: skip


def profile() -> Profile:
    """What a book of these loans says of itself."""
    return Profile(
        title=Text("美国小企业管理局 7(a) 贷款样本", "US SBA 7(a) loans, sample"),
        currency=CURRENCY,
        jurisdiction="US",
        rules="us_retail",
        periodicity="Q",
        derived=Text(
            "季度面板由放款日、期限、核销日与核销本金推算：余额按直线摊还，核销前 182 天起停止还款；并非来源所载余额。",
            "Quarterly panel derived from disbursement, term, charge-off date and principal: straight-line balance, "
            "payments stop 182 days before a charge-off; the source has no balances.",
        ),
        labels=LABELS,
        notes=(
            Text(
                "样本不代表该计划全部贷款；所有贷款均已结束。",
                "The sample does not stand for all loans of the program; every loan in it has ended.",
            ),
        ),
    )


def tape(path: Path, *, backend: DuckDB, staging: Path) -> Tape:
    """Read the file of ended loans.

    Args:
        path: CSV file, plain or gzip; one row is a loan.
        backend: engine whose tables the tape's are.
        staging: folder for scratch files; it has to stay until the tape is used.

    Returns:
        loans, quarter-end snapshots, flows (drawdown, repayment, write_off), quarantine, one
        tally over `DisbursementGross` [USD], and findings.

    Raises:
        MissingColumns: if the file lacks a column.
        DataRefused: if it cannot be read.
    """
    rows = opened(lambda: backend.read_csv(str(path), header=True, all_varchar=True, delim=",", quote='"'), path.name)
    typed = stored(
        _typed(text_records(rows, needs=_NEEDED, label=path.name)), backend, staging / f"{path.name}.typed.parquet"
    )
    account = account_of(path.name, "loans", "DisbursementGross")
    parts = sorted_records(typed, _faults(typed), raw=rows.columns, account=account)
    lives = stored(_lives(parts.usable, _latest_charge_off(typed)), backend, staging / "lives.parquet")
    return Tape(
        loans=conforming(_loans(lives), "loans"),
        snapshots=stored(conforming(_panel(lives), "snapshots"), backend, staging / "snapshots.parquet"),
        flows=stored(conforming(_flows(lives), "flows"), backend, staging / "flows.parquet"),
        quarantine=parts.quarantine,
        tallies=(parts.tally,),
        findings=_noticed(lives),
    )


def _typed(records: ir.Table) -> ir.Table:
    raw = [name for name in records.columns if name != "source_row"]
    identical, conflicting = repeated(records, ("LoanNr_ChkDgt",), raw)
    return with_money(records, _AMOUNTS, CURRENCY).mutate(
        disbursed=as_date(day(records.DisbursementDate, _FORMATS, _PIVOT)),
        charged_off=as_date(day(records.ChgOffDate, _FORMATS, _PIVOT)),
        months=whole_number(records.Term).cast("int32"),
        is_charge_off=records.MIS_Status == _CHARGED_OFF,
        is_identical=identical,
        is_conflicting=conflicting,
    )


def _faults(rows: ir.Table) -> list[Fault]:
    gone = rows.is_charge_off
    has_term = rows.months.between(1, _LONGEST_TERM).fill_null(False)
    return [
        Fault(rows.LoanNr_ChkDgt.isnull(), "missing_key", "LoanNr_ChkDgt"),
        Fault(rows.is_identical, "duplicate_identical", "LoanNr_ChkDgt"),
        Fault(rows.is_conflicting, "duplicate_conflict", "LoanNr_ChkDgt"),
        Fault(rows.MIS_Status.isnull(), "missing_value", "MIS_Status"),
        Fault(~rows.MIS_Status.isin([_PAID, _CHARGED_OFF]), "unknown_status", "MIS_Status"),
        Fault(rows.DisbursementDate.isnull(), "missing_value", "DisbursementDate"),
        Fault(rows.disbursed.isnull(), "unreadable_date", "DisbursementDate"),
        Fault(rows.DisbursementGross.isnull(), "missing_value", "DisbursementGross"),
        *(Fault(is_no_amount(rows, name), "unreadable_amount", name) for name in _AMOUNTS),
        Fault(rows.amount_DisbursementGross == 0, "nothing_disbursed", "DisbursementGross"),
        Fault(gone & rows.ChgOffDate.isnull(), "missing_value", "ChgOffDate"),
        Fault(gone & rows.charged_off.isnull(), "unreadable_date", "ChgOffDate"),
        Fault(gone & (rows.charged_off < rows.disbursed), "implausible_date", "ChgOffDate"),
        Fault(gone & rows.ChgOffPrinGr.isnull(), "missing_value", "ChgOffPrinGr"),
        Fault(~gone & ~has_term, "unreadable_number", "Term"),
    ]


def _latest_charge_off(typed: ir.Table) -> date | None:
    found = typed.filter(typed.is_charge_off).aggregate(latest=lambda rows: rows.charged_off.max())
    latest: date | None = found.to_pyarrow()["latest"][0].as_py()
    return latest


def _lives(usable: ir.Table, latest: date | None) -> ir.Table:
    """One row is a usable loan: when payments stop, when it is gone, and its quarter ends before that."""
    has_term = usable.months.between(1, _LONGEST_TERM)
    maturity = ibis.ifelse(has_term, months_later(usable.disbursed, usable.months), ibis.null("date"))
    stops = ibis.greatest(days_later(usable.charged_off, -_UNPAID_DAYS), usable.disbursed)
    end_of_file = ibis.null("date") if latest is None else ibis.literal(latest)
    paid_off = ibis.greatest(ibis.least(maturity, end_of_file), usable.disbursed)
    rows = usable.mutate(
        maturity=maturity,
        # A paid loan's straight line ends at its maturity, a charged-off one's where payments stop.
        line_end=ibis.ifelse(usable.is_charge_off, stops, maturity),
        exit_date=ibis.ifelse(usable.is_charge_off, usable.charged_off, paid_off),
        written_off=ibis.ifelse(usable.is_charge_off, usable.amount_ChgOffPrinGr, 0).cast(TYPES["money"]),
    )
    quarters = months_between(quarter_end(rows.disbursed), quarter_end(rows.exit_date)) // 3
    return rows.mutate(quarters=quarters.cast("int32"))


def _loans(lives: ir.Table) -> ir.Table:
    industry = ibis.ifelse(regexp_full_match(lives.NAICS, "[1-9][0-9]{1,5}"), lives.NAICS, ibis.null("string"))
    is_guaranteed = (lives.amount_SBA_Appv > 0).fill_null(False)
    return lives.select(
        loan_id=lives.LoanNr_ChkDgt,
        borrower_id=lives.LoanNr_ChkDgt,
        segment=_sector(lives),
        industry_code=industry,
        region=lives.State,
        product=_coded(lives.RevLineCr, "revolving", "term"),
        channel=_coded(lives.LowDoc, "low_doc", "standard"),
        origination_date=lives.disbursed,
        maturity_date=lives.maturity,
        original_amount=lives.amount_DisbursementGross,
        collateral_type=_guarantee(lives),
        guarantor_id=ibis.ifelse(is_guaranteed, "SBA", ibis.null("string")),
        currency=ibis.literal(CURRENCY),
    )


def _sector(rows: ir.Table) -> ir.StringValue:
    sector = rows.NAICS.left(2)
    return ibis.ifelse(sector.isin(list(SECTORS)).fill_null(False), sector, UNKNOWN_SECTOR)


def _coded(code: ir.StringValue, yes: str, no: str) -> ir.StringValue:
    return ibis.cases((code == "Y", yes), (code == "N", no), else_="unknown")


def _guarantee(rows: ir.Table) -> ir.StringValue:
    share = rows.amount_SBA_Appv.cast("float64") / rows.amount_GrAppv.nullif(0).cast("float64")
    return ibis.cases(
        (share.isnull(), ibis.null("string")),
        (share <= 0, "none"),
        (share <= 0.5, "guarantee_to_50"),
        (share <= 0.75, "guarantee_to_75"),
        else_="guarantee_above_75",
    )


def _panel(lives: ir.Table) -> ir.Table:
    """One row is a loan at a quarter end, from that of its disbursement to the last before it is gone."""
    rows = lives.mutate(quarter=ibis.range(0, lives.quarters).unnest())
    rows = rows.mutate(as_of=_quarter_end(rows, rows.quarter))
    late = ibis.ifelse(rows.is_charge_off, days_between(rows.line_end, rows.as_of), 0)
    return rows.select(
        "as_of",
        loan_id=rows.LoanNr_ChkDgt,
        principal_balance=_balance(rows, rows.as_of),
        days_past_due=ibis.greatest(late, 0),
    )


def _quarter_end(rows: ir.Table, quarter: ir.IntegerValue) -> ir.DateValue:
    return quarter_end(months_later(rows.disbursed.truncate("Q").cast("date"), quarter * 3))


def _balance(rows: ir.Table, when: ir.DateValue) -> ir.DecimalValue:
    """Principal on a day [USD]: a straight line from the amount disbursed to what is written off."""
    amount, end = rows.amount_DisbursementGross, rows.written_off
    passed = days_between(rows.disbursed, when).cast("float64")
    share = ibis.least(passed / days_between(rows.disbursed, rows.line_end).nullif(0), 1.0).fill_null(1.0)
    paid = ((amount - end).cast("float64") * share).round(2).cast(TYPES["money"])
    return ibis.ifelse(when >= rows.line_end, end, amount - paid).cast(TYPES["money"])


def _flows(lives: ir.Table) -> ir.Table:
    """One row is a money movement; zero amounts are left out, but for write-offs."""
    rows = lives.mutate(quarter=ibis.range(0, lives.quarters + 1).unnest())
    is_last = rows.quarter == rows.quarters
    before = ibis.ifelse(
        rows.quarter == 0, rows.amount_DisbursementGross, _balance(rows, _quarter_end(rows, rows.quarter - 1))
    )
    after = ibis.ifelse(is_last, rows.written_off, _balance(rows, _quarter_end(rows, rows.quarter)))
    paid = (before - after).cast(TYPES["money"])
    when = ibis.ifelse(is_last, rows.exit_date, _quarter_end(rows, rows.quarter))
    gone = lives.filter(lives.is_charge_off)
    moves = ibis.union(
        _moves(rows, ibis.ifelse(paid < 0, "drawdown", "repayment"), when, paid.abs()),
        _moves(lives, ibis.literal("drawdown"), lives.disbursed, lives.amount_DisbursementGross),
    )
    return moves.filter(moves.amount != 0).union(
        _moves(gone, ibis.literal("write_off"), gone.exit_date, gone.written_off)
    )


def _moves(rows: ir.Table, kind: ir.StringValue, when: ir.DateValue, amount: ir.DecimalValue) -> ir.Table:
    return rows.select(loan_id=rows.LoanNr_ChkDgt, date=when, kind=kind, amount=amount.cast(TYPES["money"]))


def _noticed(lives: ir.Table) -> tuple[Mapping[str, object], ...]:
    gone, codes = lives.is_charge_off, ["Y", "N"]
    found = {
        "paid_in_full_with_charge_off": ~gone & lives.ChgOffDate.notnull(),
        "charge_off_above_disbursement": gone & (lives.written_off > lives.amount_DisbursementGross),
        "charge_off_of_nothing": gone & (lives.written_off == 0),
        "unknown_industry": _sector(lives) == UNKNOWN_SECTOR,
        "codes_without_meaning": ~lives.RevLineCr.isin(codes) | ~lives.LowDoc.isin(codes),
        "no_term": lives.maturity.isnull(),
    }
    return tuple(note for rule, where in found.items() for note in notice(rule, _NOTICES[rule], lives.filter(where)))


_NOTICES = {
    "paid_in_full_with_charge_off": Text(
        "状态为已还清但带有核销日期，按状态处理", "paid in full, yet with a charge-off date; the status is followed"
    ),
    "charge_off_above_disbursement": Text(
        "核销本金高于放款金额，差额记为追加放款",
        "charged off for more than was disbursed; the gap is entered as drawdowns",
    ),
    "charge_off_of_nothing": Text("核销本金为零", "charged off with a principal of zero"),
    "unknown_industry": Text("行业代码未知", "industry code unknown"),
    "codes_without_meaning": Text("循环或简化文件标志无定义", "flags for revolving or low-doc loans without meaning"),
    "no_term": Text("期限为零", "term of zero"),
}
