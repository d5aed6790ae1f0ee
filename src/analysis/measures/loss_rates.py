"""What share of each bucket of days past due is lost in the end, and what allowance would that make?"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analysis.classify.arrears import bucket
from analysis.errors import Misuse, require_columns
from analysis.measures.catalog import require_basis
from analysis.measures.components import dimensions
from analysis.measures.endings import EXITS, LEFT, REPAID
from analysis.measures.exact import Exact, exact_sum
from analysis.measures.migration import BUCKETS
from analysis.measures.npl_age import cut_rows, in_cut_order

# Ways out that mean a loss before the last bucket is reached: written off, sold, foreclosed, and the like.
LOSSES = tuple(name for name in EXITS if name not in {REPAID, LEFT})


def flow_loss_rates(reached: Sequence[Decimal | int]) -> tuple[Fraction, ...]:
    """Loss rate of each stage of age: what reached the last stage ÷ what reached this one.

    Source: flow rates for the provision matrix of IFRS 9, paragraph B5.5.35, as worked by IFRScommunity.

    Args:
        reached: amounts that reached each stage, from the sales to what is lost; each at most the one before
            [currency, above 0].

    Returns:
        one rate per stage [share; exact]; that of the last is 1.

    Raises:
        Misuse: if an amount is not above 0 or more than the one before.
    """
    if not reached or min(reached) <= 0 or any(after > before for before, after in pairwise(reached)):
        raise Misuse(
            f"reached must be amounts above 0, none above the one before, was {', '.join(map(str, reached)) or 'none'}."
        )
    return tuple(Fraction(reached[-1]) / Fraction(amount) for amount in reached)


def provisions(rates: Sequence[Fraction | None], balances: Sequence[Decimal | int | None]) -> list[Decimal | None]:
    """Rate times balance stage by stage, each rounded to the cent; None if either is unknown."""
    return [
        None if rate is None or balance is None else _cents(rate * Fraction(balance))
        for rate, balance in zip(rates, balances, strict=True)
    ]


def roll_loss_rates(
    migrations: pd.DataFrame, *, by: Sequence[str] = (), basis: str = "balance", loss_share: Fraction = Fraction(1)
) -> pd.DataFrame:
    """Loss rate of each bucket of a book: the product of the roll rates from it to the last one.

    A loan rolls if it is in a worse bucket a month later or was written off, sold, foreclosed, swapped or
    forgiven meanwhile. The product takes the rates of the months pooled for those of all months to come,
    and no loan to skip a bucket. Loans that came back meanwhile may fall again; that is in the bucket they
    come back to.

    Args:
        migrations: one row is a move between buckets, as `migration` or `pooled` gives it.
        by: their dimensions.
        basis: "balance" a month before, or "count".
        loss_share: what is lost of a loan in the last bucket [share, 0 to 1]; all of it by house practice.

    Returns:
        one row per `as_of`, group and `bucket`, in order: `roll` [share; None for the last bucket], `rate` [share;
        exact fraction; None if a roll rate on the way is unknown], `note` ("", "no_denominator", "not_recorded").

    Raises:
        Misuse: if a dimension or the basis is unknown, or the loss is no share.
    """
    require_basis(basis)
    if not 0 <= loss_share <= 1:
        raise Misuse(f"loss_share must be a share from 0 to 1, was {loss_share!r}; write 45 % as Fraction(45, 100).")
    keys, amount = ["as_of", *dimensions(by)], "loans" if basis == "count" else "opening_balance"
    rows = [
        dict(zip(keys, key, strict=True)) | row
        for key, moved in migrations.groupby(keys, sort=False, dropna=False)
        for row in _of_group(moved, amount, loss_share)
    ]
    return pd.DataFrame(rows, columns=[*keys, "bucket", "roll", "rate", "note"])


def loss_rates(latest: ir.Table, rated: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Loss rates of a book applied to what is in each bucket now, beside the allowance that is held for it.

    Args:
        latest: one row is a loan at the reporting date.
        rated: one row is the rate of a bucket, as `roll_loss_rates` gives it for one period.
        by: their dimensions.

    Returns:
        one row per group and bucket, in order: `as_of`, the dimensions, `bucket`, `value` [share; NaN if unknown],
        `roll` [share; NaN for the last bucket], `balance`, `provision` (value × balance, to the cent), `held` (the
        allowance), `difference` (held − provision) [currency; exact; None if unknown], `loans`, and `note`: "",
        "no_denominator" (no loan was in a bucket on the way) or "not_recorded".

    Raises:
        Misuse: if a dimension is unknown.
        MissingColumns: if the table lacks a column.
    """
    groups = dimensions(by)
    keys = ["as_of", *groups, "bucket"]
    require_columns("states", {"as_of", "days_past_due", "principal_balance", "allowance", *groups}, latest.columns)
    named = latest.mutate(bucket=bucket(latest.days_past_due))
    sums = named.group_by(keys).aggregate(
        balance=named.principal_balance.sum(), held=named.allowance.sum(), loans=named.count()
    )
    known = {_key(row, groups): row for row in cut_rows(sums, keys).to_dict("records")}
    is_recorded = {name: any(row[name] is not None for row in known.values()) for name in ("balance", "held")}
    nothing = {name: Decimal(0) if recorded else None for name, recorded in is_recorded.items()}
    rows = [_applied(row, known.get(_key(row, groups), nothing | {"loans": 0})) for row in rated.to_dict("records")]
    figures = ("value", "roll", "balance", "provision", "held", "difference", "loans", "note")
    found = pd.DataFrame(rows, columns=figures, dtype=object)
    typed = found.astype({"value": "float64", "roll": "float64", "loans": "int64", "note": "str"})
    return in_cut_order(pd.concat([rated[keys], typed], axis=1), keys)


def _of_group(moved: pd.DataFrame, amount: str, loss_share: Fraction) -> list[dict[str, object]]:
    is_recorded = exact_sum(moved[amount]) is not None
    pairs = [_rolled(moved, amount, place) if is_recorded else (None, None) for place in range(len(BUCKETS) - 1)]
    rolls = [None if part is None or not whole else Fraction(part) / Fraction(whole) for part, whole in pairs]
    # From the last bucket back: each rate is the roll rate of the bucket times the rate of the next.
    backward = accumulate([loss_share, *reversed(rolls)], _product)
    unknown = "no_denominator" if is_recorded else "not_recorded"
    return [
        {"bucket": name, "roll": roll, "rate": rate, "note": "" if rate is not None else unknown}
        for name, roll, rate in zip(BUCKETS, [*rolls, None], reversed([*backward]), strict=True)
    ]


def _rolled(moved: pd.DataFrame, amount: str, place: int) -> tuple[Exact, Exact]:
    here = moved[moved["from_state"] == BUCKETS[place]]
    worse = here[here["to_state"].isin([*BUCKETS[place + 1 :], *LOSSES])]
    return sum(worse[amount]), sum(here[amount])


def _product(later: Fraction | None, roll: Fraction | None) -> Fraction | None:
    return None if later is None or roll is None else later * roll


def _key(row: Mapping[Any, Any], groups: Sequence[str]) -> tuple[object, ...]:
    return tuple(None if pd.isna(row[name]) else row[name] for name in (*groups, "bucket"))


def _applied(row: Mapping[Any, Any], now: Mapping[Any, Any]) -> dict[str, object]:
    (provision,) = provisions([row["rate"]], [now["balance"]])
    held = now["held"]
    is_recorded = now["balance"] is not None
    return {
        "value": None if row["rate"] is None else float(row["rate"]),
        "roll": None if row["roll"] is None else float(row["roll"]),
        "balance": now["balance"],
        "provision": provision,
        "held": held,
        "difference": None if held is None or provision is None else held - provision,
        "loans": now["loans"],
        "note": row["note"] or ("" if is_recorded else "not_recorded"),
    }


def _cents(amount: Fraction) -> Decimal:
    # Rounded as a whole number of cents, so that no digit is lost on the way; halves go to the even cent.
    return Decimal(round(amount * 100)).scaleb(-2)
