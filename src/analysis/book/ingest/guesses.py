"""How a column's values seem to be written: unit, date format, words."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from analysis.book.ingest.dates import DATE_FORMATS, MONTH_FORMATS
from analysis.book.ingest.mapping import MONEY_UNITS, TAPE_KINDS
from analysis.book.ingest.parsing import MISSING_NUMBER
from analysis.book.ingest.vocabulary import CODED, value_words

_STATED_FORMATS = (
    "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%y-%m-%d", "%y%m%d",
)  # fmt: skip
_UNIT = re.compile("百万元|亿元|万元|千元")
_SERIAL = re.compile(r"[345]\d{4}(\.0*)?")  # 1982 to 2064 as Excel counts days
_MONTH_WORDS = re.compile("[A-Za-z]{3,}")


@dataclass(frozen=True)
class Guess:
    """Options of a mapped column, and what is not sure about them."""

    options: Mapping[str, object] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()


def filled(values: Iterable[str | None]) -> list[str]:
    """Values that say something, without white space around them."""
    texts = ((value or "").strip() for value in values)
    return [text for text in texts if text.lower() not in MISSING_NUMBER]


def guess(name: str, header: str, values: Sequence[str | None]) -> Guess:
    """Give the options that a column of the tape seems to need.

    Args:
        name: column of the tape.
        header: column of the source.
        values: a sample of its values.
    """
    if name in CODED:
        return _words(name, filled(values))
    match TAPE_KINDS[name]:
        case "money":
            return _unit(header)
        case "rate":
            return _rate(name, header, filled(values))
        case "date":
            return _dates(name, filled(values))
        case "days":
            return _days(name, values)
        case _:
            return Guess()


def _unit(header: str) -> Guess:
    found = _UNIT.search(header)
    return Guess({"unit": found.group()}) if found and found.group() in MONEY_UNITS else Guess()


def _rate(name: str, header: str, values: list[str]) -> Guess:
    if all(value.endswith(("%", "％")) for value in values):
        return Guess()
    if re.search("[%％]", header):
        return Guess({"unit": "percent"})
    if any(_number(value) > 1 for value in values):
        return Guess({"unit": "percent"}, (f"{name}: some rates are above 1, so they are taken as percentages",))
    return Guess()


def _days(name: str, values: Sequence[str | None]) -> Guess:
    blanks = len(values) - len(filled(values))
    if not blanks:
        return Guess()
    return Guess(
        {}, (f'{name}: {blanks} of {len(values)} sampled values are blank; add blank = "0" if that means not overdue',)
    )


def _words(name: str, values: list[str]) -> Guess:
    known = value_words(name)
    unknown = sorted({v for v in values if v.lower() not in known and v not in known.values()})
    if not unknown:
        return Guess()
    shown = ", ".join(map(repr, unknown[:5]))
    return Guess({}, (f"{name}: no known word for {shown}; add values = {{ … }}",))


def _dates(name: str, values: list[str]) -> Guess:
    usual = DATE_FORMATS + MONTH_FORMATS if name == "as_of" else DATE_FORMATS
    if all(any(_is_date(value, form) for form in usual) for value in values):
        return Guess({}, tuple(_pivot_doubt(name, values)))
    fitting = [form for form in _STATED_FORMATS if all(_is_date(value, form) for value in values)]
    if all(_SERIAL.fullmatch(value) for value in values):
        fitting = ["excel", *fitting]
    if not fitting:
        return Guess({}, (f"{name}: no date format fits all values, such as {values[0]!r}; add format = [ … ]",))
    doubts = [f"{name}: dates such as {values[0]!r} fit {' and '.join(fitting)}; the first is taken"]
    if "%y" in fitting[0]:
        doubts += [f"{name}: years have two digits; up to 30 they are taken as 20xx, add pivot = … to change that"]
    return Guess({"format": [fitting[0]]}, tuple(doubts if len(fitting) > 1 or "%y" in fitting[0] else ()))


def _pivot_doubt(name: str, values: list[str]) -> Iterator[str]:
    if any(_is_date(value, "%d-%b-%y") for value in values):
        yield f"{name}: years have two digits; up to 30 they are taken as 20xx, add pivot = … to change that"


def month_ends_only(values: list[str]) -> bool:
    """Whether all dates that can be read are the last of their month, or months."""
    days = [_parsed(value, form) for value in values for form in DATE_FORMATS if _is_date(value, form)]
    return all((day + timedelta(days=1)).day == 1 for day in days if day is not None)


def toml_value(value: object) -> str:
    """Text of a value in TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_date(text: str, form: str) -> bool:
    return _parsed(text, form) is not None


def _parsed(text: str, form: str) -> date | None:
    # Python reads a day or month of one digit in %Y%m%d, which splits "2025930" by luck.
    if form.startswith(("%Y%m", "%y%m")) and len(text) != len(datetime(2000, 1, 1).strftime(form)):
        return None
    bare = re.sub(r"[ T]\d{1,2}:\d{2}.*$", "", text)
    try:
        return datetime.strptime(bare, form).date()
    except ValueError:
        return None


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return 0.0
