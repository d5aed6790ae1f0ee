"""Arrow columns from arrays of numbers: identifiers, labels, money, dates; NONE becomes null."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.book.demo.calendar import Ints
from analysis.book.demo.population import NONE, Flags

_DIGITS = 12
_ROWS_PER_GROUP = 250_000
_LABEL_TYPE = pa.dictionary(pa.int16(), pa.string())


def identifiers(letter: str, numbers: Ints) -> pa.Array:
    """A letter and twelve digits each; they sort as the numbers do."""
    characters = np.empty((len(numbers), _DIGITS + 1), dtype=np.uint8)
    characters[:, 0] = ord(letter)
    rest = np.maximum(numbers, 0)
    for place in range(_DIGITS, 0, -1):
        rest, digit = np.divmod(rest, 10)
        characters[:, place] = digit + ord("0")
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * (_DIGITS + 1)
    valid = _validity(numbers)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(characters), valid)


def labels(codes: Ints, keys: Sequence[str | None]) -> pa.Array:
    """The key at each code."""
    known = [key for key in keys if key is not None]
    position = np.array([known.index(key) if key is not None else NONE for key in keys] + [NONE])
    index = position[codes]
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int16), mask=index == NONE), pa.array(known))


def texts(values: Sequence[str | None]) -> pa.Array:
    """Given texts, in the type that `labels` gives."""
    return pa.array(values, pa.string()).dictionary_encode().cast(_LABEL_TYPE)


def money(cents: Ints, valid: Flags | None = None) -> pa.Array:
    """Exact amounts with two decimals."""
    words = np.empty((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    words[:, 1] = cents >> 63  # the upper half of a 128-bit number repeats the sign
    present = None if valid is None else _bits(valid)
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [present, pa.py_buffer(words)])


def dates(days: Ints, valid: Flags | None = None) -> pa.Array:
    """Dates from day numbers."""
    present = days != NONE if valid is None else valid
    return pa.array(days.astype(np.int32), mask=~present).cast(pa.date32())


def whole(values: Ints, kind: pa.DataType, valid: Flags | None = None) -> pa.Array:
    """Whole numbers of a type."""
    return pa.array(values, mask=None if valid is None else ~valid).cast(kind)


def arrow_schema(table: ibis.Schema) -> pa.Schema:
    """The book's columns, with texts that repeat held once."""
    kinds = dict(zip(table.names, table.to_pyarrow().types, strict=True))
    repeated = {name for name, kind in kinds.items() if pa.types.is_string(kind)} - _NAMES
    return pa.schema([(name, _LABEL_TYPE if name in repeated else kind) for name, kind in kinds.items()])


_NAMES = frozenset({"loan_id", "borrower_id", "contact_id", "contact_point_id", "recording_id", "start_ts", "end_ts",
                    "text_hash", "group_id"})  # fmt: skip


def frame(columns: Mapping[str, pa.Array], table: ibis.Schema) -> pa.Table:
    """Columns in the book's order and types; those not given are null."""
    schema, rows = arrow_schema(table), len(next(iter(columns.values())))
    arrays = [columns[f.name] if f.name in columns else pa.nulls(rows, f.type) for f in schema]
    return pa.table(arrays, schema=schema)


def rows_frame(rows: Sequence[Mapping[str, object]], table: ibis.Schema) -> pa.Table:
    """A few rows given one by one; fields not given are null."""
    plain = pa.Table.from_pylist([{name: row.get(name) for name in table.names} for row in rows], table.to_pyarrow())
    schema = arrow_schema(table)
    arrays = [
        texts(plain[f.name].to_pylist()) if pa.types.is_dictionary(f.type) else plain[f.name].combine_chunks()
        for f in schema
    ]
    return pa.table(arrays, schema=schema)


class TableWriter:
    """Writes one Parquet file in groups of rows, and no file if there are no rows."""

    def __init__(
        self, path: Path, table: ibis.Schema, *, amount: str | None = None, even_if_empty: bool = False
    ) -> None:
        self.path, self.rows, self.amount = path, 0, Decimal(0)
        self._schema, self._amount_field = arrow_schema(table), amount
        self._waiting: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None
        if even_if_empty:
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def write(self, rows: pa.Table) -> None:
        """Add rows; they reach the file in groups."""
        self.rows += rows.num_rows
        if self._amount_field is not None and rows.num_rows:
            self.amount += pc.sum(rows[self._amount_field]).as_py()
        self._waiting.append(rows)
        if sum(table.num_rows for table in self._waiting) >= _ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        rows = [table for table in self._waiting if table.num_rows]
        self._waiting = []
        for table in rows:
            self._open().write_table(table)

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(
                self.path,
                self._schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=[f.name for f in self._schema if pa.types.is_dictionary(f.type)],
                store_schema=False,
                store_decimal_as_integer=True,
            )
        return self._writer


def _validity(numbers: npt.NDArray[np.int64]) -> pa.Buffer | None:
    return None if (numbers != NONE).all() else _bits(numbers != NONE)


def _bits(present: Flags) -> pa.Buffer:
    return pa.py_buffer(np.packbits(present, bitorder="little"))
