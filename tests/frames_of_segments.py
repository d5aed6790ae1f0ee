"""Frames as measures and models give them, made by hand for the tests of exhibits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isnan, nan

import pandas as pd

from analysis.exhibits.reading import Reading, SegmentFrames, Subject, reading
from analysis.terms import Text

AS_OF = date(2026, 9, 30)
MONTHS = tuple(day.date() for day in pd.date_range("2024-07-31", AS_OF, freq="ME"))
NAMES = {"retail": Text("零售业", "Retail"), "farm": Text("农业", "Farming"), "evil": Text("甲<b>*", 'E<script>"&$x$*')}
SUBJECT = Subject(
    name="npl_ratio",
    measure=Text("不良贷款率", "NPL ratio"),
    as_of=AS_OF,
    source=Text("来源：台账", "Source: ledger"),
    label=lambda key: NAMES.get(key, Text(key, key)),
)


@dataclass(frozen=True, kw_only=True)
class Past:
    """A segment's values by month, the last at the reporting date."""

    path: tuple[float, ...]
    size: str = "1000000000"
    note: str = ""
    verdict: str = "noise"
    loans: int = 500


RISING = Past(path=tuple(0.01 + 0.0005 * step for step in range(27)), verdict="rising")
FALLING = Past(path=tuple(0.03 - 0.0005 * step for step in range(27)), verdict="falling", size="3000000000")
FLAT = Past(path=(0.012,) * 27)
SMALL = Past(path=(0.25,) * 27, note="too_small", loans=4, size="40000", verdict="unknown")
COUNTED = ("loans", "note", "lower", "upper")
JUDGED = ("watch", "breach", "status", "loans", "note")
LIMITS = (0.02, 0.025)


def history(pasts: dict[str, Past]) -> pd.DataFrame:
    """One row is a segment at a month end."""
    rows = []
    for segment, past in pasts.items():
        size = Decimal(past.size)
        for when, value in zip(MONTHS[-len(past.path) :], past.path, strict=True):
            bad = None if isnan(value) else (size * Decimal(str(value))).quantize(Decimal("0.01"))
            counts = {"loans": past.loans, "note": past.note, "lower": nan, "upper": nan}
            rows.append(
                {"as_of": when, "segment": segment, "value": value, "numerator": bad, "denominator": size} | counts
            )
    return pd.DataFrame(rows, columns=["as_of", "segment", "value", "numerator", "denominator", *COUNTED])


def compared(pasts: dict[str, Past], limits: tuple[float, float] = (nan, nan)) -> pd.DataFrame:
    """One row is a segment at the reporting date."""
    watch, breach = limits
    rows = []
    for segment, past in pasts.items():
        value = past.path[-1]
        prior = past.path[-4] if len(past.path) > 3 else nan
        year = past.path[-13] if len(past.path) > 12 else nan
        status = "none" if isnan(watch) else "breach" if value >= breach else "watch" if value >= watch else "ok"
        rows.append(
            {"segment": segment, "value": value, "prior": prior, "change": value - prior, "prior_year": year}
            | {"change_year": value - year, "watch": watch, "breach": breach, "status": status}
            | {"loans": past.loans, "note": past.note}
        )
    return pd.DataFrame(rows, columns=["segment", "value", "prior", "change", "prior_year", "change_year", *JUDGED])


def table(columns: tuple[str, ...], rows: Iterable[dict[str, object]]) -> pd.DataFrame:
    """A frame that has its columns even when it has no rows."""
    return pd.DataFrame(list(rows), columns=list(columns))


def frames(pasts: dict[str, Past], limits: tuple[float, float] = (nan, nan), whole: Past = FLAT) -> SegmentFrames:
    """All frames of a page; the whole book is given, not summed."""
    trends = table(
        ("segment", "verdict", "slope", "slope_low", "slope_high", "beats_naive"),
        (
            {"segment": key, "verdict": past.verdict, "slope": 0.001, "slope_low": 0.0005, "slope_high": 0.0015}
            | {"beats_naive": past.verdict != "noise"}
            for key, past in pasts.items()
        ),
    )
    later = table(
        ("segment", "as_of", "value", "lower", "upper"),
        (
            {"segment": key, "as_of": date(2026, 12, 31), "value": past.path[-1] + 0.002}
            | {"lower": past.path[-1] + 0.001, "upper": past.path[-1] + 0.004}
            for key, past in pasts.items()
        ),
    )
    cover = table(("segment", "value"), ({"segment": key, "value": 1.5} for key in pasts))
    return SegmentFrames(
        history=history(pasts),
        total=history({"total": whole}).drop(columns="segment"),
        comparison=compared(pasts, limits),
        total_comparison=compared({"total": whole}, limits),
        trends=trends,
        forecasts=later,
        coverage=cover,
    )


def read(pasts: dict[str, Past], limits: tuple[float, float] = (nan, nan), whole: Past = FLAT) -> Reading:
    """The reading of hand-made frames."""
    return reading(frames(pasts, limits, whole), SUBJECT)
