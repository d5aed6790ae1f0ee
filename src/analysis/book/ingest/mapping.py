"""MAP.toml: which column of a source is which column of the tape, and how its values are written.

    [book]                      # what the new book says of itself; see `analysis.book.profile`
    title = { zh = "示例银行", en = "Example Bank" }
    currency = "CNY"            # amounts in another currency are set aside
    jurisdiction = "CN"
    rules = "cn_2023"
    basis = "balance"           # or "count": a source without amounts

    [source]                    # how to read it; every line may be left out
    encoding = "gb18030"        # else: byte order mark, then UTF-8, then GB18030
    delimiter = ","             # else: whichever of , tab ; | splits the header most
    header_row = 3              # line of the column names; else the first that is not blank
    sheet = "贷款明细"           # of a workbook; else the first that is not empty
    table = "loan_tape"         # of a database, or: query = "select …"
    month_end = true            # move as_of to the end of its month; else such rows are set aside
    pivot = 30                  # two-digit years up to this are 20xx, later ones 19xx
    missing = ["未知"]           # further ways to write "no value"

    [columns]                   # tape column = source column, or a table
    loan_id = "借据号"
    principal_balance = { from = "贷款余额", unit = "万元" }
    contract_rate = { from = "利率", unit = "percent" }
    origination_date = { from = "放款日", format = ["%d/%m/%Y"], pivot = 40 }
    days_past_due = { from = "逾期天数", blank = "0" }
    reported_class = { from = "五级分类", values = { "正常类" = "pass" } }
    as_of = { constant = "2025-09-30" }

    [segments]                  # the source's segments in the book's words
    unknown = "keep"            # others as they are, noted; or "other": into one; or "quarantine": set aside
    [segments.values]
    "制造业" = "manufacturing"

    [flows]                     # optional: money movements
    file = "flows.csv"          # beside this file; else the same source, with `sheet`, `table` or `query`
    [flows.columns]
    loan_id = "借据号"
    [flows.kinds]
    "还款" = "repayment"

Units of amounts: 元 yuan, 千元, 万元, 百万元, 亿元 (multiplied exactly). Units of rates: share,
percent, permille, bp; a value with a percent sign is a percentage whatever the unit. Formats are
those of `strptime`, or "excel" for serial day numbers; without `format`, year-month-day with any of
- / . 年月日 or nothing between, and 30-Sep-25, are read; a month alone is its last day.
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from analysis.book.profile import Profile
from analysis.errors import Misuse, Unavailable, did_you_mean
from analysis.terms import FLOW_KINDS, FLOWS, LOANS, SNAPSHOTS, Kind, Text

# Power of ten that turns the unit into one of the currency.
MONEY_UNITS = {
    "元": 0, "yuan": 0, "unit": 0, "千元": 3, "thousand": 3, "万元": 4,
    "百万元": 6, "million": 6, "亿元": 8, "billion": 9,
}  # fmt: skip
# What a rate is divided by to become a share.
RATE_UNITS = {"share": 1, "percent": 100, "%": 100, "permille": 1000, "‰": 1000, "bp": 10000}
EXCEL_FORMAT = "excel"
UNTITLED = Text("未命名贷款台账", "Untitled loan tape")
_DIRECTIVES = frozenset("YymdbB%")
TAPE_KINDS: dict[str, Kind] = {term.name: term.kind for term in LOANS + SNAPSHOTS}
FLOW_COLUMN_KINDS: dict[str, Kind] = {term.name: term.kind for term in FLOWS}


def _scalar_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, dict | list) else str(value)


ScalarText = Annotated[str, BeforeValidator(_scalar_text)]
Pivot = Annotated[int, Field(ge=0, le=99)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: object) -> object:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in value if isinstance(value, dict) else ():
            if key not in known:
                raise ValueError(f"key must be one of {', '.join(known)}, was {key!r}{did_you_mean(key, known)}")
        return value


class ColumnSource(_Section):
    """Where one column of the tape comes from and how its values are written."""

    source: str | None = Field(default=None, alias="from")
    constant: ScalarText | None = None
    unit: str | None = None
    format: Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = ()
    values: dict[str, ScalarText] = {}
    blank: ScalarText | None = None
    pivot: Pivot | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "ColumnSource":
        if (self.source is None) == (self.constant is None):
            raise ValueError('must have either from = "source column" or constant = …')
        for form in self.format:
            _check_format(form)
        return self


def _column_source(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


MappedColumn = Annotated[ColumnSource, BeforeValidator(_column_source)]


class Source(_Section):
    """How to open the source."""

    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    header_row: Annotated[int, Field(ge=1)] | None = None
    sheet: str | None = None
    table: str | None = None
    query: str | None = None
    month_end: bool = False
    pivot: Pivot = 30
    missing: tuple[str, ...] = ()


class Segments(_Section):
    """Names of the source's segments in the book, and what becomes of others."""

    unknown: Literal["keep", "other", "quarantine"] = "keep"
    values: dict[str, str] = {}


class Flows(Source):
    """A second table with money movements."""

    file: Path | None = None
    columns: dict[str, MappedColumn]
    kinds: dict[str, str] = {}

    @model_validator(mode="after")
    def _known_columns(self) -> "Flows":
        _check_columns(self.columns, tuple(FLOW_COLUMN_KINDS))
        for kind in self.kinds.values():
            _check_name("kind of flow", kind, FLOW_KINDS)
        return self


class Mapping(_Section):
    """A whole MAP.toml."""

    book: Profile = Profile(title=UNTITLED)
    source: Source = Source()
    columns: dict[str, MappedColumn]
    segments: Segments = Segments()
    flows: Flows | None = None

    @model_validator(mode="before")
    @classmethod
    def _untitled(cls, value: object) -> object:
        if not isinstance(value, dict) or not isinstance(value.get("book"), dict):
            return value
        _check_book(value["book"])
        return value | {"book": {"title": UNTITLED} | value["book"]}

    @model_validator(mode="after")
    def _known_columns(self) -> "Mapping":
        _check_columns(self.columns, tuple(TAPE_KINDS))
        return self

    def profile(self) -> Profile:
        """Facts of the book that the tape makes, if there is none yet."""
        return self.book


def load_mapping(path: str | Path) -> Mapping:
    """Read a MAP.toml; a flows file is looked for beside it.

    Raises:
        Unavailable: if there is no such file.
        Misuse: if it is not valid, with the key that has to change.
    """
    path = Path(path)
    mapping = parse_mapping(_text(path), path.name)
    if mapping.flows is None or mapping.flows.file is None:
        return mapping
    flows = mapping.flows.model_copy(update={"file": path.parent / mapping.flows.file})
    return mapping.model_copy(update={"flows": flows})


def load_source(path: str | Path) -> Source:
    """Read only how a MAP.toml says to open the source, which a draft of the rest may need.

    Raises:
        Unavailable: if there is no such file.
        Misuse: if it is not valid.
    """
    path = Path(path)
    with _map_errors(path.name):
        return Source.model_validate(tomllib.loads(_text(path)).get("source", {}))


def parse_mapping(text: str, label: str = "map") -> Mapping:
    """Give the mapping that a TOML text describes.

    Raises:
        Misuse: if it is not valid.
    """
    with _map_errors(label):
        return Mapping.model_validate(tomllib.loads(text))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Misuse(f"{path.name} must be UTF-8 text; save it as UTF-8.") from error
    except OSError as error:
        raise Unavailable(f"map {path.name} cannot be read: {error.strerror}.") from error


@contextmanager
def _map_errors(label: str) -> Iterator[None]:
    try:
        yield
    except tomllib.TOMLDecodeError as error:
        raise Misuse(f"{label} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise Misuse(f"{label} is not valid: {'; '.join(_messages(error))}.") from error


def _messages(error: ValidationError) -> list[str]:
    return [
        ".".join(map(str, item["loc"])) + (": " if item["loc"] else "") + item["msg"].removeprefix("Value error, ")
        for item in error.errors()
    ]


def _check_book(book: dict[str, Any]) -> None:
    for key in book:
        _check_name("key of [book]", key, tuple(Profile.model_fields))


def _check_columns(mapped: dict[str, ColumnSource], known: tuple[str, ...]) -> None:
    for name, column in mapped.items():
        _check_name("column", name, known)
        _check_unit(name, column.unit)


def _check_unit(name: str, unit: str | None) -> None:
    kind = (TAPE_KINDS | FLOW_COLUMN_KINDS)[name]
    known = {"money": MONEY_UNITS, "rate": RATE_UNITS}.get(kind, {})
    if unit is not None and unit not in known:
        wanted = f"one of {', '.join(known)}" if known else "left out"
        raise ValueError(f"unit of {name} must be {wanted}, was {unit!r}{did_you_mean(unit, known)}")


def _check_name(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}, was {name!r}{did_you_mean(name, known)}")


def _check_format(form: str) -> None:
    directives = {form[i + 1 : i + 2] for i, mark in enumerate(form) if mark == "%"}
    has_year_month = directives & {"Y", "y"} and directives & {"m", "b", "B"}
    if form != EXCEL_FORMAT and (not has_year_month or not directives <= _DIRECTIVES):
        raise ValueError(
            f"format must be made of %Y or %y, %m, %b or %B, and %d, such as '%d/%m/%Y', or 'excel', was {form!r}"
        )
