"""How good is a warning sign: how often does it miss, how often does it cry wolf, and is it of any use?"""

import math
from dataclasses import dataclass

from analysis.errors import Misuse
from analysis.measures.exact import quotient


@dataclass(frozen=True, kw_only=True)
class Signals:
    """Periods or loans by whether the sign was there and whether trouble followed.

    Attributes:
        hits: sign, and trouble followed (A) [count].
        false_alarms: sign, and none followed (B) [count].
        misses: no sign, and trouble followed (C) [count].
        quiet: no sign, and none followed (D) [count].
    """

    hits: int
    false_alarms: int
    misses: int
    quiet: int

    def __post_init__(self) -> None:
        if negative := [name for name, number in vars(self).items() if number < 0]:
            raise Misuse(f"{', '.join(negative)} must be counts from 0, was {getattr(self, negative[0])!r}.")


def type_one_error(signals: Signals) -> float:
    """Share of troubles that the sign missed, C ÷ (A + C) [share; NaN if there was no trouble].

    Source: L. Alessi and C. Detken (2011), European Journal of Political Economy 27:520-533.
    """
    return quotient(signals.misses, signals.hits + signals.misses)


def type_two_error(signals: Signals) -> float:
    """Share of quiet times with a false alarm, B ÷ (B + D) [share; NaN if there was no quiet time].

    Source: L. Alessi and C. Detken (2011), European Journal of Political Economy 27:520-533.
    """
    return quotient(signals.false_alarms, signals.false_alarms + signals.quiet)


def noise_to_signal(signals: Signals) -> float:
    """Share of quiet times with an alarm ÷ share of troubles with one [ratio; NaN if unknown].

    Below 1 the sign tells something, and the lower the better; at 1 it tells nothing. A sign that was never
    there before trouble has no ratio.

    Source: G. L. Kaminsky and C. M. Reinhart (1999), American Economic Review 89:473-500.
    """
    noise, signal = type_two_error(signals), 1 - type_one_error(signals)
    return noise / signal if signal > 0 else math.nan


def usefulness(signals: Signals, *, aversion: float) -> float:
    """What listening to the sign saves against ignoring it, or against always acting [share of the loss].

    min(θ, 1 − θ) − (θ × type I error + (1 − θ) × type II error). Above 0 the sign is of use.

    Source: L. Alessi and C. Detken (2011), European Journal of Political Economy 27:520-533, eq. 2.

    Args:
        signals: the counts.
        aversion: θ, how much a missed trouble weighs against a false alarm [share, above 0 and below 1].

    Raises:
        Misuse: if the aversion is not between 0 and 1.
    """
    if not 0 < aversion < 1:
        raise Misuse(f"aversion must be a share between 0 and 1, was {aversion!r}; 0.5 weighs both errors alike.")
    loss = aversion * type_one_error(signals) + (1 - aversion) * type_two_error(signals)
    return min(aversion, 1 - aversion) - loss
