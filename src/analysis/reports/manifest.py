"""The record of a published report: what it says, what it was made from, what it consists of."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.book.catalog import file_digest
from analysis.book.quality.words import SEVERITIES, Finding
from analysis.measures.catalog import MEASURES
from analysis.reports.places import MANIFEST_FILE
from analysis.reports.request import Request
from analysis.terms import Text

SCHEMA_VERSION = 1
_COUNTS: Mapping[str, Text] = MappingProxyType(
    {
        "errors": Text("错误项", "Errors"),
        "warnings": Text("提示项", "Warnings"),
    }
)
_SHARES: Mapping[str, Text] = MappingProxyType({"default_rate": Text("一年内变坏", "Bad within a year")})


def manifest(
    request: Request,
    meta: Mapping[str, Any],
    exhibits: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Record of a report, but for its outputs; nothing in it depends on the clock or the machine.

    Args:
        request: what was asked.
        meta: what the notebook said of its run.
        exhibits: what each exhibit says of itself: `id`, `kind`, `metrics`.
        findings: quality findings of the book.
    """
    print_ = request.fingerprint
    place = request.place
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "ok",
        "report": {"notebook": place.notebook, "as_of": place.as_of, "slug": place.slug, "folder": place.folder},
        "key": print_.key,
        "title": meta["title"],
        "bank": meta["bank"],
        "parameters": dict(print_.parameters),
        "book": meta["book"] | {"currency": meta["currency"], "simulated": meta["simulated"]},
        "derived": meta["derived"],
        "definition": meta["definition"],
        "unverified_rules": meta["unverified"],
        "code": {"version": meta["version"], "digest": print_.code.digest, "packages": dict(print_.code.packages)},
        "engine": request.book.engine.kind,
        "notebook": {"name": place.notebook, "sha256": print_.notebook},
        "inputs": [_input(file) for file in _files(request)],
        "exhibits": list(exhibits),
        "headline": headline(request.contract.metrics, exhibits),
        "quality": _quality(findings),
    }


def with_outputs(record: Mapping[str, Any], pages: Mapping[str, str]) -> dict[str, Any]:
    """The record with name, digest and size of each page."""
    outputs = [
        {"path": name, "sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text.encode())}
        for name, text in sorted(pages.items())
    ]
    return {**record, "outputs": outputs}


def manifest_text(record: Mapping[str, Any]) -> str:
    """The record as a file: the same record always gives the same bytes."""
    return json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The record of the report in a folder; None if there is none that can be read."""
    try:
        return parsed_record((folder / MANIFEST_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def parsed_record(content: bytes) -> dict[str, Any] | None:
    """The record that a file of a report or of a failure holds; None if it cannot be read."""
    try:
        record = json.loads(content)
    except ValueError:
        return None
    return record if isinstance(record, dict) and record.get("schema_version") == SCHEMA_VERSION else None


def is_current(folder: Path, key: str) -> bool:
    """Whether a folder holds the report of a fingerprint, with every file as it was published."""
    record = read_manifest(folder)
    return record is not None and record["key"] == key and all(_intact(folder, file) for file in record["outputs"])


def headline(metrics: Sequence[str], exhibits: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A report's headline numbers in the order of its contract: name, value, change, unit, status, label."""
    return [_number(name, exhibits) for name in metrics]


def stated(metric: str, exhibits: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Id and value of each exhibit that states a metric."""
    return ((one["id"], one["metrics"][metric]) for one in exhibits if metric in one["metrics"])


def _number(name: str, exhibits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    holders = [one["metrics"] for one in exhibits if name in one["metrics"]]
    measure = MEASURES.get(name)
    label = measure.label if measure else {**_COUNTS, **_SHARES}.get(name, Text(name, name))
    return {
        "name": name,
        "value": holders[0][name] if holders else None,
        "change": _beside("change", name, holders),
        "status": _beside("status", name, holders),
        "unit": measure.unit if measure else "share" if name in _SHARES else "count",
        "worse": measure.worse if measure else "up",
        "label": {"zh": label.zh, "en": label.en},
    }


def _beside(what: str, name: str, holders: Sequence[Mapping[str, Any]]) -> Any:  # noqa: ANN401  (a JSON value)
    # A strip of cards names whose change it is; a summary is about one number, the first it states.
    own = [metrics[f"{name}.{what}"] for metrics in holders if f"{name}.{what}" in metrics]
    sole = [metrics[what] for metrics in holders if what in metrics and next(iter(metrics)) == name]
    return next(iter(own + sole), None)


def _quality(findings: Sequence[Finding]) -> dict[str, Any]:
    counts = {severity: sum(one.severity == severity for one in findings) for severity in SEVERITIES}
    rules = [{"rule": one.rule, "severity": one.severity, "count": one.count} for one in findings]
    return {"findings": counts, "rules": rules}


def _files(request: Request) -> list[Any]:
    known = [f for f in request.book.catalog.files if f.as_of is None or f.as_of <= request.book.as_of]
    return sorted(known, key=lambda file: file.path)


def _input(file: Any) -> dict[str, Any]:  # noqa: ANN401  (a FileRecord)
    return {"table": file.table, "path": file.path, "rows": file.rows, "sha256": file.sha256}


def _intact(folder: Path, output: Mapping[str, Any]) -> bool:
    path = folder / output["path"]
    wanted: str = output["sha256"]
    return path.is_file() and file_digest(path) == wanted
