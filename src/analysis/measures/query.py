"""One measure of a book as rows: what `npl measure` prints and a notebook shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from analysis.book.store import Book
from analysis.classify.states import states
from analysis.errors import Misuse, require_known
from analysis.measures.catalog import BASES, MEASURES, measure_list, measure_named
from analysis.measures.components import dimensions
from analysis.measures.statements import STATEMENTS, Question, months_since
from analysis.measures.stock import measured
from analysis.rules.loader import RuleSet, load_rules


def measure_rows(book: Book, name: str, *, by: Sequence[str] = (), **options: object) -> list[Mapping[str, object]]:
    """Rows of one measure of a book at its reporting date.

    Args:
        book: the book, open as of the reporting date.
        name: a measure of `catalog.MEASURES` or `statements.STATEMENTS`.
        by: dimensions; none gives the whole book.
        options: `basis` ("balance" or "count"; the book's own if None), `rules` (id of a
            definition; the book's own if empty), `history` (True for every month; a number only),
            `since` (opening of a movement, such as "2025-12-31"; a year before if empty; a statement only).

    Returns:
        one row per group, ascending: `as_of`, the dimensions, `measure`, `definition`, `basis`, and of a
        number `value`, `numerator`, `denominator`, `loans`, `lower`, `upper`, `note`; of a statement
        its own columns.

    Raises:
        Misuse: if the measure, a dimension, the definition or an option is not known for it.
        Unavailable: if the book lacks what the measure needs.
    """
    require_known("measure", name, (*MEASURES, *STATEMENTS))
    rules = load_rules(str(options.get("rules") or book.profile.rules))
    question = _question(book, rules, tuple(by), str(options.get("basis") or book.profile.basis))
    rows = _stated(book, name, question, options) if name in STATEMENTS else _numbers(book, name, question, options)
    rows = rows.assign(measure=name, definition=rules.id)
    order = [column for column in ("as_of", *by, "measure", "definition", "basis") if column in rows]
    columns = [*order, *(str(column) for column in rows.columns if column not in order)]
    return [{name: row[name] for name in columns} for row in rows.to_dict("records")]


def measures_listed() -> list[Mapping[str, object]]:
    """One row is a measure, for people to choose from: numbers first, then statements."""
    return [*measure_list(), *(one.listed("table", "", BASES) for one in STATEMENTS.values())]


def _question(book: Book, rules: RuleSet, by: tuple[str, ...], basis: str) -> Question:
    flows = book.flows if book.has("flows") else None
    return Question(
        states=states(book, rules), flows=flows, months=book.months, since=None, by=dimensions(by), basis=basis
    )


def _numbers(book: Book, name: str, question: Question, options: Mapping[str, object]) -> pd.DataFrame:
    if options.get("since"):
        raise Misuse(f"since must be left out for {name!r}, which is a number at a month end; use --history.")
    basis = measure_named(name).on(question.basis)
    rows = measured(question.states, name, by=question.by, basis=basis, flows=question.flows)
    held = rows if options.get("history") else rows[rows["as_of"] == pd.Timestamp(book.as_of)]
    return held.assign(basis=basis)


def _stated(book: Book, name: str, question: Question, options: Mapping[str, object]) -> pd.DataFrame:
    if options.get("history"):
        raise Misuse(f"history must be left out for {name!r}, which is a table over a period; use --since.")
    months = months_since(book.months, str(options.get("since") or ""))
    asked = replace(question, months=months, since=months[0] if options.get("since") else None)
    rows = STATEMENTS[name].rows(asked)
    as_of = rows["as_of"] if "as_of" in rows else pd.Timestamp(book.as_of)
    return rows.assign(as_of=as_of, since=pd.Timestamp(asked.months[0]), basis=question.basis)
