"""How do workouts end, and when? The chance of each way out while the others compete with it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from analysis.errors import Misuse
from analysis.measures.catalog import require_basis
from analysis.measures.intervals import CONFIDENCE, Bounds, binomial_interval, require_confidence
from analysis.measures.stock import small_segment_loans
from analysis.measures.workouts import ENDINGS, OPEN, by_cohort, cohort_rows
from analysis.models.transitions import Floats


@dataclass(frozen=True, kw_only=True)
class Incidence:
    """Chances by time; first axis the times.

    Attributes:
        still_open: chance to be still open just after, array [time] [probability].
        value: chance to have left by each exit so far, array [time, exit] [probability].
        open_variance: of `still_open`.
        variance: of `value`.
    """

    still_open: Floats
    value: Floats
    open_variance: Floats
    variance: Floats


def workout_exits(
    defaults: ir.Table, *, by: Sequence[str] = (), basis: str = "count", cohort: str = "all"
) -> pd.DataFrame:
    """Chance that a workout has ended in each way so many months after default.

    Workouts still open at the reporting date are censored, which is no exit. One minus Kaplan-Meier for each
    way alone, the others taken for censoring, would give larger chances that sum to more than 1.

    Args:
        defaults: one row is a default, as `workouts` gives it; those not seen from their beginning are left out.
        by: dimensions; none gives the whole book.
        basis: "count", or "balance" (weighted by the exposure at default).
        cohort: "all", or "year" or "quarter" of default, by its first day.

    Returns:
        one row per group, month and exit that some group has, ascending: `as_of`, the dimensions, `cohort`
        (not with "all"), `months` [since default, from 1], `exit` (out of `ENDINGS`), `value` [probability],
        `lower`, `upper` [probability; 95 %; NaN by balance], `still_open` [probability; with the values of all
        exits it sums to 1], `at_risk` [workouts open until then], `ended` [workouts that ended so in that
        month], `note`: "", "too_small", or of a group without a curve, in month 0 and without an exit:
        "not_recorded" or "too_short" (its defaults are of the last month, or nobody has left yet).

    Raises:
        Misuse: if a dimension, the basis or the cohort is unknown.

    Source: O. O. Aalen and S. Johansen (1978), Scand. J. Stat. 5:141-150, for one state and several exits.
    """
    require_basis(basis)
    seen, keys = by_cohort(defaults.filter(~defaults.is_truncated), by, cohort)
    counted = seen.group_by([*keys, "months", "how"]).aggregate(
        loans=seen.count(), exposure=seen.exposure.sum(), recorded=seen.exposure.count()
    )
    rows = cohort_rows(counted, [*keys, "months", "how"])
    exits = [name for name in ENDINGS if name != OPEN and name in set(rows["how"])]
    groups = rows.groupby(keys, dropna=False, sort=False)
    curves = [_under(keys, key, _curve(own, exits, basis)) for key, own in groups]
    columns = [*keys, "months", "exit", "value", "lower", "upper", "still_open", "at_risk", "ended", "note"]
    return pd.concat(curves, ignore_index=True)[columns] if curves else pd.DataFrame(columns=columns)


def cumulative_incidence(at_risk: ArrayLike, exits: ArrayLike) -> Incidence:
    """The estimate of Aalen and Johansen for one state that is left by several exits.

    Args:
        at_risk: loans (or their exposure) still there just before each time, array [time].
        exits: those that leave then, array [time, exit].

    Returns:
        chances and their variances, of Greenwood's type: a month's exits are multinomial. Where nobody is
        at risk nothing happens.

    Raises:
        Misuse: if more leave than are there, or a number is negative.

    Source: O. O. Aalen and S. Johansen (1978), Scand. J. Stat. 5:141-150; P. K. Andersen, Ø. Borgan, R. D. Gill
        and N. Keiding (1993), Statistical Models Based on Counting Processes, eq. 4.4.19.
    """
    there, left = np.asarray(at_risk, dtype=float), np.asarray(exits, dtype=float)
    if np.any(left < 0) or np.any(left.sum(axis=1) > there * (1 + 1e-12)):
        raise Misuse("exits must be 0 or more and together no more than at_risk, were not; count both over one set.")
    hazards = left / np.where(there > 0, there, 1.0)[:, None]
    size = left.shape[1] + 1
    chances, covariance = np.eye(size)[0], np.zeros((size, size))
    path, spread = np.zeros((len(there), size)), np.zeros((len(there), size))
    for time, (hazard, loans) in enumerate(zip(hazards, there, strict=True)):
        move = np.concatenate([[-hazard.sum()], hazard])
        step = np.eye(size)
        step[:, 0] += move
        fresh = chances[0] ** 2 * _multinomial(hazard) / max(loans, 1.0)
        covariance = step @ covariance @ step.T + fresh
        chances = chances + chances[0] * move
        path[time], spread[time] = chances, np.clip(np.diag(covariance), 0.0, None)
    return Incidence(still_open=path[:, 0], value=path[:, 1:], open_variance=spread[:, 0], variance=spread[:, 1:])


def incidence_bounds(
    value: ArrayLike, variance: ArrayLike, at_risk: ArrayLike, *, confidence: float = CONFIDENCE
) -> Bounds:
    """Bounds of chances that stay between 0 and 1.

    Where nothing or everything has happened yet the variance says nothing; the bounds are then those of a
    share of the loans still at risk.

    Args:
        value: chances.
        variance: of each.
        at_risk: loans still there just before, one per chance [count].
        confidence: probability that each pair of bounds alone is to hold [share].

    Raises:
        Misuse: if the confidence is out of range.

    Source: J. D. Kalbfleisch and R. L. Prentice (2002), The Statistical Analysis of Failure Time Data, 1.4,
        on the scale of log(-log(1 - value)); E. B. Wilson (1927) at 0 and 1.
    """
    require_confidence(confidence)
    chance, spread, loans = (np.asarray(given, dtype=float) for given in (value, variance, at_risk))
    inner = (chance > 0) & (chance < 1)
    safe = np.where(inner, chance, 0.5)
    width = float(ndtri((1 + confidence) / 2)) * np.sqrt(spread) / ((1 - safe) * -np.log1p(-safe))
    bounds = [1 - (1 - safe) ** np.exp(sign * width) for sign in (-1, 1)]
    edge = binomial_interval(np.where(inner, 0.0, np.round(chance)) * loans, loans, confidence=confidence)
    return np.where(inner, bounds[0], edge[0]), np.where(inner, bounds[1], edge[1])


def _multinomial(hazard: Floats) -> Floats:
    """Covariance of a month's moves of one loan: staying first, then the exits."""
    shares = np.concatenate([[1 - hazard.sum()], hazard])
    covariance: Floats = np.diag(shares) - np.outer(shares, shares)
    return covariance


def _curve(own: pd.DataFrame, exits: Sequence[str], basis: str) -> pd.DataFrame:
    """Rows of one group, month by month and exit by exit."""
    horizon = int(own["months"].max())
    is_recorded = basis == "count" or (own["recorded"] == own["loans"]).all()
    if horizon == 0 or not exits or not is_recorded:
        return _silent("too_short" if is_recorded else "not_recorded")
    weighed_by = "exposure" if basis == "balance" else "loans"
    loans, weights = (_tables(own, exits, horizon, name) for name in ("loans", weighed_by))
    at_risk = loans.sum(axis=1)[::-1].cumsum()[::-1]
    weight_at_risk = weights.sum(axis=1)[::-1].cumsum()[::-1]
    found = cumulative_incidence(weight_at_risk, weights[:, :-1])
    lower, upper = incidence_bounds(found.value, found.variance, np.broadcast_to(at_risk[:, None], found.value.shape))
    unknown = basis == "balance"
    return pd.DataFrame(
        {
            "months": np.repeat(np.arange(1, horizon + 1), len(exits)),
            "exit": list(exits) * horizon,
            "value": found.value.ravel(),
            "lower": np.nan if unknown else lower.ravel(),
            "upper": np.nan if unknown else upper.ravel(),
            "still_open": np.repeat(found.still_open, len(exits)),
            "at_risk": np.repeat(at_risk.astype("int64"), len(exits)),
            "ended": loans[:, :-1].ravel().astype("int64"),
            "note": np.where(np.repeat(at_risk < small_segment_loans(), len(exits)), "too_small", ""),
        }
    )


def _silent(note: str) -> pd.DataFrame:
    unknown = {"value": math.nan, "lower": math.nan, "upper": math.nan, "still_open": math.nan}
    return pd.DataFrame([{"months": 0, "exit": None, **unknown, "at_risk": 0, "ended": 0, "note": note}])


def _tables(own: pd.DataFrame, exits: Sequence[str], horizon: int, name: str) -> Floats:
    """Sums by month from 1 on and by exit; the last column holds those still open."""
    table = np.zeros((horizon + 1, len(exits) + 1))
    places = {exit_: place for place, exit_ in enumerate([*exits, OPEN])}
    where = (own["months"].astype(int).to_numpy(), own["how"].map(places).to_numpy())
    np.add.at(table, where, own[name].astype(float).to_numpy())
    return table[1:]


def _under(keys: Sequence[str], key: Iterable[object], curve: pd.DataFrame) -> pd.DataFrame:
    """Rows of a group under its keys."""
    named = pd.DataFrame([tuple(key)] * len(curve), columns=list(keys), index=curve.index)
    return pd.concat([named, curve], axis=1)
