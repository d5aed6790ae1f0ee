"""The house thresholds that decide what is a finding."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType

JUMP_DAYS, BUCKETED_JUMP_DAYS = "H-DQ-01", "H-DQ-02"
SEGMENT_FALL, SEGMENT_LOANS = "H-DQ-03", "H-DQ-04"
LEDGER_SHARE, LEDGER_AMOUNT = "H-DQ-05", "H-DQ-06"
QUARANTINE_WARNS, QUARANTINE_REFUSES = "H-DQ-07", "H-DQ-08"
RETURNING_LOANS = "H-DQ-09"


def threshold(rule_id: str) -> Decimal:
    """Value of a house rule, in the unit that its file states."""
    return _values()[rule_id]


@cache
def _values() -> Mapping[str, Decimal]:
    text = files("analysis").joinpath("rules", "house.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text, parse_float=Decimal)
    return MappingProxyType({rule["rule_id"]: Decimal(rule["value"]) for rule in content["rule"]})
