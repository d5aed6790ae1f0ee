"""What every importer hands over: typed tables, rows set aside, and an account of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import ibis.expr.types as ir

from analysis.errors import AnalysisError, Unreconciled


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The account of one source file: what came in is accepted or quarantined, exactly.

    Attributes:
        source: file, sheet or query that was read.
        table: table of the book that its rows became.
        rows_in: records of the source [rows].
        rows_accepted, rows_quarantined: where they went [rows].
        amount_field: money column that is accounted; empty if the source has no amounts.
        amount_in: its total over readable amounts as the source prints them [currency].
        amount_accepted, amount_quarantined: where it went, to the cent [currency].
        amount_rounding: accepted less printed, from amounts finer than a cent [currency].
        amount_unreadable_rows: quarantined rows whose amount could not be read [rows].
    """

    source: str
    table: str
    rows_in: int
    rows_accepted: int
    rows_quarantined: int
    amount_field: str = ""
    amount_in: Decimal = Decimal(0)
    amount_accepted: Decimal = Decimal(0)
    amount_quarantined: Decimal = Decimal(0)
    amount_rounding: Decimal = Decimal(0)
    amount_unreadable_rows: int = 0

    def check(self) -> None:
        """Raise unless rows and amounts in equal accepted plus quarantined.

        Raises:
            AnalysisError: if a row is lost or counted twice.
            Unreconciled: if an amount is.
        """
        used = self.rows_accepted + self.rows_quarantined
        if used != self.rows_in:
            raise AnalysisError(
                f"{self.source}: {self.rows_in:,} rows came in, but {self.rows_accepted:,} were accepted and "
                f"{self.rows_quarantined:,} quarantined; nothing was imported."
            )
        found = self.amount_accepted + self.amount_quarantined - self.amount_rounding
        if found != self.amount_in:
            raise Unreconciled(f"{self.source}: {self.amount_field}", self.amount_in, found, "in the tape's unit")


@dataclass(frozen=True, kw_only=True)
class Tape:
    """A source in the book's own words; every table lives in one backend.

    Attributes:
        loans, snapshots, flows: columns and types of `schema.table_schema`; snapshots may also hold
            attributes of the loan (`terms.CARRIED_ATTRIBUTES`) as they were on their date.
        quarantine: one row is a source row that was not used: `source`, `source_row`
            (1 = first record), `reason`, `field`, `value`, `amount`, `raw` (JSON).
        tallies: one account per source file.
        findings: what the importer noticed and did not change.
        others: further tables by name (`financials`, `contacts`, `macro`).
    """

    loans: ir.Table
    snapshots: ir.Table
    flows: ir.Table | None = None
    quarantine: ir.Table | None = None
    tallies: tuple[Tally, ...] = ()
    findings: tuple[Mapping[str, object], ...] = ()
    others: Mapping[str, ir.Table] | None = None
