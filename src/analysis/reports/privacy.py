"""Does a page name a loan or a borrower of the book? Nothing that identifies one may leave with a report."""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import pairwise

import ibis
import ibis.expr.types as ir

from analysis.book.masking import masked
from analysis.book.store import Book
from analysis.reports.page_labels import page_labels
from analysis.reports.page_text import visible_markup
from analysis.terms import DIMENSIONS, LOANS

IDENTIFIERS = tuple(term.name for term in LOANS if term.kind == "id")
# Shorter ones, and short plain numbers, are words and figures of any report: "A1", "2026", "39786".
# They are looked for only where a page names something: in labels.
SHORTEST = 5
SHORTEST_NUMBER = 7
_MARKS = re.compile(r"[<>\"'=(){}\[\]（）「」《》“”，。；：、？！…|]+")
_SEPARATORS = re.compile(r"[,;:&?!/]+")
_NUMBER = re.compile(r"[\d.]+")
_NAMED = 3


def private_faults(html: str, book: Book) -> Iterator[str]:
    """Sentences on identifiers of the book that stand in a page, masked."""
    found = sorted(identifiers_in(html, book))
    if found:
        named = ", ".join(masked(identifier) for identifier in found[:_NAMED])
        yield (
            f"a page must not name loans or borrowers, but holds {len(found)} identifiers of the book "
            f"(masked: {named}); show them masked"
        )


def identifiers_in(html: str, book: Book) -> set[str]:
    """Identifiers of loans, borrowers, groups and guarantors that stand in a page.

    Those long enough count wherever they stand as a whole word; shorter ones where they are all that
    a label says, unless several borrowers share it: a segment "1" is no loan, whatever loan 1 is called.

    One scan of the book's loans, joined to the words of the page; the book may be of any size.
    """
    words = candidates(unescape(visible_markup(html)))
    labels = page_labels(html) - words
    found = _known(words | labels, book)
    return found - _shared(found & labels, book)


def candidates(text: str) -> set[str]:
    """Words of a text, and two in a row, that are long enough to be an identifier."""
    coarse = [_MARKS.sub(" ", line).split() for line in re.split(r"[<>\n]", text)]
    found = {word for words in coarse for word in words}
    found |= {f"{one} {other}" for words in coarse for one, other in pairwise(words)}
    fine = {part for word in found for part in _SEPARATORS.split(word)}
    trimmed = {word.strip(".-_*+−·") for word in fine | found}
    return {word for word in trimmed if _may_identify(word)}


def _may_identify(word: str) -> bool:
    return len(word) >= (SHORTEST_NUMBER if _NUMBER.fullmatch(word) else SHORTEST)


def _known(words: Iterable[str], book: Book) -> set[str]:
    loans = book.loans
    listed = ibis.union(*(loans.select(word=loans[column]) for column in IDENTIFIERS))
    return _matched(words, listed, book)


def _shared(words: Iterable[str], book: Book) -> set[str]:
    loans = book.loans
    values = {name: loans[name] for name in DIMENSIONS if name in loans.columns}
    values["vintage_year"] = loans.origination_date.year().cast("string")
    named = ibis.union(*(loans.select(word=value, borrower=loans.borrower_id) for value in values.values()))
    groups = named.group_by("word").aggregate(borrowers=named.borrower.nunique())
    return _matched(words, groups.filter(groups.borrowers > 1).select("word"), book)


def _matched(words: Iterable[str], listed: ir.Table, book: Book) -> set[str]:
    asked = sorted(words)
    if not asked:
        return set()
    table = ibis.memtable({"word": asked}, schema=ibis.schema({"word": "string"}))
    return set(book.backend.to_pyarrow(table.semi_join(listed, "word"))["word"].to_pylist())
