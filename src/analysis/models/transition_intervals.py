"""How sure is a matrix of moves? Simultaneous intervals, resampled loans, and the variance of Aalen-Johansen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri, ndtri

from analysis.errors import Misuse
from analysis.measures.intervals import CONFIDENCE, Bounds, require_confidence
from analysis.models.aalen_johansen import Ints, Spells, steps_of
from analysis.models.transitions import Floats


def goodman_interval(counts: ArrayLike, *, confidence: float = CONFIDENCE) -> Bounds:
    """Bounds that hold for all shares of a state at once.

    Loans of one borrower, or of one bad month, move together; the bounds take them as independent and are
    then too narrow: see `resampled_counts`.

    Args:
        counts: loans by where they went, last axis the states [count].
        confidence: probability that all bounds of a row are to hold together [share, between 0 and 1].

    Returns:
        lower and upper bounds of the same shape [share, 0 to 1]; NaN where a row has no loans.

    Raises:
        Misuse: if a count is negative or the confidence is out of range.

    Source: L. A. Goodman (1965), Technometrics 7:247-254, eq. 2.6, with the quantile at 1 - alpha/k of k
        states. States that no loan went to count among the k.
    """
    table = np.asarray(counts, dtype=float)
    require_confidence(confidence)
    if not np.all(table >= 0):
        raise Misuse("counts must be 0 or more, were not; leave out what is not known.")
    quantile = float(chdtri(1, (1 - confidence) / table.shape[-1]))
    totals = table.sum(axis=-1, keepdims=True)
    safe = np.where(totals > 0, totals, 1.0)
    root = np.sqrt(quantile * (quantile + 4 * table * (safe - table) / safe))
    bounds = [(quantile + 2 * table + sign * root) / (2 * (safe + quantile)) for sign in (-1, 1)]
    lower = np.where(table == 0, 0.0, bounds[0])  # exact, but its terms cancel only up to rounding
    upper = np.where(table == safe, 1.0, bounds[1])
    return np.where(totals > 0, lower, np.nan), np.where(totals > 0, upper, np.nan)


def resampled_counts(moves: Ints, states: int, *, draws: int, seed: int) -> Floats:
    """Counts as they might have been: loans drawn with replacement, each with all its moves.

    A loan's moves hang together, so that moves drawn one by one would give too narrow an interval. Any
    estimate can be made of each draw and its spread read with `percentile_interval`.

    Args:
        moves: array [move, 3]: number of the loan (or of the borrower, to keep its loans together), state
            before, state after.
        states: how many states there are, exits included.
        draws: how many resamples [count].
        seed: of the draws; the same seed gives the same counts.

    Returns:
        array [draw, from, to] [loans].

    Raises:
        Misuse: if there is no move or no draw.

    Source: B. Efron and R. J. Tibshirani (1993), An Introduction to the Bootstrap, ch. 8; of transition
        matrices S. Hanson and T. Schuermann (2006), J. Banking & Finance 30:2281-2301.
    """
    if len(moves) == 0 or draws < 1:
        raise Misuse(f"moves and draws must be at least one, were {len(moves)} and {draws!r}.")
    _, loan = np.unique(moves[:, 0], return_inverse=True)
    cell = moves[:, 1] * states + moves[:, 2]
    rng, loans = np.random.default_rng(seed), int(loan.max()) + 1
    counts = np.empty((draws, states * states))
    for draw in range(draws):
        times_drawn = np.bincount(rng.integers(0, loans, loans), minlength=loans)
        counts[draw] = np.bincount(cell, weights=times_drawn[loan], minlength=states * states)
    return counts.reshape(draws, states, states)


def percentile_interval(estimates: ArrayLike, *, confidence: float = CONFIDENCE) -> Bounds:
    """The bounds between which the middle of the resampled estimates lies.

    Args:
        estimates: first axis the draws; a draw in which something is not known has NaN and does not count.
        confidence: share of the draws that is to lie between [share, between 0 and 1].

    Returns:
        lower and upper bounds; NaN where no draw knows.

    Raises:
        Misuse: if the confidence is out of range.
    """
    require_confidence(confidence)
    # All cells at once: what numpy offers for draws with NaN goes cell by cell.
    ordered = np.sort(np.asarray(estimates, dtype=float), axis=0)
    known = np.count_nonzero(~np.isnan(ordered), axis=0)
    return _quantile(ordered, known, (1 - confidence) / 2), _quantile(ordered, known, (1 + confidence) / 2)


def _quantile(ordered: Floats, known: Ints | int, share: float) -> Floats:
    """Linear between the two nearest of the draws that are known, which stand first; NaN where there is none."""
    place = np.maximum(share * (np.asarray(known) - 1), 0.0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(np.asarray(known) - 1, 0))
    near, far = (np.take_along_axis(ordered, index[np.newaxis], axis=0)[0] for index in (below, above))
    return np.asarray(near + (far - near) * (place - below), dtype=float)


def aalen_johansen_variance(spells: Spells, *, start: float = 0.0, end: float = np.inf) -> Floats:
    """Variance of each probability of the estimate of Aalen and Johansen, by the recursion of Greenwood's type.

    Args:
        spells: stays of loans in states.
        start: from when; moves after it count [unit of time].
        end: until when, inclusive [unit of time].

    Returns:
        array [from, to]. Of one state with one exit it is Greenwood's variance.

    Source: P. K. Andersen, Ø. Borgan, R. D. Gill and N. Keiding (1993), Statistical Models Based on Counting
        Processes, eq. 4.4.19; M. Greenwood (1926), Rep. Public Health 33.
    """
    size, steps = spells.states, steps_of(spells, start=start, end=end)
    identity = np.eye(size)
    product, covariance = identity, np.zeros((size * size, size * size))
    for at_risk, increment in zip(steps.at_risk, steps.increments, strict=True):
        step = identity + increment
        carried, fresh = np.kron(step.T, identity), np.kron(identity, product)
        covariance = carried @ covariance @ carried.T + fresh @ _increment_covariance(step, at_risk) @ fresh.T
        product = product @ step
    # Columns are stacked, so that the variance of [from, to] stands at to x size + from.
    variance: Floats = np.clip(np.diag(covariance), 0.0, None).reshape(size, size).T
    return variance


def normal_interval(probabilities: ArrayLike, variance: ArrayLike, *, confidence: float = CONFIDENCE) -> Bounds:
    """Bounds of probabilities from their variance, cut at 0 and 1; rough where few loans moved.

    Args:
        probabilities: estimates.
        variance: of each.
        confidence: probability that each bound alone is to hold [share, between 0 and 1].

    Returns:
        lower and upper bounds [probability].

    Raises:
        Misuse: if the confidence is out of range.
    """
    require_confidence(confidence)
    centre = np.asarray(probabilities, dtype=float)
    half = float(ndtri((1 + confidence) / 2)) * np.sqrt(np.asarray(variance, dtype=float))
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def _increment_covariance(step: Floats, at_risk: Sequence[float] | Floats) -> Floats:
    """Covariance of the entries of I + dA, columns stacked: multinomial in each row, rows independent."""
    size = len(step)
    covariance = np.zeros((size * size, size * size))
    for state, (row, loans) in enumerate(zip(step, at_risk, strict=True)):
        if loans > 0:
            places = np.arange(size) * size + state
            covariance[np.ix_(places, places)] = (np.diag(row) - np.outer(row, row)) / loans
    return covariance
