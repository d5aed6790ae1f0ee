"""What is one workout expected to bring, and what share of the exposure is then lost?"""

from dataclasses import dataclass

from analysis.errors import Misuse

_MONTHS = 12


@dataclass(frozen=True, kw_only=True)
class ExpectedWorkout:
    """What is expected of one workout.

    Attributes:
        exposure: at default [currency].
        collateral: its value [currency].
        haircut: what a sale takes off it [share].
        guaranteed: part of the exposure that is guaranteed [share].
        guarantor_pays: what the guarantor pays of that [share].
        other: other recoveries [currency].
        costs: paid at once, so that they are not discounted [currency].
        months: until recoveries come in [months].
        rate: a year's, compounding by the month [share].
        cure_probability: that it gets well instead [probability].
        cured_share: of the exposure that is recovered if it does, as of today [share].
    """

    exposure: float
    collateral: float = 0.0
    haircut: float = 0.0
    guaranteed: float = 0.0
    guarantor_pays: float = 0.0
    other: float = 0.0
    costs: float = 0.0
    months: float = 0.0
    rate: float = 0.0
    cure_probability: float = 0.0
    cured_share: float = 1.0

    def __post_init__(self) -> None:
        """Refuse an exposure of nothing and shares that are none."""
        if not self.exposure > 0:
            raise Misuse(f"exposure must be above 0, was {self.exposure!r}.")
        for name in ("haircut", "guaranteed", "guarantor_pays", "cure_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise Misuse(f"{name} must be a share between 0 and 1, was {getattr(self, name)!r}; write 8 % as 0.08.")


def expected_recovery(case: ExpectedWorkout) -> float:
    """What one workout is expected to bring, as of today and after costs [currency].

    Source: workout LGD as in CRR art. 181 and EBA/GL/2017/16, section 6, for one exposure with a chance of cure.
    """
    sources = case.collateral * (1 - case.haircut) + case.exposure * case.guaranteed * case.guarantor_pays + case.other
    worked_out = sources / (1 + case.rate / _MONTHS) ** case.months - case.costs
    cured = case.cured_share * case.exposure
    return float((1 - case.cure_probability) * worked_out + case.cure_probability * cured)


def expected_workout_lgd(case: ExpectedWorkout) -> float:
    """Share of one exposure that is expected to be lost [share of exposure; below 0 if more comes in]."""
    return 1 - expected_recovery(case) / case.exposure


def lgd_of_parts(cure_share: float, cured_lgd: float, other_lgd: float) -> float:
    """Loss from those that get well and those that do not: (1 - p) LGL + p LGC [share of exposure].

    Args:
        cure_share: share of the exposure that gets well [share].
        cured_lgd: loss of it, mostly by delay [share].
        other_lgd: loss of the rest [share].
    """
    return (1 - cure_share) * other_lgd + cure_share * cured_lgd
