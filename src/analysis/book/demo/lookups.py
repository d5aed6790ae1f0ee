"""The truth as arrays: cumulative shares to draw from, and what is still owed under each plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np
import numpy.typing as npt

from analysis.book.demo.calendar import Ints
from analysis.book.demo.truth import Plan, Shares, Truth, load_truth

Floats = npt.NDArray[np.float64]
PART = 1_000_000_000  # a share of principal is counted in billionths, so that money stays in whole cents


@dataclass(frozen=True, kw_only=True)
class Lookups:
    """Keys in the order in which arrays number them, and one row per key to draw from."""

    truth: Truth
    segments: tuple[str, ...]
    products: tuple[str, ...]
    plans: tuple[str, ...]
    collaterals: tuple[str, ...]
    owed: Ints
    plan_months: Ints
    is_revolving: npt.NDArray[np.bool_]
    product_of_segment: Floats
    plan_of_product: Floats
    collateral_of_product: Floats
    rating_of_size: Floats
    size: Floats
    region: Floats
    disposal: Floats
    agreed_plan: Ints


@cache
def lookups() -> Lookups:
    """The arrays of the demonstration book's truth."""
    truth = load_truth()
    products, plans = tuple(truth.products), tuple(truth.plans)
    collaterals = tuple(truth.labels["collateral_type"])
    ratings = [*(s.rating for s in truth.sizes.values()), truth.individuals["rating"]]
    agreed = [plans.index(truth.families[s.family].restructured_plan) for s in truth.segments.values()]
    return Lookups(
        truth=truth,
        segments=tuple(truth.segments),
        products=products,
        plans=plans,
        collaterals=collaterals,
        owed=np.stack([_owed(plan) for plan in truth.plans.values()]),
        plan_months=np.array([plan.months for plan in truth.plans.values()]),
        is_revolving=np.array([plan.kind == "revolving" for plan in truth.plans.values()]),
        product_of_segment=_cumulative((s.products for s in truth.segments.values()), products),
        plan_of_product=_cumulative((p.plans for p in truth.products.values()), plans),
        collateral_of_product=_cumulative((p.collateral for p in truth.products.values()), collaterals),
        rating_of_size=np.cumsum(np.array(ratings), axis=1),
        size=np.cumsum([[s.share for s in truth.sizes.values()]], axis=1),
        region=np.cumsum([[r.share for r in truth.regions.values()]], axis=1),
        disposal=np.cumsum([truth.disposal[name] for name in collaterals], axis=1),
        agreed_plan=np.array(agreed),
    )


def drawn(cumulative: Floats, rows: Ints, uniform: Floats) -> Ints:
    """Column of each draw from the row of its own; the last column takes what rounding leaves."""
    column: Ints = (uniform[:, None] >= cumulative[rows, :-1]).sum(axis=1)
    return column


def _cumulative(rows: Iterable[Shares], keys: tuple[str, ...]) -> Floats:
    return np.cumsum([[row.get(key, 0.0) for key in keys] for row in rows], axis=1)


LONGEST_PLAN = 360


def _owed(plan: Plan) -> Ints:
    """Share of principal owed after 0, 1, 2, … instalments [billionths]."""
    shares = [_share_owed(plan, paid) for paid in range(LONGEST_PLAN + 1)]
    return np.array([int(share * PART) for share in shares], dtype=np.int64)


def _share_owed(plan: Plan, paid: int) -> Decimal:
    if paid >= plan.months:
        return Decimal(0)
    if plan.kind in {"bullet", "revolving"} or paid <= plan.grace:
        return Decimal(1)
    if plan.kind == "level":
        return 1 - Decimal(paid - plan.grace) / (plan.months - plan.grace)
    growth = 1 + Decimal(str(plan.rate)) / 12
    return 1 - (growth**paid - 1) / (growth**plan.months - 1)
