"""The records of a source, written once as text, so that nothing is read from it twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.ingest.records import Reading, field_name, record_schema
from analysis.errors import AnalysisError, DataRefused, Unavailable


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A source's records in one Parquet file.

    Attributes:
        label: what reports call the source.
        columns: names of the source's columns, in order; staged as `c0`, `c1`, ….
        rows: records of the source, good and bad [rows].
        records: one row is a record; columns of `records.record_schema`.
    """

    label: str
    columns: tuple[str, ...]
    rows: int
    records: ir.Table

    def field(self, column: str) -> str:
        """Staged name of a source's column."""
        return field_name(self.columns.index(column))


def stage(reading: Reading, backend: DuckDB, path: Path) -> Staged:
    """Write a source's records to a Parquet file and check that each has its number.

    Args:
        reading: the opened source.
        backend: engine that will read the file.
        path: the file to write.

    Raises:
        DataRefused: if the source cannot be read to its end.
        AnalysisError: if a record is missing or counted twice.
    """
    rows = _written(reading, path)
    pa.default_memory_pool().release_unused()  # the engine needs the room next
    records = backend.read_parquet(str(path))
    _check_numbers(records, rows, reading.label)
    return Staged(label=reading.label, columns=reading.columns, rows=rows, records=records)


def _written(reading: Reading, path: Path) -> int:
    *fallible, last = reading.attempts
    for attempt in fallible:
        try:
            return _write(attempt(), path, len(reading.columns))
        except pa.ArrowInvalid:
            continue  # broken quoting; the next attempt reads without it
    try:
        return _write(last(), path, len(reading.columns))
    except pa.ArrowException as error:
        raise DataRefused(f"{reading.label} cannot be read to its end ({error}).") from error
    except OSError as error:
        raise Unavailable(f"{reading.label} cannot be read or staged: {error.strerror or error}.") from error


def _write(batches: Iterator[pa.RecordBatch], path: Path, width: int) -> int:
    rows = 0
    with pyarrow.parquet.ParquetWriter(path, record_schema(width), compression="lz4") as writer:
        for batch in batches:
            if batch.num_rows:
                writer.write_batch(batch)
                rows += batch.num_rows
    return rows


def _check_numbers(records: ir.Table, rows: int, label: str) -> None:
    numbers = records.source_row
    found = records.aggregate(rows=records.count(), first=numbers.min(), last=numbers.max(), total=numbers.sum())
    count, first, last, total = found.to_pyarrow().to_pylist()[0].values()
    if count != rows or (rows and (first, last, int(total)) != (1, rows, rows * (rows + 1) // 2)):
        raise AnalysisError(f"{label}: {rows:,} records were read, but {count:,} numbered to {last} were staged.")
