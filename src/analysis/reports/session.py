"""What a notebook starts with: checked parameters, the book, the rules, and the head of its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import ibis.expr.types as ir

from analysis.book.store import Book, open_book
from analysis.classify.states import states
from analysis.exhibits.exhibit import notebook_style
from analysis.exhibits.segment_page import Lens
from analysis.reports.contract import (
    META_TYPE,
    NotebookContract,
    ReportParams,
    declared,
    notebook_contract,
    parameters,
    resolved,
)
from analysis.rules.loader import RuleSet, load_rules, rule_sets
from analysis.terms import Text


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a notebook: show it, and it prints the head of the report.

    Attributes:
        contract: what the notebook must take and show.
        params: resolved parameters; none is empty but where the book gives none.
        book: the book as of the reporting date.
        rules: the rule set that defines non-performing.
    """

    contract: NotebookContract
    params: ReportParams
    book: Book
    rules: RuleSet

    @property
    def as_of(self) -> date:
        """Reporting date."""
        return self.book.as_of

    @property
    def compare_to(self) -> date | None:
        """Date to compare with; None if the book has none."""
        return date.fromisoformat(self.params.compare_to) if self.params.compare_to else None

    @property
    def lang(self) -> str:
        """Language the notebook opens in."""
        return self.params.lang

    @cached_property
    def states(self) -> ir.Table:
        """One row is a loan at a month end, classified; of one segment where that was asked."""
        rows, segment = states(self.book, self.rules), looked_at(self.contract, self.params)
        return rows.filter(rows.segment == segment) if segment else rows

    @cached_property
    def lens(self) -> Lens:
        """From where this run looks at its book."""
        return Lens(
            book=self.book,
            rules=self.rules,
            states=self.states,
            basis=self.params.basis or self.book.profile.basis,
            compare_to=self.compare_to,
            segment=looked_at(self.contract, self.params),
        )

    @cached_property
    def meta(self) -> dict[str, Any]:
        """What the report's header and footer say of this run; nothing in it depends on the clock."""
        return run_meta(self.contract, self.params, self.book, self.rules)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {
            META_TYPE: self.meta,
            "text/html": notebook_style(self.params.lang) + lab_header(self.meta),
            "text/plain": f"{self.contract.name}: {self.book.name} as of {self.as_of}",
        }


def start(notebook: str, variables: Mapping[str, object]) -> Run:
    """Begin a notebook: check its parameters, open its book and rules.

    Args:
        notebook: its name, such as "20_segment_trends".
        variables: `globals()` of the notebook, after its parameters cell.

    Raises:
        Misuse: if a parameter is missing, of the wrong type, or not in the book.
        Unavailable: if there is no such book.
    """
    contract = notebook_contract(notebook)
    params = parameters(contract, declared(contract, variables))
    return opened(contract, params)


def opened(contract: NotebookContract, params: ReportParams) -> Run:
    """Run with its book opened at the date, its rules loaded, its empty parameters filled.

    Raises:
        Misuse: if a parameter does not fit the book.
        Unavailable: if there is no such book.
    """
    book = open_book(params.book, as_of=params.as_of or None)
    params = resolved(params, book, rule_sets())
    return Run(contract=contract, params=params, book=book, rules=load_rules(params.rules))


def run_meta(contract: NotebookContract, params: ReportParams, book: Book, rules: RuleSet) -> dict[str, Any]:
    """Plain values for a report's header and footer, ready for JSON."""
    profile, segment = book.profile, looked_at(contract, params)
    return {
        "schema_version": 1,
        "notebook": contract.name,
        "title": _both(contract.title),
        "question": _both(contract.question),
        "bank": _both(profile.title),
        "currency": profile.currency,
        "jurisdiction": profile.jurisdiction,
        "as_of": book.as_of.isoformat(),
        "compare_to": params.compare_to,
        "periodicity": profile.periodicity,
        "book": {"name": book.name, "hash": book.content_hash, "months": len(book.months)},
        "definition": {
            "id": rules.id,
            "key": rules.key,
            "label": _both(rules.label),
            "effective_from": rules.effective_from.isoformat(),
        },
        "unverified": [rule.rule_id for rule in rules.unverified],
        "scope": _both(book.label("segment", segment)) if segment else None,
        "simulated": profile.simulated,
        "derived": _both(profile.derived) if profile.derived else None,
        "notes": [_both(note) for note in profile.notes],
        "parameters": params.model_dump(),
        "version": package_version(),
    }


def looked_at(contract: NotebookContract, params: ReportParams) -> str:
    """The one segment that a page is of; empty for all, as where the question is whether the tape can be trusted."""
    return "" if contract.shows_errors else params.segment


def lab_header(meta: Mapping[str, Any]) -> str:
    """The head of the page as JupyterLab shows it."""
    lang = meta["parameters"]["lang"]
    scope = [meta["scope"][lang]] if meta["scope"] else []
    basis = " · ".join([meta["as_of"], *scope, meta["definition"]["label"][lang]])
    bank, title, period = (escape(line) for line in (meta["bank"][lang], meta["title"][lang], basis))
    return (
        f'<div class="npl npl-head" lang="{escape(lang)}"><p class="npl-bank">{bank}</p>'
        f'<p class="npl-title">{title}</p><p class="npl-period">{period}</p></div>'
    )


def package_version() -> str:
    """Version of this package; "0" where it is run without being installed."""
    try:
        return version("npl-workbook")
    except PackageNotFoundError:
        return "0"


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}
