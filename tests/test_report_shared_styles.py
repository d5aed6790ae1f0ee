"""What repeats on a page is written once, and looks the same."""

import re

from analysis.exhibits.exhibit import stylesheet
from analysis.reports.shared_styles import compact, with_shared_styles
from analysis.reports.style import page_style

PAGE = (
    '<style>a{b:c}</style><svg><symbol id="s"><path d="M0 0" style="fill:none"/></symbol><text style="fill:none" '
    'x="1">A</text><path style="stroke:red"/></svg><i style="fill:none"></i><i style="fill:none"></i>'
)


def undone(html: str) -> str:
    """The page with each shared style back in its place."""
    rules = dict(re.findall(r"\.(k\d+)\{([^}]*)\}", html))
    html = re.sub(r"\.k\d+\{[^}]*\}", "", html)
    return re.sub(r' class="(k\d+)"', lambda found: f' style="{rules[found[1]]}"', html)


def test_a_style_that_repeats_becomes_a_class_and_one_that_does_not_stays() -> None:
    shared = with_shared_styles(PAGE)
    assert shared.count('class="k0"') == 2
    assert "a{b:c}.k0{fill:none}</style>" in shared
    assert 'style="stroke:red"' in shared
    assert shared.count('<i style="fill:none">') == 2  # no mark of a drawing
    assert undone(shared) == PAGE


def test_a_page_without_drawings_stays_as_it_is() -> None:
    assert with_shared_styles("<style>x</style><p>y</p>") == "<style>x</style><p>y</p>"


def test_a_compact_sheet_holds_every_rule() -> None:
    sheet = stylesheet()
    assert compact("/* why */ a {\n  b: c;\n  d: e, f;\n}\n") == "a{b: c;d: e,f}"
    assert compact(sheet).count("{") == sheet.count("{")
    assert "/*" not in page_style()
    assert len(page_style()) < len(sheet) + len(page_style()) * 0.9
