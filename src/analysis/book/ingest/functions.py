"""Functions of the engine that Ibis has no name for."""
# mypy: disable-error-code="empty-body, untyped-decorator"

import datetime

import ibis


@ibis.udf.scalar.builtin
def regexp_full_match(text: str, pattern: str) -> bool:
    """Whether the whole text matches."""


@ibis.udf.scalar.builtin
def try_strptime(text: str, form: str) -> datetime.datetime:
    """Moment that a text gives in a format; null if it does not."""


@ibis.udf.scalar.builtin
def last_day(day: datetime.date) -> datetime.date:
    """Last day of a day's month."""


@ibis.udf.scalar.builtin(name="trim")
def trim_characters(text: str, characters: str) -> str:
    """Text without these characters at its ends."""


@ibis.udf.scalar.builtin
def to_json(value: dict[str, str]) -> str:
    """Text of a value as JSON."""


@ibis.udf.scalar.builtin
def split_part(text: str, separator: str, place: int) -> str:
    """Part of a text between separators, the first being 1; "" if there is none."""


@ibis.udf.scalar.builtin
def rpad(text: str, length: int, filling: str) -> str:
    """Text of a length, filled or cut at its end."""
