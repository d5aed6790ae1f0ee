"""What the demonstration book is made from: every parameter, and the chance of every move it implies."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from analysis.book.profile import Limit
from analysis.terms import Text

Labels = Mapping[str, Text]
Shares = Mapping[str, float]
Section = TypeVar("Section")
# What happens to a loan in a month, in the order of the last axis of `chain`. Where nothing but
# time passes, a loan stays in M0 … M6 and falls one month further behind in M7+.
OUTCOMES = ("worse", "better", "cure", "disposed", "stay")
BUCKETS = ("M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7+")
RATINGS = ("A", "B", "C", "D")
DISPOSALS = ("write_off", "sale", "foreclosure")
DAYS_PER_YEAR = 365.25
_ACTED_ON = slice(1, 4)  # a state of the economy acts on M1 to M3


@dataclass(frozen=True, kw_only=True)
class State:
    """A state of the economy from its first day on."""

    name: str
    label: Text
    first_day: date


@dataclass(frozen=True, kw_only=True)
class Family:
    """How loans of a kind move between buckets M1 … M7+ [probability per month, one per bucket]."""

    worse: tuple[float, ...]
    better: tuple[float, ...]
    cure: tuple[float, ...]
    disposed: tuple[float, ...]
    restructured_share: tuple[float, ...]
    restructured_plan: str


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A segment: its weight, its chance to fall into arrears, and the story its NPL ratio should tell."""

    label: Text
    family: str
    share: float
    entry: float
    drift: float
    story: str
    products: Shares
    industry_code: str | None = None
    entry_factor: Shares = field(default_factory=dict)
    worse_factor: Shares = field(default_factory=dict)
    cure_factor: Shares = field(default_factory=dict)

    @property
    def is_corporate(self) -> bool:
        """Whether its borrowers are firms."""
        return self.industry_code is not None


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product: amounts [CNY], rate [share per year], and shares of plans and collateral."""

    label: Text
    median: float
    spread: float
    rate: float
    plans: Shares
    purpose: str
    collateral: Shares


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How principal falls due."""

    kind: str
    months: int
    grace: int = 0
    rate: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Size:
    """A size of enterprise."""

    label: Text
    share: float
    scale: float
    rating: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region."""

    label: Text
    share: float


@dataclass(frozen=True, kw_only=True)
class Truth:
    """All parameters; the sections that are mappings read as in `truth.toml`."""

    targets: Mapping[str, Mapping[str, Any]]
    states: tuple[State, ...]
    families: Mapping[str, Family]
    drift: Mapping[str, date]
    segments: Mapping[str, Segment]
    relative: Mapping[str, Any]
    warning: Mapping[str, Any]
    recovery: Mapping[str, Any]
    disposal: Mapping[str, Any]
    early_repayment: Shares
    renewal: Shares
    reporting: Mapping[str, Any]
    regions: Mapping[str, Region]
    sizes: Mapping[str, Size]
    individuals: Mapping[str, tuple[float, ...]]
    products: Mapping[str, Product]
    plans: Mapping[str, Plan]
    labels: Mapping[str, Labels]
    limits: Mapping[str, Limit]
    macro: Mapping[str, Mapping[str, Any]]
    planted: Mapping[str, Mapping[str, int]]
    conduct: Mapping[str, Any]


@cache
def load_truth() -> Truth:
    """The parameters of the demonstration book, as its `truth.toml` gives them."""
    raw = truth_parameters()
    typed: dict[str, Any] = {
        "states": tuple(State(first_day=s["from"], name=s["name"], label=_label(s)) for s in raw["states"]),
        "families": _sections(Family, raw["families"]),
        "segments": _sections(Segment, raw["segments"]),
        "products": _sections(Product, raw["products"]),
        "plans": _sections(Plan, raw["plans"]),
        "sizes": _sections(Size, raw["sizes"]),
        "regions": _sections(Region, raw["regions"]),
        "labels": {name: {key: _label(value) for key, value in group.items()} for name, group in raw["labels"].items()},
        "limits": {key: Limit(**value) for key, value in raw["limits"].items()},
    }
    return Truth(**(raw | typed))


def truth_parameters() -> dict[str, Any]:
    """The same as plain tables, to be stored beside the book."""
    return tomllib.loads((files("analysis.book.demo") / "truth.toml").read_text(encoding="utf-8"))


def state_on(truth: Truth, day: date) -> str:
    """Name of the state of the economy on a day."""
    return [state.name for state in truth.states if state.first_day <= day][-1]


def chain(truth: Truth, day: date) -> npt.NDArray[np.float64]:
    """Chance of each outcome of the month that ends on a day.

    Args:
        truth: the parameters.
        day: a month end.

    Returns:
        array [segment, bucket M0 … M7+, outcome of `OUTCOMES`], rows sum to 1 [probability per month].
    """
    start, end = truth.drift["from"], truth.drift["to"]
    years = (min(max(day, start), end) - start).days / DAYS_PER_YEAR
    return chain_in(truth, state_on(truth, day), years=years)


def chain_in(truth: Truth, state: str, *, years: float = 0.0) -> npt.NDArray[np.float64]:
    """The same for a state of the economy, so many years after the drift began."""
    return np.stack([_segment_chain(truth, segment, state, years) for segment in truth.segments.values()])


def _segment_chain(truth: Truth, segment: Segment, state: str, years: float) -> npt.NDArray[np.float64]:
    family = truth.families[segment.family]
    moves = np.zeros((len(BUCKETS), len(OUTCOMES)))
    moves[0, 0] = segment.entry * segment.entry_factor.get(state, 1.0) * np.exp(segment.drift * years)
    for column, outcome in enumerate(OUTCOMES[:-1]):
        moves[1:, column] = getattr(family, outcome)
    moves[_ACTED_ON, 0] *= segment.worse_factor.get(state, 1.0)
    moves[_ACTED_ON, 2] *= segment.cure_factor.get(state, 1.0)
    moves[:, -1] = 1 - moves[:, :-1].sum(axis=1)
    return moves


def _sections(kind: type[Section], tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Section]:
    return {key: _section(kind, table) for key, table in tables.items()}


def _section(kind: type[Section], table: Mapping[str, Any]) -> Section:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    if "label" in {f.name for f in fields(kind)}:  # type: ignore[arg-type]  # every section is a dataclass
        values = {"label": _label(table)} | {k: v for k, v in values.items() if k not in {"zh", "en"}}
    return kind(**values)


def _label(table: Mapping[str, Any]) -> Text:
    return Text(table["zh"], table["en"])
