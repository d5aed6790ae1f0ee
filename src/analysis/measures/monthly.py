"""What does a new month add to a history? It is worked out once and kept; the months before are only read.

Kept are rows that follow from one month, or from two month ends and the flows between them. They are read again
only under a digest of all that they follow from: the query as text, with whatever it is filtered by, the code of
the measures, the engine's version, and the digests of the months and flows. A query of a table that did not come
from a book's files, or that does more to it than filter its rows, is not kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from itertools import chain, pairwise
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.engine import Part
from analysis.book.kept import Shelf, found, keep, shelf, short_digest, sweep
from analysis.book.origin import Origin, origin_of

Rows = Callable[[ir.Table], ir.Table]
# From states, flows and the periods between month ends (`opening`, `as_of`), of which there is one at a time.
StepRows = Callable[[ir.Table, Any, ir.Table], ir.Table]
Step = tuple[date, date]
Answers = Iterator[tuple[date, pa.Table]]
# States of so much are worked out in one turn: many months of a small book, one of a large one.
_TURN_BYTES = 8 << 20
_PERIODS = {"opening": "date", "as_of": "date"}
# What a filter may not ask: more than a row holds, or something that is not the same every time.
_OF_MORE_THAN_A_ROW = (
    ops.Reduction, ops.Analytic, ops.WindowFunction, ops.Subquery, ops.ScalarUDF,
    ops.Impure, ops.TimestampNow, ops.DateNow,
)  # fmt: skip


def kept_months(states: ir.Table, rows: Rows) -> ir.Table | None:
    """Rows that follow from single months, read where they are kept and worked out where not.

    Args:
        states: one row is a loan at a month end, classified; filtered or not.
        rows: from states, rows with their `as_of` that need no other month of them; the same function for the same
            question, so that it is put into words once.

    Returns:
        `rows(states)`; None where it cannot be kept, and has to be asked for as it is.
    """
    source = _source(states, "as_of")
    if source is None or not (months := source.months):
        return None
    query = _query(rows, source.stand_in("states").op())
    results = _shelf(source, query, {day: part.name for day, part in months.items()})

    def answers(missing: Sequence[date]) -> Answers:
        fresh = rows(source.read([months[day] for day in missing])).to_pyarrow()
        return _by_day(fresh, "as_of", missing)

    return _kept(source.backend, results, answers)


def kept_steps(states: ir.Table, flows: ir.Table | None, dates: Sequence[date], rows: StepRows) -> ir.Table | None:
    """Rows that follow from two month ends and what happened between them, kept step by step.

    Args:
        states: one row is a loan at a month end, classified; filtered or not.
        flows: one row is a dated money movement of a loan; None where there are none.
        dates: month ends, ascending; each but the first ends a step.
        rows: from states, flows and periods, rows with the `step` (end of a period) that need no other one.

    Returns:
        `rows` of all steps; None where they cannot be kept, and have to be asked for as they are.
    """
    source, moved = _source(states, "as_of"), None if flows is None else _source(flows, "date")
    if source is None or len(dates) < 2 or not set(dates) <= set(source.months):
        return None
    if flows is not None and (moved is None or not moved.is_whole(dates)):
        return None
    none_or_all = None if moved is None else moved.stand_in("flows").op()
    query = _query(rows, source.stand_in("states").op(), none_or_all, ibis.table(_PERIODS, name="periods").op())
    results = _shelf(source, query, {step[1]: _step_digest(source, moved, step) for step in pairwise(dates)})
    return _kept(source.backend, results, lambda days: _step_answers(source, flows, _steps_to(days, dates), rows))


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A table that reads a book's files, and what its rows are chosen by.

    Attributes:
        leaf: what it starts from.
        origin: its files.
        column: its date.
        on_date: filters that see the date only.
        others: the other filters.
    """

    leaf: ops.DatabaseTable
    origin: Origin
    column: str
    on_date: tuple[ops.Node, ...]
    others: tuple[ops.Node, ...]

    @property
    def backend(self) -> DuckDB:
        backend: DuckDB = self.leaf.source
        return backend

    @cached_property
    def months(self) -> Mapping[date, Part]:
        """Parts by month, of the months that are chosen."""
        passing = self.passing(self.origin.months)
        # Tables of files that may hold any month have none.
        return {day: part for day, part in zip(self.origin.months, self.origin.parts, strict=False) if day in passing}

    def is_whole(self, dates: Sequence[date]) -> bool:
        """Whether nothing that is dated after the first date up to the last one is left out."""
        first, last = min(dates), max(dates)
        days = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
        return not self.others and len(self.passing(days)) == len(days)

    def passing(self, days: Sequence[date]) -> frozenset[date]:
        """Which dates are chosen."""
        if not self.on_date:
            return frozenset(days)
        table = ibis.memtable(pa.table({self.column: pa.array(days, pa.date32())}))
        chosen = self.backend.to_pyarrow(_filtered(table, self.leaf, self.on_date))
        return frozenset(chosen[self.column].to_pylist())

    def stand_in(self, name: str) -> ir.Table:
        """A table of the same columns and filters that reads nothing: what a query is known by."""
        return _filtered(ibis.table(self.leaf.schema, name=name), self.leaf, self.others)

    def read(self, parts: Sequence[Part], name: str | None = None) -> ir.Table:
        """Rows of some of the parts."""
        paths = [str(part.path) for part in parts]
        table = self.backend.read_parquet(paths, table_name=name, hive_partitioning=False)
        return _filtered(table, self.leaf, self.others)


def _source(table: ir.Table, column: str) -> _Source | None:
    leaf, filters = table.op(), []
    while isinstance(leaf, ops.Filter):
        filters.append(leaf)
        leaf = leaf.parent
    origin = origin_of(leaf)
    predicates = [_of_leaf(one, filters, leaf) for two in filters for one in two.predicates]
    if origin is None or not isinstance(leaf.source, DuckDB) or not all(map(_is_of_a_row, predicates)):
        return None
    on_date = tuple(one for one in predicates if _columns(one) == {column})
    others = tuple(one for one in predicates if _columns(one) != {column})
    return _Source(leaf=leaf, origin=origin, column=column, on_date=on_date, others=others)


def _of_leaf(predicate: ops.Node, filters: Sequence[ops.Node], leaf: ops.Node) -> ops.Node:
    replaced: ops.Node = predicate.replace(dict.fromkeys(filters, leaf))
    return replaced


def _is_of_a_row(predicate: ops.Node) -> bool:
    return not predicate.find(_OF_MORE_THAN_A_ROW)


def _columns(predicate: ops.Node) -> set[str]:
    return {field.name for field in predicate.find(ops.Field)}


def _filtered(table: ir.Table, leaf: ops.Node, predicates: Sequence[ops.Node]) -> ir.Table:
    fields = {ops.Field(leaf, name): ops.Field(table, name) for name in table.columns}
    return table.filter([one.replace(fields).to_expr() for one in predicates]) if predicates else table


def _shelf(source: _Source, query: str, digests: Mapping[date, str]) -> Shelf:
    # The folder of the definition, whose months lie in folders of their own.
    folder = source.origin.parts[0].path.parents[1]
    return shelf(folder, "\0".join((query, _code(), duckdb.__version__)), digests)


@lru_cache(maxsize=256)
def _query(rows: Callable[..., ir.Table], *stand_ins: ops.Node | None) -> str:
    asked = rows(*(None if table is None else table.to_expr() for table in stand_ins))
    return f"{ibis.to_sql(asked, dialect='duckdb')}\0{asked.schema()}"


@cache
def _code() -> str:
    package = files("analysis.measures")
    sources = sorted((file.name, file) for file in package.iterdir() if file.name.endswith(".py"))
    return short_digest("\0".join(f"{name}\n{file.read_text(encoding='utf-8')}" for name, file in sources))


def _step_digest(states: _Source, flows: _Source | None, step: Step) -> str:
    months, held = states.months, () if flows is None else flows.origin.parts
    moved = sorted(part.name for part in held if _may_hold(part, step))
    return "\0".join((*map(str, step), *(months[day].name for day in step), *moved))


def _may_hold(flows: Part, step: Step) -> bool:
    first, last = _dates_in(flows)
    return first <= step[1] and last > step[0]


@cache
def _dates_in(flows: Part) -> Step:
    """First and last date that a file may hold; any where it does not say."""
    footer = pq.read_metadata(flows.path)
    place = footer.schema.to_arrow_schema().get_field_index("date")
    columns = [footer.row_group(number).column(place) for number in range(footer.num_row_groups)]
    if not all(one.is_stats_set and one.statistics.has_min_max for one in columns):
        return date.min, date.max
    lows, highs = [one.statistics.min for one in columns], [one.statistics.max for one in columns]
    return min(lows, default=date.max), max(highs, default=date.min)


def _steps_to(days: Sequence[date], dates: Sequence[date]) -> list[Step]:
    return [step for step in pairwise(dates) if step[1] in days]


def _step_answers(states: _Source, flows: ir.Table | None, steps: Sequence[Step], rows: StepRows) -> Answers:
    """Rows of each step. The query is put into words once; what its names stand for changes from turn to turn."""
    backend, months = states.backend, states.months
    names = [ibis.util.gen_name(kind) for kind in ("states", "flows", "periods")]
    query = ""
    for turn in _turns(steps, {day: part.path.stat().st_size for day, part in months.items()}):
        loans = states.read([months[day] for day in sorted({*chain(*turn)})], names[0])
        moved = None if flows is None else _named(backend, names[1], _between(flows, turn[0][0], turn[-1][1]))
        periods = backend.create_table(names[2], _periods(turn), temp=True, overwrite=True)
        if not query:
            wanted = rows(loans, moved, periods)
            query, schema = str(backend.compile(wanted)), wanted.schema().to_pyarrow()
        yield from _by_day(backend.raw_sql(query).fetch_arrow_table().cast(schema), "step", [day for _, day in turn])


def _between(flows: ir.Table, first: date, last: date) -> ir.Table:
    return flows.filter(flows.date > first, flows.date <= last)


def _named(backend: DuckDB, name: str, rows: ir.Table) -> ir.Table:
    backend.raw_sql(f"CREATE OR REPLACE TEMP VIEW {name} AS {backend.compile(rows)}")
    return backend.table(name)


def _turns(steps: Sequence[Step], sizes: Mapping[date, int]) -> Iterator[list[Step]]:
    """Steps to work out at a time: many small ones, or one of a large book, whose loans then fit in memory."""
    turn: list[Step] = []
    for step in steps:
        if turn and sum(sizes[day] for _, day in [*turn, step]) > _TURN_BYTES:
            yield turn
            turn = []
        turn.append(step)
    if turn:
        yield turn


def _periods(steps: Sequence[Step]) -> pa.Table:
    columns = {name: pa.array(days, pa.date32()) for name, days in zip(_PERIODS, zip(*steps, strict=True), strict=True)}
    return pa.table(columns)


def _by_day(rows: pa.Table, column: str, days: Sequence[date]) -> Answers:
    return ((day, rows.filter(pc.equal(rows[column], pa.scalar(day)))) for day in days)


def _kept(backend: DuckDB, results: Shelf, answers: Callable[[Sequence[date]], Answers]) -> ir.Table | None:
    there = found(results)
    if missing := [day for day in results.digests if day not in there]:
        try:
            there |= {day: keep(results, day, rows) for day, rows in answers(missing)}
        except OSError:  # a full disk is no reason to give no answer
            return None
        sweep(results)
    return backend.read_parquet([str(there[day]) for day in results.digests], hive_partitioning=False)
