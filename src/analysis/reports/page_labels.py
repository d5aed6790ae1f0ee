"""What does a page name? Headings of rows, words in cells, and the segments its charts are about."""

import re
from html.parser import HTMLParser

from analysis.reports.page_text import visible_markup

_LISTED = re.compile(r"[、,]\s*")
_FIGURE = re.compile(r"[\d.,%+−-]*")


def page_labels(html: str) -> set[str]:
    """Each name that stands by itself: a row's heading, one of a cell's words, a segment of a chart.

    A figure in a cell is no name; one at the head of a row is.
    """
    reader = _LabelReader()
    reader.feed(visible_markup(html))
    reader.close()
    return {label.strip() for label in reader.labels} - {""}


class _LabelReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.labels: set[str] = set()
        self.place = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("th", "td"):
            self.place = tag
        self.labels.update(value or "" for name, value in attrs if name == "data-seg")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td", "tr", "table"):
            self.place = ""

    def handle_data(self, data: str) -> None:
        if self.place:
            names = {data, *_LISTED.split(data)}
            self.labels.update(name for name in names if self.place == "th" or not _FIGURE.fullmatch(name.strip()))
