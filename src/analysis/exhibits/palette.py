"""Which colours do exhibits use, and can they be read? One light and one dark set, with contrast."""

from types import MappingProxyType
from typing import Literal

from analysis.errors import Misuse

Tone = Literal["worse", "better", "neutral", "context"]

# The same values stand in style.css, and a test keeps both in step.
# Orange is worse and teal is better: red and green mean the opposite of each other in Chinese and
# Western markets, and one reader in twelve cannot tell them apart.
LIGHT = MappingProxyType(
    {
        "ground": "#f4f6f8",
        "card": "#ffffff",
        "ink": "#1d2733",
        "muted": "#5a6675",
        "grid": "#e1e6eb",
        "line": "#d5dbe2",
        "accent": "#1f5fa8",
        "context": "#b9c2cc",
        "worse": "#bd4f18",
        "better": "#257680",
        "total": "#44546a",
        "ok": "#1d6a72",
        "ok-ground": "#e3f1f2",
        "watch": "#805300",
        "watch-ground": "#fbf0d9",
        "breach": "#a83f0d",
        "breach-ground": "#fbe7dc",
        "none": "#55616f",
        "none-ground": "#eceff3",
    }
)
DARK = MappingProxyType(
    {
        "ground": "#11171e",
        "card": "#19212b",
        "ink": "#e6ebf1",
        "muted": "#9aa7b6",
        "grid": "#2a3440",
        "line": "#33404e",
        "accent": "#6aa9ea",
        "context": "#566473",
        "worse": "#f08a4b",
        "better": "#5cb8c2",
        "total": "#8fa0b5",
        "ok": "#7fd0d8",
        "ok-ground": "#16343a",
        "watch": "#e9bd5b",
        "watch-ground": "#3a2f14",
        "breach": "#f5a071",
        "breach-ground": "#3f2416",
        "none": "#a9b5c2",
        "none-ground": "#28323e",
    }
)
TONE_COLOURS = MappingProxyType({"worse": "worse", "better": "better", "neutral": "accent", "context": "context"})
VARIABLE = "--npl-"
_LINEAR_UNTIL = 0.04045  # sRGB transfer function, IEC 61966-2-1


def colour(name: str) -> str:
    """The light colour of a role, which charts draw with and the page replaces by its variable.

    Raises:
        Misuse: if the role is not in the palette.
    """
    if name not in LIGHT:
        raise Misuse(f"colour must be one of {', '.join(LIGHT)}, was {name!r}; use a role of the palette.")
    return LIGHT[name]


def tone_colour(tone: Tone) -> str:
    """The light colour of a tone."""
    return colour(TONE_COLOURS[tone])


def variable(hex_colour: str) -> str:
    """The CSS variable for a colour that a chart drew with.

    Raises:
        Misuse: if the colour is not in the palette, since it could not follow dark mode.
    """
    for name, light in LIGHT.items():
        if light == hex_colour.lower():
            return f"var({VARIABLE}{name})"
    raise Misuse(f"a chart must use colours of the palette, was {hex_colour!r}; use palette.colour(role).")


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21.

    Source: WCAG 2.2, definition of contrast ratio.
    """
    brighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def blended(over: str, ground: str, share: float) -> str:
    """The colour seen where `over` lies on `ground` with an opacity of `share` [0 to 1]."""
    pairs = zip(_channels(over), _channels(ground), strict=True)
    return "#" + "".join(f"{round(top * share + under * (1 - share)):02x}" for top, under in pairs)


def _channels(hex_colour: str) -> tuple[int, ...]:
    return tuple(int(hex_colour[start : start + 2], 16) for start in (1, 3, 5))


def _luminance(hex_colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(hex_colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= _LINEAR_UNTIL else float(((channel + 0.055) / 1.055) ** 2.4)
