"""`npl`: import a tape, check it, measure it, report it."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pyarrow as pa

from analysis import console
from analysis.book.engine_choice import engine_chosen, engine_errors
from analysis.errors import AnalysisError, Misuse

if TYPE_CHECKING:
    from analysis.book.store import Book


def _choose_engine(ctx: click.Context, _: click.Parameter, address: str) -> None:
    if address:
        ctx.with_resource(engine_chosen(address))


FORMATS = click.Choice(["table", "csv", "json"])
_book = click.option("--book", default="demo", show_default=True, metavar="BOOK", help="Name of a book, or its folder.")
_as_of = click.option("--as-of", default="", metavar="DATE", help="Reporting date, a month end. [default: the latest]")
_format = click.option("--format", "form", type=FORMATS, default="table", show_default=True, help="How to print.")
_engine = click.option(
    "--engine",
    default="",
    metavar="ADDRESS",
    expose_value=False,
    callback=_choose_engine,
    help="duckdb, postgresql://…, spark://…; see npl load. [default: NPL_ENGINE, or duckdb]",
)
_OWN_OPTIONS = {"book": "--book", "as_of": "--as-of", "lang": "--lang"}
_rules = click.option("--rules", default="", metavar="ID", help="Definition of non-performing. [default: the book's]")


class Commands(click.Group):
    """A group whose refusals are sentences with an exit code, never tracebacks."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  (click's own signature)
        """Run a command; turn what can go wrong into one sentence on standard error."""
        try:
            return super().invoke(ctx)
        except AnalysisError as error:
            raise _REFUSALS[error.exit_code](str(error)) from error
        except BrokenPipeError:
            raise  # the reader of our output has seen enough
        except (OSError, MemoryError, pa.ArrowException, *engine_errors()) as error:
            raise _NotThere(_failure(error)) from error


class _Refused(click.ClickException):
    exit_code = 1


class _Misused(click.ClickException):
    exit_code = 2


class _NotThere(click.ClickException):
    exit_code = 3


_REFUSALS: dict[int, type[click.ClickException]] = {kind.exit_code: kind for kind in (_Refused, _Misused, _NotThere)}


def _failure(error: Exception) -> str:
    """One sentence about what the system refused us."""
    if isinstance(error, MemoryError) or "Out of Memory" in str(error):
        return "the work needs more memory than there is; choose a shorter period or fewer loans."
    if isinstance(error, OSError) and error.strerror:
        place = f"{Path(str(error.filename)).name!r} " if error.filename else ""
        return f"{place}cannot be read or written: {error.strerror}; free it or choose another place."
    return f"the engine failed ({type(error).__name__}): {' '.join(str(error).split())[:300]}"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="npl-workbook", prog_name="npl")
def cli() -> None:
    """Portfolio analytics and periodic reports for non-performing loans.

    \b
    From a tape to a report:
      npl demo                                       build the demonstration book
      npl import tape.csv --propose-map > map.toml   draft how its columns are read
      npl import tape.csv --map map.toml --into mybank
      npl check mybank                               can the tape be trusted?
      npl measure npl_ratio --book mybank --by segment
      npl export cn_g12 --book mybank --out g12.xlsx a return to a supervisor
      npl report --book mybank                       publish; prints the path of the index
      npl load mybank --engine postgresql://host/db  copy the book to a server, to measure there

    \b
    Books lie in data/books (NPL_BOOKS overrides), reports in reports/ (NPL_REPORTS overrides); numbers are
    computed by DuckDB in this process, or where --engine (or NPL_ENGINE) says.
    Exit codes: 0 done, 1 data or content refused, 2 usage, 3 something needed is not there.
    """


@cli.command()
@click.option(
    "--loans", default=20_000, show_default=True, type=click.IntRange(1, 50_000_000), help="Live loans at a time."
)
@click.option("--months", default=60, show_default=True, type=click.IntRange(1, 600), help="Month ends.")
@click.option("--seed", default=7, show_default=True, type=click.IntRange(0), help="Same seed, same book.")
@click.option("--until", default="2026-09-30", show_default=True, metavar="DATE", help="Last month end.")
@click.option("--into", default="demo", show_default=True, metavar="BOOK", help="Name of the book to (re)build.")
def demo(loans: int, months: int, seed: int, until: str, into: str) -> None:
    """Build the demonstration book: synthetic, deterministic, with its truth beside it.

    \b
    npl demo
    npl demo --loans 200000 --months 36 --into big
    """
    from analysis.book.demo.build import build_demo

    with console.progress("Building the demonstration book") as progress:
        build_demo(
            _target(into), loans=loans, months=months, seed=seed, until=_date("--until", until), progress=progress
        )
    _say_book(into)


@cli.command("import")
@click.argument("source")
@click.option(
    "--map",
    "mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="MAP.toml; with --propose-map, only its [source] is read.",
)
@click.option("--source", "known", default="", metavar="NAME", help="A source we know: card-status, lendingclub, sba.")
@click.option("--into", default="", metavar="BOOK", help="Book to add to; made if it is not there.")
@click.option("--restate", is_flag=True, help="Replace months that the book already has.")
@click.option("--propose-map", is_flag=True, help="Print a first MAP.toml for the source instead of importing.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def import_(source: str, mapping: Path | None, known: str, **options: Any) -> None:  # noqa: ANN401  (click's options)
    """Add a loan tape to a book: CSV, XLSX, Parquet, or a database address.

    Rows that cannot be used go to the book's quarantine with the reason; what came in equals what
    was accepted plus what was quarantined, in rows and in amount, and both are printed.

    \b
    npl import tape.csv --propose-map > map.toml
    npl import tape.csv --map map.toml --into mybank
    npl import sqlite:///bank.db --map map.toml --into mybank
    npl import sba_national_sample.csv.gz --source sba --into sba
    """
    from analysis.book.imports import import_known, import_mapped
    from analysis.book.ingest.mapping import load_source
    from analysis.book.ingest.propose import propose

    if options["propose_map"]:
        proposal = propose(source, options=None if mapping is None else load_source(mapping))
        click.echo(proposal.toml, nl=False)
        console.say([f"unsure: {line}" for line in proposal.unsure])
        return
    if not options["into"]:
        raise Misuse("--into must name the book to add to, was empty; add --into NAME.")
    if bool(known) == (mapping is not None):
        raise Misuse("give either --map MAP.toml or --source NAME; draft a map with --propose-map.")
    target = _target(options["into"])
    with console.status(f"Importing {Path(source).name}"):
        if mapping is not None:
            record = import_mapped(source, mapping, target, restate=options["restate"])
        else:
            record = import_known(source, known, target, restate=options["restate"])
    console.print_import(record, options["form"])
    if not record["months"]:
        console.say(["nothing could be used: every row of the tape was set aside; correct the map or the tape."])
        raise SystemExit(1)


@cli.command()
@click.argument("book", default="demo")
@_engine
def load(book: str) -> None:
    """Copy a book to a PostgreSQL server, or what changed since; its folder stays where it is.

    The tables lie in a schema of the book's name, or of the one that the address names, each month in a
    table of its own under the digest of what it holds; measures, checks and reports with the same --engine
    refuse a copy that is not the book as it is now. The password comes from PGPASSWORD, ~/.pgpass or the
    address, and is never shown. Spark reads the book's files, so that nothing needs to be copied.

    \b
    npl load mybank --engine postgresql://user@host/database
    npl measure npl_ratio --book mybank --engine postgresql://user@host/database
    """
    from analysis.classify.load import load_book

    with console.progress("Copying") as progress:
        loaded = load_book(book, progress=progress)
    click.echo(f"{loaded.book}: {loaded.parts:,} parts, {loaded.copied:,} of them copied now")


@cli.command()
@click.argument("book", default="demo")
@_as_of
@_engine
@click.option("--ledger", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV of ledger totals.")
@click.option("--format", "form", type=FORMATS, default="table", show_default=True, help="How to print.")
def check(book: str, as_of: str, ledger: Path | None, form: str) -> None:
    """Say whether a book can be trusted: findings with counts, balances at risk, masked examples.

    Exit code 1 if a finding is an error, because such a book is refused by reports.

    \b
    npl check demo
    npl check mybank --ledger ledger.csv --format json
    """
    from analysis.book.quality import finding_rows, findings

    found = findings(_open(book, as_of), ledger=ledger)
    console.print_rows(finding_rows(found), form, empty="no findings")
    if any(finding.severity == "error" for finding in found):
        raise SystemExit(1)


@cli.command()
@click.argument("name", default="")
@_book
@_as_of
@_engine
@_rules
@click.option("--by", default="", metavar="DIM,DIM", help="segment, region, product, … [default: the whole book]")
@click.option("--basis", type=click.Choice(["balance", "count"]), default=None, help="[default: the book's]")
@click.option("--history", is_flag=True, help="Every month up to the reporting date; of a number.")
@click.option("--since", default="", metavar="DATE", help="Opening of a table. [default: mostly a year before]")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of a table; repeat for more.")
@click.option("--list", "listed", is_flag=True, help="Every measure with its definition and source.")
@_format
def measure(name: str, form: str, **options: Any) -> None:  # noqa: ANN401  (click's options)
    """Compute a measure, by any combination of dimensions.

    \b
    npl measure --list
    npl measure npl_ratio --by segment
    npl measure npl_ratio --book mybank --as-of 2025-09-30 --by segment,region --format json
    npl measure npl_bridge --since 2025-12-31 --by segment --format csv
    npl measure npl_ratio_attribution --by segment --set method=lmdi
    """
    from analysis.measures.query import measure_rows, measures_listed
    from analysis.models.estimates import EVERY_STATEMENT
    from analysis.reports.contract import assignments

    if options.pop("listed"):
        console.print_rows(measures_listed(EVERY_STATEMENT), form)
        return
    if not name:
        raise Misuse("NAME must be a measure, was empty; see them with npl measure --list.")
    book = _open(options.pop("book"), options.pop("as_of"))
    by = tuple(part.strip() for part in options.pop("by").split(",") if part.strip())
    options["settings"] = assignments(options["settings"])
    console.print_rows(measure_rows(book, name, by=by, statements=EVERY_STATEMENT, **options), form)


@cli.command()
@click.argument("name", metavar="RETURN")
@_book
@_as_of
@_rules
@_engine
@click.option("--since", default="", metavar="DATE", help="Opening. [default: the end of the year before]")
@click.option("--unit", type=click.Choice(["yuan", "wan"]), default=None, help="[default: the return's own]")
@click.option(
    "--out", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help=".xlsx or .csv"
)
def export(name: str, book: str, as_of: str, out: Path, **options: Any) -> None:  # noqa: ANN401  (click's options)
    """Write a return to a supervisor as a file: eu_cr2, eu_cr2a or cn_g12.

    Layouts that were not read in a publication of the rule are marked unverified.

    \b
    npl export cn_g12 --out g12.xlsx
    npl export eu_cr2 --book mybank --as-of 2025-12-31 --unit yuan --out cr2.csv
    """
    from analysis.reports.filled_return import filled_return
    from analysis.reports.return_export import write_return

    chosen = {key: value or "" for key, value in options.items()}
    write_return(filled_return(_open(book, as_of), name, **chosen), out)
    click.echo(str(out))


@cli.command()
@click.argument("notebooks", nargs=-1)
@_book
@_as_of
@_engine
@click.option("--lang", type=click.Choice(["zh", "en", "both"]), default="both", show_default=True)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A further parameter; repeat for more.")
@click.option("--force", is_flag=True, help="Render again although nothing changed.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def report(notebooks: tuple[str, ...], book: str, as_of: str, **options: Any) -> None:  # noqa: ANN401  (click's options)
    """Render notebooks and publish them; without a name, all of them.

    A failed run leaves the report that is there in place and exits non-zero.

    \b
    npl report
    npl report 20_segment_trends --book mybank --as-of 2025-09-30 --lang zh
    npl report 20_segment_trends --set rules=eu_npe --set segment=retail
    """
    from analysis.reports.contract import assignments
    from analysis.reports.pack import publish_reports

    settings = assignments(options["settings"])
    for name in settings.keys() & _OWN_OPTIONS:
        option = _OWN_OPTIONS[name]
        raise Misuse(f"parameter {name!r} must be set by {option}, was set by --set; write {option} {settings[name]}.")
    parameters = {"book": book, "as_of": as_of} | settings
    languages = ("zh", "en") if options["lang"] == "both" else (options["lang"],)
    with console.progress("Rendering") as progress:
        runs = publish_reports(notebooks, parameters, languages, force=options["force"], progress=progress)
    console.print_runs(runs, options["form"])
    raise SystemExit(max((run.exit_code for run in runs), default=0))


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    cli(prog_name="npl")


def _open(book: str, as_of: str) -> "Book":
    from analysis.book.store import open_book

    return open_book(book, as_of=as_of or None)


def _target(name: str) -> Path:
    from analysis.book.store import books_folder

    if "/" in name or "\\" in name:
        return Path(name).resolve()
    if not name.replace("-", "").replace("_", "").isalnum():
        raise Misuse(f"--into must be a name of letters, digits, - and _, or a folder, was {name!r}.")
    return books_folder() / name


def _say_book(name: str) -> None:
    from analysis.book.store import open_book

    book = open_book(_target(name))
    rows = sum(file.rows for file in book.catalog.of("snapshots"))
    click.echo(f"{book.name}: {rows:,} snapshots, {len(book.months)} months to {book.as_of}, {book.content_hash[:12]}")
    click.echo(str(book.path))


def _date(option: str, value: str) -> date:
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError as error:
        raise Misuse(f"{option} must be a date such as 2026-09-30, was {value!r}.") from error
