"""Which tables say whether the bad loans are covered: coverage, allowance, requirement, backstop, loss rates?"""

import pandas as pd

from analysis.measures.allowance_bridge import allowance_bridge
from analysis.measures.backstop import backstop
from analysis.measures.loss_rates import loss_rates, roll_loss_rates
from analysis.measures.migration import migration
from analysis.measures.migration_matrix import pooled
from analysis.measures.npl_age import CUTS
from analysis.measures.provision_coverage import npl_coverage
from analysis.measures.provision_requirement import provision_factors, provision_requirement
from analysis.measures.question import Question, Statement
from analysis.terms import Text

_RESERVES = "《商业银行贷款损失准备管理办法》 (CBRC Order [2011] No. 4)"


def _loss_rates(question: Question) -> pd.DataFrame:
    moves = pooled(migration(question.within, question.flows, by=question.by, state="bucket"), by=question.by)
    rated = roll_loss_rates(moves, by=question.by, basis=question.basis)
    return loss_rates(question.latest, rated, by=question.by)


COVERAGE_STATEMENTS = (
    Statement(
        name="npl_coverage",
        label=Text("不良贷款覆盖情况", "Coverage of NPL"),
        definition=Text(
            "拨备覆盖率=全部准备÷不良余额；另列不良自身准备÷不良余额、未覆盖余额及押品价值（以余额为限）；"
            "可按五级分类、逾期档、不良满年数及各维度",
            "all allowance ÷ NPL, and the allowance on NPL alone ÷ NPL, the uncovered balance and the value of "
            "collateral up to the balance; also by five_class, bucket and npl_years (full years as NPL)",
        ),
        source=f"{_RESERVES}, art. 6; own coverage by practice",
        status="verified",
        needs=("is_npl", "principal_balance", "allowance"),
        cuts=tuple(CUTS),
        rows=lambda q: npl_coverage(q.states, q.loans, as_of=q.months[-1], by=q.by),
    ),
    Statement(
        name="allowance_bridge",
        label=Text("贷款损失准备变动表", "Allowance bridge"),
        definition=Text(
            "期初准备+新增、计提、转回−核销+核销时补提+收回已核销−随转让等转出=期末准备，逐月逐笔；计提、转回为轧差",
            "opening allowance + new, charge, release − written off + charged when writing off + recovered − released "
            "by sales, … = closing, month by month and loan by loan; charge and release are what balances",
        ),
        source="1104 return G03; IFRS 7, paragraph 35H",
        status="unverified",
        needs=("allowance", "flows"),
        cuts=("five_class", "bucket"),
        rows=lambda q: allowance_bridge(q.states, q.moves(), dates=q.months, by=q.by),
    ),
    Statement(
        name="provision_requirement",
        label=Text("贷款损失准备监管要求", "Allowance required by supervision"),
        definition=Text(
            "拨备覆盖率与贷款拨备率各自要求的准备，孰高为准，与已提准备之差；基本标准、下限及按分类准确性的档次",
            "allowance that provision coverage and the loan provision ratio ask for, the higher, and what is held "
            "beyond it; base standard, least, and the tier by accuracy of classification",
        ),
        source=f"{_RESERVES}, arts 6-7; 银监发〔2018〕7号",
        status="unverified",
        needs=("is_npl", "principal_balance", "allowance", "reported_class"),
        rows=lambda q: provision_requirement(q.latest, by=q.by),
    ),
    Statement(
        name="provision_factors",
        label=Text("确定准备要求的三方面因素", "Factors that set the required allowance"),
        definition=Text(
            "逾期90天以上贷款纳入不良的比例、处置的不良÷新形成的不良、资本充足率，及已知档次对应的标准",
            "share of loans 90+ days overdue that are NPL, NPL disposed of ÷ newly formed, capital adequacy; and the "
            "standards of their tiers where known",
        ),
        source="银监发〔2018〕7号",
        status="unverified",
        needs=("is_npl", "principal_balance", "reported_class"),
        has_groups=False,
        rows=lambda q: provision_factors(q.states, q.flows, dates=q.months),
    ),
    Statement(
        name="backstop_shortfall",
        label=Text("欧盟最低覆盖缺口", "EU backstop shortfall"),
        definition=Text(
            "按不良满年数与押品逐笔计算的最低覆盖减已提准备（不足部分），现在及12、24、36个月后（其他不变）",
            "least coverage by years as NPL and collateral, loan by loan, less the allowance held where lower, "
            "now and 12, 24 and 36 months on if nothing changes",
        ),
        source="Regulation (EU) No 575/2013, arts. 47c and 469a, inserted by Regulation (EU) 2019/630",
        status="unverified",
        needs=("is_npl", "principal_balance", "allowance", "origination_date", "collateral_type"),
        cuts=tuple(CUTS),
        rows=lambda q: backstop(q.states, q.loans, as_of=q.months[-1], by=q.by),
    ),
    Statement(
        name="loss_rates",
        label=Text("逾期档损失率", "Loss rates by bucket"),
        definition=Text(
            "某一逾期档的损失率=该档至最后一档（逾期180天以上）滚动率之积，最后一档按100%；乘以余额为测算准备，与已提准备相比",
            "loss rate of a bucket = product of the roll rates from it to the last (more than 180 days), all lost; "
            "times the balance = allowance by this measure, beside what is held",
        ),
        source="IFRS 9, paragraph B5.5.35 (provision matrix); flow rates by practice",
        status="practice",
        needs=("days_past_due", "prior_days_past_due", "principal_balance", "allowance"),
        rows=_loss_rates,
    ),
)
