"""How sure is a share of amounts, in which one large loan weighs as much as many small ones?"""

import numpy as np
from numpy.typing import ArrayLike

from analysis.measures.intervals import CONFIDENCE, Bounds, Floats, binomial_interval


def effective_loans(found: ArrayLike, found_squares: ArrayLike, whole: ArrayLike, squares: ArrayLike) -> Floats:
    """As how many loans of one size do these loans tell about their share?

    The smaller of two numbers. The first follows from the sizes alone, as if any loan could go bad alike. The
    second from the variance of the share as the loans found show it; it is smaller where large loans go bad
    more often, and of no use where none or all were found, which leaves the first.

    Args:
        found: amount of the loans that have the property [currency].
        found_squares: sum of the squares of their amounts.
        whole: amount of all loans looked at [currency].
        squares: sum of the squares of their amounts.

    Returns:
        loans, from 1 to their number; NaN where there is no amount. Of loans of one size it is their number.

    Source: L. Kish (1965), Survey Sampling, section 11.7, for the first; E. L. Korn and B. I. Graubard (1998),
        Survey Methodology 24:193-201, for the second, without their correction for few clusters. We take the
        smaller one, because a few loans found show too little of their variance.
    """
    part, part_squares, all_of_it, all_squares = (
        np.asarray(sums, dtype=float) for sums in (found, found_squares, whole, squares)
    )
    has_amount = (all_of_it > 0) & (all_squares > 0)
    total = np.where(has_amount, all_of_it, 1.0)
    kish = total**2 / np.where(has_amount, all_squares, 1.0)
    share = part / total
    spread = part_squares * (1 - share) ** 2 + np.maximum(all_squares - part_squares, 0.0) * share**2
    has_spread = has_amount & (share > 0) & (share < 1) & (spread > 0)
    seen = share * (1 - share) * total**2 / np.where(has_spread, spread, 1.0)
    return np.where(has_amount, np.maximum(np.where(has_spread, np.minimum(seen, kish), kish), 1.0), np.nan)


def weighted_interval(
    found: ArrayLike, found_squares: ArrayLike, whole: ArrayLike, squares: ArrayLike, *, confidence: float = CONFIDENCE
) -> Bounds:
    """Bounds of a share of amounts: those of Wilson for as many loans as the amounts are worth.

    Loans of one borrower, or of one bad year, go bad together; the bounds take them as independent and are
    then too narrow.

    Args:
        found: as for `effective_loans`, as are the other amounts. Of loans counted give counts for all four.
        found_squares: the same.
        whole: the same.
        squares: the same.
        confidence: probability that the interval is to hold [share, between 0 and 1].

    Returns:
        lower and upper bounds [share, 0 to 1]; NaN where there is no amount.

    Raises:
        Misuse: if an amount found is more than that looked at, or the confidence is out of range.

    Source: N. Dean and M. Pagano (2015), J. Surv. Stat. Methodol. 3:484-503, Wilson's interval at the effective
        sample size.
    """
    trials = effective_loans(found, found_squares, whole, squares)
    part, all_of_it = np.asarray(found, dtype=float), np.asarray(whole, dtype=float)
    known = ~np.isnan(trials)
    # Whole shares first, so that none and all are found exactly.
    share = np.where(known, part / np.where(known, all_of_it, 1.0), 0.0)
    held = np.where(known, trials, 0.0)
    return binomial_interval(share * held, held, confidence=confidence)
