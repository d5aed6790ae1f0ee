"""Curves by months, stacked ways out and cohorts: what is drawn is what is in the table and in the metrics."""

import math
import re
from collections.abc import Callable
from datetime import date
from math import nan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.exhibits.charts import NARROW_WIDTH, WIDE_WIDTH
from analysis.exhibits.curves import Axis, Curve, curves, step_ticks
from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.incidence import Exit, incidence, still_open
from analysis.exhibits.vintage_fan import Vintages, standing, vintage_fan, vintage_hazard, vintage_sentence
from analysis.terms import Text, same

EVIL = Text("甲<script>", "\"'><img src=x onerror=alert(1)> " + "long " * 20)
CAPTION = Caption(id="fig", headline=Text("发现", "Finding"), subtitle=same("%"), source=EVIL)
AXIS = Axis(label=Text("月数", "Months since"))
AS_OF = date(2026, 9, 30)


def table_of(shown: Exhibit) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", shown.html.split('<details class="data">')[1])
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return [[re.sub(r'<span lang="zh">.*?</span>|<[^>]+>', "", cell) for cell in row] for row in cells]


def line(*values: float, **options: object) -> Curve:
    return Curve(key="a", label=same("A"), months=tuple(range(len(values))), values=values, **options)


def test_the_table_and_the_metrics_are_the_curve() -> None:
    shown = curves([line(0.0, 0.01, 0.025, role="accent")], CAPTION, AXIS)
    assert table_of(shown) == [["Month", "A"], ["0", "0.00%"], ["1", "1.00%"], ["2", "2.50%"]]
    assert shown.metrics == {"a.months": 2, "a.latest": 0.025}
    assert re.search(r"<text[^>]*>A 2.50</text>", shown.html)


def test_a_projection_is_dashed_has_a_band_and_says_so() -> None:
    ahead = {"lower": (nan, 0.01, 0.015), "upper": (nan, 0.01, 0.03), "projected": 1}
    shown = curves([line(0.0, 0.01, 0.02, role="accent", **ahead)], CAPTION, AXIS)
    assert shown.metrics == {"a.months": 1, "a.latest": 0.01, "a.projected": 0.02}
    assert table_of(shown)[-1] == ["2", "2.00% (1.50–3.00) projected"]
    assert "stroke-dasharray" in shown.html
    assert "fill-opacity:0.16" in shown.html


def test_background_is_grey_and_has_a_name_without_a_value() -> None:
    html = curves([line(0.0, 0.01)], CAPTION, AXIS).html
    assert re.search(r'fill:var\(--npl-muted\)"[^>]*>A</text>', html)
    assert "--npl-accent" not in html


def test_a_phone_names_few_curves_those_in_colour_first() -> None:
    many = [
        Curve(
            key=str(n),
            label=same(f"N{n}"),
            months=(0, n),
            values=(0.0, 0.01 * n),
            role="worse" if n == 1 else "context",
        )
        for n in range(1, 9)
    ]
    narrow = curves(many, CAPTION, AXIS).html.split('<div class="ch n">')[1].split("<details")[0]
    assert re.findall(r">(N\d)[ <]", narrow).count("N1") == 1
    assert len(re.findall(r">N\d[ <]", narrow)) == 4


@pytest.mark.parametrize(
    "values",
    [(), (nan,), (0.0,), (0.0, 0.0), (nan, 0.1), (0.1, nan, 0.2), (1e-9, 2e-9), (5.0, 9.0)],
)
def test_curves_answer_any_values(values: tuple[float, ...]) -> None:
    shown = curves([line(*values)], CAPTION, AXIS)
    assert "nan" not in re.sub(r"<[^>]+>", " ", shown.html).lower()
    is_known = any(not math.isnan(value) for value in values)
    assert (shown.kind, shown.html.count("<svg")) == (("chart", 2) if is_known else ("text", 0))


@given(st.integers(1, 400), st.sampled_from([WIDE_WIDTH, NARROW_WIDTH]))
def test_ticks_begin_at_zero_stay_inside_and_leave_room(last: int, width: int) -> None:
    at_most = 10 if width == WIDE_WIDTH else 5
    ticks = step_ticks(last, at_most, AXIS.steps)
    assert ticks[0] == 0
    assert ticks[-1] <= last
    assert len(ticks) <= at_most + 1


def way(key: str, *values: float, **options: object) -> Exit:
    bounds = {"lower": (nan,) * len(values), "upper": (nan,) * len(values), "role": "accent"} | options
    return Exit(key=key, label=Text(f"类{key}", f"Way {key}"), values=values, **bounds)


def test_ways_out_and_what_is_open_make_up_the_whole() -> None:
    ways = [way("a", 0.1, 0.2, lower=(0.05, 0.1), upper=(0.2, 0.35)), way("b", 0.0, 0.5)]
    shown = incidence(ways, [1, 2], CAPTION, axis=AXIS.label)
    assert table_of(shown) == [
        ["Month", "Way a", "Way b", "Still open"],
        ["1", "10.0% (5.0–20.0)", "0.0%", "90.0%"],
        ["2", "20.0% (10.0–35.0)", "50.0%", "30.0%"],
    ]
    assert shown.metrics == {"a": 0.2, "b": 0.5, "still_open": pytest.approx(0.3), "months": 2}
    assert re.search(r'lang="en"[^>]*>Still open 30.0</text>', shown.html)


@pytest.mark.parametrize(
    "ways", [[], [way("a")], [way("a", 0.0)], [way("a", 1.0)], [way("a", 0.6, 0.6), way("b", 0.1, 0.4)]]
)
def test_any_ways_out_are_drawn(ways: list[Exit]) -> None:
    months = list(range(1, len(ways[0].values) + 1)) if ways else []
    shown = incidence(ways, months, CAPTION, axis=AXIS.label)
    assert shown.html.count("<svg") == (2 if months else 0)
    assert 0 <= still_open(ways) <= 1


def cohorts(paths: dict[str, tuple[float, ...]], **notes: str) -> pd.DataFrame:
    rows = [
        {
            "cohort": pd.Timestamp(first),
            "age": age,
            "value": value,
            "newly_bad": 1,
            "at_risk": 100,
            "note": notes.get("note", ""),
        }
        for first, values in paths.items()
        for age, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["cohort", "age", "value", "newly_bad", "at_risk", "note"])


def rising(end: float, ages: int) -> tuple[float, ...]:
    return tuple(end * age / ages for age in range(ages + 1))


PATHS = {
    "2024-01-01": rising(0.06, 24), "2024-04-01": rising(0.02, 21), "2024-07-01": rising(0.01, 18),
    "2024-10-01": rising(0.02, 14), "2026-01-01": rising(0.09, 6),
}  # fmt: skip


def test_the_newest_cohort_that_was_watched_for_a_year_is_set_against_those_before() -> None:
    found = standing(Vintages(as_of=AS_OF, rows=cohorts(PATHS)))
    assert found is not None
    assert (found.cohort, found.age, found.of, found.worse) == (date(2024, 10, 1), 14, 3, 2)
    assert found.before == pytest.approx(0.02 * 14 / 21)
    assert (found.worst, found.worst_value) == (date(2024, 1, 1), pytest.approx(0.03))


def test_the_fan_emphasises_it_and_names_the_worst() -> None:
    shown = vintage_fan(Vintages(as_of=AS_OF, rows=cohorts(PATHS)))
    assert "24Q4 is at 2.00% by month 14, worse than 2 of 3 cohorts before it; worst by month 12: 24Q1" in shown.html
    assert re.search(r'fill:var\(--npl-accent\)"[^>]*>24Q4 2.00</text>', shown.html)
    assert re.search(r'fill:var\(--npl-worse\)"[^>]*>24Q1 6.00</text>', shown.html)
    assert shown.metrics["26Q1.latest"] == pytest.approx(0.09)


def test_a_cohort_better_than_all_before_is_called_so() -> None:
    best = {"2024-01-01": rising(0.06, 24), "2024-10-01": rising(0.001, 14)}
    assert "better than all of 1 cohort before it" in vintage_fan(Vintages(as_of=AS_OF, rows=cohorts(best))).html


def test_the_projection_goes_on_from_what_was_seen() -> None:
    ahead = pd.DataFrame(
        {
            "cohort": pd.Timestamp("2024-10-01"), "age": [14, 15, 16], "value": [0.02, 0.022, 0.024],
            "lower": [nan, 0.021, 0.022], "upper": [nan, 0.023, 0.026], "is_projected": [False, True, True],
        }
    )  # fmt: skip
    vintages = Vintages(as_of=AS_OF, rows=cohorts(PATHS), ahead=ahead)
    shown = vintage_fan(vintages)
    assert shown.metrics["24Q4.latest"] == pytest.approx(0.02)
    assert shown.metrics["24Q4.projected"] == pytest.approx(0.024)
    assert standing(vintages).projected == pytest.approx(0.024)
    assert "2.20% (2.10–2.30) projected" in shown.html


def test_the_sentence_compares_at_the_same_age_and_is_left_out_where_there_is_nothing_to_compare() -> None:
    said = vintage_sentence(Vintages(as_of=AS_OF, rows=cohorts(PATHS)))
    assert said is not None
    assert "**2.00%** had been NPL by month 14; the median of the cohorts before is 1.33%, and 1 of 3" not in said.en
    assert "is 1.33%, and 2 of 3 were better at that age" in said.en
    assert vintage_sentence(Vintages(as_of=AS_OF, rows=cohorts({"2024-01-01": rising(0.1, 14)}))) is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Vintages(as_of=AS_OF), "no cohort has been watched for long enough"),
        (lambda: Vintages(as_of=AS_OF, rows=cohorts({})), "no cohort has been watched for long enough"),
        (lambda: Vintages(as_of=AS_OF, rows=cohorts(PATHS, note="too_small")), "no cohort has been watched"),
        (lambda: Vintages(as_of=AS_OF, note="not_recorded"), "not recorded in the source"),
    ],
)
def test_without_a_cohort_to_read_the_fan_says_why(make: Callable[[], Vintages], words: str) -> None:
    shown = vintage_fan(make())
    assert words in shown.html
    assert (shown.kind == "chart") == ("<svg" in shown.html)


def test_the_hazard_adds_up_cohorts_and_leaves_out_ages_with_few_loans() -> None:
    rows = cohorts({"2024-01-01": (0.0, 0.1, 0.2), "2024-04-01": (0.0, 0.1)})
    rows["newly_bad"] = [0, 4, 1, 0, 6]
    rows["at_risk"] = [1000, 900, 5, 1000, 900]
    shown = vintage_hazard(Vintages(as_of=AS_OF, counted=rows))
    assert [row[0] for row in table_of(shown)[1:]] == ["0", "1"]
    assert shown.metrics["hazard.latest"] == pytest.approx(10 / 1800)
    assert "about month 1 on book: 0.56%" in shown.html


def test_a_book_without_bad_loans_has_no_peak() -> None:
    rows = cohorts({"2024-01-01": (0.0, 0.0)}).assign(newly_bad=0)
    assert "no loan went bad" in vintage_hazard(Vintages(as_of=AS_OF, counted=rows)).html
    assert not math.isnan(still_open([]))
