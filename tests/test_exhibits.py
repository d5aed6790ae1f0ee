"""Cards, charts and tables: what they show, and that nothing in the data can break them."""

import json
import re
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from math import isnan, nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.exhibits import charts, tables
from analysis.exhibits.cards import Card, Remark, cards
from analysis.exhibits.charts import Ahead, Series
from analysis.exhibits.dots import Mark, Reference, bars, intervals
from analysis.exhibits.exhibit import MIME_TYPE, Caption, Exhibit
from analysis.exhibits.lines import lines, spread
from analysis.exhibits.panels import change_tone, panels
from analysis.exhibits.sparkline import sparkline
from analysis.terms import Text, same

EVIL = Text("甲<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)> & $x$ " + "long " * 20)
CAPTION = Caption(id="fig", headline=Text("发现", "Finding"), subtitle=same("%"), source=EVIL)
MONTHS = [day.date() for day in pd.date_range("2024-01-31", "2026-09-30", freq="ME")]


def series(key: str, values: list[float], **options: object) -> Series:
    dates = tuple(MONTHS[: len(values)])
    return Series(key=key, label=Text(f"甲{key}", f"Seg {key}"), dates=dates, values=tuple(values), **options)


def marks(*values: float) -> list[Mark]:
    return [
        Mark(key=str(n), label=EVIL, value=v, text=same(f"{v:.2%}"), lower=v / 2, upper=v * 2, tone="worse")
        for n, v in enumerate(values)
    ]


DRAWN: dict[str, Callable[[], Exhibit]] = {
    "panels": lambda: panels([series("a", [0.01, 0.02]), series("b", [0.02, nan, 0.01])], CAPTION),
    "intervals": lambda: intervals(marks(0.02, 0.01), CAPTION, reference=Reference(value=0.015, label=EVIL)),
    "bars": lambda: bars(marks(0.02, 0.01), CAPTION),
    "lines": lambda: lines([series("a", [0.01, 0.02]), series("b", [0.02, 0.01])], CAPTION, emphasised="a"),
}


@pytest.mark.parametrize("kind", list(DRAWN))
def test_a_chart_comes_wide_and_narrow_with_its_numbers_as_a_table(kind: str) -> None:
    html = DRAWN[kind]().html
    assert html.startswith('<figure class="npl box" id="fig">')
    assert '<div class="ch w">' in html
    assert '<div class="ch n">' in html
    assert '<details class="data">' in html
    assert html.count('role="img"') == len(re.findall(r"aria-labelledby", html)) >= 2
    assert "legend" not in html


@pytest.mark.parametrize("kind", list(DRAWN))
def test_ids_are_unique_and_references_resolve(kind: str) -> None:
    html = DRAWN[kind]().html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    referred = [name for group in re.findall(r'aria-labelledby="([^"]+)"', html) for name in group.split()]
    assert set(referred + re.findall(r'href="#([^"]+)"', html)) <= set(ids)


@pytest.mark.parametrize("kind", list(DRAWN))
def test_a_chart_has_the_same_bytes_every_time_and_no_outside_address(kind: str) -> None:
    html = DRAWN[kind]().html
    assert html == DRAWN[kind]().html
    assert "http" not in html


@pytest.mark.parametrize("kind", list(DRAWN))
def test_names_from_the_data_cannot_become_markup(kind: str) -> None:
    html = DRAWN[kind]().html
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r"=\"[^\"]*\"'>", html)


@pytest.mark.parametrize(
    "values",
    [[0.01], [0.0, 0.0], [nan, nan], [nan, 0.02, nan], [], [0.5] * 33, [1e-9, 1e-9], [5.0, 0.001]],
    ids=["one month", "all zero", "unknown", "gaps", "no month", "flat", "tiny", "huge"],
)
def test_panels_and_lines_answer_any_history(values: list[float]) -> None:
    for shown in (panels([series("a", values)], CAPTION), lines([series("a", values)], CAPTION)):
        assert "nan" not in re.sub(r"<[^>]+>", " ", shown.html).lower()
        assert "NaN" not in shown.html
        assert "</figure>" in shown.html


@pytest.mark.parametrize("number", [1, 7, 16])
def test_panels_show_one_picture_per_segment_on_one_scale(number: int) -> None:
    html = panels([series(str(n), [0.01, 0.01 * (n + 1)]) for n in range(number)], CAPTION).html
    assert html.count('class="panel"') == 2 * number  # wide and narrow
    assert html.count("<symbol") == 2  # the axis and the grey lines are drawn once per size
    assert html.count('-s"') == 2 + 2 * number


def test_a_panel_shows_its_first_and_latest_value_and_colours_its_change() -> None:
    html = panels([series("a", [0.0149, 0.015, 0.0138], change=-0.0003, change_label=same("YoY −3bp"))], CAPTION).html
    assert ">1.49</text>" in html
    assert re.search(r'<text style="[^"]*font-weight:700[^"]*var\(--npl-better\)[^"]*"[^>]*>1.38</text>', html)
    assert '<span class="chg dn">YoY −3bp</span>' in html


@pytest.mark.parametrize(
    ("change", "worse", "tone"),
    [
        (0.0003, "up", "worse"), (-0.0003, "up", "better"), (0.0003, "down", "better"), (-0.0003, "down", "worse"),
        (0.00004, "up", "neutral"), (nan, "up", "neutral"),
    ],
)  # fmt: skip
def test_colour_follows_what_the_change_means(change: float, worse: str, tone: str) -> None:
    assert change_tone(change, worse) == tone


def test_a_forecast_is_dashed_with_a_band_and_named() -> None:
    ahead = (Ahead(as_of=date(2026, 10, 31), value=0.02, lower=0.015, upper=0.03),)
    html = panels([series("a", [0.01, 0.0138], ahead=ahead)], CAPTION).html
    assert "stroke-dasharray" in html
    assert "fill-opacity:0.16" in html
    assert "26-10 forecast" in html
    assert "2.00% (1.50–3.00)" in html


def test_an_interval_far_beyond_the_others_is_cut_and_marked_not_hidden() -> None:
    wild = Mark(key="w", label=same("w"), value=0.0, text=same("0.00%"), lower=0.0, upper=0.8, tone="context")
    tame = intervals(marks(0.02), CAPTION).html
    cut = intervals([*marks(0.02), wild], CAPTION)
    assert cut.metrics["w.upper"] == 0.8
    assert cut.html.count("<use") > tame.count("<use")


@pytest.mark.parametrize("values", [(), (nan,), (0.0,), (0.0, 0.0), (-0.01, 0.02)])
def test_rows_of_any_values_are_drawn(values: tuple[float, ...]) -> None:
    for shown in (intervals(marks(*values), CAPTION), bars(marks(*values), CAPTION)):
        assert "</figure>" in shown.html


def test_metrics_of_an_exhibit_are_json_with_null_for_unknown() -> None:
    shown = Exhibit(id="x", kind="card", html="<p>", metrics={"a": nan, "b": np.float64(0.5), "c": None, "d": "ok"})
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain", MIME_TYPE}
    metrics = bundle[MIME_TYPE]["metrics"]
    assert json.loads(json.dumps(metrics, allow_nan=False)) == {"a": None, "b": 0.5, "c": None, "d": "ok"}


def test_a_card_shows_value_unit_status_and_remarks() -> None:
    card = Card(
        key="npl_ratio", label=EVIL, value=same("1.62"), unit=same("%"), number=0.0162, status="watch",
        remarks=(Remark(value=same("+11bp"), against=Text("较上季末", "vs prior quarter"), tone="worse"),),
        history=(0.01, 0.0162), definition=EVIL,
    )  # fmt: skip
    shown = cards([card], id="headline")
    assert "1.62<small>%</small>" in shown.html
    assert '<span class="pill watch"><i aria-hidden="true">▲</i>' in shown.html
    assert '<b class="up">+11bp</b>' in shown.html
    assert "<script" not in shown.html
    assert shown.metrics == {"npl_ratio": 0.0162, "npl_ratio.status": "watch"}


def test_an_unknown_card_shows_a_dash_with_its_reason_never_zero() -> None:
    html = cards([Card(key="k", label=same("k"), value=same("0"), number=None, note="no_denominator")], id="c").html
    assert '<span class="na" title="分母为零 / denominator is zero">–</span>' in html
    assert ">0<" not in html


@pytest.mark.parametrize("status", ["ok", "watch", "breach"])
def test_a_status_is_shape_word_and_colour(status: str) -> None:
    markup = tables.pill(status)
    assert f'class="pill {status}"' in markup
    assert any(shape in markup for shape in "●▲■")
    assert 'lang="zh"' in markup
    assert len({tables.STATUS_WORDS[one][0] for one in tables.STATUS_WORDS}) == 3


def test_no_limit_shows_no_status() -> None:
    assert tables.pill("none") == ""


COLUMNS = (
    tables.Column(key="name", label=Text("名称", "Name"), align="text"),
    tables.Column(key="value", label=Text("数值", "Value")),
)


def rows(number: int) -> list[tables.Row]:
    return [
        {"name": tables.text_cell(f"s{n}"), "value": tables.number_cell(float(n), f"{n}.00", tone="worse")}
        for n in range(number)
    ]


def test_a_table_is_semantic_scrollable_and_sortable() -> None:
    total = {"name": tables.text_cell(Text("合计", "Total")), "value": tables.number_cell(3.0, "3.00")}
    shown = tables.table(rows(3), COLUMNS, CAPTION, total=total)
    assert shown.html.count('<th scope="col"') == 2
    assert shown.html.count('<th scope="row"') == 4
    assert '<caption class="vh">' in shown.html
    assert '<div class="scroll" role="region" tabindex="0" aria-label="发现 / Finding">' in shown.html
    assert '<td class="number up" data-v="2.0">2.00</td>' in shown.html
    assert "<tfoot>" in shown.html
    assert shown.metrics == {"s0.value": 0.0, "s1.value": 1.0, "s2.value": 2.0, "total.value": 3.0}


def test_an_unknown_cell_sorts_below_every_number() -> None:
    cell = tables.number_cell(nan, "nan", note="too_small")
    html = tables.table([{"name": tables.text_cell("a"), "value": cell}], COLUMNS, CAPTION).html
    assert 'data-v="-Infinity"' in html
    assert "too few loans to read" in html
    assert "nan" not in html


def test_a_long_table_is_cut_and_says_what_is_left_out() -> None:
    cut = tables.table(rows(tables.MAX_ROWS + 3), COLUMNS, CAPTION)
    assert cut.html.count('scope="row"') == tables.MAX_ROWS
    assert "3 more rows are not shown" in cut.html
    summed = tables.table(
        rows(tables.MAX_ROWS + 3),
        COLUMNS,
        CAPTION,
        rest=lambda hidden: {"name": tables.text_cell(f"{len(hidden)} other")},
    )
    assert "3 other" in summed.html


@pytest.mark.parametrize(
    ("values", "lines_drawn", "dots"),
    [
        ((), 0, 0),
        ((nan, None), 0, 0),
        ((0.1,), 0, 1),
        ((0.1, 0.2), 1, 1),
        ((0.1, 0.2, nan, 0.3, 0.1), 2, 1),
        ((0, 0), 1, 1),
    ],
)
def test_a_sparkline_keeps_gaps_and_marks_the_latest(values: tuple[float, ...], lines_drawn: int, dots: int) -> None:
    markup = sparkline(values)
    assert (markup.count("<polyline"), markup.count("<circle")) == (lines_drawn, dots)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=20))
def test_a_sparkline_stays_in_its_box(values: list[float | None]) -> None:
    for x, y in re.findall(r"([\d.-]+),([\d.-]+)", sparkline(values)):
        assert 0 <= float(x) <= 84
        assert 0 <= float(y) <= 22


@given(st.lists(st.floats(0, 300), min_size=1, max_size=12))
def test_names_at_line_ends_never_overlap_and_keep_their_order(heights: list[float]) -> None:
    placed = spread(heights)
    order = sorted(range(len(heights)), key=heights.__getitem__)
    gaps = [placed[b] - placed[a] for a, b in pairwise(order)]
    assert all(gap >= 15 - 1e-6 for gap in gaps)


@given(st.lists(st.one_of(st.just(nan), st.floats(0, 5)), max_size=10))
def test_an_axis_holds_every_value(values: list[float]) -> None:
    low, high = charts.share_span(values)
    assert low < high
    assert all(low <= value <= high for value in values if not isnan(value))


@settings(max_examples=80)
@given(st.floats(0, 0.5), st.floats(0.001, 2))
def test_ticks_lie_inside_the_axis_and_differ_in_their_labels(low: float, width: float) -> None:
    places, labels = charts.share_ticks(low, low + width)
    assert 1 <= len(places) <= 6
    assert all(low - 1e-9 <= place <= low + width + 1e-9 for place in places)
    assert len(set(labels)) == len(labels)


def test_dates_on_an_axis_end_with_the_latest_and_step_by_quarters_or_years() -> None:
    assert charts.date_ticks(MONTHS, 3)[1] == ["24Q3", "25Q3", "26Q3"]
    assert charts.date_ticks(MONTHS[-7:], 3)[1] == ["26Q1", "26Q2", "26Q3"]
    assert charts.date_ticks(MONTHS[-1:], 3)[1] == ["26Q3"]
    assert charts.date_ticks([], 3) == ([], [])


@given(st.text("不良贷款abc ", max_size=40), st.floats(20, 200))
def test_shortened_names_fit_and_say_that_they_are_cut(name: str, width: float) -> None:
    short = charts.shortened(name, width)
    assert charts.text_width(short, charts.NORMAL) <= width
    assert short == name or short.endswith("…")
