"""Colours can be read in both themes, by everybody."""

import re
from itertools import product

import pytest

from analysis.errors import Misuse
from analysis.exhibits import palette
from analysis.exhibits.exhibit import notebook_style, stylesheet

THEMES = {"light": palette.LIGHT, "dark": palette.DARK}
TEXT_ROLES = ("ink", "muted", "accent", "worse", "better", "ok", "watch", "breach", "total")
GRAPHICS = ("accent", "worse", "better", "total", "muted")
PILLS = ("ok", "watch", "breach", "none")


@pytest.mark.parametrize(("theme", "role", "ground"), [*product(THEMES, TEXT_ROLES, ("card", "ground"))])
def test_text_has_a_contrast_of_at_least_four_and_a_half(theme: str, role: str, ground: str) -> None:
    colours = THEMES[theme]
    assert palette.contrast(colours[role], colours[ground]) >= 4.5


@pytest.mark.parametrize(("theme", "status"), [*product(THEMES, PILLS)])
def test_a_pill_can_be_read_on_its_own_ground(theme: str, status: str) -> None:
    colours = THEMES[theme]
    assert palette.contrast(colours[status], colours[f"{status}-ground"]) >= 4.5


@pytest.mark.parametrize(("theme", "role"), [*product(THEMES, GRAPHICS)])
def test_lines_dots_and_bars_have_a_contrast_of_at_least_three(theme: str, role: str) -> None:
    assert palette.contrast(THEMES[theme][role], THEMES[theme]["card"]) >= 3


@pytest.mark.parametrize(("theme", "share"), [*product(THEMES, (0.0, 0.25, 0.5, 1.0))])
def test_numbers_can_be_read_on_every_shade_of_a_calendar(theme: str, share: float) -> None:
    colours = THEMES[theme]
    strongest = float(re.search(r"var\(--share\) \* (\d+)%", stylesheet())[1]) / 100
    ground = palette.blended(colours["accent"], colours["card"], share * strongest)
    assert palette.contrast(colours["ink"], ground) >= 4.5


def test_contrast_agrees_with_the_ends_of_the_published_scale() -> None:
    # WCAG 2.2: 1:1 for a colour on itself, 21:1 for black on white; 4.54:1 is #767676 on white.
    assert palette.contrast("#336699", "#336699") == pytest.approx(1)
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palette.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


def test_each_light_colour_stands_for_one_role_so_that_charts_can_follow_the_theme() -> None:
    assert len(set(palette.LIGHT.values())) == len(palette.LIGHT)
    assert set(palette.LIGHT) == set(palette.DARK)
    for role, value in palette.LIGHT.items():
        assert palette.variable(value.upper()) == f"var(--npl-{role})"


def test_a_colour_outside_the_palette_is_refused() -> None:
    with pytest.raises(Misuse, match="palette"):
        palette.variable("#ff0000")
    with pytest.raises(Misuse, match="'red'"):
        palette.colour("red")


def test_the_style_sheet_holds_the_palette_and_no_other_colour() -> None:
    sheet = stylesheet()
    declared = re.findall(r"--npl-([a-z-]+): (#[0-9a-f]{6});", sheet)
    assert len(declared) == 5 * len(palette.LIGHT)  # light, dark by system, dark and light by choice, print
    assert set(declared) == set(palette.LIGHT.items()) | set(palette.DARK.items())
    assert len(re.findall(r"#[0-9a-fA-F]{3,8}\b", sheet)) == len(declared)
    assert set(re.findall(r"var\(--npl-([a-z-]+)\)", sheet)) <= set(palette.LIGHT)


def test_the_style_sheet_touches_nothing_outside_exhibits_and_loads_nothing() -> None:
    sheet = re.sub(r"/\*.*?\*/", "", stylesheet(), flags=re.S)
    selectors = [rule for rule in re.findall(r"([^{}]+)\{", sheet) if not rule.strip().startswith("@")]
    assert len(selectors) > 50
    for selector in selectors:
        assert all(".npl" in part for part in selector.split(",")), selector
    assert "url(" not in sheet
    assert "@import" not in sheet


@pytest.mark.parametrize(("language", "hidden"), [("zh", "en"), ("en", "zh")])
def test_a_notebook_shows_one_language_whatever_the_page_around_it_says(language: str, hidden: str) -> None:
    assert f"[lang={hidden}]{{display:none!important}}" in notebook_style(language)
