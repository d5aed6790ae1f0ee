"""How is the change of a product of factors split among the factors?"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import comb, prod
from types import MappingProxyType
from typing import Literal

from analysis.errors import Misuse, require_known

Method = Literal["shapley", "classic", "lmdi"]
Factors = Sequence[Fraction]
Effects = tuple[Fraction, ...]
_DIGITS = 60  # of a logarithm; what is left over goes to the largest effect, so that sums are exact


def shapley(value: Callable[[frozenset[int]], Fraction], factors: int) -> Effects:
    """Effect of each factor on any function of them, averaged over all orders in which they may change.

    Args:
        value: the function, given the numbers of the factors that have changed already [any unit].
        factors: how many there are [count]; the work doubles with each.

    Returns:
        one effect per factor; they sum to `value(all) - value(none)` exactly.

    Source: L. S. Shapley (1953), Contributions to the Theory of Games II, 307-317; as a decomposition
        A. F. Shorrocks (2013), J. Econ. Inequal. 11:99-126.
    """
    known = cache(value)
    return tuple(
        sum(
            (
                _weight(factors, len(changed)) * (known(changed | {one}) - known(changed))
                for changed in _others(one, factors)
            ),
            Fraction(0),
        )
        for one in range(factors)
    )


def das_gupta(before: Factors, after: Factors) -> Effects:
    """Effect of each factor on a product, the interaction split equally: Das Gupta's n-factor formula.

    It is the Shapley value of a product. No zero needs care.

    Args:
        before: the factors at the first date.
        after: the same at the second.

    Returns:
        one effect per factor; they sum to the change of the product exactly.

    Raises:
        Misuse: if there are not as many factors at both dates.

    Source: P. Das Gupta (1993), Standardization and Decomposition of Rates, US Bureau of the Census,
        Current Population Reports P23-186, chapter 2.
    """
    _check(before, after)

    def product(changed: frozenset[int], one: int) -> Fraction:
        return prod(
            (after[k] if k in changed else before[k] for k in range(len(before)) if k != one), start=Fraction(1)
        )

    return tuple(
        (after[one] - before[one])
        * sum(
            (_weight(len(before), len(changed)) * product(changed, one) for changed in _others(one, len(before))),
            Fraction(0),
        )
        for one in range(len(before))
    )


def classic(before: Factors, after: Factors) -> Effects:
    """Effect of each factor on a product while the others stay as they were.

    Args:
        before: the factors at the first date.
        after: the same at the second.

    Returns:
        one effect per factor; what they leave of the change of the product is the interaction.

    Raises:
        Misuse: if there are not as many factors at both dates.

    Source: E. M. Kitagawa (1955), J. Am. Stat. Assoc. 50:1168-1194.
    """
    _check(before, after)
    return tuple(
        (after[one] - before[one]) * prod((before[k] for k in range(len(before)) if k != one), start=Fraction(1))
        for one in range(len(before))
    )


def lmdi(before: Factors, after: Factors) -> Effects:
    """Effect of each factor on a product by logarithmic mean Divisia index, additive.

    Zeros take the limits, never a small number in their place: a factor that comes from 0, or goes to 0, has
    the whole change of the product. Several that do so together share it equally (the limit if all come near
    0 at the same pace); the sources let one factor at a time do so.

    Args:
        before: the factors at the first date [0 or more].
        after: the same at the second [0 or more].

    Returns:
        one effect per factor; they sum to the change of the product exactly.

    Raises:
        Misuse: if there are not as many factors at both dates or one is negative.

    Source: B. W. Ang (2005), Energy Policy 33:867-871; zeros by B. W. Ang and N. Liu (2007), Energy Policy
        35:238-246, and R. Wood and M. Lenzen (2006), Energy Policy 34:1326-1331.
    """
    _check(before, after)
    if any(factor < 0 for factor in (*before, *after)):
        raise Misuse("factors must be 0 or more, one was negative; lmdi takes logarithms, shapley does not.")
    old, new = prod(before, start=Fraction(1)), prod(after, start=Fraction(1))
    if old == 0 or new == 0:
        return _limits(before, after, new - old)
    weight = logarithmic_mean(old, new)
    effects = [weight * _logarithm(now / then) for then, now in zip(before, after, strict=True)]
    largest = max(range(len(effects)), key=lambda one: abs(effects[one]))
    effects[largest] += new - old - sum(effects, Fraction(0))
    return tuple(effects)


def logarithmic_mean(one: Fraction, other: Fraction) -> Fraction:
    """The logarithmic mean (one - other) ÷ (ln one - ln other); 0 if one is 0, the number itself if both are equal.

    Args:
        one: a number [0 or more].
        other: another [same].

    Source: B. W. Ang (2005), Energy Policy 33:867-871.
    """
    if one == other:
        return one
    if one == 0 or other == 0:
        return Fraction(0)
    return (one - other) / _logarithm(one / other)


def method_named(name: str) -> Callable[[Factors, Factors], Effects]:
    """A method by its code: effects of factors before and after.

    Raises:
        Misuse: if there is none.
    """
    require_known("method", name, METHODS)
    return METHODS[name]


def _check(before: Factors, after: Factors) -> None:
    if len(before) != len(after):
        raise Misuse(f"factors must be as many before as after, were {len(before)} and {len(after)}.")


def _others(one: int, factors: int) -> list[frozenset[int]]:
    rest = [other for other in range(factors) if other != one]
    return [frozenset(chosen) for size in range(factors) for chosen in combinations(rest, size)]


def _weight(factors: int, changed: int) -> Fraction:
    # Share of the orders in which just these factors have changed before the next one does.
    return Fraction(1, factors * comb(factors - 1, changed))


def _limits(before: Factors, after: Factors, change: Fraction) -> Effects:
    causes = [(then == 0) != (now == 0) for then, now in zip(before, after, strict=True)]
    return tuple(change / sum(causes) if change and is_cause else Fraction(0) for is_cause in causes)


def _logarithm(ratio: Fraction) -> Fraction:
    with localcontext(prec=_DIGITS):
        return Fraction((Decimal(ratio.numerator) / Decimal(ratio.denominator)).ln())


METHODS: Mapping[str, Callable[[Factors, Factors], Effects]] = MappingProxyType(
    {"shapley": das_gupta, "classic": classic, "lmdi": lmdi}
)
