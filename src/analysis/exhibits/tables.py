"""How are rows of numbers shown so that they can be read, sorted, copied and printed?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Literal

from analysis.exhibits.exhibit import Caption, Exhibit, Metric, absent, both
from analysis.exhibits.locale import Number, is_known
from analysis.exhibits.palette import Tone
from analysis.terms import Text, same

Align = Literal["number", "text", "mark"]
Status = Literal["ok", "watch", "breach", "none"]

MAX_ROWS = 25
# Shape, word and colour: any one of the three is enough to read a status.
STATUS_WORDS = MappingProxyType(
    {
        "ok": ("●", Text("达标", "Within limit")),
        "watch": ("▲", Text("关注", "Watch")),
        "breach": ("■", Text("超限", "Breach")),
    }
)
_TONE_CLASSES = MappingProxyType({"worse": "up", "better": "dn"})


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: the key of its cells, its heading, and what kind of cell it holds."""

    key: str
    label: Text
    align: Align = "number"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell: markup that is safe to show, the value it sorts by, and emphasis."""

    html: str
    sort: float | str | None = None
    tone: Tone | None = None
    strong: bool = False


Row = Mapping[str, Cell]
Rest = Callable[[Sequence[Row]], Row]


def table(
    rows: Sequence[Row],
    columns: Sequence[Column],
    caption: Caption,
    *,
    total: Row | None = None,
    rest: Rest | None = None,
) -> Exhibit:
    """A captioned table that scrolls sideways on its own and can be reached by keyboard.

    Args:
        rows: cells by column key; the first column names the row.
        columns: in order.
        caption: the finding, the small line, the source.
        total: a last row that sums the others.
        rest: gives one row for all beyond the first MAX_ROWS; without it a line says how many are left out.

    Returns:
        a table whose metrics are the cells that sort by a number, as `row.column`.
    """
    shown = list(rows[:MAX_ROWS])
    hidden = rows[MAX_ROWS:]
    body = "".join(_row(row, columns) for row in shown) + _remainder(hidden, columns, rest)
    foot = f"<tfoot>{_row(total, columns)}</tfoot>" if total else ""
    title = f'<caption class="vh">{caption.headline.html()}</caption>'
    markup = _scrolling(f'<table class="sortable">{title}{_head(columns)}<tbody>{body}</tbody>{foot}</table>', caption)
    heading = f"<b>{caption.headline.html()}</b><small>{caption.subtitle.html()}</small>"
    source = f'<p class="src">{caption.source.html()}</p>' if caption.source else ""
    html = f'<div class="npl box" id="{escape(caption.id)}"><div class="cap">{heading}</div>{markup}{source}</div>'
    return Exhibit(id=caption.id, kind="table", html=html, metrics=_metrics(rows, columns, total))


def data_table(columns: Sequence[Text], rows: Sequence[tuple[Text, Sequence[Text | str]]], title: Text) -> str:
    """Markup of a chart's numbers behind a disclosure, for readers who do not point at things."""
    head = "".join(f'<th scope="col">{column.html()}</th>' for column in columns)
    body = "".join(_plain_row(name, cells) for name, cells in rows)
    return (
        f'<details class="data"><summary>{Text("数据表", "Data table").html()}<span class="vh">: {title.html()}</span>'
        f'</summary><div class="scroll" role="region" tabindex="0" aria-label="{both(title)}"><table>'
        f'<caption class="vh">{title.html()}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div></details>"
    )


def number_cell(
    value: Number, text: Text | str, *, tone: Tone | None = None, strong: bool = False, note: str = ""
) -> Cell:
    """A cell with a number; unknown values show a dash with the reason and sort last."""
    if not is_known(value):
        return Cell(html=absent(note))
    words = same(text) if isinstance(text, str) else text
    return Cell(html=words.html(), sort=float(value or 0), tone=tone, strong=strong)


def text_cell(text: Text | str, *, strong: bool = False) -> Cell:
    """A cell with words."""
    words = same(text) if isinstance(text, str) else text
    return Cell(html=words.html(), sort=words.en, strong=strong)


def status_cell(status: str) -> Cell:
    """A cell with a status pill; sorts by severity."""
    order = list(STATUS_WORDS)
    return Cell(html=pill(status), sort=float(order.index(status)) if status in order else -1.0)


def pill(status: str, words: Text | None = None) -> str:
    """Markup of a status as shape, word and colour; empty where there is no limit to hold against."""
    if status not in STATUS_WORDS:
        return ""
    shape, usual = STATUS_WORDS[status]
    return f'<span class="pill {status}"><i aria-hidden="true">{shape}</i>{(words or usual).html()}</span>'


def _head(columns: Sequence[Column]) -> str:
    cells = "".join(
        f'<th scope="col" class="{column.align}"><button type="button" data-sort>{column.label.html()}</button></th>'
        for column in columns
    )
    return f"<thead><tr>{cells}</tr></thead>"


def _row(row: Row, columns: Sequence[Column]) -> str:
    first, *others = columns
    name = row[first.key]
    cells = "".join(_cell(row.get(column.key, Cell(html="")), column) for column in others)
    return f'<tr><th scope="row" class="{first.align}">{name.html}</th>{cells}</tr>'


def _cell(cell: Cell, column: Column) -> str:
    tone = _TONE_CLASSES.get(cell.tone or "", "")
    classes = " ".join(name for name in (column.align, tone, "strong" if cell.strong else "") if name)
    return f'<td class="{classes}"{_sort_key(cell, column)}>{cell.html}</td>'


def _sort_key(cell: Cell, column: Column) -> str:
    if isinstance(cell.sort, str) or column.align == "text":
        return ""
    return f' data-v="{"-Infinity" if cell.sort is None else cell.sort}"'


def _remainder(hidden: Sequence[Row], columns: Sequence[Column], rest: Rest | None) -> str:
    if not hidden:
        return ""
    if rest:
        return _row(rest(hidden), columns)
    words = Text("另有{n}行未列示", "{n} more rows are not shown").format(n=len(hidden))
    return f'<tr><td class="text" colspan="{len(columns)}">{words.html()}</td></tr>'


def _plain_row(name: Text, cells: Sequence[Text | str]) -> str:
    texts = [same(cell) if isinstance(cell, str) else cell for cell in cells]
    return f'<tr><th scope="row">{name.html()}</th>' + "".join(f"<td>{text.html()}</td>" for text in texts) + "</tr>"


def _scrolling(markup: str, caption: Caption) -> str:
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{both(caption.headline)}">{markup}</div>'


def _metrics(rows: Sequence[Row], columns: Sequence[Column], total: Row | None) -> dict[str, Metric]:
    first, *others = columns
    named = [(str(row[first.key].sort), row) for row in rows] + ([("total", total)] if total else [])
    return {
        f"{name}.{column.key}": row[column.key].sort
        for name, row in named
        for column in others
        if column.key in row and row[column.key].html and column.align == "number"
    }
