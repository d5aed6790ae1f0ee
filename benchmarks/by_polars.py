"""The same by Polars over the same files, lazily and in its streaming engine."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from benchmarks.places import (
    ADDITIONS,
    CASH,
    DISPOSALS,
    ENDED,
    ENTRIES,
    YEAR,
    Work,
    flow_files,
    state_files,
    told,
    units,
)

ONE_DAY = timedelta(days=1)
_BALANCE = pl.col("principal_balance")


def ratio(size: str) -> Work:
    """NPL ratio by month and segment."""
    states = _scan(state_files(size))
    rows = states.group_by("as_of", "segment").agg(
        npl_balance=_BALANCE.filter(pl.col("is_npl")).sum(), balance=_BALANCE.sum()
    )
    return lambda: units(_collected(rows)["npl_balance"])


def stock(size: str) -> Work:
    """Every stock component by month and segment."""
    flags = {
        "npl": pl.col("is_npl"),
        "special_mention": pl.col("five_class") == "special_mention",
        "overdue": pl.col("days_past_due") > 0,
        "overdue90": pl.col("days_past_due") > 90,
        "restructured": pl.col("is_restructured"),
        "observed": pl.col("is_restructured") & pl.col("in_observation"),
    }
    sums = {f"{name}_balance": _BALANCE.filter(flag).sum() for name, flag in flags.items()}
    sums |= {f"{name}_loans": flag.sum() for name, flag in flags.items()}
    rows = (
        _scan(state_files(size))
        .group_by("as_of", "segment")
        .agg(pl.len().alias("loans"), _BALANCE.sum().alias("balance"), pl.col("allowance").sum(), **sums)
    )
    return lambda: units(_collected(rows)["npl_balance"])


def bridge(size: str) -> Work:
    """Lines of the bridge of twelve months, month by month."""
    files = state_files(size)
    months, flows = files[-YEAR - 1 :], _scan(flow_files(size))

    def work() -> str:
        bad = _scan(files).filter(pl.col("is_npl"))
        first_bad = _collected(bad.group_by("loan_id").agg(first_npl=pl.col("as_of").min()))
        sums: dict[str, Any] = {}
        for pair in pairwise(months):
            for name, amount in _lines(pair, flows, first_bad).items():
                is_outer = (name == "opening" and pair[0] != months[0]) or (name == "closing" and pair[1] != months[-1])
                sums[name] = sums.get(name, 0) + (0 if is_outer else amount)
        sums["residual"] = sums["closing"] - sum(amount for name, amount in sums.items() if name != "closing")
        return told(sums)

    return work


def migration(size: str) -> Work:
    """Moves by class in one scan, exits month by month."""
    files, flows = state_files(size), _scan(flow_files(size))
    moves = (
        _scan(files[1:])
        .group_by("as_of", "prior_five_class", "five_class", pl.col("prior_as_of").is_null().alias("entered"))
        .agg(pl.len().alias("loans"), pl.col("prior_balance").sum(), _BALANCE.sum())
    )

    def work() -> str:
        loans: dict[str, int] = {}
        frames = [
            _collected(moves).rename({"five_class": "to_state"}),
            *(_exits(pair, flows) for pair in pairwise(files)),
        ]
        for frame in frames:
            for state, count in frame.group_by("to_state").agg(pl.col("loans").sum()).iter_rows():
                loans[state] = loans.get(state, 0) + count
        return told(loans)

    return work


def roll_rates(size: str) -> Work:
    """Roll rates from the stored days of the month before."""
    states = _scan(state_files(size))
    rolled = (
        states.filter(pl.col("prior_as_of").is_not_null())
        .group_by("as_of", _bucket("prior_days_past_due").alias("was"), _bucket("days_past_due").alias("now"))
        .agg(pl.len().alias("loans"))
    )
    held = states.group_by("as_of", _bucket("days_past_due").alias("was")).agg(pl.len().alias("loans"))

    def work() -> str:
        moved, there = _collected(rolled), _collected(held)
        worse = moved.filter((pl.col("now") > pl.col("was")) & (pl.col("was") < 7))
        before = there.filter((pl.col("as_of") < pl.col("as_of").max()) & (pl.col("was") < 7))
        return told({"numerator": worse["loans"].sum(), "denominator": before["loans"].sum()})

    return work


def concentration(size: str) -> Work:
    """Indices of borrowers at the latest month end, in floating point."""
    names = _scan(state_files(size)[-1:]).group_by("borrower_id").agg(amount=_BALANCE.sum().cast(pl.Float64))

    def work() -> str:
        amounts = _collected(names.filter(pl.col("amount") > 0))["amount"].sort(descending=True)
        total, count, place = amounts.sum(), len(amounts), pl.Series(range(1, len(amounts) + 1), dtype=pl.Float64)
        said = {
            "hhi": (amounts * amounts).sum() / total**2,
            "gini": ((count + 1) * total - 2 * (amounts * place).sum()) / (count * total),
            "theil": float((amounts / total * (amounts / total * count).log()).sum()),
            "cr20": amounts.head(20).sum() / total,
        }
        return " ".join(f"{name}={value:.10f}" for name, value in said.items())

    return work


def vintages(size: str) -> Work:
    """Ever and currently non-performing loans of every quarter's cohort by age, all cells added up."""
    files = state_files(size)
    states = _scan(files).with_columns(month=_month("as_of"))

    def work() -> str:
        first, last = (_scan([path]).select("as_of").head(1).collect().item() for path in (files[0], files[-1]))
        bad = states.filter(pl.col("is_npl")).select("loan_id", "month")
        entries = states.filter(pl.col("prior_as_of").is_null() | (pl.col("as_of") == first))
        outset = entries.sort("as_of").unique("loan_id", keep="first").select("loan_id", lent="origination_date")
        placed = (
            outset.join(bad.group_by("loan_id").agg(first_bad=pl.col("month").min()), on="loan_id", how="left")
            .with_columns(origin=_month("lent"), cohort=pl.col("lent").dt.truncate("1q"))
            .filter(pl.col("cohort") >= first.replace(day=1), pl.col("cohort").dt.offset_by("3mo") <= last + ONE_DAY)
            .with_columns(oldest=last.year * 12 + last.month - pl.col("origin").max().over("cohort"))
        )
        loans = _collected(placed)
        went = loans.with_columns(age=(pl.col("first_bad") - pl.col("origin")).clip(lower_bound=0))
        ever = went.filter(pl.col("age") <= pl.col("oldest")).select((pl.col("oldest") - pl.col("age") + 1).sum())
        aged = bad.join(loans.lazy(), on="loan_id").with_columns(age=pl.col("month") - pl.col("origin"))
        current = aged.filter(pl.col("age").is_between(0, pl.col("oldest"))).select(pl.len())
        return told({"bad": ever.item(), "current": _collected(current).item()})

    return work


def coverage(size: str) -> Work:
    """Allowance and non-performing loans by segment at the latest month end."""
    latest = _scan(state_files(size)[-1:])
    rows = latest.group_by("segment").agg(
        npl=_BALANCE.filter(pl.col("is_npl")).sum(),
        allowance=pl.col("allowance").sum(),
        own=pl.col("allowance").filter(pl.col("is_npl")).sum(),
    )

    def work() -> str:
        found = _collected(rows)
        return told({name: found[name].sum() for name in ("npl", "allowance")})

    return work


def _scan(files: Sequence[str]) -> pl.LazyFrame:
    return pl.scan_parquet(list(files), hive_partitioning=False)


def _collected(rows: pl.LazyFrame) -> pl.DataFrame:
    return rows.collect(engine="streaming")


def _dated(flows: pl.LazyFrame, pair: tuple[str, str]) -> pl.LazyFrame:
    opening, closing = (_scan([path]).select("as_of").head(1).collect().item() for path in pair)
    return flows.filter((pl.col("date") > opening) & (pl.col("date") <= closing))


def _sum_of(kinds: Sequence[str]) -> pl.Expr:
    return pl.col("amount").filter(pl.col("kind").is_in(list(kinds))).sum()


def _lines(pair: tuple[str, str], flows: pl.LazyFrame, first_bad: pl.DataFrame) -> dict[str, Any]:
    before, after = (_scan([path]) for path in pair)
    sums = {kind: _sum_of([kind]) for kind in (*DISPOSALS, *ADDITIONS)}
    money = _collected(_dated(flows, pair).group_by("loan_id").agg(**sums, cash=_sum_of(CASH)))
    was = before.filter(pl.col("is_npl")).select("loan_id", was="principal_balance", stayed=True)
    now = after.filter(pl.col("is_npl") | pl.col("prior_is_npl")).select(
        "loan_id", now="principal_balance", bad="is_npl", here_before=pl.col("prior_as_of").is_not_null()
    )
    ends = _collected(was.join(now, on="loan_id", how="full", coalesce=True))
    gone = money.filter(pl.col("write_off") != 0).join(ends, on="loan_id", how="anti").select("loan_id")
    others = _others(before, after, gone)
    both = pl.concat([ends, others], how="diagonal").join(money, on="loan_id", how="left")
    opening = before.select("as_of").head(1).collect().item()
    return _of_ends(both.join(first_bad, on="loan_id", how="left"), opening)


def _others(before: pl.LazyFrame, after: pl.LazyFrame, gone: pl.DataFrame) -> pl.DataFrame:
    earlier = before.select("loan_id", here_before=True).join(gone.lazy(), on="loan_id", how="semi")
    later = after.select("loan_id", now="principal_balance").join(gone.lazy(), on="loan_id", how="semi")
    found = gone.lazy().join(earlier, on="loan_id", how="left").join(later, on="loan_id", how="left")
    return _collected(found.with_columns(pl.col("here_before").fill_null(value=False), bad=pl.lit(value=False)))


def _of_ends(ends: pl.DataFrame, opening: Any) -> dict[str, Any]:  # noqa: ANN401
    nothing = pl.lit(0).cast(pl.Decimal(38, 2))
    amounts = [pl.col(name).fill_null(0) for name in ("was", "now", "cash", *DISPOSALS, *ADDITIONS)]
    flags = [pl.col(name).fill_null(value=False) for name in ("stayed", "bad")]
    known = ends.with_columns(is_out=pl.col("bad").is_null() & pl.col("now").is_null()).with_columns(*amounts, *flags)
    known = known.with_columns(pl.col("here_before").fill_null(value=True), is_out=pl.col("is_out"))
    either = pl.col("stayed") | pl.col("bad")
    disposed = {
        kind: pl.when(either | pl.lit(kind == "write_off")).then(pl.col(kind)).otherwise(nothing) for kind in DISPOSALS
    }
    closing = pl.when("bad").then("now").otherwise(nothing)
    came = closing + pl.sum_horizontal(disposed.values())
    went_bad = ~pl.col("stayed") & (pl.col("bad") | (pl.col("write_off") > 0))
    entry = (
        pl.when(~went_bad).then(pl.lit(""))
        .when(~pl.col("here_before")).then(pl.lit("entered"))
        .when(pl.col("first_npl") < opening).then(pl.lit("redefault"))
        .otherwise(pl.lit("inflow"))
    )  # fmt: skip
    cured = pl.col("stayed") & ~pl.col("bad") & ~pl.col("is_out")
    lines = {"opening": pl.when("stayed").then("was").otherwise(nothing), "closing": closing}
    lines |= {kind: pl.when(entry == kind).then(came).otherwise(nothing) for kind in ENTRIES}
    lines |= {"cure": -pl.when(cured).then("now").otherwise(nothing)}
    lines |= {kind: pl.when("stayed").then(kind).otherwise(nothing) for kind in ADDITIONS}
    lines |= {"cash": -pl.when("stayed").then("cash").otherwise(nothing)}
    lines |= {kind: -amount for kind, amount in disposed.items()}
    return known.select(**{name: line.sum() for name, line in lines.items()}).row(0, named=True)


def _exits(pair: tuple[str, str], flows: pl.LazyFrame) -> pl.DataFrame:
    before, after = (_scan([path]) for path in pair)
    gone = _collected(
        before.select("loan_id", "five_class", "principal_balance").join(
            after.select("loan_id"), on="loan_id", how="anti"
        )
    )
    kinds = [*CASH, *DISPOSALS]
    moved = _dated(flows, pair).filter(pl.col("kind").is_in(kinds) & (pl.col("amount") > 0))
    last = {f"{kind}_day": pl.col("date").filter(pl.col("kind") == kind).max() for kind in DISPOSALS}
    ended = _collected(
        moved.join(gone.lazy().select("loan_id"), on="loan_id", how="semi")
        .group_by("loan_id")
        .agg(last_day=pl.col("date").max(), settled=pl.col("amount").sum(), **last)
    )
    state = (
        pl.when(pl.col("settled") >= pl.col("principal_balance").fill_null(0))
        .then(pl.lit("repaid"))
        .otherwise(pl.lit("left"))
    )
    for kind, name in reversed(list(zip(DISPOSALS, ENDED, strict=True))):
        state = pl.when(pl.col(f"{kind}_day") == pl.col("last_day")).then(pl.lit(name)).otherwise(state)
    found = gone.join(ended, on="loan_id", how="left")
    return found.group_by("five_class", state.alias("to_state")).agg(pl.len().alias("loans"), _BALANCE.sum())


def _month(day: str) -> pl.Expr:
    return pl.col(day).dt.year().cast(pl.Int64) * 12 + pl.col(day).dt.month().cast(pl.Int64)


def _bucket(days: str) -> pl.Expr:
    past_due = pl.col(days)
    return pl.when(past_due <= 0).then(0).otherwise(pl.min_horizontal((past_due - 1) // 30 + 1, 7))
