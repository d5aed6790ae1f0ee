"""Probabilities of moving, tests of what they assume, and where loans will be: as tables, by any dimension."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.errors import Misuse
from analysis.measures.components import dimensions
from analysis.measures.endings import EXITS
from analysis.measures.intervals import Bounds
from analysis.measures.markov_paths import triple_table
from analysis.measures.migration import NOT_RECORDED, kind_of
from analysis.measures.migration_matrix import counted_column
from analysis.measures.migration_statements import period_ends, period_months
from analysis.measures.stock import small_segment_loans
from analysis.models.transition_estimates import HORIZONS, METHODS, Estimate, Moves, bounds, estimates, redrawn
from analysis.models.transition_intervals import percentile_interval
from analysis.models.transition_tests import ChiSquare, homogeneity_test, markov_test
from analysis.models.transitions import Floats, cohort_matrix, forecast

Rows = Iterator[dict[str, object]]
Periods = Sequence[pd.Timestamp]
_PROBABILITIES = (
    "method", "horizon", "from_state", "to_state", "value", "lower", "upper", "interval", "loans", "regularised",
    "gap", "note",
)  # fmt: skip
_TESTS = (
    "test", "statistic", "likelihood_ratio", "degrees", "p_value", "p_value_ratio", "sparse", "loans", "note",
)  # fmt: skip
_FORECASTS = ("horizon", "date", "state", "value", "lower", "upper", "share", "note")
_YEAR, _DRAWS, _SEED = 12, 200, 7
_MOSTLY = 0.5  # share of cells with few expected loans from which a test is not to be read


@dataclass(frozen=True, kw_only=True)
class _Path:
    """Loans or balance by state after each period, array [period from 0, state], with bounds."""

    values: Floats
    lower: Floats
    upper: Floats
    note: str = ""


def transition_probabilities(
    migrations: pd.DataFrame, *, by: Sequence[str] = (), state: str = "five_class", basis: str = "count"
) -> pd.DataFrame:
    """Probabilities of being in each state one, three and twelve months from now, by four methods.

    Args:
        migrations: one row is a move in a period, as `migration` gives it; periods one after the other.
        by: their dimensions.
        state: the kind of state they are of.
        basis: "count", or "balance" for the balance a period before; then there are no bounds.

    Returns:
        one row per group, `method` (of `transition_estimates.METHODS`), `horizon` [months], `from_state` and
        `to_state` that has a probability, in order: `value`, `lower`, `upper` [probability], `interval` ("goodman",
        "bootstrap" or ""), `loans` [loan-periods at risk in the first state], `regularised` [intensities changed to
        get a generator; None where none is needed], `gap` [probability; what that changed within a period], and
        `note`. Where nothing is known there is one row without a second state: "no_loans" (nobody was in the state, or
        in one it leads to), "not_recorded", "too_short" (history), "within_a_period" or "no_logarithm"; "too_small"
        stands beside a value that few loans are behind. A move that nobody made has no row where it is estimated
        as 0: that it was not seen does not show that it cannot happen.

    Raises:
        Misuse: if a dimension, the state or the basis is unknown.
    """
    names, amount, periods = _names(state), counted_column(basis), period_ends(migrations)
    rows = [
        {**group, **row}
        for group, moved in _by_group(migrations, by)
        for row in _group_probabilities(moved, names, amount, periods)
    ]
    found = pd.DataFrame(rows, columns=[*dimensions(by), *_PROBABILITIES])
    return found.astype({"value": "float64", "lower": "float64", "upper": "float64", "gap": "float64"})


def transition_tests(
    triples: pd.DataFrame, *, by: Sequence[str] = (), across: str = "segment", state: str = "five_class"
) -> pd.DataFrame:
    """Does only the present state matter, are the periods alike, and are the groups?

    Args:
        triples: one row is a path over three month ends, as `state_triples` gives it by `by` and `across`.
        by: dimensions to test apart.
        across: the dimension whose groups are held against each other.
        state: the kind of state they are of.

    Returns:
        one row per group of `by` and `test` ("markov", "homogeneous_in_time", "homogeneous_across_<dimension>"; the
        last is left out where `by` has the dimension, but for one row over all groups): `statistic` (Pearson's
        chi-square), `likelihood_ratio`, `degrees`, `p_value`, `p_value_ratio` [NaN if there is nothing to compare],
        `sparse` [share of cells with few expected loans], `loans` [moves tested], and `note`: "nothing_to_compare",
        "sparse" (most cells have few loans: read neither), or "".

    Raises:
        Misuse: if a dimension or the state is unknown.

    Source: T. W. Anderson and L. A. Goodman (1957), Ann. Math. Stat. 28:89-110.
    """
    names = f"homogeneous_across_{across}"
    rows: list[dict[str, object]] = []
    for group, own in _by_group(triples, by):
        tables = [triple_table(part, state=state) for _, part in own.groupby("as_of")]
        rows += [group | _tested("markov", markov_test(_sum(tables)), _sum(tables))]
        rows += [group | _tested("homogeneous_in_time", homogeneity_test(_pairs(tables)), _sum(tables))]
        if across not in by:
            rows += [group | _across(names, own, across, state)]
    if across in by and len(triples):
        rows += [dict.fromkeys(by) | _across(names, triples, across, state)]
    return pd.DataFrame(rows, columns=[*dimensions(by), *_TESTS])


def migration_forecast(
    migrations: pd.DataFrame,
    *,
    by: Sequence[str] = (),
    state: str = "five_class",
    basis: str = "count",
) -> pd.DataFrame:
    """Where the loans of the last month end will be, period by period for a year, if they move on as they did.

    Loans to come are not in it. Bounds are those of the matrix alone: neither a bad year to come nor borrowers
    that move together widen them.

    Args:
        migrations: one row is a move in a period, as `migration` gives it; periods one after the other.
        by: their dimensions.
        state: the kind of state they are of.
        basis: "count", or "balance", moved by the shares of balances; then there are no bounds.

    Returns:
        one row per group, `horizon` [months, from 0], `date` and `state` with anything in it, in order: `value`
        [loans or currency], `lower`, `upper` [loans; NaN by balance], `share` [of what is there now], and `note`:
        "no_loans" (some are in a state that nobody was in before, or that leads to one; then there is one row without
        a state), "not_recorded" or "".

    Raises:
        Misuse: if a dimension, the state or the basis is unknown.

    Source: T. W. Anderson and L. A. Goodman (1957), Ann. Math. Stat. 28:89-110; a chain of first order.
    """
    names, amount, periods = _names(state), counted_column(basis), period_ends(migrations)
    rows = [
        {**group, **row}
        for group, moved in _by_group(migrations, by)
        for row in _group_forecast(moved, names, amount, periods)
    ]
    found = pd.DataFrame(rows, columns=[*dimensions(by), *_FORECASTS])
    numbers = dict.fromkeys(("value", "lower", "upper", "share"), "float64")
    return found.astype({**numbers, "date": "datetime64[s]"})


def moves_of(migrations: pd.DataFrame, names: Sequence[str], amount: str, periods: Periods) -> Moves:
    """Moves as an array.

    Args:
        migrations: one row is a move in a period; those of entering loans and of loans without a state do not count.
        names: states in order.
        amount: column to add up.
        periods: ends of all periods, ascending, also of those in which nobody moved.
    """
    places = {name: place for place, name in enumerate(names)}
    known = migrations[migrations["from_state"].isin(names) & migrations["to_state"].isin(names)]
    table = np.zeros((len(periods), len(names), len(names)))
    where = (
        known["as_of"].map({day: place for place, day in enumerate(periods)}).to_numpy(dtype=int),
        known["from_state"].map(places).to_numpy(dtype=int),
        known["to_state"].map(places).to_numpy(dtype=int),
    )
    np.add.at(table, where, known[amount].to_numpy(dtype=float, na_value=math.nan))
    absorbing = tuple(places[name] for name in names if name in EXITS)
    return Moves(counts=table, absorbing=absorbing, months=period_months(periods))


def _names(state: str) -> tuple[str, ...]:
    return (*kind_of(state)[0], *EXITS)


def _by_group(rows: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    groups = list(dimensions(by))
    if not groups:
        yield from [({}, rows)] if len(rows) else []
        return
    for key, own in rows.groupby(groups, sort=False, dropna=False):
        yield dict(zip(groups, key, strict=True)), own


def _group_probabilities(moved: pd.DataFrame, names: Sequence[str], amount: str, periods: Periods) -> Rows:
    moves, counted = (moves_of(moved, names, column, periods) for column in (amount, "loans"))
    is_recorded = not np.isnan(moves.pooled).any()
    for method in METHODS:
        found = estimates(moves, method) if is_recorded else [_not_recorded(moves)] * len(HORIZONS)
        limits = bounds(moves, method) if amount == "loans" else [None] * len(HORIZONS)
        for horizon, one, limit in zip(HORIZONS, found, limits, strict=True):
            head = {"method": method, "horizon": horizon, "regularised": one.regularised, "gap": one.gap}
            for row in _probability_rows(one, limit, counted.pooled.sum(axis=1), names):
                yield head | row


def _not_recorded(moves: Moves) -> Estimate:
    return Estimate(probabilities=np.full(moves.pooled.shape, np.nan), note="not_recorded")


def _probability_rows(found: Estimate, limits: tuple[Bounds, str] | None, loans: Floats, names: Sequence[str]) -> Rows:
    table = found.probabilities
    (lower, upper), interval = limits or ((np.full(table.shape, np.nan),) * 2, "")
    for start, name in enumerate(names):
        if name in EXITS:
            continue
        at_risk = round(loans[start])
        row: dict[str, object] = {"from_state": name, "loans": at_risk}
        if np.isnan(table[start]).any():
            unknown = {"to_state": None, "interval": "", "note": found.note or "no_loans"}
            yield row | dict.fromkeys(("value", "lower", "upper"), math.nan) | unknown
            continue
        note = "too_small" if at_risk < small_segment_loans() else ""
        for to in np.flatnonzero(table[start]).tolist():
            numbers = {"value": table[start, to], "lower": lower[start, to], "upper": upper[start, to]}
            yield row | numbers | {"to_state": names[to], "interval": interval, "note": note}


def _sum(tables: Sequence[np.ndarray]) -> np.ndarray:
    return np.asarray(np.sum(tables, axis=0))


def _pairs(tables: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([table.sum(axis=0) for table in tables])


def _across(name: str, triples: pd.DataFrame, across: str, state: str) -> dict[str, object]:
    if across not in triples:
        raise Misuse(f"across must be a dimension of the paths, was {across!r}; count them by it.")
    tables = [triple_table(part, state=state) for _, part in triples.groupby(across, dropna=False)]
    return _tested(name, homogeneity_test(_pairs(tables)), _sum(tables))


def _tested(name: str, found: ChiSquare, table: np.ndarray) -> dict[str, object]:
    note = "nothing_to_compare" if not found.degrees else "sparse" if found.sparse > _MOSTLY else ""
    return {"test": name, **vars(found), "loans": int(table.sum()), "note": note}


def _group_forecast(moved: pd.DataFrame, names: Sequence[str], amount: str, periods: Periods) -> Rows:
    last = periods[-1]
    moves, start = moves_of(moved, names, amount, periods), _now(moved, names, amount, last)
    path = _path(moves, start, is_counted=amount == "loans")
    whole = float(start.sum())
    for step, (values, lower, upper) in enumerate(zip(path.values, path.lower, path.upper, strict=True)):
        months = step * moves.months
        head = {"horizon": months, "date": last + pd.offsets.MonthEnd(months)}
        if np.isnan(values).any():
            yield head | {"state": None, "value": math.nan, "note": path.note or "no_loans"}
            continue
        for place in np.flatnonzero(values).tolist():
            numbers = {"value": values[place], "lower": lower[place], "upper": upper[place]}
            yield head | numbers | {"state": names[place], "share": values[place] / whole, "note": ""}


def _path(moves: Moves, start: Floats, *, is_counted: bool) -> _Path:
    steps = _YEAR // moves.months
    unknown = np.full((steps + 1, len(start)), np.nan)
    if np.isnan(moves.pooled).any() or np.isnan(start).any():
        return _Path(values=unknown, lower=unknown, upper=unknown, note="not_recorded")
    values = forecast(cohort_matrix(moves.pooled, absorbing=moves.absorbing), start, steps)
    lower, upper = _path_bounds(moves, start, steps) if is_counted else (unknown, unknown)
    return _Path(values=values, lower=lower, upper=upper)


def _path_bounds(moves: Moves, start: Floats, steps: int) -> Bounds:
    pooled = Moves(counts=moves.pooled[None], absorbing=moves.absorbing, months=moves.months)
    drawn = redrawn(pooled, np.random.default_rng(_SEED), draws=_DRAWS)
    matrices = [cohort_matrix(one.pooled, absorbing=moves.absorbing) for one in drawn]
    return percentile_interval(np.stack([forecast(matrix, start, steps) for matrix in matrices]))


def _now(moved: pd.DataFrame, names: Sequence[str], amount: str, last: pd.Timestamp) -> Floats:
    """What is in each state at the last period end, exits empty."""
    column = "loans" if amount == "loans" else "closing_balance"
    latest = moved[(moved["as_of"] == last) & ~moved["to_state"].isin([*EXITS, NOT_RECORDED])]
    there = np.zeros(len(names))
    places = latest["to_state"].map({name: place for place, name in enumerate(names)}).to_numpy(dtype=int)
    np.add.at(there, places, latest[column].to_numpy(dtype=float, na_value=math.nan))
    return there
