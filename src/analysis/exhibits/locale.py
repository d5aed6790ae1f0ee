"""How are amounts, ratios, changes and dates written in Chinese and in English?"""

import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

import pandas as pd

from analysis.terms import Text, same

Number = int | float | Decimal | None
UNKNOWN = "–"
MINUS = "−"
REASONS = MappingProxyType(
    {
        "": Text("没有数据", "no data"),
        "no_loans": Text("没有贷款", "no loans"),
        "too_small": Text("笔数过少，不宜解读", "too few loans to read"),
        "no_denominator": Text("分母为零", "denominator is zero"),
        "not_recorded": Text("数据源未记录", "not recorded in the source"),
        "no_history": Text("历史期数不足", "history is too short"),
        "too_short": Text("历史期数不足", "history is too short"),
        "no_prior": Text("账簿没有期初数据", "the book does not reach back that far"),
        "within_a_period": Text("期限不是整数个观察期", "the horizon is no whole number of periods"),
        "no_moves": Text("没有贷款离开该状态", "no loan left the state"),
        "no_logarithm": Text("迁徙矩阵没有实对数", "the matrix has no real logarithm"),
        "nothing_to_compare": Text("没有可比较的迁徙", "there is nothing to compare"),
        "sparse": Text("多数格子笔数过少，不宜解读", "most cells hold too few loans to read"),
        "missing_flows": Text("账簿没有流水", "the book has no flows"),
        "partly_recorded": Text("数据源仅部分记录", "recorded for some loans only"),
        "constant": Text("历史数值从未变动", "the value never changed"),
        "gaps": Text("历史有缺口，自最近缺口之后起算", "the history starts after its last gap"),
        "gaps_filled": Text("少数缺失月份以插值补足", "a few missing months were interpolated"),
        "latest_unknown": Text("最近一期没有数值", "the latest value is unknown"),
        "no_break": Text("未见显著突变", "no significant break"),
        "censored": Text("观察期未满", "the time to watch is not over"),
        "last_bucket": Text("末档只进不出，净额口径没有意义", "a bucket that only fills has no net rate"),
        "not_defined": Text("该口径没有这一指标", "the convention has no such rate"),
        "no_cohort": Text("没有足够成熟的发放季度", "no cohort has been watched for long enough"),
        "no_defaults": Text("没有贷款变坏", "no loan went bad"),
        "at_least": Text(
            "部分贷款入账时已为不良，年限与要求为下限", "some loans were bad when first seen: it is at least so much"
        ),
        "not_in_force": Text("规定尚未生效", "the rule was not in force"),
        "no_tiers": Text("该因素的档次未知", "the tiers of this factor are not known"),
        "missing_capital_adequacy": Text("未提供资本充足率", "the capital adequacy ratio was not given"),
        "no_recoveries": Text("流水中没有任何回收", "the flows hold no recovery at all"),
        "no_cash": Text("没有回收", "nothing was received"),
        "no_write_offs": Text("没有核销", "nothing was written off"),
        "missing_net_capital": Text("账簿未提供资本净额", "the book does not say the net capital"),
        "no_groups": Text("没有集团客户信息", "no loan belongs to a group"),
        "single_name": Text("只有一个借款人", "there is one name only"),
        "missing_tape": Text("缺失台账", "a tape is missing"),
        "no_changes": Text("没有贷款变坏或好转", "no loan went bad or came back"),
    }
)
_CURRENCIES = MappingProxyType(
    {"CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "HKD": "港元", "JPY": "日元", "TWD": "新台币"}
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_QUARTERS = ("一", "二", "三", "四")


@dataclass(frozen=True)
class Scale:
    """A unit of money: how many of the currency it holds, and how many decimals it is shown with."""

    size: int
    decimals: int
    unit: str

    def shows(self, amount: Number) -> str:
        """The amount in this unit, without the unit."""
        return _fixed(amount, scale=1 / Decimal(self.size), decimals=self.decimals)


@dataclass(frozen=True)
class MoneyScale:
    """The unit of an amount in each language."""

    zh: Scale
    en: Scale

    @property
    def unit(self) -> Text:
        """Name of the unit, for a heading."""
        return Text(self.zh.unit, self.en.unit)

    def shows(self, amount: Number) -> Text:
        """The amount in this unit, without the unit."""
        return Text(self.zh.shows(amount), self.en.shows(amount))


def is_known(number: Number) -> bool:
    """Whether there is a finite number."""
    return number is not None and math.isfinite(number)


def money_scale(amount: Number, currency: str = "CNY") -> MoneyScale:
    """The unit in which an amount is best read: 亿, 万 or one in Chinese; bn, m or one in English."""
    name = _CURRENCIES.get(currency, f" {currency}")
    zh = (Scale(10**8, 1, f"亿{name}"), Scale(10**4, 0, f"万{name}"), Scale(1, 0, name.strip()))
    en = (Scale(10**9, 2, f"{currency} bn"), Scale(10**6, 1, f"{currency} m"), Scale(1, 0, currency))
    return MoneyScale(_fitting(amount, zh), _fitting(amount, en))


def money(amount: Number, currency: str = "CNY") -> Text:
    """An amount with its unit, such as 413.7亿元 and CNY 41.37bn."""
    if not is_known(amount):
        return same(UNKNOWN)
    scale = money_scale(amount, currency)
    suffix = scale.en.unit.removeprefix(currency).strip()
    zh_gap = " " if scale.zh.unit == currency else ""
    return Text(f"{scale.zh.shows(amount)}{zh_gap}{scale.zh.unit}", f"{currency} {scale.en.shows(amount)}{suffix}")


def change_money(amount: Number, currency: str = "CNY") -> Text:
    """A change of an amount with its sign, such as +8.1亿元 and +CNY 808.5m."""
    if not is_known(amount):
        return same(UNKNOWN)
    size = money(abs(Decimal(str(amount))), currency)
    sign = "" if amount == 0 else _sign(float(amount or 0))
    return Text(sign + size.zh, sign + size.en)


def ratio(share: Number, decimals: int = 2) -> str:
    """A share [0 to 1] as a percentage, such as 1.62%."""
    return share_number(share, decimals) + "%" if is_known(share) else UNKNOWN


def share_number(share: Number, decimals: int = 2) -> str:
    """A share [0 to 1] in percent without the sign, for places where the unit is stated once."""
    return _fixed(share, scale=Decimal(100), decimals=decimals)


def change_bp(change: Number) -> Text:
    """A change of a share [0 to 1] in basis points with its sign, such as +11bp."""
    return same(f"{_signed(change, Decimal(10_000), 0)}bp" if is_known(change) else UNKNOWN)


def points(change: Number) -> Text:
    """A change of a share [0 to 1] in percentage points with its sign, such as −4.1 points."""
    if not is_known(change):
        return same(UNKNOWN)
    return Text("{n}个百分点", "{n} points").format(n=_signed(change, Decimal(100), 1))


def basis_points(change: Number) -> Text:
    """The size of a change of a share [0 to 1] in basis points, for sentences that name the direction."""
    if not is_known(change):
        return same(UNKNOWN)
    size = _fixed(abs(float(change or 0)), scale=Decimal(10_000), decimals=0)
    return Text(f"{size}个基点", f"{size}bp")


def whole_bp(change: Number) -> int:
    """A change of a share [0 to 1] in whole basis points as it is shown; 0 where it is unknown."""
    return round(float(change or 0) * 10_000) if is_known(change) else 0


def count(number: Number) -> str:
    """A whole number with thousands separators."""
    return _fixed(number, scale=Decimal(1), decimals=0)


def number_of(number: int, one: str, many: str) -> str:
    """A count with its English noun in the singular or plural, such as "1 error" and "2 errors"."""
    return f"{count(number)} {one if number == 1 else many}"


def day(when: date | None) -> Text:
    """A date, such as 2026年9月30日 and 30 Sep 2026."""
    if not isinstance(when, date):
        return same(UNKNOWN)
    return Text(f"{when.year}年{when.month}月{when.day}日", f"{when.day} {_MONTHS[when.month - 1]} {when.year}")


def period(when: date) -> Text:
    """The quarter of a date at a quarter end, otherwise its month."""
    if when.month % 3:
        return Text(f"{when.year}年{when.month}月", f"{_MONTHS[when.month - 1]} {when.year}")
    quarter = when.month // 3
    return Text(f"{when.year}年{_QUARTERS[quarter - 1]}季度", f"{when.year} Q{quarter}")


def short_period(when: date) -> str:
    """The same as `period`, short enough for an axis: 26Q3 or 26-08."""
    month = f"-{when.month:02d}" if when.month % 3 else f"Q{when.month // 3}"
    return f"{when.year % 100:02d}{month}"


def reason(note: str) -> Text:
    """Why a number is not there, from the code that a measure gives."""
    return REASONS.get(note, REASONS[""])


def as_date(when: object) -> date | None:
    """A plain date from what frames hold; None where there is none."""
    if isinstance(when, datetime):
        return None if pd.isna(when) else when.date()
    return when if isinstance(when, date) else None


def _fitting(amount: Number, scales: tuple[Scale, ...]) -> Scale:
    known = Decimal(str(abs(amount or 0))) if is_known(amount) else Decimal(0)
    for scale in scales[:-1]:
        # Compared as it will be shown: 99,999,999 reads 1.0亿, not 10,000万.
        step = Decimal(scales[scales.index(scale) + 1].size)
        digits = scales[scales.index(scale) + 1].decimals
        if round(known / step, digits) * step >= scale.size:
            return scale
    return scales[-1]


def _fixed(number: Number, *, scale: Decimal, decimals: int) -> str:
    if not is_known(number):
        return UNKNOWN
    value = round(Decimal(str(number)) * scale, decimals)
    return f"{abs(value) if value == 0 else value:,.{decimals}f}".replace("-", MINUS)


def _signed(number: Number, scale: Decimal, decimals: int) -> str:
    text = _fixed(number, scale=scale, decimals=decimals)
    is_zero = not text.strip("0.,")
    return text if is_zero or text.startswith(MINUS) else f"+{text}"


def _sign(number: float) -> str:
    return MINUS if number < 0 else "+"


def capitalised(text: Text) -> Text:
    """The same phrase as the beginning of an English sentence."""
    return Text(text.zh, text.en[:1].upper() + text.en[1:])
