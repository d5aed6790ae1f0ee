"""What do the rules say: each number of law with its article, dates, source and words."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from analysis.errors import DataRefused, require_known
from analysis.terms import FIVE_CLASSES, Text

Purpose = Literal["classification", "coverage", "house"]
Status = Literal["verified", "unverified", "house"]
Value = bool | int | Decimal | str
# Mechanisms by days past due: more than so many, from so many on, and the delay that is no arrears.
DAYS_OVER, DAYS_FROM, TECHNICAL_DAYS = "days_over", "days_from", "technical_days"
_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _known_class(name: str) -> str:
    if name not in FIVE_CLASSES:
        raise ValueError(f"must be one of {', '.join(FIVE_CLASSES)}, was {name!r}")
    return name


def _both_languages(text: Text) -> Text:
    if not (text.zh.strip() and text.en.strip()):
        raise ValueError(f"must have words in zh and en, was {text!r}")
    return text


_Bilingual = Annotated[Text, AfterValidator(_both_languages)]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One number of law or of the house.

    Attributes:
        rule_id: id that a state, a finding or a footnote quotes.
        article: where the law says it.
        value: the number, in `unit`.
        effective_from: first day in force.
        effective_to: last day in force; None if open.
        source: publication and page it was taken from.
        status: whether the number was read in a publication of the law, or still has to be.
        text: what it says, for a reader.
        mechanism: how the classification applies it; None for a number used elsewhere.
        five_class: least class that follows where it applies; None if none does.
        days: days past due beyond which a loan counts towards `value`, where it is a share; else None.
        applies_from: what the article judges by (a year, a share) from which on the value holds; None if always.
        only: values of columns for which alone it applies; a loan without a value is left out.
        unless: values of columns for which it does not apply; a loan without a value is not exempt.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    rule_id: _Words
    article: _Words
    value: Value
    unit: _Words
    effective_from: date
    effective_to: date | None = None
    source: _Words
    status: Status
    text: _Bilingual
    mechanism: _Words | None = None
    five_class: Annotated[str, AfterValidator(_known_class)] | None = None
    days: int | None = None
    applies_from: int | Decimal | None = None
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """One dated set of rules: a definition that a report can be made under.

    Attributes:
        id: name of the file.
        key: digest of the file's text, so that a result can name the exact version.
        purpose: what it is for.
        jurisdiction: whose rules they are.
        effective_from: first day in force of the set.
        label: name for a reader.
        rules: in the order of the file, which settles ties.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    id: _Words
    key: _Words
    purpose: Purpose
    jurisdiction: _Words
    effective_from: date
    label: _Bilingual
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        ids = [rule.rule_id for rule in self.rules]
        if repeated := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"rule ids must be unique, were repeated: {', '.join(repeated)}")

    def rule(self, rule_id: str) -> Rule:
        """Give a rule by its id.

        Raises:
            Misuse: if the set has none of that id.
        """
        known = {rule.rule_id: rule for rule in self.rules}
        require_known(f"rule of {self.id!r}", rule_id, known)
        return known[rule_id]

    def of(self, mechanism: str) -> tuple[Rule, ...]:
        """Rules that work by a mechanism, in the order of the file."""
        return tuple(rule for rule in self.rules if rule.mechanism == mechanism)

    @property
    def unverified(self) -> tuple[Rule, ...]:
        """Rules whose number was not read in a publication of the law; a report names them."""
        return tuple(rule for rule in self.rules if rule.status == "unverified")

    @property
    def class_floors(self) -> tuple[tuple[str, int], ...]:
        """Least class that may be reported by days past due, from the mildest: class, and days over [days].

        Days of a technical delay may be reported as pass. Rules that hold for some loans only are left
        out, so that no loan is held to another's floor.
        """
        excepted = max((int(rule.value) for rule in self.of(TECHNICAL_DAYS)), default=0)
        over = [(rule, int(rule.value)) for rule in self.of(DAYS_OVER)]
        over += [(rule, int(rule.value) - 1) for rule in self.of(DAYS_FROM)]
        floors = [
            (rule.five_class, max(days, excepted))
            for rule, days in over
            if rule.five_class is not None and not rule.only and not rule.unless
        ]
        return tuple(sorted(floors, key=lambda floor: list(FIVE_CLASSES).index(floor[0])))


@cache
def load_rules(rule_set: str) -> RuleSet:
    """Read a set of rules that ships with the package.

    Raises:
        Misuse: if there is none of that name.
        DataRefused: if its file is not valid.
    """
    known = _files()
    if rule_set not in known:
        require_known("rules", rule_set, rule_sets())
    return _parsed(rule_set, known[rule_set].read_text(encoding="utf-8"))


def read_rules(path: Path) -> RuleSet:
    """Read a set of rules from a file of its own.

    Raises:
        DataRefused: if the file is not valid.
    """
    return _parsed(path.stem, path.read_text(encoding="utf-8"))


def rule_sets() -> tuple[str, ...]:
    """Ids of the sets that a book can be classified under, ascending."""
    return tuple(name for name in _files() if load_rules(name).purpose == "classification")


def _files() -> dict[str, Traversable]:
    folder = files("analysis").joinpath("rules")
    found = {file.name.removesuffix(".toml"): file for file in folder.iterdir() if file.name.endswith(".toml")}
    return dict(sorted(found.items()))


def _parsed(name: str, text: str) -> RuleSet:
    try:
        content = tomllib.loads(text, parse_float=Decimal)
        rules = [{"effective_from": content.get("effective_from")} | rule for rule in content.pop("rule", [])]
        found = TypeAdapter(RuleSet).validate_python(content | {"key": _digest(text), "rules": rules})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise DataRefused(f"rule file {name!r} is not valid: {error}") from error
    if found.id != name:
        raise DataRefused(f"id of rule file {name!r} must be the file's name, was {found.id!r}; rename one of them.")
    return found


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
