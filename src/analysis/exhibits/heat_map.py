"""Where do loans of each state go? A matrix whose cells are darker the more go there, worse and better apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.exhibits.exhibit import Caption, Exhibit, Metric, absent, both, boxed
from analysis.exhibits.locale import count, is_known, share_number
from analysis.exhibits.tables import data_table
from analysis.terms import Text, same

Way = Literal["worse", "better", "stays", "out"]
# Of the colour of a way in the darkest cell; more would leave its words without contrast on dark or light ground.
DARKEST = 0.5
_CLASSES = {"worse": "w", "better": "g", "stays": "s", "out": "o"}
_FROM = Text("由 ↓ 至 →", "From ↓ to →")
_OF = Text("期初笔数", "Loans before")


@dataclass(frozen=True, kw_only=True)
class State:
    """A row or a column of the matrix."""

    key: str
    label: Text


@dataclass(frozen=True, kw_only=True)
class Share:
    """A cell: which share of a row's loans went where, which way that is, and how sure it is.

    Attributes:
        value: [share]; NaN if unknown, then `note` says why.
        way: "worse", "better", "stays", or "out" for a way out that is neither.
        loans: that went there [count].
        text: the numerator as written under the share: loans or an amount; loans if None.
        lower, upper: interval [share]; NaN if there is none.
        note: why the share is not known.
    """

    value: float
    way: Way
    loans: int
    text: Text | None = None
    lower: float = math.nan
    upper: float = math.nan
    note: str = ""


Shares = Mapping[tuple[str, str], Share]
Whole = Mapping[str, Text]


def heat_map(
    rows: Sequence[State], columns: Sequence[State], shares: Shares, wholes: Whole, caption: Caption
) -> Exhibit:
    """The matrix as a table that can be read, copied and printed; the colour only repeats the number.

    Args:
        rows: states that loans came from, in order.
        columns: states, then ways out, that they went to.
        shares: by row and column; a cell that is missing is a true zero, unless its row has no loans at all.
        wholes: what each row was a share of, as written; a row without it has no loans.
        caption: finding, small line, source.

    Returns:
        a table whose metrics are the shares by `from.to` [share; None if unknown].
    """
    head = "".join(f'<th scope="col">{state.label.html()}</th>' for state in columns)
    body = "".join(_row(state, columns, shares, wholes) for state in rows)
    title = f'<caption class="vh">{caption.headline.html()}</caption>'
    markup = (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{both(caption.headline)}"><table class="heat">'
        f'{title}<thead><tr><th scope="col">{_FROM.html()}</th>{head}<th scope="col">{_OF.html()}</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>{_data(rows, columns, shares, caption)}"
    )
    metrics: dict[str, Metric] = {
        f"{row.key}.{column.key}": share.value
        for row in rows
        for column in columns
        if (share := shares.get((row.key, column.key))) is not None
    }
    return Exhibit(id=caption.id, kind="table", html=boxed(caption, markup, tag="div"), metrics=metrics)


def shade(value: float) -> float:
    """How much of its colour a cell gets, so that rare moves can still be told apart [0 to `DARKEST`]."""
    return DARKEST * math.sqrt(min(max(value, 0.0), 1.0)) if is_known(value) else 0.0


def _row(state: State, columns: Sequence[State], shares: Shares, wholes: Whole) -> str:
    cells = "".join(_cell(shares.get((state.key, column.key)), is_counted=state.key in wholes) for column in columns)
    whole = wholes[state.key].html() if state.key in wholes else "0"
    return f'<tr><th scope="row">{state.label.html()}</th>{cells}<td class="n">{whole}</td></tr>'


def _cell(share: Share | None, *, is_counted: bool) -> str:
    if share is None:
        return '<td class="z">0</td>' if is_counted else f"<td>{absent('no_loans')}</td>"
    if not is_known(share.value):
        return f"<td>{absent(share.note)}</td>"
    under = share.text or same(count(share.loans))
    return (
        f'<td class="{_CLASSES[share.way]}" style="--s:{100 * shade(share.value):.0f}%">{_percent(share)}'
        f"<small>{under.html()}</small></td>"
    )


def _percent(share: Share) -> str:
    decimals = 1 if share.value >= 0.1 else 2
    shown = share_number(share.value, decimals)
    return shown if share.value == 0 or shown.strip("0.") else "<0.01".replace("<", "&lt;")


def _data(rows: Sequence[State], columns: Sequence[State], shares: Shares, caption: Caption) -> str:
    known = [
        (row, column, share)
        for row in rows
        for column in columns
        if (share := shares.get((row.key, column.key))) is not None and is_known(share.value)
    ]
    if not known:
        return ""
    head = [Text("去向", "Move"), Text("占比，%", "Share, %"), Text("95%区间", "95% interval"), Text("笔数", "Loans")]
    listed = [
        (row.label + same(" → ") + column.label, [share_number(share.value), _interval(share), count(share.loans)])
        for row, column, share in known
    ]
    return data_table(head, listed, caption.headline)


def _interval(share: Share) -> str:
    return f"{share_number(share.lower)}–{share_number(share.upper)}" if is_known(share.lower) else "–"
