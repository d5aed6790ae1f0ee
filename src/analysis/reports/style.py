"""Style sheets and script of pages, each read from its file."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType

from analysis.exhibits.exhibit import stylesheet
from analysis.reports.shared_styles import compact
from analysis.terms import Language, Text

# What the style sheets show and hide words by.
HTML_LANGUAGE: MappingProxyType[Language, str] = MappingProxyType({"zh": "zh-CN", "en": "en"})
PAGE_WORDS: MappingProxyType[str, Text] = MappingProxyType(
    {
        "skip": Text("跳到正文", "Skip to content"),
        "provenance": Text("数据与版本", "Provenance"),
        "print": Text("打印", "Print"),
    }
)


def page_style() -> str:
    """Style sheet of a page: that of the exhibits, then that of header, contents and footer."""
    return compact(stylesheet() + _template("page.css"))


def page_script() -> str:
    """The only script of a page."""
    return _template("page.js").strip()


def script_digest() -> str:
    """Digest that lets a page's own script run and no other, as its security policy writes it."""
    return "sha256-" + b64encode(sha256(page_script().encode()).digest()).decode()


@cache
def _template(name: str) -> str:
    return files("analysis.reports").joinpath("template", name).read_text(encoding="utf-8")
