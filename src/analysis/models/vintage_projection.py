"""Where will each cohort of loans stand at a later age, and how wide is the middle half of what may come?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from analysis.errors import Misuse, require_columns, require_known
from analysis.measures.catalog import require_basis
from analysis.measures.components import dimensions
from analysis.models.development import METHODS, developed
from analysis.models.transitions import Floats

_QUARTILE = float(ndtri(0.75))
_COLUMNS = ("age", "value", "lower", "upper", "is_projected", "cohorts", "note")


def vintage_projection(
    vintages: pd.DataFrame,
    *,
    by: Sequence[str] = (),
    basis: str = "count",
    to: int | None = None,
    method: str = "additive",
) -> pd.DataFrame:
    """Ever-bad curves of cohorts, as seen and then projected by what older cohorts of their group added.

    The band goes from the lower to the upper quartile: in half of all cases what comes is to lie between. It
    takes what comes as normal about the projection, with an error made of two parts, of the cohort's own steps
    and of the rates; it lies nowhere below what is bad already or above 1. Cohorts are taken as independent: a
    bad year that strikes all of them is in no band.

    Args:
        vintages: one row is a cohort at an age, as `vintages` gives it.
        by: its dimensions.
        basis: its basis.
        to: last age asked for [months]; the oldest that a cohort of the group has reached if not given, beyond
            which nothing is projected in any case.
        method: "additive" or "chain_ladder"; see `development.METHODS`. Factors carry a cohort's own quality on, and
            with it the chance of its first months, when few loans are bad; in back-tests increments err less.

    Returns:
        one row per `cohort`, group and `age`, ascending: `value` ever bad [share], `lower` and `upper` quartile
        [share; NaN where seen, and where nothing tells how much cohorts differ], `is_projected`, `cohorts`
        that the step to this age rests on [count; 0 where seen], `note`: that of the cohort. The oldest cohort of a
        group has nobody to go by and no projection; one without numbers has one row without a value.

    Raises:
        Misuse: if a dimension, the basis or the method is unknown, or the age out of range.
        MissingColumns: if the table lacks a column.

    Source: T. Mack (1993), ASTIN Bulletin 23:213-225, with the quartiles of the normal distribution.
    """
    groups = list(dimensions(by))
    require_basis(basis)
    require_known("method", method, METHODS)
    whole = "amount" if basis == "balance" else "loans"
    require_columns("vintages", {"cohort", *groups, "age", whole, "bad", "value", "note"}, vintages.columns)
    if to is not None and to < 1:
        raise Misuse(f"to must be an age of at least 1 month, was {to!r}.")
    keyed = vintages.assign(whole=vintages[whole], _all="")
    parts = [_of_group(own, groups, to=to, method=method) for _, own in keyed.groupby(groups or ["_all"], dropna=False)]
    rows = pd.DataFrame([row for part in parts for row in part], columns=["cohort", *groups, *_COLUMNS])
    return _typed(rows.sort_values(["cohort", *groups, "age"], na_position="last", kind="stable", ignore_index=True))


def _of_group(own: pd.DataFrame, groups: Sequence[str], *, to: int | None, method: str) -> list[Mapping[str, Any]]:
    known = own[own["value"].notna()]
    group = {name: own[name].iloc[0] for name in groups}
    unknown = own[own["value"].isna()].to_dict("records")
    rows: list[Mapping[str, Any]] = [_row(row, row["age"]) | {"note": row["note"]} for row in unknown]
    if len(known):
        rows += _of_known(known, to=to, method=method)
    return [{**group, **row} for row in rows]


def _of_known(known: pd.DataFrame, *, to: int | None, method: str) -> list[Mapping[str, Any]]:
    amounts = known.assign(bad=known["bad"].astype(float)).pivot_table(index="cohort", columns="age", values="bad")
    cohorts = known.groupby("cohort").agg(lent=("whole", "first"), note=("note", "last"))
    lent = cohorts["lent"].astype(float).to_numpy()
    ahead = developed(amounts.to_numpy(), lent, method=method)
    telling = (~np.isnan(amounts.to_numpy())).sum(axis=0)
    ages = [int(age) for age in amounts.columns]
    last = ages[-1] if to is None else to
    return [
        row
        for place, (cohort, note) in enumerate(cohorts["note"].items())
        for row in _curve(
            {"cohort": cohort, "note": note, "lent": lent[place]},
            amounts.to_numpy()[place],
            (ahead.amounts[place], ahead.errors[place]),
            [(age, int(count)) for age, count in zip(ages, telling, strict=True) if age <= last],
        )
    ]


def _curve(
    cohort: Mapping[str, Any], seen: Floats, ahead: tuple[Floats, Floats], ages: Sequence[tuple[int, int]]
) -> list[Mapping[str, Any]]:
    lent, least = cohort["lent"], float(np.nanmax(seen)) / cohort["lent"]
    rows: list[Mapping[str, Any]] = []
    for place, (age, telling) in enumerate(ages):
        value, error = ahead[0][place] / lent, ahead[1][place] / lent
        row = _row(cohort, age) | {"value": min(value, 1.0), "note": cohort["note"]}
        if np.isnan(seen[place]):
            half = _QUARTILE * error
            bounds = {"lower": max(value - half, least), "upper": min(value + half, 1.0)}
            row |= {"is_projected": True, "cohorts": telling} | (bounds if half > 0 else {})
        rows.append(row)
    return rows


def _row(cohort: Mapping[Any, Any], age: int) -> dict[str, Any]:
    nothing = dict.fromkeys(("value", "lower", "upper"), np.nan)
    return {"cohort": cohort["cohort"], "age": age, **nothing, "is_projected": False, "cohorts": 0}


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    typed = rows.astype({"age": "int64", "is_projected": bool, "cohorts": "int64", "note": "str"})
    typed["cohort"] = pd.to_datetime(typed["cohort"]).astype("datetime64[s]")
    return typed.astype(dict.fromkeys(("value", "lower", "upper"), float))
