"""One measure of a book as rows: what `npl measure` prints and a notebook shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import pandas as pd

from analysis.book.store import Book
from analysis.classify.states import states
from analysis.errors import Misuse, require_known
from analysis.measures.catalog import BASES, MEASURES, measure_list, measure_named, require_basis
from analysis.measures.components import dimensions
from analysis.measures.question import Question, Statement, months_since
from analysis.measures.statements import STATEMENTS
from analysis.measures.stock import measured
from analysis.rules.loader import RuleSet, load_rules

Statements = Mapping[str, Statement]


def measure_rows(
    book: Book, name: str, *, by: Sequence[str] = (), statements: Statements = STATEMENTS, **options: object
) -> list[Mapping[str, object]]:
    """Rows of one measure of a book at its reporting date.

    Args:
        book: the book, open as of the reporting date.
        name: a measure of `catalog.MEASURES` or of the statements.
        by: dimensions; none gives the whole book.
        statements: measures that are tables.
        options: `basis` ("balance" or "count"; the book's own if None), `rules` (id of a
            definition; the book's own if empty), `history` (True for every month; a number only),
            `since` (opening of a movement, such as "2025-12-31"; the statement's own if empty; a statement only),
            `settings` (chosen settings by name; a statement only).

    Returns:
        one row per group, ascending: `as_of`, the dimensions, `measure`, `definition`, `basis`, and of a
        number `value`, `numerator`, `denominator`, `loans`, `lower`, `upper`, `note`; of a statement
        its own columns.

    Raises:
        Misuse: if the measure, a dimension, the definition or an option is not known for it.
        Unavailable: if the book lacks what the measure needs.
    """
    require_known("measure", name, (*MEASURES, *statements))
    rules = load_rules(str(options.get("rules") or book.profile.rules))
    cuts = statements[name].cuts if name in statements else ()
    question = _question(book, rules, dimensions(by, cuts), str(options.get("basis") or book.profile.basis))
    if name in statements:
        rows = _stated(statements[name], question, options)
    else:
        rows = _numbers(book, name, question, options)
    rows = rows.assign(measure=name, definition=rules.id)
    order = [column for column in ("as_of", *by, "measure", "definition", "basis") if column in rows]
    columns = [*order, *(str(column) for column in rows.columns if column not in order)]
    return [{name: row[name] for name in columns} for row in rows.to_dict("records")]


def measures_listed(statements: Statements = STATEMENTS) -> list[Mapping[str, object]]:
    """One row is a measure, for people to choose from: numbers first, then statements with their settings."""
    numbers = [{**row, "settings": ""} for row in measure_list()]
    tables = [{**one.listed("table", "", BASES), "settings": ",".join(one.settings)} for one in statements.values()]
    return [*numbers, *tables]


def _question(book: Book, rules: RuleSet, by: tuple[str, ...], basis: str) -> Question:
    require_basis(basis)
    return Question(
        states=states(book, rules),
        flows=book.flows if book.has("flows") else None,
        months=book.months,
        since=None,
        by=by,
        basis=basis,
        profile=book.profile,
        loans=book.loans if book.has("loans") else None,
    )


def _numbers(book: Book, name: str, question: Question, options: Mapping[str, object]) -> pd.DataFrame:
    if options.get("since"):
        raise Misuse(f"since must be left out for {name!r}, which is a number at a month end; use --history.")
    if options.get("settings"):
        raise Misuse(f"settings must be left out for {name!r}, which is a number and has none.")
    basis = measure_named(name).on(question.basis)
    rows = measured(question.states, name, by=question.by, basis=basis, flows=question.flows)
    held = rows if options.get("history") else rows[rows["as_of"] == pd.Timestamp(book.as_of)]
    return held.assign(basis=basis)


def _stated(statement: Statement, question: Question, options: Mapping[str, object]) -> pd.DataFrame:
    if options.get("history"):
        raise Misuse(f"history must be left out for {statement.name!r}, which is a table over a period; use --since.")
    statement.require_groups(question.by)
    chosen = cast("Mapping[str, str]", options.get("settings") or {})
    since = str(options.get("since") or "")
    months = months_since(question.months, since, opens=statement.opens)
    settings = statement.settled(chosen)
    asked = replace(question, months=months, since=months[0] if since else None, settings=settings)
    rows = statement.rows(asked)
    as_of = rows["as_of"] if "as_of" in rows else pd.Timestamp(months[-1])
    return rows.assign(as_of=as_of, since=pd.Timestamp(months[0]), basis=question.basis)
