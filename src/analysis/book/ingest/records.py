"""What every reader hands over: the records of a source as text, none of them dropped."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from analysis.errors import DataRefused

# Codes of a record whose fields could not be told apart; `quarantine.REASONS` words them.
TOO_FEW_FIELDS = "too_few_fields"
TOO_MANY_FIELDS = "too_many_fields"
BROKEN_QUOTES = "broken_quotes"
LINE_TOO_LONG = "line_too_long"

BATCH_RECORDS = 50_000
UNDECODABLE = "\ufffd"  # stands where bytes of the source are no text


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A source that was opened.

    Attributes:
        label: what reports call it; without folder and password.
        columns: names of the source's columns, in order.
        attempts: ways to read the records, best first; the next one is for a source whose
            quoting is broken. Each gives batches with the columns of `record_schema`.
    """

    label: str
    columns: tuple[str, ...]
    attempts: tuple[Callable[[], Iterator[pa.RecordBatch]], ...]


@dataclass(frozen=True)
class Record:
    """One record of a source: its fields, or the problem and the text that could not be split."""

    source_row: int
    fields: Sequence[str | None] = ()
    problem: str | None = None
    text: str | None = None


def field_name(position: int) -> str:
    """Name of the staged column that holds a source's field; position from 0."""
    return f"c{position}"


def record_schema(width: int) -> pa.Schema:
    """Columns of a batch of records with `width` fields.

    `source_row` 1 is the first record; `problem` and `line` are null unless the record could not be
    split; `lossy` says that a byte was no text; `c0`, `c1`, … are the fields.
    """
    fixed = [("source_row", pa.int64()), ("problem", pa.string()), ("line", pa.string()), ("lossy", pa.bool_())]
    return pa.schema([*fixed, *((field_name(i), pa.string()) for i in range(width))])


def record_batch(records: Sequence[Record], width: int) -> pa.RecordBatch:
    """Give one batch of records; missing fields are null."""
    rows = [r.fields if r.problem is None else (None,) * width for r in records]
    columns = [[row[i] if i < len(row) else None for row in rows] for i in range(width)]
    lossy = [any(UNDECODABLE in (field or "") for field in row) for row in rows]
    arrays = [
        pa.array([r.source_row for r in records], pa.int64()),
        pa.array([r.problem for r in records], pa.string()),
        pa.array([r.text for r in records], pa.string()),
        pa.array(lossy, pa.bool_()),
        *(pa.array(column, pa.string()) for column in columns),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=record_schema(width))


def record_batches(records: Iterable[Record], width: int) -> Iterator[pa.RecordBatch]:
    """Give records in batches of a size that fits in memory."""
    pending: list[Record] = []
    for record in records:
        pending.append(record)
        if len(pending) == BATCH_RECORDS:
            yield record_batch(pending, width)
            pending = []
    if pending:
        yield record_batch(pending, width)


def checked_record(source_row: int, fields: Sequence[str | None], width: int, text: str) -> Record:
    """Give a record, with a problem if it has not exactly `width` fields."""
    if len(fields) == width:
        return Record(source_row, fields)
    problem = TOO_FEW_FIELDS if len(fields) < width else TOO_MANY_FIELDS
    return Record(source_row, problem=problem, text=text)


def column_names(header: list[str], label: str) -> tuple[str, ...]:
    """Names of a header's columns with single spaces; an empty one is named by its position.

    Raises:
        DataRefused: if the header is blank or a name comes twice.
    """
    names = [" ".join(name.split()) or f"column {i}" for i, name in enumerate(header, start=1)]
    if not any(name.strip() for name in header):
        raise DataRefused(f"{label} must have a header with column names, but that row is blank; state header_row.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataRefused(f"{label} names {', '.join(map(repr, twice))} more than once; rename one of them.")
    return tuple(names)
