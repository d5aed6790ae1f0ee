"""The bold font holds the words that are set in bold, and leaves out the others."""

import base64
import io
import re

import pytest
from fontTools.ttLib import TTFont

from analysis.exhibits.fonts import embedded_font_css
from analysis.reports.bold_text import bold_text


def letters(css: str, weight: int) -> set[str]:
    """Characters of the embedded font of a weight."""
    face = re.search(rf"font-weight:{weight};src:url\(data:font/woff2;base64,([^)]*)\)", css)
    assert face is not None
    return {chr(code) for code in TTFont(io.BytesIO(base64.b64decode(face[1]))).getBestCmap()}


@pytest.mark.parametrize(
    ("html", "bold"),
    [
        ("<p>轻<b>重</b>轻</p>", "重"),
        ("<h2>重<small>也</small></h2>轻", "重 也"),
        ('<span class="pill ok">重</span><br>轻', "重"),
        ('<text style="font-weight:700;font-size:12px">重</text><text>轻</text>', "重"),
        ("<p>甲<br>乙</p><tfoot><tr><td>重</td></tr></tfoot>", "重"),
        ("<p>轻</b></p>轻", ""),
    ],
)
def test_words_in_bold_elements_are_bold(html: str, bold: str) -> None:
    assert bold_text(html) == bold


def test_the_bold_font_leaves_out_what_is_never_bold() -> None:
    css = embedded_font_css("轻重a", "重")
    assert {"轻", "重", "a"} <= letters(css, 400)
    assert "重" in letters(css, 700)
    assert "轻" not in letters(css, 700)
    assert set("0123456789%") <= letters(css, 700)
