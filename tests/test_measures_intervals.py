"""A share of few loans is known only between bounds."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from analysis.errors import Misuse
from analysis.measures.intervals import METHODS, binomial_interval, with_intervals

# 7 of 50 by Clopper and Pearson: documentation of scipy.stats.binomtest. 5 of 100 and the rest recomputed
# from the formulas of L. D. Brown, T. T. Cai and A. DasGupta (2001), Stat. Sci. 16:101-133.
PUBLISHED = [
    (7, 50, "clopper_pearson", 0.05819, 0.26740, 5),
    (7, 50, "wilson", 0.06951, 0.26186, 5),
    (0, 50, "clopper_pearson", 0.0, 0.07112, 5),
    (0, 50, "wilson", 0.0, 0.07135, 5),
    (5, 100, "wilson", 0.021544, 0.111750, 6),
    (5, 100, "clopper_pearson", 0.016432, 0.112835, 6),
    (5, 100, "jeffreys", 0.019332, 0.106100, 6),
]
STATSMODELS = {"wilson": "wilson", "clopper_pearson": "beta", "jeffreys": "jeffreys"}
COUNTS = st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))
METHOD = st.sampled_from(sorted(METHODS))


@pytest.mark.parametrize("case", PUBLISHED, ids=str)
def test_the_interval_is_the_published_one(case) -> None:
    found, trials, method, lower, upper, digits = case
    bounds = binomial_interval(found, trials, method=method)
    assert [float(bound) for bound in bounds] == pytest.approx([lower, upper], abs=0.5 * 10**-digits)


@given(COUNTS, METHOD, st.floats(0.5, 0.999))
def test_statsmodels_gives_the_same_interval(counts: tuple[int, int], method: str, confidence: float) -> None:
    expected = proportion_confint(*counts, alpha=1 - confidence, method=STATSMODELS[method])
    found = [float(bound) for bound in binomial_interval(*counts, method=method, confidence=confidence)]
    # Jeffreys' bounds are moved to 0 and 1 where no or all loans have the property, as its authors advise.
    if method == "jeffreys" and counts[0] in (0, counts[1]):
        expected = (0.0, expected[1]) if counts[0] == 0 else (expected[0], 1.0)
    assert found == pytest.approx(expected, abs=1e-9)


@given(COUNTS, METHOD)
def test_the_interval_holds_the_estimate_and_is_a_share(counts: tuple[int, int], method: str) -> None:
    lower, upper = binomial_interval(*counts, method=method)
    assert 0 <= lower <= counts[0] / counts[1] <= upper <= 1
    assert lower < upper


@given(COUNTS, METHOD, st.floats(0.01, 0.98), st.floats(0.001, 0.01))
def test_more_confidence_gives_a_wider_interval(counts, method: str, confidence: float, more: float) -> None:
    narrow = binomial_interval(*counts, method=method, confidence=confidence)
    wide = binomial_interval(*counts, method=method, confidence=confidence + more)
    assert wide[0] <= narrow[0]
    assert narrow[1] <= wide[1]


@given(COUNTS, METHOD)
def test_the_share_that_is_left_has_the_mirrored_interval(counts: tuple[int, int], method: str) -> None:
    found, trials = counts
    lower, upper = binomial_interval(found, trials, method=method)
    other = binomial_interval(trials - found, trials, method=method)
    assert [float(bound) for bound in other] == pytest.approx([1 - upper, 1 - lower], abs=1e-9)


@given(st.integers(1, 400), st.integers(0, 400))
def test_more_loans_give_a_narrower_interval(trials: int, found: int) -> None:
    few, many = (binomial_interval(min(found, trials) * k, trials * k) for k in (1, 4))
    assert many[1] - many[0] < few[1] - few[0]


def test_no_loans_have_no_interval() -> None:
    lower, upper = binomial_interval([0, 3], [0, 10])
    assert math.isnan(lower[0])
    assert math.isnan(upper[0])
    assert not np.isnan([lower[1], upper[1]]).any()


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("trials", [1, 30])
def test_no_and_all_loans_reach_the_end_of_the_scale(method: str, trials: int) -> None:
    none, every = (binomial_interval(found, trials, method=method) for found in (0, trials))  # type: ignore[arg-type]
    assert none[0] == 0
    assert 0 < none[1] < 1
    assert every[1] == 1
    assert 0 < every[0] < 1


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, math.nan])
def test_a_confidence_that_is_no_share_is_refused(confidence: float) -> None:
    with pytest.raises(Misuse, match="confidence must be a share between 0 and 1, was"):
        binomial_interval(1, 10, confidence=confidence)


def test_an_unknown_method_is_refused_with_a_hint() -> None:
    with pytest.raises(Misuse, match=r"method must be one of .*was 'wilsen' \(did you mean 'wilson'\?\)"):
        binomial_interval(1, 10, method="wilsen")  # type: ignore[arg-type]


@pytest.mark.parametrize(("found", "trials"), [(11, 10), (-1, 10), (1, 0)])
def test_more_successes_than_trials_are_refused(found: int, trials: int) -> None:
    with pytest.raises(Misuse, match="successes must be between 0 and trials"):
        binomial_interval(found, trials)


def test_measurements_take_another_interval_where_they_have_one() -> None:
    rows = pd.DataFrame({"numerator": [7, 5], "denominator": [50, 100], "lower": [0.0, math.nan], "upper": 1.0})
    again = with_intervals(rows, method="clopper_pearson")
    assert again["lower"][0] == pytest.approx(0.05819, abs=5e-6)
    assert again["upper"][0] == pytest.approx(0.26740, abs=5e-6)
    assert again[["lower", "upper"]].loc[1].isna().all()
    assert rows["lower"][0] == 0


def test_measurements_without_any_interval_stay_as_they_are() -> None:
    rows = pd.DataFrame({"numerator": [None], "denominator": [None], "lower": [math.nan], "upper": [math.nan]})
    assert with_intervals(rows)[["lower", "upper"]].isna().all(axis=None)
