"""Which tables say how much hangs on a few names: indices, curves, capital for it, limits?"""

from datetime import date
from decimal import Decimal

import pandas as pd

from analysis.measures.concentration import NAMES, WEIGHTS, View, concentration
from analysis.measures.concentration_limits import concentration_limits
from analysis.measures.granularity import granularity_adjustment
from analysis.measures.lorenz import lorenz
from analysis.measures.question import Question, Setting, Statement
from analysis.terms import Text

_VIEW = {"of": Setting(default="borrower", known=NAMES), "weight": Setting(default="exposure", known=WEIGHTS)}
_HOUSE_NAMES = Setting(default="borrower", known=("borrower", "group"))


def net_capital_at(capital: dict[date, Decimal], as_of: date) -> Decimal | None:
    """Net capital known at a date: the latest that is not of a later one.

    Args:
        capital: by date [currency].
        as_of: reporting date.
    """
    known = [day for day in capital if day <= as_of]
    return capital[max(known)] if known else None


def _view(question: Question) -> View:
    of, weight = question.settings["of"], question.settings["weight"]
    return View(of=of, weight="npl" if weight == "npl" else "exposure", basis=question.basis)


def _limits(question: Question) -> pd.DataFrame:
    as_of = question.months[-1]
    stated = dict(question.profile.net_capital) if question.profile else {}
    capital = net_capital_at(stated, as_of)
    return concentration_limits(question.latest, {} if capital is None else {as_of: capital})


CONCENTRATION_STATEMENTS = (
    Statement(
        name="concentration",
        label=Text("集中度", "Concentration of names"),
        definition=Text(
            "借款人（或集团、维度）余额的HHI、基尼系数、泰尔指数及最大1、3、5、10、20户占比；按敞口或按不良",
            "HHI, Gini, Theil and share of the largest 1, 3, 5, 10, 20 borrowers (or groups, or a dimension), by "
            "exposure or by NPL",
        ),
        source="O. C. Herfindahl (1950); C. Gini (1912); H. Theil (1967)",
        status="practice",
        needs=("borrower_id", "principal_balance"),
        settings=_VIEW,
        opens="now",
        rows=lambda q: concentration(q.latest, _view(q), by=q.by),
    ),
    Statement(
        name="lorenz",
        label=Text("洛伦兹曲线", "Lorenz curve"),
        definition=Text(
            "自最小户起，户数累计占比与余额累计占比，每条曲线至多100点；另附全部户的基尼系数",
            "share of the names, smallest first, against their share of the amount, at most 100 points a curve; with "
            "the Gini index of all names",
        ),
        source="M. O. Lorenz (1905), Publ. Am. Stat. Assoc. 9:209-219",
        status="practice",
        needs=("borrower_id", "principal_balance"),
        settings=_VIEW,
        opens="now",
        rows=lambda q: lorenz(q.latest, _view(q), by=q.by),
    ),
    Statement(
        name="granularity_adjustment",
        label=Text("粒度调整", "Granularity adjustment"),
        definition=Text(
            "非不良敞口因客户数有限而需的附加资本÷敞口：HHI×[λ+γ(1−λ)]×[δ(K+λp)−K]÷2K，各户违约概率、损失率相同（内部标准）",
            "capital on performing exposure for its finite number of names ÷ exposure: HHI × [LGD + γ(1−LGD)] × "
            "[δ(K + LGD·PD) − K] ÷ 2K, one PD and LGD for all names (house rules)",
        ),
        source="M. B. Gordy and E. Lütkebohmert (2013), Int. J. Central Banking 9(3):33-71, simplified",
        status="unverified",
        needs=("borrower_id", "principal_balance", "is_npl"),
        settings={"of": _HOUSE_NAMES},
        opens="now",
        rows=lambda q: granularity_adjustment(q.latest, View(of=q.settings["of"]), by=q.by),
    ),
    Statement(
        name="concentration_limits",
        label=Text("集中度限额", "Limits of concentration"),
        definition=Text(
            "最大单一客户、最大集团客户÷资本净额，前十大不良客户÷不良贷款，对照限额；资本净额取自账簿档案net_capital",
            "largest borrower and largest group ÷ net capital, ten largest bad names ÷ NPL, against their limits; net "
            "capital is what the book's profile states as net_capital",
        ),
        source="《商业银行法》 art. 39; 《商业银行大额风险暴露管理办法》 (CBIRC Order [2018] No. 1); house rules",
        status="unverified",
        needs=("borrower_id", "principal_balance", "is_npl"),
        opens="now",
        has_groups=False,
        rows=_limits,
    ),
)
