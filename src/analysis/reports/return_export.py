"""A return to a supervisor as a file: a workbook to look at, or lines that another program reads."""

import csv
import io
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from analysis.errors import Misuse
from analysis.measures.migration_return import Block
from analysis.reports.filled_return import FilledReturn

FORMATS = (".xlsx", ".csv")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_CENT, _NUMBER = Decimal("0.01"), "#,##0.00"
_COLUMNS = ("code", "zh", "en", "amount", "status")
_WIDTHS = (24, 34, 44, *[20] * 9)
_UNVERIFIED = PatternFill("solid", fgColor="FFEFEFEF")


def write_return(filled: FilledReturn, target: Path) -> None:
    """Write a return; whoever reads the file meanwhile sees the old one or the new one.

    A workbook holds exact amounts and shows two decimals, so that its sums are exact. Lines hold the amount as it is to
    be reported, rounded once to two decimals of the unit, and beside it the exact one.

    Args:
        filled: the return.
        target: file whose name ends in ".xlsx" or ".csv".

    Raises:
        Misuse: if the name ends otherwise, or its folder is not there.
    """
    if target.suffix not in FORMATS:
        raise Misuse(f"--out must end in {' or '.join(FORMATS)}, was {target.name!r}.")
    if not target.parent.is_dir():
        raise Misuse(f"--out must be in a folder that is there, was in {target.parent.name!r}; make it first.")
    content = _workbook(filled) if target.suffix == ".xlsx" else _lines(filled)
    scratch = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        scratch.write_bytes(content)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def inert(text: str) -> str:
    """Text that a spreadsheet will not run as a formula: one such as =1+1 gets a quote before it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _lines(filled: FilledReturn) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    known = [name for name in filled.head if name != "status"]
    head = [inert(filled.head[name]) for name in known]
    writer.writerow([*known, "block", "code", "zh", "en", "amount", "exact_amount", "status"])
    for block in filled.blocks:
        for row in block.rows.to_dict("records"):
            amount = row["amount"]
            is_known = isinstance(amount, Decimal)
            amounts = [f"{(amount / filled.unit).quantize(_CENT):f}", f"{amount:f}"] if is_known else ["", ""]
            texts = [inert(str(row[name])) for name in ("code", "zh", "en")]
            writer.writerow([*head, block.code, *texts, *amounts, filled.status])
    # With a mark of its encoding, because spreadsheets take Chinese for something else without.
    return stream.getvalue().encode("utf-8-sig")


def _workbook(filled: FilledReturn) -> bytes:
    book = Workbook(write_only=True)
    _sheet(book, "about", [[name, value] for name, value in filled.head.items()])
    for block in filled.blocks:
        title = [block.label.zh, block.label.en, filled.head["unit"], filled.status]
        rows = _grid(block) if _is_grid(block) else _listed(block, filled.status)
        in_unit = ([value / filled.unit if isinstance(value, Decimal) else value for value in row] for row in rows)
        _sheet(book, block.code, [title, *in_unit], is_unverified=filled.status != "verified")
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _is_grid(block: Block) -> bool:
    return bool(block.rows["code"].str.fullmatch(r"[0-9]\.[A-Z]").all())


def _listed(block: Block, status: str) -> Iterator[Sequence[object]]:
    yield _COLUMNS
    for row in block.rows.to_dict("records"):
        yield [row["code"], row["zh"], row["en"], row["amount"], status]


def _grid(block: Block) -> Iterator[Sequence[object]]:
    """The matrix with its rows and columns, from cells such as "3.C" with names such as "row·column"."""
    parts = block.rows["code"].str.split(".", expand=True)
    cells = block.rows.assign(row=parts[0], column=parts[1])
    names = cells.drop_duplicates("column").sort_values("column")
    yield ["", "", "", *names["column"]]
    yield ["", "", "", *names["zh"].str.split("·").str[1]]
    yield ["", "", "", *names["en"].str.split(", ").str[1]]
    for number, own in cells.groupby("row", sort=True):
        amounts = dict(zip(own["column"], own["amount"], strict=True))
        zh, en = own["zh"].iloc[0].split("·")[0], own["en"].iloc[0].split(", ")[0]
        yield [str(number), zh, en, *(amounts.get(letter) for letter in names["column"])]


def _sheet(book: Workbook, title: str, rows: Sequence[Sequence[object]], *, is_unverified: bool = False) -> None:
    sheet = book.create_sheet(title)
    for place, width in enumerate(_WIDTHS):
        sheet.column_dimensions[chr(ord("A") + place)].width = width
    for place, row in enumerate(rows):
        cells = [_cell(sheet, value) for value in row]
        for cell in cells:
            cell.font = Font(bold=place == 0)
            if is_unverified:
                cell.fill = _UNVERIFIED
        sheet.append(cells)


def _cell(sheet: WriteOnlyWorksheet, value: object) -> Cell:
    if isinstance(value, Decimal):
        cell = WriteOnlyCell(sheet, value=value)  # type: ignore[arg-type]  # exact, which its types do not know
        cell.number_format = _NUMBER
        return cell
    cell = WriteOnlyCell(sheet, value=None if value is None or pd.isna(value) else str(value))  # type: ignore[call-overload]
    if cell.data_type == "f":
        cell.data_type = "s"  # text that looks like a formula
        cell.quotePrefix = True
    return cell
