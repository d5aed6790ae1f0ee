"""Which measures are tables: movements of the NPL stock, causes of a change, migration, concentration?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from types import MappingProxyType

import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Misuse, Unavailable, did_you_mean
from analysis.measures.attribution import ratio_attribution, with_total
from analysis.measures.bridge import bridge
from analysis.measures.bridge_views import round_trips, undressed
from analysis.measures.catalog import Definition
from analysis.measures.concentration import concentration
from analysis.measures.flow_attribution import flow_attribution
from analysis.measures.migration import migration
from analysis.measures.migration_matrix import migration_shares, pooled
from analysis.measures.migration_rates import official_migration_rates
from analysis.measures.periods import month_end_before
from analysis.measures.roll_rates import roll_rates
from analysis.terms import Text

_YEAR = 12


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a book.

    Attributes:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan; None where the book has none.
        months: month ends from the opening to the reporting date.
        since: the opening that was asked for; None where none was.
        by: dimensions; none gives the whole book.
        basis: "balance" or "count".
    """

    states: ir.Table
    flows: ir.Table | None
    months: tuple[date, ...]
    since: date | None
    by: tuple[str, ...]
    basis: str

    @property
    def period(self) -> tuple[date, date]:
        """Opening and reporting date."""
        return self.months[0], self.months[-1]

    def moves(self) -> ir.Table:
        """The flows.

        Raises:
            Unavailable: if the book has none.
        """
        if self.flows is None:
            raise Unavailable("this measure needs flows, but the book has none; import one to see it.")
        return self.flows


@dataclass(frozen=True, kw_only=True)
class Statement(Definition):
    """A measure that is a table, and how it is answered."""

    rows: Callable[[Question], pd.DataFrame]


def months_since(months: Sequence[date], since: str) -> tuple[date, ...]:
    """Month ends from an opening on: a year before the last one if empty, or where the book begins.

    Args:
        months: month ends of a book, ascending.
        since: the opening, such as "2025-12-31".

    Raises:
        Misuse: if the opening is no month end of the book before its last one.
        Unavailable: if the book has one month only.
    """
    if len(months) < 2:
        raise Unavailable("this measure compares two month ends, but the book has one; import an earlier one.")
    earlier = tuple(map(str, months[:-1]))
    if since and since not in earlier:
        raise Misuse(
            f"since must be one of the book's month ends from {earlier[0]} to {earlier[-1]}, "
            f"was {since!r}{did_you_mean(since, earlier)}."
        )
    opening = since or str(month_end_before(months[-1], _YEAR))
    return tuple(month for month in months if str(month) >= opening)


def _attributed(question: Question) -> pd.DataFrame:
    by = question.by or ("segment",)
    return with_total(ratio_attribution(question.states, question.period, by=by, basis=question.basis))


def _moved(question: Question, state: str) -> pd.DataFrame:
    within = question.states.filter(question.states.as_of.isin(list(question.months)))
    moves = migration(within, question.flows, by=question.by, state=state)
    return pooled(moves, by=question.by)


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
            "不良率变动=结构+比率+进出+缺失台账，按分部，Shapley法，相对整体不良率",
            "change of the NPL ratio = mix + rate + entry and exit + missing tape by segment, Shapley, mix relative to "
            "the whole",
        ),
        source="L. S. Shapley (1953); P. Das Gupta (1993), Standardization and Decomposition of Rates",
        status="practice",
        needs=("is_npl", "principal_balance"),
        rows=_attributed,
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
    Statement(
        name="concentration",
        label=Text("借款人集中度", "Concentration of borrowers"),
        definition=Text(
            "借款人余额的HHI、基尼系数、泰尔指数及最大1、3、5、10、20户占比",
            "HHI, Gini, Theil and share of the largest 1, 3, 5, 10, 20 borrowers, by balance",
        ),
        source="O. C. Herfindahl (1950); C. Gini (1912); H. Theil (1967)",
        status="practice",
        needs=("borrower_id", "principal_balance"),
        rows=lambda q: concentration(q.states.filter(q.states.as_of == q.months[-1]), by=q.by),
    ),
    Statement(
        name="class_migration",
        label=Text("五级分类月迁徙", "Monthly migration of the five classes"),
        definition=Text(
            "上月末处于某一类的贷款，本月末去向的占比，期间合并；退出单列",
            "of the loans in a class a month before, the share that is in each class now or has left, months pooled",
        ),
        source="Y. Jafry and T. Schuermann (2004), cohort method",
        status="practice",
        needs=("five_class", "prior_five_class"),
        rows=lambda q: migration_shares(_moved(q, "five_class"), by=q.by, basis=q.basis),
    ),
    Statement(
        name="roll_rates",
        label=Text("逾期滚动率", "Roll rates"),
        definition=Text(
            "上月末处于某一逾期档的贷款，本月末进入下一档的占比；按笔跟踪与净额两种口径",
            "of the loans in a bucket of days past due, the share in the next one a month later; at loan level and net",
        ),
        source="Practice",
        status="practice",
        needs=("days_past_due", "prior_days_past_due"),
        rows=lambda q: roll_rates(_moved(q, "bucket"), by=q.by, basis=q.basis),
    ),
    Statement(
        name="official_migration_rates",
        label=Text("贷款迁徙率（监管口径）", "Migration rates, regulatory"),
        definition=Text(
            "正常、关注、次级、可疑类贷款迁徙率，2005年与2022年两种口径，自年初累计，不年化",
            "migration rates of pass, special-mention, substandard and doubtful loans by the conventions of 2005 and "
            "2022, from the beginning of the period, not annualised",
        ),
        source="《商业银行风险监管核心指标（试行）》 (CBRC 2005); 银保监发〔2022〕2号",
        status="unverified",
        needs=("five_class", "principal_balance"),
        rows=lambda q: official_migration_rates(q.states, q.flows, as_of=q.months[-1], opening=q.since, by=q.by),
    ),
)
STATEMENTS: Mapping[str, Statement] = MappingProxyType({one.name: one for one in _ALL})


def _as_numbers(parts: pd.DataFrame) -> pd.DataFrame:
    """Exact fractions as numbers, each rounded once; text and dates as they are."""
    return parts.map(lambda value: float(value) if isinstance(value, Fraction) else value)
