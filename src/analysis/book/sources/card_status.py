"""What the monthly status of card accounts says: a panel by count, without amounts.

One record of the source is an account in a month: `ID`, `MONTHS_BALANCE` (0 the latest month, -60 the
oldest) and `STATUS` (X no loan, C paid off, 0 to 5 by days past due). Given: who was in which status.

Derived, and marked so:

- **Dates**. Months are relative; month 0 is set to `anchor`, by default January 2020. That is an
  arbitrary choice: nothing may be read from the calendar, least of all seasons.
- **Days past due** are the lowest of the status and 14 more, near its middle: 0 (1-29) is 15,
  1 (30-59) 44, 2 (60-89) 74, 3 (90-119) 104, 4 (120-149) 134, 5 (150 or more, or written off) 164. Each
  status so has a bucket of its own, M1 to M6. Status 5 has no upper end: who is over 180 days, or
  written off, cannot be told.
- **Exposure**. Status 0 to 5 is an account that owes; only these months are snapshots. X owes nothing:
  it is no delinquency, and counted as performing it would thin out every ratio. C has paid off and
  (but for one account of the file) stays so: the account has left. Months of X and C are accepted and
  counted in accounts of their own. An account may come back from X, so gaps are no missing months.
- **Origination** is the account's first month in the file, whatever its status; who was there in the
  oldest month may be older. There are no amounts: balances are null, and measures go by count.
- **Segment** is the income type of the holder where `application_record.parquet` lies beside the file
  and knows the account, "unknown" where it does not; without that file all accounts are "card".
"""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import reduce
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.ingest.numerals import whole_number
from analysis.book.profile import Profile
from analysis.book.sources.calendar import month_end, months_later
from analysis.book.sources.records import (
    Fault,
    Sorted,
    account_of,
    conforming,
    notice,
    opened,
    repeated,
    sorted_records,
    stored,
    text_records,
)
from analysis.book.tape import Tape
from analysis.terms import Text

ANCHOR = date(2020, 1, 31)
HOLDERS = "application_record.parquet"
_DAYS = {"0": 15, "1": 44, "2": 74, "3": 104, "4": 134, "5": 164}
_PAID_OFF, _NO_LOAN = "C", "X"
_OLDEST = -1200
_NEEDED = ("ID", "MONTHS_BALANCE", "STATUS")
_SEGMENTS = {
    "Working": Text("在职", "Working"),
    "Commercial associate": Text("商业合伙", "Commercial associate"),
    "Pensioner": Text("退休", "Pensioner"),
    "State servant": Text("公务人员", "State servant"),
    "Student": Text("学生", "Student"),
    "unknown": Text("未知", "Unknown"),
    "card": Text("信用卡", "Card"),
}


def profile() -> Profile:
    """What a book of these accounts says of itself."""
    return Profile(
        title=Text("信用卡账户月度状态（银行未具名）", "Card accounts by monthly status (bank unnamed)"),
        basis="count",
        rules="cn_card",
        derived=Text(
            "相对月份已锚定到一个任意日期；逾期天数取状态区间下限加14天；无欠款（X）与已结清（C）的月份不计入敞口；无金额。",
            "Relative months are anchored to an arbitrary date; days past due are the status's lowest plus 14; "
            "months without a loan (X) or paid off (C) are no exposure; there are no amounts.",
        ),
        labels={"segment": _SEGMENTS, "product": {"card": Text("信用卡", "Card")}},
        notes=(
            Text(
                "日期由相对月份推算，不能据此分析季节性。",
                "Dates come from relative months; do not read seasons from them.",
            ),
        ),
    )


def tape(path: Path, *, backend: DuckDB, staging: Path, anchor: date = ANCHOR) -> Tape:
    """Read the file of monthly statuses.

    Args:
        path: Parquet file; one row is an account in a month.
        backend: engine whose tables the tape's are.
        staging: folder for scratch files; it has to stay until the tape is used.
        anchor: month end that month 0 stands for.

    Returns:
        loans, snapshots of months with an exposure, quarantine, a tally each for months with
        exposure, paid off and without a loan, and findings.

    Raises:
        MissingColumns: if the file lacks a column.
        DataRefused: if it cannot be read.
    """
    rows = opened(lambda: backend.read_parquet(str(path)), path.name)
    records = text_records(rows, needs=_NEEDED, label=path.name)
    typed = stored(_typed(records, anchor), backend, staging / "typed.parquet")
    parts = dict(_sorted(typed, rows.columns, path.name))
    months = reduce(ir.Table.union, (part.usable for part in parts.values()))
    loans = stored(_loans(months, _segments(path, backend)), backend, staging / "loans.parquet")
    return Tape(
        loans=conforming(loans, "loans"),
        snapshots=stored(
            conforming(_snapshots(parts["0-5"].usable), "snapshots"), backend, staging / "snapshots.parquet"
        ),
        quarantine=reduce(ir.Table.union, (part.quarantine for part in parts.values())),
        tallies=tuple(part.tally for part in parts.values()),
        findings=_noticed(loans),
    )


def _typed(records: ir.Table, anchor: date) -> ir.Table:
    identical, conflicting = repeated(records, ("ID", "MONTHS_BALANCE"), _NEEDED)
    month = whole_number(records.MONTHS_BALANCE)
    known = ibis.ifelse(month.between(_OLDEST, 0), month, ibis.null("int64"))
    return records.mutate(
        as_of=month_end(months_later(ibis.literal(anchor.replace(day=1)), known)),
        is_identical=identical,
        is_conflicting=conflicting,
    )


def _sorted(typed: ir.Table, raw: tuple[str, ...], name: str) -> Iterator[tuple[str, Sorted]]:
    """The records by what their status means, each kind with an account of its own."""
    status = typed.STATUS.fill_null("")
    kinds = {
        "0-5": ("snapshots", ~status.isin([_PAID_OFF, _NO_LOAN])),
        _PAID_OFF: ("", status == _PAID_OFF),
        _NO_LOAN: ("", status == _NO_LOAN),
    }
    for kind, (table, where) in kinds.items():
        records = typed.filter(where)
        account = account_of(f"{name}: STATUS {kind}", table)
        yield kind, sorted_records(records, _faults(records), raw=raw, account=account)


def _faults(rows: ir.Table) -> list[Fault]:
    return [
        Fault(rows.ID.isnull(), "missing_key", "ID"),
        Fault(rows.MONTHS_BALANCE.isnull(), "missing_key", "MONTHS_BALANCE"),
        Fault(rows.as_of.isnull(), "unreadable_number", "MONTHS_BALANCE"),
        Fault(rows.STATUS.isnull(), "missing_value", "STATUS"),
        Fault(~rows.STATUS.isin([*_DAYS, _PAID_OFF, _NO_LOAN]), "unknown_status", "STATUS"),
        Fault(rows.is_identical, "duplicate_identical", "ID"),
        Fault(rows.is_conflicting, "duplicate_conflict", "ID"),
    ]


def _snapshots(exposures: ir.Table) -> ir.Table:
    days = exposures.STATUS.cases(*_DAYS.items())
    return exposures.select("as_of", loan_id=exposures.ID, days_past_due=days)


def _loans(months: ir.Table, segments: ir.Table | None) -> ir.Table:
    """One row is an account that is in the file in any month."""
    first = months.group_by("ID").aggregate(
        origination_date=months.as_of.min().truncate("M").cast("date"), source_row=months.source_row.min()
    )
    if segments is None:
        first = first.mutate(segment=ibis.literal("card"))
    else:
        first = first.left_join(segments, "ID").drop("ID_right")
        first = first.mutate(segment=first.segment.fill_null("unknown"))
    return first.mutate(
        loan_id=first.ID,
        borrower_id=first.ID,
        borrower_type=ibis.literal("individual"),
        product=ibis.literal("card"),
    )


def _segments(path: Path, backend: DuckDB) -> ir.Table | None:
    """One row is an account with its holder's income type; None if the file of holders is not there."""
    holders = path.parent / HOLDERS
    if not holders.is_file():
        return None
    rows = opened(lambda: backend.read_parquet(str(holders)), HOLDERS)
    records = text_records(rows, needs=("ID", "NAME_INCOME_TYPE"), label=HOLDERS)
    return records.group_by("ID").aggregate(segment=records.NAME_INCOME_TYPE.min())


def _noticed(loans: ir.Table) -> tuple[Mapping[str, object], ...]:
    return notice("unknown_holder", _UNKNOWN_HOLDER, loans.filter(loans.segment == "unknown"))


_UNKNOWN_HOLDER = Text("账户无客户特征记录，分部记为未知", "accounts without features of their holder; segment unknown")
