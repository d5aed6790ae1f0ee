"""What is an exhibit? A piece of a page, with the numbers it shows, the same in JupyterLab and in a report."""

import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Literal

import numpy as np

from analysis.exhibits.locale import UNKNOWN, reason
from analysis.terms import Language, Text

Kind = Literal["card", "chart", "table", "text"]
Metric = float | int | str | None
MIME_TYPE = "application/vnd.npl.exhibit+json"


@dataclass(frozen=True, kw_only=True)
class Caption:
    """What is said around an exhibit: the finding, then measure, unit, scope and period, then the source."""

    id: str
    headline: Text
    subtitle: Text
    source: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A piece of a page and every number in it that others may quote or compare."""

    id: str
    kind: Kind
    html: str
    metrics: dict[str, Metric] = field(default_factory=dict)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:  # noqa: ARG002 -- the signature is IPython's
        return {
            "text/html": self.html,
            "text/plain": f"{self.kind} {self.id}: {len(self.metrics)} numbers",
            MIME_TYPE: {"id": self.id, "kind": self.kind, "metrics": finite(self.metrics)},
        }


def finite(metrics: dict[str, Metric]) -> dict[str, Metric]:
    """The same metrics with None for what is unknown, as JSON needs, and plain Python numbers."""
    return {name: _plain(value) for name, value in metrics.items()}


def stylesheet() -> str:
    """The CSS of all exhibits, for notebooks and reports alike."""
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def notebook_style(language: Language = "en") -> str:
    """A style element for JupyterLab, whose page is always in English: pins the language of exhibits."""
    other = "en" if language == "zh" else "zh"
    cell = ".jp-OutputArea .jp-OutputArea-output.jp-OutputArea-output .npl"
    pinned = f"{cell} [lang={other}]{{display:none!important}}{cell} [lang={language}]{{display:revert!important}}"
    return f"<style>{stylesheet()}{pinned}</style>"


def absent(note: str = "") -> str:
    """Markup of a number that is not known, with the reason as its title."""
    return f'<span class="na" title="{both(reason(note))}">{UNKNOWN}</span>'


def both(text: Text) -> str:
    """Both languages on one line, escaped for an attribute or an SVG title."""
    joined = text.en if text.zh == text.en else f"{text.zh} / {text.en}"
    return escape(joined, quote=True)


def boxed(caption: Caption, body: str, *, tag: Literal["figure", "div"] = "figure") -> str:
    """Markup of a captioned exhibit: heading, small line, body, source."""
    heading = "figcaption" if tag == "figure" else "div"
    source = f'<p class="src">{caption.source.html()}</p>' if caption.source else ""
    return (
        f'<{tag} class="npl box" id="{escape(caption.id)}">'
        f'<{heading} class="cap"><b>{caption.headline.html()}</b><small>{caption.subtitle.html()}</small></{heading}>'
        f"{body}{source}</{tag}>"
    )


def _plain(value: Metric) -> Metric:
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
