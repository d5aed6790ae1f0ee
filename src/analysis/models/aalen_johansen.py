"""Where do loans come in a time in which no two days are alike? The estimate of Aalen and Johansen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.errors import Misuse
from analysis.models.transitions import Flags, Floats, check_absorbing, checked_counts, cohort_matrix, without_unknown

Ints = NDArray[np.int64]
CENSORED = -1


@dataclass(frozen=True, kw_only=True)
class Spells:
    """Stays of loans in a state; one element is a stay.

    Attributes:
        state: number of the state.
        entry: when it began [any unit of time].
        exit: when it ended or was last seen; later than `entry`.
        to: number of the state it ended in; `CENSORED` if it was still going on, which is no exit.
        states: how many states there are, exits included.
    """

    state: Ints
    entry: Floats
    exit: Floats
    to: Ints
    states: int

    def __post_init__(self) -> None:
        """Refuse stays that end before they begin, or in a state that there is not."""
        if not self.state.shape == self.entry.shape == self.exit.shape == self.to.shape:
            raise Misuse("state, entry, exit and to must have one element per stay, had different lengths.")
        if np.any(self.exit <= self.entry):
            raise Misuse("exit must be later than entry, was not for some stay; leave out stays without duration.")
        numbers = np.concatenate([self.state, self.to[self.to != CENSORED]])
        if np.any((numbers < 0) | (numbers >= self.states)) or np.any(self.state == self.to):
            raise Misuse(
                f"state and to must be two states from 0 to {self.states - 1}, were not; to may be {CENSORED}."
            )

    def moves(self) -> Ints:
        """Number of moves from each state to each other one, array [from, to]."""
        seen = self.to != CENSORED
        table = np.zeros((self.states, self.states), dtype=np.int64)
        np.add.at(table, (self.state[seen], self.to[seen]), 1)
        return table

    def exposure(self) -> Floats:
        """Time spent in each state, with that of stays still going on [loans x unit of time]."""
        return np.asarray(np.bincount(self.state, self.exit - self.entry, self.states), dtype=float)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The times at which loans move, in order; one element of each array is a time.

    Attributes:
        times: when.
        at_risk: loans in each state just before, array [time, state].
        moves: loans that move, array [time, from, to].
        increments: moves ÷ loans at risk, less their sum on the diagonal: dA, array [time, from, to].
    """

    times: Floats
    at_risk: Floats
    moves: Floats
    increments: Floats


def aalen_johansen(spells: Spells, *, absorbing: Sequence[int] = (), start: float = 0.0, end: float = np.inf) -> Floats:
    """Probabilities from one time to another without taking any two times for alike: the product of I + dA.

    At each time of a move the loans at risk are those that were in the state just before it. Where nobody
    is at risk for a while nothing happens.

    Args:
        spells: stays of loans in states; censored ones count until they were last seen.
        absorbing: states that nobody leaves.
        start: from when; moves after it count [unit of time].
        end: until when, inclusive [unit of time].

    Returns:
        array [from, to], rows sum to 1 [probability]. A state that nobody was in between the two times is
        NaN, and so is one that leads there.

    Raises:
        Misuse: if loans leave an absorbing state.

    Source: O. O. Aalen and S. Johansen (1978), Scand. J. Stat. 5:141-150.
    """
    check_absorbing(spells.moves().astype(float), absorbing)
    steps = steps_of(spells, start=start, end=end)
    identity: Floats = np.eye(spells.states)
    product = identity
    for increment in steps.increments:
        product = product @ (identity + increment)
    there = (spells.entry < end) & (spells.exit > start)
    never: Flags = np.bincount(spells.state[there], minlength=spells.states) == 0
    never[list(absorbing)] = False
    return without_unknown(product, identity + steps.moves.sum(axis=0), never)


def aalen_johansen_of_periods(counts: ArrayLike, *, absorbing: Sequence[int] = ()) -> Floats:
    """Aalen-Johansen where loans are seen at the ends of periods: the product of the periods' matrices.

    Args:
        counts: loans from state to state, array [period, from, to], loans that stay on the diagonal.
        absorbing: states that nobody leaves.

    Returns:
        array [from, to] over all periods, rows sum to 1. A state without loans in a period stays as it
        is in that period; one without loans in any period is NaN, and so is one that leads there.

    Raises:
        Misuse: as for `cohort_matrix`, or if there is no axis of periods.
    """
    table = checked_counts(counts)
    if table.ndim != 3:
        raise Misuse(f"counts must have the axes period, from, to, had {table.ndim}.")
    product: Floats = np.eye(table.shape[1])
    known = product
    for period in table:
        step = cohort_matrix(period, absorbing=absorbing)
        step = np.where(np.isnan(step), np.eye(len(step)), step)
        product, known = product @ step, known + step
    never: Flags = table.sum(axis=(0, 2)) == 0
    never[list(absorbing)] = False
    return without_unknown(product, known, never)


def steps_of(spells: Spells, *, start: float = 0.0, end: float = np.inf) -> Steps:
    """The times at which loans move.

    Args:
        spells: stays of loans in states.
        start: from when; moves after it count [unit of time].
        end: until when, inclusive [unit of time].
    """
    seen = (spells.to != CENSORED) & (spells.exit > start) & (spells.exit <= end)
    times, place = np.unique(spells.exit[seen], return_inverse=True)
    moves = np.zeros((len(times), spells.states, spells.states))
    np.add.at(moves, (place, spells.state[seen], spells.to[seen]), 1)
    at_risk = np.stack([_at_risk(spells, state, times) for state in range(spells.states)], axis=1)
    increments = moves / np.maximum(at_risk, 1)[:, :, None]
    staying = np.eye(spells.states) * increments.sum(axis=2, keepdims=True)
    return Steps(times=times, at_risk=at_risk.astype(float), moves=moves, increments=increments - staying)


def _at_risk(spells: Spells, state: int, times: Floats) -> Ints:
    # Just before a time: a stay that begins then is not at risk yet, one that ends then still is.
    mine = spells.state == state
    began, ended = (np.sort(edge[mine]) for edge in (spells.entry, spells.exit))
    return np.asarray(np.searchsorted(began, times, side="left") - np.searchsorted(ended, times, side="left"))
