"""Which intensities lie behind a matrix of probabilities? The logarithm, and what had to be changed in it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import logm

from analysis.errors import DataRefused, Misuse, require_known
from analysis.models.transitions import Floats, checked_probabilities, transition_matrix

Method = Literal["diagonal", "weighted"]
METHODS: tuple[Method, ...] = ("diagonal", "weighted")
_TINY = 1e-10  # rounding of a logarithm; no intensity worth the name
_WELL_CONDITIONED = 1e4  # of eigenvectors, so that their rounding stays well below that


@dataclass(frozen=True, kw_only=True)
class Regularised:
    """A generator and what it took to get it.

    Attributes:
        generator: array [from, to], rows sum to 0 [moves per unit of time].
        logarithm: the same before anything was changed.
        changed: (from, to, before, after) of each intensity off the diagonal that was changed.
        gap: largest difference between the given probabilities and those of the generator [probability].
    """

    generator: Floats
    logarithm: Floats
    changed: tuple[tuple[int, int, float, float], ...]
    gap: float

    @property
    def is_embeddable(self) -> bool:
        """Whether the logarithm is a generator as it stands, so that nothing was changed."""
        return not self.changed


def generator_of(probabilities: ArrayLike, time: float = 1.0, *, method: Method = "diagonal") -> Regularised:
    """The generator behind a matrix of probabilities, made one where the logarithm is none.

    A matrix that was counted period by period need not come from any chain in continuous time: moves
    that skip a state nobody was seen to reach in two steps give negative intensities. These are set to 0.

    Args:
        probabilities: array [from, to] over `time`, rows sum to 1, all known.
        time: length of the period [unit of time, more than 0].
        method: what pays for it: the diagonal of the row ("diagonal"), or every positive intensity and the
            diagonal in proportion to their size ("weighted").

    Returns:
        the generator, with the report of what was changed.

    Raises:
        Misuse: if rows do not sum to 1, some are unknown, or the time or method is not possible.
        DataRefused: if the matrix has no real logarithm.

    Source: R. B. Israel, J. S. Rosenthal and J. Z. Wei (2001), Math. Finance 11:245-265, section 3;
        A. Kreinin and M. Sidelnikova (2001), Algo Research Quarterly 4:23-40.
    """
    table = checked_probabilities(probabilities)
    require_known("method", method, METHODS)
    if time <= 0:
        raise Misuse(f"time must be more than 0, was {time!r}.")
    if np.isnan(table).any():
        raise Misuse("probabilities must all be known, were not; leave out states without loans.")
    raw = _logarithm(table) / time
    adjusted = _diagonal(raw) if method == "diagonal" else _weighted(raw)
    places = zip(*np.nonzero((np.abs(adjusted - raw) > _TINY) & ~np.eye(len(raw), dtype=bool)), strict=True)
    return Regularised(
        generator=adjusted,
        logarithm=raw,
        changed=tuple((int(i), int(j), float(raw[i, j]), float(adjusted[i, j])) for i, j in places),
        gap=float(np.abs(transition_matrix(adjusted, time) - table).max()),
    )


def _logarithm(table: Floats) -> Floats:
    values, vectors = np.linalg.eig(table)
    if np.any((np.abs(values.imag) < _TINY) & (values.real < _TINY)):
        raise DataRefused(
            "probabilities must have a real logarithm, have none: an eigenvalue is 0 or negative, "
            f"{float(values.real.min()):.3g}; use a shorter period, or estimate intensities from dates."
        )
    if np.linalg.cond(vectors) < _WELL_CONDITIONED:
        # Many times faster than the general way, which resampling takes a hundred times.
        return np.asarray(((vectors * np.log(values.astype(complex))) @ np.linalg.inv(vectors)).real, dtype=float)
    return np.asarray(logm(table).real, dtype=float)


def _diagonal(raw: Floats) -> Floats:
    off = np.where(raw < _TINY, 0.0, raw) * (1 - np.eye(len(raw)))
    adjusted: Floats = off - np.diag(off.sum(axis=1))
    return adjusted


def _weighted(raw: Floats) -> Floats:
    identity = np.eye(len(raw), dtype=bool)
    is_bad = ~identity & (raw < 0)
    bad = np.where(is_bad, -raw, 0.0).sum(axis=1, keepdims=True)
    good = np.abs(np.where(is_bad, 0.0, raw))
    weights = np.divide(good, good.sum(axis=1, keepdims=True), out=np.zeros(raw.shape), where=good > 0)
    off = np.where(is_bad | identity, 0.0, raw - bad * weights)
    adjusted: Floats = off - np.diag(off.sum(axis=1))
    return adjusted
