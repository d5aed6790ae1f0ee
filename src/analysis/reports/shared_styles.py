"""Which ways of drawing repeat on a page? Each is written once, as a class, so that pages stay small."""

import re
from collections import Counter

_DRAWN = re.compile(r"(<(?:text|path|circle|use|rect)\b[^>]*?) style=\"([^\"]*)\"")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AROUND = re.compile(r"\s*([{};,>])\s*")
_STYLE_END = "</style>"


def with_shared_styles(html: str) -> str:
    """The same page with the styles of its drawings, where they repeat, in its style sheet.

    Args:
        html: a page whose first style element may be added to; no mark of a drawing has a class.
    """
    times = Counter(style for _, style in _DRAWN.findall(html))
    shared = [style for style, number in times.most_common() if number > 1]
    names = {style: f"k{number}" for number, style in enumerate(shared)}
    # A class alone: what a symbol holds is drawn elsewhere by its uses, where it has no ancestors.
    rules = "".join(f".{name}{{{style}}}" for style, name in names.items())
    named = _DRAWN.sub(lambda mark: _named(mark, names), html)
    return named.replace(_STYLE_END, rules + _STYLE_END, 1)


def compact(sheet: str) -> str:
    """A style sheet without comments and needless spaces."""
    return _AROUND.sub(r"\1", re.sub(r"\s+", " ", _COMMENT.sub("", sheet))).replace(";}", "}").strip()


def _named(mark: re.Match[str], names: dict[str, str]) -> str:
    start, style = mark.groups()
    return f'{start} class="{names[style]}"' if style in names else mark.group()
