"""Which words can a reader meet on a page: at once, in either language, or when pointing at something?"""

import re
from html import unescape

_DATA = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]*")
_SCRIPT_OR_STYLE = re.compile(r"<(script|style)\b[^>]*>.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
# Words that the page's script and style sheet write: what a mark says when pointed at, arrows of sorting.
_TIP = re.compile(r'\bdata-tip(?:-en)?="([^"]*)"')
_CSS_CONTENT = re.compile(r'\bcontent:\s*"([^"\\]*)"')


def page_text(html: str) -> str:
    """Text that is drawn on a page in the page's own font."""
    written = [*_TIP.findall(html), *_CSS_CONTENT.findall(html)]
    return unescape(" ".join([_TAG.sub(" ", visible_markup(html)), *written]))


def visible_markup(html: str) -> str:
    """A page's markup without styles, scripts and embedded files: all that holds words."""
    return _SCRIPT_OR_STYLE.sub(" ", without_files(html))


def without_files(html: str) -> str:
    """A page's markup without the files that are embedded in it."""
    return _DATA.sub("data:", html)
