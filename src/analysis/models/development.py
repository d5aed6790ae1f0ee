"""Where will a cohort end? What older cohorts added from its age on, by factors or by increments, with an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from analysis.errors import Misuse, require_known
from analysis.models.transitions import Flags, Floats
from analysis.terms import Text

METHODS: Mapping[str, Text] = MappingProxyType(
    {
        "chain_ladder": Text(
            "链梯法：各批次当前累计额乘以逐期发展因子；尚无坏账的批次按增量法",
            "chain ladder: what a cohort has so far, times the factors from age to age; a cohort in which nobody is "
            "bad yet goes by increments",
        ),
        "additive": Text(
            "增量法：各批次当前累计额加上发放额乘以逐期增量比率",
            "increments: what a cohort has so far, plus what was lent times the increments from age to age",
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How cohorts develop from each age to the next; one element of each array is a step.

    Attributes:
        rates: factor, or increment per amount lent; NaN where no cohort tells.
        variances: of a cohort's own step, per unit of its volume (sigma squared); NaN where too few cohorts tell.
        volumes: amounts that the rates rest on: bad before the step, or lent.
        cohorts: how many cohorts they rest on.
    """

    rates: Floats
    variances: Floats
    volumes: Floats
    cohorts: Floats


@dataclass(frozen=True, kw_only=True)
class Projected:
    """Cohorts to the end; arrays [cohort, age].

    Attributes:
        amounts: cumulative, seen or projected; NaN where no cohort tells.
        errors: standard errors, of what is to come and of the rates together; 0 where seen, NaN where not known.
    """

    amounts: Floats
    errors: Floats


def development_factors(cumulative: ArrayLike) -> Steps:
    """Volume-weighted factors from age to age.

    Args:
        cumulative: amounts by cohort and age, array [cohort, age], NaN from where a cohort has not been seen.
            Cohorts that are 0 at an age have no factor there and do not count.

    Returns:
        the factors, one fewer than ages, with their variances.

    Raises:
        Misuse: if there are not two axes, an amount is negative or falls, or one follows one that is not known.

    Source: T. Mack (1993), ASTIN Bulletin 23:213-225: the factors are the chain ladder's, the variances his
        sigma squared; where one cohort alone tells, the smallest of the last two and of their trend, as he proposes.
    """
    amounts = _checked(cumulative)
    before, after = amounts[:, :-1], amounts[:, 1:]
    known = ~np.isnan(after) & (before > 0)
    volume = np.where(known, before, 0.0)
    return _steps(np.where(known, after, 0.0), volume, known)


def development_increments(cumulative: ArrayLike, lent: ArrayLike) -> Steps:
    """Increments from age to age per amount lent; also where nothing was bad before.

    Args:
        cumulative: as for `development_factors`.
        lent: originated by each cohort, in the same unit.

    Returns:
        the increments as shares of what was lent, one fewer than ages, with their variances.

    Raises:
        Misuse: as for `development_factors`.

    Source: T. Mack (2002), Schadenversicherungsmathematik, 2nd ed., section 3.2.3 (additive method); the variances
        after M. Merz and M. V. Wüthrich (2010), CAS E-Forum Spring, with the last ones as in Mack (1993).
    """
    amounts = _checked(cumulative)
    added = np.diff(amounts, axis=1)
    known = ~np.isnan(added)
    volume = np.where(known, np.asarray(lent, dtype=float)[:, None], 0.0)
    return _steps(np.where(known, added, 0.0), volume, known)


def developed(cumulative: ArrayLike, lent: ArrayLike, *, method: str = "additive") -> Projected:
    """Each cohort to the oldest age that any cohort has reached.

    Args:
        cumulative: as for `development_factors`.
        lent: originated by each cohort, in the same unit.
        method: out of `METHODS`.

    Raises:
        Misuse: if the method is unknown, or as for `development_factors`.

    Source: T. Mack (1993), as above, theorem 3 by recursion. A cohort that is 0, or a step without a factor, goes by
        increments instead, which is ours.
    """
    require_known("method", method, METHODS)
    amounts, whole = _checked(cumulative), np.asarray(lent, dtype=float)
    factors, increments = development_factors(amounts), development_increments(amounts, whole)
    values, squares = amounts.copy(), np.where(np.isnan(amounts), np.nan, 0.0)
    for age in range(amounts.shape[1] - 1):
        ahead = np.isnan(amounts[:, age + 1])
        multiplies = (method == "chain_ladder") & (_latest(amounts) > 0) & ~np.isnan(factors.rates[age])
        by_factor = _multiplied(values[:, age], squares[:, age], factors, age)
        by_increment = _increased(values[:, age], squares[:, age], whole, (increments, age))
        for seen, one, other in zip((values, squares), by_factor, by_increment, strict=True):
            seen[:, age + 1] = np.where(ahead, np.where(multiplies, one, other), seen[:, age + 1])
    return Projected(amounts=values, errors=np.sqrt(squares))


def _multiplied(value: Floats, square: Floats, steps: Steps, age: int) -> tuple[Floats, Floats]:
    rate, variance, volume = steps.rates[age], steps.variances[age], steps.volumes[age]
    error = variance * value + (variance * value**2 / volume if volume > 0 else np.nan)
    return value * rate, square * rate**2 + error


def _increased(value: Floats, square: Floats, lent: Floats, step: tuple[Steps, int]) -> tuple[Floats, Floats]:
    steps, age = step
    rate, variance, volume = steps.rates[age], steps.variances[age], steps.volumes[age]
    error = variance * lent + (variance * lent**2 / volume if volume > 0 else np.nan)
    return value + lent * rate, square + error


def _latest(amounts: Floats) -> Floats:
    highest: Floats = np.where(np.isnan(amounts), 0.0, amounts).max(axis=1, initial=0.0)
    return highest


def _steps(after: Floats, volume: Floats, known: Flags) -> Steps:
    """Ratios of sums, and how the cohorts' own ratios spread about them, weighted by volume."""
    cohorts, volumes = known.sum(axis=0).astype(float), volume.sum(axis=0)
    rates = np.divide(after.sum(axis=0), volumes, out=np.full(len(volumes), np.nan), where=volumes > 0)
    own = np.divide(after, volume, out=np.zeros_like(after), where=known & (volume > 0))
    spread = np.where(known, volume * (own - rates) ** 2, 0.0).sum(axis=0)
    variances = np.divide(spread, cohorts - 1, out=np.full(len(volumes), np.nan), where=cohorts > 1)
    return Steps(rates=rates, variances=_extended(variances), volumes=volumes, cohorts=cohorts)


def _extended(variances: Floats) -> Floats:
    """Where one cohort alone tells: the smallest of the two variances before and of their trend."""
    found = variances.copy()
    for age in range(2, len(found)):
        last, other = found[age - 1], found[age - 2]
        if np.isnan(found[age]) and last >= 0 and other >= 0:
            found[age] = min(last**2 / other if other > 0 else last, last, other)
    return found


def _checked(cumulative: ArrayLike) -> Floats:
    amounts = np.asarray(cumulative, dtype=float)
    if amounts.ndim != 2:
        raise Misuse(f"cumulative must have the axes cohort and age, had {amounts.ndim}.")
    seen = ~np.isnan(amounts)
    if np.any(seen[:, 1:] & ~seen[:, :-1]):
        raise Misuse("cumulative must be known from the first age on, had gaps; leave cohorts with gaps out.")
    if np.any(amounts[seen] < 0) or np.any(np.diff(amounts, axis=1)[seen[:, 1:]] < 0):
        raise Misuse("cumulative must be 0 or more and never fall, did; give what was ever bad.")
    return amounts
