"""Words that banks use for columns and values; the data is in `synonyms.toml`."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

# Columns whose values a tape must write in the book's own words.
CODED = ("reported_class", "ifrs9_stage", "borrower_type", "enterprise_size", "currency")
_BRACKETED = re.compile(r"[(（\[【].*?[)）\]】]")


@cache
def column_words() -> Mapping[str, tuple[str, ...]]:
    """Names that a column of the tape goes by, in the form of `plain_name`."""
    return MappingProxyType(
        {name: tuple(plain_name(word) for word in (name, *words)) for name, words in _content()["columns"].items()}
    )


@cache
def value_words(column: str) -> Mapping[str, str]:
    """The book's word for each word of a bank, in lower case; empty for a column without such words."""
    words = _content()["values"].get(column, {})
    return MappingProxyType({word.lower(): code for code, ways in words.items() for word in ways})


def plain_name(name: str) -> str:
    """A column's name in lower case, without spaces, punctuation and what is in brackets."""
    return re.sub(r"[\W_]+", "", _BRACKETED.sub("", name)).lower()


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("synonyms.toml").read_text(encoding="utf-8"))
