"""How likely is each move, and where will the loans be in n months? Cohort and duration estimates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm

from analysis.errors import Misuse

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_TINY = 1e-9  # what rounding may add to a row that sums to 1


def cohort_matrix(counts: ArrayLike, *, absorbing: Sequence[int] = ()) -> Floats:
    """Share of the loans in each state that are in each other state a period later.

    The maximum likelihood estimate if the chain is Markov and the same in every period. Loans that
    leave have to be counted in states of their own; loans censored at the cut-off have to be left out.

    Args:
        counts: loans from state to state, array [from, to]; an additional first axis of periods is added up.
        absorbing: states that nobody leaves.

    Returns:
        array [from, to], rows sum to 1 [probability]; a row that nobody started in is NaN, not 0.

    Raises:
        Misuse: if the counts are not square, are negative, or leave an absorbing state.

    Source: T. W. Anderson and L. A. Goodman (1957), Ann. Math. Stat. 28:89-110, eq. 2.7;
        Y. Jafry and T. Schuermann (2004), J. Banking & Finance 28:2603-2639.
    """
    added = checked_counts(counts)
    table = added.sum(axis=0) if added.ndim == 3 else added
    check_absorbing(table, absorbing)
    exposure = table.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(table, exposure, out=np.full(table.shape, np.nan), where=exposure > 0)
    shares[list(absorbing)] = np.eye(len(table))[list(absorbing)]
    return shares


def generator(moves: ArrayLike, exposure: ArrayLike, *, absorbing: Sequence[int] = ()) -> Floats:
    """Intensities of moving from state to state: moves ÷ time at risk.

    The duration estimate. Rare moves get a probability although nobody made them in one go.

    Args:
        moves: array [from, to]; its diagonal is not read.
        exposure: time spent in each state [loans x unit of time].
        absorbing: states that nobody leaves.

    Returns:
        array [from, to], rows sum to 0 [moves per unit of time]; a row without exposure is NaN.

    Raises:
        Misuse: if the moves are not square, are negative, or leave an absorbing state.

    Source: D. Lando and T. M. Skødeberg (2002), J. Banking & Finance 26:423-444, eq. 3.
    """
    counted, time = checked_counts(moves), np.asarray(exposure, dtype=float)
    table = counted * (1 - np.eye(len(counted)))
    check_absorbing(table, absorbing)
    rates = np.divide(table, time[:, None], out=np.full(table.shape, np.nan), where=time[:, None] > 0)
    rates[list(absorbing)] = 0.0
    balanced: Floats = rates - np.diag(rates.sum(axis=1))
    return balanced


def transition_matrix(rates: ArrayLike, time: float = 1.0) -> Floats:
    """Probabilities after some time, exp(generator x time).

    Args:
        rates: a generator, array [from, to] [moves per unit of time].
        time: how long [unit of time, from 0].

    Returns:
        array [from, to], rows sum to 1; NaN for a state from which a state can be reached whose own
        row is unknown.

    Raises:
        Misuse: if the rates are no generator or the time is negative.

    Source: D. Lando and T. M. Skødeberg (2002), J. Banking & Finance 26:423-444, eq. 2.
    """
    table = np.asarray(rates, dtype=float)
    if time < 0:
        raise Misuse(f"time must be 0 or more, was {time!r}.")
    check_generator(table)
    unknown = unknown_rows(table)
    known = np.where(unknown[:, None], 0.0, table)
    moved: Floats = np.clip(expm(known * time), 0.0, None)
    moved /= moved.sum(axis=1, keepdims=True)
    return without_unknown(moved, known, unknown)


def matrix_power(probabilities: ArrayLike, periods: int) -> Floats:
    """Probabilities after some periods, P^n, if every period is alike and the past does not matter.

    Args:
        probabilities: array [from, to] of one period; unknown rows are NaN.
        periods: how many [periods, from 0].

    Returns:
        array [from, to], rows sum to 1; NaN for a state from which an unknown row can be reached.

    Raises:
        Misuse: if rows do not sum to 1 or the number of periods is negative.
    """
    table = checked_probabilities(probabilities)
    if periods < 0:
        raise Misuse(f"periods must be 0 or more, was {periods!r}.")
    unknown = unknown_rows(table)
    known = np.where(unknown[:, None], np.eye(len(table)), table)
    return without_unknown(np.linalg.matrix_power(known, periods), known, unknown)


def forecast(probabilities: ArrayLike, start: ArrayLike, periods: int) -> Floats:
    """Where loans will be after each of some periods.

    Args:
        probabilities: array [from, to] of one period; unknown rows are NaN. With a first axis of periods,
            each period has its own and `periods` must be their number.
        start: loans or balance in each state now.
        periods: how many [periods, from 0].

    Returns:
        array [period from 0, state], in the unit of `start`, and with the same total in every period. NaN
        where loans are in a state whose row is unknown.

    Raises:
        Misuse: if rows do not sum to 1 or the number of matrices is not that of periods.
    """
    given = np.asarray(probabilities, dtype=float)
    steps = [checked_probabilities(step) for step in (given if given.ndim == 3 else [given] * periods)]
    if len(steps) != periods:
        raise Misuse(f"periods must be the number of matrices, {len(steps)}, was {periods!r}.")
    path = [np.asarray(start, dtype=float)]
    for step in steps:
        held = path[-1] != 0
        path.append(path[-1][held] @ step[held])
    return np.stack(path)


def checked_counts(counts: ArrayLike) -> Floats:
    """A square array of counts, or one per period.

    Raises:
        Misuse: if it is not, or a count is negative or unknown.
    """
    table = np.asarray(counts, dtype=float)
    if table.ndim not in {2, 3} or table.shape[-1] != table.shape[-2]:
        raise Misuse(f"counts must be a square array, or one per period, was of shape {table.shape}.")
    if not np.all(table >= 0):
        raise Misuse("counts must be 0 or more, were not; leave out what is not known.")
    return table


def checked_probabilities(probabilities: ArrayLike) -> Floats:
    """A square array whose known rows are probabilities that sum to 1.

    Raises:
        Misuse: if it is not.
    """
    table = np.asarray(probabilities, dtype=float)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise Misuse(f"probabilities must be a square array, was of shape {table.shape}.")
    known = table[~unknown_rows(table)]
    if np.any(known < -_TINY) or np.any(np.abs(known.sum(axis=1) - 1) > _TINY):
        raise Misuse("rows must be probabilities that sum to 1, were not; count exits as states of their own.")
    return table


def without_unknown(moved: Floats, step: Floats, unknown: Flags) -> Floats:
    """Probabilities with NaN in the rows of states that may come to an unknown one, which it does itself.

    Args:
        moved: array [from, to] over several steps.
        step: array [from, to], not 0 where a loan can get in one step.
        unknown: states whose own row is not known.
    """
    leads = (step != 0) | np.eye(len(step), dtype=bool)
    reach = np.linalg.matrix_power(leads.astype(float), len(step)) > 0
    lost = np.asarray((reach & unknown[None, :]).any(axis=1))
    return np.where(lost[:, None], np.nan, moved)


def unknown_rows(table: Floats) -> Flags:
    """Which rows are not known in full."""
    return np.asarray(np.isnan(table).any(axis=1))


def check_generator(rates: Floats) -> None:
    """Refuse what is no generator.

    Raises:
        Misuse: if an intensity is negative or a known row does not sum to 0.
    """
    known = rates[~unknown_rows(rates)]
    scale = max(1.0, float(np.abs(known).max(initial=0.0)))
    negative = rates * (1 - np.eye(len(rates))) < -_TINY * scale
    if np.any(negative) or np.any(np.abs(known.sum(axis=1)) > _TINY * scale):
        raise Misuse("rates must be 0 or more off the diagonal and rows sum to 0, were not; see generator_of.")


def check_absorbing(counts: Floats, absorbing: Sequence[int]) -> None:
    """Refuse absorbing states that loans leave.

    Raises:
        Misuse: if there is one.
    """
    left = [state for state in absorbing if counts[state].sum() > counts[state, state]]
    if left:
        raise Misuse(f"absorbing must be states that nobody leaves, was {left[0]!r}, which loans left.")
