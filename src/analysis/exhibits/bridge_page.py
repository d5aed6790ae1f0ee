"""What does the page rest on that says why NPLs moved? The bridge, its views and the flows, from a classified book."""

from datetime import date
from fractions import Fraction
from typing import Any

import ibis.expr.types as ir

from analysis.exhibits.movements import Movement
from analysis.exhibits.reading import first_row
from analysis.exhibits.segment_page import KEY, UNNAMED, Lens, source_line
from analysis.measures.attribution import ratio_attribution, with_total
from analysis.measures.bridge import LINES, bridge
from analysis.measures.bridge_views import round_trips, ties, undressed
from analysis.measures.flow_attribution import flow_attribution
from analysis.measures.periods import month_end_before

_YEAR = 12


def movement(lens: Lens) -> Movement:
    """What moved the NPLs of a page since the date that it compares with.

    Args:
        lens: from where the book is looked at.

    Returns:
        the bridge and the flows; without flows in the book, or without an earlier month, why not.
    """
    period = bridge_period(lens)
    known: dict[str, Any] = {
        "period": period,
        "basis": lens.basis,
        "currency": lens.book.profile.currency,
        "source": source_line(lens.book, lens.rules),
    }
    if period is None:
        return Movement(note="no_prior", **known)
    by = "region" if lens.segment else KEY  # what lies within a page of one segment
    parts = ratio_attribution(lens.states, period, by=(by,), basis=lens.basis)
    known |= {"by": by, "label": lambda key: lens.book.label(by, key) if key else UNNAMED, "parts": with_total(parts)}
    known["flow"] = first_row(flow_attribution(lens.states, period, basis=lens.basis))
    if lens.flows is None:
        return Movement(note="missing_flows", **known)
    return Movement(**known, **_bridged(lens, lens.flows, period))


def bridge_period(lens: Lens) -> tuple[date, date] | None:
    """From when to when the bridge goes; None if the book has no earlier month.

    From the date that the page compares with, or else the end of the year before, or else a year before, or
    else the book's first month.
    """
    as_of = lens.book.as_of
    earlier = [month for month in lens.book.months if month < as_of]
    wanted = (lens.compare_to, date(as_of.year - 1, 12, 31), month_end_before(as_of, _YEAR), *earlier[:1])
    found = [month for month in wanted if month in earlier]
    return (found[0], as_of) if found and found[0] is not None else None


def _bridged(lens: Lens, flows: ir.Table, period: tuple[date, date]) -> dict[str, Any]:
    dates = [month for month in lens.book.months if period[0] <= month <= period[1]]
    asked = (lens.states, flows)
    lines = first_row(bridge(*asked, dates=dates, basis=lens.basis))
    unrecorded = int(lines.get("unrecorded") or 0)
    if unrecorded and not lines["opening"] and not lines["closing"]:
        return {"note": "not_recorded", "unrecorded": unrecorded}
    found: dict[str, Any] = {
        "lines": {name: Fraction(lines.get(name, 0)) for name in ("opening", *LINES, "closing")},
        "unrecorded": unrecorded,
        "trips": round_trips(*asked, dates=dates, basis=lens.basis),
    }
    if lens.basis == "count":
        return found
    return found | {"ties": ties(*asked, dates=dates), "disposed": first_row(undressed(*asked, dates=dates))}
