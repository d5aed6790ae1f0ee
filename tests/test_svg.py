"""Charts as SVG: real text, two languages, the page's colours, unique ids, small."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes

from analysis.errors import DataRefused, Misuse
from analysis.exhibits import postprocess, svg
from analysis.exhibits.palette import colour
from analysis.terms import Text, same

SIZE = (300.0, 120.0)
LABELS = ("2.18", "1.38", "0.05", "−4.1", "1.005")
WORDS = (Text("标题", "Title"), Text("说明", "What it shows"))


def painter(axes: Axes) -> None:
    svg.place(axes, SIZE, margins=(30, 50, 10, 20))
    axes.plot([0, 1, 2], [1.123, 2.18, 1.38], color=colour("worse"), lw=2)
    axes.fill_between([0, 1], [0, 0], [1, 2], color=colour("worse"), alpha=0.16, lw=0)
    svg.tip(axes.plot([2], [1.38], "o", color=colour("worse"), mew=0)[0], Text('甲"<', 'A"<&'))
    for row, number in enumerate(LABELS):
        svg.label(axes, (row / 3, 1), number)


def bilingual(axes: Axes) -> None:
    svg.label(axes, (0.5, 0.5), Text("个人经营贷", "Personal $x$ <b> & business"))


def test_numbers_on_the_picture_are_the_same_before_and_after() -> None:
    raw = svg.raw_svg(painter, size=SIZE, prefix="p")
    clean = svg.drawing(painter, size=SIZE, prefix="p", words=WORDS)
    assert Counter(postprocess.text_labels(clean)) == Counter(postprocess.text_labels(raw))
    assert set(LABELS) <= set(postprocess.text_labels(clean))


def test_coordinates_have_one_decimal_and_opacity_two() -> None:
    clean = re.sub(r">[^<]*<", "><", svg.painted(painter, size=SIZE, prefix="p"))
    assert "fill-opacity:0.16" in clean
    assert not re.search(r"\.\d\d", clean.replace("0.16", ""))


def test_colours_are_variables_so_that_dark_mode_works() -> None:
    clean = svg.painted(painter, size=SIZE, prefix="p")
    assert "var(--npl-worse)" in clean
    assert not re.search(r"#[0-9a-f]{6}", clean)


def test_a_colour_outside_the_palette_is_refused() -> None:
    with pytest.raises(Misuse, match="#123456"):
        svg.painted(lambda axes: axes.plot([0, 1], [0, 1], color="#123456"), size=SIZE, prefix="p")


def test_labels_are_there_in_both_languages_and_escaped() -> None:
    clean = svg.painted(bilingual, size=SIZE, prefix="p")
    assert "<text style=" in clean
    assert re.search(r'<text [^>]*lang="zh">个人经营贷</text>', clean)
    assert re.search(r'<text [^>]*lang="en">Personal \$x\$ &lt;b&gt; &amp; business</text>', clean)
    assert 'lang="zh"' not in svg.painted(painter, size=SIZE, prefix="p")


def test_tips_are_escaped_attributes_in_both_languages() -> None:
    clean = svg.painted(painter, size=SIZE, prefix="p")
    assert 'data-tip="甲&quot;&lt;" data-tip-en="A&quot;&lt;&amp;"' in clean


def test_the_image_has_a_role_a_title_and_a_description_that_resolve() -> None:
    clean = svg.drawing(painter, size=SIZE, prefix="p", words=WORDS)
    assert 'role="img" aria-labelledby="p-t p-d"' in clean
    assert '<title id="p-t">标题 / Title</title><desc id="p-d">说明 / What it shows</desc>' in clean


def test_ids_are_unique_used_and_start_with_the_figures_name() -> None:
    clean = svg.drawing(painter, size=SIZE, prefix="fig", words=WORDS)
    ids = re.findall(r' id="([^"]+)"', clean)
    assert ids
    assert len(ids) == len(set(ids))
    assert all(name.startswith("fig-") for name in ids)
    assert set(re.findall(r'href="#([^"]+)"', clean)) == set(ids) - {"fig-t", "fig-d"}


def test_two_drawings_of_the_same_have_the_same_bytes() -> None:
    assert svg.drawing(painter, size=SIZE, prefix="p", words=WORDS) == svg.drawing(
        painter, size=SIZE, prefix="p", words=WORDS
    )


def test_nothing_is_left_of_the_file_around_the_picture() -> None:
    clean = svg.drawing(painter, size=SIZE, prefix="p", words=WORDS)
    for waste in ("<?xml", "DOCTYPE", "metadata", "font-family", "clip-path", "http:", "<g>", "<g/>"):
        assert waste not in clean
    assert "<circle" in clean
    assert len(clean) < 0.6 * len(svg.raw_svg(painter, size=SIZE, prefix="p"))


def test_a_label_without_a_glyph_is_refused_before_it_is_drawn() -> None:
    with pytest.raises(DataRefused, match="U\\+1F600"):
        svg.painted(lambda axes: svg.label(axes, (0, 0), same("😀")), size=SIZE, prefix="p")


def test_the_longer_wording_takes_the_room() -> None:
    assert svg.longer(Text("不良", "Non-performing")) == "Non-performing"
    assert svg.longer(Text("个人住房按揭贷款", "Mortgage")) == "个人住房按揭贷款"
    assert svg.room([Text("甲", "a"), Text("甲甲", "a")], 10) == pytest.approx(20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 900), st.floats(-50, 900)), min_size=2, max_size=80))
def test_shortened_paths_do_not_drift(places: list[tuple[float, float]]) -> None:
    raw = "M " + " L ".join(f"{x:.6f} {y:.6f}" for x, y in places) + " "
    short = postprocess._relative(raw)
    numbers = [float(text) for text in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", short)]
    ends = np.cumsum(np.array(numbers).reshape(-1, 2), axis=0)
    assert np.abs(ends - np.array(places)).max() <= 0.0501
