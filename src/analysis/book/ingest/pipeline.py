"""From a source and a map to a tape: stage, type, check, set aside, account."""

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.ingest.duplicates import duplicates
from analysis.book.ingest.findings import finding, noted, row_examples
from analysis.book.ingest.layout import Layout, check_source_columns, flows_layout, tape_layout
from analysis.book.ingest.mapping import Mapping
from analysis.book.ingest.quarantine import quarantined
from analysis.book.ingest.readers import open_source
from analysis.book.ingest.staging import Staged, stage
from analysis.book.ingest.typed import typed_rows
from analysis.book.schema import TYPES, table_schema
from analysis.book.tape import Tally, Tape
from analysis.terms import CARRIED_ATTRIBUTES

# Facts of a loan that no month changes; the latest month's are taken for all.
_FIXED = ("origination_date", "original_amount")


@dataclass(frozen=True, kw_only=True)
class _Imported:
    """One table of a source: its usable records, those set aside, the account and the findings."""

    usable: ir.Table
    quarantine: ir.Table
    tally: Tally
    findings: tuple[Dictionary[str, object], ...]


def read_tape(source: str | Path, mapping: Mapping, *, backend: DuckDB, staging: Path) -> Tape:
    """Read a source into a tape.

    Args:
        source: a file, or the URL of a database.
        mapping: which column is which.
        backend: engine of this import alone; its tables are the tape's. Its row order is set free.
        staging: empty folder for scratch files; it has to stay until the tape is used.

    Returns:
        loans (latest row per loan), snapshots with the attributes of their own date, flows if the map
        has them, quarantine, one tally per source table, and findings.

    Raises:
        MissingColumns: if the map names columns that the source has not.
        Misuse: if the map leaves out what a tape needs.
        DataRefused: if the source cannot be read.
        Unavailable: if it is not there.
        Unreconciled: if rows or amounts in are not those accepted and set aside.
    """
    layout = tape_layout(mapping)
    # Rows carry their number, so keeping their order would only cost memory.
    backend.raw_sql("SET preserve_insertion_order = false")
    tape = _imported(source, layout, backend, staging)
    latest = _latest(tape.usable, backend)
    flows = _flows(source, mapping, backend, staging)
    parts = [tape] if flows is None else [tape, flows]
    return Tape(
        loans=_conforming(tape.usable.semi_join(latest, "source_row"), "loans", layout.currency),
        snapshots=_dated(tape.usable, layout.currency),
        flows=None if flows is None else _conforming(flows.usable, "flows", layout.currency),
        quarantine=ibis.union(*(part.quarantine for part in parts)) if flows else tape.quarantine,
        tallies=tuple(part.tally for part in parts),
        findings=(*tape.findings, *_contradictions(latest), *_flow_findings(flows, latest)),
    )


def _flows(source: str | Path, mapping: Mapping, backend: DuckDB, staging: Path) -> _Imported | None:
    if mapping.flows is None:
        return None
    layout = flows_layout(mapping.flows, mapping.book.currency)
    return _imported(mapping.flows.file or source, layout, backend, staging)


def _imported(source: str | Path, layout: Layout, backend: DuckDB, staging: Path) -> _Imported:
    reading = open_source(source, layout.source)
    check_source_columns(layout, reading.columns, reading.label)
    staged = stage(reading, backend, staging / f"{layout.table}.raw.parquet")
    typed = _stored(typed_rows(staged, layout, backend), backend, staging / f"{layout.table}.typed.parquet")
    usable, rejected = _split(typed, layout, backend)
    quarantine = _stored(quarantined(rejected, staged), backend, staging / f"{layout.table}.quarantine.parquet")
    tally = _tally(staged, layout, typed, usable, quarantine)
    tally.check()
    return _Imported(usable=usable, quarantine=quarantine, tally=tally, findings=tuple(noted(typed, staged, layout)))


def _stored(rows: ir.Table, backend: DuckDB, path: Path) -> ir.Table:
    backend.to_parquet(rows, path, compression="lz4")
    return backend.read_parquet(str(path))


def _split(typed: ir.Table, layout: Layout, backend: DuckDB) -> tuple[ir.Table, ir.Table]:
    """Usable records, and the rejected ones with their reason."""
    amount = typed[layout.amount_field] if layout.amount_field else ibis.null(TYPES["money"])
    with_amount = typed.mutate(amount=amount)
    usable = typed.filter(typed.reason.isnull()).drop("reason", "field", "value", "notes", "rounding")
    rejected = with_amount.filter(typed.reason.notnull()).select("source_row", "reason", "field", "value", "amount")
    if layout.table != "snapshots":
        return usable, rejected
    again = backend.create_table(ibis.util.gen_name("duplicates"), duplicates(usable), temp=True)
    repeated = with_amount.drop("reason", "field", "value").inner_join(again, "source_row")
    key = repeated.as_of.cast("string") + " " + repeated.loan_id
    doubled = repeated.select("source_row", "reason", "amount", field=ibis.literal("as_of, loan_id"), value=key)
    return usable.anti_join(again, "source_row"), rejected.union(doubled.select(rejected.columns))


def _tally(staged: Staged, layout: Layout, typed: ir.Table, usable: ir.Table, quarantine: ir.Table) -> Tally:
    """Account of a source: each figure comes from the table it speaks of, none by subtraction."""
    rows_accepted, accepted = _count_and_sum(usable, layout.amount_field)
    rows_quarantined, set_aside = _count_and_sum(quarantine, "amount")
    _, readable = _count_and_sum(typed, layout.amount_field)
    _, rounding = _count_and_sum(typed, "rounding")
    unreadable = int(quarantine.filter(quarantine.amount.isnull()).count().execute())
    return Tally(
        source=staged.label,
        table=layout.table,
        rows_in=staged.rows,
        rows_accepted=rows_accepted,
        rows_quarantined=rows_quarantined,
        amount_field=layout.amount_field,
        amount_in=readable - rounding,
        amount_accepted=accepted,
        amount_quarantined=set_aside,
        amount_rounding=rounding,
        amount_unreadable_rows=unreadable if layout.amount_field else 0,
    )


def _count_and_sum(rows: ir.Table, field: str) -> tuple[int, Decimal]:
    total = rows[field].sum() if field else ibis.null(TYPES["money"])
    found = rows.aggregate(rows=rows.count(), total=total).to_pyarrow().to_pylist()[0]
    return int(found["rows"]), found["total"] or Decimal(0)


def _latest(usable: ir.Table, backend: DuckDB) -> ir.Table:
    """One row is a loan: the record of its latest month, and whether its months contradict each other."""
    static = [usable[name] for name in _FIXED if name in usable.columns]
    differs = ibis.or_(*(column.min() != column.max() for column in static)).fill_null(False)
    rows = usable.group_by("loan_id").aggregate(
        source_row=usable.source_row.argmax(usable.as_of), is_contradictory=differs
    )
    return backend.create_table(ibis.util.gen_name("latest"), rows, temp=True)


def _contradictions(latest: ir.Table) -> tuple[Dictionary[str, object], ...]:
    contradictory = latest.filter(latest.is_contradictory)
    count = int(contradictory.count().execute())
    return (finding("contradiction", count, row_examples(contradictory)),) if count else ()


def _flow_findings(flows: _Imported | None, latest: ir.Table) -> tuple[Dictionary[str, object], ...]:
    if flows is None:
        return ()
    unmatched = flows.usable.anti_join(latest, "loan_id")
    count = int(unmatched.count().execute())
    found = (finding("unmatched", count, row_examples(unmatched), field="loan_id"),) if count else ()
    return (*flows.findings, *found)


def _conforming(rows: ir.Table, table: str, currency: str) -> ir.Table:
    """Exactly the columns and types of a book's table, with nulls where the source has none."""
    schema = table_schema(table)
    return rows.select(**{name: _column(rows, name, schema[name], currency) for name in schema.names})


def _dated(rows: ir.Table, currency: str) -> ir.Table:
    """Snapshots with the loan's attributes as the source has them on that date."""
    own, attributes = table_schema("snapshots").names, table_schema("loans")
    changing = [name for name in CARRIED_ATTRIBUTES if name in rows.columns and name not in _FIXED]
    said = {name: rows[name].cast(attributes[name]) for name in changing}
    return rows.select(**{name: _column(rows, name, table_schema("snapshots")[name], currency) for name in own}, **said)


def _column(rows: ir.Table, name: str, kind: ibis.expr.datatypes.DataType, currency: str) -> ir.Value:
    present = name in rows.columns
    if name == "currency":
        return rows.currency.fill_null(currency) if present else ibis.literal(currency)
    return rows[name].cast(kind) if present else ibis.null(kind)
