"""What the command line prints: rows as a table, CSV or JSON; progress only on a terminal."""

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, cast

import click
import pandas as pd
from tqdm import tqdm

Rows = Sequence[Mapping[str, object]]
Progress = Callable[[int, int], None]
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?")


class Run(Protocol):
    """What is printed of a report run."""

    notebook: str
    status: str
    message: str
    paths: Sequence[str]
    index: str
    exit_code: int


def print_rows(rows: Rows, form: str, *, empty: str = "no rows") -> None:
    """Print rows on standard output; nothing else goes there."""
    if form == "json":
        click.echo(json.dumps([_plain(row) for row in rows], ensure_ascii=False, indent=1))
    elif form == "csv":
        click.echo(pd.DataFrame([_inert(_plain(row)) for row in rows]).to_csv(index=False), nl=False)
    else:
        click.echo(_table(rows) if rows else empty)


def print_import(record: Mapping[str, object], form: str) -> None:
    """Print an import's account: rows and amounts in, accepted, quarantined; then its findings."""
    if form == "json":
        click.echo(json.dumps(record, ensure_ascii=False, indent=1, default=str))
        return
    tallies, findings = _mappings(record["tallies"]), _mappings(record["findings"])
    for tally in tallies:
        click.echo(f"{tally['source']} -> {tally['table'] or 'counted, in no table'}")
        click.echo(f"  rows    {tally['rows_in']:>20,} in = {tally['rows_accepted']:,} accepted + "
                   f"{tally['rows_quarantined']:,} quarantined")  # fmt: skip
        if tally["amount_field"]:
            _print_amounts(tally)
    if reasons := record.get("reasons"):
        by_rows = sorted(cast("Mapping[str, int]", reasons).items(), key=lambda one: (-one[1], one[0]))
        listed = ", ".join(f"{reason} ({rows:,})" for reason, rows in by_rows)
        click.echo(f"  set aside, kept in the book's quarantine folder: {listed}")
    for finding in findings:
        click.echo(f"  {finding.get('severity', 'info')}: {finding.get('rule')} ({finding.get('count')})")


def print_runs(runs: Sequence[Run], form: str) -> None:
    """Print what was published, and last the path of the index."""
    if form == "json":
        fields = ("notebook", "status", "message", "paths")
        click.echo(json.dumps([{f: getattr(run, f) for f in fields} for run in runs], ensure_ascii=False, indent=1))
        return
    for run in runs:
        click.echo(f"{run.notebook}: {run.status}{': ' + run.message if run.message else ''}")
        for path in run.paths:
            click.echo(f"  {path}")
    for index in dict.fromkeys(run.index for run in runs if run.index):
        click.echo(index)


def say(lines: Iterable[str]) -> None:
    """Print remarks on standard error, so that standard output holds data only."""
    for line in lines:
        click.echo(line, err=True)


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Give a callback (done, of) that draws a bar on a terminal and nothing elsewhere."""
    with tqdm(desc=title, total=1, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:

        def show(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        yield show


@contextmanager
def status(title: str) -> Iterator[None]:
    """Say on a terminal what is under way, for work whose length is not known."""
    if sys.stderr.isatty():
        click.echo(f"{title} …", err=True)
    yield


def _print_amounts(tally: Mapping[str, object]) -> None:
    amounts = {name: Decimal(str(tally[name])) for name in tally if name.startswith("amount_") and name.endswith(
        ("_in", "_accepted", "_quarantined", "_rounding"))}  # fmt: skip
    click.echo(
        f"  {tally['amount_field']} {amounts['amount_in']:,} in = {amounts['amount_accepted']:,} accepted + "
        f"{amounts['amount_quarantined']:,} quarantined"
        + (f" - {amounts['amount_rounding']:,} rounding to the cent" if amounts["amount_rounding"] else "")
    )
    if tally["amount_unreadable_rows"]:
        click.echo(f"  {tally['amount_unreadable_rows']:,} quarantined rows have no readable amount")


def _mappings(value: object) -> list[Mapping[str, object]]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _table(rows: Rows) -> str:
    columns = list(rows[0])
    cells = [columns] + [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = ((_pad(cell, width) for cell, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _cell(value: object) -> str:
    plain = _plain_value(value)
    if plain is None:
        return "–"
    return f"{plain:.6g}" if isinstance(plain, float) else _printable(str(plain))


def _printable(text: str) -> str:
    """Text without what would move a terminal's cursor or change the order of its characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def _inert(row: Mapping[str, object]) -> dict[str, object]:
    """Row whose texts a spreadsheet will not run as formulas: a name such as =1+1 gets a quote before it."""
    return {name: f"'{value}" if _is_formula(value) else value for name, value in row.items()}


def _is_formula(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(value)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    return {name: _plain_value(value) for name, value in row.items()}


def _plain_value(value: object) -> object:
    """Give JSON's own types: amounts as exact text, dates as ISO, unknown as null."""
    if value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
