"""Every record of a source with typed values, and the reason why it cannot be used if there is one."""

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDB

from analysis.book.ingest import amounts, dates, numerals, parsing
from analysis.book.ingest.checks import OTHER, fault, is_known, note
from analysis.book.ingest.functions import last_day
from analysis.book.ingest.layout import Layout
from analysis.book.ingest.mapping import MONEY_UNITS, RATE_UNITS
from analysis.book.ingest.records import UNDECODABLE
from analysis.book.ingest.staging import Staged
from analysis.book.schema import TYPES
from analysis.terms import FIVE_CLASSES, Kind

# Kinds in which words such as "none" or 无 may say something.
_WORDS: tuple[Kind, ...] = ("id", "text", "flag")


def typed_rows(staged: Staged, layout: Layout, backend: DuckDB) -> ir.Table:
    """Give each record of a source in the book's types.

    Args:
        staged: the source's records as text.
        layout: what its rows must hold.
        backend: engine that holds the staged file.

    Returns:
        one row is a record: `source_row`, the mapped columns, `reason` (null if it can be used),
        `field` (all columns at fault), `value` (text of the first of them), `notes` (what was
        noticed and let pass, separated by commas), `rounding` [currency].
    """
    # Each step is a view, because Ibis would merge the steps and repeat every expression.
    trimmed = _view(backend, _trimmed(staged, layout))
    worded = _view(backend, _in_words(trimmed, layout))
    texts = _view(backend, _with_blanks(worded, layout))
    numbers = _view(backend, _with_numbers(texts, layout))
    cents = _view(backend, _with_cents(numbers, layout))
    values = _view(backend, _with_values(cents, layout))
    faults = _view(backend, _with_faults(values, layout))
    return _with_reason(faults, layout)


def _view(backend: DuckDB, rows: ir.Table) -> ir.Table:
    return backend.create_view(ibis.util.gen_name("step"), rows)


def _trimmed(staged: Staged, layout: Layout) -> ir.Table:
    """Texts without white space around them, and whether bytes of the field could not be decoded."""
    records = staged.records
    steps: dict[str, ir.Value] = {}
    for name, column in layout.columns.items():
        if column.source is None:
            steps |= {f"text_{name}": ibis.literal(column.constant), f"broken_{name}": ibis.literal(False)}
            continue
        field = records[staged.field(" ".join(column.source.split()))]
        steps[f"text_{name}"] = parsing.trimmed(field)
        steps[f"broken_{name}"] = (records.lossy & field.contains(UNDECODABLE)).fill_null(False)
    return records.select("source_row", "problem", **steps)


def _in_words(texts: ir.Table, layout: Layout) -> ir.Table:
    """Texts in the book's own words, where the source has others."""
    words = {
        f"text_{name}": texts[f"text_{name}"].lower().cases(*layout.words[name].items(), else_=texts[f"text_{name}"])
        for name in layout.columns
        if layout.words.get(name)
    }
    return texts.mutate(**words)


def _with_blanks(texts: ir.Table, layout: Layout) -> ir.Table:
    """Texts, null where missing, or what the map says is meant then."""
    steps: dict[str, ir.Value] = {}
    for name, column in layout.columns.items():
        missing = parsing.MISSING_TEXT if layout.kinds[name] in _WORDS else parsing.MISSING_NUMBER
        text = parsing.without_missing(texts[f"text_{name}"], (*missing, *layout.source.missing))
        steps[f"text_{name}"] = text if column.blank is None else text.fill_null(column.blank)
    return texts.mutate(**steps)


def _with_numbers(texts: ir.Table, layout: Layout) -> ir.Table:
    """Digits of the amounts."""
    numbers = {
        f"number_{name}": numerals.number_text(
            texts[f"text_{name}"], numerals.currency_marks(layout.currency, _shift(layout, name))
        )
        for name in layout.of_kind("money")
    }
    return texts.mutate(**numbers)


def _with_cents(numbers: ir.Table, layout: Layout) -> ir.Table:
    """Amounts cut off after the cent, and what was cut off."""
    steps: dict[str, ir.Value] = {}
    for name in layout.of_kind("money"):
        number, shift = numbers[f"number_{name}"], _shift(layout, name)
        steps[f"whole_{name}"] = amounts.whole_cents(number, shift)
        steps[f"fraction_{name}"] = amounts.cent_fraction(number, shift)
    return numbers.mutate(**steps)


def _with_values(cents: ir.Table, layout: Layout) -> ir.Table:
    values = {name: _value(cents, layout, name) for name in layout.columns}
    rounding = ibis.literal(0, amounts.EXACT)
    if layout.amount_field:
        rounding = amounts.rounding(*_parts(cents, layout.amount_field))
    return cents.mutate(**values, rounding=rounding)


def _value(rows: ir.Table, layout: Layout, name: str) -> ir.Value:
    text, kind, column = rows[f"text_{name}"], layout.kinds[name], layout.columns[name]
    match kind:
        case "money":
            return amounts.amount(*_parts(rows, name))
        case "date":
            day = dates.day(text, layout.formats(name), layout.pivot(name))
            return last_day(day) if name == "as_of" and layout.source.month_end else day
        case "rate":
            return numerals.share(text, RATE_UNITS[column.unit or "share"])
        case "flag":
            return parsing.flag(text)
        case "days" | "count" | "stage":
            return numerals.whole_number(text)
        case _:
            return text


def _parts(rows: ir.Table, name: str) -> tuple[ir.StringValue, ir.DecimalValue, ir.DecimalValue]:
    return rows[f"number_{name}"], rows[f"whole_{name}"], rows[f"fraction_{name}"]


def _with_faults(values: ir.Table, layout: Layout) -> ir.Table:
    faults = {f"fault_{name}": fault(values, layout, name) for name in layout.columns}
    notes = {f"note_{name}": note(values, layout, name) for name in layout.columns}
    return values.mutate(**faults, **notes)


def _with_reason(rows: ir.Table, layout: Layout) -> ir.Table:
    checked = layout.checked
    faults = [rows[f"fault_{name}"] for name in checked]
    reason = ibis.coalesce(rows.problem, *faults)
    fields = ibis.literal(", ").join(
        [ibis.ifelse(f.notnull(), name, ibis.null("string")) for f, name in zip(faults, checked, strict=True)]
    )
    first = ibis.cases(*((f.notnull(), rows[f"text_{name}"]) for f, name in zip(faults, checked, strict=True)))
    notes = ibis.literal(",").join([rows[f"note_{name}"] for name in checked])
    return rows.select(
        "source_row",
        **{name: _stored(rows[name], layout, name) for name in layout.columns},
        reason=reason,
        field=ibis.ifelse(reason.isnull(), ibis.null("string"), fields),
        value=ibis.ifelse(reason.isnull(), ibis.null("string"), first),
        notes=ibis.ifelse(reason.isnull(), notes.nullif(""), ibis.null("string")),
        rounding=rows.rounding,
    )


def _stored(value: ir.Value, layout: Layout, name: str) -> ir.Value:
    if name in layout.lumped:
        value = ibis.ifelse(is_known(value, layout, name), value, OTHER)
    if name == "reported_class":
        value = ibis.ifelse(parsing.is_one_of(value, FIVE_CLASSES), value, ibis.null("string"))
    if name == "ifrs9_stage":
        value = ibis.ifelse(value.between(1, 3), value, ibis.null("int64"))
    return value.try_cast(TYPES[layout.kinds[name]])


def _shift(layout: Layout, name: str) -> int:
    return MONEY_UNITS[layout.columns[name].unit or "元"]
