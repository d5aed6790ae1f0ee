"""A first draft of MAP.toml from a source's column names and values, and what is unsure about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import pyarrow as pa

from analysis.book.ingest.guesses import Guess, filled, guess, month_ends_only, toml_value
from analysis.book.ingest.layout import TAPE_REQUIRED
from analysis.book.ingest.mapping import TAPE_KINDS, Source
from analysis.book.ingest.readers import open_source
from analysis.book.ingest.records import Reading, field_name
from analysis.book.ingest.vocabulary import column_words, plain_name, value_words

_SAMPLE_ROWS = 2000
_NEAR = 0.84
_MOST_SEGMENTS = 60
# What may stand in for a segment where no column is named so.
_LIKE_SEGMENT = ("industry_code", "product", "borrower_type")


@dataclass(frozen=True)
class Proposal:
    """A draft of a map.

    Attributes:
        toml: text of a MAP.toml; columns that were not found are comments in it.
        unsure: what a person should look at, one sentence each.
    """

    toml: str
    unsure: tuple[str, ...]


@dataclass(frozen=True)
class _Match:
    """A column of the source for one of the tape, and how sure that is (0 is a name we know)."""

    column: str
    distance: float
    others: tuple[str, ...] = ()


def propose(source: str | Path, *, options: Source | None = None) -> Proposal:
    """Draft a map for a source.

    Args:
        source: a file, or the URL of a database.
        options: how to read it, if that has to be said.

    Raises:
        AnalysisError: if the source cannot be read.
    """
    reading = open_source(source, options or Source())
    sample = _sample(reading)
    matches = _with_segment(_matches(reading.columns))
    guesses = {name: guess(name, m.column, sample[m.column]) for name, m in matches.items()}
    moves_months = "as_of" in matches and not month_ends_only(filled(sample[matches["as_of"].column]))
    unsure = [*_doubts(matches), *(doubt for g in guesses.values() for doubt in g.unsure)]
    if moves_months:
        unsure.append("as_of: not all dates are month ends; they are moved to the end of their month")
    lines = [
        *_book_lines(matches, sample, reading.label),
        *_source_lines(options, moves_months),
        *_column_lines(matches, guesses),
        *_segment_lines(matches, sample),
    ]
    return Proposal("\n".join(lines) + "\n", tuple(unsure))


def _sample(reading: Reading) -> Mapping[str, list[str | None]]:
    batch = _first_batch(reading)
    if batch is None:
        return {name: [] for name in reading.columns}
    rows = batch.slice(0, _SAMPLE_ROWS)
    return {name: rows.column(field_name(i)).to_pylist() for i, name in enumerate(reading.columns)}


def _first_batch(reading: Reading) -> pa.RecordBatch | None:
    for attempt in reading.attempts:
        try:
            return next((batch for batch in attempt() if batch.num_rows), None)
        except pa.ArrowInvalid:
            continue  # broken quoting; the next attempt reads without it
    return None


def _matches(columns: Sequence[str]) -> dict[str, _Match]:
    """Nearest source column for each column of the tape; each is used once, the surest first."""
    found: list[tuple[float, int, str, str]] = []
    for place, (name, words) in enumerate(column_words().items()):
        found += [(d, place, name, c) for c in columns if (d := _distance(plain_name(c), words)) is not None]
    matches: dict[str, _Match] = {}
    used: set[str] = set()
    for distance, _, name, column in sorted(found):
        if name not in matches and column not in used:
            rivals = tuple(c for d, _, n, c in found if n == name and c != column and d < 1)
            matches[name] = _Match(column, distance, rivals)
            used.add(column)
    return matches


def _distance(column: str, words: Sequence[str]) -> float | None:
    """Below 1 for a name we know, the usual ones first; from 1 for one that is like it."""
    if column in words:
        return words.index(column) / 1000
    nearest = max(SequenceMatcher(None, column, word).ratio() for word in words)
    return 2 - nearest if nearest >= _NEAR else None


def _with_segment(matches: dict[str, _Match]) -> dict[str, _Match]:
    like = next((name for name in _LIKE_SEGMENT if name in matches), None)
    if "segment" in matches or like is None:
        return matches
    return matches | {"segment": _Match(matches[like].column, 1.0)}


def _absences(matches: Mapping[str, _Match]) -> Iterator[str]:
    absent = [name for name in TAPE_REQUIRED if name not in matches]
    if len(absent) == len(TAPE_REQUIRED):
        yield (
            "no column name is known; if the names stand in a later line or another sheet, say so in a file "
            "([source] header_row = … or sheet = …) and add --map FILE"
        )
    yield from (f"{name}: no column found; a tape needs one, or a constant" for name in absent)


def _doubts(matches: Mapping[str, _Match]) -> Iterator[str]:
    yield from _absences(matches)
    for name, match in matches.items():
        if match.distance >= 1:
            yield f"{name}: {match.column!r} is only like it"
        elif match.others:
            yield f"{name}: {match.column!r} is taken, but it could be {', '.join(map(repr, match.others))}"


def _book_lines(matches: Mapping[str, _Match], sample: Mapping[str, list[str | None]], label: str) -> Iterator[str]:
    yield "[book]"
    yield f"title = {toml_value(label)}"
    if "currency" in matches:
        known = value_words("currency")
        found = {known.get(text.lower(), text.upper()) for text in filled(sample[matches["currency"].column])}
        if len(found) == 1:
            yield f"currency = {toml_value(found.pop())}"
    yield ""


def _source_lines(options: Source | None, moves_months: bool) -> Iterator[str]:
    stated = {} if options is None else options.model_dump(exclude_defaults=True)
    lines = stated | ({"month_end": True} if moves_months else {})
    if lines:
        yield "[source]"
        yield from (f"{key} = {toml_value(value)}" for key, value in lines.items())
        yield ""


def _column_lines(matches: Mapping[str, _Match], guesses: Mapping[str, Guess]) -> Iterator[str]:
    yield "[columns]"
    for name in TAPE_KINDS:
        if name in matches:
            column, options = matches[name].column, guesses[name].options
            yield f"{name} = {toml_value({'from': column} | dict(options) if options else column)}"
        elif name in TAPE_REQUIRED:
            yield f'# {name} = "…"  # required, but no column found'


def _segment_lines(matches: Mapping[str, _Match], sample: Mapping[str, list[str | None]]) -> Iterator[str]:
    if "segment" not in matches:
        return
    known = value_words("segment")
    values = sorted(set(filled(sample[matches["segment"].column])))[:_MOST_SEGMENTS]
    yield from ("", "[segments]", 'unknown = "keep"')
    if values:
        yield "[segments.values]"
        yield from (f"{toml_value(value)} = {toml_value(known.get(value.lower(), value))}" for value in values)
