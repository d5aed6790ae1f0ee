"""What share of a defaulted exposure is lost? Workout loss, discounted, of closed workouts and of all."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
from scipy.special import ndtri

from analysis.errors import require_columns
from analysis.measures.exact import quotient
from analysis.measures.intervals import CONFIDENCE
from analysis.measures.recovery_cash import recoveries
from analysis.measures.stock import small_segment_loans
from analysis.measures.workouts import CURED, OPEN, by_cohort, cohort_rows
from analysis.models.recovery_curves import group_key, known_months, recovered_shares
from analysis.rules.loader import load_rules

_MONTHS = 12
# Discounted amounts keep so many decimals, so that sums are the same whatever the order of the rows.
_MONEY, _SHARE = "decimal(38, 6)", "decimal(38, 12)"
_WEIGHTS = {"exposure": "balance", "count": "count"}
_MOMENTS = ("loans", "owed", "loss", "owed_owed", "owed_loss", "loss_loss", "share", "share_share")
_PARTS = ("cure_share", "cured_lgd", "other_lgd")


def regulatory_rate(interbank: float) -> float:
    """Rate to discount recoveries at under internal ratings: one-year interbank rate and its add-on, by rule.

    Args:
        interbank: one-year interbank rate at default [share per year].
    """
    return interbank + float(load_rules("house").rule("EU-LGD-ADD-ON").value)


def at_contract_rate(defaults: ir.Table, loans: ir.Table) -> ir.Table:
    """Defaults with the `rate` of their contracts, which stands for the original effective rate [share per year].

    Args:
        defaults: one row is a default.
        loans: one row is a loan.

    Raises:
        MissingColumns: if the loans have no rate.
    """
    require_columns("loans", {"loan_id", "contract_rate"}, loans.columns)
    rates = loans.select("loan_id", rate=loans.contract_rate)
    joined = defaults.left_join(rates, "loan_id")
    return joined.select(*defaults.columns, "rate")


def at_rate(defaults: ir.Table, rate: float) -> ir.Table:
    """Defaults with one and the same `rate` [share per year].

    Args:
        defaults: one row is a default.
        rate: to discount at.
    """
    return defaults.mutate(rate=ibis.literal(float(rate)))


def workout_lgd(defaults: ir.Table, flows: ir.Table, *, by: Sequence[str] = (), cohort: str = "all") -> pd.DataFrame:
    """Share of the defaulted exposure that was lost, with all money discounted to the day of default.

    1 - (recoveries - costs) ÷ (exposure + drawn since), each discounted by months since default at the yearly
    rate, compounding by the month as instalments do. A cured loan also brings the balance it came back with, at
    face and at the time it came back, so that its loss is the cost of delay. What was collected after a
    write-off counts.

    Of closed workouts alone the loss is biased, mostly downward, where losses take longer than cures: see scope
    "all", in which an open workout brings what it has brought, and from then on what those followed longer
    brought, up to the longest period that the house counts on.

    Args:
        defaults: one row is a default with its `rate`, as `at_contract_rate` or `at_rate` gives it; those not
            seen from their beginning are left out.
        flows: one row is a dated money movement of a loan.
        by: dimensions; none gives the whole book.
        cohort: "all", or "year" or "quarter" of default, by its first day.

    Returns:
        one row per group, `scope` ("closed", "all") and `weight` ("exposure", "count": mean of single
        losses), ascending: `as_of`, the dimensions, `cohort` (not with "all"), `value` [share of exposure],
        `lower`, `upper` [share; 95 % normal interval over workouts], `loans` [workouts that count], `left_out`
        [seen from the beginning but not counted: without rate, exposure or price, or open], `months` (how far
        scope "all" reaches) [months], `cure_share`, `cured_lgd`, `other_lgd` (of closed ones: `lgd_of_parts`
        of them is the value) [share], `note`: "", "too_small", "not_recorded", "no_loans" (none is closed) or
        "too_short" (none was followed for a month).

    Raises:
        Misuse: if a dimension or the cohort is unknown.
        MissingColumns: if a table lacks a column.

    Source: EBA/GL/2017/16, section 6.3; W. G. Cochran (1977), Sampling Techniques, ch. 6, for the interval of
        a ratio. Departure: money is dated by months, and unfinished workouts follow the chain of `recovery_curve`.
    """
    require_columns("defaults", {"rate"}, defaults.columns)
    grouped, keys = by_cohort(defaults.filter(~defaults.is_truncated), by, cohort)
    seen = grouped.cache()  # it is read several times, as are the two made of it, and far smaller than the book
    claims, receipts = (part.cache() for part in _discounted(seen, recoveries(seen, flows)))
    listed = cohort_rows(_listed(claims, keys), keys)
    closed = {group_key(key): own for key, own in _moments(claims, keys).groupby(keys, dropna=False)}
    curves = {weight: _extrapolated(claims, receipts, keys, basis) for weight, basis in _WEIGHTS.items()}
    rows = [
        {**{key: group[key] for key in keys}, "weight": weight, **row, "left_out": int(group["seen"]) - row["loans"]}
        for group in _records(listed)
        for place in [group_key(group[key] for key in keys)]
        for weight in _WEIGHTS
        for row in (_closed_row(closed.get(place), group, weight), _open_row(curves[weight].get(place), group))
    ]
    columns = [*keys, "scope", "weight", "value", "lower", "upper", "loans", "left_out", "months", *_PARTS, "note"]
    return pd.DataFrame(rows, columns=columns)


def _discounted(seen: ir.Table, received: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Claims with what they owed, and what came in on them by months, both as of the day of default."""
    dated = received.inner_join(seen.select("loan_id", "start", "rate"), ["loan_id", "start"])
    cured = seen.filter(seen.how == CURED)
    moved = dated.select(
        "loan_id",
        "start",
        "months",
        drawn=_today(dated.drawn, dated),
        received=_today(dated.received - dated.cost, dated),
    )
    faces = cured.select(
        "loan_id", "start", "months", drawn=ibis.literal(0).cast(_MONEY), received=_today(cured.face, cured)
    )
    both = moved.union(faces)
    receipts = both.group_by("loan_id", "start", "months").aggregate(received=both.received.sum())
    totals = both.group_by("loan_id", "start").aggregate(came=both.received.sum(), drawn_since=both.drawn.sum())
    joined = seen.left_join(totals, ["loan_id", "start"])
    owed = (joined.exposure + ibis.coalesce(joined.drawn_since, 0)).cast(_MONEY)
    is_known = joined.rate.notnull() & (owed > 0)  # noqa: PD004  (Ibis)
    claims = joined.mutate(
        owed=ibis.ifelse(is_known, owed, ibis.null(_MONEY)),
        came=ibis.coalesce(joined.came, 0).cast(_MONEY),
        followed=known_months(joined),
    )
    return claims, receipts


def _today(amount: ir.NumericValue, rows: ir.Table) -> ir.DecimalValue:
    """An amount as of the day of default."""
    return (amount.cast("float64") * (1 + rows.rate / _MONTHS) ** (-1.0 * rows.months)).cast(_MONEY)


def _listed(claims: ir.Table, keys: Sequence[str]) -> ir.Table:
    """One row is a group: its defaults, and those whose exposure and rate are recorded."""
    return claims.group_by([*keys]).aggregate(seen=claims.count(), recorded=claims.owed.count())


def _moments(claims: ir.Table, keys: Sequence[str]) -> pd.DataFrame:
    """First and second moments of closed workouts by group, those that got well and the others apart."""
    closed = claims.filter(claims.owed.notnull(), claims.how != OPEN, claims.is_priced)  # noqa: PD004  (Ibis)
    owed, loss = closed.owed.cast("float64"), (closed.owed - closed.came).cast("float64")
    squares = {"owed_owed": owed * owed, "owed_loss": owed * loss, "loss_loss": loss * loss}
    shares = {"share": loss / owed, "share_share": (loss / owed) * (loss / owed)}
    added = closed.group_by([*keys], is_cured=closed.how == CURED).aggregate(
        loans=closed.count(),
        owed=closed.owed.sum(),
        loss=(closed.owed - closed.came).sum(),
        **{name: square.cast(_MONEY).sum() for name, square in squares.items()},
        **{name: share.cast(_SHARE).sum() for name, share in shares.items()},
    )
    return cohort_rows(added, [*keys, "is_cured"])


def _closed_row(own: pd.DataFrame | None, group: Mapping[str, Any], weight: str) -> dict[str, Any]:
    """Loss of one group's closed workouts, as a ratio of sums or as a mean of shares."""
    if own is None:
        return _unknown("closed", "no_loans" if group["recorded"] else "not_recorded")
    whole, part = ("owed", "loss") if weight == "exposure" else ("loans", "share")
    is_cured = own["is_cured"].astype(bool)
    sums, cured, others = (part[list(_MOMENTS)].sum() for part in (own, own[is_cured], own[~is_cured]))
    value, loans = quotient(sums[part], sums[whole]), int(sums["loans"])
    half = _half_width(sums.astype(float), value, weight)
    return {
        "scope": "closed", "value": value, "lower": value - half, "upper": value + half, "loans": loans, "months": None,
        "cure_share": quotient(cured[whole], sums[whole]),
        "cured_lgd": quotient(cured[part], cured[whole]),
        "other_lgd": quotient(others[part], others[whole]),
        "note": "too_small" if loans < small_segment_loans() else "",
    }  # fmt: skip


def _half_width(sums: pd.Series, value: float, weight: str) -> float:
    """Half the width of the normal interval of a ratio of sums, or of a mean."""
    loans = sums["loans"]
    if loans < 2:
        return math.nan
    if weight == "exposure":
        squares = sums["loss_loss"] - 2 * value * sums["owed_loss"] + value**2 * sums["owed_owed"]
        variance = squares / sums["owed"] ** 2 * loans / (loans - 1)
    else:
        variance = (sums["share_share"] - loans * value**2) / (loans * (loans - 1))
    return float(ndtri((1 + CONFIDENCE) / 2)) * math.sqrt(max(float(variance), 0.0))


def _extrapolated(
    claims: ir.Table, receipts: ir.Table, keys: Sequence[str], basis: str
) -> dict[tuple[object, ...], Mapping[str, Any]]:
    """The last month that is counted on of each group's curve of what came in."""
    curve = recovered_shares(claims, receipts, keys, basis=basis)
    longest = int(load_rules("house").rule("HOUSE-LONGEST-RECOVERY").value)
    last = curve[curve["months"] <= longest].groupby(list(keys), dropna=False, sort=False).tail(1)
    counted = curve.groupby(list(keys), dropna=False, sort=False)["at_risk"].transform("max")
    rows = _records(last.assign(loans=counted[last.index]))
    return {group_key(row[key] for key in keys): row for row in rows}


def _open_row(last: Mapping[str, Any] | None, group: Mapping[str, Any]) -> dict[str, Any]:
    """Loss of one group's workouts, the open ones as far as others were followed longer."""
    if last is None or not last["months"]:
        return _unknown("all", "too_short" if group["recorded"] else "not_recorded")
    bounds = {"value": 1 - last["value"], "lower": 1 - last["upper"], "upper": 1 - last["lower"]}
    few = "too_small" if last["loans"] < small_segment_loans() else ""
    rest = {"loans": int(last["loans"]), "months": int(last["months"]), **dict.fromkeys(_PARTS, math.nan), "note": few}
    return {"scope": "all", **bounds, **rest}


def _unknown(scope: str, note: str) -> dict[str, Any]:
    unknown = dict.fromkeys(("value", "lower", "upper", *_PARTS), math.nan)
    return {"scope": scope, **unknown, "loans": 0, "months": None, "note": note}


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
