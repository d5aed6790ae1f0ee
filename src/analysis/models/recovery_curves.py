"""How much comes back, and when? Recovered shares by months since default, each workout as far as it was seen."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from scipy.special import ndtri

from analysis.errors import Misuse
from analysis.measures.catalog import require_basis
from analysis.measures.exact import quotients
from analysis.measures.intervals import CONFIDENCE
from analysis.measures.recovery_cash import recoveries
from analysis.measures.stock import small_segment_loans
from analysis.measures.workouts import CURED, by_cohort, cohort_rows
from analysis.terms import DIMENSIONS

# What is added up keeps so many decimals, so that sums are the same whatever the order of the rows.
_SHARE = "decimal(38, 12)"


def recovery_curve(
    defaults: ir.Table, flows: ir.Table, *, by: Sequence[str] = (), basis: str = "balance", cohort: str = "all"
) -> pd.DataFrame:
    """Share of the exposure at default that has come in so many months later.

    A month's share is what came in on the workouts that are followed that far, of what these owed; shares
    are added up. A workout that is over stays among them, for it is known that nothing more came; one is
    censored where the book ends, and where a sale ended it at a price that is not known. If defaults of
    different years recover differently, late months are those of early years.

    Args:
        defaults: one row is a default, as `workouts` gives it; those not seen from their beginning are left out.
        flows: one row is a dated money movement of a loan.
        by: dimensions; none gives the whole book.
        basis: "balance" (share of all that was owed, with what was drawn since) or "count" (mean of the
            shares of single workouts).
        cohort: "all", or "year" or "quarter" of default, by its first day.

    Returns:
        one row per group and month, ascending: `as_of`, the dimensions, `cohort` (not with "all"), `months` [since
        default, from 1], `value`, cumulative share in cash or kind [share of exposure; interest paid can
        bring it over 1], `lower`, `upper` [share; 95 % normal interval over workouts, cut at 0; NaN if these
        are all alike], `cured`, cumulative share of the exposure that came back performing, at face [share], `at_risk`
        [workouts followed that far], `owed`, `received` [currency of these in that month, exact; by count
        workouts and shares], `note`: "", "too_small" (fewer workouts than the house rule asks for), or of a
        group without a curve, in month 0: "not_recorded" or "too_short" (its defaults are of the last month).

    Raises:
        Misuse: if a dimension, the basis or the cohort is unknown.
        MissingColumns: if a table lacks a column.

    Source: chain of ratios as in T. Mack (1993), ASTIN Bulletin 23:213-225, on increments; its variance by the
        residuals of single workouts as of a ratio estimate, W. G. Cochran (1977), Sampling Techniques, ch. 6.
    """
    require_basis(basis)
    grouped, keys = by_cohort(defaults.filter(~defaults.is_truncated), by, cohort)
    seen = grouped.cache()  # it is read several times, and is far smaller than the book
    claims = seen.mutate(owed=seen.exposure + ibis.coalesce(seen.drawn, 0), followed=known_months(seen))
    cured = claims.filter(claims.how == CURED)
    faces = cured.select("loan_id", "start", "months", received=cured.face)
    curve = recovered_shares(claims, recoveries(seen, flows), keys, basis=basis)
    returned = recovered_shares(claims, faces, keys, basis=basis)
    columns = [*keys, "months", "value", "lower", "upper", "cured", "at_risk", "owed", "received", "note"]
    return curve.assign(cured=returned["value"])[columns]


def known_months(defaults: ir.Table) -> ir.IntegerValue:
    """Months that it is known what came in: to the reporting date, or until a sale at a price not known."""
    return ibis.ifelse(defaults.is_priced, defaults.followed, defaults.months - 1)


def recovered_shares(
    claims: ir.Table, receipts: ir.Table, keys: Sequence[str], *, basis: str = "balance", confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """Cumulative shares of claims that came in, each claim as far as it was followed.

    Args:
        claims: one row is a claim: `loan_id`, `start`, the keys, `owed` [currency], `followed` [months].
        receipts: one row is what came in on a claim in a month: `loan_id`, `start`, `months` [since start],
            `received` [currency].
        keys: columns that put claims into groups, `as_of` first.
        basis: "balance" or "count".
        confidence: of the interval [share].

    Returns:
        one row per group and month, ascending: the keys, `months`, `value`, `lower`, `upper`, `at_risk`,
        `owed`, `received`, `note` as `recovery_curve` gives them.
    """
    cells = _cells(claims, receipts, keys, basis)
    rows = cohort_rows(cells, [*keys, "months"]).astype({"at_risk": "int64"})
    # Every month of a group is there, from 1 to the last that some claim was followed.
    groups = rows.groupby(list(keys), dropna=False, sort=False)
    step = pd.Series(quotients(rows["received"], rows["owed"]), index=rows.index, dtype=float)
    value = step.groupby([rows[key] for key in keys], dropna=False, sort=False).cumsum()
    claimed = groups["at_risk"].transform("first").to_numpy(dtype=float)
    error = _standard_error(rows, keys, claimed) * float(ndtri((1 + confidence) / 2))
    small = rows["at_risk"] < small_segment_loans()
    curve = rows.assign(
        value=value,
        lower=np.maximum(value - error, np.minimum(value, 0.0)),
        upper=value + error,
        note=np.where(small, "too_small", ""),
    )
    shown = [*keys, "months", "value", "lower", "upper", "at_risk", "owed", "received", "note"]
    return _with_silent(curve[shown], claims, keys)


def time_to_cash(curve: pd.DataFrame, *, share: float = 0.5) -> pd.DataFrame:
    """How long it takes until a share of the cash is in.

    Args:
        curve: one row is a group in a month, as `recovery_curve` gives it.
        share: of all the cash that comes in as far as the curve goes [share, above 0, at most 1].

    Returns:
        one row per group, ascending: its keys, `share`, `months` until that share is in, `mean_months` (of
        a unit of cash) [months; NaN if nothing came in], `recovered` by then [share of exposure], `horizon` (of
        the curve) [months], `note` as of its last month, or "no_denominator" if nothing came in.

    Raises:
        Misuse: if the share is out of range.
    """
    if not 0 < share <= 1:
        raise Misuse(f"share must be above 0 and at most 1, was {share!r}; write 50 % as 0.5.")
    keys = [str(name) for name in curve.columns if name in {"as_of", "cohort", *DIMENSIONS}]
    rows = [
        {**dict(zip(keys, key, strict=True)), "share": share, **_timed(own, share)}
        for key, own in curve.groupby(keys, dropna=False, sort=False)
    ]
    columns = [*keys, "share", "months", "mean_months", "recovered", "horizon", "note"]
    return pd.DataFrame(rows, columns=columns)


def group_key(values: Iterable[object]) -> tuple[object, ...]:
    """A group's keys, None where it has no name, so that the same group is found in another table.

    Args:
        values: of its keys.
    """
    return tuple(None if pd.isna(value) else value for value in values)  # type: ignore[call-overload]  # any object


def _timed(own: pd.DataFrame, share: float) -> dict[str, Any]:
    """Months to a share of what one group's curve comes to."""
    value, months = own["value"].to_numpy(dtype=float), own["months"].to_numpy(dtype=float)
    total, note = float(value[-1]), str(own["note"].iloc[-1])
    known = {"recovered": total, "horizon": int(months[-1])}
    if not total > 0:
        return {"months": math.nan, "mean_months": math.nan, **known, "note": note or "no_denominator"}
    steps = np.diff(value, prepend=0.0)
    reached = months[value >= share * total - 1e-12]  # all of it is reached although shares were rounded
    return {"months": float(reached[0]), "mean_months": float(steps @ months / total), **known, "note": note}


def _cells(claims: ir.Table, receipts: ir.Table, keys: Sequence[str], basis: str) -> ir.Table:
    """One row is a group in a month, with squares of how far its claims are off its share."""
    followed = claims.filter(claims.owed > 0, claims.followed > 0).select("loan_id", "start", *keys, "owed", "followed")
    spine = followed.mutate(months=ibis.range(1, followed.followed + 1).unnest())
    came = receipts.select("loan_id", "start", "months", "received")
    joined = spine.left_join(came, ["loan_id", "start", "months"])
    amount = ibis.coalesce(joined.received, 0)
    if basis == "count":
        share = amount.cast("float64") / joined.owed.cast("float64")
        rows = joined.mutate(received=share.cast(_SHARE), owed=ibis.literal(1).cast("int64"))
    else:
        rows = joined.mutate(received=amount)
    month, group = ibis.window(group_by=[*keys, "months"]), ibis.window(group_by=[*keys])
    sums = rows.mutate(
        all_owed=rows.owed.sum().over(month).cast("float64"),
        all_received=rows.received.sum().over(month).cast("float64"),
        claims=(rows.months == 1).cast("int64").sum().over(group).cast("float64"),
    )
    expected = sums.owed.cast("float64") * sums.all_received / sums.all_owed
    off = (sums.received.cast("float64") - expected) * sums.claims / sums.all_owed
    path = ibis.cumulative_window(group_by=["loan_id", "start"], order_by="months")
    far = sums.mutate(off=off).mutate(off=lambda t: t.off.sum().over(path))
    square = (far.off * far.off).cast(_SHARE)
    return far.group_by([*keys, "months"]).aggregate(
        at_risk=far.count(),
        owed=far.owed.sum(),
        received=far.received.sum(),
        spread=square.sum(),
        ended=ibis.coalesce(square.sum(where=far.months == far.followed), 0),
    )


def _standard_error(rows: pd.DataFrame, keys: Sequence[str], claimed: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Standard error of the cumulative shares: claims no longer followed stay as far off as they were."""
    groups = [rows[key] for key in keys]
    spread, ended = (rows[name].astype(float) for name in ("spread", "ended"))
    before = ended.groupby(groups, dropna=False, sort=False).cumsum() - ended
    variance = (spread + before).to_numpy(dtype=float) / claimed**2
    # Where all claims are alike, or there is one, nothing is known of how they differ.
    differ = (claimed > 1) & (variance > 0)
    error: np.ndarray[Any, Any] = np.sqrt(np.where(differ, variance * claimed / np.maximum(claimed - 1, 1), math.nan))
    return error


def _with_silent(curve: pd.DataFrame, claims: ir.Table, keys: Sequence[str]) -> pd.DataFrame:
    """The curves, and a row of month 0 for each group that has none, saying why."""
    listed = cohort_rows(claims.group_by([*keys]).aggregate(recorded=(claims.owed > 0).sum()), keys)
    drawn = set(map(group_key, curve[list(keys)].itertuples(index=False)))
    silent = listed[[group_key(row) not in drawn for row in listed[list(keys)].itertuples(index=False)]]
    if silent.empty:
        return curve
    notes = ["too_short" if recorded else "not_recorded" for recorded in silent["recorded"]]
    said = silent[list(keys)].assign(
        months=0, value=math.nan, lower=math.nan, upper=math.nan, at_risk=0, owed=None, received=None, note=notes
    )
    both = pd.concat([curve, said], ignore_index=True) if len(curve) else said
    return both.sort_values([*keys, "months"], na_position="last", kind="stable", ignore_index=True)
