"""What should the reader remember of what comes back and whether we are covered? Sentences, each only if it is true."""

from collections.abc import Mapping
from typing import Any

from analysis.exhibits.concentration_curve import Names, top_share
from analysis.exhibits.exhibit import Exhibit
from analysis.exhibits.locale import day, is_known, money, ratio, reason
from analysis.exhibits.narrative import told
from analysis.exhibits.provisions import Covered
from analysis.exhibits.reading import number
from analysis.exhibits.recoveries import HORIZONS, Recovered, loss, recovered_by
from analysis.terms import Text

_ABOVE = Text("，不良贷款自身覆盖率{own}不低于它", ", and the own coverage of {own} is no lower")
_BELOW = Text("，不良贷款自身覆盖率{own}低于它", ", and the own coverage of {own} is below it")


def recovery_summary(recovered: Recovered, covered: Covered, names: Names) -> Exhibit:
    """The answer, then recovery, loss, requirement, cliff and names, as far as they can be said."""
    coverage = number(covered.whole.get("value"))
    claims = (_recovery(recovered), _loss(recovered, covered), _requirement(covered), _cliff(covered), _names(names))
    said = [_answer(covered, coverage), *(text for text in claims if text is not None)]
    unknown = None if is_known(coverage) else covered.note or str(covered.whole.get("note") or "no_loans")
    return told(said, id="recovery_summary", metrics={"provision_coverage_ratio": coverage}, unknown=unknown)


def _answer(covered: Covered, coverage: float) -> Text:
    if not is_known(coverage):
        why = covered.note or str(covered.whole.get("note") or "no_loans")
        return Text("{when}无法给出拨备覆盖率：{why}。", "Coverage at {when} cannot be stated: {why}.").format(
            when=day(covered.as_of), why=reason(why)
        )
    own = number(covered.whole.get("own_value"))
    said = Text("{when}拨备覆盖率为**{value}**", "Coverage was **{value}** at {when}")
    if is_known(own):
        said = said + Text(
            "，不良贷款自身的准备覆盖**{own}**", "; the allowance on the bad loans alone covers **{own}**"
        )
    return said.format(when=day(covered.as_of), value=ratio(coverage, 1), own=ratio(own, 1)) + Text("。", ".")


def _recovery(recovered: Recovered) -> Text | None:
    known = [(months, value) for months in HORIZONS if is_known(value := recovered_by(recovered.curve, months))]
    if not known:
        return None
    parts = [Text("{n}个月**{v}**", "**{v}** within {n} months").format(n=n, v=ratio(v, 1)) for n, v in known]
    joined = Text("、".join(part.zh for part in parts), ", ".join(part.en for part in parts))
    return Text("违约后累计收回：", "Of the exposure at default came back: ") + joined + Text("。", ".")


def _loss(recovered: Recovered, covered: Covered) -> Text | None:
    row = loss(recovered, None)
    value, lower, upper = (number(row.get(name)) for name in ("value", "lower", "upper"))
    if not is_known(value):
        return None
    said = Text("违约损失率为**{value}**", "Loss given default is **{value}**")
    if is_known(lower):
        said = said + Text("（95%区间{lower}至{upper}）", " (95% interval {lower} to {upper})")
    own = number(covered.whole.get("own_value"))
    if is_known(own):
        said = said + (_ABOVE if own >= value else _BELOW)
    numbers = {"value": value, "lower": lower, "upper": upper, "own": own}
    return said.format(**{name: ratio(one, 1) for name, one in numbers.items()}) + Text("。", ".")


def _requirement(covered: Covered) -> Text | None:
    rows = [] if covered.requirement is None else covered.requirement.to_dict("records")
    base: Mapping[Any, Any] = next((row for row in rows if row["standard"] == "base"), {})
    surplus = number(base.get("surplus"))
    if not is_known(surplus):
        return None
    words = (
        Text(
            "准备比监管基本标准多**{amount}**。",
            "The allowance is **{amount}** above the base standard of supervision.",
        )
        if surplus >= 0
        else Text("准备比监管基本标准少**{amount}**。", "The allowance is **{amount}** short of the base standard.")
    )
    return words.format(amount=money(abs(surplus), covered.currency))


def _cliff(covered: Covered) -> Text | None:
    rows = [] if covered.backstop is None else covered.backstop.to_dict("records")
    known = [number(row["shortfall"]) for row in rows if is_known(number(row["shortfall"]))]
    if len(known) < 2 or not known[-1]:
        return None
    return Text(
        "按欧盟最低覆盖规则，现有缺口{now}，若无变化三年后为**{ahead}**。",
        "By the European backstop {now} would be short now, **{ahead}** in three years if nothing changes.",
    ).format(now=money(known[0], covered.currency), ahead=money(known[-1], covered.currency))


def _names(names: Names) -> Text | None:
    bad = top_share(names, "npl")
    if not is_known(bad):
        return None
    return Text("最大十户占不良贷款的**{bad}**。", "The ten largest names owe **{bad}** of the NPLs.").format(
        bad=ratio(bad, 1)
    )
