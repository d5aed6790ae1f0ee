"""What stands behind each verdict: slope, break, season and back-test of every segment, for those who check."""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from analysis.exhibits.exhibit import Caption, Exhibit, absent
from analysis.exhibits.locale import as_date, change_bp, is_known, share_number, short_period
from analysis.exhibits.palette import Tone
from analysis.exhibits.reading import Reading, SegmentFrames, Standing, number
from analysis.exhibits.tables import Cell, Column, Row, number_cell, table, text_cell
from analysis.terms import Text, same

VERDICTS = MappingProxyType(
    {
        "rising": Text("上升", "Rising"),
        "falling": Text("下降", "Falling"),
        "noise": Text("噪声", "Noise"),
        "unknown": Text("无法判断", "Cannot tell"),
    }
)
_COLUMNS = (
    Column(key="segment", label=Text("分部", "Segment"), align="text"),
    Column(key="verdict", label=Text("判断", "Verdict"), align="text"),
    Column(key="slope", label=Text("斜率/年", "Slope a year")),
    Column(key="interval", label=Text("95%区间", "95% interval"), align="text"),
    Column(key="break", label=Text("水平突变", "Break of level"), align="text"),
    Column(key="season", label=Text("季节强度，%", "Season, %")),
    Column(key="model", label=Text("模型误差", "Model error")),
    Column(key="naive", label=Text("朴素误差", "Naive error")),
)
_BROKEN = Text("{n}个分部中{k}个的水平出现过突变：{names}", "The level broke in {k} of {n} segments: {names}")
_UNBROKEN = Text("{n}个分部的水平都没有显著突变", "The level broke in none of {n} segments")
_UNTESTED = Text("历史均过短，无法检验水平突变", "No history is long enough to test for a break of level")
Judged = Mapping[str, object]


def trend_evidence(reading: Reading, frames: SegmentFrames) -> Exhibit:
    """One row per segment: the verdict and all that it rests on.

    Args:
        reading: what the page says of each segment.
        frames: with the trends, as `trends` gives them.
    """
    judged = _by_segment(frames.trends)
    rows = [_row(reading, one, judged.get(one.key, {})) for one in reading.segments]
    return table(rows, _COLUMNS, _caption(reading, judged))


def _caption(reading: Reading, judged: Mapping[str, Judged]) -> Caption:
    tested = [one for one in reading.segments if is_known(number(judged.get(one.key, {}).get("break_p")))]
    breaks = [one for one in tested if as_date(judged[one.key].get("break_date"))]
    names = Text("、".join(one.label.zh for one in breaks[:3]), ", ".join(one.label.en for one in breaks[:3]))
    headline = _UNTESTED if not tested else _BROKEN if breaks else _UNBROKEN
    return Caption(
        id="trend_evidence",
        headline=headline.format(k=len(breaks), n=len(tested), names=names),
        subtitle=Text(
            "斜率与误差为基点；突变为单次检验，p<5%；季节强度为季节占波动的比重；误差为回测平均绝对误差",
            "Slope and errors in basis points; break: one test per segment, p < 5%; season: share of movement; "
            "errors: mean absolute error of the back-test",
        ),
        source=reading.subject.source,
    )


def _row(reading: Reading, one: Standing, judged: Judged) -> Row:
    tone = _tone(reading, one)
    why = str(judged.get("note") or "too_short")
    strength = number(judged.get("seasonal_strength"))
    return {
        "segment": text_cell(one.label),
        "verdict": Cell(html=VERDICTS[one.verdict].html(), sort=one.verdict, tone=tone),
        "slope": number_cell(one.slope, change_bp(one.slope), tone=tone, note=why),
        "interval": _interval(one, why),
        "break": _break(judged),
        "season": number_cell(strength, share_number(strength, 0), note="too_short"),
        "model": _error(judged, "model_error"),
        "naive": _error(judged, "naive_error"),
    }


def _tone(reading: Reading, one: Standing) -> Tone | None:
    if one.verdict not in {"rising", "falling"}:
        return None
    return "worse" if (one.verdict == "rising") == (reading.subject.worse == "up") else "better"


def _interval(one: Standing, why: str) -> Cell:
    if not is_known(one.slope_low):
        return Cell(html=absent(why))
    words = Text("{low} 至 {high}", "{low} to {high}")
    return text_cell(words.format(low=change_bp(one.slope_low), high=change_bp(one.slope_high)))


def _break(judged: Judged) -> Cell:
    when = as_date(judged.get("break_date"))
    if when is not None:
        return text_cell(same(f"{short_period(when)} (p {number(judged.get('break_p')):.3f})"))
    return Cell(html=absent("no_break" if is_known(number(judged.get("break_p"))) else "too_short"))


def _error(judged: Judged, name: str) -> Cell:
    error = number(judged.get(name))
    return number_cell(error, same(change_bp(error).en.lstrip("+")), note="too_short")


def _by_segment(trends: pd.DataFrame | None) -> dict[str, Judged]:
    rows = [] if trends is None else trends.to_dict("records")
    return {str(row["segment"]): {str(name): value for name, value in row.items()} for row in rows}
