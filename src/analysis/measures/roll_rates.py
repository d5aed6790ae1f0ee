"""How many loans roll on to the next bucket of days past due, and how many of those here go all the way?"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

import pandas as pd

from analysis.measures.catalog import require_basis
from analysis.measures.components import dimensions
from analysis.measures.exact import Exact, exact_sum, quotients
from analysis.measures.intervals import counted_bounds
from analysis.measures.migration import BUCKETS
from analysis.terms import Text

CONVENTIONS: Mapping[str, Text] = {
    "loan_level": Text(
        "逐笔：上月末在本档、本月末在更差档次的贷款÷上月末本档贷款；当月核销、转让、抵债的单列，不计入",
        "loan level: loans in the bucket at the previous month end and in a worse one now ÷ loans in it then; loans "
        "that left the book have not rolled",
    ),
    "net": Text(
        "净额：本月末下一档余额÷上月末本档余额；含新进入与由更差档次回升的贷款",
        "net: loans in the next bucket now ÷ loans in this one at the previous month end, whoever they are",
    ),
}


def roll_rates(migrations: pd.DataFrame, *, by: Sequence[str] = (), basis: str = "count") -> pd.DataFrame:
    """Roll rates of each bucket that has a next one, by both conventions.

    The net rate counts whoever is in the next bucket now, so that it hides cures and can exceed 1; the
    rate of the loans themselves cannot. Where no loan skips or is stuck they agree.

    Args:
        migrations: one row is a move between buckets, as `migration` or `pooled` gives it.
        by: their dimensions.
        basis: "count", or "balance": then a loan counts with what it owed a month before, and in the
            numerator of the net rate with what it owes now.

    Returns:
        one row per `as_of`, group, `bucket` and `convention` ("loan_level", "net"; see `CONVENTIONS`), in
        order: `next_bucket`, `value` [share; NaN if unknown], `numerator`, `denominator` [exact; None if
        not recorded], `lower`, `upper` [share; 95 % Wilson interval, at loan level by count only], `note`
        ("", "no_denominator", "not_recorded").

    Raises:
        Misuse: if a dimension or the basis is unknown.
    """
    keys, amounts = ["as_of", *dimensions(by)], _amounts(basis)
    rows = [
        {**dict(zip(keys, _key(key), strict=True)), **row}
        for key, moved in migrations.groupby(keys, sort=False, dropna=False)
        for row in _of_group(moved, *amounts)
    ]
    columns = [*keys, "bucket", "next_bucket", "convention", "numerator", "denominator"]
    rolled = pd.DataFrame(rows, columns=columns).astype({"numerator": object, "denominator": object})
    notes = [_note(*pair) for pair in zip(rolled["numerator"], rolled["denominator"], strict=True)]
    valued = rolled.assign(value=quotients(rolled["numerator"], rolled["denominator"]), note=notes)
    is_counted = (rolled["convention"] == "loan_level").to_numpy() & (basis == "count")
    lower, upper = counted_bounds(rolled["numerator"], rolled["denominator"], is_counted)
    bounded = valued.assign(lower=lower, upper=upper)
    return bounded[[*columns[:-2], "value", "numerator", "denominator", "lower", "upper", "note"]]


def flow_through(rolled: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """How much of what is in a bucket reaches the last one, if it rolls on as it does now.

    The product of the roll rates from a bucket on. It takes one month's rates for those of all months
    to come, and no loan to skip a bucket.

    Args:
        rolled: one row is a roll rate, as `roll_rates` gives it.
        by: its dimensions.

    Returns:
        the same rows with `value` the product [share; NaN if a rate on the way is unknown] and
        `last_bucket` in place of `next_bucket`; without numerator, denominator and bounds.
    """
    keys = ["as_of", *dimensions(by), "convention"]
    worst_first = rolled.iloc[::-1]
    products = worst_first.groupby(keys, dropna=False)["value"].cumprod(skipna=False)
    known = rolled.assign(value=products.reindex(rolled.index), last_bucket=BUCKETS[-1])
    return known[[*keys[:-1], "bucket", "last_bucket", "convention", "value"]]


def _amounts(basis: str) -> tuple[str, str]:
    require_basis(basis)
    return ("loans", "loans") if basis == "count" else ("opening_balance", "closing_balance")


def _key(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)


def _of_group(moved: pd.DataFrame, before: str, now: str) -> list[dict[str, object]]:
    # What is not there is truly 0 where amounts are recorded; a group without any record has none.
    recorded = exact_sum(moved[before]) is not None
    nothing: Exact = None if not recorded else 0 if before == "loans" else Decimal(0)
    # Plain rows: so few of them cost less than the masks of a frame.
    moves = list(zip(moved["from_state"], moved["to_state"], moved[before], moved[now], strict=True))
    rows: list[dict[str, object]] = []
    for place, (bucket, after) in enumerate(pairwise(BUCKETS)):
        here = [(state, amount) for origin, state, amount, _ in moves if origin == bucket]
        whole = _sum([amount for _, amount in here], nothing)
        worse = _sum([amount for state, amount in here if state in BUCKETS[place + 1 :]], nothing)
        later = _sum([amount for _, state, _, amount in moves if state == after], nothing)
        names: dict[str, object] = {"bucket": bucket, "next_bucket": after, "denominator": whole}
        rows += [names | {"convention": "loan_level", "numerator": worse}]
        rows += [names | {"convention": "net", "numerator": later}]
    return rows


def _sum(amounts: list[Exact], nothing: Exact) -> Exact:
    return exact_sum(amounts) if amounts else nothing


def _note(numerator: Exact, denominator: Exact) -> str:
    if numerator is None or denominator is None:
        return "not_recorded"
    return "no_denominator" if denominator == 0 else ""
