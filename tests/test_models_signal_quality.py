"""A warning sign is judged by what it misses and by how often it cries wolf."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import Misuse
from analysis.models.signal_quality import Signals, noise_to_signal, type_one_error, type_two_error, usefulness

# 200 periods, 24 of them before trouble; derived from the definitions of Kaminsky and Reinhart (1999).
EXAMPLE = Signals(hits=12, false_alarms=30, misses=12, quiet=146)


def test_the_errors_and_the_noise_of_an_example() -> None:
    assert type_one_error(EXAMPLE) == 0.5
    assert type_two_error(EXAMPLE) == pytest.approx(0.170455, abs=5e-7)
    assert noise_to_signal(EXAMPLE) == pytest.approx(0.340909, abs=5e-7)


def test_usefulness_weighs_both_errors() -> None:
    # Alessi and Detken (2011): min(.5, .5) - (.5 x .5 + .5 x .170455), and .2 - (.2 x .5 + .8 x .170455).
    assert usefulness(EXAMPLE, aversion=0.5) == pytest.approx(0.164773, abs=5e-7)
    assert usefulness(EXAMPLE, aversion=0.2) == pytest.approx(-0.036364, abs=5e-7)


def test_a_perfect_sign_has_no_noise_and_all_the_use() -> None:
    perfect = Signals(hits=5, false_alarms=0, misses=0, quiet=50)
    assert (noise_to_signal(perfect), usefulness(perfect, aversion=0.3)) == (0, 0.3)


def test_what_nothing_is_known_of_is_not_0() -> None:
    assert math.isnan(type_one_error(Signals(hits=0, false_alarms=3, misses=0, quiet=9)))
    assert math.isnan(type_two_error(Signals(hits=3, false_alarms=0, misses=1, quiet=0)))
    assert math.isnan(noise_to_signal(Signals(hits=0, false_alarms=3, misses=4, quiet=9)))
    assert math.isnan(noise_to_signal(Signals(hits=0, false_alarms=3, misses=0, quiet=9)))


def test_what_are_no_counts_or_no_share_is_refused() -> None:
    with pytest.raises(Misuse, match="misses must be counts from 0, was -1"):
        Signals(hits=1, false_alarms=1, misses=-1, quiet=1)
    for aversion in (0, 1, 50):
        with pytest.raises(Misuse, match="aversion must be a share"):
            usefulness(EXAMPLE, aversion=aversion)


COUNTS = st.integers(1, 10**6)


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.integers(2, 50))
def test_more_of_the_same_changes_nothing(hits: int, false_alarms: int, misses: int, quiet: int, times: int) -> None:
    signals = Signals(hits=hits, false_alarms=false_alarms, misses=misses, quiet=quiet)
    more = Signals(**{name: number * times for name, number in vars(signals).items()})
    for measure in (type_one_error, type_two_error, noise_to_signal):
        assert measure(more) == pytest.approx(measure(signals))
    assert usefulness(more, aversion=0.4) == pytest.approx(usefulness(signals, aversion=0.4))


@given(COUNTS, COUNTS, COUNTS, st.floats(0.01, 0.99))
def test_a_sign_that_is_there_as_often_before_trouble_as_not_tells_nothing(
    a: int, b: int, times: int, aversion: float
) -> None:
    blind = Signals(hits=a, false_alarms=a * times, misses=b, quiet=b * times)
    assert noise_to_signal(blind) == pytest.approx(1)
    assert usefulness(blind, aversion=aversion) <= 1e-12
