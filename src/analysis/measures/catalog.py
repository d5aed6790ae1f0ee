"""Which measures are there, what exactly does each mean, and who says so?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from analysis.errors import Misuse, did_you_mean, require_known
from analysis.terms import Text

Basis = Literal["balance", "count"]
Unit = Literal["share", "money", "count"]
Status = Literal["verified", "unverified", "practice"]
Parts = tuple[str, str | None]
BASES: tuple[Basis, ...] = ("balance", "count")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a measure is, and who says so.

    Attributes:
        name: code.
        label: name.
        definition: in words.
        source: who defines it.
        status: of the source: "verified", "unverified" (quoted from memory or second hand), or "practice"
            where no rule defines it.
        needs: columns it cannot do without.
    """

    name: str
    label: Text
    definition: Text
    source: str
    status: Status
    needs: tuple[str, ...]

    def listed(self, unit: str, worse: str, bases: Iterable[str]) -> Mapping[str, object]:
        """The measure as a row of the list that people choose from."""
        return {
            "measure": self.name,
            "zh": self.label.zh,
            "en": self.label.en,
            "unit": unit,
            "worse": worse,
            "basis": ",".join(bases),
            "definition_zh": self.definition.zh,
            "definition_en": self.definition.en,
            "source": self.source,
            "status": self.status,
            "needs": ",".join(self.needs),
        }


@dataclass(frozen=True, kw_only=True)
class Measure(Definition):
    """A measure that is a number, by group.

    Attributes:
        unit: "share" (0.015 is 1.5 %), "money" (currency of the book) or "count" (loans).
        worse: direction that is bad; of the size of the book it is down, because ratios then rise by themselves.
        parts: numerator and denominator, names of components, by basis; an amount has no denominator.
            A measure that has one basis only is measured on that one.
        is_part_of_whole: whether the numerator's loans are among the denominator's, so that a
            binomial interval means something.
    """

    unit: Unit
    worse: Literal["up", "down"]
    parts: Mapping[str, Parts]
    is_part_of_whole: bool = False

    def on(self, basis: str) -> Basis:
        """The basis it is measured on when asked for this one.

        Raises:
            Misuse: if there is no such basis.
        """
        require_basis(basis)
        asked = [kind for kind in BASES if kind == basis]
        return next(kind for kind in (*asked, *BASES) if kind in self.parts)


def require_basis(basis: str) -> None:
    """Refuse what is no basis.

    Raises:
        Misuse: if it is neither "balance" nor "count".
    """
    if basis not in BASES:
        raise Misuse(f"basis must be balance or count, was {basis!r}{did_you_mean(basis, BASES)}.")


def measure_named(name: str) -> Measure:
    """A measure by its code.

    Raises:
        Misuse: if there is none.
    """
    require_known("measure", name, MEASURES)
    return MEASURES[name]


def measure_list() -> list[Mapping[str, object]]:
    """One row is a measure, for people to choose from: code, names, unit, bases, definitions, source, status."""
    return [one.listed(one.unit, one.worse, one.parts) for one in MEASURES.values()]


def _both(state: str, of: str = "") -> Mapping[str, Parts]:
    return {
        "balance": (f"{state}_balance", f"{of}_balance" if of else "balance"),
        "count": (f"{state}_loans", f"{of}_loans" if of else "loans"),
    }


_RESERVES = "《商业银行贷款损失准备管理办法》 (CBRC Order [2011] No. 4), arts 6-7; 银监发〔2018〕7号"
_ALL = (
    Measure(
        name="npl_ratio",
        label=Text("不良贷款率", "NPL ratio"),
        unit="share",
        worse="up",
        definition=Text("（次级类+可疑类+损失类贷款）÷各项贷款", "(Substandard + doubtful + loss loans) ÷ all loans"),
        source="《商业银行风险监管核心指标（试行）》 (CBRC 2005)",
        status="verified",
        needs=("is_npl",),
        parts=_both("npl"),
        is_part_of_whole=True,
    ),
    Measure(
        name="special_mention_ratio",
        label=Text("关注类贷款占比", "Special-mention ratio"),
        unit="share",
        worse="up",
        definition=Text("关注类贷款÷各项贷款", "Special-mention loans ÷ all loans"),
        source="Practice; classes of 《商业银行金融资产风险分类办法》 (CBIRC and PBoC Order [2023] No. 1)",
        status="practice",
        needs=("five_class",),
        parts=_both("special_mention"),
        is_part_of_whole=True,
    ),
    Measure(
        name="overdue_ratio",
        label=Text("逾期贷款率", "Overdue ratio"),
        unit="share",
        worse="up",
        definition=Text(
            "逾期贷款÷各项贷款；任一部分逾期，即计入该笔贷款全部本金余额",
            "Overdue loans ÷ all loans; once any part is overdue, the whole outstanding principal counts",
        ),
        source="Practice",
        status="practice",
        needs=("days_past_due",),
        parts=_both("overdue"),
        is_part_of_whole=True,
    ),
    Measure(
        name="overdue90_to_npl",
        label=Text("逾期90天以上贷款与不良贷款比例", "90+ days overdue to NPL"),
        unit="share",
        worse="up",
        definition=Text("逾期90天以上贷款÷不良贷款", "Loans more than 90 days past due ÷ non-performing loans"),
        source="Supervisory practice since 2019 (classification deviation)",
        status="unverified",
        needs=("days_past_due", "is_npl"),
        parts=_both("overdue90", "npl"),
    ),
    Measure(
        name="provision_coverage_ratio",
        label=Text("拨备覆盖率", "Provision coverage"),
        unit="share",
        worse="down",
        definition=Text("贷款损失准备÷不良贷款余额", "Loan loss allowance ÷ balance of non-performing loans"),
        source=_RESERVES,
        status="verified",
        needs=("allowance", "is_npl", "principal_balance"),
        parts={"balance": ("allowance", "npl_balance")},
    ),
    Measure(
        name="loan_provision_ratio",
        label=Text("贷款拨备率", "Loan provision ratio"),
        unit="share",
        worse="down",
        definition=Text("贷款损失准备÷各项贷款余额", "Loan loss allowance ÷ balance of all loans"),
        source=_RESERVES,
        status="verified",
        needs=("allowance", "principal_balance"),
        parts={"balance": ("allowance", "balance")},
    ),
    Measure(
        name="restructured_ratio",
        label=Text("重组贷款占比", "Restructured ratio"),
        unit="share",
        worse="up",
        definition=Text(
            "重组贷款÷各项贷款，含观察期内与已满观察期的",
            "Restructured loans ÷ all loans, in observation or past it",
        ),
        source="1104 return G11, item 5.5; 《商业银行金融资产风险分类办法》 arts 16-23",
        status="unverified",
        needs=("is_restructured",),
        parts=_both("restructured"),
        is_part_of_whole=True,
    ),
    Measure(
        name="npl_balance",
        label=Text("不良贷款余额", "NPL balance"),
        unit="money",
        worse="up",
        definition=Text("次级、可疑、损失类贷款的本金余额", "Outstanding principal of non-performing loans"),
        source="《商业银行金融资产风险分类办法》 (CBIRC and PBoC Order [2023] No. 1)",
        status="verified",
        needs=("is_npl", "principal_balance"),
        parts={"balance": ("npl_balance", None)},
    ),
    Measure(
        name="loan_balance",
        label=Text("各项贷款余额", "Loan balance"),
        unit="money",
        worse="down",
        definition=Text("全部贷款的本金余额", "Outstanding principal of all loans"),
        source="Practice",
        status="practice",
        needs=("principal_balance",),
        parts={"balance": ("balance", None)},
    ),
    Measure(
        name="npl_count",
        label=Text("不良贷款笔数", "NPL count"),
        unit="count",
        worse="up",
        definition=Text("次级、可疑、损失类贷款的笔数", "Number of non-performing loans"),
        source="《商业银行金融资产风险分类办法》 (CBIRC and PBoC Order [2023] No. 1)",
        status="verified",
        needs=("is_npl",),
        parts={"count": ("npl_loans", None)},
    ),
    Measure(
        name="loan_count",
        label=Text("贷款笔数", "Loan count"),
        unit="count",
        worse="down",
        definition=Text("全部贷款的笔数", "Number of loans"),
        source="Practice",
        status="practice",
        needs=(),
        parts={"count": ("loans", None)},
    ),
    Measure(
        name="npl_formation_gross",
        label=Text("不良生成率（毛）", "NPL formation, gross"),
        unit="share",
        worse="up",
        definition=Text(
            "最近三个月各月新增不良（上月末正常或关注、本月末不良）之和÷期初非不良贷款，年化；"
            "首次出现即为不良的贷款另列",
            "Loans performing at the previous month end and non-performing now, summed over the latest three months "
            "÷ performing loans three months ago, annualised; loans first seen as NPL are listed apart",
        ),
        source="Practice; no rule defines it",
        status="practice",
        needs=("is_npl", "prior_is_npl"),
        parts={"balance": ("inflow_balance", None), "count": ("inflow_loans", None)},
    ),
    Measure(
        name="npl_formation_net",
        label=Text("不良生成率（净）", "NPL formation, net"),
        unit="share",
        worse="up",
        definition=Text(
            "（期末不良−期初不良+期间核销、转让、以物抵债、债转股及减免的不良）÷期初各项贷款，三个月，年化",
            "(Closing NPL − opening NPL + NPL written off, sold, foreclosed, swapped for equity or forgiven) "
            "÷ opening loans, over three months, annualised",
        ),
        source="Analysts' practice: (closing − opening NPL + write-offs [+ transfers]) ÷ opening loans",
        status="unverified",
        needs=("is_npl", "principal_balance"),
        parts={"balance": ("npl_balance", None)},
    ),
)
MEASURES: Mapping[str, Measure] = MappingProxyType({one.name: one for one in _ALL})
FORMATION = ("npl_formation_gross", "npl_formation_net")
