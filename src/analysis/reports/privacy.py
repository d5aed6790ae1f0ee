"""Does a page name a loan or a borrower of the book? Nothing that identifies one may leave with a report."""

import re
from collections.abc import Iterator
from html import unescape
from itertools import pairwise

import ibis

from analysis.book.masking import masked
from analysis.book.store import Book
from analysis.reports.page_text import visible_markup

IDENTIFIERS = ("loan_id", "borrower_id")
# Shorter ones, and short plain numbers, are words and figures of any report: "A1", "2026", "39786".
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
    """Identifiers of loans and borrowers that stand in a page as whole words.

    One scan of the book's loans, joined to the words of the page; the book may be of any size.
    """
    words = sorted(candidates(unescape(visible_markup(html))))
    if not words:
        return set()
    table = ibis.memtable({"word": words}, schema=ibis.schema({"word": "string"}))
    loans = book.loans
    listed = ibis.union(*(loans.select(word=loans[column]) for column in IDENTIFIERS))
    return set(book.backend.to_pyarrow(table.semi_join(listed, "word"))["word"].to_pylist())


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
