"""Which class is each loan in at each month end, and why?"""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.append import ROW_GROUP_ROWS
from analysis.book.engine import Part, connect
from analysis.book.origin import Origin, with_origin
from analysis.book.store import Book
from analysis.classify.cache import digest_in, month_files, states_folder, sweep, unfinished
from analysis.classify.classification import statements
from analysis.errors import Misuse
from analysis.rules.loader import RuleSet, rule_sets


def states(book: Book, rules: RuleSet) -> ir.Table:
    """Classify a book under a definition.

    One definition is applied to every month, also to those before it came into force, so that months
    compare; a rule that runs out is not applied to later months. Rules about the past (an upgrade
    needs time, observation runs) look at the month end before: what was before the book's first month
    is not known, and a loan that is missing from a month's tape comes back without its past.

    A reported class is kept where it is worse than the rules give and the book was reported under
    these rules (its rule is then that of mechanism `reported_class`); where it is better the rules
    win, and `differences` shows it.

    Args:
        book: open as of the reporting date.
        rules: the definition.

    Returns:
        one row is a loan at a month end up to the reporting date: the stored columns of a snapshot and
        `five_class`, `is_npl`, `bucket` (M0, M1 for 1 to 30 days past due, … M7+ for more than 180),
        `rule_id` (the rule that decided), `in_observation` and `observation_until`,
        `prior_five_class` and `prior_is_npl` (null where the loan was not there at the month end
        before), `vintage_year`. Each month is classified once and kept as Parquet beside the book.

    Raises:
        Misuse: if the rules are no definition of classes.
        DataRefused: if the rule file names a mechanism that there is not.
    """
    places = classified_months(book, rules)
    parts = state_parts(places)
    book.engine.hold(parts)
    return with_origin(book.engine.table(parts), Origin(parts=tuple(parts), months=tuple(places)))


def classified_months(book: Book, rules: RuleSet) -> dict[date, Path]:
    """Where the states of each month lie; months that were not classified before are now.

    They are classified in this process whatever engine the book is open on, because each month needs the one
    before and is needed once.

    Args:
        book: open as of the reporting date.
        rules: the definition.

    Raises:
        Misuse: if the rules are no definition of classes.
        DataRefused: if the rule file names a mechanism that there is not.
    """
    if rules.purpose != "classification":
        raise Misuse(f"rules must be one of {', '.join(rule_sets())}, was {rules.id!r}, which define no classes.")
    places = month_files(book, rules, states_folder(book))
    missing = [month for month, place in places.items() if not place.is_file()]
    if missing:
        _classify(book, rules, places, missing)
        sweep(places, rules)
    return places


def state_parts(places: Mapping[date, Path]) -> list[Part]:
    """What an engine reads of classified months.

    Args:
        places: where each month's states lie, as `cache.month_files` gives them.
    """
    return [Part(name=f"states_{month:%Y%m%d}_{digest_in(place)}", path=place) for month, place in places.items()]


def _classify(book: Book, rules: RuleSet, places: Mapping[date, Path], missing: Iterable[date]) -> None:
    """Classify the missing months in order; each needs the states of the month before."""
    # The steps are turned into SQL once; what their names stand for changes from month to month.
    backend, query = connect(), statements(rules, book.profile.rules)
    earlier = dict(zip(book.months[1:], book.months, strict=False))
    for month in missing:
        _read(backend, "month", [book.path / file.path for file in book.catalog.of("snapshots", month)])
        if month in earlier:
            _read(backend, "earlier", [places[earlier[month]]])
        _make(backend, "prior", query["prior"] if month in earlier else query["nobody"])
        for step in ("claims", "own", "bad_claims", "decided"):
            _make(backend, step, query[step])
        _write(backend, query["states"], places[month])


def _read(backend: DuckDB, name: str, files: Iterable[Path]) -> None:
    listed = ", ".join(map(_quoted, files))
    source = f"read_parquet([{listed}], file_row_number = true, hive_partitioning = false)"
    query = f"SELECT *, file_index FROM {source}"  # noqa: S608  (paths of the book's own files)
    backend.raw_sql(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")


def _make(backend: DuckDB, name: str, query: str) -> None:
    backend.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")


def _write(backend: DuckDB, query: str, target: Path) -> None:
    # Snapshots lie sorted by loan, and so do their states, without another sort.
    backend.raw_sql("CREATE OR REPLACE TEMP VIEW paired AS SELECT * FROM month POSITIONAL JOIN decided")
    scratch = unfinished(target)
    options = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
    try:
        backend.raw_sql(f"COPY ({query}) TO {_quoted(scratch)} ({options})")
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def _quoted(file: Path) -> str:
    return "'" + file.as_posix().replace("'", "''") + "'"
