"""How is the SVG that matplotlib writes made small, themeable and bilingual?"""

import re
from collections.abc import Iterator
from html import escape
from types import MappingProxyType
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree

from analysis.errors import Misuse
from analysis.exhibits.palette import variable
from analysis.terms import LANGUAGES, Text

LABEL = "npl-label"
TIP = "npl-tip"
_HREF = "{http://www.w3.org/1999/xlink}href"
_CIRCLE = re.compile(r"M 0 ([\d.]+)\s+C(?:[^A-Z]*C){7}[^A-Z]*z\s*")
_STRAIGHT = re.compile(r"(?:[ML] -?[\d.]+ -?[\d.]+\s*)+")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_NUMBER = re.compile(r"-?\d*\.\d+(?:e-?\d+)?|-?\d+e-?\d+")
_NUMERIC = frozenset({"d", "x", "y", "width", "height", "cx", "cy", "r", "points", "transform"})
_KEPT_STYLES = frozenset(
    {"fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray"}
    | {"stroke-linecap", "stroke-linejoin"}
    | {"opacity", "font-size", "font-weight", "text-anchor"}
)
_DEFAULT_STYLES = MappingProxyType(
    {"text-anchor": "start", "stroke-linecap": "square", "stroke-linejoin": "miter", "font-weight": "400"}
)
_DROPPED_TAGS = frozenset({"metadata", "style", "clipPath"})


def coded(kind: str, text: Text) -> str:
    """A mark's id that carries words in both languages to the written file."""
    return f"{kind}?{urlencode({'zh': text.zh, 'en': text.en})}"


def cleaned(raw: str, *, prefix: str) -> str:
    """The elements of a matplotlib SVG file, small, with the page's colours, both languages and own ids."""
    root = ElementTree.fromstring(raw)  # noqa: S314 -- written by matplotlib a moment ago
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    _make_circles(root)
    ids = _renamed(root, prefix)
    return "".join(_written(child, ids) for child in root)


def text_labels(svg: str) -> tuple[str, ...]:
    """The text of every label of an SVG image, in order."""
    root = ElementTree.fromstring(svg)  # noqa: S314 -- an image of ours
    texts = [element for element in root.iter() if element.tag.rpartition("}")[2] == "text"]
    return tuple("".join(element.itertext()) for element in texts)


def _decoded(gid: str, kind: str) -> Text | None:
    head, _, query = gid.partition("?")
    if head != kind:
        return None
    fields = parse_qs(query, keep_blank_values=True)
    return Text(fields["zh"][0], fields["en"][0])


def _renamed(root: ElementTree.Element, prefix: str) -> dict[str, str]:
    # Only ids that something refers to are kept, numbered in order of use.
    used = [element.get(_HREF, "")[1:] for element in root.iter("use")]
    return {old: f"{prefix}-{number}" for number, old in enumerate(dict.fromkeys(used))}


def _written(element: ElementTree.Element, ids: dict[str, str]) -> str:
    if element.tag in _DROPPED_TAGS:
        return ""
    gid = element.get("id", "")
    if words := _decoded(gid, LABEL):
        return "".join(_labelled(text, words) for text in element.iter("text"))
    # A definition that nothing uses is left out.
    children = [child for child in element if element.tag != "defs" or child.get("id") in ids]
    inner = "".join(_written(child, ids) for child in children)
    if words := _decoded(gid, TIP):
        return _tipped(inner, words)
    if element.tag == "g" or (element.tag == "defs" and not inner):
        return inner
    return _element(element.tag, _attributes(element, ids), _words(element) + inner)


def _labelled(element: ElementTree.Element, words: Text) -> str:
    attributes = _attributes(element, {})
    if words.zh == words.en:
        return _element("text", attributes, escape(words.en))
    spoken = ((language, getattr(words, language)) for language in LANGUAGES)
    return "".join(_element("text", attributes | {"lang": lang}, escape(text)) for lang, text in spoken if text)


def _tipped(inner: str, words: Text) -> str:
    zh, en = escape(words.zh, quote=True), escape(words.en, quote=True)
    return f'<g class="tip" data-tip="{zh}" data-tip-en="{en}">{inner}</g>'


def _words(element: ElementTree.Element) -> str:
    return escape(element.text or "") if element.tag == "text" else ""


def _element(tag: str, attributes: dict[str, str], inner: str) -> str:
    listed = "".join(f' {name}="{escape(value, quote=True)}"' for name, value in attributes.items())
    return f"<{tag}{listed}>{inner}</{tag}>" if inner else f"<{tag}{listed}/>"


def _attributes(element: ElementTree.Element, ids: dict[str, str]) -> dict[str, str]:
    return dict(_kept(element, ids))


def _kept(element: ElementTree.Element, ids: dict[str, str]) -> Iterator[tuple[str, str]]:
    for qualified, value in element.attrib.items():
        name = qualified.rpartition("}")[2]
        if name == "id" and value in ids:
            yield name, ids[value]
        elif name == "href":
            yield name, f"#{ids[value[1:]]}"
        elif name == "style":
            yield from _style(value)
        elif name in _NUMERIC and not value.startswith("rotate(-0 "):
            yield name, _relative(value) or _short(value)


def _style(value: str) -> Iterator[tuple[str, str]]:
    pairs = (pair.split(":", 1) for pair in value.split(";") if ":" in pair)
    styles = {name.strip(): content.strip() for name, content in pairs}
    kept = {n: v for n, v in styles.items() if n in _KEPT_STYLES and _DEFAULT_STYLES.get(n) != v}
    if kept:
        yield "style", ";".join(f"{name}:{_coloured(name, content)}" for name, content in kept.items())


def _coloured(name: str, content: str) -> str:
    if _HEX.fullmatch(content):
        return variable(content)
    if content.startswith(("url(", "rgb", "hsl")):
        raise Misuse(f"a chart must use plain colours of the palette, was {content!r}; use palette.colour(role).")
    return _short(content, decimals=2 if "opacity" in name else 1)


def _short(value: str, *, decimals: int = 1) -> str:
    rounded = _NUMBER.sub(lambda match: f"{round(float(match.group()), decimals):g}", value)
    return re.sub(r"\s+", " ", re.sub(r"\s*([MLCQZHV,])\s*", r"\1", rounded)).strip()


def _make_circles(root: ElementTree.Element) -> None:
    # matplotlib draws a round marker as eight curves; a circle is a tenth of it.
    paths = ((path.get("id", ""), _CIRCLE.fullmatch(path.get("d", ""))) for path in root.iter("path"))
    radii = {name: match.group(1) for name, match in paths if name and match}
    for element in root.iter("use"):
        if radius := radii.get(element.get(_HREF, "")[1:]):
            element.tag = "circle"
            element.attrib = {
                "cx": element.get("x", "0"),
                "cy": element.get("y", "0"),
                "r": radius,
                "style": element.get("style", ""),
            }


def _relative(path: str) -> str:
    # Steps in tenths of a pixel from one place to the next; counted in whole tenths, they cannot drift.
    if not _STRAIGHT.fullmatch(path):
        return ""
    steps = re.findall(r"([ML]) (\S+) (\S+)", path)
    places = [(command, round(float(x) * 10), round(float(y) * 10)) for command, x, y in steps]
    written, (_, last_x, last_y), previous = f"M{_tenths(*places[0][1:])}", places[0], "M"
    for command, x, y in places[1:]:
        step = _tenths(x - last_x, y - last_y)
        lead = command.lower() if command != previous or command == "M" else "" if step.startswith("-") else " "
        written, last_x, last_y, previous = written + lead + step, x, y, command
    return written


def _tenths(x: int, y: int) -> str:
    first, second = (
        f"{number / 10:g}".replace("0.", ".", 1) if abs(number) < 10 else f"{number / 10:g}" for number in (x, y)
    )
    return first + ("" if second.startswith("-") else " ") + second
