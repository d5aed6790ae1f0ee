"""May the months be added up, and does only the present state matter? Tests of a chain's two assumptions."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, xlogy

from analysis.errors import Misuse
from analysis.models.aalen_johansen import Ints
from analysis.models.transitions import Floats

_FEW = 5.0  # expected loans below which the chi-square distribution is a poor guide (Cochran 1954)


@dataclass(frozen=True, kw_only=True)
class ChiSquare:
    """Result of a test.

    Attributes:
        statistic: Pearson's chi-square.
        likelihood_ratio: the same by the ratio of likelihoods, G.
        degrees: of freedom of both; 0 if there is nothing to compare.
        p_value: chance of a statistic as large if the assumption holds; NaN if there is nothing to compare.
        p_value_ratio: the same for the likelihood ratio.
        sparse: share of the cells with fewer than 5 expected loans; where it is large, read neither.
    """

    statistic: float
    likelihood_ratio: float
    degrees: int
    p_value: float
    p_value_ratio: float
    sparse: float

    def rejects(self, level: float) -> bool:
        """Whether the assumption is rejected.

        Args:
            level: chance of rejecting an assumption that holds [share].
        """
        return self.p_value < level


def homogeneity_test(counts: ArrayLike) -> ChiSquare:
    """Are the probabilities of a move the same in every period?

    Also answers whether they are the same in several segments, where the first axis is the segments.

    Args:
        counts: loans from state to state, array [period, from, to], loans that stay on the diagonal [count].

    Returns:
        the test. States that nobody was in in a period, and moves that nobody ever made, do not count
        towards the degrees of freedom.

    Raises:
        Misuse: if the counts have other axes or are negative.

    Source: T. W. Anderson and L. A. Goodman (1957), Ann. Math. Stat. 28:89-110, eqs. 3.9 and 3.18.
    """
    table = _checked(counts, "period, from, to")
    return _of_tables(table[:, state, :] for state in range(table.shape[1]))


def markov_test(triples: ArrayLike) -> ChiSquare:
    """Does the next state depend on the present one only, and not on the one before it?

    Args:
        triples: loans by three states in a row, array [before, now, next] [count]; see `triple_counts`.

    Returns:
        the test of a chain of first order against one of second order.

    Raises:
        Misuse: if the counts have other axes or are negative.

    Source: T. W. Anderson and L. A. Goodman (1957), Ann. Math. Stat. 28:89-110, eqs. 4.3 and 4.5.
    """
    table = _checked(triples, "before, now, next")
    return _of_tables(table[:, state, :] for state in range(table.shape[1]))


def triple_counts(paths: Ints, states: int) -> Ints:
    """Loans by their states in three periods in a row.

    Args:
        paths: state of each loan in each period, array [loan, period]; -1 where it is not there, so that
            no triple runs over a gap.
        states: how many states there are, exits included.

    Returns:
        array [before, now, next] [count].
    """
    triples = np.stack([paths[:, :-2], paths[:, 1:-1], paths[:, 2:]], axis=-1).reshape(-1, 3)
    known = triples[(triples >= 0).all(axis=1)]
    table = np.zeros((states, states, states), dtype=np.int64)
    np.add.at(table, tuple(known.T), 1)
    return table


def _checked(counts: ArrayLike, axes: str) -> Floats:
    table = np.asarray(counts, dtype=float)
    if table.ndim != 3 or table.shape[1] != table.shape[2]:
        raise Misuse(f"counts must have the axes {axes}, had the shape {table.shape}.")
    if not np.all(table >= 0):
        raise Misuse("counts must be 0 or more, were not; leave out what is not known.")
    return table


def _of_tables(tables: Iterable[Floats]) -> ChiSquare:
    """Contingency tables of one state each, added up: rows are what must not matter, columns where loans went."""
    full = [table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0] for table in tables]
    expected = [np.outer(table.sum(axis=1), table.sum(axis=0)) / max(table.sum(), 1.0) for table in full]
    pairs = list(zip(full, expected, strict=True))
    degrees = sum((table.shape[0] - 1) * (table.shape[1] - 1) for table in full if table.size)
    statistic = math.fsum(float(((seen - fit) ** 2 / fit).sum()) for seen, fit in pairs)
    ratio = math.fsum(2 * float(xlogy(seen, seen / fit).sum()) for seen, fit in pairs)
    cells = np.concatenate([fit.ravel() for fit in expected]) if full else np.empty(0)
    return ChiSquare(
        statistic=statistic,
        likelihood_ratio=ratio,
        degrees=degrees,
        p_value=float(chdtrc(degrees, statistic)) if degrees else math.nan,
        p_value_ratio=float(chdtrc(degrees, ratio)) if degrees else math.nan,
        sparse=float((cells < _FEW).mean()) if cells.size else math.nan,
    )
