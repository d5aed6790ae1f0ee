"""Bring a book and its classified months to where they are measured, and nothing that is there already."""

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.book.catalog import read_catalog
from analysis.book.engine import Part, Progress, open_engine
from analysis.book.engine_choice import default_engine
from analysis.book.store import Book, book_folder, open_book, parts
from analysis.classify.cache import month_files, states_folder
from analysis.classify.states import classified_months, state_parts
from analysis.errors import Misuse
from analysis.rules.loader import load_rules, rule_sets


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What was brought: name of the book, its parts in all, and those that were copied now."""

    book: str
    parts: int
    copied: int


def load_book(name: str, *, progress: Progress | None = None) -> Loaded:
    """Copy a book to the engine that is chosen: its tables, and its months as its own definition classifies them.

    Months under another definition are copied when they are first asked for. What a restated month or mended
    code left is removed, unless someone is reading it.

    Args:
        name: name of a book, or its folder.
        progress: called with parts copied and parts to copy.

    Raises:
        Misuse: if the engine reads a book's files and keeps no copy.
        Unavailable: if there is no such book, or the server refuses or does not answer.
    """
    folder, address = book_folder(name), default_engine()
    engine = open_engine(address, folder.name)
    if not engine.keeps_copies:
        raise Misuse(
            f"the engine {engine.kind} reads the files of a book where they are, so there is nothing to copy; "
            "name a server: --engine postgresql://user@host/database."
        )
    tables = parts(folder, read_catalog(folder).files)
    copied = engine.hold(tables, progress)
    book = open_book(folder, engine=address)
    months = state_parts(classified_months(book, load_rules(book.profile.rules)))
    copied += engine.hold(months, progress)
    engine.sweep([*tables, *_possible_states(book)])
    return Loaded(book=book.name, parts=len(tables) + len(months), copied=copied)


def _possible_states(book: Book) -> Iterator[Part]:
    for name in rule_sets():
        yield from state_parts(month_files(book, load_rules(name), states_folder(book)))
