"""Which tables say what happened to defaulted loans: ways out, money that came in, what was lost?"""

import ibis.expr.types as ir
import pandas as pd

from analysis.errors import Unavailable
from analysis.measures.question import Question, Setting, Statement
from analysis.measures.recovery_cash import recovery_rows
from analysis.measures.workouts import COHORTS, workout_rows, workouts
from analysis.models.competing_exits import workout_exits
from analysis.models.loss_given_default import at_contract_rate, workout_lgd
from analysis.models.recovery_curves import recovery_curve, time_to_cash
from analysis.models.written_off_recoveries import written_off_recoveries
from analysis.terms import Text

_COHORT = Setting(default="all", known=COHORTS)
_SETTINGS = {"cohort": _COHORT, "same_within": Setting(rule="EU-SAME-DEFAULT")}
_NEEDS = ("is_npl", "principal_balance", "flows")
_LGD = "EBA/GL/2017/16, section 6"


def defaults_of(question: Question) -> ir.Table:
    """Defaults that a question is about: all of the book, or those since an opening that was asked for.

    Args:
        question: what is asked of a book.

    Returns:
        rows as `workouts` gives them.
    """
    within = int(question.settings["same_within"])
    found = workouts(question.states, question.flows, by=question.by, same_within=within)
    return found.filter(found.start > question.since) if question.since else found


def _counted(question: Question) -> pd.DataFrame:
    return workout_rows(defaults_of(question), by=question.by, cohort=question.settings["cohort"])


def _received(question: Question) -> pd.DataFrame:
    flows, cohort = question.moves(), question.settings["cohort"]
    return recovery_rows(defaults_of(question), flows, by=question.by, cohort=cohort)


def _curve(question: Question) -> pd.DataFrame:
    flows, cohort = question.moves(), question.settings["cohort"]
    return recovery_curve(defaults_of(question), flows, by=question.by, basis=question.basis, cohort=cohort)


def _exits(question: Question) -> pd.DataFrame:
    cohort = question.settings["cohort"]
    return workout_exits(defaults_of(question), by=question.by, basis=question.basis, cohort=cohort)


def _lost(question: Question) -> pd.DataFrame:
    flows, cohort = question.moves(), question.settings["cohort"]
    if question.loans is None:
        raise Unavailable("this measure needs loans with their contract rates, but the book has none; import them.")
    rated = at_contract_rate(defaults_of(question), question.loans)
    return workout_lgd(rated, flows, by=question.by, cohort=cohort)


def _written_off(question: Question) -> pd.DataFrame:
    flows, cohort = question.moves(), question.settings["cohort"]
    if question.since:
        flows = flows.filter(flows.date > question.since)
    return written_off_recoveries(question.states, flows, by=question.by, basis=question.basis, cohort=cohort)


WORKOUT_STATEMENTS = (
    Statement(
        name="workouts",
        label=Text("违约处置概况", "Workouts"),
        definition=Text(
            "违约=贷款持续为不良的一段时间，恢复后过早再次不良的视为同一次；按起始年度与结束方式列示笔数、敞口与历时",
            "a default is a spell of a loan as NPL, one that is bad again too soon being the same; number, exposure "
            "and months by how it ended (cured, cash, sold, written off, …) or still open",
        ),
        source="EBA/GL/2017/16, para. 101",
        status="unverified",
        needs=("is_npl", "principal_balance"),
        settings={**_SETTINGS, "cohort": Setting(default="year", known=COHORTS)},
        opens="first",
        rows=_counted,
    ),
    Statement(
        name="workout_cash",
        label=Text("违约贷款回收来源与成本", "Cash from defaulted loans"),
        definition=Text(
            "自违约起收到的现金、转让价款、抵债与债转股所抵金额、核销后收回，及费用÷收回",
            "cash, sale proceeds, what assets or equity settled and what came in after write-off, since default; "
            "cost ÷ what came in",
        ),
        source="Practice",
        status="practice",
        needs=_NEEDS,
        settings=_SETTINGS,
        opens="first",
        rows=_received,
    ),
    Statement(
        name="recovery_curve",
        label=Text("回收曲线", "Recovery curve"),
        definition=Text(
            "违约后各月累计收回（现金、转让价款、抵债等）÷违约时敞口；未了结的按已观察月数计入，不折现",
            "received (cash, sale proceeds, in kind) ÷ exposure at default, cumulative by months since default; open "
            "workouts count as far as they are followed; not discounted",
        ),
        source="Chain of ratios, T. Mack (1993), ASTIN Bulletin 23:213-225; interval W. G. Cochran (1977), ch. 6",
        status="practice",
        needs=_NEEDS,
        settings=_SETTINGS,
        opens="first",
        rows=_curve,
    ),
    Statement(
        name="time_to_cash",
        label=Text("回收时间", "Time to cash"),
        definition=Text(
            "回收曲线达到其终值一定比例（默认50%）的月数，及每单位回收的平均月数",
            "months until the recovery curve has come to a share of where it ends (50 % unless set), and the mean "
            "months of what came in",
        ),
        source="Practice",
        status="practice",
        needs=_NEEDS,
        settings={**_SETTINGS, "percent": Setting(default="50", least=1)},
        opens="first",
        rows=lambda q: time_to_cash(_curve(q), share=int(q.settings["percent"]) / 100),
    ),
    Statement(
        name="workout_exits",
        label=Text("处置结果累计概率", "Cumulative incidence of exits"),
        definition=Text(
            "违约后各月内以治愈、现金结清、转让、核销等方式结束的概率，各方式相互竞争；未了结的为删失",
            "chance that a default has ended by cure, cash, sale, write-off, … within so many months, each competing "
            "with the others; open ones are censored",
        ),
        source="O. O. Aalen and S. Johansen (1978), Scand. J. Stat. 5:141-150",
        status="verified",
        needs=("is_npl",),
        settings=_SETTINGS,
        opens="first",
        rows=_exits,
    ),
    Statement(
        name="workout_lgd",
        label=Text("违约损失率（处置法）", "Workout LGD"),
        definition=Text(
            "1−（收回−费用）的现值÷（敞口+违约后放款的现值），按合同利率折现；治愈贷款按恢复时面值计；"
            "已了结与全部（未了结的外推）两种口径，按敞口与按笔数",
            "1 − present value of (received − cost) ÷ that of (exposure + drawn since), at the contract rate; a cured "
            "loan brings its balance at face; of closed workouts, and of all with open ones extrapolated; by exposure "
            "and by count",
        ),
        source=_LGD,
        status="unverified",
        needs=(*_NEEDS, "contract_rate"),
        settings=_SETTINGS,
        opens="first",
        rows=_lost,
    ),
    Statement(
        name="written_off_recoveries",
        label=Text("核销后收回", "Recoveries after write-off"),
        definition=Text(
            "核销后各月累计收回÷核销金额；不再计入表内不良",
            "collected ÷ written off, cumulative by months since write-off; never part of the stock of NPL again",
        ),
        source="《金融企业呆账核销管理办法（2017年修订版）》 财金〔2017〕90号",
        status="verified",
        needs=("flows",),
        settings={"cohort": _COHORT},
        opens="first",
        rows=_written_off,
    ),
)
