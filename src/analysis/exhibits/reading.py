"""What do the frames of one measure say? One object that cards, tables, charts and sentences all read."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from analysis.errors import require_columns
from analysis.exhibits.locale import as_date, is_known
from analysis.measures.change import QUARTER
from analysis.measures.periods import month_end_before
from analysis.terms import Text, same

_COMPARED = ("value", "change", "change_year", "watch", "breach", "status", "loans", "note")
# Measures near or above a half are read in points with one decimal; NPL-like ones in basis points.
NOTHING = same("")
# Key of the whole book, which no segment may have.
WHOLE = "\N{GREEK CAPITAL LETTER SIGMA}"
POINT_MEASURES = frozenset({"provision_coverage_ratio", "overdue90_to_npl"})


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is measured, of what, and as of when.

    Attributes:
        name: the measure's code.
        measure: its name.
        as_of: reporting date.
        worse: the direction of change that is bad, "up" or "down".
        basis: "balance" or "count".
        currency: ISO code.
        definition: which loans count as non-performing, and by which rules.
        source: where the numbers come from.
        label: gives a segment's name from its code.
        compare_to: the nearer date that changes are taken against; three months before if None.
        scope: the part of the book that all numbers are of; None for the whole book.
    """

    name: str
    measure: Text
    as_of: date
    worse: str = "up"
    basis: str = "balance"
    currency: str = "CNY"
    definition: Text = NOTHING
    source: Text | None = None
    label: Callable[[str], Text] = same
    compare_to: date | None = None
    scope: Text | None = None

    @property
    def whole(self) -> Text:
        """What all loans of the page are called."""
        return self.scope or Text("全部贷款", "all loans")

    @property
    def is_quarterly(self) -> bool:
        """Whether the nearer change is the one over the latest three months."""
        return self.compare_to in (None, month_end_before(self.as_of, QUARTER))


@dataclass(frozen=True, kw_only=True)
class SegmentFrames:
    """The frames a page of segments is made from.

    Attributes:
        history: one row is a segment at a month end, as `measured` gives it.
        total: the same for the whole book.
        comparison: one row is a segment at the reporting date, as `comparison` gives it.
        total_comparison: the same for the whole book, one row.
        trends: one row is a segment, as `trends` gives it; None where no trend was estimated.
        forecasts: one row is a segment at a later date, as `forecasts` gives it.
        coverage: one row is a segment, or `WHOLE`, at the reporting date with its provision coverage as `value`.
    """

    history: pd.DataFrame
    total: pd.DataFrame
    comparison: pd.DataFrame
    total_comparison: pd.DataFrame
    trends: pd.DataFrame | None = None
    forecasts: pd.DataFrame | None = None
    coverage: pd.DataFrame | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one segment, or the whole book, stands at the reporting date.

    Attributes:
        value: [share]; NaN if unknown, then `note` says why. Changes and limits: [share], NaN if there are none.
        status: against its limit: "ok", "watch", "breach", or "none" without a limit.
        numerator, denominator: as measured [currency or loans].
        lower, upper: interval by count [share].
        coverage: provision coverage [share].
        verdict: of the trend: "rising", "falling", "noise" or "unknown".
        slope, slope_low, slope_high: trend with its interval [share per year].
    """

    key: str
    label: Text
    value: float
    change: float
    change_year: float
    watch: float
    breach: float
    status: str
    loans: int
    note: str
    numerator: float = math.nan
    denominator: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    coverage: float = math.nan
    verdict: str = "unknown"
    slope: float = math.nan
    slope_low: float = math.nan
    slope_high: float = math.nan

    @property
    def is_readable(self) -> bool:
        """Whether there is a value and enough loans behind it."""
        return is_known(self.value) and self.note != "too_small"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All that a page says of one measure: the whole book and each segment, largest denominator first."""

    subject: Subject
    total: Standing
    segments: tuple[Standing, ...]

    def with_verdict(self, verdict: str) -> tuple[Standing, ...]:
        """Readable segments whose trend has this verdict."""
        return tuple(one for one in self.segments if one.is_readable and one.verdict == verdict)

    def with_status(self, status: str) -> tuple[Standing, ...]:
        """Segments that stand so against their limit."""
        return tuple(one for one in self.segments if one.status == status)


def reading(frames: SegmentFrames, subject: Subject) -> Reading:
    """Gather what the frames say at the reporting date.

    Raises:
        MissingColumns: if a comparison lacks a column.
    """
    for frame in (frames.comparison, frames.total_comparison):
        require_columns("comparison", _COMPARED, frame.columns)
    of_segment = _by_segment(at_date(frames.history, subject.as_of))
    of_trend, of_coverage = _by_segment(frames.trends), _by_segment(frames.coverage)
    segments = [
        _standing(str(row["segment"]), subject.label(str(row["segment"])), row, of_segment, of_trend, of_coverage)
        for row in frames.comparison.to_dict("records")
    ]
    whole = _by_segment(at_date(frames.total, subject.as_of).assign(segment=WHOLE))
    total_row = next(iter(frames.total_comparison.to_dict("records")), {})
    total = _standing(WHOLE, Text("合计", "Total"), total_row, whole, {}, of_coverage)
    ordered = sorted(segments, key=lambda one: (-_sized(one.denominator), one.key))
    return Reading(subject=subject, total=total, segments=tuple(ordered))


def number(value: object) -> float:
    """A float from what frames hold; NaN for whatever is not a number."""
    if value is None or value is pd.NA or value is pd.NaT:
        return math.nan
    return float(str(value)) if not isinstance(value, float) else value


def at_date(frame: pd.DataFrame, when: date) -> pd.DataFrame:
    """Rows of one date."""
    return frame[[as_date(day) == when for day in frame["as_of"]]]


def _by_segment(frame: pd.DataFrame | None) -> dict[str, Mapping[str, object]]:
    if frame is None:
        return {}
    return {str(row["segment"]): {str(k): v for k, v in row.items()} for row in frame.to_dict("records")}


def _standing(
    key: str, label: Text, compared: Mapping[object, object], *others: Mapping[str, Mapping[str, object]]
) -> Standing:
    measured, trend, coverage = ([other.get(key, {}) for other in others] + [{}, {}])[:3]
    return Standing(
        key=key,
        label=label,
        **{name: number(compared.get(name)) for name in ("value", "change", "change_year", "watch", "breach")},
        status=str(compared.get("status") or "none"),
        loans=int(_sized(number(compared.get("loans")))),
        note=str(compared.get("note") or ""),
        **{name: number(measured.get(name)) for name in ("numerator", "denominator", "lower", "upper")},
        coverage=number(coverage.get("value")),
        verdict=str(trend.get("verdict") or "unknown"),
        **{name: number(trend.get(name)) for name in ("slope", "slope_low", "slope_high")},
    )


def _sized(value: float) -> float:
    return value if is_known(value) else 0.0


def first_row(rows: pd.DataFrame) -> dict[str, Any]:
    """The first row of a table by column; empty if it has none."""
    return {str(name): value for row in rows.to_dict("records")[:1] for name, value in row.items()}
