"""A segment's history is evenly spaced, without gaps, and ends at the latest date."""

from math import nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns
from analysis.models.history import histories
from series_of_values import measurements, month_ends, series

RISING = [0.010 + 0.001 * step for step in range(24)]


def test_each_segment_has_its_history_in_the_order_of_names() -> None:
    found = histories(measurements({"retail": RISING, "farm": [0.03, 0.02]}))
    assert list(found) == ["farm", "retail"]
    assert found["farm"].path.tolist() == [0.03, 0.02]
    assert found["retail"].path.tolist() == RISING
    assert list(found["retail"].dates) == list(month_ends(24))
    assert {(one.step, one.per_year, one.note) for one in found.values()} == {(1, 12, "")}


def test_the_whole_book_has_one_history() -> None:
    rows = measurements({"all": RISING}).drop(columns="segment")
    found = histories(rows, by=None)
    assert list(found) == [None]
    assert found[None].path.tolist() == RISING


def test_a_quarterly_book_has_four_values_a_year() -> None:
    (found,) = histories(measurements({"retail": RISING[:9]}, step=3)).values()
    assert (found.step, found.per_year, found.path.size, found.note) == (3, 4, 9, "")
    assert found.dates[1] == pd.Timestamp(2021, 4, 30)


def test_a_yearly_book_has_one_value_a_year() -> None:
    (found,) = histories(measurements({"retail": [0.01, 0.02, 0.03]}, step=12)).values()
    assert (found.step, found.per_year) == (12, 1)


def test_one_month_is_a_history_of_one_value() -> None:
    (found,) = histories(measurements({"retail": [0.01]})).values()
    assert (found.path.tolist(), found.step, found.note) == ([0.01], 1, "")


def test_a_missing_month_among_many_is_filled_from_its_neighbours_and_said() -> None:
    rows = measurements({"retail": RISING, "farm": RISING})
    rows = rows.drop(rows[(rows["segment"] == "farm") & (rows["as_of"] == month_ends(24)[5])].index)
    found = histories(rows)
    assert found["farm"].path == pytest.approx(RISING)
    assert (found["farm"].note, found["retail"].note) == ("gaps_filled", "")


def test_an_unknown_value_counts_as_a_missing_month() -> None:
    values = [*RISING[:5], nan, *RISING[6:]]
    (found,) = histories(measurements({"farm": values})).values()
    assert found.path == pytest.approx(RISING)
    assert found.note == "gaps_filled"


def test_with_more_than_a_tenth_missing_the_history_starts_after_the_last_gap() -> None:
    values = [*RISING[:5], nan, nan, *RISING[7:15], nan, *RISING[16:]]
    (found,) = histories(measurements({"farm": values})).values()
    assert found.path.tolist() == RISING[16:]
    assert found.dates[0] == month_ends(24)[16]
    assert found.note == "gaps"


def test_months_before_a_segment_existed_are_not_a_gap() -> None:
    found = histories(measurements({"old": RISING, "new": RISING[-3:]}))
    assert found["new"].path.tolist() == RISING[-3:]
    assert found["new"].note == ""


def test_a_segment_that_has_closed_has_no_history_up_to_today() -> None:
    rows = measurements({"open": RISING, "closed": RISING})
    rows = rows[(rows["segment"] == "open") | (rows["as_of"] < month_ends(24)[-1])]
    found = histories(rows)
    assert found["closed"].path.size == 0
    assert found["closed"].note == "latest_unknown"


def test_a_segment_whose_values_are_all_unknown_has_no_history() -> None:
    (found,) = histories(measurements({"farm": [nan, nan]})).values()
    assert (found.path.size, found.dates.size, found.note) == (0, 0, "no_history")
    assert not found.is_constant


def test_loans_without_a_segment_have_a_history_of_their_own() -> None:
    found = histories(measurements({"farm": RISING, None: RISING}))
    assert len(found) == 2
    assert all(one.path.tolist() == RISING for one in found.values())


def test_no_rows_give_no_history() -> None:
    assert histories(measurements({"farm": RISING}).iloc[:0]) == {}


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MissingColumns, match="lacks 'region'"):
        histories(measurements({"farm": RISING}), by="region")


def test_a_history_is_constant_only_if_it_never_moves() -> None:
    assert series([0.01] * 24).is_constant
    assert series([0.0]).is_constant
    assert not series([0.01, 0.01, 0.010001]).is_constant


def test_the_latest_values_keep_their_dates() -> None:
    latest = series(RISING).latest(3)
    assert latest.path.tolist() == RISING[-3:]
    assert list(latest.dates) == list(month_ends(24)[-3:])


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(24)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    rows = measurements({"farm": RISING})
    (found,) = histories(rows.iloc[order]).values()
    assert found.path.tolist() == RISING


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1) | st.just(nan), min_size=1, max_size=40))
def test_a_history_never_has_a_hole_and_ends_at_the_latest_date(values: list[float]) -> None:
    (found,) = histories(measurements({"farm": values})).values()
    assert not np.isnan(found.path).any()
    assert found.path.size == found.dates.size
    if found.path.size:
        assert found.path[-1] == values[-1]
        assert found.dates[-1] == month_ends(len(values))[-1]
        known = np.asarray(values)
        assert np.nanmin(known) <= found.path.min()
        assert found.path.max() <= np.nanmax(known)
