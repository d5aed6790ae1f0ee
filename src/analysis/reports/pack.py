"""Publish reports: check what is asked, skip what is unchanged, run the rest, publish it, renew the index."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from analysis.book.quality.words import Finding
from analysis.book.store import Book, workspace
from analysis.errors import Unavailable
from analysis.reports.failure import PAGE_FILE, Incident
from analysis.reports.library import renew_index
from analysis.reports.manifest import is_current
from analysis.reports.places import MANIFEST_FILE, report_file, reports_folder
from analysis.reports.publish import clear_failure, publish_edition, publish_failure, report_lock, sweep
from analysis.reports.request import Request, requests
from analysis.terms import LANGUAGES

Progress = Callable[[int, int], None]
_STEPS = 100  # of each notebook, on the progress bar


@dataclass(kw_only=True)
class ReportRun:
    """How one report came out.

    Attributes:
        notebook: its name.
        status: "published", "unchanged" or "failed".
        message: period, warnings, or why it failed and what readers see instead.
        paths: its pages, in the languages asked for; of a failed one the owners' page.
        index: page that lists all reports.
        exit_code: 0, or that of the failure.
    """

    notebook: str
    status: str
    message: str
    paths: Sequence[str]
    index: str
    exit_code: int


def publish_reports(
    notebooks: Sequence[str],
    parameters: Mapping[str, object],
    languages: Sequence[str],
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> list[ReportRun]:
    """Run and publish notebooks, each in a clean process; one that fails does not stop the others.

    Both pages are always published, because one run serves both languages; `languages` chooses
    which are named in the answer.

    Args:
        notebooks: their names; all there are if none is named.
        parameters: values by name; checked before anything runs.
        languages: "zh", "en" or both.
        force: run again although nothing changed.
        progress: called with steps done and steps in all.

    Raises:
        Misuse: if a notebook or parameter is not one there is.
        Unavailable: if there is no such book.
    """
    asked = requests(notebooks, parameters)
    root = reports_folder(workspace())
    quality = _Quality()
    attempts = [_Attempt(request=request, root=root, quality=quality, force=force) for request in asked]
    runs = [_run(attempt, _share(progress, n, len(asked))) for n, attempt in enumerate(attempts)]
    index = renew_index(root)
    return [replace(run, index=str(index), paths=_named(run.paths, languages)) for run in runs]


@dataclass(frozen=True)
class _Quality:
    """Findings by content hash, so that a book is checked once however many notebooks read it."""

    known: dict[str, tuple[Finding, ...]] = field(default_factory=dict)

    def of(self, book: Book) -> tuple[Finding, ...]:
        from analysis.book.quality import findings  # noqa: PLC0415 - not needed where nothing changed

        key = book.content_hash
        if key not in self.known:
            self.known[key] = findings(book)
        return self.known[key]


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    request: Request
    root: Path
    quality: _Quality
    force: bool


def _run(attempt: _Attempt, progress: Progress) -> ReportRun:
    request, root = attempt.request, attempt.root
    try:
        with report_lock(root, request.contract.name):
            sweep(root, request.contract.name)
            if not attempt.force and is_current(request.place.path(root), request.fingerprint.key):
                clear_failure(root, request.place)
                return _finished(attempt, "unchanged")
            return _attempted(attempt, progress)
    except Unavailable as error:
        return _failed(attempt, str(error), error.exit_code, [])


def _attempted(attempt: _Attempt, progress: Progress) -> ReportRun:
    # Papermill and nbconvert take longer to load than a report that is unchanged takes altogether.
    from analysis.reports.render import edition, run_id  # noqa: PLC0415

    request, root = attempt.request, attempt.root
    run = run_id(request.fingerprint.key)
    findings = attempt.quality.of(request.book)
    refused = _refusal(request, findings)
    made = refused or edition(request, findings, run, progress)
    if isinstance(made, Incident):
        folder = publish_failure(root, request.place, run, made)
        return _failed(attempt, made.message("en"), made.error.exit_code, [str(folder / PAGE_FILE)])
    publish_edition(root, request.place, made)
    clear_failure(root, request.place)
    return _finished(attempt, "published")


def _refusal(request: Request, findings: Sequence[Finding]) -> Incident | None:
    errors = [one for one in findings if one.severity == "error"]
    if not errors or request.contract.shows_errors:
        return None
    faults = tuple(f"{one.label.en} ({one.rule}, {one.count:,} rows)" for one in errors)
    return Incident(kind="quality", faults=faults)


def _finished(attempt: _Attempt, status: str) -> ReportRun:
    request = attempt.request
    folder = request.place.path(attempt.root)
    return ReportRun(
        notebook=request.contract.name,
        status=status,
        message=request.place.folder,
        paths=[str(folder / report_file(language)) for language in LANGUAGES],
        index="",
        exit_code=0,
    )


def _failed(attempt: _Attempt, message: str, exit_code: int, paths: list[str]) -> ReportRun:
    name = attempt.request.contract.name
    stays = (attempt.request.place.path(attempt.root) / MANIFEST_FILE).is_file()
    kept = "; the report published before stays" if stays else ""
    return ReportRun(notebook=name, status="failed", message=message + kept, paths=paths, index="", exit_code=exit_code)


def _named(paths: Sequence[str], languages: Sequence[str]) -> list[str]:
    others = {report_file(language) for language in LANGUAGES if language not in languages}
    return [path for path in paths if Path(path).name not in others]


def _share(progress: Progress | None, number: int, of: int) -> Progress:
    def show(done: int, cells: int) -> None:
        if progress is not None:
            progress(number * _STEPS + done * _STEPS // max(cells, 1), of * _STEPS)

    return show
