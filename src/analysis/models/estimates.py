"""Which measures rest on a model: probabilities of moving, tests of their assumptions, where loans will be?"""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from analysis.measures.markov_paths import state_triples
from analysis.measures.migration_statements import STATE_SETTING, moved
from analysis.measures.question import Question, Setting, Statement
from analysis.measures.statements import STATEMENTS
from analysis.models.development_statements import DEVELOPMENT_STATEMENTS
from analysis.models.transition_tables import migration_forecast, transition_probabilities, transition_tests
from analysis.models.workout_statements import WORKOUT_STATEMENTS
from analysis.terms import DIMENSIONS, Text


def _moved(question: Question) -> pd.DataFrame:
    return moved(question, question.settings["state"])


def _tested(question: Question) -> pd.DataFrame:
    state, across = question.settings["state"], question.settings["across"]
    groups = tuple(dict.fromkeys([*question.by, across]))
    triples = state_triples(question.within, question.flows, by=groups, state=state)
    return transition_tests(triples, by=question.by, across=across, state=state)


_ALL = (
    Statement(
        name="transition_probabilities",
        label=Text("迁徙概率", "Transition probabilities"),
        definition=Text(
            "1、3、12个月后处于各状态的概率：同期群、久期（生成元）、对数（调整后的生成元）、Aalen–Johansen四种方法，"
            "退出为独立状态",
            "probability of being in each state in 1, 3 and 12 months: cohort, duration (generator), logarithm "
            "(regularised generator) and Aalen–Johansen, exits as states",
        ),
        source="Y. Jafry and T. Schuermann (2004), J. Banking & Finance 28:2603-2639; D. Lando and T. M. Skødeberg "
        "(2002), ibid. 26:423-444; O. O. Aalen and S. Johansen (1978), Scand. J. Stat. 5:141-150",
        status="practice",
        needs=("five_class", "prior_five_class"),
        settings={"state": STATE_SETTING},
        rows=lambda q: transition_probabilities(_moved(q), by=q.by, state=q.settings["state"], basis=q.basis),
    ),
    Statement(
        name="transition_tests",
        label=Text("迁徙假设检验", "Tests of the transition model"),
        definition=Text(
            "下期状态是否只取决于本期（一阶马尔可夫），各期是否同质，各分组是否同质；卡方与似然比",
            "does the next state depend on the present one only (first-order Markov), are the periods alike, are the "
            "groups; chi-square and likelihood ratio",
        ),
        source="T. W. Anderson and L. A. Goodman (1957), Ann. Math. Stat. 28:89-110",
        status="practice",
        needs=("five_class", "prior_five_class"),
        settings={"state": STATE_SETTING, "across": Setting(default="segment", known=tuple(DIMENSIONS))},
        rows=_tested,
    ),
    Statement(
        name="migration_forecast",
        label=Text("迁徙预测", "Forecast by migration"),
        definition=Text(
            "报告日存量按期间合并的迁徙矩阵逐期推算一年；不含新发放",
            "the loans of the reporting date, moved on for a year by the matrix of the period; without new loans",
        ),
        source="T. W. Anderson and L. A. Goodman (1957), Ann. Math. Stat. 28:89-110",
        status="practice",
        needs=("five_class", "prior_five_class"),
        settings={"state": STATE_SETTING},
        rows=lambda q: migration_forecast(_moved(q), by=q.by, state=q.settings["state"], basis=q.basis),
    ),
)
ESTIMATES: Mapping[str, Statement] = MappingProxyType(
    {one.name: one for one in (*_ALL, *WORKOUT_STATEMENTS, *DEVELOPMENT_STATEMENTS)}
)
# Everything that can be asked as a table; a measure knows no model, so that the list is complete here only.
EVERY_STATEMENT: Mapping[str, Statement] = MappingProxyType({**STATEMENTS, **ESTIMATES})
