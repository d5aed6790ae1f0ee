"""From a request to an edition: run the notebook, check what it shows, write its pages and its record."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import nbformat
from nbformat import NotebookNode

from analysis.book.quality.words import Finding
from analysis.errors import DataRefused
from analysis.reports.exporter import Checks, exhibits, report_meta, report_pages
from analysis.reports.failure import Incident
from analysis.reports.fingerprint import installed_code
from analysis.reports.gate import notebook_faults, run_faults
from analysis.reports.manifest import manifest, manifest_text, with_outputs
from analysis.reports.page_checks import page_faults
from analysis.reports.places import MANIFEST_FILE, report_file
from analysis.reports.privacy import private_faults
from analysis.reports.publish import Edition
from analysis.reports.request import Request
from analysis.reports.runner import Executed, Job, run_notebook

Progress = Callable[[int, int], None]


def edition(
    request: Request, findings: Sequence[Finding], run: str, progress: Progress | None = None
) -> Edition | Incident:
    """The report that was asked for, or why there is none.

    Args:
        request: what was asked.
        findings: quality findings of its book.
        run: id of the run.
        progress: called with cells done and cells in all.
    """
    done = run_notebook(_job(request), progress)
    if isinstance(done, Incident):
        return done
    try:
        pages = _pages(done.notebook, findings)
        faults = (*notebook_faults(request.contract, done.notebook), *_page_faults(request, done.notebook, pages))
    except DataRefused as error:
        pages, faults = {}, (str(error),)
    if faults:
        return Incident(kind="gate", faults=faults, log=done.log, attempts=done.attempts)
    record = manifest(request, report_meta(done.notebook), exhibits(done.notebook), findings)
    public = {**pages, MANIFEST_FILE: manifest_text(with_outputs(record, pages))}
    return Edition(run=run, public=public, private=_records(done, run))


def run_id(key: str) -> str:
    """Id of a run that starts now: time and the first letters of its fingerprint."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{key[:6]}"


def _job(request: Request) -> Job:
    given = request.params.model_dump()
    return Job(notebook=request.notebook, parameters=given, books=request.book.path.parent)


def _pages(notebook: NotebookNode, findings: Sequence[Finding]) -> dict[str, str]:
    counted = Checks(
        errors=sum(one.severity == "error" for one in findings),
        warnings=sum(one.severity == "warning" for one in findings),
    )
    pages = report_pages(notebook, counted, installed_code())
    return {report_file(language): html for language, html in pages.items()}


def _page_faults(request: Request, notebook: NotebookNode, pages: Mapping[str, str]) -> tuple[str, ...]:
    # Pages differ in the language they open in, not in what they say.
    longest = max(pages.values(), key=len)
    return (*run_faults(request, notebook), *page_faults(longest), *private_faults(longest, request.book))


def _records(done: Executed, run: str) -> dict[str, str]:
    times: dict[str, Any] = {
        "run": run,
        "attempts": done.attempts,
        "seconds": round(done.seconds, 3),
        "cells": [round(s, 3) for s in done.cells],
    }
    return {
        "executed.ipynb": nbformat.writes(done.notebook) + "\n",
        "log.txt": done.log,
        "run.json": json.dumps(times, indent=1, sort_keys=True) + "\n",
    }
