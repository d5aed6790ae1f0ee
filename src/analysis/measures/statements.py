"""Which measures are tables: movements of the NPL stock, causes of a change, migration, concentration?"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

import pandas as pd

from analysis.measures.attribution import balance_attribution, nested_attribution, ratio_attribution, with_total
from analysis.measures.attribution_methods import METHODS
from analysis.measures.bridge import bridge
from analysis.measures.bridge_views import round_trips, undressed
from analysis.measures.concentration_statements import CONCENTRATION_STATEMENTS
from analysis.measures.coverage_statements import COVERAGE_STATEMENTS
from analysis.measures.flow_attribution import flow_attribution
from analysis.measures.migration_statements import MIGRATION_STATEMENTS
from analysis.measures.question import Question, Setting, Statement
from analysis.measures.vintage_statements import VINTAGE_STATEMENTS
from analysis.terms import Text

Attribution = Callable[..., pd.DataFrame]
_SHAPLEY = "L. S. Shapley (1953); P. Das Gupta (1993), Standardization and Decomposition of Rates"
_METHOD = Setting(default="shapley", known=tuple(METHODS))


def _attributed(question: Question, attribution: Attribution) -> pd.DataFrame:
    parts = attribution(
        question.states,
        question.period,
        by=question.by or ("segment",),
        basis=question.basis,
        method=question.settings["method"],
    )
    return with_total(parts)


_ALL = (
    Statement(
        name="npl_bridge",
        label=Text("不良余额变动表", "NPL bridge"),
        definition=Text(
            "期初不良+新增、再劣变、转入−回收、上调、核销、转让等=期末不良，逐月逐笔，差额另列",
            "opening NPL + inflow, re-default, entries − cash, cures, write-offs, sales, … = closing NPL, month by "
            "month and loan by loan, with what flows do not explain",
        ),
        source="EBA/GL/2018/10, Annex IV; 1104 return G12",
        status="unverified",
        needs=("is_npl", "principal_balance", "flows"),
        rows=lambda q: bridge(q.states, q.moves(), dates=q.months, by=q.by, basis=q.basis),
    ),
    Statement(
        name="npl_round_trips",
        label=Text("期内往返", "Intra-period round trips"),
        definition=Text("逐月变动与期初期末两点变动之差", "the bridge from every month less that from its two ends"),
        source="Practice",
        status="practice",
        needs=("is_npl", "principal_balance", "flows"),
        rows=lambda q: round_trips(q.states, q.moves(), dates=q.months, by=q.by, basis=q.basis),
    ),
    Statement(
        name="npl_ratio_undisposed",
        label=Text("还原处置的不良率", "NPL ratio without disposals"),
        definition=Text(
            "（不良+期间核销、转让等）÷（各项贷款+同额）；另列两端均在的贷款的不良率",
            "(NPL + written off, sold, … in the period) ÷ (loans + the same); the ratio of loans there at both ends",
        ),
        source="Practice",
        status="practice",
        needs=("is_npl", "principal_balance", "flows"),
        rows=lambda q: undressed(q.states, q.moves(), dates=q.months, by=q.by),
    ),
    Statement(
        name="npl_ratio_attribution",
        label=Text("不良率变动归因", "Attribution of the change of the NPL ratio"),
        definition=Text(
            "不良率变动=结构+比率+进出+缺失台账，按分部，默认Shapley法，相对整体不良率",
            "change of the NPL ratio = mix + rate + entry and exit + missing tape by segment, Shapley if nothing else "
            "is set, mix relative to the whole",
        ),
        source=_SHAPLEY,
        status="practice",
        needs=("is_npl", "principal_balance"),
        settings={"method": _METHOD},
        rows=lambda q: _attributed(q, ratio_attribution),
    ),
    Statement(
        name="npl_balance_attribution",
        label=Text("不良余额变动归因", "Attribution of the change of the NPL balance"),
        definition=Text(
            "不良余额变动=规模+结构+比率+进出+缺失台账，按分部，默认Shapley法",
            "change of the NPL balance = volume + mix + rate + entry and exit + missing tape by segment, Shapley if "
            "nothing else is set",
        ),
        source=_SHAPLEY,
        status="practice",
        needs=("is_npl", "principal_balance"),
        settings={"method": _METHOD},
        rows=lambda q: _attributed(q, balance_attribution),
    ),
    Statement(
        name="npl_ratio_attribution_nested",
        label=Text("不良率变动分层归因", "Nested attribution of the change of the NPL ratio"),
        definition=Text(
            "按维度顺序逐层分解：上层之间的结构，下层之内的结构与比率，各行之和为不良率变动",
            "down the dimensions in their order: mix between the outer groups, mix and rate within them; all rows sum "
            "to the change of the ratio",
        ),
        source=_SHAPLEY,
        status="practice",
        needs=("is_npl", "principal_balance"),
        settings={"method": _METHOD},
        rows=lambda q: _attributed(q, nested_attribution),
    ),
    Statement(
        name="npl_flow_attribution",
        label=Text("不良率变动的流量归因", "Attribution of the change of the NPL ratio to flows"),
        definition=Text(
            "不良率变动=生成+转入−治愈−回收−退出+分母变化，逐月相加，精确",
            "change of the NPL ratio = formation + entries − cures − cash − exits + denominator, month by month",
        ),
        source="P. Das Gupta (1993), chapter 2; stock and flows as in EBA/GL/2018/10, Annex IV",
        status="practice",
        needs=("is_npl", "principal_balance", "prior_is_npl"),
        rows=lambda q: _as_numbers(flow_attribution(q.states, q.period, by=q.by, basis=q.basis)),
    ),
)
_EVERY = (*_ALL, *CONCENTRATION_STATEMENTS, *MIGRATION_STATEMENTS, *COVERAGE_STATEMENTS, *VINTAGE_STATEMENTS)
STATEMENTS: Mapping[str, Statement] = MappingProxyType({one.name: one for one in _EVERY})


def _as_numbers(parts: pd.DataFrame) -> pd.DataFrame:
    """Exact fractions as numbers, each rounded once; text and dates as they are."""
    return parts.map(lambda value: float(value) if isinstance(value, Fraction) else value)
