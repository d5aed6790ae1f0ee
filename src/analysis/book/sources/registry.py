"""Which data sets can be imported by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.profile import Profile
from analysis.book.sources import card_status, lendingclub, sba
from analysis.book.tape import Tape
from analysis.errors import require_known


class ReadsTape(Protocol):
    """Reads a source's file into a tape."""

    def __call__(self, path: Path, *, backend: DuckDB, staging: Path) -> Tape:
        """Give the tape; its tables live in the backend and in files of the staging folder."""


class GivesProfile(Protocol):
    """States what a book made of a source says of itself."""

    def __call__(self) -> Profile:
        """Give the profile."""


@dataclass(frozen=True, kw_only=True)
class KnownSource:
    """A data set whose columns and derivations we know."""

    profile: GivesProfile
    tape: ReadsTape


SOURCES: Mapping[str, KnownSource] = MappingProxyType(
    {
        "card-status": KnownSource(profile=card_status.profile, tape=card_status.tape),
        "lendingclub": KnownSource(profile=lendingclub.profile, tape=lendingclub.tape),
        "sba": KnownSource(profile=sba.profile, tape=sba.tape),
    }
)


def known_source(name: str) -> KnownSource:
    """Give the data set of a name.

    Raises:
        Misuse: if the name is not one we know.
    """
    require_known("source", name, SOURCES)
    return SOURCES[name]
