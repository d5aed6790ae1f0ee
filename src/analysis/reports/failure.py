"""What went wrong, told so that no loan data leaves with it, and a page for those who must mend it."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType

from analysis.errors import AnalysisError, DataRefused, MissingColumns, Misuse, Unavailable, Unreconciled
from analysis.reports.page_text import page_text
from analysis.reports.style import page_style
from analysis.terms import Text

FAILED_FOLDER = "_failed"
PAGE_FILE = "failure.html"
RECORD_FILE = "failure.json"
LOG_FILE = "log.txt"
_FONTS = "/*fonts*/"

_FAMILY: Mapping[str, type[AnalysisError]] = MappingProxyType(
    {kind.__name__: kind for kind in (AnalysisError, MissingColumns, Unreconciled, DataRefused, Misuse, Unavailable)}
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way to fail: what to tell, what to do, and whether the fault lies in data or infrastructure."""

    what: Text
    advice: Text
    error: type[AnalysisError] = DataRefused


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "error": Kind(
            what=Text("笔记本的一个单元出错", "a cell of the notebook failed"),
            advice=Text("请在 JupyterLab 中运行，查看出错单元。", "Run the notebook in JupyterLab and look there."),
        ),
        "endless": Kind(
            what=Text("一个单元在时限内没有算完", "a cell was still computing at the time limit"),
            advice=Text("请检查该单元是否有死循环，或调高时限。", "Look for an endless loop, or raise the time limit."),
        ),
        "hanging": Kind(
            what=Text("一个单元在等待，到时限仍无响应", "a cell was waiting for something and did not answer in time"),
            advice=Text("请检查文件共享、数据库或锁，然后重试。", "Check file shares, databases and locks; run again."),
            error=Unavailable,
        ),
        "unstarted": Kind(
            what=Text("计算内核没有启动", "the kernel did not start"),
            advice=Text("请检查安装环境和机器负载，然后重试。", "Check the installation and the load; run again."),
            error=Unavailable,
        ),
        "dead": Kind(
            what=Text("计算内核中途终止（可能是内存不足）", "the kernel died (out of memory, perhaps)"),
            advice=Text("请释放内存或换用更大的机器，然后重试。", "Free memory or use a larger machine; run again."),
            error=Unavailable,
        ),
        "gate": Kind(
            what=Text("报告内容未通过检查", "the report's content did not pass its checks"),
            advice=Text("请按所列各项修正后重新出具。", "Mend what is listed, then run again."),
        ),
        "quality": Kind(
            what=Text("数据有错误级别的质量问题", "the tape has quality findings of severity error"),
            advice=Text("请用 npl check 查看并修正数据。", "See npl check, correct the tape and import again."),
        ),
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Incident:
    """Why a run was not published; safe to show, but for its log.

    Attributes:
        kind: a key of `KINDS`.
        exception: type of the exception; never its text, which may quote data.
        section: title of the section that failed, if it came to one.
        faults: what the checks refused.
        log: full output of the run; for owners only.
        attempts: how often the run was begun; 0 if it was refused before.
    """

    kind: str
    exception: str = ""
    section: Text | None = None
    faults: tuple[str, ...] = ()
    log: str = ""
    attempts: int = 0

    @property
    def error(self) -> AnalysisError:
        """The error to raise; its exit code tells data from infrastructure."""
        return self._family()(self.message("en") + ".")

    def summary(self, language: str) -> str:
        """A few words on what failed and where, without numbers or text of the data."""
        what = getattr(KINDS[self.kind].what, language)
        where = f" [{getattr(self.section, language)}]" if self.section else ""
        exception = f" ({self.exception})" if self.exception else ""
        return f"{what}{where}{exception}"

    def message(self, language: str) -> str:
        """The summary, and what the checks refused."""
        faults = ": " + "; ".join(self.faults) if self.faults else ""
        return self.summary(language) + faults

    def _family(self) -> type[AnalysisError]:
        family = _FAMILY.get(self.exception, KINDS[self.kind].error) if self.kind == "error" else KINDS[self.kind].error
        # These two take other arguments than a message.
        return DataRefused if family in (MissingColumns, Unreconciled) else family


def write_failure(folder: Path, incident: Incident, identity: Mapping[str, str]) -> None:
    """Leave a page, a record and a private log for the owners of a report.

    Args:
        folder: where; it is made.
        incident: what went wrong.
        identity: notebook, as_of and slug of the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_private(folder / LOG_FILE, incident.log)
    record = asdict(incident) | dict(identity) | {
        "schema_version": 1,
        "status": "failed",
        "exit_code": incident.error.exit_code,
        "summary": {"zh": incident.summary("zh"), "en": incident.summary("en")},
        "message": {"zh": incident.message("zh"), "en": incident.message("en")},
    }  # fmt: skip
    record.pop("log")
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / RECORD_FILE).write_text(text + "\n", encoding="utf-8", newline="\n")
    (folder / PAGE_FILE).write_text(failure_page(incident, identity), encoding="utf-8", newline="\n")


def failure_page(incident: Incident, identity: Mapping[str, str]) -> str:
    """Page for owners: which report, what failed, where, what to do next."""
    title = Text("报告未发布", "Report not published")
    name = escape(f"{identity['notebook']} · {identity['as_of']}")
    where = incident.section.html() if incident.section else "–"
    faults = "".join(f"<li>{escape(fault)}</li>" for fault in incident.faults)
    rows = (
        (Text("报告", "Report"), name),
        (Text("原因", "What failed"), KINDS[incident.kind].what.html()),
        (Text("章节", "Section"), where),
        (Text("异常类型", "Exception"), escape(incident.exception) or "–"),
        (Text("运行次数", "Attempts"), f"{incident.attempts}"),
        (Text("下一步", "Next step"), KINDS[incident.kind].advice.html()),
        (Text("日志", "Log"), Text("见 log.txt，限负责人。", "log.txt beside this page; owners only.").html()),
    )  # fmt: skip
    facts = "".join(f"<dt>{label.html()}</dt><dd>{value}</dd>" for label, value in rows)
    return _with_fonts(
        '<!doctype html>\n<html lang="zh-CN" data-both><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; font-src data:\">"
        f"<title>{escape(title.zh)} · {name}</title><style>{_FONTS}{page_style()}</style></head>"
        f'<body class="npl"><main class="wrap"><h1>{title.html()}</h1><dl class="facts">{facts}</dl>'
        f"<ul>{faults}</ul></main></body></html>\n"
    )


def _with_fonts(html: str) -> str:
    # Drawing is loaded only where a run failed; a character without a glyph must not hide what failed.
    from analysis.exhibits.fonts import embedded_font_css, missing_glyphs  # noqa: PLC0415

    text = page_text(html)
    return html.replace(_FONTS, embedded_font_css(sorted(set(text) - set(missing_glyphs(text)))), 1)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
