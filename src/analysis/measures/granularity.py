"""How much capital does it take that the book hangs on a few names, and not on endlessly many?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ibis.expr.types as ir
import pandas as pd
from scipy.special import gammaincinv, ndtr, ndtri

from analysis.errors import Misuse
from analysis.measures.concentration import BORROWERS, View, concentration
from analysis.rules.loader import load_rules

_RULES = {
    "default_probability": "HOUSE-GA-PD",
    "loss_given_default": "HOUSE-GA-LGD",
    "loss_variance": "HOUSE-GA-LGD-VARIANCE",
    "correlation": "HOUSE-GA-CORRELATION",
    "precision": "HOUSE-GA-PRECISION",
    "confidence": "HOUSE-GA-CONFIDENCE",
}
_CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class CreditRisk:
    """What is taken for every name of a book.

    Attributes:
        default_probability: within a year [probability, between 0 and 1].
        loss_given_default: expected [share of exposure, between 0 and 1].
        loss_variance: gamma, by which the loss given default varies: its variance is gamma x LGD x (1 - LGD).
        correlation: of assets, in the formula of unexpected loss [between 0 and 1].
        precision: xi, of the systematic factor in CreditRisk+; the smaller, the wilder it moves [above 0].
        confidence: q, at which capital is held [share].
    """

    default_probability: float
    loss_given_default: float
    loss_variance: float
    correlation: float
    precision: float
    confidence: float

    def __post_init__(self) -> None:
        """Refuse what is no share between 0 and 1, and a precision of 0."""
        shares = ("default_probability", "loss_given_default", "correlation", "confidence")
        for name in shares:
            if not 0 < getattr(self, name) < 1:
                raise Misuse(f"{name} must be a share between 0 and 1, was {getattr(self, name)!r}.")
        if self.precision <= 0 or not 0 <= self.loss_variance <= 1:
            raise Misuse(
                f"precision must be above 0 and loss_variance from 0 to 1, were {self.precision!r} and "
                f"{self.loss_variance!r}."
            )


def house_credit_risk() -> CreditRisk:
    """What the house takes for every name: the house rules `HOUSE-GA-...`."""
    rules = load_rules("house")
    return CreditRisk(**{name: float(rules.rule(rule_id).value) for name, rule_id in _RULES.items()})


def factor_sensitivity(precision: float, confidence: float) -> float:
    """Delta: how much a single name adds where the systematic factor is at its quantile.

    Args:
        precision: xi of the gamma-distributed factor of mean 1 and variance 1/xi [above 0].
        confidence: q [share].

    Source: M. B. Gordy and E. Lütkebohmert (2013), Int. J. Central Banking 9(3):33-71, section 1; 4.83 at xi = 0.25
        and q = 99.9 %.
    """
    quantile = float(gammaincinv(precision, confidence)) / precision
    return (quantile - 1) * (precision + (1 - precision) / quantile)


def unexpected_loss(risk: CreditRisk) -> float:
    """K: capital for the unexpected loss of an endlessly fine book [share of exposure].

    Source: O. Vasicek (2002), Risk 15(12):160-162; the IRB formula of Basel without its maturity adjustment.
    """
    pd_, rho = risk.default_probability, risk.correlation
    stressed = float(ndtr((ndtri(pd_) + math.sqrt(rho) * ndtri(risk.confidence)) / math.sqrt(1 - rho)))
    return risk.loss_given_default * (stressed - pd_)


def granularity_share(hhi: float, risk: CreditRisk) -> float:
    """The adjustment of a book whose names are alike but for their size [share of exposure].

    Args:
        hhi: sum of squares of the names' shares of exposure [share].
        risk: of every name.

    Source: M. B. Gordy and E. Lütkebohmert (2013), Int. J. Central Banking 9(3):33-71, the simplified adjustment, which
        leaves out terms of second order in expected loss and capital. Departure: one probability of default and one
        loss for all names, so that it is proportional to the HHI.
    """
    capital, lgd = unexpected_loss(risk), risk.loss_given_default
    reserve = lgd * risk.default_probability
    spread = lgd + risk.loss_variance * (1 - lgd)
    delta = factor_sensitivity(risk.precision, risk.confidence)
    return hhi * spread * (delta * (capital + reserve) - capital) / (2 * capital)


def granularity_adjustment(
    states: ir.Table, view: View = BORROWERS, *, by: Sequence[str] = (), risk: CreditRisk | None = None
) -> pd.DataFrame:
    """Capital for the concentration of names, over what an endlessly fine book would need.

    Non-performing loans are left out: they have defaulted, and nothing is left to be said of whether they will.

    Args:
        states: one row is a loan at a month end, classified.
        view: whose names: borrowers or groups, by exposure and balance.
        by: dimensions; none gives the whole book.
        risk: of every name; the house rules' if not given.

    Returns:
        one row per `as_of` and group, ascending: `names` [count], `exposure` [currency; exact; None if unknown], `hhi`,
        `adjustment` [share of exposure; NaN if unknown], `amount` [currency, rounded to the cent; None if unknown],
        `equal_names` (names of one size that would need the same) [count], the parameters of `CreditRisk`, and `note`
        as `concentration` gives it.

    Raises:
        Misuse: if a dimension is unknown, or the view is not of borrowers' or groups' exposure by balance.
        MissingColumns: if the table lacks a column.

    Source: as in `granularity_share`.
    """
    if view.of not in {"borrower", "group"} or (view.weight, view.basis) != ("exposure", "balance"):
        raise Misuse(f"view must be of exposure of borrowers or groups by balance, was {view!r}.")
    taken = risk or house_credit_risk()
    performing = states.filter(~states.is_npl)
    whole = concentration(performing, view, by=by)
    rows = [_adjusted(row, taken) for row in whole.to_dict("records")]
    added = pd.DataFrame(rows, columns=["adjustment", "amount", "equal_names"], index=whole.index)
    keys = [name for name in whole.columns if name in {"as_of", *by}]
    named = whole[[*keys, "names", "total", "hhi", "note"]].rename(columns={"total": "exposure"})
    found = pd.concat([named.drop(columns="note"), added], axis=1).assign(**vars(taken), note=named["note"])
    return found.astype({"adjustment": "float64", "equal_names": "float64"})


def _adjusted(row: Mapping[Any, Any], risk: CreditRisk) -> dict[str, object]:
    share = granularity_share(row["hhi"], risk)
    amount = None if math.isnan(share) else (row["total"] * Decimal(str(share))).quantize(_CENT)
    return {"adjustment": share, "amount": amount, "equal_names": 1 / row["hhi"]}
