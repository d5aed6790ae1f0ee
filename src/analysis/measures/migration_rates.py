"""The migration rates of Chinese supervision, by the convention of 2005 and by that of 2022."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, require_columns
from analysis.measures.catalog import Status
from analysis.measures.components import dimensions, exact_rows
from analysis.measures.exact import Exact, exact_sum, quotient
from analysis.measures.periods import dated_flows
from analysis.measures.stock import small_segment_loans
from analysis.terms import DISPOSALS, FIVE_CLASSES, NPL_CLASSES, Text


@dataclass(frozen=True, kw_only=True)
class Convention:
    """A way to work out the rates: its name, its definition, who defines it, and how sure we are of the wording."""

    label: Text
    definition: Text
    source: str
    status: Status


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "A_2005": Convention(
            label=Text("2005年口径", "Convention of 2005"),
            definition=Text(
                "期初该类贷款中期末分类下迁部分的余额÷（期初余额−期间减少金额）",
                "What is left of the opening balance in a worse class ÷ (opening balance − reductions in the period)",
            ),
            source="《商业银行风险监管核心指标（试行）》 (CBRC, December 2005)",
            status="unverified",
        ),
        "B_2022": Convention(
            label=Text("2022年口径", "Convention of 2022"),
            definition=Text(
                "（年初该类贷款中期末下迁部分的余额+报告期内转为不良（次级类：可疑或损失；可疑类：损失）并进行处置的金额）÷年初余额",
                "(What is left of the opening balance in a worse class + what became non-performing (of substandard "
                "loans doubtful or loss, of doubtful ones loss) in the period and was disposed of) ÷ opening balance",
            ),
            source="银保监发〔2022〕2号",
            status="unverified",
        ),
    }
)
# 正常贷款迁徙率 is of pass and special mention together and to NPL; 正常类贷款迁徙率 is of pass alone and to all worse.
NORMAL_LOANS = "normal_loans"
RATES: Mapping[str, Text] = MappingProxyType(
    {
        NORMAL_LOANS: Text("正常贷款迁徙率", "Migration rate of normal loans (pass and special mention, to NPL)"),
        "pass": Text("正常类贷款迁徙率", "Migration rate of pass loans"),
        "special_mention": Text("关注类贷款迁徙率", "Migration rate of special-mention loans"),
        "substandard": Text("次级类贷款迁徙率", "Migration rate of substandard loans"),
        "doubtful": Text("可疑类贷款迁徙率", "Migration rate of doubtful loans"),
    }
)
_RANKS = MappingProxyType({name: rank for rank, name in enumerate(FIVE_CLASSES)})
# From which class on a loan of a class has to be, to count as one that got worse and was disposed of.
_DISPOSED_FROM = MappingProxyType(
    {"pass": "substandard", "special_mention": "substandard", "substandard": "doubtful", "doubtful": "loss"}
)
_PARTS = ("opening", "remaining", "worse", "bad", "disposed")


def official_migration_rates(
    states: ir.Table,
    flows: ir.Table | None = None,
    *,
    as_of: date,
    by: Sequence[str] = (),
    opening: date | None = None,
) -> pd.DataFrame:
    """Migration rates of the five classes from the beginning of the year, not annualised.

    Two month ends are compared: what went down and came back up counts as nothing. The conventions differ
    in numerator and denominator; never compare one with the other, as across the turn of 2021.
    Amounts are principal. What a loan has been lent since is no part of the opening balance, so that of
    a loan the smaller of its two balances counts. A loan is in a group as it was at the beginning.

    Args:
        states: one row is a loan at a month end, classified; from the opening on every month.
        flows: one row is a dated money movement of a loan. Only the convention of 2022 needs them. A
            write-off is of a loss whatever month ends saw; other disposals count where a month end before
            them saw the class.
        as_of: end of the period.
        by: dimensions; none gives the whole book.
        opening: its beginning; the end of the year before if not given.

    Returns:
        one row per group, `convention` (of `CONVENTIONS`) and `rate` (of `RATES`; of all normal loans by
        the convention of 2005 only), in order: `as_of`, `opening`, the dimensions, `value` [share; NaN if
        unknown], `numerator`, `denominator` [currency; exact; None if not recorded], `loans` [at the
        beginning], `note` ("", "not_recorded", "missing_flows", "no_denominator", "too_small").

    Raises:
        Misuse: if a dimension is unknown, or the two dates are not month ends of the states in order.
        MissingColumns: if a table lacks a column.

    Source: see `CONVENTIONS`. No rule caps the rates of the classes.
    """
    groups, since = dimensions(by), opening or date(as_of.year - 1, 12, 31)
    require_columns("states", {"as_of", "loan_id", "five_class", "principal_balance", *groups}, states.columns)
    days = states.filter(states.as_of.isin([since, as_of])).select("as_of").distinct().to_pyarrow()["as_of"].to_pylist()
    if sorted(days) != [since, as_of]:
        raise Misuse(f"opening and as_of must be month ends of the states in order, were {since} and {as_of}.")
    loans = _compared(states, flows, (since, as_of))
    sums = exact_rows(_added(loans, as_of, groups), ["as_of", *groups, "five_class"])
    least = small_segment_loans()
    rows = [
        {"as_of": pd.Timestamp(as_of), "opening": pd.Timestamp(since), **dict(zip(groups, key, strict=True)), **row}
        for key, own in _groups(sums, groups)
        for row in _rates(own, has_flows=flows is not None, least=least)
    ]
    columns = ["as_of", "opening", *groups, "convention", "rate", "value", "numerator", "denominator", "loans", "note"]
    typed = pd.DataFrame(rows, columns=columns).astype({"numerator": object, "denominator": object})
    return typed.astype({"as_of": "datetime64[s]", "opening": "datetime64[s]"})


def _compared(states: ir.Table, flows: ir.Table | None, between: tuple[date, date]) -> ir.Table:
    """One row is a loan at the beginning, with what is left of it, where that is now, and what was disposed of."""
    first, last = (states.filter(states.as_of == ibis.literal(day)) for day in between)
    now = last.select("loan_id", now_class="five_class", now_balance="principal_balance")
    pairs = first.left_join(now, "loan_id").drop("loan_id_right")
    still = ibis.coalesce(pairs.now_balance, ibis.ifelse(pairs.now_class.isnull(), 0, ibis.null("decimal(18, 2)")))  # noqa: PD003
    left = pairs.mutate(remaining=ibis.least(pairs.principal_balance, still).cast("decimal(18, 2)"))
    # A least of null and a number is the number in some engines.
    known = left.principal_balance.notnull() & still.notnull()  # noqa: PD004
    kept = left.mutate(remaining=ibis.ifelse(known, left.remaining, ibis.null("decimal(18, 2)")))
    if flows is None:
        return kept.mutate(disposed=ibis.null("decimal(38, 2)"))
    gone = _disposed(states, flows, between)
    joined = kept.left_join(gone, "loan_id")
    amounts = [(joined.five_class == name, joined[f"from_{worse}"]) for name, worse in _DISPOSED_FROM.items()]
    disposed = ibis.coalesce(ibis.cases(*amounts, else_=ibis.null("decimal(38, 2)")), 0)
    return joined.mutate(disposed=ibis.least(disposed, joined.principal_balance - joined.remaining))


def _disposed(states: ir.Table, flows: ir.Table, between: tuple[date, date]) -> ir.Table:
    """One row is a loan that was disposed of in the period: amounts by the worst class it had been in before."""
    opening, as_of = (ibis.literal(day) for day in between)
    moved = dated_flows(flows, between)
    dated = moved.filter(moved.kind.isin(DISPOSALS))
    events = dated.group_by(["loan_id", "date", "kind"]).aggregate(amount=dated.amount.sum())
    period = states.filter(states.as_of >= opening, states.as_of <= as_of)
    seen = period.select("loan_id", seen="as_of", rank=period.five_class.cases(*_RANKS.items(), else_=-1))
    before = events.left_join(seen, [events.loan_id == seen.loan_id, seen.seen < events.date])
    worst = before.group_by(["loan_id", "date", "kind", "amount"]).aggregate(rank=before["rank"].max())
    rank = ibis.ifelse(worst.kind == "write_off", _RANKS["loss"], worst["rank"])
    return worst.group_by("loan_id").aggregate(
        **{f"from_{name}": worst.amount.sum(where=rank >= _RANKS[name]) for name in set(_DISPOSED_FROM.values())}
    )


def _added(loans: ir.Table, as_of: date, groups: Sequence[str]) -> ir.Table:
    rank, now = (loans[name].cases(*_RANKS.items(), else_=-1) for name in ("five_class", "now_class"))
    return loans.group_by([*groups, "five_class"], as_of=ibis.literal(as_of)).aggregate(
        loans=loans.count(),
        opening=loans.principal_balance.sum(),
        remaining=loans.remaining.sum(),
        worse=_part(loans.remaining, now > rank),
        bad=_part(loans.remaining, now >= _RANKS[NPL_CLASSES[0]]),
        disposed=loans.disposed.sum(),
    )


def _part(remaining: ir.Column, where: ir.BooleanValue) -> ir.Value:
    # A filtered sum over no loans is null although it is a true 0 where balances are recorded.
    added = remaining.sum(where=where)
    return ibis.ifelse(remaining.count() > 0, ibis.coalesce(added, 0), ibis.null(added.type()))


def _groups(sums: pd.DataFrame, groups: Sequence[str]) -> list[tuple[tuple[object, ...], pd.DataFrame]]:
    if not groups:
        return [((), sums)]
    return [(tuple(key), own) for key, own in sums.groupby(list(groups), sort=False, dropna=False)]


def _rates(sums: pd.DataFrame, *, has_flows: bool, least: int) -> list[dict[str, object]]:
    recorded = any(value is not None for value in sums["opening"])
    nothing: Mapping[str, Exact] = {"loans": 0} | dict.fromkeys(_PARTS, Decimal(0) if recorded else None)
    known: Mapping[str, Mapping[str, Exact]] = {str(row["five_class"]): _exact(row) for row in sums.to_dict("records")}
    classes = {name: known.get(name, nothing) for name in _DISPOSED_FROM}
    performing = [classes[name] for name in ("pass", "special_mention")]
    parts: list[tuple[str, str, Exact, Exact, int]] = [
        ("A_2005", NORMAL_LOANS, _sum(performing, "bad"), _sum(performing, "remaining"), _loans(performing))
    ]
    parts += [("A_2005", name, row["worse"], row["remaining"], _loans([row])) for name, row in classes.items()]
    for name, row in classes.items():
        numerator = exact_sum([row["worse"], row["disposed"] if has_flows else None])
        parts.append(("B_2022", name, numerator, row["opening"], _loans([row])))
    missing = {"A_2005": "not_recorded", "B_2022": "not_recorded" if has_flows or not recorded else "missing_flows"}
    return [
        {
            "convention": convention,
            "rate": rate,
            "value": quotient(numerator, denominator),
            "numerator": numerator,
            "denominator": denominator,
            "loans": loans,
            "note": _note(numerator, denominator, missing[convention], is_small=loans < least),
        }
        for convention, rate, numerator, denominator, loans in parts
    ]


def _exact(row: Mapping[Hashable, Exact]) -> Mapping[str, Exact]:
    return {str(name): value for name, value in row.items()}


def _sum(rows: Sequence[Mapping[str, Exact]], name: str) -> Exact:
    return exact_sum(row[name] for row in rows)


def _loans(rows: Sequence[Mapping[str, Exact]]) -> int:
    return sum(int(row["loans"] or 0) for row in rows)


def _note(numerator: Exact, denominator: Exact, missing: str, *, is_small: bool) -> str:
    if numerator is None or denominator is None:
        return missing
    if denominator == 0:
        return "no_denominator"
    return "too_small" if is_small else ""
