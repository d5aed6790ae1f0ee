"""What each notebook may be asked and what its report must show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.book.store import Book
from analysis.errors import Misuse, did_you_mean, require_known
from analysis.measures.periods import month_end_before
from analysis.terms import Text

COMPARISON_MONTHS = 3
# Of the output in which a notebook says once what it is a run of.
META_TYPE = "application/vnd.npl.meta+json"
Name = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]


class ReportParams(BaseModel):
    """Parameters that every notebook has; an empty one is filled from the book."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    book: Name = Field(default="demo", min_length=1, description="a book's name or folder")
    as_of: str = Field(default="", description="reporting date, a month end of the book; empty: its latest")
    compare_to: str = Field(default="", description="month end to compare with; empty: 3 months before")
    segment: Name = Field(default="", description="one segment of the book; empty: all")
    rules: Name = Field(default="", description="rule set that defines non-performing; empty: the book's")
    basis: Literal["", "balance", "count"] = Field(default="", description="what ratios weigh by; empty: the book's")
    lang: Literal["zh", "en"] = Field(default="zh", description="language a notebook opens in")
    seed: int = Field(default=7, ge=0, lt=2**32, description="seed of anything random")


@dataclass(frozen=True, kw_only=True)
class NotebookContract:
    """What one notebook answers, takes and shows.

    Attributes:
        name: file name without extension.
        title: what its report is called.
        question: the question it answers.
        params: model of its parameters.
        exhibits: ids of the exhibits it must show, each exactly once.
        metrics: headline numbers it must state.
        shows_errors: whether it is published of a book with quality errors, because it is about them.
    """

    name: str
    title: Text
    question: Text
    params: type[ReportParams] = ReportParams
    exhibits: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    shows_errors: bool = False


NOTEBOOKS: Mapping[str, NotebookContract] = MappingProxyType(
    {
        contract.name: contract
        for contract in (
            NotebookContract(
                name="10_data_quality",
                title=Text("数据质量报告", "Data quality report"),
                question=Text("这份数据可信吗？", "Can we trust this tape?"),
                exhibits=(
                    "quality_summary", "quality_headline", "quality_findings",
                    "import_tally", "month_coverage", "class_differences",
                ),
                metrics=("errors", "warnings"),
                shows_errors=True,
            ),
            NotebookContract(
                name="20_segment_trends",
                title=Text("分部不良趋势报告", "Segment NPL trend report"),
                question=Text(
                    "哪些分部的不良在上升，是否超出随机波动？",
                    "Where are NPLs rising, and is it more than noise?",
                ),
                exhibits=(
                    "summary", "headline", "segment_panels", "segment_table", "npl_bridge", "ratio_bridge",
                    "ratio_attribution", "trend_evidence", "segment_intervals", "segment_trends",
                    "segment_forecasts", "segment_ties",
                ),
                metrics=("npl_ratio",),
            ),
            NotebookContract(
                name="30_migration_and_vintage",
                title=Text("迁徙与账龄报告", "Migration and vintage report"),
                question=Text(
                    "贷款怎样变坏，哪些时期发放的更差？",
                    "How do loans go bad, and which cohorts are worse?",
                ),
                exhibits=(
                    "migration_summary", "monthly_matrix", "yearly_matrix", "default_rates", "roll_table",
                    "official_table", "cure_table", "redefault_table", "vintage_fan", "vintage_hazard",
                ),
                metrics=("default_rate",),
            ),
            NotebookContract(
                name="40_recovery_and_coverage",
                title=Text("回收与覆盖报告", "Recovery and coverage report"),
                question=Text(
                    "能收回多少、何时收回，准备够不够？",
                    "What do we get back, when, and are we covered?",
                ),
                exhibits=(
                    "recovery_summary", "recovery_chart", "exits_chart", "lgd_table", "written_off_chart",
                    "coverage_table", "coverage_by_age", "allowance_bridge", "requirement_table", "backstop_table",
                    "concentration_cards", "concentration_curve", "limits_table",
                ),
                metrics=("provision_coverage_ratio",),
            ),
        )
    }
)  # fmt: skip


def notebook_contract(name: str) -> NotebookContract:
    """Contract of a notebook.

    Raises:
        Misuse: if no notebook has this name.
    """
    require_known("notebook", name, NOTEBOOKS)
    return NOTEBOOKS[name]


def assignments(settings: Iterable[str]) -> dict[str, str]:
    """Names and values of `name=value` texts, as texts; nothing in them is evaluated.

    Raises:
        Misuse: if one has no name or no "=", or a name comes twice.
    """
    values: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise Misuse(f"--set must be NAME=VALUE, was {setting!r}; for example --set segment=retail.")
        if name.strip() in values:
            raise Misuse(f"parameter {name.strip()!r} must be set once, was set twice; keep one.")
        values[name.strip()] = value.strip()
    return values


def parameters(contract: NotebookContract, values: Mapping[str, object]) -> ReportParams:
    """Parameters of a notebook, checked for name and type; what is not given takes its default.

    Raises:
        Misuse: if a name is unknown or a value has the wrong type; lists what is allowed.
    """
    known = contract.params.model_fields
    if unknown := [name for name in values if name not in known]:
        named = ", ".join(f"{name!r}{did_you_mean(name, known)}" for name in unknown)
        raise Misuse(f"{contract.name} has no parameter {named}.\n{allowed_parameters(contract)}")
    try:
        return contract.params.model_validate(dict(values))
    except ValidationError as error:
        faults = "; ".join(_fault(fault) for fault in error.errors())
        raise Misuse(f"{contract.name}: {faults}.\n{allowed_parameters(contract)}") from error


def allowed_parameters(contract: NotebookContract) -> str:
    """Table of a notebook's parameters, one a line: name, default, meaning."""
    rows = [(n, repr(f.default), f.description or "") for n, f in contract.params.model_fields.items()]
    wide = [max(len(row[i]) for row in rows) for i in (0, 1)]
    lines = [f"  {name:<{wide[0]}}  {default:<{wide[1]}}  {text}".rstrip() for name, default, text in rows]
    return "\n".join(["Allowed parameters (name, default, meaning):", *lines])


def declared(contract: NotebookContract, variables: Mapping[str, object]) -> dict[str, object]:
    """The parameters among a notebook's variables.

    Raises:
        Misuse: if the notebook lacks one, so that papermill could not set it.
    """
    if missing := [name for name in contract.params.model_fields if name not in variables]:
        raise Misuse(
            f"the parameters cell of {contract.name} must define {', '.join(missing)}, but does not; "
            "run that cell first, or add them."
        )
    return {name: variables[name] for name in contract.params.model_fields}


def resolved(params: ReportParams, book: Book, rule_sets: Iterable[str]) -> ReportParams:
    """Parameters with every empty one filled from the book, and checked against it.

    Args:
        params: parameters as given.
        book: the book, opened at `params.as_of`.
        rule_sets: ids of the rule sets there are.

    Raises:
        Misuse: if the book has no such month or segment, or there is no such rule set.
    """
    filled = {
        "book": book.name,
        "as_of": book.as_of.isoformat(),
        "compare_to": _compare_to(params.compare_to, book),
        "segment": _segment(params.segment, book),
        "rules": _known("rules", params.rules or book.profile.rules, rule_sets),
        "basis": params.basis or book.profile.basis,
    }
    return params.model_copy(update=filled)


def departures(params: ReportParams, usual: ReportParams) -> dict[str, str]:
    """Parameters, but date and language, that differ from the usual ones; they name a report's folder.

    Args:
        params: resolved parameters of a run.
        usual: the same with nothing set but book and date.
    """
    fields = type(params).model_fields
    plain = {"book": fields["book"].default}
    expected = usual.model_dump() | plain
    return {
        name: str(value)
        for name, value in params.model_dump().items()
        if name not in {"as_of", "lang"} and value != expected[name]
    }


def _compare_to(given: str, book: Book) -> str:
    if not given:
        before = month_end_before(book.as_of, COMPARISON_MONTHS)
        return before.isoformat() if before in book.months else ""
    months = [month.isoformat() for month in book.months if month < book.as_of]
    if given not in months:
        span = f"from {months[0]} to {months[-1]}" if months else "(it has none)"
        raise Misuse(
            f"compare_to must be one of the book's month ends before {book.as_of}, {span}, "
            f"was {given!r}{did_you_mean(given, months)}."
        )
    return given


def _segment(given: str, book: Book) -> str:
    if not given:
        return ""
    rows = book.snapshots.filter(book.snapshots.as_of == book.as_of)
    found = rows.filter(rows.segment.notnull()).distinct(on="segment").segment.to_pandas()
    return _known("segment", given, sorted(str(segment) for segment in found))


def _known(what: str, given: str, known: Iterable[str]) -> str:
    names = list(known)
    if given not in names:
        raise Misuse(
            f"{what} must be one of {', '.join(names) or '(none)'}, was {given!r}{did_you_mean(given, names)}."
        )
    return given


def _fault(fault: Any) -> str:  # noqa: ANN401  (pydantic's own record)
    name = ".".join(str(part) for part in fault["loc"])
    return f"{name}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, was {fault['input']!r}"
