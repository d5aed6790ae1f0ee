"""Delimited text whose quoting is broken: every physical line is a record of its own."""

import csv
import re
from collections.abc import Iterator
from typing import IO

from analysis.book.ingest.records import BROKEN_QUOTES, LINE_TOO_LONG, Record, checked_record
from analysis.book.ingest.text_stream import without_nul

_QUOTE = '"'
_LINE_END = re.compile(r"\r\n|\r|\n")
_MOST_HEADER_LINES = 50
_LONGEST_LINE = 8 << 20
_KEPT_OF_LONG_LINE = 1000


def record_text(text: IO[str]) -> str:
    """Consume one record: a line, and those after it while a quote stays open; "" at the end."""
    record = text.readline(_LONGEST_LINE)
    for _ in range(_MOST_HEADER_LINES):
        if record.count(_QUOTE) % 2 == 0:
            break
        record += text.readline(_LONGEST_LINE)
    return record


def line_fields(line: str, delimiter: str) -> list[str]:
    """Fields of one record; where its quotes do not match, they are taken as plain characters."""
    if _QUOTE not in line:
        return line.split(delimiter)
    return _quoted_fields(line, delimiter) or [_unquoted(field) for field in line.split(delimiter)]


def line_records(text: IO[str], delimiter: str, width: int) -> Iterator[Record]:
    """Give each line that is not blank as a record; the rest of the text is consumed."""
    source_row = 0
    while line := text.readline(_LONGEST_LINE):
        is_cut = not line.endswith(("\n", "\r")) and len(line) == _LONGEST_LINE
        if is_cut:
            _skip_line(text)
        elif not line.strip():
            continue
        source_row += 1
        if is_cut:
            yield Record(source_row, problem=LINE_TOO_LONG, text=line[:_KEPT_OF_LONG_LINE])
        else:
            clean = without_nul(line).rstrip("\r\n")
            yield checked_record(source_row, line_fields(clean, delimiter), width, clean)


def split_bad_text(text: str, delimiter: str, width: int) -> list[Record]:
    """Records that the text of a refused row really holds, numbered from 0.

    A row that is well quoted is one record with too few or too many fields. Where an open quote
    swallowed further lines, each line is a record: a good one if it has all its fields.
    """
    if not text.strip() and width > 1:
        return []
    fields = _quoted_fields(text, delimiter)
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    if fields is not None or len(lines) == 1:
        return [_one_record(text, fields, delimiter, width)]
    return [checked_record(i, line_fields(line, delimiter), width, line) for i, line in enumerate(lines)]


def _one_record(text: str, fields: list[str] | None, delimiter: str, width: int) -> Record:
    if fields is None:
        fields = line_fields(text, delimiter)
        if len(fields) != width:
            return Record(0, problem=BROKEN_QUOTES, text=text)
    return checked_record(0, fields, width, text)


def _quoted_fields(text: str, delimiter: str) -> list[str] | None:
    try:
        records = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None


def _unquoted(field: str) -> str:
    if len(field) > 1 and field[0] == field[-1] == _QUOTE:
        return field[1:-1].replace(_QUOTE * 2, _QUOTE)
    return field


def _skip_line(text: IO[str]) -> None:
    while piece := text.readline(_LONGEST_LINE):
        if piece.endswith(("\n", "\r")):
            break
