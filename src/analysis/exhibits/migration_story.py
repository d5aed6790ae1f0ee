"""What should the reader remember of how loans go bad? Sentences, each printed only if the numbers make it true."""

import pandas as pd

from analysis.exhibits.cure_tables import Cured
from analysis.exhibits.exhibit import Exhibit
from analysis.exhibits.locale import is_known, number_of, ratio, reason
from analysis.exhibits.migrations import BAD, Migrations, default_rate, share_of, span
from analysis.exhibits.narrative import told
from analysis.exhibits.reading import number
from analysis.exhibits.rolls import Rolled, roll_rate
from analysis.exhibits.vintage_fan import Vintages, vintage_sentence
from analysis.terms import Text

_NAMED = 3
_FIRST_BUCKET = "M1"


def migration_summary(moved: Migrations, rolled: Rolled, cured: Cured, vintages: Vintages) -> Exhibit:
    """The answer, then segments, roll rates, cures and cohorts, as far as they can be said."""
    rate = default_rate(moved)
    claims = (_segments(moved), _special_mention(moved), _rolls(rolled), _cures(cured), vintage_sentence(vintages))
    said = [_answer(moved, rate), *(text for text in claims if text is not None)]
    unknown = None if is_known(rate) else moved.note or "no_loans"
    return told(said, id="migration_summary", metrics={"default_rate": rate}, unknown=unknown)


def _answer(moved: Migrations, rate: float) -> Text:
    if not is_known(rate):
        return Text("无法给出一年内变坏的比例：{why}。", "How many loans go bad cannot be stated: {why}.").format(
            why=reason(moved.note or "no_loans")
        )
    return Text(
        "{span}，正常和关注类贷款按笔数有**{rate}**变为不良或已按不良处置。",
        "From {span}, **{rate}** of performing loans by number became NPL or were disposed of as such.",
    ).format(span=span(moved), rate=ratio(rate))


def _segments(moved: Migrations) -> Text | None:
    whole = default_rate(moved)
    rows = [] if moved.segments is None else moved.segments.to_dict("records")
    above = [row for row in rows if not pd.isna(row["segment"]) and row["note"] == "" and number(row["lower"]) > whole]
    if not above:
        return None
    above.sort(key=lambda row: (-number(row["value"]), str(row["segment"])))
    names = [(moved.label(str(row["segment"])), ratio(number(row["value"]))) for row in above[:_NAMED]]
    listed = Text(
        "、".join(f"**{_safe(name.zh)}**（{value}）" for name, value in names),
        ", ".join(f"**{_safe(name.en)}** ({value})" for name, value in names),
    )
    return Text("明显更高的有{k}个分部：{names}。", "Clearly more in {n}: {names}.").format(
        k=len(above), n=number_of(len(above), "segment", "segments"), names=listed
    )


def _special_mention(moved: Migrations) -> Text | None:
    within, over = (share_of(moves, "special_mention", BAD) for moves in (moved.monthly, moved.yearly))
    if not is_known(within) or not is_known(over):
        return None
    return Text(
        "关注类贷款{step}内有**{within}**变坏，到期末有**{over}**。",
        "Of special-mention loans **{within}** go bad within {step}, **{over}** by the end.",
    ).format(step=moved.step, within=ratio(within, 1), over=ratio(over, 1))


def _rolls(rolled: Rolled) -> Text | None:
    now, before = (number(roll_rate(rates, _FIRST_BUCKET).get("value")) for rates in (rolled.year, rolled.prior))
    if not is_known(now):
        return None
    said = Text(
        "逾期1至30天的贷款{every}有**{now}**滚入更差档", "Of loans 1 to 30 days past due **{now}** roll on {every}"
    )
    if is_known(before):
        said = said + Text("，此前12个月为{before}", ", {before} in the 12 months before")
    return said.format(now=ratio(now, 1), before=ratio(before, 1), every=rolled.every) + Text("。", ".")


def _cures(cured: Cured) -> Text | None:
    rate = number(cured.cures.get("", {}).get("value"))
    again = number(cured.redefaults.get("", {}).get("value"))
    if not is_known(rate):
        return None
    said = Text(
        "变坏的贷款有**{rate}**在{within}个月内治愈", "**{rate}** of loans that go bad are cured within {within} months"
    )
    if is_known(again):
        said = said + Text("；治愈的又有**{again}**再次变坏", "; of cured loans **{again}** go bad again")
    return said.format(rate=ratio(rate, 1), within=cured.within, again=ratio(again, 1)) + Text("。", ".")


def _safe(name: str) -> str:
    # A name is data: its own asterisks must not become emphasis.
    return name.replace("*", "＊")
