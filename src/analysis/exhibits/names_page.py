"""What does the page say of a few names? Shares of the largest borrowers, indices and limits of a classified book."""

from analysis.exhibits.concentration_curve import TOP, WEIGHTS, Names
from analysis.exhibits.segment_page import Lens, source_line
from analysis.measures.concentration import View, concentration, largest_names
from analysis.measures.concentration_limits import concentration_limits


def names(lens: Lens) -> Names:
    """How much of a book's loans, and of its bad ones, hangs on its largest borrowers.

    Args:
        lens: from where the book is looked at.
    """
    latest = lens.states.filter(lens.states.as_of == lens.book.as_of)
    views = {weight: View(weight=weight, basis=lens.basis) for weight in WEIGHTS}
    indices = {weight: concentration(latest, view).to_dict("records") for weight, view in views.items()}
    return Names(
        as_of=lens.book.as_of,
        basis=lens.basis,
        currency=lens.book.profile.currency,
        source=source_line(lens.book, lens.rules),
        largest={weight: largest_names(latest, view, top=TOP) for weight, view in views.items()},
        indices={weight: {str(k): v for k, v in rows[0].items()} for weight, rows in indices.items() if rows},
        limits=concentration_limits(latest, {}) if lens.basis == "balance" else None,
    )
