"""How does the index show a report's numbers, states and links?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from analysis.exhibits.exhibit import absent
from analysis.exhibits.locale import change_bp, change_money, count, is_known, money, period, ratio
from analysis.exhibits.sparkline import sparkline
from analysis.exhibits.tables import pill
from analysis.reports.library import Entry
from analysis.reports.places import report_file
from analysis.terms import LANGUAGES, Language, Text, same

# Of a report that counts findings: errors first, then warnings.
_COUNT_WORDS: Mapping[str, Text] = {
    "breach": Text("有错误", "Errors"),
    "watch": Text("有提示", "Warnings"),
    "ok": Text("无问题", "No findings"),
}
_OPEN_WORDS: Mapping[Language, str] = {"zh": "中文", "en": "English"}


@dataclass(frozen=True, kw_only=True)
class Link:
    """A page to open: where it lies, and its words for the eye and for the ear."""

    href: str
    words: str
    label: str


def markup(text: Text) -> Markup:
    """A phrase in both languages."""
    return Markup(text.html())  # noqa: S704 - `html` escapes


def entry_period(entry: Entry) -> Text:
    """The period of a report."""
    return period(date.fromisoformat(entry.as_of))


def numbers(entry: Entry) -> list[Mapping[str, Any]]:
    """A report's headline numbers in the order of its contract; none if nothing is published."""
    return list((entry.record or {}).get("headline", ()))


def value(entry: Entry, position: int) -> Markup:
    """A headline number as it is read; a dash where it is not known."""
    found = numbers(entry)[position : position + 1]
    if not found:
        return Markup()
    shown = _shown(found[0], _currency(entry))
    return markup(shown) if shown else Markup(absent())  # noqa: S704 - markup of ours


def change(entry: Entry) -> Markup:
    """The change of the first headline number, coloured by better or worse; empty if none is known."""
    found = next((number for number in numbers(entry) if is_known(number["change"])), None)
    if found is None or found is not numbers(entry)[0]:
        return Markup()
    moved = float(found["change"])
    shown = {"share": change_bp(moved), "money": change_money(moved, _currency(entry))}.get(found["unit"])
    words = shown or same(f"{moved:+,.0f}")
    tone = "" if not moved else "up" if (moved > 0) == (found["worse"] == "up") else "dn"
    return Markup('<span class="{}">{}</span>').format(tone, markup(words))


def history(kin: Sequence[Entry]) -> Markup:
    """The path of a ratio over the periods up to a report's own.

    Args:
        kin: the report and older ones of its kind, newest first.
    """
    values = [numbers(one)[0]["value"] for one in kin if is_about_ratio(one)][::-1]
    return Markup(sparkline(values)) if len(values) > 1 else Markup()  # noqa: S704 - drawn from numbers


def status(entry: Entry) -> Markup:
    """Whether the report is published, and how its first number stands against its limit."""
    if not entry.record:
        return marked("breach", Text("未发布", "Not published"))
    found = numbers(entry)
    if found and found[0]["unit"] == "count":
        level = next((level for level, one in zip(_COUNT_WORDS, found, strict=False) if one["value"]), "ok")
        return marked(level, _COUNT_WORDS[level])
    level = str(found[0]["status"]) if found else "none"
    return marked(level) if level in {"ok", "watch", "breach"} else marked("none", Text("无限额", "No limit"))


def quality(entry: Entry) -> Markup:
    """Quality findings of the report's book; empty where the report itself counts them."""
    found = (entry.record or {}).get("quality", {}).get("findings")
    if not found or not is_about_ratio(entry):
        return Markup()
    if found["error"]:
        return marked("breach", Text("{n}项错误", "{n} errors").format(n=found["error"]))
    if found["warning"]:
        return marked("watch", Text("{n}项提示", "{n} warnings").format(n=found["warning"]))
    return marked("ok", Text("通过", "Passed"))


def notice(kin: Sequence[Entry]) -> Markup:
    """Why a report was not published, and what is shown in its place.

    Args:
        kin: the report and older ones of its kind, newest first.
    """
    entry = kin[0]
    if not entry.failure:
        return Markup()
    failed = Text("未发布 – {zh}；", "not published – {en}; ").format(**entry.failure["summary"])
    instead = next((one for one in kin if one.record), None)
    if instead is None:
        return markup(failed + Text("尚无先前的报告", "there is no earlier report"))
    if instead is entry:
        return markup(failed + Text("显示先前发布的报告", "showing the report published before"))
    shows = Text("显示{when}", "showing {when}").format(when=entry_period(instead))
    return markup(failed) + Markup('<a href="{}">{}</a>').format(href(instead, "zh"), markup(shows))


def href(entry: Entry, language: Language) -> str:
    """Where a report's page lies, from the index."""
    return f"{entry.notebook}/{entry.folder}/{report_file(language)}"


def links(entry: Entry) -> Iterator[Link]:
    """A report's pages, one for each language."""
    if entry.record:
        for language in LANGUAGES:
            words = _OPEN_WORDS[language]
            label = f"{words} · {getattr(entry_period(entry), language)}"
            yield Link(href=href(entry, language), words=words, label=label)


def is_about_ratio(entry: Entry) -> bool:
    """Whether a report's first number is a ratio, so that it can stand for the whole library."""
    return any(number["unit"] == "share" for number in numbers(entry)[:1])


def marked(level: str, words: Text | None = None) -> Markup:
    """A status as shape, word and colour; without the shape where there is nothing to hold against."""
    if level == "none":
        shown = words or same("–")
        return Markup('<span class="pill">{}</span>').format(markup(shown))
    return Markup(pill(level, words))  # noqa: S704 - `pill` escapes


def _shown(number: Mapping[str, Any], currency: str) -> Text | None:
    found = number["value"]
    if not isinstance(found, int | float) or not is_known(found):
        return None
    if number["unit"] == "share":
        return same(ratio(found))
    return money(found, currency) if number["unit"] == "money" else same(count(found))


def _currency(entry: Entry) -> str:
    return str((entry.record or {}).get("book", {}).get("currency", ""))
