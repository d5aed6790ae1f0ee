"""What does the page of cohorts rest on? Cohorts by months on book, by amount and by number, and their projection."""

from typing import Any

from analysis.exhibits.segment_page import Lens, source_line
from analysis.exhibits.vintage_fan import Vintages
from analysis.measures.vintage import vintages as measured_vintages
from analysis.models.vintage_projection import vintage_projection


def vintages(lens: Lens) -> Vintages:
    """Quarterly cohorts of a book: ever bad, by the basis of the page and by number of loans.

    Args:
        lens: from where the book is looked at.
    """
    known: dict[str, Any] = {
        "as_of": lens.book.as_of,
        "basis": lens.basis,
        "source": source_line(lens.book, lens.rules),
    }
    counted = measured_vintages(lens.states, basis="count")
    rows = counted if lens.basis == "count" else measured_vintages(lens.states, basis="balance")
    ahead = vintage_projection(rows, basis=lens.basis) if len(rows) else None
    return Vintages(rows=rows, counted=counted, ahead=ahead, **known)
