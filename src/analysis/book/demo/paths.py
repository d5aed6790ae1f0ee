"""Monthly paths of state: who falls behind, who catches up, who leaves without having paid."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from analysis.book.demo.calendar import Ints, month_end, month_index
from analysis.book.demo.lookups import Floats, Lookups
from analysis.book.demo.population import CHANNELS, NONE, Flags, Places
from analysis.book.demo.truth import BUCKETS, OUTCOMES, RATINGS, chain

WORSE, BETTER, CURE, DISPOSED, STAY = range(len(OUTCOMES))
_LAST_BUCKET = len(BUCKETS) - 1
_MOST_LIKELY = 0.5  # no loan's own chance of falling into arrears goes beyond


@dataclass(frozen=True, kw_only=True)
class Moves:
    """What happened to each place in a month; only places in `live` held a loan that could move."""

    live: Flags
    outcome: Ints
    before: Ints
    after: Ints
    agreed: Flags

    @property
    def disposed(self) -> Flags:
        """Places whose loan left without having been paid."""
        gone: Flags = self.live & (self.outcome == DISPOSED)
        return gone


def draw_moves(at: Places, month: int, lookups: Lookups, rng: np.random.Generator) -> Moves:
    """Outcome of a month for each live loan; a cure may be a new agreement instead of a payment."""
    chances = _chances(at, month, lookups)
    outcome = (rng.random(len(at))[:, None] >= np.cumsum(chances, axis=1)[:, :-1]).sum(axis=1)
    after = months_behind(at.behind, outcome)
    families = [lookups.truth.families[s.family] for s in lookups.truth.segments.values()]
    share = np.array([(0.0, *family.restructured_share) for family in families])
    agreed = (outcome == CURE) & (rng.random(len(at)) < share[at.segment, np.minimum(at.behind, _LAST_BUCKET)])
    return Moves(live=at.live.copy(), outcome=outcome, before=at.behind.copy(), after=after, agreed=agreed & at.live)


def months_behind(before: Ints, outcome: Ints) -> Ints:
    """Instalments missed after a month's outcome; in M7+ time alone adds one."""
    moved = before + (outcome == WORSE) - (outcome == BETTER)
    moved = np.where((outcome == STAY) & (before >= _LAST_BUCKET), before + 1, moved)
    return np.where(outcome == CURE, 0, moved)


def relative_entry(at: Places, month: int, lookups: Lookups) -> Floats:
    """Each loan's chance to fall into arrears against its segment's; mean 1 over the segment's loans in M0."""
    factor = _own_factor(at, month, lookups)
    current = at.live & (at.behind == 0)
    groups = len(lookups.segments)
    total = np.bincount(at.segment[current], weights=factor[current], minlength=groups)
    loans = np.bincount(at.segment[current], minlength=groups)
    mean = np.divide(total, loans, out=np.ones(groups), where=loans > 0)
    return factor / mean[at.segment]


def advance_distress(at: Places, lookups: Lookups, rng: np.random.Generator) -> None:
    """Let borrowers fall into distress and recover; loans of one borrower share its distress."""
    warning = lookups.truth.warning
    uniform = rng.random(len(at))
    shared = np.flatnonzero(at.borrower[1:] == at.borrower[:-1]) + 1
    uniform[shared] = uniform[shared - 1]
    calm = at.distress == NONE
    begins = calm & (uniform < warning["onset"])
    ends = ~calm & (uniform < warning["relief"])
    at.distress[:] = np.where(begins, 0, np.where(calm | ends, NONE, at.distress + 1))


def _chances(at: Places, month: int, lookups: Lookups) -> Floats:
    by_segment = chain(lookups.truth, month_end(month))
    chances = by_segment[at.segment, np.minimum(at.behind, _LAST_BUCKET)]
    current = at.behind == 0
    entry = np.minimum(chances[:, WORSE] * relative_entry(at, month, lookups), _MOST_LIKELY)
    chances[:, WORSE] = np.where(current, entry, chances[:, WORSE])
    chances[:, STAY] = np.where(current, 1 - entry, chances[:, STAY])
    return chances


def _own_factor(at: Places, month: int, lookups: Lookups) -> Floats:
    relative = lookups.truth.relative
    ages = relative["months_on_book"]
    rating = np.array([relative["rating"][key] for key in RATINGS])[at.rating]
    age = np.array(ages["factor"])[np.searchsorted(ages["from"], month - at.opened, side="right") - 1]
    warned = at.distress >= relative["warning_delay"]
    factor: Floats = rating * age * np.where(warned, relative["warning"], 1.0)
    factor *= np.where(at.restructured, relative["restructured"], 1.0)
    factor *= np.where(_in_weak_vintage(at, lookups), relative["weak_vintage"]["factor"], 1.0)
    return factor


def _in_weak_vintage(at: Places, lookups: Lookups) -> Flags:
    weak = lookups.truth.relative["weak_vintage"]
    first = month_index(date(weak["year"], 1, 1))
    in_year = (at.opened >= first) & (at.opened < first + 12)
    is_segment = at.segment == lookups.segments.index(weak["segment"])
    weak_loans: Flags = in_year & is_segment & (at.channel == CHANNELS.index(weak["channel"]))
    return weak_loans
