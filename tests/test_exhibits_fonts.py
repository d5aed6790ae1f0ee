"""Pages are readable on machines without Chinese fonts."""

import base64
import io
import re
import warnings

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from analysis.errors import DataRefused
from analysis.exhibits import fonts

PAGE = "不良贷款率 NPL ratio 1.62% −4.1 – … ● ▲ ■ ◐ → ￥ € ≤"


def embedded(css: str) -> list[TTFont]:
    packed = re.findall(r"base64,([A-Za-z0-9+/=]+)", css)
    return [TTFont(io.BytesIO(base64.b64decode(font))) for font in packed]


def test_the_embedded_fonts_hold_exactly_the_characters_of_the_page_in_two_weights() -> None:
    css = fonts.embedded_font_css(PAGE)
    assert re.findall(r"font-weight:(\d+)", css) == ["400", "700"]
    for font in embedded(css):
        assert set(map(chr, font.getBestCmap())) == set(PAGE)
        assert "glyf" in font  # TrueType outlines print as text, CFF as drawings


def test_the_same_page_gives_the_same_bytes_in_any_order_of_pieces() -> None:
    assert fonts.embedded_font_css([PAGE, "表"]) == fonts.embedded_font_css("表" + PAGE)


def test_a_missing_glyph_stops_the_page_and_is_named() -> None:
    with pytest.raises(DataRefused, match=r"1 have none: 𠮷 \(U\+20BB7\)"):
        fonts.embedded_font_css("银行𠮷")


def test_characters_without_a_shape_are_not_missed() -> None:
    assert fonts.missing_glyphs("a\n\t\u200b\ufeffb") == ()


def test_all_of_gb2312_can_be_shown() -> None:
    rows = (bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    hanzi = "".join(row.decode("gb2312", errors="ignore") for row in rows)
    assert len(hanzi) == 6763  # GB 2312-80
    assert fonts.missing_glyphs(hanzi) == ()


@pytest.mark.parametrize("weight", list(fonts.WEIGHTS))
def test_the_fonts_carry_their_licence_and_a_name_of_their_own(weight: int) -> None:
    font = TTFont(fonts.FOLDER / fonts.WEIGHTS[weight])
    names = {record.nameID: str(record) for record in font["name"].names}
    font.close()
    assert "SIL Open Font License" in names[13]
    assert "Adobe" in names[0]
    assert names[1] == fonts.FAMILY
    assert not {"Noto", "Source"} & set(names[1].split())
    assert (fonts.FOLDER / "OFL.txt").read_text(encoding="utf-8").count("SIL OPEN FONT LICENSE Version 1.1") == 1


def test_matplotlib_draws_chinese_without_a_warning() -> None:
    figure = Figure()
    figure.text(0.5, 0.5, "不良贷款率 −1.62%", fontfamily=fonts.register_fonts())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=40)


def test_widths_are_those_of_the_font() -> None:
    assert fonts.text_width("不良", 10) == pytest.approx(20)
    assert fonts.text_width("1.62", 1000) == pytest.approx(3 * 555 + 278)  # hmtx of Noto Sans CJK SC


@settings(max_examples=40, deadline=None)
@given(st.text("不良贷款0123.%", max_size=12), st.text("不良贷款0123.%", max_size=12))
def test_width_adds_up(first: str, second: str) -> None:
    whole = fonts.text_width(first + second, 10)
    assert whole == pytest.approx(fonts.text_width(first, 10) + fonts.text_width(second, 10))
