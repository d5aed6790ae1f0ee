"""Names of the SBA sample's industries, products, channels and guarantee bands.

Source: North American Industry Classification System, two-digit sectors (31 to 33 manufacturing,
44 and 45 retail trade, 48 and 49 transportation and warehousing).
"""

from types import MappingProxyType

from analysis.terms import Text

UNKNOWN_SECTOR = "0"
SECTORS = MappingProxyType(
    {
        "11": Text("农林牧渔业", "Agriculture, forestry, fishing"),
        "21": Text("采矿业", "Mining, oil and gas"),
        "22": Text("公用事业", "Utilities"),
        "23": Text("建筑业", "Construction"),
        "31": Text("制造业（食品、纺织）", "Manufacturing: food, textiles"),
        "32": Text("制造业（木材、化工）", "Manufacturing: wood, chemicals"),
        "33": Text("制造业（金属、机械）", "Manufacturing: metal, machinery"),
        "42": Text("批发业", "Wholesale trade"),
        "44": Text("零售业（店铺）", "Retail trade: stores"),
        "45": Text("零售业（专营与无店铺）", "Retail trade: specialty, non-store"),
        "48": Text("运输业", "Transportation"),
        "49": Text("邮政与仓储业", "Couriers and warehousing"),
        "51": Text("信息业", "Information"),
        "52": Text("金融保险业", "Finance and insurance"),
        "53": Text("房地产与租赁业", "Real estate and rental"),
        "54": Text("专业与技术服务业", "Professional and technical services"),
        "55": Text("企业管理", "Management of companies"),
        "56": Text("行政与支持服务业", "Administrative and support services"),
        "61": Text("教育", "Education"),
        "62": Text("医疗与社会救助", "Health care and social assistance"),
        "71": Text("文化娱乐业", "Arts and recreation"),
        "72": Text("住宿餐饮业", "Accommodation and food services"),
        "81": Text("其他服务业", "Other services"),
        "92": Text("公共管理", "Public administration"),
    }
)
LABELS = {
    "segment": {**SECTORS, UNKNOWN_SECTOR: Text("行业未知", "Unknown industry")},
    "product": {
        "revolving": Text("循环贷款", "Revolving line"),
        "term": Text("定期贷款", "Term loan"),
        "unknown": Text("未知", "Unknown"),
    },
    "channel": {
        "low_doc": Text("简化文件", "LowDoc program"),
        "standard": Text("常规", "Standard"),
        "unknown": Text("未知", "Unknown"),
    },
    "collateral_type": {
        "none": Text("无担保", "No guarantee"),
        "guarantee_to_50": Text("SBA 担保不超过 50%", "SBA guarantee up to 50%"),
        "guarantee_to_75": Text("SBA 担保 50%–75%", "SBA guarantee 50–75%"),
        "guarantee_above_75": Text("SBA 担保 75% 以上", "SBA guarantee above 75%"),
    },
}
