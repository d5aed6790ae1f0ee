"""Records of Parquet files, each value as text that reads back exactly."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from analysis.book.ingest.records import BATCH_RECORDS, Reading, column_names, record_schema
from analysis.errors import DataRefused, Unavailable


def open_parquet(path: Path) -> Reading:
    """Open a Parquet file, or a folder of them with the same columns.

    Raises:
        DataRefused: if it is no Parquet file or two columns have one name.
        Unavailable: if it cannot be read.
    """
    rows = _dataset(path)
    columns = column_names(rows.schema.names, path.name)

    def records() -> Iterator[pa.RecordBatch]:
        first = 1
        scanner = rows.scanner(batch_size=BATCH_RECORDS, batch_readahead=2, fragment_readahead=1)
        for batch in scanner.to_batches():
            yield text_batch(batch, first)
            first += batch.num_rows

    return Reading(label=path.name, columns=columns, attempts=(records,))


def text_batch(batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """Give a typed batch as records of text; its first row is numbered `first_row`."""
    count = batch.num_rows
    numbers = pa.array(np.arange(first_row, first_row + count, dtype=np.int64))
    nothing = pa.nulls(count, pa.string())
    arrays = [numbers, nothing, nothing, pa.array(np.zeros(count, dtype=bool)), *map(_text, batch.columns)]
    return pa.RecordBatch.from_arrays(arrays, schema=record_schema(batch.num_columns))


def _text(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _text(values.dictionary_decode())
    if pa.types.is_string(kind):
        return values
    if _has_exact_cast(kind):
        return pc.cast(values, pa.string())
    return pa.array([_python_text(value) for value in values.to_pylist()], pa.string())


def _has_exact_cast(kind: pa.DataType) -> bool:
    checks = (
        pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal128, pa.types.is_boolean,
        pa.types.is_date, pa.types.is_timestamp, pa.types.is_large_string, pa.types.is_null,
    )  # fmt: skip
    return any(check(kind) for check in checks)


def _python_text(value: object) -> str | None:
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _dataset(path: Path) -> pyarrow.dataset.Dataset:
    try:
        return pyarrow.dataset.dataset(path, format="parquet")
    except FileNotFoundError as error:
        raise Unavailable(f"{path.name} cannot be read: there is no such file.") from error
    except (pa.ArrowException, OSError) as error:
        raise DataRefused(f"{path.name} must be a Parquet file, but cannot be read as one ({error}).") from error
