"""A library of published reports, by their manifests alone."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from analysis.reports.failure import Incident
from analysis.reports.manifest import SCHEMA_VERSION
from analysis.reports.places import Place
from analysis.reports.publish import publish_failure

BANK = {"zh": "示例银行", "en": "Example Bank"}


def number(name: str, value: float | None, **fields: Any) -> dict[str, Any]:
    label = {"zh": "不良率", "en": "NPL ratio"}
    return {
        "name": name,
        "value": value,
        "change": None,
        "status": "ok",
        "unit": "share",
        "worse": "up",
        "label": label,
    } | fields


def add_report(root: Path, place: Place, *numbers: dict[str, Any], **fields: Any) -> None:
    """Publish a manifest, without pages."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "report": {
            "notebook": place.notebook,
            "as_of": place.as_of,
            "slug": place.slug,
            "folder": place.folder,
        },
        "bank": BANK,
        "book": {"hash": "ab" * 32, "currency": "CNY", "simulated": True},
        "headline": list(numbers),
        "quality": {"findings": {"error": 0, "warning": 0, "info": 0}},
    } | fields
    folder = place.path(root)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(record), encoding="utf-8")


def add_failure(root: Path, place: Place, run: str = "1") -> None:
    publish_failure(root, place, run, Incident(kind="quality", faults=("LOAN-1 twice",)))


def trends(as_of: str | date, slug: str = "") -> Place:
    return Place(notebook="20_segment_trends", as_of=str(as_of), slug=slug)
