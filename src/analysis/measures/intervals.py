"""How sure is a share of loans? Binomial intervals for counts."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

from analysis.errors import Misuse, require_known

Method = Literal["wilson", "clopper_pearson", "jeffreys"]
Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]
CONFIDENCE = 0.95


def binomial_interval(
    successes: ArrayLike, trials: ArrayLike, *, method: Method = "wilson", confidence: float = CONFIDENCE
) -> Bounds:
    """Lower and upper bound of a share of loans.

    Loans of one borrower, or of one bad year, default together; the interval takes them as independent
    and is then too narrow.

    Args:
        successes: loans that have the property [count, 0 to `trials`].
        trials: loans looked at [count].
        method: "wilson" (near the nominal level on average), "clopper_pearson" (never below it, wider)
            or "jeffreys".
        confidence: probability that the interval is to hold [share, between 0 and 1].

    Returns:
        lower and upper bounds [share, 0 to 1], one per element; NaN where there are no trials.

    Raises:
        Misuse: if a count, the method or the confidence is out of range.

    Source: E. B. Wilson (1927), J. Am. Stat. Assoc. 22:209-212; C. J. Clopper and E. S. Pearson (1934),
        Biometrika 26:404-413; L. D. Brown, T. T. Cai and A. DasGupta (2001), Stat. Sci. 16:101-133.
    """
    require_known("method", method, METHODS)
    require_confidence(confidence)
    found, looked_at = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    if np.any(found < 0) or np.any(found > looked_at):
        raise Misuse("successes must be between 0 and trials, were not; count both over the same loans.")
    known = looked_at > 0
    lower, upper = METHODS[method](np.where(known, found, 0.0), np.where(known, looked_at, 1.0), confidence)
    return np.where(known, lower, np.nan), np.where(known, upper, np.nan)


def with_intervals(
    measurements: pd.DataFrame, *, method: Method = "wilson", confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """Measurements with their intervals by another method or at another confidence.

    Args:
        measurements: one row is a measured group at a month end, as `measured` gives it; rows without an
            interval (amounts, ratios of balances) stay without.
        method: as for `binomial_interval`.
        confidence: as for `binomial_interval` [share].

    Returns:
        the same rows with new `lower` and `upper` [share].

    Raises:
        Misuse: if the method or the confidence is out of range.
    """
    is_counted = measurements["lower"].notna().to_numpy(dtype=bool)
    numbers = (measurements["numerator"], measurements["denominator"])
    lower, upper = counted_bounds(*numbers, is_counted, method=method, confidence=confidence)
    return measurements.assign(lower=lower, upper=upper)


def counted_bounds(
    numerators: pd.Series,
    denominators: pd.Series,
    is_counted: NDArray[np.bool_],
    *,
    method: Method = "wilson",
    confidence: float = CONFIDENCE,
) -> Bounds:
    """Bounds of the shares that are shares of loans, among others that are not or are not known.

    Args:
        numerators: one per share.
        denominators: the same.
        is_counted: which shares count loans of the denominator, both numbers known.
        method: as for `binomial_interval`.
        confidence: as for `binomial_interval` [share].

    Returns:
        lower and upper bounds [share, 0 to 1], one per element; NaN where nothing was counted.

    Raises:
        Misuse: if a count, the method or the confidence is out of range.
    """
    bounds = np.full((2, len(is_counted)), np.nan)
    found, trials = (numbers[is_counted].to_numpy(dtype=float) for numbers in (numerators, denominators))
    bounds[:, is_counted] = binomial_interval(found, trials, method=method, confidence=confidence)
    return bounds[0], bounds[1]


def require_confidence(confidence: float) -> None:
    """Refuse a confidence that is no probability between 0 and 1.

    Raises:
        Misuse: if it is not.
    """
    if not 0 < confidence < 1:
        raise Misuse(f"confidence must be a share between 0 and 1, was {confidence!r}; write 95 % as 0.95.")


def _wilson(found: Floats, trials: Floats, confidence: float) -> Bounds:
    z = float(ndtri((1 + confidence) / 2))
    share = found / trials
    scale = 1 + z**2 / trials
    centre = (share + z**2 / (2 * trials)) / scale
    half = z * np.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2) / scale
    # The bound at 0 (or at 1) is exact, but its two terms cancel only up to rounding.
    return np.where(found == 0, 0.0, centre - half), np.where(found == trials, 1.0, centre + half)


def _clopper_pearson(found: Floats, trials: Floats, confidence: float) -> Bounds:
    tail = (1 - confidence) / 2
    lower = betaincinv(np.maximum(found, 1), trials - np.maximum(found, 1) + 1, tail)
    upper = betaincinv(np.minimum(found, trials - 1) + 1, np.maximum(trials - found, 1), 1 - tail)
    return np.where(found == 0, 0.0, lower), np.where(found == trials, 1.0, upper)


def _jeffreys(found: Floats, trials: Floats, confidence: float) -> Bounds:
    tail = (1 - confidence) / 2
    bounds = [betaincinv(found + 0.5, trials - found + 0.5, level) for level in (tail, 1 - tail)]
    return np.where(found == 0, 0.0, bounds[0]), np.where(found == trials, 1.0, bounds[1])


METHODS: Mapping[str, Callable[[Floats, Floats, float], Bounds]] = MappingProxyType(
    {"wilson": _wilson, "clopper_pearson": _clopper_pearson, "jeffreys": _jeffreys}
)
