"""Which few numbers does the reader need first, and how do they stand?"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from analysis.exhibits.exhibit import Exhibit, Metric, absent, both
from analysis.exhibits.palette import Tone
from analysis.exhibits.sparkline import sparkline
from analysis.exhibits.tables import pill
from analysis.terms import Text, same

NO_UNIT = same("")


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A line under a card's value: a number in bold, what it is against, and whether it is better or worse."""

    value: Text
    against: Text
    tone: Tone | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """One key number.

    Attributes:
        key: name of its metric.
        label: what it is.
        value: as shown, without the unit; the dash of an unknown number explains itself by `note`.
        unit: shown small after the value; empty if the value is unknown.
        number: the value itself, for the metrics.
        remarks: changes and limits, in order.
        status: "ok", "watch", "breach" or "none".
        status_words: what the status is called here; the usual words if None.
        history: its path, in order of time.
        definition: what exactly is measured, shown when the label is pointed at.
        note: why the value is not known.
    """

    key: str
    label: Text
    value: Text
    number: float | int | None
    unit: Text = NO_UNIT
    remarks: tuple[Remark, ...] = ()
    status: str = "none"
    status_words: Text | None = None
    history: tuple[float | None, ...] = ()
    definition: Text | None = None
    note: str = ""


def cards(items: Sequence[Card], *, id: str) -> Exhibit:
    """A strip of cards that wraps; its metrics are the cards' numbers by key."""
    body = "".join(_card(card) for card in items)
    metrics: dict[str, Metric] = {}
    for card in items:
        metrics |= {card.key: card.number, f"{card.key}.status": card.status}
    four = " four" if len(items) % 4 == 0 else ""
    return Exhibit(
        id=id, kind="card", html=f'<div class="npl kpis{four}" id="{escape(id)}">{body}</div>', metrics=metrics
    )


def _card(card: Card) -> str:
    title = f' title="{both(card.definition)}"' if card.definition else ""
    remarks = " ".join(f"<span>{_remark(remark)}</span>" for remark in card.remarks)
    return (
        f'<div class="kpi"><div class="l"{title}>{card.label.html()}</div>{pill(card.status, card.status_words)}'
        f'<div class="v">{_value(card)}</div>{sparkline(card.history)}<div class="d">{remarks}</div></div>'
    )


def _value(card: Card) -> str:
    if card.number is None:
        return absent(card.note)
    return f"{card.value.html()}<small>{card.unit.html()}</small>"


def _remark(remark: Remark) -> str:
    tone = {"worse": ' class="up"', "better": ' class="dn"'}.get(remark.tone or "", "")
    return f"<b{tone}>{remark.value.html()}</b> {remark.against.html()}"
