"""Which cohorts go bad faster than those before them? Curves by months on book, the newest readable one in colour."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import median

import pandas as pd

from analysis.exhibits.curves import Axis, Curve, curves
from analysis.exhibits.exhibit import Caption, Exhibit
from analysis.exhibits.locale import as_date, day, is_known, number_of, ratio, reason
from analysis.exhibits.reading import number
from analysis.measures.intervals import binomial_interval
from analysis.terms import Text, same

MATURE = 12  # months that a cohort must have been watched before the page speaks of it: fewer say next to nothing
_SHOWN = 12
_YOUNG = 3  # months: younger lines are too short to be told apart
_THIN = 20  # ages with less than this part of the loans at risk are left out: they say next to nothing
_COMPARED = Text("，差于此前{of}个季度中的{worse}个", ", worse than {worse} of {cohorts} before it")
_BEST = Text("，好于此前全部{of}个季度", ", better than all of {cohorts} before it")
_WORST = Text("；第{mature}个月最差的是{worst}（{worst_value}）", "; worst by month {mature}: {worst} ({worst_value})")
_AXIS = Axis(label=Text("账龄，月", "Months on book"))


@dataclass(frozen=True, kw_only=True)
class Vintages:
    """Cohorts of a book by months on book.

    Attributes:
        as_of: reporting date.
        basis: "balance" or "count".
        source: where the numbers come from.
        note: why there are none.
        rows: one row is a cohort at an age, as `vintages` gives it; None if there are none.
        counted: the same by number of loans.
        ahead: one row is a cohort at an age, as a projection gives it; None if nothing was projected.
    """

    as_of: date
    basis: str = "balance"
    source: Text | None = None
    note: str = ""
    rows: pd.DataFrame | None = None
    counted: pd.DataFrame | None = None
    ahead: pd.DataFrame | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The newest cohort that can be read, against the cohorts before it at the same age.

    Attributes:
        cohort: its first day.
        age: months on book that it has been watched [months].
        value: ever bad [share].
        before: median of the cohorts before it at that age [share]; NaN if there are none.
        worse, of, better: how many of them were better than it, how many there are, how many were worse.
        worst: first day of the cohort that was worst at `MATURE` months; None if it is this one or there is one only.
        worst_value: of that cohort then [share].
        projected: where it is projected to end, and at which age; NaN if nothing was projected.
    """

    cohort: date
    age: int
    value: float
    before: float
    worse: int
    of: int
    better: int = 0
    worst: date | None = None
    worst_value: float = math.nan
    projected: float = math.nan
    maturity: int = 0


def vintage_fan(vintages: Vintages) -> Exhibit:
    """Ever-bad curves of the latest cohorts, censored where the youngest loan is."""
    newest = standing(vintages)
    cohorts = [(cohort, own) for cohort, own in _by_cohort(vintages.rows) if max(own) >= _YOUNG]
    shown = [one for place, one in enumerate(cohorts[::-1]) if place < _SHOWN or (newest and one[0] == newest.worst)]
    reach = max((max(own) for _, own in shown), default=0)  # beyond what any of them has reached nothing is drawn
    ahead = None if vintages.ahead is None else vintages.ahead[vintages.ahead["age"] <= reach]
    seen = replace(vintages, ahead=ahead)
    drawn = sorted((_curve(*one, seen, newest) for one in shown), key=lambda curve: curve.role == "context")
    caption = Caption(
        id="vintage_fan",
        headline=_fan_headline(vintages, newest),
        subtitle=Text(
            "各季度发放的贷款曾为不良的占比，%，{by}，截至{when}；每条线止于最年轻贷款的账龄；虚线为推算，阴影为四分位区间",
            "Ever NPL, % of what was lent, {by}, by quarter of origination, to {when}; a line ends at the age of its "
            "youngest loan; dashed = projected, shaded = quartiles",
        ).format(by=_basis(vintages), when=day(vintages.as_of)),
        source=vintages.source,
    )
    return curves(drawn, caption, _AXIS)


def vintage_hazard(vintages: Vintages) -> Exhibit:
    """In which month on book do loans go bad? All cohorts together, by number of loans."""
    rows = _pooled_hazard(vintages.counted)
    curve = Curve(
        key="hazard",
        label=Text("全部", "All"),
        months=tuple(row[0] for row in rows),
        values=tuple(row[1] for row in rows),
        lower=tuple(row[2] for row in rows),
        upper=tuple(row[3] for row in rows),
        role="accent",
    )
    caption = Caption(
        id="vintage_hazard",
        headline=_hazard_headline(rows, vintages),
        subtitle=Text(
            "边际风险：每个账龄月新变坏的笔数÷此前未变坏、仍在册的笔数，%，各季度合并，95%区间（Wilson）；在册过少的账龄不画",
            "Marginal hazard: loans newly NPL in a month on book ÷ loans on book and never NPL before, %, all cohorts, "
            "95% interval (Wilson); ages with few loans left are not drawn",
        ),
        source=vintages.source,
    )
    return curves([curve], caption, _AXIS)


def standing(vintages: Vintages) -> Standing | None:
    """The newest cohort that has been watched long enough and has enough loans; None if there is none."""
    cohorts = _by_cohort(vintages.rows)
    readable = [(cohort, own) for cohort, own in cohorts if max(own) >= MATURE and own[max(own)]["note"] != "too_small"]
    if not readable:
        return None
    cohort, own = readable[-1]
    age = max(own)
    earlier = [number(other[age]["value"]) for when, other in cohorts if when < cohort and age in other]
    known = [value for value in earlier if is_known(value)]
    value = number(own[age]["value"])
    ahead = _ahead(vintages.ahead, cohort)
    worst, worst_value = _worst(readable)
    return Standing(
        cohort=cohort,
        age=age,
        value=value,
        before=median(known) if known else math.nan,
        worse=sum(other < value for other in known),
        of=len(known),
        better=sum(other > value for other in known),
        worst=worst if worst != cohort and len(readable) > 1 else None,
        worst_value=worst_value,
        projected=ahead[-1][1] if ahead else math.nan,
        maturity=ahead[-1][0] if ahead else 0,
    )


def _worst(cohorts: Sequence[tuple[date, dict[int, dict[str, object]]]]) -> tuple[date, float]:
    """The cohort that was worst at the age that all of them have reached, the earliest of equals."""
    found = [(number(own[MATURE]["value"]), cohort) for cohort, own in cohorts if MATURE in own]
    value, cohort = max(found, key=lambda one: (one[0], -one[1].toordinal()), default=(math.nan, cohorts[-1][0]))
    return cohort, value


def quarter(cohort: date) -> str:
    """Name of the quarter that a cohort was lent in."""
    return f"{cohort.year % 100:02d}Q{(cohort.month - 1) // 3 + 1}"


def vintage_sentence(vintages: Vintages) -> Text | None:
    """How the newest readable cohort stands against those before it; None if there is nothing to compare."""
    newest = standing(vintages)
    if newest is None or not is_known(newest.before):
        return None
    return Text(
        "{cohort}发放的贷款在账龄{age}个月时有**{value}**曾为不良，此前各季度同期中位数为{before}，差于{of}个季度中的{worse}个。",
        "Of loans made in {cohort}, **{value}** had been NPL by month {age}; the median of the cohorts before is "
        "{before}, and {worse} of {of} were better at that age.",
    ).format(
        cohort=quarter(newest.cohort),
        age=newest.age,
        value=ratio(newest.value),
        before=ratio(newest.before),
        worse=newest.worse,
        of=newest.of,
    )


def _by_cohort(rows: pd.DataFrame | None) -> list[tuple[date, dict[int, dict[str, object]]]]:
    found: dict[date, dict[int, dict[str, object]]] = {}
    for row in [] if rows is None else rows.to_dict("records"):
        cohort = as_date(row["cohort"])
        if cohort is not None and is_known(number(row["value"])):
            found.setdefault(cohort, {})[int(row["age"])] = {str(name): value for name, value in row.items()}
    return sorted(found.items())


def _curve(cohort: date, own: dict[int, dict[str, object]], vintages: Vintages, newest: Standing | None) -> Curve:
    is_newest = newest is not None and cohort == newest.cohort
    ahead = _ahead(vintages.ahead, cohort) if is_newest else []
    months = sorted(own)
    unknown = (math.nan,) * len(months)
    return Curve(
        key=quarter(cohort),
        label=same(quarter(cohort)),
        months=(*months, *(age for age, _, _, _ in ahead)),
        values=(*(number(own[age]["value"]) for age in months), *(value for _, value, _, _ in ahead)),
        lower=(*unknown[:-1], number(own[months[-1]]["value"]), *(low for _, _, low, _ in ahead)) if ahead else (),
        upper=(*unknown[:-1], number(own[months[-1]]["value"]), *(high for _, _, _, high in ahead)) if ahead else (),
        projected=len(ahead),
        role="accent" if is_newest else "worse" if newest and cohort == newest.worst else "context",
    )


def _ahead(rows: pd.DataFrame | None, cohort: date) -> list[tuple[int, float, float, float]]:
    if rows is None:
        return []
    mine = [row for row in rows.to_dict("records") if as_date(row["cohort"]) == cohort and row["is_projected"]]
    steps = [(int(row["age"]), number(row["value"]), number(row["lower"]), number(row["upper"])) for row in mine]
    return sorted(step for step in steps if is_known(step[1]))


def _pooled_hazard(rows: pd.DataFrame | None) -> list[tuple[int, float, float, float]]:
    if rows is None:
        return []
    known = rows[[at_risk is not None and not pd.isna(at_risk) for at_risk in rows["at_risk"]]]
    added = known.groupby("age")[["newly_bad", "at_risk"]].sum()
    bad, at_risk = (added[name].to_numpy(dtype=float) for name in ("newly_bad", "at_risk"))
    lower, upper = binomial_interval(bad, at_risk)
    least = at_risk.max(initial=0.0) / _THIN
    pooled = zip(added.index, bad, at_risk, lower, upper, strict=True)
    return [(int(age), float(n / m), float(a), float(b)) for age, n, m, a, b in pooled if m > 0 and m >= least]


def _fan_headline(vintages: Vintages, newest: Standing | None) -> Text:
    if newest is None:
        why = vintages.note or "no_cohort"
        return Text("没有可解读的发放季度：", "No cohort that can be read: ") + reason(why)
    said = Text("{cohort}在账龄{age}个月时为{value}", "{cohort} is at {value} by month {age}")
    if newest.of:
        said = said + (_BEST if newest.better == newest.of else _COMPARED)
    if newest.worst is not None:
        said = said + _WORST
    return said.format(
        cohort=quarter(newest.cohort),
        age=newest.age,
        value=ratio(newest.value),
        worse=newest.worse,
        of=newest.of,
        cohorts=number_of(newest.of, "cohort", "cohorts"),
        worst=quarter(newest.worst or newest.cohort),
        mature=MATURE,
        worst_value=ratio(newest.worst_value),
    )


def _hazard_headline(rows: Sequence[tuple[int, float, float, float]], vintages: Vintages) -> Text:
    known = [row for row in rows if is_known(row[1])]
    if not known or not max(row[1] for row in known):
        return Text("各账龄的边际风险：", "Hazard by month on book: ") + reason(vintages.note or "no_defaults")
    peak = max(known, key=lambda row: (row[2], row[1]))  # the highest that is sure: a few loans make a high share
    return Text(
        "风险最明确偏高的是账龄第{age}个月前后，为{value}（区间下限最高）",
        "The hazard is most clearly high about month {age} on book: {value} (highest lower bound)",
    ).format(age=peak[0], value=ratio(peak[1]))


def _basis(vintages: Vintages) -> Text:
    return Text("按发放金额", "by amount") if vintages.basis == "balance" else Text("按笔数", "by number of loans")
