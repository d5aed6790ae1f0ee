"""Which tables say where cohorts of loans will end, and how well that could be said before?"""

import pandas as pd

from analysis.measures.question import Question, Setting, Statement
from analysis.measures.vintage_statements import VINTAGE_SETTINGS, lent_since, vintages_of
from analysis.models.development import METHODS
from analysis.models.development_backtest import back_test, back_test_summary
from analysis.models.vintage_projection import vintage_projection
from analysis.terms import Text

_SETTINGS = {**VINTAGE_SETTINGS, "method": Setting(default="additive", known=tuple(METHODS))}
_MACK = "T. Mack (1993), ASTIN Bulletin 23:213-225; T. Mack (2002), Schadenversicherungsmathematik, 2nd ed."
_NEEDS = ("origination_date", "original_amount", "is_npl")
_CUTS = (6, 12, 18, 24)


def _projected(question: Question) -> pd.DataFrame:
    settings, known = question.settings, vintages_of(question)
    choices = {"basis": question.basis, "to": int(settings["to"]), "method": settings["method"]}
    return lent_since(vintage_projection(known, by=question.by, **choices), question)  # type: ignore[arg-type]


def _tested(question: Question) -> pd.DataFrame:
    known = vintages_of(question)
    tested = back_test(known, _CUTS, by=question.by, basis=question.basis, method=question.settings["method"])
    return back_test_summary(tested, by=question.by)


DEVELOPMENT_STATEMENTS = (
    Statement(
        name="vintage_projection",
        label=Text("放款批次推算", "Projection of vintages"),
        definition=Text(
            "各批次曾变坏占比按更早批次的逐期增量（additive）或发展因子（chain_ladder，按金额加权）推算至所求账龄，附上下四分位",
            "ever bad of each cohort, carried on to an age by what older cohorts added from age to age (additive) or "
            "by volume-weighted development factors (chain_ladder), with the lower and the upper quartile",
        ),
        source=_MACK,
        status="unverified",
        needs=_NEEDS,
        settings={**_SETTINGS, "to": Setting(default="60", least=1)},
        opens="first",
        rows=_projected,
    ),
    Statement(
        name="vintage_back_test",
        label=Text("放款批次推算回测", "Back-test of the projection of vintages"),
        definition=Text(
            "在6、12、18、24个月前截断历史并推算，与其后实际相比：误差、绝对误差、落入四分位区间的比例，按提前月数",
            "history cut 6, 12, 18 and 24 months ago, projected and set against what came: error, absolute error and "
            "share between the quartiles, by months ahead",
        ),
        source=_MACK,
        status="practice",
        needs=_NEEDS,
        settings=_SETTINGS,
        opens="first",
        rows=_tested,
    ),
)
