"""Which tables say where loans went, whether bad ones got well, and how long they stayed?"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis.measures.cures import cure_rates, pooled_cohorts, redefault_rates, time_in_state
from analysis.measures.migration import KINDS, migration
from analysis.measures.migration_matrix import migration_shares, pooled
from analysis.measures.migration_rates import official_migration_rates
from analysis.measures.question import Question, Setting, Statement
from analysis.measures.roll_rates import roll_rates
from analysis.terms import Text

STATE_SETTING = Setting(default="five_class", known=tuple(KINDS))
_COHORTS = Setting(default="pooled", known=("pooled", "monthly"))
_PROBATION = Setting(rule="HOUSE-CURE-PROBATION")


def moved(question: Question, state: str) -> pd.DataFrame:
    """Moves month by month, as `migration` gives them.

    Args:
        question: what is asked of a book.
        state: the kind of state.
    """
    return migration(question.within, question.flows, by=question.by, state=state)


def period_ends(migrations: pd.DataFrame) -> tuple[pd.Timestamp, ...]:
    """Ends of the periods that moves are of, ascending.

    Args:
        migrations: one row is a move in a period.
    """
    return tuple(pd.Timestamp(day) for day in sorted(migrations["as_of"].unique()))


def period_months(periods: Sequence[pd.Timestamp]) -> int:
    """Length of a book's periods [months]; 1 where there is one only.

    Args:
        periods: their ends, ascending.
    """
    gaps = [(later.year - first.year) * 12 + later.month - first.month for first, later in pairwise(periods)]
    return min(gaps, default=1)


def _pooled(question: Question, state: str) -> pd.DataFrame:
    return pooled(moved(question, state), by=question.by)


def _cured(question: Question) -> pd.DataFrame:
    within, probation = (int(question.settings[name]) for name in ("within", "probation"))
    rated = cure_rates(question.states, within=within, probation=probation, by=question.by, basis=question.basis)
    return _cohorts(question, rated)


def _redefaulted(question: Question) -> pd.DataFrame:
    within, probation = (int(question.settings[name]) for name in ("within", "probation"))
    rated = redefault_rates(question.states, within=within, probation=probation, by=question.by, basis=question.basis)
    return _cohorts(question, rated)


def _cohorts(question: Question, rated: pd.DataFrame) -> pd.DataFrame:
    """Cohorts that began after the opening, one by one or added up; `as_of` is the reporting date."""
    asked = rated[rated["as_of"] > pd.Timestamp(question.months[0])].reset_index(drop=True)
    if question.settings["cohorts"] == "monthly":
        return asked.rename(columns={"as_of": "cohort"})
    added = pooled_cohorts(asked, by=question.by, basis=question.basis)
    return added.rename(columns={"since": "first_cohort", "as_of": "last_cohort"})


def _stayed(question: Question) -> pd.DataFrame:
    moves = moved(question, question.settings["state"])
    rows = time_in_state(moves, by=question.by)
    noted = rows.assign(
        months=rows["months"] * period_months(period_ends(moves)), note=np.where(rows["moves"] == 0, "no_moves", "")
    )
    return noted.rename(columns={"loan_months": "loan_periods"})


MIGRATION_STATEMENTS = (
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
        rows=lambda q: migration_shares(_pooled(q, "five_class"), by=q.by, basis=q.basis),
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
        rows=lambda q: roll_rates(_pooled(q, "bucket"), by=q.by, basis=q.basis),
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
    Statement(
        name="cure_rates",
        label=Text("治愈率", "Cure rates"),
        definition=Text(
            "期间内转为不良的贷款中，within个月内恢复、且其后probation个月保持正常的占比；窗口未满的批次单列为截尾",
            "of the loans that became non-performing, the share back within `within` months that then stayed for "
            "`probation`; cohorts whose window is open are censored",
        ),
        source="EBA/GL/2016/07, sections 7 and 8, for the probation; months by house rule",
        status="practice",
        needs=("is_npl", "prior_is_npl", "is_restructured"),
        settings={"within": Setting(rule="HOUSE-CURE-WITHIN", least=1), "probation": _PROBATION, "cohorts": _COHORTS},
        opens="first",
        rows=_cured,
    ),
    Statement(
        name="redefault_rates",
        label=Text("再违约率", "Re-default rates"),
        definition=Text(
            "治愈（恢复后保持probation个月）的贷款中，其后within个月内再次不良的占比；窗口未满的批次单列为截尾",
            "of the loans that came back and held `probation` months, the share bad again within `within` months "
            "after; cohorts whose window is open are censored",
        ),
        source="Practice; months by house rule",
        status="practice",
        needs=("is_npl", "prior_is_npl", "is_restructured"),
        settings={
            "within": Setting(rule="HOUSE-REDEFAULT-WITHIN", least=1),
            "probation": _PROBATION,
            "cohorts": _COHORTS,
        },
        opens="first",
        rows=_redefaulted,
    ),
    Statement(
        name="time_in_state",
        label=Text("状态停留时间", "Time in state"),
        definition=Text(
            "处于某状态的贷款·期数÷离开该状态的次数；期末仍在该状态的计为截尾",
            "periods that loans were in a state ÷ moves out of it; those still there at the end are censored",
        ),
        source="D. Lando and T. M. Skødeberg (2002), J. Banking & Finance 26:423-444, inverse of eq. 3",
        status="practice",
        needs=("five_class", "prior_five_class"),
        settings={"state": STATE_SETTING},
        rows=_stayed,
    ),
)
