"""How likely is each move within a month, a quarter, a year? Four estimates of the same thing, with their bounds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from analysis.errors import DataRefused
from analysis.measures.intervals import Bounds
from analysis.models.aalen_johansen import aalen_johansen_of_periods
from analysis.models.generators import generator_of
from analysis.models.transition_intervals import goodman_interval, percentile_interval
from analysis.models.transitions import (
    Floats,
    cohort_matrix,
    generator,
    matrix_power,
    transition_matrix,
    unknown_rows,
    without_unknown,
)
from analysis.terms import Text

METHODS: Mapping[str, Text] = MappingProxyType(
    {
        "cohort": Text("同期群法：各期合并的迁徙矩阵的幂", "cohort: power of the matrix of all periods together"),
        "duration": Text(
            "久期法：迁徙次数÷在险时间得生成元，取矩阵指数；在险时间取期初、期末的平均",
            "duration: exponential of moves ÷ time at risk, taken as the mean of the two ends of a period",
        ),
        "logarithm": Text(
            "对数法：同期群矩阵的对数，负强度调整为零（已列出调整个数），再取矩阵指数",
            "logarithm: exponential of the logarithm of the cohort matrix, negative intensities set to 0 and counted",
        ),
        "aalen_johansen": Text(
            "Aalen–Johansen：末尾各期矩阵之积，不假定各期相同",
            "Aalen–Johansen: product of the matrices of the latest periods, none taken for like another",
        ),
    }
)
HORIZONS = (1, 3, 12)
_DRAWS, _SEED = 100, 7


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Loans that moved, period by period.

    Attributes:
        counts: array [period, from, to], loans that stay on the diagonal [loans or currency].
        absorbing: numbers of the states that nobody leaves.
        months: length of a period [months].
    """

    counts: Floats
    absorbing: tuple[int, ...]
    months: int

    @property
    def pooled(self) -> Floats:
        """All periods together."""
        return np.asarray(self.counts.sum(axis=0), dtype=float)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Probabilities of moving within some months.

    Attributes:
        probabilities: array [from, to], rows sum to 1; NaN where unknown.
        regularised: intensities that had to be changed to get a generator; None where none is needed.
        gap: largest difference that made to the probabilities of one period [probability]; NaN where none is needed.
        note: why nothing is known: "too_short" (fewer periods than asked for), "within_a_period" (the horizon is no
            whole number of periods), "no_logarithm", or "".
    """

    probabilities: Floats
    regularised: int | None = None
    gap: float = math.nan
    note: str = ""


Ahead = Callable[[int], Estimate]  # an estimate by how many months it looks ahead


def estimates(moves: Moves, method: str, horizons: Sequence[int] = HORIZONS) -> tuple[Estimate, ...]:
    """Probabilities of being in each state some months from now.

    Args:
        moves: what was seen.
        method: of `METHODS`.
        horizons: how far ahead [months].

    Returns:
        one estimate per horizon; all NaN, with a note, where the method cannot give one.

    Source: Y. Jafry and T. Schuermann (2004), J. Banking & Finance 28:2603-2639 (cohort); D. Lando and T. M.
        Skødeberg (2002), J. Banking & Finance 26:423-444 (duration); R. B. Israel, J. S. Rosenthal and J. Z. Wei
        (2001), Math. Finance 11:245-265 (logarithm); O. O. Aalen and S. Johansen (1978), Scand. J. Stat. 5:141-150.
        Departure: loans are seen at period ends only. Time at risk is the mean of both ends of a period, and moves
        there and back within one are not seen, so that intensities come out too low where they are large.
    """
    ahead = _FITS[method](moves)
    return tuple(ahead(horizon) for horizon in horizons)


def bounds(moves: Moves, method: str, horizons: Sequence[int] = HORIZONS) -> tuple[tuple[Bounds, str], ...]:
    """Bounds of the probabilities of an estimate, from counts of loans.

    Of the cohort estimate over one period they are Goodman's and hold together; of all others they are of counts
    drawn anew from what was seen, each bound by itself. Loans are taken as independent, which makes both too narrow
    where loans of one borrower or one bad month move together. They say nothing of the bias of a method.

    Args:
        moves: what was seen, in loans.
        method: of `METHODS`.
        horizons: as for `estimates` [months].

    Returns:
        one per horizon: lower and upper bounds [probability; NaN where unknown], and how they were found: "goodman" or
        "bootstrap".

    Source: L. A. Goodman (1965), Technometrics 7:247-254; B. Efron and R. J. Tibshirani (1993), An Introduction to
        the Bootstrap, section 6.5 (parametric).
    """
    again = redrawn(moves, np.random.default_rng(_SEED), draws=_DRAWS)
    drawn = zip(*([one.probabilities for one in estimates(each, method, horizons)] for each in again), strict=True)
    found = [(percentile_interval(np.stack(tables)), "bootstrap") for tables in drawn]
    exact = [method == "cohort" and horizon == moves.months for horizon in horizons]
    goodman = (goodman_interval(moves.pooled), "goodman")
    return tuple(goodman if is_exact else one for is_exact, one in zip(exact, found, strict=True))


def redrawn(moves: Moves, rng: np.random.Generator, *, draws: int) -> list[Moves]:
    """Moves as they might have been: in every period the loans of a state drawn anew among the states.

    Args:
        moves: what was seen, in loans.
        rng: the stream of chance.
        draws: how many [count].
    """
    totals = moves.counts.sum(axis=2, keepdims=True)
    shares = np.divide(moves.counts, totals, out=np.broadcast_to(np.eye(totals.shape[1]), moves.counts.shape).copy(),
                       where=totals > 0)  # fmt: skip
    loans = np.rint(totals[..., 0]).astype(np.int64)
    drawn = rng.multinomial(loans, shares, size=(draws, *loans.shape)).astype(float)
    return [Moves(counts=counts, absorbing=moves.absorbing, months=moves.months) for counts in drawn]


def _cohort(moves: Moves) -> Ahead:
    matrix = cohort_matrix(moves.pooled, absorbing=moves.absorbing)

    def ahead(horizon: int) -> Estimate:
        steps, rest = divmod(horizon, moves.months)
        if rest:
            return _unknown(moves, "within_a_period")
        # Within one period nobody gets on from a state that nobody was in before, so that no row is lost to it.
        return Estimate(probabilities=matrix if steps == 1 else matrix_power(matrix, steps))

    return ahead


def _duration(moves: Moves) -> Ahead:
    exposure = (moves.pooled.sum(axis=1) + moves.pooled.sum(axis=0)) / 2
    rates = generator(moves.pooled, exposure, absorbing=moves.absorbing)
    # Powers of one month cost far less than an exponential per horizon, and are the same.
    month = transition_matrix(rates, 1 / moves.months)

    def ahead(horizon: int) -> Estimate:
        return Estimate(probabilities=matrix_power(month, horizon), regularised=0, gap=0.0)

    return ahead


def _logarithm(moves: Moves) -> Ahead:
    table = cohort_matrix(moves.pooled, absorbing=moves.absorbing)
    unknown = unknown_rows(table)
    known = np.where(unknown[:, None], np.eye(len(table)), table)
    try:
        found = generator_of(known)
    except DataRefused:
        return lambda _: _unknown(moves, "no_logarithm")
    month = transition_matrix(found.generator, 1 / moves.months)

    def ahead(horizon: int) -> Estimate:
        probabilities = without_unknown(matrix_power(month, horizon), known, unknown)
        return Estimate(probabilities=probabilities, regularised=len(found.changed), gap=found.gap)

    return ahead


def _aalen_johansen(moves: Moves) -> Ahead:
    def ahead(horizon: int) -> Estimate:
        steps, rest = divmod(horizon, moves.months)
        if rest or steps > len(moves.counts):
            return _unknown(moves, "within_a_period" if rest else "too_short")
        latest = moves.counts[-steps:]
        if steps == 1:
            return Estimate(probabilities=cohort_matrix(latest, absorbing=moves.absorbing))
        return Estimate(probabilities=aalen_johansen_of_periods(latest, absorbing=moves.absorbing))

    return ahead


def _unknown(moves: Moves, note: str) -> Estimate:
    return Estimate(probabilities=np.full(moves.pooled.shape, np.nan), note=note)


_FITS: Mapping[str, Callable[[Moves], Ahead]] = MappingProxyType(
    {
        "cohort": _cohort,
        "duration": _duration,
        "logarithm": _logarithm,
        "aalen_johansen": _aalen_johansen,
    }
)
