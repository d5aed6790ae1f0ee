"""Each sentence is there when it is true and only then."""

from dataclasses import replace
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import MissingColumns
from analysis.exhibits import narrative
from analysis.exhibits.reading import Reading, reading
from analysis.exhibits.segments import indicator
from analysis.terms import Text
from frames_of_segments import FALLING, FLAT, LIMITS, RISING, SMALL, SUBJECT, Past, frames, read


def english(text: Text | None) -> str:
    return "" if text is None else narrative.plain(text).en


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            (0.0100,) * 23 + (0.0130, 0.014, 0.015, 0.0160),
            "was 1.60% at 30 Sep 2026, up 30bp on the quarter and up 60bp on the year.",
        ),
        ((0.02,) * 26 + (0.0190,), "was 1.90% at 30 Sep 2026, down 10bp on the quarter and down 10bp on the year."),
        ((0.02,) * 27, "was 2.00% at 30 Sep 2026, unchanged on the quarter and unchanged on the year."),
        ((0.02,) * 5, "was 2.00% at 30 Sep 2026, unchanged on the quarter."),
        ((0.02,), "was 2.00% at 30 Sep 2026, with no earlier period to compare."),
    ],
)
def test_the_answer_states_value_and_the_changes_that_are_known(values: tuple[float, ...], said: str) -> None:
    assert english(narrative.level(read({}, whole=Past(path=values)))) == f"The NPL ratio {said}"


def test_a_month_that_ends_no_quarter_is_compared_with_three_months_before() -> None:
    august = replace(read({}), subject=replace(SUBJECT, as_of=SUBJECT.as_of.replace(month=8)))
    assert "on three months before" in english(narrative.level(august))
    assert "quarter" not in english(narrative.level(august))


def test_an_unknown_value_is_said_with_its_reason_and_without_a_number() -> None:
    said = narrative.level(read({}, whole=Past(path=(nan,), note="no_denominator")))
    assert english(said) == "The NPL ratio at 30 Sep 2026 cannot be stated: denominator is zero."
    assert said.zh == "2026年9月30日无法给出不良贷款率：分母为零。"


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        (0.0199, "ok", "within the limit of 2.50%"),
        (0.02, "watch", "past the watch level of 2.00% (limit 2.50%)"),
        (0.0249, "watch", "past the watch level"),
        (0.025, "breach", "in breach of the limit of 2.50%"),
    ],
)
def test_the_standing_of_the_book_is_told_as_its_card_shows_it(value: float, status: str, said: str) -> None:
    made = frames({}, LIMITS, Past(path=(value,)))
    card = indicator(SUBJECT, made.total, made.total_comparison)
    assert card.status == status
    assert said in english(narrative.level(reading(made, SUBJECT)))


def test_without_a_limit_no_limit_is_mentioned() -> None:
    page = read({"retail": RISING})
    assert "limit" not in " ".join(english(text) for text in narrative.sentences(page))
    assert narrative.limits(page) is None


@pytest.mark.parametrize(
    ("pasts", "said"),
    [
        ({"retail": RISING, "farm": FLAT}, "It rose by more than noise in 1 of 2 segments: Retail."),
        ({"farm": FLAT}, "In none of 1 segments did it rise by more than noise."),
        (
            {"farm": FALLING, "retail": RISING},
            "It rose by more than noise in 1 of 2 segments: Retail; it fell by more than noise in 1: Farming.",
        ),
        ({"farm": replace(FLAT, verdict="unknown")}, ""),
        ({"evil": replace(SMALL, verdict="rising")}, ""),
        (
            {"evil": replace(SMALL, verdict="rising"), "farm": FLAT},
            "In none of 1 segments did it rise by more than noise.",
        ),
        ({}, ""),
    ],
)
def test_more_than_noise_is_claimed_only_where_the_model_says_so(pasts: dict[str, Past], said: str) -> None:
    assert english(narrative.trend(read(pasts))) == said


@pytest.mark.parametrize(
    ("pasts", "said"),
    [
        ({"retail": RISING, "farm": FALLING}, "Only Retail is worse than a year ago, up 60bp to 2.30%."),
        (
            {"retail": RISING, "farm": Past(path=tuple(0.01 + 0.0001 * step for step in range(27)))},
            "Retail worsened most over the year, up 60bp to 2.30%.",
        ),
        ({"farm": FALLING}, ""),
        ({"farm": FLAT}, ""),
        ({"retail": replace(RISING, note="too_small")}, ""),
        ({"retail": replace(RISING, path=RISING.path[:5])}, ""),
    ],
)
def test_the_largest_rise_is_named_only_if_something_rose(pasts: dict[str, Past], said: str) -> None:
    assert english(narrative.largest_rise(read(pasts))) == said


def test_for_a_measure_that_should_be_high_a_fall_is_the_worsening() -> None:
    page = read({"retail": RISING, "farm": FALLING})
    page = replace(page, subject=replace(SUBJECT, name="provision_coverage_ratio", worse="down"))
    assert english(narrative.largest_rise(page)) == "Only Farming is worse than a year ago, down 0.6 points to 1.7%."


@pytest.mark.parametrize(
    ("pasts", "said"),
    [
        ({"retail": RISING}, "To watch in 1: Retail (2.30%, watch level 2.00%)."),
        ({"farm": FLAT}, "All 1 segments with a limit are within it."),
        ({"evil": SMALL, "farm": FLAT}, 'In breach of the limit in 1: E<script>"&$x$＊ (25.00%, limit 2.50%).'),
    ],
)
def test_limits_are_told_as_the_table_shows_them(pasts: dict[str, Past], said: str) -> None:
    assert english(narrative.limits(read(pasts, LIMITS))) == said


def test_segments_too_small_to_read_are_named() -> None:
    assert (
        english(narrative.small_segments(read({"evil": SMALL}))) == 'Too few loans to read: E<script>"&$x$＊ (4 loans).'
    )
    assert narrative.small_segments(read({"farm": FLAT})) is None


def test_many_names_are_cut_and_counted() -> None:
    page = read({f"s{n}": RISING for n in range(5)})
    assert english(narrative.trend(page)).endswith("s0, s1, s2 and 2 more.")


def test_a_name_cannot_become_markup_or_emphasis() -> None:
    html = narrative.summary(read({"evil": RISING, "retail": RISING}, LIMITS)).html
    assert "<script" not in html
    assert "**" not in html
    assert html.count("<b>") == html.count("</b>") > 0


def test_the_metrics_are_those_of_the_sentences() -> None:
    shown = narrative.summary(read({"retail": RISING, "farm": FALLING}, LIMITS))
    assert shown.id == "summary"
    expected = {"npl_ratio": 0.012, "segments": 2, "segments_rising": 1, "segments_falling": 1, "segments_in_breach": 0}
    assert expected.items() <= shown.metrics.items()


def test_a_comparison_without_its_columns_is_refused() -> None:
    made = frames({"retail": RISING})
    with pytest.raises(MissingColumns, match="change_year"):
        reading(replace(made, comparison=made.comparison.drop(columns="change_year")), SUBJECT)


CHANGES = st.one_of(st.just(nan), st.floats(-0.05, 0.05))


@given(CHANGES, CHANGES, st.floats(0, 0.3))
def test_no_sentence_contradicts_the_card(change: float, change_year: float, value: float) -> None:
    made = frames({}, whole=FLAT)
    row = made.total_comparison.assign(value=value, change=change, change_year=change_year)
    made = replace(made, total_comparison=row)
    page: Reading = reading(made, SUBJECT)
    card = indicator(SUBJECT, made.total, made.total_comparison)
    said = english(narrative.level(page))
    assert f"{card.value.en}%" in said
    for remark in card.remarks:
        shown = remark.value.en
        if shown.endswith("bp"):
            word = {"+": "up ", "−": "down "}.get(shown[0])
            assert (f"{word}{shown[1:]}" if word else "unchanged") in said
