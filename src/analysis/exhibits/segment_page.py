"""What does the page of segments rest on? Its frames, its cards and its totals, from a classified book."""

from dataclasses import dataclass, replace
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from analysis.book.store import Book
from analysis.exhibits.cards import Card
from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.locale import MINUS, day
from analysis.exhibits.reading import WHOLE, Reading, SegmentFrames, Subject, reading
from analysis.exhibits.segments import headline, indicator
from analysis.exhibits.tables import Column, Row, number_cell, table, text_cell
from analysis.measures.catalog import Measure, measure_named
from analysis.measures.change import comparison
from analysis.measures.stock import measured
from analysis.models.trend import forecasts, trends
from analysis.rules.loader import RuleSet
from analysis.terms import Text, same

KEY = "segment"
_PARTS = {
    "balance": {"numerator": Text("不良余额", "NPLs"), "denominator": Text("贷款余额", "Loans")},
    "count": {"numerator": Text("不良笔数", "NPLs"), "denominator": Text("贷款笔数", "Loans")},
}
_TIE_COLUMNS = (
    Column(key="part", label=Text("项目", "Amount"), align="text"),
    Column(key="segments", label=Text("分部合计", "Sum of segments")),
    Column(key="whole", label=Text("全部贷款", "Whole book")),
    Column(key="difference", label=Text("差额", "Difference")),
)
_TIED = Text("分部合计与{whole}一致，差额为零", "Segments add up to {whole}, without a difference")
_APART = Text("分部合计与{whole}不一致", "Segments do not add up to {whole}")
UNNAMED = Text("未注明", "Not stated")
BALANCE_CARDS = (
    "npl_ratio", "npl_balance", "special_mention_ratio", "overdue_ratio",
    "overdue90_to_npl", "provision_coverage_ratio", "loan_provision_ratio", "npl_formation_gross",
)  # fmt: skip
COUNT_CARDS = (
    "npl_ratio", "npl_count", "special_mention_ratio", "overdue_ratio",
    "overdue90_to_npl", "loan_count", "restructured_ratio", "npl_formation_gross",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Lens:
    """From where a book is looked at.

    Attributes:
        book: open as of the reporting date.
        rules: the definition of non-performing.
        states: one row is a loan at a month end, classified; all loans, or one segment's.
        basis: "balance" or "count".
        compare_to: the nearer date that changes are taken against; three months before if None.
        segment: code of the one segment that the states are of; empty for the whole book.
    """

    book: Book
    rules: RuleSet
    states: ir.Table
    basis: str
    compare_to: date | None = None
    segment: str = ""

    @property
    def scope(self) -> Text | None:
        """Name of the one segment; None for the whole book."""
        return self.book.label(KEY, self.segment) if self.segment else None

    @property
    def flows(self) -> ir.Table | None:
        """Money movements, where the book has them."""
        return self.book.flows if self.book.has("flows") else None

    def subject(self, name: str) -> Subject:
        """A measure as this page speaks of it."""
        measure = measure_named(name)
        return Subject(
            name=name,
            measure=measure.label,
            as_of=self.book.as_of,
            worse=measure.worse,
            basis=measure.on(self.basis),
            currency=self.book.profile.currency,
            definition=measure.definition,
            source=source_line(self.book, self.rules),
            label=lambda key: self.book.label(KEY, key) if key else UNNAMED,
            compare_to=self.compare_to,
            scope=self.scope,
        )


def source_line(book: Book, rules: RuleSet) -> Text:
    """Where an exhibit's numbers come from: the book, its date, and the definition."""
    return Text("来源：{bank}，{when}；口径：{rules}", "Source: {bank}, {when}; definition: {rules}").format(
        bank=book.profile.title, when=day(book.as_of), rules=rules.label
    )


def segment_frames(lens: Lens, name: str = "npl_ratio") -> SegmentFrames:
    """Everything the page shows of one measure by segment.

    Args:
        lens: from where the book is looked at.
        name: a measure that is a share.

    Returns:
        the frames: history, comparison, trend, forecast and coverage of each segment and of the whole.
    """
    history, total = _history(lens, name, (KEY,)), _history(lens, name, ())
    return SegmentFrames(
        history=history,
        total=total,
        comparison=_compared(lens, name, history),
        total_comparison=_compared(lens, name, total),
        trends=trends(history),
        forecasts=forecasts(history),
        coverage=_coverage(lens),
    )


def segment_reading(lens: Lens, frames: SegmentFrames, name: str = "npl_ratio") -> Reading:
    """What the frames say, as sentences, tables and charts read it."""
    return reading(frames, lens.subject(name))


def key_figures(lens: Lens) -> Exhibit:
    """The key figures of the whole book; those the book does not record say so."""
    names = BALANCE_CARDS if lens.basis == "balance" else COUNT_CARDS
    return headline([_card(lens, measure_named(name)) for name in names])


def counted_intervals(lens: Lens, name: str = "npl_ratio") -> tuple[pd.DataFrame, pd.DataFrame, Subject]:
    """The measure by number of loans, by segment and in all, and its subject: what `segment_intervals` takes."""
    by_count = measured(lens.states, name, by=(KEY,), basis="count")
    return _named(by_count), measured(lens.states, name, basis="count"), lens.subject(name)


def control_totals(frames: SegmentFrames, as_of: date) -> pd.DataFrame:
    """Segments against the whole book at the reporting date: both must be the same amount, to the cent.

    Returns:
        one row is "numerator" or "denominator": `segments`, `whole`, `difference` [currency or loans; exact].
    """
    rows = []
    for part in ("numerator", "denominator"):
        segments, whole = (
            sum(amount for amount in frame[frame["as_of"] == pd.Timestamp(as_of)][part] if amount is not None)
            for frame in (frames.history, frames.total)
        )
        rows.append({"part": part, "segments": segments, "whole": whole, "difference": segments - whole})
    return pd.DataFrame(rows).set_index("part")


def ties(lens: Lens, frames: SegmentFrames) -> Exhibit:
    """The same comparison for a reader, exact and in the currency's own unit."""
    totals = control_totals(frames, lens.book.as_of)
    rows = [_tie(_PARTS[lens.basis][str(part)], row) for part, row in totals.iterrows()]
    apart = sum(amount != 0 for amount in totals["difference"])
    caption = Caption(
        id="segment_ties",
        headline=(_APART if apart else _TIED).format(whole=lens.scope or Text("全部贷款", "the whole book")),
        subtitle=Text("{unit}，未取整", "{unit}, not rounded").format(unit=_unit(lens)),
    )
    columns = [replace(one, label=lens.scope) if one.key == "whole" and lens.scope else one for one in _TIE_COLUMNS]
    shown = table(rows, columns, caption)
    return replace(shown, metrics=shown.metrics | {"ties_apart": apart})


def _tie(label: Text, row: pd.Series) -> Row:
    cells = {str(name): number_cell(value, f"{value:,}".replace("-", MINUS)) for name, value in row.items()}
    return {"part": text_cell(label)} | cells


def _unit(lens: Lens) -> Text:
    return same(lens.book.profile.currency) if lens.basis == "balance" else Text("笔", "loans")


def _history(lens: Lens, name: str, by: tuple[str, ...]) -> pd.DataFrame:
    rows = measured(lens.states, name, by=by, basis=lens.basis, flows=lens.flows)
    return _named(rows) if by else rows


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{KEY: rows[KEY].astype(object).fillna("")})


def _compared(lens: Lens, name: str, history: pd.DataFrame) -> pd.DataFrame:
    return comparison(
        history,
        as_of=lens.book.as_of,
        limit=lens.book.profile.limits.get(name),
        worse=measure_named(name).worse,
        compare_to=lens.compare_to,
    )


def _coverage(lens: Lens) -> pd.DataFrame | None:
    if lens.basis != "balance":
        return None
    latest = lens.states.filter(lens.states.as_of == lens.book.as_of)
    rows = _named(measured(latest, "provision_coverage_ratio", by=(KEY,)))
    return pd.concat([rows, measured(latest, "provision_coverage_ratio").assign(**{KEY: WHOLE})], ignore_index=True)


def _card(lens: Lens, measure: Measure) -> Card:
    history = _history(lens, measure.name, ())
    return indicator(lens.subject(measure.name), history, _compared(lens, measure.name, history), unit=measure.unit)
