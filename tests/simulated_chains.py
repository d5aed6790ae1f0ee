"""Loans that move by a known law, for tests of estimators."""

import numpy as np

from analysis.models.aalen_johansen import CENSORED, Spells

# Performing, in arrears, gone for good [moves per year].
RATES = np.array([[-0.3, 0.3, 0.0], [0.8, -1.4, 0.6], [0.0, 0.0, 0.0]])


def stays(loans: int, rng: np.random.Generator, *, horizon: float = 2.0) -> Spells:
    """Stays of loans that begin in states 0 and 1 in turn; each is followed until the horizon or until it is censored.

    Censoring has nothing to do with the state: at a time between a half and all of the horizon.
    """
    state, entry = np.arange(loans) % 2, np.zeros(loans)
    until = rng.uniform(horizon / 2, horizon, loans)
    rows = []
    while len(state):
        leaves = entry + rng.exponential(1 / -RATES[state, state])
        seen = leaves < until
        worse = RATES[state, np.where(state == 0, 1, 2)] / -RATES[state, state]
        to = np.where(rng.random(len(state)) < worse, state + 1, 0)
        rows.append(np.stack([state, entry, np.minimum(leaves, until), np.where(seen, to, CENSORED)]))
        goes_on = seen & (to != 2)
        state, entry, until = to[goes_on], leaves[goes_on], until[goes_on]
    columns = np.concatenate(rows, axis=1)
    return Spells(state=columns[0].astype(int), entry=columns[1], exit=columns[2], to=columns[3].astype(int), states=3)


def paths(matrix: np.ndarray, loans: int, periods: int, rng: np.random.Generator) -> np.ndarray:
    """State of each loan in each period, array [loan, period], from state 0 on by one matrix."""
    steps = np.zeros((loans, periods + 1), dtype=int)
    cumulative = matrix.cumsum(axis=1)
    for period in range(periods):
        drawn = rng.random(loans)[:, None] > cumulative[steps[:, period]]
        steps[:, period + 1] = drawn[:, :-1].sum(axis=1)
    return steps
