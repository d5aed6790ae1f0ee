"""Which words of a page are set in bold, so that the bold font need not hold the others?"""

from html.parser import HTMLParser

_TAGS = frozenset({"b", "strong", "h1", "h2", "h3", "tfoot"})
_CLASSES = frozenset({"strong", "pill", "v", "gap", "bank", "npl-title"})
_VOID = frozenset({"meta", "link", "br", "hr", "img", "input", "wbr", "path", "use", "circle", "rect", "line"})


def bold_text(html: str) -> str:
    """Words of a page in bold elements; a browser test holds this against the style sheet.

    Args:
        html: a page, or a piece of one.
    """
    reader = _BoldReader()
    reader.feed(html)
    reader.close()
    return " ".join(reader.words)


class _BoldReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, bool]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append((tag, _is_bold(tag, dict(attrs))))

    def handle_endtag(self, tag: str) -> None:
        places = [place for place, (name, _) in enumerate(self.open) if name == tag]
        if places:
            del self.open[places[-1] :]

    def handle_data(self, data: str) -> None:
        if any(bold for _, bold in self.open):
            self.words.append(data)


def _is_bold(tag: str, attributes: dict[str, str | None]) -> bool:
    classes = (attributes.get("class") or "").split()
    drawn_bold = "font-weight:700" in (attributes.get("style") or "") or attributes.get("font-weight") == "700"
    return tag in _TAGS or not _CLASSES.isdisjoint(classes) or drawn_bold
