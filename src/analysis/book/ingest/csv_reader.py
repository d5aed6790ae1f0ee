"""Records of a delimited text file, in one streaming pass that accounts for every line."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from analysis.book.ingest.csv_lines import line_fields, line_records, record_text, split_bad_text
from analysis.book.ingest.mapping import Source
from analysis.book.ingest.records import (
    UNDECODABLE,
    Reading,
    Record,
    column_names,
    field_name,
    record_batch,
    record_batches,
    record_schema,
)
from analysis.book.ingest.text_stream import Utf8Stream, detected_encoding, opened_text, without_nul
from analysis.errors import DataRefused

DELIMITERS = (",", "\t", ";", "|")
_BLOCK = 4 << 20  # larger ones cost memory and gain no time
# Bad lines wait for the next batch in memory; a file with more than this is read line by line.
_PENDING_TEXT = 64 << 20


def open_csv(path: Path, source: Source) -> Reading:
    """Open a delimited text file.

    Raises:
        DataRefused: if it is empty or no text, or its header repeats a name.
        Unavailable: if it cannot be read.
        Misuse: if the stated encoding does not exist.
    """
    encoding = detected_encoding(path, source.encoding)
    with opened_text(path, encoding) as text:
        header = _header_text(text, source.header_row, path.name)
    delimiter = source.delimiter or _likeliest_delimiter(header)
    columns = column_names(line_fields(header, delimiter), path.name)

    def quoted() -> Iterator[pa.RecordBatch]:
        with opened_text(path, encoding) as text:
            _header_text(text, source.header_row, path.name)
            yield from _arrow_batches(text, delimiter, len(columns))

    def by_line() -> Iterator[pa.RecordBatch]:
        with opened_text(path, encoding) as text:
            _header_text(text, source.header_row, path.name)
            yield from record_batches(line_records(text, delimiter, len(columns)), len(columns))

    return Reading(label=path.name, columns=columns, attempts=(quoted, by_line))


def _header_text(text: IO[str], header_row: int | None, label: str) -> str:
    """Consume the header: the stated physical line, or the first that is not blank."""
    for _ in islice(range(header_row or 1), 1, None):
        record_text(text)
    header = record_text(text)
    while header_row is None and header and not header.strip():
        header = record_text(text)
    if not header.strip():
        raise DataRefused(f"{label} must have a header row, but is empty there.")
    return without_nul(header).lstrip("\ufeff").rstrip("\r\n")


def _likeliest_delimiter(header: str) -> str:
    return max(DELIMITERS, key=lambda delimiter: len(line_fields(header, delimiter)))


def _arrow_batches(text: IO[str], delimiter: str, width: int) -> Iterator[pa.RecordBatch]:
    stream = Utf8Stream(text)
    if stream.is_at_end():
        return
    refused = _RefusedLines(delimiter, width)
    names = [field_name(i) for i in range(width)]
    # One thread, because only then does a refused line tell its number.
    reader = pyarrow.csv.open_csv(
        pa.PythonFile(stream, "r"),
        read_options=pyarrow.csv.ReadOptions(column_names=names, use_threads=False, block_size=_BLOCK),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refused
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), check_utf8=False),
    )
    numbering = _Numbering()
    for batch in reader:
        numbers, bad = numbering.numbered(batch.num_rows, refused.taken())
        if bad:
            yield record_batch(bad, width)
        yield _good_batch(batch, numbers, width, stream)
    _, bad = numbering.numbered(0, refused.taken())
    if bad:
        yield record_batch(bad, width)


class _RefusedLines:
    """Collects lines that have not the header's number of fields."""

    def __init__(self, delimiter: str, width: int) -> None:
        self.delimiter, self.width = delimiter, width
        self._lines: list[tuple[int, str]] = []
        self._size = 0

    def __call__(self, row: pyarrow.csv.InvalidRow) -> str:
        self._lines.append((row.number, row.text))
        self._size += len(row.text)
        return "skip" if self._size <= _PENDING_TEXT else "error"

    def taken(self) -> list[tuple[int, list[Record]]]:
        """Give and forget: number of the refused row, the records that its text really holds."""
        lines, self._lines, self._size = self._lines, [], 0
        return [(number, split_bad_text(text, self.delimiter, self.width)) for number, text in lines]


class _Numbering:
    """Gives each record its place in the source, when refused rows count as the records they hold."""

    def __init__(self) -> None:
        self._next_parsed = 1  # number the parser gives its next row
        self._shift = 0  # how far our numbers are ahead of the parser's

    def numbered(self, good: int, refused: list[tuple[int, list[Record]]]) -> tuple[np.ndarray, list[Record]]:
        """Give the numbers of the next `good` rows, and the refused records with theirs."""
        positions = np.array([number for number, _ in refused], dtype=np.int64)
        end = self._next_parsed + good + len(refused)
        parsed = np.setdiff1d(np.arange(self._next_parsed, end, dtype=np.int64), positions)
        growth = np.array([len(records) - 1 for _, records in refused], dtype=np.int64)
        shifts = self._shift + np.concatenate([[0], np.cumsum(growth)]).astype(np.int64)
        numbers = parsed + shifts[np.searchsorted(positions, parsed)]
        bad = [
            Record(int(number + shift) + i, r.fields, r.problem, r.text)
            for (number, records), shift in zip(refused, shifts[:-1], strict=True)
            for i, r in enumerate(records)
        ]
        self._next_parsed, self._shift = end, int(shifts[-1])
        return numbers, bad


def _good_batch(batch: pa.RecordBatch, numbers: np.ndarray, width: int, stream: Utf8Stream) -> pa.RecordBatch:
    empty = pa.nulls(batch.num_rows, pa.string())
    lossy = pa.array(np.zeros(batch.num_rows, dtype=bool))
    if stream.lossy:
        for column in batch.columns:
            lossy = pc.or_(lossy, pc.fill_null(pc.match_substring(column, UNDECODABLE), False))
    arrays = [pa.array(numbers), empty, empty, lossy, *batch.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=record_schema(width))
