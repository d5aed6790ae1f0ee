"""What the rows of an imported table must hold, and how the map says they are written."""

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field

from analysis.book.ingest.dates import DATE_FORMATS, MONTH_FORMATS
from analysis.book.ingest.mapping import FLOW_COLUMN_KINDS, TAPE_KINDS, ColumnSource, Flows, Mapping, Source
from analysis.book.ingest.vocabulary import CODED, value_words
from analysis.errors import MissingColumns, Misuse
from analysis.terms import FLOW_KINDS, Kind

TAPE_REQUIRED = (
    "as_of", "loan_id", "borrower_id", "segment", "origination_date", "original_amount",
    "principal_balance", "days_past_due",
)  # fmt: skip
_AMOUNTS = ("original_amount", "principal_balance")
_ISO = "%Y-%m-%d"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The rows of one imported table.

    Attributes:
        table: table of the book that its account names.
        kinds: kind of value of each column.
        required: columns without which a row cannot be used, in the order they are checked.
        amount_field: money column that is accounted; empty where there are no amounts.
        columns: where each mapped column comes from.
        source: how the source is read.
        currency: of the book [ISO 4217].
        words: per column, the book's word for each of the source's, in lower case.
        refused: per column, the reason to refuse a value that is none of its words.
        noted: columns whose other values are a finding.
        lumped: columns whose other values become "other".
    """

    table: str
    kinds: Dictionary[str, Kind]
    required: tuple[str, ...]
    amount_field: str
    columns: Dictionary[str, ColumnSource]
    source: Source
    currency: str
    words: Dictionary[str, Dictionary[str, str]] = field(default_factory=dict)
    refused: Dictionary[str, str] = field(default_factory=dict)
    noted: tuple[str, ...] = ()
    lumped: tuple[str, ...] = ()

    @property
    def checked(self) -> tuple[str, ...]:
        """Mapped columns in the order they are checked, the required ones first."""
        return (*self.required, *(name for name in self.columns if name not in self.required))

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Mapped columns whose values are of a kind."""
        return tuple(name for name in self.columns if self.kinds[name] == kind)

    def formats(self, name: str) -> tuple[str, ...]:
        """Date formats of a column, in the order they are tried."""
        stated = self.columns[name].format
        if stated:
            return (*stated, *(() if _ISO in stated else (_ISO,)))
        return DATE_FORMATS + MONTH_FORMATS if name == "as_of" else DATE_FORMATS

    def pivot(self, name: str) -> int:
        """Last two-digit year of a column that is in this century."""
        stated = self.columns[name].pivot
        return self.source.pivot if stated is None else stated


def tape_layout(mapping: Mapping) -> Layout:
    """Give the layout of a loan tape.

    Raises:
        Misuse: if the map leaves out a column that a tape cannot do without.
    """
    counted = mapping.book.basis == "count"
    required = tuple(name for name in TAPE_REQUIRED if not (counted and name in _AMOUNTS))
    _check_required(mapping.columns, required, "[columns]")
    segments = mapping.segments
    words = _words(mapping.columns) | {"segment": {**segments.values, **{v: v for v in segments.values.values()}}}
    return Layout(
        table="snapshots",
        kinds=TAPE_KINDS,
        required=required,
        amount_field="principal_balance" if "principal_balance" in mapping.columns else "",
        columns=mapping.columns,
        source=mapping.source,
        currency=mapping.book.currency,
        words={name: _lower(ways) for name, ways in words.items()},
        refused={"segment": "unknown_segment"} if segments.unknown == "quarantine" else {},
        noted=("segment",) if segments.values or segments.unknown == "other" else (),
        lumped=("segment",) if segments.unknown == "other" else (),
    )


def flows_layout(flows: Flows, currency: str) -> Layout:
    """Give the layout of a table of money movements.

    Raises:
        Misuse: if the map leaves out a required column.
    """
    required = ("date", "loan_id", "kind", "amount")
    _check_required(flows.columns, required, "[flows.columns]")
    words = _words(flows.columns) | {"kind": {**{kind: kind for kind in FLOW_KINDS}, **flows.kinds}}
    return Layout(
        table="flows",
        kinds=FLOW_COLUMN_KINDS,
        required=required,
        amount_field="amount",
        columns=flows.columns,
        source=flows,
        currency=currency,
        words={name: _lower(ways) for name, ways in words.items()},
        refused={"kind": "unknown_kind"},
    )


def check_source_columns(layout: Layout, present: tuple[str, ...], label: str) -> None:
    """Refuse a map that names columns which the source has not.

    Raises:
        MissingColumns: naming each, its nearest present one, and what is there.
    """
    wanted = {column.source for column in layout.columns.values() if column.source is not None}
    if missing := {name for name in wanted if " ".join(name.split()) not in present}:
        raise MissingColumns(label, missing, present)


def _words(columns: Dictionary[str, ColumnSource]) -> dict[str, Dictionary[str, str]]:
    coded = {name: value_words(name) for name in CODED if name in columns}
    return coded | {name: {**coded.get(name, {}), **c.values} for name, c in columns.items() if c.values}


def _lower(words: Dictionary[str, str]) -> dict[str, str]:
    return {word.strip().lower(): code for word, code in words.items()}


def _check_required(columns: Dictionary[str, ColumnSource], required: tuple[str, ...], section: str) -> None:
    if missing := [name for name in required if name not in columns]:
        raise Misuse(
            f"{section} must say where {', '.join(missing)} come{'s' if len(missing) == 1 else ''} from; "
            f'add a line such as {missing[0]} = "source column" or {missing[0]} = {{ constant = … }}.'
        )
