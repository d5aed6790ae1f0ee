"""The bridge as supervisors want it: EU CR2 and CR2a, and the movements of the Chinese return G12."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import pandas as pd

from analysis.errors import DataRefused, require_columns, require_known
from analysis.measures.bridge import LINES
from analysis.terms import Text

Status = Literal["verified", "unverified"]
_TEN_THOUSAND = Decimal(10_000)
_CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class ReturnRow:
    """A row of a return: its number, its name, and the lines of the bridge it adds up."""

    code: str
    label: Text
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A return: its rows, its unit [currency], where it comes from, and how far that was checked."""

    rows: tuple[ReturnRow, ...]
    unit: Decimal
    source: str
    status: Status


def _row(code: str, zh: str, en: str, *lines: str) -> ReturnRow:
    return ReturnRow(code=code, label=Text(zh, en), lines=lines)


_INITIAL = ("opening",)
_FINAL = ("closing",)
_INFLOW = ("inflow", "redefault", "entered", "drawdown", "capitalised_interest")
_OTHER = ("forgiveness", "debt_to_equity", "fx", "correction", "transfer", "residual")
_OUTFLOW = ("cash", "cure", "write_off", "sale", "foreclosure", *_OTHER)
LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "eu_cr2": Layout(
            unit=Decimal(1),
            source="EBA/GL/2018/10, Annex IV, and Commission Implementing Regulation (EU) 2021/637, template EU CR2",
            status="unverified",
            rows=(
                _row("010", "期初不良贷款余额", "Initial stock of non-performing loans and advances", *_INITIAL),
                _row("020", "转入不良", "Inflows to non-performing portfolios", *_INFLOW),
                _row("030", "转出不良", "Outflows from non-performing portfolios", *_OUTFLOW),
                _row("040", "其中：核销", "Outflows due to write-offs", "write_off"),
                _row(
                    "050",
                    "其中：其他情形",
                    "Outflow due to other situations",
                    *(line for line in _OUTFLOW if line != "write_off"),
                ),
                _row("060", "期末不良贷款余额", "Final stock of non-performing loans and advances", *_FINAL),
            ),
        ),
        "eu_cr2a": Layout(
            unit=Decimal(1),
            source="EBA/GL/2018/10, Annex IV, template CR2a; without net accumulated recoveries and held for sale",
            status="unverified",
            rows=(
                _row("010", "期初不良贷款余额", "Initial stock of non-performing loans and advances", *_INITIAL),
                _row("020", "转入不良", "Inflows to non-performing portfolios", *_INFLOW),
                _row("030", "转出不良", "Outflows from non-performing portfolios", *_OUTFLOW),
                _row("040", "转为非不良", "Outflow to performing portfolio", "cure"),
                _row("050", "部分或全部还款", "Outflow due to loan repayment, partial or total", "cash"),
                _row("070", "取得抵债资产", "Outflow due to taking possession of collateral", "foreclosure"),
                _row("080", "转让", "Outflow due to sale of instruments", "sale"),
                _row("100", "核销", "Outflows due to write-offs", "write_off"),
                _row("110", "其他情形", "Outflow due to other situations", *_OTHER),
                _row("130", "期末不良贷款余额", "Final stock of non-performing loans and advances", *_FINAL),
            ),
        ),
        "cn_g12": Layout(
            unit=_TEN_THOUSAND,
            source="1104 return G12, movements between non-performing and other classes and disposals, CNY 10,000",
            status="unverified",
            rows=(
                _row("opening", "年初不良贷款", "NPL at the beginning of the year", *_INITIAL),
                _row("to_npl", "正常、关注类转为不良", "Pass and special mention to NPL", "inflow", "redefault"),
                _row("new", "新增即为不良", "New as NPL", "entered", "drawdown", "capitalised_interest"),
                _row("to_normal", "不良转为正常、关注类", "NPL to pass and special mention", "cure"),
                _row("collected", "现金收回", "Collected in cash", "cash"),
                _row("written_off", "核销", "Written off", "write_off"),
                _row("sold", "转让", "Sold", "sale"),
                _row("foreclosed", "以物抵债", "Settled in kind", "foreclosure"),
                _row("other", "其他", "Other", *_OTHER),
                _row("closing", "期末不良贷款", "NPL at the end of the period", *_FINAL),
            ),
        ),
    }
)


def return_rows(lines: pd.DataFrame, name: str) -> pd.DataFrame:
    """A return filled in from the bridge of a whole book.

    G12 compares the beginning of the year with the end of the period, so its bridge is that of two dates.

    Args:
        lines: the one row that `bridge` gives without dimensions, on balances; none for a book without NPL.
        name: a layout of `LAYOUTS`.

    Returns:
        one row is a row of the return, in its order: `code`, `zh`, `en`, `amount` [the layout's unit, two
        decimals, signed as it moves the stock]. Only rows that are no "of which" add up to the final stock.

    Raises:
        Misuse: if there is no such layout.
        MissingColumns: if the table is no bridge.
        DataRefused: if it has more than one row.
    """
    require_known("return", name, LAYOUTS)
    layout = LAYOUTS[name]
    rows = return_amounts(lines, layout)
    return rows.assign(amount=[(amount / layout.unit).quantize(_CENT) for amount in rows["amount"]])


def return_amounts(lines: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The same, exact, in the book's currency.

    Args:
        lines: as for `return_rows`.
        layout: of `LAYOUTS`.

    Returns:
        rows as `return_rows` gives them, `amount` not rounded [currency].

    Raises:
        MissingColumns: if the table is no bridge.
        DataRefused: if it has more than one row.
    """
    require_columns("lines", {"opening", *LINES, "closing"}, lines.columns)
    if len(lines) > 1:
        raise DataRefused(f"a return is of the whole book, but the bridge has {len(lines)} rows; leave out `by`.")
    values = {} if lines.empty else lines.iloc[0].to_dict()
    rows = [
        {
            "code": row.code,
            "zh": row.label.zh,
            "en": row.label.en,
            "amount": sum((values.get(line, Decimal(0)) for line in row.lines), Decimal(0)),
        }
        for row in layout.rows
    ]
    return pd.DataFrame(rows)
