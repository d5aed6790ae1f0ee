"""Which share of the names owes which share of the loans? The Lorenz curve, from the smallest name to the largest."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.measures.components import dimensions, exact_rows
from analysis.measures.concentration import BORROWERS, View, concentration, named_amounts
from analysis.measures.exact import quotients

STEPS = 99  # of a curve, so that it has at most 100 points with the origin


def lorenz(states: ir.Table, view: View = BORROWERS, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Points of the Lorenz curve at each month end, at most a hundred of each curve.

    Only names with an amount above 0 are on it. Of up to 99 names every one has its point, and twice the area between
    the curve and the diagonal is the Gini index; of more it falls short by no more than the steps are wide.

    Args:
        states: one row is a loan at a month end, classified.
        view: whose curve, and of what.
        by: dimensions; none gives the whole book.

    Returns:
        one row per `as_of`, group and point, ascending: `names` (so many of the smallest) [count], `amount` (what they
        owe together) [currency or loans; exact; None if unknown], `names_share`, `amount_share` [share, from 0 to 1;
        NaN if unknown], `gini` [0 to 1; of all names, on every row], and `note` as `concentration` gives it. A group
        whose curve is not known has one row.

    Raises:
        Misuse: if a dimension is unknown or given twice.
        MissingColumns: if the table lacks a column.

    Source: M. O. Lorenz (1905), Publ. Am. Stat. Assoc. 9:209-219.
    """
    keys = ["as_of", *dimensions(by)]
    whole = concentration(states, view, by=by)[[*keys, "names", "total", "gini", "note"]]
    points = pd.concat([_origins(whole, keys), _points(states, view, keys)], ignore_index=True)
    rows = whole.merge(points, on=keys, how="left", suffixes=("_of_all", ""))
    exact = {name: [None if pd.isna(value) else value for value in rows[name]] for name in ("names", "amount")}
    filled = rows.assign(**{name: pd.Series(values, dtype=object) for name, values in exact.items()})
    shared = filled.assign(
        names_share=quotients(filled["names"], filled["names_of_all"]),
        amount_share=quotients(filled["amount"], filled["total"]),
    )
    ordered = shared.sort_values([*keys, "names_share"], na_position="last", kind="stable", ignore_index=True)
    return ordered[[*keys, "names", "amount", "names_share", "amount_share", "gini", "note"]]


def _points(states: ir.Table, view: View, keys: Sequence[str]) -> pd.DataFrame:
    """The points but the origin: names in the order of what they owe, every so manieth of them."""
    owing = named_amounts(states, view, keys)
    names = owing.filter(owing.amount > 0)
    order = ["amount", "name", "is_group"]
    upward = ibis.window(group_by=list(keys), order_by=order)
    so_far = ibis.window(group_by=list(keys), order_by=order, preceding=None, following=0)
    ranked = names.mutate(
        place=ibis.row_number().over(upward) + 1,
        of=names.count().over(ibis.window(group_by=list(keys))),
        running=names.amount.sum().over(so_far),
    )
    step, before = (((place * STEPS) // ranked.of) for place in (ranked.place, ranked.place - 1))
    chosen = ranked.filter(step > before).select(*keys, names="place", amount="running")
    return exact_rows(chosen, [*keys, "names"])


def _origins(whole: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    known = whole[whole["gini"].notna()]
    zeros = [total - total for total in known["total"]]
    return known[list(keys)].assign(names=0, amount=pd.Series(zeros, index=known.index, dtype=object))
