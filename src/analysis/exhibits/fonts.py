"""Which characters can a page show on a machine without Chinese fonts, and how wide are they?"""

import base64
import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from string import printable
from types import MappingProxyType
from typing import Any

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from matplotlib.font_manager import fontManager

from analysis.errors import DataRefused

FAMILY = "NPL Sans SC"
WEIGHTS = MappingProxyType({400: "NPLSansSC-Regular.ttf", 700: "NPLSansSC-Bold.ttf"})
FOLDER = Path(__file__).with_name("fonts")
_NAMED_IN_MESSAGE = 20
# Controls, joiners and marks of direction have no shape of their own.
_SHAPELESS = frozenset(map(chr, [*range(0x20), 0x7F, *range(0x200B, 0x2010), *range(0x2028, 0x202F), 0xFE0F, 0xFEFF]))


@cache
def register_fonts() -> str:
    """Make the shipped fonts known to matplotlib; gives the family's name."""
    for name in WEIGHTS.values():
        fontManager.addfont(FOLDER / name)
    return FAMILY


def embedded_font_css(texts: str | Iterable[str], bold: str | None = None) -> str:
    """`@font-face` rules that hold exactly the characters of a page, in both weights, as woff2.

    Args:
        texts: the text of the page, in one piece or many; markup does no harm.
        bold: what of it is set in bold; all of it if not given. Letters and digits are always there.

    Raises:
        DataRefused: if a character has no glyph; names each.
    """
    characters = _shown(texts if isinstance(texts, str) else "".join(texts))
    refuse_missing_glyphs("".join(sorted(characters)))
    emphasised = characters if bold is None else _shown(bold + printable) & (characters | _shown(printable))
    return _font_face(400, characters) + _font_face(700, emphasised)


def refuse_missing_glyphs(text: str) -> None:
    """Stop a page that would show boxes instead of characters.

    Raises:
        DataRefused: if a character has no glyph; names each.
    """
    missing = missing_glyphs(text)
    if missing:
        named = ", ".join(f"{character} (U+{ord(character):04X})" for character in missing[:_NAMED_IN_MESSAGE])
        raise DataRefused(
            f"every character of a page must have a glyph in {FAMILY}, but {len(missing)} have none: {named}. "
            "Rename them in the book's labels, or add them to the fonts with tools/build_fonts.py --names."
        )


def missing_glyphs(text: str) -> tuple[str, ...]:
    """The characters of a text that no shipped font can draw, in order of code point."""
    return tuple(sorted(character for character in _shown(text) if ord(character) not in _character_map(400)))


def text_width(text: str, size: float, weight: int = 400) -> float:
    """Width of a line of text set in the shipped font, in the unit of `size`.

    A character without a glyph counts as a full square.
    """
    names, widths = _character_map(weight), _advances(weight)
    units = sum(widths[names[ord(c)]] if ord(c) in names else 1000 for c in text)
    return units / 1000 * size


def _shown(text: str) -> frozenset[str]:
    return frozenset(text) - _SHAPELESS


def _font_face(weight: int, characters: frozenset[str]) -> str:
    encoded = base64.b64encode(_subset(weight, characters)).decode("ascii")
    return (
        f'@font-face{{font-family:"{FAMILY}";font-weight:{weight};'
        f'src:url(data:font/woff2;base64,{encoded}) format("woff2")}}\n'
    )


def _subset(weight: int, characters: frozenset[str]) -> bytes:
    font = _font(weight)
    cutter = Subsetter(Options(name_IDs=[], hinting=False, notdef_outline=True, layout_features=[], bidi_closure=False))
    cutter.populate(unicodes=sorted(map(ord, characters)))
    cutter.subset(font)
    font.flavor = "woff2"
    written = io.BytesIO()
    font.save(written)
    return written.getvalue()


def _font(weight: int) -> TTFont:
    # A time of saving inside the file would make every report's bytes different.
    return TTFont(io.BytesIO((FOLDER / WEIGHTS[weight]).read_bytes()), recalcTimestamp=False)


@cache
def _character_map(weight: int) -> dict[int, str]:
    return dict(_font(weight).getBestCmap())


@cache
def _advances(weight: int) -> dict[str, int]:
    metrics: Any = _font(weight)["hmtx"]
    return {name: advance for name, (advance, _) in metrics.metrics.items()}
