"""Which tables follow cohorts of loans from origination on, and what can be chosen about them?"""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from analysis.measures.question import Question, Setting, Statement
from analysis.measures.vintage import vintages
from analysis.measures.vintage_cells import COHORTS, NPL, Threshold
from analysis.terms import Text

VINTAGE_SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "threshold": Setting(default=NPL, known=(NPL, "0", "30", "60", "90", "120", "180")),
        "cohort": Setting(default="quarter", known=tuple(COHORTS)),
    }
)


def vintages_of(question: Question) -> pd.DataFrame:
    """Cohorts of a whole book, whenever they were lent.

    Args:
        question: what is asked of a book, with `VINTAGE_SETTINGS` settled.
    """
    chosen = question.settings["threshold"]
    threshold: Threshold = NPL if chosen == NPL else int(chosen)
    cohort = question.settings["cohort"]
    return vintages(question.states, threshold=threshold, basis=question.basis, by=question.by, cohort=cohort)


def lent_since(rows: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Those rows whose cohorts were lent after the opening that was asked for; all if none was.

    Args:
        rows: one row is a cohort at an age.
        question: what is asked of a book.
    """
    return rows if question.since is None else rows[rows["cohort"] > pd.Timestamp(question.since)]


VINTAGE_STATEMENTS = (
    Statement(
        name="vintages",
        label=Text("放款批次分析", "Vintages"),
        definition=Text(
            "同期发放的贷款按账龄（月）：曾变坏÷发放额（分母不变，含已结清、已转让）、当前为坏÷发放额、"
            "边际风险=新变坏÷此前未变坏且在册；止于最年轻贷款的账龄；逾期门槛为“超过”该天数",
            "loans of one time of origination by months on book: ever bad ÷ originated (the denominator stays, with "
            "who repaid or was sold), bad now ÷ originated, marginal hazard = newly bad ÷ on book, never bad before; "
            "to the age of the youngest loan; a threshold of days is exceeded, not met",
        ),
        source="N. Siddiqi (2017), Intelligent Credit Scoring, 2nd ed.; E. L. Kaplan and P. Meier (1958), J. Am. Stat. "
        "Assoc. 53:457-481",
        status="unverified",
        needs=("origination_date", "original_amount", "is_npl"),
        settings=VINTAGE_SETTINGS,
        opens="first",
        rows=lambda q: lent_since(vintages_of(q), q),
    ),
)
