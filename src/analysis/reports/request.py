"""What exactly is asked for? Each notebook with its parameters checked, its book open, its place known."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.book.catalog import file_digest
from analysis.book.store import Book, books_folder, open_book, workspace
from analysis.errors import Unavailable
from analysis.reports.contract import (
    NOTEBOOKS,
    NotebookContract,
    ReportParams,
    departures,
    notebook_contract,
    parameters,
    resolved,
)
from analysis.reports.fingerprint import Fingerprint, installed_code
from analysis.reports.places import Place, slug
from analysis.rules.loader import RuleSet, load_rules, rule_sets

_HASH_LETTERS = 6


@dataclass(frozen=True, kw_only=True)
class Request:
    """One report that is asked for.

    Attributes:
        contract: what its notebook takes and shows.
        notebook: the notebook's file.
        params: resolved; in the language that notebooks open in, since a page holds both.
        book: opened at the reporting date.
        rules: what defines non-performing.
        place: where its report lies.
    """

    contract: NotebookContract
    notebook: Path
    params: ReportParams
    book: Book
    rules: RuleSet
    place: Place

    @property
    def fingerprint(self) -> Fingerprint:
        """What its report is computed from."""
        return Fingerprint(
            code=installed_code(),
            notebook=file_digest(self.notebook),
            parameters=self.params.model_dump(),
            book=self.book.content_hash,
            rules=self.rules.key,
        )


def requests(notebooks: Sequence[str], values: Mapping[str, object]) -> list[Request]:
    """Reports that are asked for, each checked before any of them is run.

    Args:
        notebooks: their names; all there are if none is named.
        values: parameters as given.

    Raises:
        Misuse: if a notebook, a parameter or a value is not one there is; lists what is allowed.
        Unavailable: if there is no such book or no file of a notebook.
    """
    contracts = [notebook_contract(name) for name in dict.fromkeys(notebooks)] or list(NOTEBOOKS.values())
    return [_request(contract, parameters(contract, values)) for contract in contracts]


def _request(contract: NotebookContract, asked: ReportParams) -> Request:
    book = open_book(asked.book, as_of=asked.as_of or None)
    params = resolved(asked.model_copy(update={"lang": contract.params().lang}), book, rule_sets())
    usual = resolved(contract.params(book=asked.book, as_of=asked.as_of), book, rule_sets())
    return Request(
        contract=contract,
        notebook=_notebook(contract.name),
        params=params,
        book=book,
        rules=load_rules(params.rules),
        place=_place(contract, params, usual, book),
    )


def _place(contract: NotebookContract, params: ReportParams, usual: ReportParams, book: Book) -> Place:
    apart = departures(params, usual)
    if book.path.parent != books_folder().resolve():
        # Two books outside the books folder may share a name; their reports must not share a place.
        elsewhere = hashlib.sha256(str(book.path.parent).encode()).hexdigest()[:_HASH_LETTERS]
        apart["book"] = f"{book.name}-{elsewhere}"
    return Place(notebook=contract.name, as_of=params.as_of, slug=slug(apart))


def _notebook(name: str) -> Path:
    path = workspace() / "notebooks" / f"{name}.ipynb"
    if not path.is_file():
        raise Unavailable(
            f"notebook {name} must lie in the folder 'notebooks' of the project, but does not; "
            "run npl from inside the project."
        )
    return path
