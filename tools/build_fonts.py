"""Build the two fonts that reports embed, from Noto Sans CJK SC (Debian package fonts-noto-cjk).

Run once, when the set of characters changes:

    python tools/build_fonts.py [--names NAMES.txt] [--source DIRECTORY] [--into DIRECTORY]

The result is NPLSansSC-Regular.ttf and NPLSansSC-Bold.ttf: all of GB 2312, ASCII, Latin-1, general
punctuation and the shapes that reports use, plus every character in the file of `--names` (a bank's
list of customer names often holds characters outside GB 2312). The source has cubic (CFF) outlines,
which browsers print as Type 3 fonts; the result has quadratic (TrueType) ones, no hinting and no layout
tables. It keeps the copyright of the source and the SIL Open Font License, and has a name of its own, as
the licence asks of a modified version. The same input gives the same bytes.
"""

from pathlib import Path

import click
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont

SOURCE = Path("/usr/share/fonts/opentype/noto")
FONTS = Path(__file__).resolve().parents[1] / "src" / "analysis" / "exhibits" / "fonts"
FAMILY = "NPL Sans SC"
FACES = ("Noto Sans CJK SC", "Noto Sans CJK SC Bold")
SHAPES = "●▲■◆▼○△□→↑↓←◐±×÷≤≥≈≠∞‰￥€−…–—·•✓"
CURVE_ERROR = 1.0  # units of a 1000-unit em: a quarter of a device pixel at 250 px
SECONDS_1904_TO_2022 = 3_723_840_000  # a fixed date, so that a build can be repeated byte for byte
LICENCE_NAMES = {
    "copyright": 0,
    "trademark": 7,
    "designer": 9,
    "licenseDescription": 13,
    "licenseInfoURL": 14,
}


@click.command()
@click.option("--names", type=click.Path(exists=True, path_type=Path), help="Text file with further characters.")
@click.option("--source", type=click.Path(exists=True, path_type=Path), default=SOURCE, show_default=True)
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), default=FONTS)
def build_fonts(names: Path | None, source: Path, into: Path) -> None:
    """Write NPLSansSC-Regular.ttf and NPLSansSC-Bold.ttf."""
    wanted = characters(names.read_text(encoding="utf-8") if names else "")
    for weight in ("Regular", "Bold"):
        collection = TTCollection(source / f"NotoSansCJK-{weight}.ttc", lazy=True)
        face = next(font for font in collection.fonts if font["name"].getDebugName(4) in FACES)
        path = into / f"NPLSansSC-{weight}.ttf"
        converted(face, wanted, weight).save(path, reorderTables=True)
        click.echo(f"{path.name}: {path.stat().st_size:,} bytes")


def characters(names: str) -> frozenset[int]:
    """Code points that the fonts must hold."""
    rows = (bytes((high, low)) for high in range(0xA1, 0xF8) for low in range(0xA1, 0xFF))
    gb2312 = "".join(row.decode("gb2312", errors="ignore") for row in rows)
    ranges = (range(0x20, 0x7F), range(0xA0, 0x100), range(0x2010, 0x2028), range(0x2030, 0x205F))
    return frozenset(map(ord, gb2312 + SHAPES + names)) | {point for span in ranges for point in span}


def converted(face: TTFont, wanted: frozenset[int], weight: str) -> TTFont:
    """The face cut to the wanted characters, with quadratic outlines and a name of its own."""
    cmap = {point: name for point, name in sorted(face.getBestCmap().items()) if point in wanted}
    order = [".notdef", *dict.fromkeys(cmap.values())]
    glyph_set = face.getGlyphSet()
    builder = FontBuilder(face["head"].unitsPerEm, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(cmap)
    builder.setupGlyf({name: outline(glyph_set[name]) for name in order})
    glyf = builder.font["glyf"]
    builder.setupHorizontalMetrics({name: (face["hmtx"][name][0], glyf[name].xMin) for name in order})
    builder.setupHorizontalHeader(ascent=face["hhea"].ascent, descent=face["hhea"].descent)
    builder.setupNameTable(names_of(face, weight), mac=False)
    builder.setupOS2(
        usWeightClass=face["OS/2"].usWeightClass,
        sTypoAscender=face["OS/2"].sTypoAscender,
        sTypoDescender=face["OS/2"].sTypoDescender,
        usWinAscent=face["OS/2"].usWinAscent,
        usWinDescent=face["OS/2"].usWinDescent,
        fsSelection=0x20 if weight == "Bold" else 0x40,
        achVendID="NPL ",
    )
    builder.setupPost(keepGlyphNames=False)
    builder.setupHead(
        unitsPerEm=face["head"].unitsPerEm,
        created=SECONDS_1904_TO_2022,
        modified=SECONDS_1904_TO_2022,
        macStyle=int(weight == "Bold"),
    )
    builder.font.recalcTimestamp = False
    return builder.font


def outline(glyph: object) -> object:
    """A TrueType glyph with the shape of a cubic one."""
    pen = TTGlyphPen(None)
    glyph.draw(Cu2QuPen(pen, CURVE_ERROR, reverse_direction=True))  # type: ignore[attr-defined]
    return pen.glyph()


def names_of(face: TTFont, weight: str) -> dict[str, str]:
    """Name records: ours for the family, the source's for copyright and licence."""
    kept = {key: face["name"].getDebugName(number) for key, number in LICENCE_NAMES.items()}
    ours = {
        "familyName": FAMILY,
        "styleName": weight,
        "uniqueFontIdentifier": f"NPLSansSC-{weight}",
        "fullName": f"{FAMILY} {weight}",
        "version": "Version 1.000; modified from Noto Sans CJK SC 2.004",
        "psName": f"NPLSansSC-{weight}",
    }
    return ours | {key: text for key, text in kept.items() if text}


if __name__ == "__main__":
    build_fonts()
