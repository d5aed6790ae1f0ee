"""May a page be published? It needs nothing but itself, shows no code, and can be read by everyone."""

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from analysis.book.store import books_folder, workspace
from analysis.exhibits.fonts import missing_glyphs
from analysis.reports.page_text import page_text, visible_markup, without_files

# A page is mailed and opened from file shares: half of it is the two embedded weights of the font.
PAGE_BYTES = 600_000
_ADDRESS = re.compile(r"https?://|ftp://|\b(?:src|href)\s*=\s*[\"']?//|@import|url\((?!data:|[\"']?#)", re.IGNORECASE)
_ABSOLUTE = re.compile(
    r"(?<![\w.<:/-])/(?:home|root|tmp|usr|var|opt|etc|mnt|srv|media|proc|Users|Volumes|private)/[\w.-]"
    r"|\b[A-Za-z]:\\\\?[\w.-]|file:/"
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|\bFile [\"'][^\"']+[\"'], line \d+|\bCell In\s?\[\d+\]")
_CODE = re.compile(r"<pre\b|class=\"[^\"]*\b(?:jp-InputArea|jp-CodeCell|highlight|input_area)\b")
_REFERENCES = ("aria-labelledby", "aria-describedby", "aria-controls", "for")
_NAMED = 20
_WORDLESS = {"img": "alt", "svg": "title", "figure": "figcaption", "table": "caption"}


class Outline(HTMLParser):
    """What matters of a page's structure, collected while it is read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: Counter[str] = Counter()
        self.references: set[str] = set()
        self.headings = 0
        self.language = ""
        self.unnamed: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element's id and references, and whether it needs a name."""
        attributes = {name: value or "" for name, value in attrs}
        if "id" in attributes:
            self.ids[attributes["id"]] += 1
        self.references.update(_referred(attributes))
        self.headings += tag == "h1"
        if tag == "html":
            self.language = attributes.get("lang", "")
        if tag == "img" and not attributes.get("alt"):
            self.unnamed.append("img")
        self._name(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        """Note an element that ended without a name."""
        if self._open and self._open[-1][0] == tag:
            _, is_named = self._open.pop()
            if not is_named:
                self.unnamed.append(tag)

    def _name(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ("svg", "figure", "table"):
            self._open.append((tag, attributes.get("aria-hidden") == "true"))
        elif self._open and tag == _WORDLESS[self._open[-1][0]]:
            self._open[-1] = (self._open[-1][0], True)


def page_faults(html: str) -> Iterator[str]:
    """Sentences on what a page shows and must not, or lacks."""
    size = len(html.encode())
    if size > PAGE_BYTES:
        yield f"a page must be at most {PAGE_BYTES:,} bytes, was {size:,}; show fewer exhibits or shorter tables"
    yield from _forbidden(html)
    yield from _structure(html)
    if missing := missing_glyphs(page_text(html)):
        named = " ".join(missing[:_NAMED])
        yield f"every character must have a glyph in the page's font, but {len(missing)} have none: {named}"


def _forbidden(html: str) -> Iterator[str]:
    markup = visible_markup(html)
    if _ADDRESS.search(without_files(html)):
        yield "a page must need nothing from elsewhere, but holds an external address"
    if _ABSOLUTE.search(markup) or any(path in markup for path in _own_paths()):
        yield "a page must not name folders of this machine, but holds an absolute path"
    if _TRACEBACK.search(markup):
        yield "a page must not show an error's trace, but does"
    if _CODE.search(markup):
        yield "a page must not show code, but does"


def _structure(html: str) -> Iterator[str]:
    outline = Outline()
    outline.feed(visible_markup(html))
    if repeated := [name for name, count in outline.ids.items() if count > 1]:
        yield f"every id of a page must be unique, but {_listed(repeated)} is not"
    if dangling := sorted(outline.references - set(outline.ids)):
        yield f"every reference must have its target, but {_listed(dangling)} has none"
    if outline.unnamed:
        yield f"every figure, chart, table and picture must have a title, but {len(outline.unnamed)} have none"
    if outline.headings != 1 or not outline.language:
        yield f"a page must have a language and one main heading, had {outline.headings}"


def _referred(attributes: dict[str, str]) -> Iterator[str]:
    for name in _REFERENCES:
        yield from attributes.get(name, "").split()
    for link in (attributes.get("href", ""), attributes.get("xlink:href", "")):
        if link.startswith("#") and len(link) > 1:
            yield link[1:]


def _own_paths() -> Iterator[str]:
    named = (Path.home(), workspace(), books_folder(), Path(sys.prefix), Path(tempfile.gettempdir()))
    return (str(path) for path in named if len(path.parts) > 2)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:5])
