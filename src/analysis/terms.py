"""The glossary: every column, class and unit of the tape, once, in English and Chinese."""

from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["id", "text", "date", "money", "days", "flag", "rate", "stage", "count"]
Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True)
class Text:
    """One phrase in both languages of a report."""

    zh: str
    en: str

    def html(self) -> str:
        """Escaped spans, one per language; a plain string where both are the same."""
        if self.zh == self.en:
            return escape(self.en)
        return f'<span lang="zh">{escape(self.zh)}</span><span lang="en">{escape(self.en)}</span>'

    def format(self, **values: object) -> "Text":
        """Fill `{name}` fields; a `Text` value gives each language its own words."""
        zh = {k: v.zh if isinstance(v, Text) else v for k, v in values.items()}
        en = {k: v.en if isinstance(v, Text) else v for k, v in values.items()}
        return Text(self.zh.format(**zh), self.en.format(**en))

    def __add__(self, other: "Text") -> "Text":
        """Join two phrases, language by language."""
        return Text(self.zh + other.zh, self.en + other.en)


def same(text: str) -> Text:
    """Give a phrase that reads the same in both languages (a number, a code)."""
    return Text(text, text)


@dataclass(frozen=True, kw_only=True)
class Term:
    """A column of the tape: name, kind of value, labels, unit."""

    name: str
    kind: Kind
    label: Text
    unit: str = ""
    required: bool = False


def _term(name: str, kind: Kind, zh: str, en: str, **rest: Any) -> Term:  # noqa: ANN401  (Term checks them)
    return Term(name=name, kind=kind, label=Text(zh, en), **rest)


LOANS = (
    _term("loan_id", "id", "借据号", "Loan", required=True),
    _term("borrower_id", "id", "借款人", "Borrower", required=True),
    _term("group_id", "id", "集团客户", "Borrower group"),
    _term("borrower_type", "text", "客户类型", "Borrower type"),
    _term("enterprise_size", "text", "企业规模", "Enterprise size"),
    _term("industry_code", "text", "行业代码", "Industry code"),
    _term("segment", "text", "分部", "Segment", required=True),
    _term("region", "text", "地区", "Region"),
    _term("product", "text", "产品类型", "Product"),
    _term("loan_purpose", "text", "贷款用途", "Purpose"),
    _term("channel", "text", "渠道", "Channel"),
    _term("origination_date", "date", "发放日", "Origination date", required=True),
    _term("maturity_date", "date", "到期日", "Maturity date"),
    _term("original_amount", "money", "发放金额", "Original amount", unit="currency", required=True),
    _term("contract_rate", "rate", "合同利率", "Contract rate", unit="share per year"),
    _term("repayment_type", "text", "还款方式", "Repayment type"),
    _term("collateral_type", "text", "押品类型", "Collateral type"),
    _term("collateral_value", "money", "押品评估价值", "Collateral value", unit="currency"),
    _term("valuation_date", "date", "评估日", "Valuation date"),
    _term("guarantor_id", "id", "保证人", "Guarantor"),
    _term("currency", "text", "币种", "Currency", unit="ISO 4217"),
)
SNAPSHOTS = (
    _term("as_of", "date", "报告日", "As-of date", required=True),
    _term("loan_id", "id", "借据号", "Loan", required=True),
    _term("principal_balance", "money", "本金余额", "Outstanding principal", unit="currency", required=True),
    _term("days_past_due", "days", "逾期天数", "Days past due", unit="days", required=True),
    _term("interest_receivable", "money", "应收利息", "Interest receivable", unit="currency"),
    _term("overdue_principal", "money", "逾期本金", "Overdue principal", unit="currency"),
    _term("reported_class", "text", "报送五级分类", "Reported class"),
    _term("ifrs9_stage", "stage", "减值阶段", "IFRS 9 stage"),
    _term("allowance", "money", "贷款损失准备", "Allowance", unit="currency"),
    _term("is_restructured", "flag", "重组资产", "Restructured"),
    _term("restructure_date", "date", "重组日", "Restructuring date"),
    _term("observation_end", "date", "观察期届满日", "End of observation"),
    _term("is_qualified_renewal", "flag", "合格续贷", "Qualified renewal"),
    _term("borrower_rating", "text", "客户评级", "Borrower rating"),
)
FLOWS = (
    _term("loan_id", "id", "借据号", "Loan", required=True),
    _term("date", "date", "发生日", "Date", required=True),
    _term("kind", "text", "类型", "Kind", required=True),
    _term("amount", "money", "金额", "Amount", unit="currency", required=True),
    _term("cost", "money", "费用", "Cost", unit="currency"),
)
FINANCIALS = (
    _term("borrower_id", "id", "借款人", "Borrower", required=True),
    _term("period_end", "date", "报表期末", "Period end", required=True),
    _term("known_date", "date", "信息获知日", "Known date", required=True),
    _term("revenue", "money", "营业收入", "Revenue", unit="currency"),
    _term("receivables", "money", "应收账款", "Receivables", unit="currency"),
    _term("inventory", "money", "存货", "Inventory", unit="currency"),
    _term("operating_cash_flow", "money", "经营现金流", "Operating cash flow", unit="currency"),
    _term("debt_service", "money", "还本付息额", "Debt service", unit="currency"),
    _term("total_debt", "money", "总负债", "Total debt", unit="currency"),
    _term("fund_use_deviation", "rate", "资金用途偏离度", "Fund-use deviation", unit="share"),
    _term("capacity_plan", "count", "计划产能", "Planned capacity", unit="units"),
    _term("capacity_actual", "count", "实际产能", "Actual capacity", unit="units"),
)
CONTACTS = (
    _term("contact_id", "id", "联系编号", "Contact", required=True),
    _term("borrower_id", "id", "借款人", "Borrower", required=True),
    _term("loan_id", "id", "借据号", "Loan"),
    _term("agent_id", "id", "催收员", "Collector"),
    _term("agency_id", "id", "委外机构", "Agency"),
    _term("channel", "text", "渠道", "Channel", required=True),
    _term("direction", "text", "方向", "Direction"),
    _term("start_ts", "text", "开始时间", "Start", unit="ISO 8601 with offset", required=True),
    _term("end_ts", "text", "结束时间", "End", unit="ISO 8601 with offset"),
    _term("contact_point_id", "id", "联系方式", "Contact point"),
    _term("counterparty", "text", "联系对象", "Counterparty"),
    _term("outcome", "text", "结果", "Outcome"),
    _term("recording_id", "id", "录音编号", "Recording"),
    _term("script_id", "id", "话术编号", "Script"),
    _term("consent_id", "id", "同意书编号", "Consent"),
    _term("text_hash", "text", "文本摘要", "Text hash"),
    _term("debtor_tz", "text", "债务人时区", "Debtor time zone"),
    _term("borrower_type", "text", "客户类型", "Borrower type"),
)
MACRO = (
    _term("date", "date", "日期", "Date", required=True),
    _term("series", "text", "序列", "Series", required=True),
    _term("value", "rate", "数值", "Value", required=True),
    _term("source", "text", "来源", "Source"),
    _term("vintage", "date", "数据版本日", "Vintage"),
)
TABLES = MappingProxyType(
    {
        "loans": LOANS,
        "snapshots": SNAPSHOTS,
        "flows": FLOWS,
        "financials": FINANCIALS,
        "contacts": CONTACTS,
        "macro": MACRO,
    }
)

FLOW_KINDS = (
    "drawdown", "repayment", "interest", "recovery", "write_off", "written_off_recovery", "sale",
    "foreclosure", "forgiveness", "debt_to_equity", "capitalised_interest", "fx", "correction",
)  # fmt: skip

# What a borrower pays of the principal; interest is no principal.
CASH = ("repayment", "recovery")
# Ways out of the stock of NPL without being paid; a bank's list may end at debt-for-asset.
DISPOSALS = ("write_off", "sale", "foreclosure", "debt_to_equity", "forgiveness")
# What ends a loan where several disposals fall on its last day: the first listed here. It is the order in which
# they are applied, read backwards: a concession comes first, because it says what is still owed; then assets or
# shares are taken for it, in that order, because shares are given for what the assets left; what is sold is what
# is left then; and a write-off is of what nobody took or bought.
LAST_APPLIED = ("write_off", "sale", "debt_to_equity", "foreclosure", "forgiveness")

# Loan attributes that every snapshot row repeats as they were on its date, so that measures by
# segment need no join and a loan that changes segment keeps its history.
CARRIED_ATTRIBUTES = (
    "borrower_id", "group_id", "borrower_type", "segment", "region", "enterprise_size", "product",
    "collateral_type", "industry_code", "origination_date", "original_amount",
)  # fmt: skip
# State at the previous month end, stored with the row (null when the loan was not there).
PRIOR_STATE = (
    _term("prior_as_of", "date", "上期报告日", "Prior as-of date"),
    _term("prior_balance", "money", "上期本金余额", "Prior principal", unit="currency"),
    _term("prior_days_past_due", "days", "上期逾期天数", "Prior days past due", unit="days"),
    _term("prior_reported_class", "text", "上期报送分类", "Prior reported class"),
    _term("prior_segment", "text", "上期分部", "Prior segment"),
    _term("last_over_90_date", "date", "最近逾期超90天的报告日", "Latest as-of date with more than 90 days past due"),
    _term("clean_since", "date", "连续无逾期起始报告日", "First as-of date of the current run without arrears"),
)

FIVE_CLASSES = MappingProxyType(
    {
        "pass": Text("正常", "Pass"),
        "special_mention": Text("关注", "Special mention"),
        "substandard": Text("次级", "Substandard"),
        "doubtful": Text("可疑", "Doubtful"),
        "loss": Text("损失", "Loss"),
    }
)
NPL_CLASSES = ("substandard", "doubtful", "loss")

DIMENSIONS = MappingProxyType(
    {
        "segment": Text("分部", "Segment"),
        "region": Text("地区", "Region"),
        "enterprise_size": Text("企业规模", "Size"),
        "product": Text("产品", "Product"),
        "collateral_type": Text("押品", "Collateral"),
        "vintage_year": Text("放款年份", "Vintage year"),
        "industry_code": Text("行业", "Industry"),
        "borrower_type": Text("客户类型", "Borrower type"),
    }
)


def columns(table: str) -> tuple[str, ...]:
    """Names of a table's columns, in order."""
    return tuple(term.name for term in TABLES[table])


def required(table: str) -> tuple[str, ...]:
    """Names of the columns a table cannot do without."""
    return tuple(term.name for term in TABLES[table] if term.required)
