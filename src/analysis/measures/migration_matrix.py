"""What share of the loans in a state goes where? Moves added up, as shares and as a matrix."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.errors import Misuse
from analysis.measures.catalog import require_basis
from analysis.measures.components import dimensions
from analysis.measures.endings import EXITS
from analysis.measures.exact import exact_sum, quotients
from analysis.measures.intervals import binomial_interval
from analysis.measures.migration import ADDED, ENTERED, NOT_RECORDED, in_order, kind_of


def pooled(migrations: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Months added up, and groups that are not asked for.

    Args:
        migrations: one row is a move, as `migration` gives it.
        by: dimensions to keep.

    Returns:
        one row per group, `from_state` and `to_state`, as of the latest month; sums are None where a
        part is not recorded.
    """
    keys = [*dimensions(by), "from_state", "to_state"]
    added = migrations.groupby(keys, sort=False, dropna=False)[list(ADDED)].agg(exact_sum).reset_index()
    dated = added.assign(as_of=migrations["as_of"].max(), loans=added["loans"].astype("int64"))
    return in_order(dated[["as_of", *keys, *ADDED]], keys[:-2])


def migration_shares(migrations: pd.DataFrame, *, by: Sequence[str] = (), basis: str = "count") -> pd.DataFrame:
    """Of the loans in a state, which share went where?

    Args:
        migrations: one row is a move, as `migration` or `pooled` gives it.
        by: their dimensions.
        basis: "count", or "balance" for the balance a month before.

    Returns:
        one row per move but those of entering loans: the keys, `value` [share; NaN if unknown],
        `numerator`, `denominator` [exact], `lower`, `upper` [share; 95 % Wilson interval of each share
        alone, by count only]. The shares of a state add up to 1, exits included.

    Raises:
        Misuse: if a dimension or the basis is unknown.
    """
    amount, keys = counted_column(basis), ["as_of", *dimensions(by)]
    moved = migrations[migrations["from_state"] != ENTERED].reset_index(drop=True)
    wholes = moved.groupby([*keys, "from_state"], dropna=False)[amount].transform(exact_sum)
    shares = moved[[*keys, "from_state", "to_state"]].assign(
        value=quotients(moved[amount], wholes),
        numerator=moved[amount],
        denominator=wholes,
        lower=math.nan,
        upper=math.nan,
    )
    if basis == "balance":
        return shares
    bounds = binomial_interval(moved[amount].to_numpy(dtype=float), wholes.to_numpy(dtype=float))
    return shares.assign(lower=bounds[0], upper=bounds[1])


def matrix(migrations: pd.DataFrame, *, state: str = "five_class", basis: str = "count") -> pd.DataFrame:
    """All moves added up, as a square table that estimators read.

    Args:
        migrations: one row is a move, as `migration` gives it; months and groups are added up.
        state: the kind of state they are of.
        basis: "count", or "balance" for the balance a month before.

    Returns:
        one row is a state at the earlier month end, one column a state at the later one: the states in
        order, then `EXITS`, whose rows are 0 because nobody comes back from them; then "not_recorded" if
        there are such loans. Entering loans are left out. [loans or currency, as float; NaN if unknown]

    Raises:
        Misuse: if the state or the basis is unknown, or the moves are of another kind.
    """
    amount, (names, _, _) = counted_column(basis), kind_of(state)
    moved = migrations[migrations["from_state"] != ENTERED]
    unknown = {NOT_RECORDED} & {*moved["from_state"], *moved["to_state"]}
    order = [*names, *EXITS, *sorted(unknown)]
    places = {name: place for place, name in enumerate(order)}
    if strange := {*moved["from_state"], *moved["to_state"]} - set(order):
        raise Misuse(f"state must be the kind that the moves are of, was {state!r}; they know {min(strange)!r}.")
    table = np.zeros((len(order), len(order)))
    where = moved["from_state"].map(places).to_numpy(dtype=int), moved["to_state"].map(places).to_numpy(dtype=int)
    np.add.at(table, where, moved[amount].to_numpy(dtype=float, na_value=math.nan))
    return pd.DataFrame(table, index=pd.Index(order, name="from_state"), columns=pd.Index(order, name="to_state"))


def counted_column(basis: str) -> str:
    """Column of a migration that is added up by a basis.

    Raises:
        Misuse: if the basis is unknown.
    """
    require_basis(basis)
    return "loans" if basis == "count" else "opening_balance"
