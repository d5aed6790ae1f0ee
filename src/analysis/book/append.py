"""Add a tape to a book: month by month, atomically, without rewriting what is there."""

import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.catalog import (
    Catalog,
    FileRecord,
    book_lock,
    commit_catalog,
    file_digest,
    file_record,
    read_catalog,
    write_atomically,
)
from analysis.book.ingest.functions import last_day
from analysis.book.prior import with_attributes, with_prior_state
from analysis.book.profile import FILE_NAME as PROFILE_FILE
from analysis.book.profile import Profile, profile_toml, read_profile
from analysis.book.tape import Tape
from analysis.errors import DataRefused

ROW_GROUP_ROWS = 500_000
STAGING = "_staging"
QUARANTINE = "quarantine"
# An unlisted file may still be read by someone who opened the book before it was replaced.
_KEEP_UNLISTED_SECONDS = 86_400


def append_tape(folder: Path, tape: Tape, profile: Profile, *, restate: Iterable[date] = ()) -> Catalog:
    """Add a tape's months to a book, making the book if it is not there.

    Args:
        folder: the book.
        tape: typed tables of an importer.
        profile: kept from the book if it has one already.
        restate: months that the book has and the tape may replace.

    Returns:
        the catalog that now is the book's.

    Raises:
        DataRefused: if the tape is of another kind than the book, or holds a month the book has, or a
            snapshot without its loan.
        Unreconciled: if the tape's account does not close.
    """
    for tally in tape.tallies:
        tally.check()
    with book_lock(folder), _staging(folder) as staging:
        _refuse_other_kind(folder, profile)
        before = read_catalog(folder)
        staged = _Staged(folder, staging, tape)
        _refuse_known_months(staged.months, before, set(restate))
        catalog = _with_loans(before, staged)
        catalog = _with_snapshots(catalog, before, staged)
        catalog = _without_restated_flows(catalog, staged, set(staged.months) & set(before.months))
        catalog = _with_others(catalog, staged)
        catalog = _with_record(catalog, staged)
        if not (folder / PROFILE_FILE).is_file():
            write_atomically(folder / PROFILE_FILE, profile_toml(profile))
        commit_catalog(folder, catalog)
        _sweep(folder, catalog)
    return catalog


class _Staged:
    """A tape written once to scratch files, so that nothing is parsed twice."""

    def __init__(self, folder: Path, staging: Path, tape: Tape) -> None:
        self.folder, self.staging, self.tape = folder, staging, tape
        self.backend: DuckDB = tape.snapshots.get_backend()  # importers use DuckDB only
        _copy(self.backend, tape.loans, staging / "loans.parquet")
        self._partition(tape.snapshots)
        self.months = sorted(date.fromisoformat(p.name.removeprefix("as_of=")) for p in self._parts())

    def loans(self) -> ir.Table:
        return self.backend.read_parquet(str(self.staging / "loans.parquet"))

    def snapshots(self, month: date | None = None) -> ir.Table:
        place = "as_of=*" if month is None else f"as_of={month}"
        files = sorted(map(str, (self.staging / "tape").glob(f"{place}/*.parquet")))
        # The partition's folder carries the date; the files keep the column as well.
        return self.backend.read_parquet(files, hive_partitioning=False)

    def stored(self, files: Iterable[FileRecord]) -> ir.Table:
        return self.backend.read_parquet([str(self.folder / f.path) for f in files], hive_partitioning=False)

    def write(self, rows: ir.Table, table: str, month: date | None = None) -> FileRecord:
        scratch = self.staging / f"{table}.out.parquet"
        _copy(self.backend, rows, scratch)
        count = int(self.backend.read_parquet(str(scratch)).count().execute())
        place = self.folder / table if month is None else self.folder / table / f"as_of={month}"
        place.mkdir(parents=True, exist_ok=True)
        final = place / f"part-{file_digest(scratch)[:16]}.parquet"
        scratch.replace(final)
        return file_record(self.folder, table, month, final, rows=count)

    def _partition(self, snapshots: ir.Table) -> None:
        target = self.staging / "tape"
        target.mkdir()
        options = "FORMAT parquet, PARTITION_BY (as_of), WRITE_PARTITION_COLUMNS true"
        self.backend.raw_sql(f"COPY ({ibis.to_sql(snapshots, dialect='duckdb')}) TO '{target.as_posix()}' ({options})")

    def _parts(self) -> Iterator[Path]:
        return (self.staging / "tape").glob("as_of=*")


def _with_loans(catalog: Catalog, staged: _Staged) -> Catalog:
    new, known = staged.loans(), catalog.of("loans")
    if known:
        new = _latest_only(new, catalog, staged)
        older = staged.stored(known)
        new = new.union(older.anti_join(new, "loan_id").select(new.columns))
    return catalog.without("loans").plus(staged.write(new.order_by("loan_id"), "loans"))


def _latest_only(new: ir.Table, catalog: Catalog, staged: _Staged) -> ir.Table:
    """Loans of the tape but those of which the book has a later month."""
    replaced, first = set(staged.months), min(staged.months, default=date.max)
    later = [f for f in catalog.of("snapshots") if f.as_of is not None and f.as_of > first and f.as_of not in replaced]
    if not later:
        return new
    held, told = (
        rows.group_by("loan_id").aggregate(latest=rows.as_of.max())
        for rows in (staged.stored(later), staged.snapshots())
    )
    both = held.left_join(told, "loan_id", rname="told_{name}")
    outlived = both.filter((both.latest > both.told_latest).fill_null(True))
    return new.anti_join(outlived, "loan_id")


def _with_snapshots(catalog: Catalog, before: Catalog, staged: _Staged) -> Catalog:
    loans = staged.stored(catalog.of("loans"))
    for month in _months_to_write(staged.months, before.months):
        if month in staged.months:
            _refuse_orphans(staged.snapshots(month), loans, month)
            rows = with_attributes(staged.snapshots(month), loans)
        else:
            rows = staged.stored(catalog.of("snapshots", month))
            rows = rows.drop([c for c in rows.columns if c.startswith("prior_") or c in _CARRIED])
        earlier = [m for m in catalog.months if m < month]
        prior = staged.stored(catalog.of("snapshots", earlier[-1])) if earlier else None
        record = staged.write(with_prior_state(rows, prior).order_by("loan_id"), "snapshots", month)
        catalog = catalog.without("snapshots", month).plus(record)
    return catalog


_CARRIED = ("last_over_90_date", "clean_since")


def _without_restated_flows(catalog: Catalog, staged: _Staged, restated: set[date]) -> Catalog:
    """Give the catalog without flows of months that the tape replaces together with their flows."""
    known = catalog.of("flows")
    if not known or not restated or staged.tape.flows is None:
        return catalog
    flows = staged.stored(known)
    kept = flows.filter(~last_day(flows.date).isin(sorted(restated)))
    return catalog.without("flows").plus(staged.write(kept.order_by(kept.columns), "flows"))


def _with_others(catalog: Catalog, staged: _Staged) -> Catalog:
    tape = staged.tape
    for name, rows in {"flows": tape.flows, **(tape.others or {})}.items():
        if rows is not None and int(rows.count().execute()):
            catalog = _with_file(catalog, staged.write(rows.order_by(rows.columns), name))
    return catalog


def _with_file(catalog: Catalog, record: FileRecord) -> Catalog:
    """Give the catalog with a file; the same rows delivered again are the same file, which must not count twice."""
    return catalog if record in catalog.files else catalog.plus(record)


def _with_record(catalog: Catalog, staged: _Staged) -> Catalog:
    """Give the catalog with the rows set aside and the import's record, less what restated months had set aside."""
    rows, record = staged.tape.quarantine, _import_record(staged.tape, staged.months)
    if rows is not None and (reasons := _reasons(rows)):
        file = staged.write(rows.order_by(rows.columns), QUARANTINE)
        catalog = _with_file(catalog, file)
        record |= {"reasons": reasons, "quarantine": file.path}
    catalog = replace(catalog, imports=(*catalog.imports, record))
    held = {one.get("quarantine") for one in catalog.current_imports}
    gone = {one.get("quarantine") for one in catalog.imports} - held
    return replace(catalog, files=tuple(f for f in catalog.files if f.path not in gone))


def _reasons(quarantine: ir.Table) -> dict[str, int]:
    """Rows set aside by reason."""
    counted = quarantine.group_by("reason").aggregate(rows=quarantine.count())
    return {str(row["reason"]): int(row["rows"]) for row in counted.order_by("reason").to_pyarrow().to_pylist()}


def _months_to_write(incoming: list[date], known: tuple[date, ...]) -> list[date]:
    """Months of the tape, and every later one that the book has: its carried state follows from them."""
    first = min(incoming, default=date.max)
    return sorted({*incoming, *(month for month in known if month > first)})


def _refuse_known_months(incoming: list[date], before: Catalog, restate: set[date]) -> None:
    known = sorted((set(incoming) & set(before.months)) - restate)
    if known:
        raise DataRefused(
            f"the book already has {len(known)} of the tape's {len(incoming)} months "
            f"({known[0]} to {known[-1]}); nothing was imported. Add --restate to replace them."
        )


def _refuse_other_kind(folder: Path, profile: Profile) -> None:
    """Refuse a tape whose figures the book would misstate: other units, or a mark that the book does not bear."""
    if not (folder / PROFILE_FILE).is_file():
        return
    book = read_profile(folder)
    stated = ["periodicity"] if "periodicity" in profile.model_fields_set else []
    for name in ("basis", "currency", "simulated", *stated):
        if (was := getattr(profile, name)) != (must := getattr(book, name)):
            raise DataRefused(
                f"{name} of the tape must be {must!r} as in book {folder.name!r}, was {was!r}; "
                "import it into a book of its own, or correct [book] in the map."
            )
    if profile.derived is not None and profile.derived != book.derived:
        raise DataRefused(
            f"the tape is derived, which book {folder.name!r} does not say of itself; import it into a book of its own."
        )


def _refuse_orphans(snapshots: ir.Table, loans: ir.Table, month: date) -> None:
    orphans = snapshots.anti_join(loans, "loan_id")
    if count := int(orphans.count().execute()):
        raise DataRefused(f"{count:,} snapshots of {month} have no row in loans; import those loans with them.")


def _copy(backend: DuckDB, rows: ir.Table, target: Path) -> None:
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
    backend.raw_sql(f"COPY ({ibis.to_sql(rows, dialect='duckdb')}) TO '{target.as_posix()}' ({options})")


def _import_record(tape: Tape, months: Iterable[date]) -> dict[str, object]:
    return {
        "imported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "months": [month.isoformat() for month in months],
        "tallies": [{k: str(v) if isinstance(v, Decimal) else v for k, v in asdict(t).items()} for t in tape.tallies],
        "findings": [dict(finding) for finding in tape.findings],
    }


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    # Only who holds the lock works here, so whatever lies there was left by an import that died.
    shutil.rmtree(folder / STAGING, ignore_errors=True)
    staging = folder / STAGING / uuid.uuid4().hex
    staging.mkdir(parents=True)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _sweep(folder: Path, catalog: Catalog) -> None:
    listed = {folder / f.path for f in catalog.files}
    tables = {f.table for f in catalog.files}
    for path in (p for table in tables for p in (folder / table).rglob("*.parquet")):
        if path not in listed and time.time() - path.stat().st_mtime > _KEEP_UNLISTED_SECONDS:
            path.unlink()
