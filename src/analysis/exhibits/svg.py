"""How does a matplotlib figure become a small SVG with real text, two languages and the page's colours?"""

import io
from collections.abc import Callable
from html import escape
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from analysis.exhibits.exhibit import both
from analysis.exhibits.fonts import refuse_missing_glyphs, register_fonts, text_width
from analysis.exhibits.palette import colour
from analysis.exhibits.postprocess import LABEL, TIP, cleaned, coded
from analysis.terms import Text, same

Paint = Callable[[Axes], None]
Size = tuple[float, float]

PIXELS_PER_INCH = 72  # matplotlib writes SVG in points; with this, one unit is one pixel at the drawn width
_STYLE: Any = MappingProxyType(
    {
        "figure.dpi": PIXELS_PER_INCH,
        "svg.fonttype": "none",
        "text.parse_math": False,  # a name with two dollar signs is a name
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.edgecolor": colour("context"),
        "axes.unicode_minus": True,
        "axes.axisbelow": True,
        "lines.solid_capstyle": "round",
        "lines.solid_joinstyle": "round",
        "xtick.color": colour("muted"),
        "ytick.color": colour("muted"),
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "grid.color": colour("grid"),
        "grid.linewidth": 1,
        "path.simplify": False,
    }
)


def drawing(paint: Paint, *, size: Size, prefix: str, words: tuple[Text, Text]) -> str:
    """An SVG image of what `paint` puts on an axes that fills it.

    Args:
        paint: draws on the axes, with colours of the palette only.
        size: width and height [pixels at the width it is meant to be shown].
        prefix: what every id in the image starts with; unique in the page.
        words: what the image says, and what it is of.
    """
    return image(painted(paint, size=size, prefix=prefix), size=size, prefix=prefix, words=words)


def painted(paint: Paint, *, size: Size, prefix: str) -> str:
    """The elements of an SVG image, without the image around them."""
    return cleaned(raw_svg(paint, size=size, prefix=prefix), prefix=prefix)


def image(elements: str, *, size: Size, prefix: str, words: tuple[Text, Text]) -> str:
    """An SVG image around elements, with a title and a description for those who cannot see it."""
    key = escape(prefix, quote=True)
    return (
        f'<svg viewBox="0 0 {size[0]:g} {size[1]:g}" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{both(words[0])}</title><desc id="{key}-d">{both(words[1])}</desc>{elements}</svg>'
    )


def raw_svg(paint: Paint, *, size: Size, prefix: str) -> str:
    """The SVG file as matplotlib writes it."""
    with mpl.rc_context({**_STYLE, "font.family": register_fonts(), "svg.hashsalt": prefix}):
        figure = Figure(figsize=(size[0] / PIXELS_PER_INCH, size[1] / PIXELS_PER_INCH))
        figure.patch.set_visible(False)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.patch.set_visible(False)
        paint(axes)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def place(axes: Axes, size: Size, *, margins: tuple[float, float, float, float]) -> None:
    """Put the axes inside an image, leaving margins left, right, top and bottom [pixels]."""
    left, right, top, bottom = margins
    width, height = size
    axes.set_position((left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height))


def label(axes: Axes, at: tuple[float, float], text: Text | str, **style: Any) -> Annotation:  # noqa: ANN401 -- handed on to matplotlib
    """Write a label in both languages at a place in the data, its baseline `dy` pixels below it.

    Args:
        axes: where to write.
        at: place [data units].
        text: the words, or a number that reads the same in both languages.
        **style: `dx`, `dy` [pixels, up is positive], `role` (of the palette), `size` [pixels], `weight`, `ha`.
    """
    words = same(text) if isinstance(text, str) else text
    refuse_missing_glyphs(words.zh + words.en)
    offset = (style.pop("dx", 0), style.pop("dy", 0))
    ink = colour(style.pop("role", "ink"))
    written = axes.annotate(
        longer(words),
        at,
        xytext=offset,
        textcoords="offset points",
        va="baseline",
        color=ink,
        annotation_clip=False,
        **style,
    )
    written.set_gid(coded(LABEL, words))
    return written


def longer(text: Text) -> str:
    """The wording that needs more room."""
    return max(text.zh, text.en, key=lambda words: text_width(words, 1))


def room(texts: list[Text] | list[str], size: float, weight: int = 400) -> float:
    """Width of the widest of some labels, in the language that needs more [pixels]."""
    words = [longer(text) if isinstance(text, Text) else text for text in texts]
    return max((text_width(line, size, weight) for line in words), default=0)


def tip(artist: Artist, text: Text) -> None:
    """Give a mark words that show when it is pointed at."""
    artist.set_gid(coded(TIP, text))
