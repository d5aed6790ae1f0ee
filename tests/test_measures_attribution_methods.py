"""How a change of a product is split among its factors: printed numbers, the definition itself, and zeros."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import Misuse
from analysis.measures.attribution_methods import METHODS, classic, das_gupta, lmdi, logarithmic_mean, shapley


def test_reproduces_the_two_factor_product_of_das_gupta() -> None:
    # P. Das Gupta (1993), Standardization and Decomposition of Rates, two-factor product (.6, .5) -> (.3, .45).
    before, after = ([Fraction(x) for x in pair] for pair in (("0.6", "0.5"), ("0.3", "0.45")))
    assert das_gupta(before, after) == (Fraction("-0.1425"), Fraction("-0.0225"))


def orders(before: Sequence[Fraction], after: Sequence[Fraction]) -> list[Fraction]:
    """Mean effect over all orders of change, one order after the other: the definition itself."""
    effects = [Fraction(0)] * len(before)
    every = list(permutations(range(len(before))))
    for order in every:
        now = list(before)
        for one in order:
            old = math.prod(now)
            now[one] = after[one]
            effects[one] += Fraction(math.prod(now) - old, len(every))
    return effects


NUMBERS = st.fractions(0, 3, max_denominator=50)
FACTORS = st.integers(1, 4).flatmap(lambda n: st.tuples(*[st.lists(NUMBERS, min_size=n, max_size=n)] * 2))


@settings(max_examples=50, deadline=None)
@given(FACTORS)
def test_the_n_factor_product_is_the_mean_over_all_orders(factors) -> None:
    before, after = factors

    def product(changed: frozenset[int]) -> Fraction:
        return math.prod(after[k] if k in changed else before[k] for k in range(len(before)))

    assert list(das_gupta(before, after)) == orders(before, after) == list(shapley(product, len(before)))


@settings(max_examples=50, deadline=None)
@given(FACTORS, st.sampled_from(["shapley", "lmdi"]))
def test_effects_sum_to_the_change_and_turn_round_with_time(factors, method: str) -> None:
    before, after = factors
    effects, back = METHODS[method](before, after), METHODS[method](after, before)
    assert sum(effects) == math.prod(after) - math.prod(before)
    assert [float(x) for x in effects] == pytest.approx([-float(x) for x in back], rel=1e-12, abs=1e-30)


@given(FACTORS)
def test_what_the_classic_effects_leave_has_at_least_two_changes_in_it(factors) -> None:
    before, after = factors
    rest = math.prod(after) - math.prod(before) - sum(classic(before, after))
    if sum(b != a for b, a in zip(before, after, strict=True)) < 2:
        assert rest == 0


# The cases of zeros in Ang and Liu (2007); the last, two factors from 0 at once, is our reading of the same limit.
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((0, 2), (3, 2), (6, 0)),
        ((3, 2), (0, 2), (-6, 0)),
        ((0, 2), (3, 5), (15, 0)),
        ((0, 2), (0, 5), (0, 0)),
        ((3, 0), (5, 0), (0, 0)),
        ((3, 0), (5, 2), (0, 10)),
        ((3, 4), (5, 0), (0, -12)),
        ((0, 4), (5, 0), (0, 0)),
        ((0, 0), (2, 3), (3, 3)),
    ],
)
def test_zeros_take_their_limits(before, after, expected) -> None:
    assert lmdi([Fraction(x) for x in before], [Fraction(x) for x in after]) == expected


@pytest.mark.parametrize("before", [(0, 2), (0, 0)])
def test_the_limits_are_where_ever_smaller_numbers_lead(before) -> None:
    after = [Fraction(3), Fraction(5)]
    small = [Fraction(x) or Fraction(1, 10**2000) for x in before]
    limit = [float(x) for x in lmdi([Fraction(x) for x in before], after)]
    assert [float(x) for x in lmdi(small, after)] == pytest.approx(limit, abs=0.01)


def test_the_logarithmic_mean_lies_between_its_numbers() -> None:
    assert float(logarithmic_mean(Fraction(2), Fraction(1))) == pytest.approx(1 / math.log(2), rel=1e-15)
    assert logarithmic_mean(Fraction(7), Fraction(7)) == 7
    assert logarithmic_mean(Fraction(0), Fraction(7)) == 0


def test_factors_that_do_not_match_are_refused() -> None:
    with pytest.raises(Misuse, match="as many before as after, were 1 and 2"):
        das_gupta([Fraction(1)], [Fraction(1)] * 2)
    with pytest.raises(Misuse, match="0 or more, one was negative"):
        lmdi([Fraction(-1)], [Fraction(1)])
