"""The segment page: one reading feeds cards, table, charts and headlines."""

import re
from dataclasses import replace
from math import nan

import pandas as pd
import pytest

from analysis.exhibits import outlook, segments
from analysis.exhibits.fonts import embedded_font_css
from analysis.exhibits.narrative import summary
from analysis.exhibits.reading import reading
from analysis.terms import Text
from frames_of_segments import (
    AS_OF,
    FALLING,
    FLAT,
    LIMITS,
    MONTHS,
    RISING,
    SMALL,
    SUBJECT,
    Past,
    compared,
    frames,
    history,
    read,
)

BOOK = {"retail": RISING, "farm": FALLING, "evil": SMALL}
EDGES = {
    "one month": {"retail": Past(path=(0.01,))},
    "all performing": {"retail": Past(path=(0.0,) * 27)},
    "all non-performing": {"retail": Past(path=(1.0,) * 27)},
    "unknown": {"retail": Past(path=(nan,) * 27, note="no_denominator")},
    "no segment": {"retail": Past(path=(0.01,))},
}


def visible(html: str, language: str = "en") -> str:
    other = "zh" if language == "en" else "en"
    kept = re.sub(rf'<(span|text)[^>]*lang="{other}"[^>]*>[^<]*</\1>', "", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", kept))


@pytest.mark.parametrize("case", list(EDGES))
def test_every_exhibit_has_an_answer_for_the_edges(case: str) -> None:
    made, page = frames(EDGES[case]), read(EDGES[case])
    by_count = history(EDGES[case]).assign(lower=0.0, upper=0.1)
    shown = [
        segments.segment_panels(page, made), segments.segment_table(page, made), outlook.segment_trends(page),
        outlook.segment_forecasts(page, made), outlook.segment_intervals(by_count, made.total, SUBJECT), summary(page),
    ]  # fmt: skip
    for exhibit in shown:
        assert "nan" not in visible(exhibit.html).lower().replace("finance", "")
        assert exhibit.html.count('id="') == len(set(re.findall(r'\bid="[^"]+"', exhibit.html)))


def test_the_ids_are_those_that_reports_declare() -> None:
    made, page = frames(BOOK), read(BOOK)
    assert segments.segment_panels(page, made).id == "segment_panels"
    assert segments.segment_table(page, made).id == "segment_table"
    assert segments.headline([segments.indicator(SUBJECT, made.total, made.total_comparison)]).id == "headline"


def test_the_table_has_all_segments_the_largest_first_then_the_total() -> None:
    shown = segments.segment_table(read(BOOK, LIMITS), frames(BOOK, LIMITS))
    names = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', shown.html)
    assert [visible(name).strip() for name in names] == ["Farming", "Retail", "E&lt;script&gt;&quot;&amp;$x$*", "Total"]
    text = visible(shown.html)
    assert "2.30% +15bp +60bp" in text
    assert "1.70% −15bp −60bp" in text
    assert shown.metrics["Retail.value"] == pytest.approx(0.023)
    assert shown.metrics["total.value"] == pytest.approx(0.012)


def test_the_table_leaves_out_columns_that_nothing_fills() -> None:
    made = replace(frames(BOOK), coverage=None)
    text = visible(segments.segment_table(reading(made, SUBJECT), made).html)
    assert "Coverage" not in text
    assert "Status" not in text


def test_a_count_based_book_shows_numbers_of_loans_and_no_money() -> None:
    page = read({"retail": Past(path=(0.1,), size="200")})
    page = replace(page, subject=replace(SUBJECT, basis="count"))
    text = visible(segments.segment_table(page, frames({"retail": Past(path=(0.1,), size="200")})).html)
    assert "numbers of loans" in text
    assert "200 20 10.00%" in text
    assert "CNY" not in text


def test_more_segments_than_rows_are_summed_into_one() -> None:
    many = {f"s{n:02d}": Past(path=(0.02,), size=str(1_000_000_000 - n)) for n in range(28)}
    text = visible(segments.segment_table(read(many), frames(many)).html)
    assert "3 other segments" in text
    assert "s24" in text
    assert "s25" not in text


@pytest.mark.parametrize(
    ("pasts", "said"),
    [
        ({"retail": RISING, "farm": FALLING}, "NPL ratio worsened over the year in 1 of 2 segments, most in Retail"),
        ({"farm": FALLING}, "NPL ratio worsened over the year in none of 1 segments"),
        ({"farm": Past(path=(0.01,) * 5)}, "NPL ratio by segment: less than a year of history"),
        ({"evil": SMALL}, "NPL ratio by segment: none can be read"),
    ],
)
def test_the_headline_of_the_panels_counts_what_the_panels_colour(pasts: dict[str, Past], said: str) -> None:
    assert segments.panels_headline(read(pasts)).en == said


def test_the_panel_that_worsened_most_comes_first() -> None:
    html = segments.segment_panels(read(BOOK), frames(BOOK)).html
    assert re.findall(r'data-seg="([^"]+)"', html)[:2] == ["retail", "evil"]


@pytest.mark.parametrize(
    ("name", "unit", "value", "change", "shown"),
    [
        ("npl_ratio", "share", 0.0162, 0.0011, ("1.62", "%", "+11bp")),
        ("provision_coverage_ratio", "share", 1.684, -0.041, ("168.4", "%", "−4.1 points")),
        ("npl_balance", "money", 41.37e9, 808.5e6, ("41.37", "CNY bn", "+CNY 808.5m")),
        ("npl_loans", "count", 1234, 12, ("1,234", "loans", "+12")),
    ],
)
def test_a_card_writes_each_kind_of_measure_in_its_unit(
    name: str, unit: segments.Unit, value: float, change: float, shown: tuple[str, str, str]
) -> None:
    row = compared({"total": FLAT}).assign(value=value, change=change, change_year=nan)
    past = history({"total": FLAT})
    card = segments.indicator(replace(SUBJECT, name=name), past, row, unit=unit)
    assert (card.value.en, card.unit.en, card.remarks[0].value.en) == shown


def test_a_cards_path_ends_at_the_reporting_date_in_steps_of_a_quarter() -> None:
    made = frames({}, whole=RISING)
    card = segments.indicator(SUBJECT, made.total, made.total_comparison)
    assert card.history == pytest.approx(RISING.path[::-1][::3][::-1])


def test_a_trend_is_coloured_only_when_it_is_more_than_noise() -> None:
    html = outlook.segment_trends(read({"retail": RISING, "farm": FLAT})).html
    wide = html[: html.index('class="ch n"')]
    assert wide.count("var(--npl-worse)") >= 2
    assert "+10bp a year" in wide


def test_a_segment_is_called_clearly_above_only_if_its_whole_interval_is() -> None:
    rows = history({"retail": RISING, "farm": FLAT}).assign(lower=[0.02] * 27 + [0.001] * 27, upper=0.03)
    whole = history({"total": FLAT})
    assert "1 of 2 segments are clearly above the 1.20%" in visible(
        outlook.segment_intervals(rows, whole, SUBJECT).html
    )
    wide = rows.assign(lower=0.0)
    assert "No segment is clearly above the 1.20%" in visible(outlook.segment_intervals(wide, whole, SUBJECT).html)


def test_a_forecast_says_how_many_get_worse_and_how_its_kind_fared() -> None:
    made = frames({"retail": RISING, "farm": FLAT})
    text = visible(outlook.segment_forecasts(reading(made, SUBJECT), made).html)
    assert (
        "By 31 Dec 2026, 2 of 2 segments are forecast to be worse, in 2 the whole interval is worse than today" in text
    )
    assert "the model beat the naive forecast (latest value carried forward) in 1 of 2 segments" in text
    vague = replace(made, forecasts=made.forecasts.assign(lower=0.0))
    assert "in none is the whole interval worse than today" in visible(
        outlook.segment_forecasts(read(BOOK), vague).html
    )


def test_without_forecasts_or_back_test_the_reason_is_given() -> None:
    made = replace(frames({"retail": RISING}), forecasts=None, trends=None)
    text = visible(outlook.segment_forecasts(reading(made, SUBJECT), made).html)
    assert "The history is too short to forecast" in text
    assert "too short for a back-test" in text


def test_unknown_results_of_a_back_test_are_not_counted() -> None:
    assert outlook.backtest_note(pd.DataFrame({"beats_naive": [True, None, False]})).en.endswith("in 1 of 2 segments.")


def test_the_order_of_rows_does_not_matter() -> None:
    made = frames(BOOK, LIMITS)
    mixed = replace(made, history=made.history.sample(frac=1, random_state=1), comparison=made.comparison[::-1])
    for exhibit in (segments.segment_panels, segments.segment_table):
        assert exhibit(reading(mixed, SUBJECT), mixed).html == exhibit(reading(made, SUBJECT), made).html


def test_dates_as_timestamps_read_the_same_as_plain_dates() -> None:
    made = frames(BOOK)
    stamped = replace(made, history=made.history.assign(as_of=pd.to_datetime(made.history["as_of"])))
    assert segments.segment_panels(read(BOOK), stamped).html == segments.segment_panels(read(BOOK), made).html
    assert MONTHS[-1] == AS_OF


def test_a_whole_page_stays_within_its_budget() -> None:
    ten = {f"s{n}": replace(RISING, size=str(10**9 + n)) for n in range(10)}
    made, page = frames(ten, LIMITS), read(ten, LIMITS)
    shown = [segments.segment_panels(page, made), segments.segment_table(page, made), outlook.segment_trends(page)]
    html = "".join(exhibit.html for exhibit in shown)
    assert len(html) < 110_000
    assert len(embedded_font_css(html)) < 110_000


def test_a_name_in_both_languages_is_found_in_both() -> None:
    html = segments.segment_table(read({"retail": RISING}), frames({"retail": RISING})).html
    assert "零售业" in visible(html, "zh")
    assert "Retail" not in visible(html, "zh")
    assert Text("零售业", "Retail").html() in html
