"""One measure of a book as rows: what `npl measure` prints and a notebook shows."""

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.book.store import Book
from analysis.classify.states import states
from analysis.measures.catalog import measure_named
from analysis.measures.stock import measured
from analysis.rules.loader import load_rules


def measure_rows(book: Book, name: str, *, by: Sequence[str] = (), **options: object) -> list[Mapping[str, object]]:
    """Rows of one measure of a book at its reporting date.

    Args:
        book: the book, open as of the reporting date.
        name: a measure of `catalog.MEASURES`.
        by: dimensions; none gives the whole book.
        options: `basis` ("balance" or "count"; the book's own if None), `rules` (id of a
            definition; the book's own if empty), `history` (True for every month).

    Returns:
        one row per group, ascending: `as_of`, the dimensions, `measure`, `definition`, `basis`,
        `value`, `numerator`, `denominator`, `loans`, `lower`, `upper`, `note`.

    Raises:
        Misuse: if the measure, a dimension or the definition is not known.
    """
    rules = load_rules(str(options.get("rules") or book.profile.rules))
    basis = measure_named(name).on(str(options.get("basis") or book.profile.basis))
    flows = book.flows if book.has("flows") else None
    rows = measured(states(book, rules), name, by=tuple(by), basis=basis, flows=flows)
    if not options.get("history"):
        rows = rows[rows["as_of"] == pd.Timestamp(book.as_of)]
    rows = rows.assign(measure=name, definition=rules.id, basis=basis)
    order = ["as_of", *by, "measure", "definition", "basis"]
    columns = [*order, *(str(column) for column in rows.columns if column not in order)]
    return [{name: row[name] for name in columns} for row in rows.to_dict("records")]
