"""How much hangs on a few names? Shares of the largest, and indices of how unequal the names are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, require_columns, require_known
from analysis.measures.catalog import BASES
from analysis.measures.components import dimensions, exact_rows
from analysis.measures.exact import quotients
from analysis.terms import DIMENSIONS

Weight = Literal["exposure", "npl"]
WEIGHTS: tuple[Weight, ...] = ("exposure", "npl")
NAMES = ("borrower", "group", *DIMENSIONS)
TOPS = (1, 3, 5, 10, 20)
# Sums of squares and of rank times amount have to fit in 38 digits to be exact on every engine.
_AMOUNT, _RANK, _LOGARITHM = "decimal(19, 2)", "decimal(18, 0)", "decimal(38, 18)"
_SQUARE, _RANKED = "decimal(38, 4)", "decimal(38, 2)"


@dataclass(frozen=True, kw_only=True)
class View:
    """Whose concentration is looked at, and of what.

    Attributes:
        of: "borrower", "group" (loans without a group count for their borrower) or a dimension.
        weight: "exposure" (all loans) or "npl" (non-performing loans).
        basis: "balance" or "count".
    """

    of: str = "borrower"
    weight: Weight = "exposure"
    basis: str = "balance"

    def __post_init__(self) -> None:
        for name, known in (("of", NAMES), ("weight", WEIGHTS), ("basis", BASES)):
            require_known(name, getattr(self, name), known)


BORROWERS = View()


def concentration(states: ir.Table, view: View = BORROWERS, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Indices of concentration of a book at each of its month ends.

    Only names with an amount above 0 count as names: of non-performing loans, those that have any.
    The Gini index has no small-sample correction; Theil is the T index, in natural logarithms.

    Args:
        states: one row is a loan at a month end, classified.
        view: whose concentration, and of what.
        by: dimensions; none gives the whole book. Shares are of the group's own total.

    Returns:
        one row per `as_of` and group, ascending: `names` [count], `total` [currency or loans; exact; None if
        unknown], `hhi` [share, 1/names to 1], `hhi_normalised` [0 to 1; NaN for one name], `gini` [0 to 1],
        `theil` [0 to ln names], `cr1`, `cr3`, `cr5`, `cr10`, `cr20` (share of the largest) [share; all NaN
        if unknown], `loans`, and `note`: "not_recorded", "no_groups" (no loan of the book belongs to a
        group), "no_denominator", "single_name", "partly_recorded" or "".

    Raises:
        Misuse: if a dimension is unknown or given twice.
        MissingColumns: if the table lacks a column.

    Source: O. C. Herfindahl (1950), Concentration in the Steel Industry; C. Gini (1912), Variabilità e
        mutabilità; H. Theil (1967), Economics and Information Theory; normalised (H - 1/n) ÷ (1 - 1/n).
    """
    keys = ["as_of", *dimensions(by)]
    names = _ranked(named_amounts(states, view, keys), keys)
    amount, rank = names.amount.cast(_AMOUNT), names["rank"]
    sums = exact_rows(
        names.group_by(keys).aggregate(
            names=(amount > 0).sum(),
            total=amount.sum(),
            squares=(amount * amount).sum().cast(_SQUARE),
            ranked=(rank.cast(_RANK) * amount).sum().cast(_RANKED),
            # As decimals the terms add up to the same whatever the order; floats would not.
            logarithms=ibis.ifelse(amount > 0, _times_own_logarithm(amount), 0.0).cast(_LOGARITHM).sum(),
            **{f"top{top}": amount.sum(where=rank <= top) for top in TOPS},
            loans=names.loans.sum(),
            recorded=names.recorded.sum(),
        ),
        keys,
    )
    rows = [_indices(row, view) for row in sums.to_dict("records")]
    indices = pd.DataFrame(rows, index=sums.index, columns=["names", "total", *_INDICES, "loans"]).astype(_TYPES)
    notes = _notes(states, sums, view)
    return pd.concat([sums[keys], indices], axis=1).assign(note=pd.Series(notes, index=sums.index, dtype="str"))


def largest_names(states: ir.Table, view: View = BORROWERS, *, by: Sequence[str] = (), top: int = 10) -> pd.DataFrame:
    """The largest names of a book at each of its month ends.

    Args:
        states: one row is a loan at a month end, classified.
        view: whose concentration, and of what; it decides the order.
        by: dimensions; none gives the whole book.
        top: how many names [count, from 1].

    Returns:
        one row per `as_of`, group and `rank`, ascending: `name` (an identifier, not masked), `is_group`,
        `loans`, `exposure`, `npl` [currency or loans; exact; None if unknown], `share`, `npl_share` (of the
        group's exposure and of its non-performing loans), `cumulative` (share of what the view weighs by, this
        name and the larger ones) [share; NaN if unknown]. Names without an amount are not listed; names with
        the same amount stand in the order of their identifiers.

    Raises:
        Misuse: if a dimension is unknown or given twice, or `top` is not from 1.
        MissingColumns: if the table lacks a column.
    """
    if top < 1:
        raise Misuse(f"top must be 1 or more, was {top!r}.")
    keys = ["as_of", *dimensions(by)]
    names = _ranked(named_amounts(states, view, keys), keys)
    group = ibis.window(group_by=keys)
    wholes = {"exposures": names.exposure.sum().over(group), "npls": names.npl.sum().over(group)}
    chosen = names.mutate(**wholes).filter(names["rank"] <= top, names.amount > 0)
    so_far = ibis.window(group_by=keys, order_by="rank", preceding=None, following=0)
    rows = exact_rows(chosen.mutate(running=chosen.amount.sum().over(so_far)), [*keys, "rank"])
    whole = rows["exposures" if view.weight == "exposure" else "npls"]
    shares = {
        "share": quotients(rows["exposure"], rows["exposures"]),
        "npl_share": quotients(rows["npl"], rows["npls"]),
        "cumulative": quotients(rows["running"], whole),
    }
    listed = rows[[*keys, "rank", "name", "is_group", "loans", "exposure", "npl"]]
    return listed.assign(**shares).astype({"loans": "int64", "is_group": "bool"})


def named_amounts(states: ir.Table, view: View, keys: Sequence[str]) -> ir.Table:
    """What each name owes.

    Args:
        states: one row is a loan at a month end, classified.
        view: whose concentration, and of what.
        keys: `as_of` and dimensions.

    Returns:
        one row per key and name: `name`, `is_group`, `loans`, `exposure`, `npl` [currency or loans; null if
        unknown], `amount` (the one that the view weighs by; 0 if unknown or without a name), `recorded` [loans].

    Raises:
        MissingColumns: if the table lacks a column.
    """
    columns = {"borrower": {"borrower_id"}, "group": {"borrower_id", "group_id"}}.get(view.of, {view.of})
    require_columns("states", {*keys, *columns, "is_npl", "principal_balance"}, states.columns)
    one = states.principal_balance if view.basis == "balance" else ibis.literal(1, "int64")
    bad = ibis.cases((states.is_npl, one), (~states.is_npl, ibis.literal(0).cast(one.type())))
    name, is_group = _name(states, view.of)
    measured = states.mutate(exposure_of_loan=one, npl_of_loan=bad, name=name, is_group=is_group)
    weighed = measured.exposure_of_loan if view.weight == "exposure" else measured.npl_of_loan
    counted = ibis.ifelse(measured.name.notnull(), weighed, ibis.null(weighed.type()))  # noqa: PD004  (Ibis)
    return measured.group_by([*keys, "name", "is_group"]).aggregate(
        loans=measured.count(),
        exposure=measured.exposure_of_loan.sum(),
        npl=measured.npl_of_loan.sum(),
        amount=ibis.coalesce(counted.sum(), 0),
        recorded=counted.count(),
    )


def groups_recorded(states: ir.Table) -> Mapping[pd.Timestamp, bool]:
    """Whether any loan belongs to a group, by month end.

    Args:
        states: one row is a loan at a month end, with `group_id`.

    Raises:
        MissingColumns: if the table lacks a column.
    """
    require_columns("states", {"as_of", "group_id"}, states.columns)
    rows = exact_rows(states.group_by("as_of").aggregate(grouped=states.group_id.count()), ["as_of"])
    return {row["as_of"]: row["grouped"] > 0 for row in rows.to_dict("records")}


def _name(states: ir.Table, of: str) -> tuple[ir.Value, ir.BooleanValue]:
    # A group and a borrower may have the same number, so a name alone does not tell them apart.
    if of == "group":
        return ibis.coalesce(states.group_id, states.borrower_id), states.group_id.notnull()  # noqa: PD004  (Ibis)
    return (states.borrower_id if of == "borrower" else states[of]), ibis.literal(value=False)


def _ranked(names: ir.Table, keys: Sequence[str]) -> ir.Table:
    order = ibis.window(group_by=keys, order_by=[ibis.desc("amount"), "name", "is_group"])
    return names.mutate(rank=ibis.row_number().over(order) + 1)


def _times_own_logarithm(amount: ir.Value) -> ir.FloatingValue:
    return amount.cast("float64") * amount.cast("float64").ln()


def _indices(row: Mapping[Any, Any], view: View) -> dict[str, object]:
    """Indices of one group; those of one name alone and of nothing at all say what they cannot say by NaN."""
    names, total = int(row["names"] or 0), Fraction(row["total"] or 0)
    is_known = not _is_unrecorded(row)
    known = {"names": names if is_known else None, "total": _amount(total, view) if is_known else None}
    if not total:
        return {**dict.fromkeys(_INDICES, math.nan), **known, "loans": row["loans"]}
    hhi = Fraction(row["squares"]) / total**2
    theil = Fraction(row["logarithms"]) / total - Fraction(math.log(total / names))
    return {
        **known,
        "hhi": float(hhi),
        "hhi_normalised": float((hhi - Fraction(1, names)) / (1 - Fraction(1, names))) if names > 1 else math.nan,
        # The ranks run from the largest name, those of the usual formula from the smallest.
        "gini": float(((names + 1) * total - 2 * Fraction(row["ranked"])) / (names * total)),
        "theil": max(float(theil), 0.0),
        **{f"cr{top}": float(Fraction(row[f"top{top}"] or 0) / total) for top in TOPS},
        "loans": row["loans"],
    }


def _amount(total: Fraction, view: View) -> Decimal | int:
    return int(total) if view.basis == "count" else Decimal(total.numerator) / Decimal(total.denominator)


def _notes(states: ir.Table, sums: pd.DataFrame, view: View) -> list[str]:
    grouped = groups_recorded(states) if view.of == "group" else {}
    return [_note(row, is_grouped=grouped.get(row["as_of"], True)) for row in sums.to_dict("records")]


def _is_unrecorded(row: Mapping[Any, Any]) -> bool:
    # Performing loans owe nothing as NPL, recorded or not; a sum of 0 is known only if every loan is.
    return not row["recorded"] or (not row["total"] and row["recorded"] < row["loans"])


def _note(row: Mapping[Any, Any], *, is_grouped: bool) -> str:
    if _is_unrecorded(row):
        return "not_recorded"
    if not is_grouped:
        return "no_groups"
    if not row["total"]:
        return "no_denominator"
    if row["recorded"] < row["loans"]:
        return "partly_recorded"
    return "single_name" if row["names"] == 1 else ""


_INDICES = ("hhi", "hhi_normalised", "gini", "theil", *(f"cr{top}" for top in TOPS))
_TYPES = {"names": "object", "total": "object", "loans": "int64"} | dict.fromkeys(_INDICES, "float64")
