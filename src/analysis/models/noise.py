"""How strongly does a value hang on the one before it, and what does such noise look like without a trend?"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Persistence is rounded to this grid, so that what is simulated for it can be kept.
GRID = 0.05
_SEED = 20260930
_ROUNDING = 64


def persistence(values: Floats) -> Floats:
    """First-order autocorrelation of each row around its own straight line, corrected for small samples.

    Args:
        values: one row is a series of evenly spaced values.

    Returns:
        one number per row [0 to 1, on a grid of 0.05]; 0 where it is negative or the row lies on its line.

    Source: G. H. Orcutt and H. S. Winokur (1969), Econometrica 37:1-14: the estimate is low by about
        (2 + 4 r) / n when a constant and a trend are removed. Held at 0 from below, which is cautious.
    """
    count = values.shape[1]
    residuals = detrended(values)
    scale = (residuals[:, :-1] ** 2).sum(axis=1)
    straight = is_line(values)
    products = (residuals[:, 1:] * residuals[:, :-1]).sum(axis=1)
    raw = np.where(straight, 0.0, products / np.where(straight, 1.0, scale))
    corrected = np.where(straight, 0.0, raw + (2 + 4 * raw) / count)
    rounded: Floats = np.round(np.clip(corrected, 0.0, 1.0) / GRID) * GRID
    return rounded


def is_line(values: Floats) -> NDArray[np.bool_]:
    """Whether each row lies on its straight line: only rounding is left, and its pattern means nothing."""
    left, whole = (detrended(values) ** 2).sum(axis=1), (values**2).sum(axis=1)
    straight: NDArray[np.bool_] = left <= (_ROUNDING * np.finfo(float).eps) ** 2 * np.maximum(whole, 1e-300)
    return straight


def detrended(values: Floats) -> Floats:
    """What is left of each row when its straight line is taken away."""
    time = np.arange(values.shape[1]) - (values.shape[1] - 1) / 2
    centred = values - values.mean(axis=1, keepdims=True)
    slopes = centred @ time / (time @ time)
    left: Floats = centred - slopes[:, None] * time
    return left


@lru_cache(maxsize=64)
def simulated_noise(count: int, correlation: float, paths: int) -> Floats:
    """Series of noise without a trend: each value is a share of the one before plus a normal shock.

    Args:
        count: length of a series [values].
        correlation: share carried over [0 to 1; 1 is a random walk].
        paths: number of series.

    Returns:
        one row per series; always the same for the same arguments.
    """
    # A seed of its own for each persistence, so that noise of different persistence can be pooled.
    shocks = np.random.default_rng([_SEED, round(correlation / GRID)]).standard_normal((paths, count))
    if correlation < 1:
        shocks[:, 0] /= np.sqrt(1 - correlation**2)
    for now in range(1, count):
        shocks[:, now] += correlation * shocks[:, now - 1]
    shocks.setflags(write=False)
    return shocks
