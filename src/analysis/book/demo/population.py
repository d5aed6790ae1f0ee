"""Borrowers and loans: a place in the bank's book holds one live loan at a time, one after the other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.book.demo.calendar import Ints, first_day, month_index
from analysis.book.demo.lookups import PART, Floats, Lookups, drawn

Flags = npt.NDArray[np.bool_]
NONE = -1
SEQUENCES = 1000  # a loan's number is its place's number, then three digits that count the place's loans
CENTS = 100
CHANNELS = ("branch", "manager", "online", "partner")
BORROWER_TYPES = ("corporate", "sole_proprietor", "individual")
_CHANNEL_SHARES = {"firm": (0.35, 0.50, 0.05, 0.10), "person": (0.30, 0.10, 0.40, 0.20)}
_SHARED_BORROWER = 0.20  # of neighbouring places of firms that belong to the same borrower
_GROUPED = 0.25  # of large and medium borrowers that belong to a group
_GROUP_PLACES = 40
_SOLE_PROPRIETORS = 0.35  # of micro enterprises
_OLDEST = 150  # months since the opening of the oldest loan at the outset
_ROUNDING = 1_000  # amounts are whole thousands
_LARGEST = 80_000_000  # in cents times PART this still fits into 64 bits


@dataclass
class Places:
    """One element of each array is a place; codes are positions in the lookups' keys, NONE is absent.

    Days and months are numbers as in `calendar`, money is in cents, rates in basis points.
    """

    number: Ints
    segment: Ints
    is_firm: Flags
    sequence: Ints
    borrower: Ints
    group: Ints
    borrower_type: Ints
    region: Ints
    size: Ints
    rating: Ints
    distress: Ints
    live: Flags
    is_new: Flags
    product: Ints
    plan: Ints
    plan_base: Ints
    plan_start: Ints
    collateral: Ints
    collateral_value: Ints
    channel: Ints
    due_day: Ints
    origination: Ints
    opened: Ints
    amount: Ints
    rate: Ints
    renewal: Flags
    balance: Ints
    behind: Ints
    restructured: Flags
    restructured_on: Ints
    observed_until: Ints

    def __len__(self) -> int:
        """Number of places."""
        return len(self.number)

    @property
    def loan(self) -> Ints:
        """Number of each place's latest loan."""
        return self.number * SEQUENCES + self.sequence


def places(lookups: Lookups, numbers: Ints, rng: np.random.Generator) -> Places:
    """Empty places with their segment and first borrower.

    Args:
        lookups: the truth as arrays.
        numbers: the places' numbers, ascending and consecutive.
        rng: source of chance.
    """
    count = len(numbers)
    segment = _segments(lookups, count, rng)
    is_firm = np.array([lookups.truth.segments[key].is_corporate for key in lookups.segments])[segment]
    ints = {name: np.full(count, NONE, dtype=np.int64) for name, kind in Places.__annotations__.items() if kind is Ints}
    flags = {name: np.zeros(count, dtype=bool) for name, kind in Places.__annotations__.items() if kind is Flags}
    new = Places(**(ints | flags | {"number": numbers, "segment": segment, "is_firm": is_firm}))
    draw_borrowers(new, np.arange(count), lookups, rng)
    _share_borrowers(new, rng)
    return new


def draw_borrowers(at: Places, where: Ints, lookups: Lookups, rng: np.random.Generator) -> None:
    """Put a new borrower at each of some places."""
    count, firm = len(where), at.is_firm[where]
    size = np.where(firm, drawn(lookups.size, np.zeros(count, dtype=np.int64), rng.random(count)), NONE)
    at.size[where] = size
    at.region[where] = drawn(lookups.region, np.zeros(count, dtype=np.int64), rng.random(count))
    # The last row of ratings is that of individuals, whose size is NONE, that is -1.
    at.rating[where] = drawn(lookups.rating_of_size, size, rng.random(count))
    is_micro = size == list(lookups.truth.sizes).index("micro")
    sole = is_micro & (rng.random(count) < _SOLE_PROPRIETORS)
    at.borrower_type[where] = np.where(firm, np.where(sole, 1, 0), 2)
    grouped = (size >= 0) & (size <= list(lookups.truth.sizes).index("medium")) & (rng.random(count) < _GROUPED)
    at.group[where] = np.where(grouped, at.number[where] // _GROUP_PLACES, NONE)
    at.borrower[where] = at.number[where] * SEQUENCES + np.maximum(at.sequence[where] + 1, 0)
    at.distress[where] = NONE


def open_loans(at: Places, where: Ints, month: int, lookups: Lookups, rng: np.random.Generator) -> None:
    """Open a loan at each of some places, in a month."""
    count = len(where)
    at.sequence[where] += 1
    at.product[where] = drawn(lookups.product_of_segment, at.segment[where], rng.random(count))
    at.plan[where] = drawn(lookups.plan_of_product, at.product[where], rng.random(count))
    at.collateral[where] = drawn(lookups.collateral_of_product, at.product[where], rng.random(count))
    at.channel[where] = _channels(at.is_firm[where], rng)
    at.due_day[where] = rng.integers(5, 26, count)
    at.opened[where] = at.plan_start[where] = month
    at.origination[where] = first_day(np.full(count, month)) + rng.integers(0, 28, count)
    at.amount[where] = at.plan_base[where] = _amounts(at, where, lookups, rng)
    at.balance[where] = at.amount[where]
    at.rate[where] = _rates(at, where, lookups)
    at.collateral_value[where] = _collateral_values(at, where, lookups, rng)
    at.live[where] = at.is_new[where] = True
    at.behind[where] = 0
    at.restructured[where] = at.renewal[where] = False
    at.restructured_on[where] = at.observed_until[where] = NONE


def age_loans(at: Places, lookups: Lookups, rng: np.random.Generator) -> None:
    """Move the opening of every loan back by a random part of its plan, as in a book long in business."""
    term = lookups.plan_months[at.plan]
    age = (rng.random(len(at)) * np.minimum(term, _OLDEST)).astype(np.int64)
    at.opened -= age
    at.plan_start -= age
    offset = at.origination - first_day(at.opened + age)
    at.origination[:] = first_day(at.opened) + np.minimum(offset, 27)
    at.balance[:] = owed(at, age, lookups)


def owed(at: Places, paid: Ints, lookups: Lookups) -> Ints:
    """Principal that is owed after so many instalments under each place's plan [cents]."""
    share = lookups.owed[at.plan, np.clip(paid, 0, lookups.owed.shape[1] - 1)]
    balance: Ints = at.plan_base * share // PART
    return balance


def _segments(lookups: Lookups, count: int, rng: np.random.Generator) -> Ints:
    """Segments of pairs of places, in the truth's proportions up to rounding."""
    shares = np.array([segment.share for segment in lookups.truth.segments.values()])
    pairs = (count + 1) // 2
    bounds = np.cumsum(shares / shares.sum())[:-1]
    position = (np.arange(pairs) + rng.random()) / pairs
    return np.repeat(rng.permutation(np.searchsorted(bounds, position, side="right")), 2)[:count].astype(np.int64)


def _share_borrowers(at: Places, rng: np.random.Generator) -> None:
    first = np.arange(0, len(at) - 1, 2)
    first = first[(at.borrower_type[first] == 0) & (rng.random(len(first)) < _SHARED_BORROWER)]
    for name in ("borrower", "group", "borrower_type", "region", "size", "rating"):
        values = getattr(at, name)
        values[first + 1] = values[first]


def _channels(firm: Flags, rng: np.random.Generator) -> Ints:
    cumulative: Floats = np.cumsum([_CHANNEL_SHARES["person"], _CHANNEL_SHARES["firm"]], axis=1)
    return drawn(cumulative, firm.astype(np.int64), rng.random(len(firm)))


def _amounts(at: Places, where: Ints, lookups: Lookups, rng: np.random.Generator) -> Ints:
    products = lookups.truth.products.values()
    median = np.array([product.median for product in products])[at.product[where]]
    spread = np.array([product.spread for product in products])[at.product[where]]
    scale = np.array([*(size.scale for size in lookups.truth.sizes.values()), 1.0])[at.size[where]]
    growth = (1 + lookups.truth.renewal["amount_growth"]) ** (
        (at.opened[where] - month_index(lookups.truth.drift["from"])) / 12
    )
    amount = median * scale * growth * np.exp(spread * rng.standard_normal(len(where)))
    thousands: Ints = np.clip(np.rint(amount / _ROUNDING), 2, _LARGEST / _ROUNDING).astype(np.int64)
    return thousands * (_ROUNDING * CENTS)


def _rates(at: Places, where: Ints, lookups: Lookups) -> Ints:
    products = np.array([round(product.rate * 10_000) for product in lookups.truth.products.values()])
    plans = np.array([round(plan.rate * 10_000) for plan in lookups.truth.plans.values()])
    shaped = plans[at.plan[where]]
    # Where the rate does not shape the plan it carries a spread for the rating.
    return np.where(shaped > 0, shaped, products[at.product[where]] + 40 * at.rating[where])


def _collateral_values(at: Places, where: Ints, lookups: Lookups, rng: np.random.Generator) -> Ints:
    backed = [lookups.collaterals.index(name) for name in ("real_estate", "equipment", "receivables")]
    ratio = rng.uniform(1.1, 2.0, len(where))
    value = np.floor(at.amount[where] * ratio / (_ROUNDING * CENTS)).astype(np.int64) * _ROUNDING * CENTS
    return np.where(np.isin(at.collateral[where], backed), value, NONE)
