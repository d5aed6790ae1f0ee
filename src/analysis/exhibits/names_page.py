"""What does the page say of a few names? Shares of the largest borrowers, indices and limits of a classified book."""

from datetime import date
from decimal import Decimal

from analysis.exhibits.concentration_curve import TOP, WEIGHTS, Names
from analysis.exhibits.reading import first_row
from analysis.exhibits.segment_page import Lens, source_line
from analysis.measures.concentration import View, concentration, largest_names
from analysis.measures.concentration_limits import concentration_limits
from analysis.measures.concentration_statements import net_capital_at


def names(lens: Lens) -> Names:
    """How much of a book's loans, and of its bad ones, hangs on its largest borrowers.

    Args:
        lens: from where the book is looked at.
    """
    latest = lens.states.filter(lens.states.as_of == lens.book.as_of)
    views = {weight: View(weight=weight, basis=lens.basis) for weight in WEIGHTS}
    indices = {weight: first_row(concentration(latest, view)) for weight, view in views.items()}
    return Names(
        as_of=lens.book.as_of,
        basis=lens.basis,
        currency=lens.book.profile.currency,
        source=source_line(lens.book, lens.rules),
        largest={weight: largest_names(latest, view, top=TOP) for weight, view in views.items()},
        indices={weight: row for weight, row in indices.items() if row},
        limits=concentration_limits(latest, _net_capital(lens)) if lens.basis == "balance" else None,
    )


def _net_capital(lens: Lens) -> dict[date, Decimal]:
    # A limit is one of the bank: the loans of one segment cannot be held against it.
    stated = None if lens.segment else net_capital_at(lens.book.profile.net_capital, lens.book.as_of)
    return {} if stated is None else {lens.book.as_of: stated}
