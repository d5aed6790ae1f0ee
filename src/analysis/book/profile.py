"""What a book says of itself: `book.toml`."""

import json
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from analysis.errors import DataRefused, Unavailable
from analysis.terms import Text

FILE_NAME = "book.toml"


def _text(value: object) -> Text:
    if isinstance(value, Text):
        return value
    if isinstance(value, str):
        return Text(value, value)
    if isinstance(value, dict) and set(value) == {"zh", "en"}:
        return Text(**value)
    raise ValueError(f"must be a string or {{ zh = …, en = … }}, was {value!r}")


BilingualText = Annotated[
    Text,
    BeforeValidator(_text),
    PlainSerializer(lambda text: {"zh": text.zh, "en": text.en}, return_type=dict[str, str]),
]


class Limit(BaseModel):
    """A house limit of a measure: from `watch` it is amber, from `breach` it is over the limit [share]."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    watch: float
    breach: float


class Profile(BaseModel):
    """Facts about a book that no table holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    title: BilingualText
    currency: str = "CNY"
    jurisdiction: str = "CN"
    basis: Literal["balance", "count"] = "balance"
    rules: str = "cn_2023"
    periodicity: Literal["M", "Q"] = "M"
    simulated: bool = False
    derived: BilingualText | None = None
    labels: dict[str, dict[str, BilingualText]] = {}
    limits: dict[str, Limit] = {}
    net_capital: dict[date, Annotated[Decimal, Field(gt=0)]] = {}  # of the bank, by the date it is of [currency]
    notes: tuple[BilingualText, ...] = ()


def read_profile(folder: Path) -> Profile:
    """Read a book's profile.

    Raises:
        Unavailable: if the folder has none.
        DataRefused: if it is not valid.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise Unavailable(f"{folder.name!r} must be a book, but has no {FILE_NAME}; import a tape into it first.")
    try:
        return Profile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise DataRefused(f"{FILE_NAME} of {folder.name!r} is not valid: {error}") from error


def profile_toml(profile: Profile) -> str:
    """Text of `book.toml`; reading it gives the same profile."""
    fields = profile.model_dump(mode="json", exclude_none=True)
    plain = {k: v for k, v in fields.items() if k not in {"labels", "limits", "net_capital"}}
    lines = [f"{key} = {_toml(value)}" for key, value in plain.items()]
    for dimension, labels in fields["labels"].items():
        lines += ["", f"[labels.{_key(dimension)}]"]
        lines += [f"{_key(value)} = {_toml(text)}" for value, text in labels.items()]
    for measure, limit in fields["limits"].items():
        lines += ["", f"[limits.{_key(measure)}]", *(f"{k} = {_toml(v)}" for k, v in limit.items())]
    if capital := fields["net_capital"]:
        lines += ["", "[net_capital]", *(f"{_key(day)} = {_toml(amount)}" for day, amount in sorted(capital.items()))]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value)


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").isalnum() else _quoted(name)


def _quoted(value: str) -> str:
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
