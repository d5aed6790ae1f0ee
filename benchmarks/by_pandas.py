"""The same by pandas over the same files; amounts as floats, as is usual there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

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
    total,
)

LAST = 7
DATES = {"date_as_object": False}  # objects of Python would take many times as long


def ratio(size: str) -> Work:
    """NPL ratio by month and segment."""
    files = state_files(size)

    def work() -> str:
        loans = _read(files, ["as_of", "segment", "principal_balance", "is_npl"], ["principal_balance"])
        npl = loans.assign(npl_balance=loans.principal_balance.where(loans.is_npl, 0.0))
        rows = npl.groupby(["as_of", "segment"], as_index=False)[["npl_balance", "principal_balance"]].sum()
        return total(rows, "npl_balance")

    return work


def stock(size: str) -> Work:
    """Every stock component by month and segment."""
    amounts = ["principal_balance", "allowance"]
    flags = ["is_npl", "five_class", "days_past_due", "is_restructured", "in_observation"]
    files = state_files(size)

    def work() -> str:
        loans = _read(files, ["as_of", "segment", *amounts, *flags], amounts)
        tests = {
            "npl": loans.is_npl,
            "special_mention": loans.five_class == "special_mention",
            "overdue": loans.days_past_due > 0,
            "overdue90": loans.days_past_due > 90,
            "restructured": loans.is_restructured.fillna(False).astype(bool),
        }
        tests["observed"] = tests["restructured"] & loans.in_observation.fillna(False).astype(bool)
        parts = {f"{name}_loans": flag for name, flag in tests.items()}
        parts |= {f"{name}_balance": loans.principal_balance.where(flag, 0.0) for name, flag in tests.items()}
        grouped = loans.assign(loans=1, **parts).groupby(["as_of", "segment"], as_index=False)
        return total(grouped[["loans", *amounts, *parts]].sum(), "npl_balance")

    return work


def bridge(size: str) -> Work:
    """Lines of the bridge of twelve months, month by month."""
    files = state_files(size)
    months = files[-YEAR - 1 :]

    def work() -> str:
        flows, sums = _flows(size, months), {}
        bad = pd.concat(_read([path], ["as_of", "loan_id", "is_npl"], []).query("is_npl") for path in files)
        first_bad = bad.groupby("loan_id")["as_of"].min().rename("first_npl")
        columns = ["as_of", "loan_id", "principal_balance", "is_npl"]
        before = _read(months[:1], columns, ["principal_balance"])
        for path in months[1:]:
            after = _read([path], columns, ["principal_balance"])
            for name, amount in _lines(before, after, flows, first_bad).items():
                is_outer = (name == "opening" and path != months[1]) or (name == "closing" and path != months[-1])
                sums[name] = sums.get(name, 0.0) + (0.0 if is_outer else amount)
            before = after
        sums["residual"] = sums["closing"] - sum(amount for name, amount in sums.items() if name != "closing")
        return told(sums)

    return work


def migration(size: str) -> Work:
    """Moves by class and exits, month by month."""
    files = state_files(size)

    def work() -> str:
        flows, loans = _flows(size, files), {}
        columns = [
            "as_of",
            "loan_id",
            "five_class",
            "prior_five_class",
            "prior_as_of",
            "principal_balance",
            "prior_balance",
        ]
        amounts, before = ["principal_balance", "prior_balance"], None
        for path in files:
            after = _read([path], columns, amounts)
            if before is not None:
                moves = after.assign(entered=after.prior_as_of.isna(), loans=1, to_state=after.five_class)
                keys = ["entered", "prior_five_class", "to_state"]
                rows = moves.groupby(keys, dropna=False)[["loans", *amounts]].sum().reset_index()
                for part in (rows, _exits(before, after, flows)):
                    for state, count in part.groupby("to_state")["loans"].sum().items():
                        loans[state] = loans.get(state, 0) + count
            before = after
        return told(loans)

    return work


def roll_rates(size: str) -> Work:
    """Roll rates from the stored days of the month before, month by month."""
    files = state_files(size)

    def work() -> str:
        worse = before = 0
        for number, path in enumerate(files):
            loans = _read([path], ["as_of", "days_past_due", "prior_days_past_due", "prior_as_of"], [])
            there = loans[loans.prior_as_of.notna()]
            now, was = _bucket(there.days_past_due), _bucket(there.prior_days_past_due)
            moved = pd.DataFrame({"now": now, "was": was}).groupby(["was", "now"]).size().reset_index(name="loans")
            worse += moved.loc[(moved.now > moved.was) & (moved.was < LAST), "loans"].sum()
            held = _bucket(loans.days_past_due).value_counts()
            before += held[held.index < LAST].sum() if number < len(files) - 1 else 0
        return told({"numerator": worse, "denominator": before})

    return work


def concentration(size: str) -> Work:
    """Indices of borrowers at the latest month end."""
    files = state_files(size)[-1:]

    def work() -> str:
        loans = _read(files, ["borrower_id", "principal_balance"], ["principal_balance"])
        sums = loans.groupby("borrower_id")["principal_balance"].sum().sort_values(ascending=False)
        amounts = sums[sums > 0].to_numpy()
        whole, count, places = amounts.sum(), len(amounts), np.arange(1, len(amounts) + 1)
        said = {
            "hhi": (amounts**2).sum() / whole**2,
            "gini": ((count + 1) * whole - 2 * (amounts * places).sum()) / (count * whole),
            "theil": (amounts / whole * np.log(amounts / whole * count)).sum(),
            "cr20": amounts[:20].sum() / whole,
        }
        return " ".join(f"{name}={value:.10f}" for name, value in said.items())

    return work


def vintages(size: str) -> Work:
    """Ever and currently non-performing loans of every quarter's cohort by age."""
    files = state_files(size)

    def work() -> str:
        first = _read(files[:1], ["as_of"], []).as_of.iloc[0]
        seen = [_read([path], ["as_of", "loan_id", "origination_date", "is_npl"], []) for path in files]
        loans = pd.concat(seen, ignore_index=True)
        loans["month"] = _month(loans.as_of)
        outset = loans.drop_duplicates("loan_id").set_index("loan_id")["origination_date"]
        bad = loans[loans.is_npl.astype(bool)]
        placed = pd.DataFrame({"lent": outset, "first_bad": bad.groupby("loan_id")["month"].min()}, index=outset.index)
        placed["origin"], placed["cohort"] = _month(placed.lent), pd.to_datetime(placed.lent).dt.to_period("Q")
        placed["bad"] = (placed.first_bad - placed.origin).clip(lower=0)
        last, kept = int(loans.month.max()), placed[_is_complete(placed.cohort, first, loans.as_of.iloc[-1])]
        aged = bad[["loan_id", "month"]].join(kept[["origin", "cohort"]], on="loan_id", how="inner")
        aged["age"] = aged.month - aged.origin
        oldest = last - kept.groupby("cohort")["origin"].max()
        ever = sum(
            int(oldest[key] - age + 1) for key, age in zip(kept.cohort, kept.bad, strict=True) if age <= oldest[key]
        )
        return told({"bad": ever, "current": ((aged.age >= 0) & (aged.age <= aged.cohort.map(oldest))).sum()})

    return work


def coverage(size: str) -> Work:
    """Allowance and non-performing loans by segment at the latest month end."""
    files = state_files(size)[-1:]

    def work() -> str:
        loans = _read(
            files, ["segment", "principal_balance", "allowance", "is_npl"], ["principal_balance", "allowance"]
        )
        bad = {"npl": loans.principal_balance.where(loans.is_npl, 0.0), "own": loans.allowance.where(loans.is_npl, 0.0)}
        rows = loans.assign(**bad).groupby("segment")[["npl", "allowance", "own"]].sum()
        return told({name: rows[name].sum() for name in ("npl", "allowance")})

    return work


def _read(files: Sequence[str], columns: list[str], amounts: list[str]) -> pd.DataFrame:
    frames = (pd.read_parquet(path, columns=columns, partitioning=None, to_pandas_kwargs=DATES) for path in files)
    return pd.concat(frame.astype(dict.fromkeys(amounts, "float64")) for frame in frames)


def _flows(size: str, months: Sequence[str]) -> pd.DataFrame:
    first = pd.read_parquet(months[0], columns=["as_of"], partitioning=None)["as_of"].iloc[0]
    dated, columns = [("date", ">", first)], ["loan_id", "date", "kind", "amount"]
    frames = [
        pd.read_parquet(path, columns=columns, filters=dated, to_pandas_kwargs=DATES).astype({"amount": "float64"})
        for path in flow_files(size)
    ]
    return pd.concat(frames).sort_values("date", ignore_index=True)


def _within(flows: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    first, last = (flows.date.searchsorted(rows.as_of.iloc[0], side="right") for rows in (before, after))
    return flows.iloc[first:last]


def _among(ids: pd.Series, others: Any) -> Any:  # noqa: ANN401
    # By a hash table of objects: `isin` of strings goes through lists and takes twenty times as long.
    return pd.Index(others, dtype=object).get_indexer(pd.Index(ids, dtype=object)) >= 0


def _lines(before: pd.DataFrame, after: pd.DataFrame, flows: pd.DataFrame, first_bad: pd.Series) -> dict[str, Any]:
    dated = _within(flows, before, after)
    money = dated.pivot_table(index="loan_id", columns="kind", values="amount", aggfunc="sum", fill_value=0.0)
    money = money.reindex(columns=[*CASH, *DISPOSALS, *ADDITIONS], fill_value=0.0)
    written = money.index[money["write_off"] != 0]
    keys = pd.Index(before.loan_id[before.is_npl]).union(after.loan_id[after.is_npl]).union(written)
    sides = [
        rows[_among(rows.loan_id, keys)].set_index("loan_id")[["principal_balance", "is_npl"]].add_prefix(f"{name}_")
        for name, rows in (("was", before), ("now", after))
    ]
    ends = pd.DataFrame(index=keys).join(sides).join(money).join(first_bad)
    stayed = ends.was_is_npl.fillna(False).astype(bool)
    bad = ends.now_is_npl.fillna(False).astype(bool)
    amounts = ends[["was_principal_balance", "now_principal_balance", *CASH, *DISPOSALS, *ADDITIONS]].fillna(0.0)
    opening, closing = amounts.was_principal_balance.where(stayed, 0.0), amounts.now_principal_balance.where(bad, 0.0)
    disposed = {kind: amounts[kind].where(stayed | bad | (kind == "write_off"), 0.0) for kind in DISPOSALS}
    came = closing + sum(disposed.values())
    went_bad = ~stayed & (bad | (amounts.write_off > 0))
    here, again = ends.was_principal_balance.notna(), ends.first_npl < before.as_of.iloc[0]
    entry = np.select([~went_bad, ~here, again], ["", "entered", "redefault"], "inflow")
    cured = stayed & ~bad & ends.now_principal_balance.notna()
    lines = {"opening": opening, "closing": closing, "cure": -amounts.now_principal_balance.where(cured, 0.0)}
    lines |= {kind: came.where(entry == kind, 0.0) for kind in ENTRIES}
    lines |= {kind: amounts[kind].where(stayed, 0.0) for kind in ADDITIONS}
    lines |= {"cash": -amounts[list(CASH)].sum(axis=1).where(stayed, 0.0)}
    lines |= {kind: -amount for kind, amount in disposed.items()}
    return {name: line.sum() for name, line in lines.items()}


def _exits(before: pd.DataFrame, after: pd.DataFrame, flows: pd.DataFrame) -> pd.DataFrame:
    gone = before[~_among(before.loan_id, after.loan_id)].set_index("loan_id")
    dated = _within(flows, before, after)
    moved = dated[_among(dated.loan_id, gone.index) & dated.kind.isin([*CASH, *DISPOSALS]) & (dated.amount > 0)]
    last_day, settled = moved.groupby("loan_id")["date"].max(), moved.groupby("loan_id")["amount"].sum()
    days = [moved[moved.kind == kind].groupby("loan_id")["date"].max().reindex(gone.index) for kind in DISPOSALS]
    last, owed = last_day.reindex(gone.index), gone.principal_balance.fillna(0.0)
    # Floats do not add up to the cent.
    is_repaid = settled.reindex(gone.index) >= owed - 0.005
    state = np.select([*((day == last) & day.notna() for day in days), is_repaid], [*ENDED, "repaid"], "left")
    return gone.assign(to_state=state, loans=1).groupby(["five_class", "to_state"])["loans"].sum().reset_index()


def _month(days: pd.Series) -> pd.Series:
    dates = pd.to_datetime(days).dt
    return dates.year * 12 + dates.month


def _is_complete(cohorts: pd.Series, first: Any, last: Any) -> pd.Series:  # noqa: ANN401
    """Whether a quarter began when the book had begun and is over when it ends."""
    begun, ended = (pd.Timestamp(day).to_period("M") for day in (first, last))
    return (cohorts.dt.asfreq("M", "start") >= begun) & (cohorts.dt.asfreq("M", "end") <= ended)


def _bucket(days: pd.Series) -> pd.Series:
    return ((days - 1) // 30 + 1).clip(0, LAST)
