"""What moved a number from its opening to its closing? Steps as bars, each hanging where the one before it ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Literal

from analysis.errors import Unreconciled
from analysis.exhibits.exhibit import Caption, Exhibit, Metric, absent, both, boxed
from analysis.exhibits.locale import MINUS, MoneyScale, ratio, reason, share_number
from analysis.terms import Text, same

Worse = Literal["up", "down", ""]
_CUT_BEYOND = 0.6  # of the highest level: where no level is lower, steps on a scale from zero are too thin to see
_STEPS_TO_LEVEL = 2  # a cut bar is as long as this share of the steps, so that nobody takes it for the whole
_CUT = Text("首尾条形在斜线处截断。", "First and last bar are cut at the slashes.")
_ZERO = Text("为零未列：{names}。", "Zero and left out: {names}.")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A line between opening and closing, signed as it moves the total."""

    key: str
    label: Text
    amount: Fraction


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What a movement begins and ends with, and what both are called; None if it is not known."""

    opening: Fraction | None
    closing: Fraction | None
    labels: tuple[Text, Text]


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How the numbers of a movement are written.

    Attributes:
        unit: heading of the numbers.
        level: of opening and closing, without the unit.
        move: of a step, with its sign.
    """

    unit: Text
    level: Callable[[Fraction], Text]
    move: Callable[[Fraction], Text]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is said around a waterfall.

    Attributes:
        worse: the direction that is bad: "up", "down", or "" if neither is.
        note: why there is no movement to show, where there is none.
        detail: markup of a table with more about the steps; their shares of the opening if empty.
        remarks: sentences under the picture.
    """

    worse: Worse = "up"
    note: str = ""
    detail: str = ""
    remarks: tuple[Text, ...] = ()


def waterfall(ends: Ends, steps: Sequence[Step], writing: Writing, caption: Caption, look: Look) -> Exhibit:
    """Opening, what added to it, what took away from it, closing: a table whose rows carry the bars.

    Args:
        ends: opening and closing.
        steps: lines in the order of the statement; those that are zero are named below, not drawn.
        writing: of the numbers.
        caption: finding, small line, source.
        look: direction, remarks, and why nothing is shown.

    Returns:
        a table whose metrics are `opening`, `closing` and each step, zeros too [unit of the amounts]; None if
        unknown.

    Raises:
        Unreconciled: if opening and steps do not make the closing, exactly.
    """
    if ends.opening is None or ends.closing is None:
        body = f"<p>{absent(look.note)} {reason(look.note).html()}</p>"
        unknown: dict[str, Metric] = {"opening": None, "closing": None}
        return Exhibit(id=caption.id, kind="table", html=boxed(caption, body, tag="div"), metrics=unknown)
    _require_tie(ends, steps, caption.id)
    drawn = _in_order(steps)
    remarks = (*look.remarks, *_remarks(steps, _levels(ends.opening, drawn)))
    words = Text("".join(text.zh for text in remarks), " ".join(text.en for text in remarks))
    said = f'<p class="src">{words.html()}</p>' if remarks else ""
    body = _picture(ends, drawn, writing, (caption, look.worse)) + said + look.detail
    metrics: dict[str, Metric] = {step.key: float(step.amount) for step in steps}
    metrics |= {"opening": float(ends.opening), "closing": float(ends.closing)}
    return Exhibit(id=caption.id, kind="table", html=boxed(caption, body, tag="div"), metrics=metrics)


def in_money(scale: MoneyScale) -> Writing:
    """Amounts of money in one unit; what is too small for it says that it is less than its smallest step."""
    return Writing(unit=scale.unit, level=lambda n: _no_less(scale.shows(_decimal(n)), n, scale), move=_moved_by(scale))


def in_loans() -> Writing:
    """Numbers of loans."""
    return Writing(
        unit=Text("笔", "Loans"),
        level=lambda number: same(f"{int(number):,}"),
        move=lambda number: signed(number, same(f"{abs(int(number)):,}")),
    )


def in_shares() -> Writing:
    """Shares in percent, whose steps are in basis points with a decimal."""
    return Writing(
        unit=Text("水平%，变动基点", "Level %, moves bp"),
        level=lambda share: same(ratio(float(share))),
        move=lambda change: signed(change, same(_bp_size(change))),
    )


def signed(amount: Fraction, size: Text) -> Text:
    """The size of an amount with its sign; no sign on zero."""
    return same("" if not amount else "+" if amount > 0 else MINUS) + size


def _bp_size(change: Fraction) -> str:
    return _not_zero(share_number(abs(float(change)) * 100, 1), change, 1) + "bp"


def _moved_by(scale: MoneyScale) -> Callable[[Fraction], Text]:
    return lambda amount: signed(amount, _no_less(scale.shows(_decimal(abs(amount))), amount, scale))


def _no_less(shown: Text, amount: Fraction, scale: MoneyScale) -> Text:
    return Text(
        _not_zero(shown.zh, amount, scale.zh.decimals),
        _not_zero(shown.en, amount, scale.en.decimals),
    )


def _not_zero(shown: str, amount: Fraction, decimals: int) -> str:
    is_nothing = not shown.strip("0.,")
    return f"<{Decimal(1).scaleb(-decimals)}" if is_nothing and amount else shown


def _decimal(amount: Fraction) -> Decimal:
    return Decimal(amount.numerator) / Decimal(amount.denominator)


def _require_tie(ends: Ends, steps: Sequence[Step], name: str) -> None:
    found = sum((step.amount for step in steps), ends.opening or Fraction(0))
    expected = ends.closing or Fraction(0)
    if found != expected:
        raise Unreconciled(name, _decimal(expected), _decimal(found), "in all")


def _in_order(steps: Sequence[Step]) -> list[Step]:
    """Additions first, then what takes away, each in the order of the statement; zeros nowhere."""
    return [step for step in steps if step.amount > 0] + [step for step in steps if step.amount < 0]


def _levels(opening: Fraction, drawn: Sequence[Step]) -> list[float]:
    return [float(level) for level in accumulate((step.amount for step in drawn), initial=opening)]


def _remarks(steps: Sequence[Step], levels: Sequence[float]) -> list[Text]:
    zeros = [step.label for step in steps if not step.amount]
    names = Text("、".join(name.zh for name in zeros), ", ".join(name.en[:1].lower() + name.en[1:] for name in zeros))
    said = [_ZERO.format(names=names)] if zeros else []
    return [*said, _CUT] if _floor(levels) else said


def _floor(levels: Sequence[float]) -> float:
    """Where the picture begins: at zero, or nearer to levels that are all far from it."""
    low, high = min(levels), max(levels)
    if high > low > _CUT_BEYOND * high:
        return max(low - (high - low) / _STEPS_TO_LEVEL, 0.0)
    return 0.0


def _picture(ends: Ends, drawn: Sequence[Step], writing: Writing, around: tuple[Caption, Worse]) -> str:
    caption, worse = around
    levels = _levels(ends.opening or Fraction(0), drawn)
    floor = _floor(levels)
    scale = (min(floor, *levels) if floor == 0 else floor, max(0.0, *levels))
    total = "t cut" if floor else "t"
    rows = [_row(ends.labels[0], writing.level(ends.opening or Fraction(0)), _bar(floor, levels[0], scale), total)]
    rows += [
        _row(step.label, writing.move(step.amount), _bar(*pair, scale), _class(step, worse))
        for step, pair in zip(drawn, pairwise(levels), strict=True)
    ]
    rows.append(
        _row(
            ends.labels[1], writing.level(ends.closing or Fraction(0)), _bar(floor, levels[-1], scale), f"{total} last"
        )
    )
    title = f'<caption class="vh">{caption.headline.html()}</caption>'
    head = (
        f'<thead><tr><th scope="col">{Text("项目", "Line").html()}</th><td></td>'
        f'<th scope="col">{writing.unit.html()}</th></tr></thead>'
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{both(caption.headline)}">'
        f'<table class="wf">{title}{head}<tbody>{"".join(rows)}</tbody></table></div>'
    )


def _class(step: Step, worse: Worse) -> str:
    direction = "up" if step.amount > 0 else "down"
    tone = "n" if not worse else "w" if direction == worse else "g"
    return f"{tone} {'p' if step.amount > 0 else 'm'}"


def _bar(start: float, end: float, scale: tuple[float, float]) -> str:
    low, high = scale
    span = (high - low) or 1.0
    left, right = (100 * (level - low) / span for level in sorted((start, end)))
    return f'<i style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'


def _row(name: Text, shown: Text, bar: str, kind: str) -> str:
    named = f"<b>{name.html()}</b>" if kind.startswith("t") else name.html()
    return (
        f'<tr class="{kind}"><th scope="row">{named}</th><td class="b" aria-hidden="true">{bar}</td>'
        f'<td class="strong">{shown.html()}</td></tr>'
    )
