"""What should the reader remember? Sentences, each printed only if the numbers make it true."""

import re
from collections.abc import Callable, Sequence
from html import escape

from analysis.exhibits.exhibit import Exhibit, Metric, absent
from analysis.exhibits.locale import (
    basis_points,
    capitalised,
    count,
    day,
    is_known,
    number_of,
    points,
    ratio,
    reason,
    whole_bp,
)
from analysis.exhibits.reading import POINT_MEASURES, Reading, Standing, Subject
from analysis.terms import Text, same

_NAMED = 3  # segments named in one sentence before "and n more"
_STRONG = re.compile(r"\*\*(.+?)\*\*")
STRONG = "**"
Claim = Callable[[Reading], Text | None]


def summary(reading: Reading, *more: Text | None, id: str = "summary") -> Exhibit:
    """The answer in one sentence, then what stands behind it, from the same numbers as cards and tables.

    Args:
        reading: what the page says of its measure.
        more: sentences from other parts of the page, placed after the answer; None where there is nothing to say.
        id: of the exhibit.
    """
    first, *others = sentences(reading)
    said = [first, *(text for text in more if text is not None), *others]
    return told(
        said, id=id, metrics=_metrics(reading), unknown=None if is_known(reading.total.value) else reading.total.note
    )


def told(said: Sequence[Text], *, id: str, metrics: dict[str, Metric], unknown: str | None = None) -> Exhibit:
    """A summary: the answer as a paragraph, what stands behind it as a list.

    Args:
        said: sentences, the answer first.
        id: of the exhibit.
        metrics: the numbers in them.
        unknown: why the answer's number is not known; None if it is.
    """
    first, *others = said
    items = "".join(f"<li>{marked(text)}</li>" for text in others)
    answer = f"<p>{'' if unknown is None else absent(unknown) + ' '}{marked(first)}</p>"
    html = f'<div class="npl box sum" id="{escape(id)}">{answer}{f"<ul>{items}</ul>" if items else ""}</div>'
    return Exhibit(id=id, kind="text", html=html, metrics=metrics)


def sentences(reading: Reading) -> tuple[Text, ...]:
    """All that can be claimed of a measure, the answer first."""
    claims: tuple[Claim, ...] = (level, trend, largest_rise, limits, small_segments)
    return tuple(text for claim in claims if (text := claim(reading)) is not None)


def level(reading: Reading) -> Text:
    """The value of the whole book, its changes, and how it stands against its limit."""
    subject, total = reading.subject, reading.total
    if not is_known(total.value):
        return Text("{when}无法给出{measure}：{why}。", "The {measure} at {when} cannot be stated: {why}.").format(
            when=day(subject.as_of), measure=_named(subject), why=reason(total.note)
        )
    stated = Text("{when}{measure}为**{value}**", "The {measure} was **{value}** at {when}").format(
        when=day(subject.as_of), measure=_named(subject), value=shown_value(reading, total.value)
    )
    return stated + _changes(reading) + _limit_of_total(reading) + Text("。", ".")


def trend(reading: Reading) -> Text | None:
    """In which segments the measure rose or fell by more than noise."""
    judged = [one for one in reading.segments if one.is_readable and one.verdict != "unknown"]
    if not judged:
        return None
    rising, falling = reading.with_verdict("rising"), reading.with_verdict("falling")
    parts = [_moved(rising, len(judged), _RISING)] if rising else [_NO_RISE.format(n=len(judged))]
    parts += [_moved(falling, len(judged), _FALLING)] if falling else []
    text = parts[0]
    for part in parts[1:]:
        text = text + Text("；", "; ") + part
    return text + Text("。", ".")


def largest_rise(reading: Reading) -> Text | None:
    """The readable segment that got worse most over the year; none if none did by a whole basis point."""
    sign = 1 if reading.subject.worse == "up" else -1
    known = [one for one in reading.segments if one.is_readable and sign * whole_bp(one.change_year) > 0]
    if not known:
        return None
    one = max(known, key=lambda standing: (sign * standing.change_year, standing.key))
    words = (
        Text(
            "**{name}**一年{moved}，恶化最多，现为{value}",
            "**{name}** worsened most over the year, {moved} to {value}",
        )
        if len(known) > 1
        else Text(
            "只有**{name}**较一年前恶化：{moved}，现为{value}",
            "Only **{name}** is worse than a year ago, {moved} to {value}",
        )
    )
    value = shown_value(reading, one.value)
    return words.format(name=_safe(one.label), moved=direction(reading, one.change_year), value=value) + Text("。", ".")


def limits(reading: Reading) -> Text | None:
    """Which segments are over their limit or near it; none if no segment has one."""
    held = [one for one in reading.segments if one.status in {"ok", "watch", "breach"}]
    if not held:
        return None
    over, near = reading.with_status("breach"), reading.with_status("watch")
    if not over and not near:
        return Text("有限额的{n}个分部全部达标。", "All {n} segments with a limit are within it.").format(n=len(held))
    parts = [_against_limit(group, words, reading) for group, words in ((over, _OVER), (near, _NEAR)) if group]
    text = parts[0] if len(parts) == 1 else parts[0] + Text("；", "; ") + parts[1]
    return capitalised(text) + Text("。", ".")


def small_segments(reading: Reading) -> Text | None:
    """Which segments are too small for their ratio to mean anything."""
    small = [one for one in reading.segments if one.note == "too_small"]
    if not small:
        return None
    names = _listed(
        [
            _safe(one.label)
            + Text("（{n}笔）", " ({loans})").format(n=count(one.loans), loans=number_of(one.loans, "loan", "loans"))
            for one in small
        ]
    )
    return Text("笔数过少、不宜解读：{names}。", "Too few loans to read: {names}.").format(names=names)


def direction(reading: Reading, change: float) -> Text:
    """A change in words: up, down or unchanged, with its size in the measure's unit."""
    if _is_in_points(reading):
        return _worded(round(change * 1000), _unsigned_points(change))
    return _worded(whole_bp(change), basis_points(change))


def shown_value(reading: Reading, value: float) -> str:
    """A value of the measure with as many decimals as it deserves."""
    return ratio(value, 1 if _is_in_points(reading) else 2)


def marked(text: Text) -> str:
    """Escaped markup of a sentence in both languages, its `**strong**` parts in bold."""
    return _STRONG.sub(r"<b>\1</b>", text.html())


def plain(text: Text) -> Text:
    """A sentence without marks of emphasis."""
    return Text(text.zh.replace(STRONG, ""), text.en.replace(STRONG, ""))


def title(text: Text) -> Text:
    """A sentence as a heading: no emphasis, no full stop."""
    words = plain(text)
    return Text(words.zh.rstrip("。"), words.en.rstrip("."))


def on_prior(subject: Subject) -> Text:
    """Against what the nearer change is taken: the prior quarter end, three months before, or the date asked for."""
    if subject.compare_to is not None and not subject.is_quarterly:
        return Text("较{when}", "vs {when}").format(when=day(subject.compare_to))
    if subject.as_of.month % 3:
        return Text("较三个月前", "vs three months before")
    return Text("较上季末", "vs prior quarter")


_RISING = Text(
    "有{k}个分部的上升超出噪声（共判断{n}个）：{names}",
    "It rose by more than noise in {k} of {n} segments: {names}",
)
_FALLING = Text("有{k}个分部的下降超出噪声：{names}", "it fell by more than noise in {k}: {names}")
_NO_RISE = Text("所判断的{n}个分部中，没有一个的上升超出噪声", "In none of {n} segments did it rise by more than noise")
_OVER = Text("{k}个分部超限：{names}", "In breach of the limit in {k}: {names}")
_NEAR = Text("{k}个分部需关注：{names}", "to watch in {k}: {names}")


def _changes(reading: Reading) -> Text:
    prose = {"vs prior quarter": "on the quarter", "vs three months before": "on three months before"}
    nearer = on_prior(reading.subject)
    nearer = Text(nearer.zh, prose.get(nearer.en, nearer.en))
    known = [
        Text("{against}{moved}", "{moved} {against}").format(against=words, moved=direction(reading, change))
        for change, words in (
            (reading.total.change, nearer),
            (reading.total.change_year, Text("较上年同期", "on the year")),
        )
        if is_known(change)
    ]
    if not known:
        return Text("，尚无可比的前期", ", with no earlier period to compare")
    joined = known[0] if len(known) == 1 else known[0] + Text("，", " and ") + known[1]
    return Text("，", ", ") + joined


def _limit_of_total(reading: Reading) -> Text:
    total = reading.total
    words = {
        "ok": Text("，在{limit}的限额之内", ", within the limit of {limit}"),
        "watch": Text("，已达关注线{watch}（限额{limit}）", ", past the watch level of {watch} (limit {limit})"),
        "breach": Text("，已突破{limit}的限额", ", in breach of the limit of {limit}"),
    }.get(total.status, same(""))
    return words.format(limit=shown_value(reading, total.breach), watch=shown_value(reading, total.watch))


def _moved(group: Sequence[Standing], judged: int, words: Text) -> Text:
    return words.format(k=len(group), n=judged, names=_listed([_strong(one.label) for one in group]))


def _against_limit(group: Sequence[Standing], words: Text, reading: Reading) -> Text:
    worst = sorted(group, key=lambda one: one.value, reverse=reading.subject.worse == "up")
    names = [
        _strong(one.label)
        + Text("（{value}，{line}{limit}）", " ({value}, {line} {limit})").format(
            value=shown_value(reading, one.value),
            line=Text("限额", "limit") if one.status == "breach" else Text("关注线", "watch level"),
            limit=shown_value(reading, one.breach if one.status == "breach" else one.watch),
        )
        for one in worst
    ]
    return words.format(k=len(group), names=_listed(names))


def _listed(names: Sequence[Text]) -> Text:
    shown, more = names[:_NAMED], len(names) - _NAMED
    text = Text("、".join(name.zh for name in shown), ", ".join(name.en for name in shown))
    return text + Text("等另外{n}个", " and {n} more").format(n=more) if more > 0 else text


def _worded(steps: int, size: Text) -> Text:
    if steps == 0:
        return Text("持平", "unchanged")
    return (Text("上升", "up ") if steps > 0 else Text("下降", "down ")) + size


def _unsigned_points(change: float) -> Text:
    size = points(abs(change))
    return Text(size.zh.lstrip("+"), size.en.lstrip("+"))


def _is_in_points(reading: Reading) -> bool:
    return reading.subject.name in POINT_MEASURES


def _safe(label: Text) -> Text:
    # A name is data: its own asterisks must not become emphasis.
    return Text(label.zh.replace("*", "＊"), label.en.replace("*", "＊"))


def _strong(label: Text) -> Text:
    return same(STRONG) + _safe(label) + same(STRONG)


def _named(subject: Subject) -> Text:
    zh, en = subject.measure.zh, subject.measure.en
    named = Text(zh, en if en[:2].isupper() else en[:1].lower() + en[1:])
    if subject.scope is None:
        return named
    return Text("{scope}{named}", "{named} of {scope}").format(scope=_safe(subject.scope), named=named)


def _metrics(reading: Reading) -> dict[str, Metric]:
    total = reading.total
    return {
        reading.subject.name: total.value,
        "change": total.change,
        "change_year": total.change_year,
        "status": total.status,
        "segments": len(reading.segments),
        "segments_rising": len(reading.with_verdict("rising")),
        "segments_falling": len(reading.with_verdict("falling")),
        "segments_in_breach": len(reading.with_status("breach")),
    }
