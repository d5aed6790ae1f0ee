"""What does the page of recovery rest on? Defaults, what came in on them and what was lost, from a classified book."""

from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analysis.exhibits.recoveries import Recovered
from analysis.exhibits.segment_page import UNNAMED, Lens, source_line
from analysis.measures.recovery_cash import recovery_rows
from analysis.measures.workouts import same_default_months, workouts
from analysis.models.competing_exits import workout_exits
from analysis.models.loss_given_default import at_contract_rate, workout_lgd
from analysis.models.recovery_curves import recovery_curve, time_to_cash
from analysis.models.written_off_recoveries import written_off_recoveries

_BY = "collateral_type"


def recovered(lens: Lens) -> Recovered:
    """Defaults of a book, what came in on them, and what was lost; without flows only how they ended.

    Args:
        lens: from where the book is looked at.
    """
    defaults = workouts(lens.states, lens.flows, by=(_BY,), same_within=same_default_months()).cache()
    known: dict[str, Any] = {
        "as_of": lens.book.as_of,
        "basis": lens.basis,
        "source": source_line(lens.book, lens.rules),
        "by": _BY,
        "label": lambda key: lens.book.label(_BY, key) if key else UNNAMED,
        "truncated": int(defaults.filter(defaults.is_truncated).count().to_pyarrow().as_py()),
        "exits": workout_exits(defaults, basis=lens.basis),
    }
    if lens.flows is None:
        return Recovered(note="missing_flows", **known)
    return Recovered(**known, **_money(lens, defaults, lens.flows))


def _money(lens: Lens, defaults: ir.Table, flows: ir.Table) -> dict[str, Any]:
    """Curves and losses; none of a book whose flows hold no recovery of a default at all: nobody recorded them."""
    if lens.basis == "count":
        return {"note": "not_recorded"}
    cash = recovery_rows(defaults, flows)
    if not any(cash["received"]):
        return {"note": "no_recoveries"}
    rated = at_contract_rate(defaults, lens.book.loans)
    whole, by_group = (recovery_curve(defaults, flows, by=by) for by in ((), (_BY,)))
    return {
        "curve": whole,
        "by_year": recovery_curve(defaults, flows, cohort="year"),
        "lgd": _stacked(workout_lgd(rated, flows, by=(_BY,)), workout_lgd(rated, flows)),
        "times": _stacked(time_to_cash(by_group), time_to_cash(whole)),
        "cash": _stacked(recovery_rows(defaults, flows, by=(_BY,)), cash),
        "written_off": written_off_recoveries(lens.states, flows),
    }


def _stacked(groups: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """Rows of groups, those without a name as "", then those of all with no name."""
    named = groups.assign(**{_BY: groups[_BY].astype(object).fillna("")})
    return pd.concat([named.astype(object), whole.assign(**{_BY: None}).astype(object)], ignore_index=True)
