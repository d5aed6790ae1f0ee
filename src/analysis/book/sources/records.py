"""What the records of a named source become: usable, or set aside with the reason; and the account of both."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.ingest import amounts
from analysis.book.ingest.functions import to_json
from analysis.book.ingest.numerals import currency_marks, number_text
from analysis.book.schema import TYPES, table_schema
from analysis.book.tape import Tally
from analysis.errors import DataRefused, require_columns
from analysis.terms import Text

_EXAMPLES = 3
_AMOUNT, _ROUNDING = "amount_", "rounding_"


@dataclass(frozen=True)
class Fault:
    """A reason to set a record aside: where it applies, its code, and the column at fault."""

    where: ir.BooleanValue
    reason: str
    field: str


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """A source's records: one row of `usable` is a record that is used, of `quarantine` one that is not."""

    usable: ir.Table
    quarantine: ir.Table
    tally: Tally


def text_records(rows: ir.Table, *, needs: Iterable[str], label: str) -> ir.Table:
    """Give the records of a file as text, blank as null, with `source_row` from 1.

    Raises:
        MissingColumns: if the file lacks a column that the source must have.
    """
    require_columns(label, needs, rows.columns)
    texts = {name: rows[name].cast("string").strip().nullif("") for name in rows.columns}
    return rows.select(source_row=ibis.row_number() + 1, **texts)


def opened(read: Callable[[], ir.Table], label: str) -> ir.Table:
    """Give the table that a reader makes of a file.

    Raises:
        DataRefused: if the file is not what its reader takes.
    """
    try:
        return read()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise DataRefused(f"{label} must be a file of this source, but cannot be read ({reason}).") from error


def stored(rows: ir.Table, backend: DuckDB, path: Path) -> ir.Table:
    """Give the same rows, computed once and kept in a file.

    Raises:
        DataRefused: if the source behind them cannot be read to its end.
    """

    def written() -> ir.Table:
        backend.to_parquet(rows, path, compression="lz4")
        return backend.read_parquet(str(path))

    return opened(written, path.name.removesuffix(".parquet"))


def with_money(records: ir.Table, columns: Sequence[str], currency: str) -> ir.Table:
    """Give columns of text as amounts to the cent, `amount_…`, and what rounding added, `rounding_…` [currency]."""
    numbers = {f"_{name}": number_text(records[name], currency_marks(currency)) for name in columns}
    numbered = records.mutate(**numbers)
    cents = numbered.mutate(**{f"{_AMOUNT}{name}": _cents(numbered[f"_{name}"]) for name in columns})
    exact = {name: cents[f"_{name}"].try_cast(amounts.EXACT) for name in columns}
    rounding = {f"{_ROUNDING}{name}": cents[f"{_AMOUNT}{name}"].cast(amounts.EXACT) - exact[name] for name in columns}
    return cents.mutate(**rounding).drop(*numbers)


def _cents(number: ir.StringValue) -> ir.DecimalValue:
    return amounts.amount(number, amounts.whole_cents(number), amounts.cent_fraction(number))


def is_no_amount(records: ir.Table, column: str) -> ir.BooleanValue:
    """Whether a column of `with_money` has a text that is no amount from zero up."""
    return records[column].notnull() & ~(records[f"{_AMOUNT}{column}"] >= 0).fill_null(False)


def account_of(source: str, table: str, amount_field: str = "") -> Tally:
    """Give an account that is still empty."""
    return Tally(source=source, table=table, rows_in=0, rows_accepted=0, rows_quarantined=0, amount_field=amount_field)


def sorted_records(typed: ir.Table, faults: Sequence[Fault], *, raw: Sequence[str], account: Tally) -> Sorted:
    """Divide records into usable ones and those set aside, and account for both.

    Args:
        typed: one row is a record: `source_row`, the source's columns as text, and typed ones.
        faults: reasons to set a record aside; the first that applies is given.
        raw: the source's columns.
        account: from `account_of`; its numbers are filled in.

    Raises:
        Unreconciled: if an amount in is neither accepted nor set aside.
        AnalysisError: if a row is lost.
    """
    found = ibis.cases(*((fault.where.fill_null(False), index) for index, fault in enumerate(faults)), else_=-1)
    judged = typed.mutate(fault=found)
    usable = judged.filter(judged.fault < 0).drop("fault")
    rejected = judged.filter(judged.fault >= 0)
    quarantine = _quarantine(rejected, faults, raw, account)
    tally = _filled(account, judged, usable, quarantine)
    tally.check()
    return Sorted(usable=usable, quarantine=quarantine, tally=tally)


def conforming(rows: ir.Table, table: str) -> ir.Table:
    """Exactly the columns and types of a book's table, with nulls where the rows have none."""
    schema = table_schema(table)
    return rows.select(
        **{n: rows[n].cast(schema[n]) if n in rows.columns else ibis.null(schema[n]) for n in schema.names}
    )


def notice(rule: str, label: Text, records: ir.Table, *, severity: str = "info") -> tuple[Mapping[str, object], ...]:
    """Give a finding on records with a `source_row` if there are any; its examples are row numbers."""
    count = int(records.count().execute())
    first = records.order_by("source_row").limit(_EXAMPLES).select("source_row").to_pyarrow()["source_row"].to_pylist()
    finding = {
        "rule": rule, "field": "", "severity": severity, "count": count,
        "examples": [f"row {number}" for number in first], "zh": label.zh, "en": label.en,
    }  # fmt: skip
    return (finding,) if count else ()


def repeated(records: ir.Table, key: Sequence[str], raw: Sequence[str]) -> tuple[ir.BooleanValue, ir.BooleanValue]:
    """Whether a record repeats an earlier one with its key: with the same content, with other content."""
    window = ibis.window(group_by=list(key), order_by="source_row")
    content = ibis.struct({name: records[name] for name in raw})
    again = ibis.and_(*(records[name].notnull() for name in key)) & (ibis.row_number().over(window) > 0)
    same = content == content.first().over(window)
    return again & same, again & ~same


def _quarantine(rejected: ir.Table, faults: Sequence[Fault], raw: Sequence[str], account: Tally) -> ir.Table:
    places = list(enumerate(faults))
    fields = ibis.map(ibis.array(list(raw)), ibis.array([rejected[name] for name in raw]))
    amount = rejected[f"{_AMOUNT}{account.amount_field}"] if account.amount_field else ibis.null(TYPES["money"])
    return rejected.select(
        source=ibis.literal(account.source),
        source_row=rejected.source_row.cast("int64"),
        reason=ibis.cases(*((rejected.fault == place, fault.reason) for place, fault in places)),
        field=ibis.cases(*((rejected.fault == place, fault.field) for place, fault in places)),
        value=ibis.cases(*((rejected.fault == place, rejected[fault.field]) for place, fault in places)),
        amount=amount,
        raw=to_json(fields),
    )


def _filled(account: Tally, judged: ir.Table, usable: ir.Table, quarantine: ir.Table) -> Tally:
    """The account with its numbers; each comes from the table it speaks of, none by subtraction."""
    name = account.amount_field
    rows_in, readable = _count_and_sum(judged, name and f"{_AMOUNT}{name}")
    rows_accepted, accepted = _count_and_sum(usable, name and f"{_AMOUNT}{name}")
    rows_quarantined, set_aside = _count_and_sum(quarantine, name and "amount")
    _, rounding = _count_and_sum(judged, name and f"{_ROUNDING}{name}")
    unreadable = int(quarantine.filter(quarantine.amount.isnull()).count().execute())
    return replace(
        account,
        rows_in=rows_in,
        rows_accepted=rows_accepted,
        rows_quarantined=rows_quarantined,
        amount_in=readable - rounding,
        amount_accepted=accepted,
        amount_quarantined=set_aside,
        amount_rounding=rounding,
        amount_unreadable_rows=unreadable if name else 0,
    )


def _count_and_sum(rows: ir.Table, field: str) -> tuple[int, Decimal]:
    total = rows[field].sum() if field else ibis.null(TYPES["money"])
    found = rows.aggregate(rows=rows.count(), total=total).to_pyarrow().to_pylist()[0]
    return int(found["rows"]), found["total"] or Decimal(0)
