"""Records of a workbook's sheet, row by row."""

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import openpyxl
import pyarrow as pa
from openpyxl import Workbook
from openpyxl.utils.exceptions import InvalidFileException

from analysis.book.ingest.mapping import Source
from analysis.book.ingest.records import Reading, Record, checked_record, column_names, record_batches
from analysis.errors import AnalysisError, DataRefused, Misuse, Unavailable, did_you_mean

_WORKBOOK_ERRORS = (
    BadZipFile, InvalidFileException, ParseError, zlib.error, KeyError, ValueError, TypeError, IndexError,
)  # fmt: skip
# Excel keeps 15 significant digits; further ones are noise of the binary fraction.
_SIGNIFICANT = ".15g"


def open_sheet(path: Path, source: Source) -> Reading:
    """Open a sheet of a workbook: the one named in the map, or the first that is not empty.

    Raises:
        DataRefused: if it is no workbook, has no data, or its header repeats a name.
        Misuse: if it has no such sheet.
        Unavailable: if it cannot be read.
    """
    with _workbook(path) as book:
        sheet = _sheet_name(book, source.sheet, path.name)
        header = next(_header_and_after(book, sheet, source.header_row), None)
    if header is None:
        raise DataRefused(f"sheet {sheet!r} of {path.name} must have a header row, but is empty there.")
    columns = column_names([name or "" for name in header], path.name)

    def records() -> Iterator[pa.RecordBatch]:
        with _workbook(path) as book:
            rows = islice(_header_and_after(book, sheet, source.header_row), 1, None)
            yield from record_batches(_records(rows, len(columns)), len(columns))

    return Reading(label=f"{path.name} [{sheet}]", columns=columns, attempts=(records,))


def cell_text(value: object) -> str | None:
    """Text of a cell's value, exact, in a form that reads back as the same value; None if blank."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else format(value, _SIGNIFICANT)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value.days) if isinstance(value, timedelta) else str(value)


def _records(rows: Iterator[list[str | None]], width: int) -> Iterator[Record]:
    for source_row, row in enumerate(rows, start=1):
        padded = row + [None] * (width - len(row))
        yield checked_record(source_row, padded, width, "\t".join(cell or "" for cell in row))


def _header_and_after(book: Workbook, sheet: str, header_row: int | None) -> Iterator[list[str | None]]:
    """Rows from the header on, without blank ones; cells after the last filled one are left out."""
    worksheet = book[sheet]
    # Many programs write a wrong size of the sheet, which would cut rows off.
    worksheet.reset_dimensions()
    for row in worksheet.iter_rows(min_row=header_row or 1, values_only=True):
        cells = [cell_text(value) for value in row]
        while cells and not (cells[-1] or "").strip():
            cells.pop()
        if cells:
            yield cells


def _sheet_name(book: Workbook, stated: str | None, label: str) -> str:
    names = [sheet.title for sheet in book.worksheets]
    if stated is None:
        filled = (name for name in names if next(_header_and_after(book, name, None), None) is not None)
        return next(filled, names[0] if names else "")
    if stated not in names:
        hint = did_you_mean(stated, names)
        raise Misuse(f"sheet must be one of {', '.join(names)} in {label}, was {stated!r}{hint}.")
    return stated


@contextmanager
def _workbook(path: Path) -> Iterator[Workbook]:
    try:
        with warnings.catch_warnings():
            # About styles and validation lists, which hold no data.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            yield book
        finally:
            book.close()
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except AnalysisError:
        raise
    except _WORKBOOK_ERRORS as error:
        raise DataRefused(
            f"{path.name} must be a workbook in .xlsx format without a password, but cannot be read as one ({error})."
        ) from error
