"""The house thresholds that decide what is a finding."""

from decimal import Decimal

from analysis.rules.loader import load_rules

JUMP_DAYS, BUCKETED_JUMP_DAYS = "H-DQ-01", "H-DQ-02"
SEGMENT_FALL, SEGMENT_LOANS = "H-DQ-03", "H-DQ-04"
LEDGER_SHARE, LEDGER_AMOUNT = "H-DQ-05", "H-DQ-06"
QUARANTINE_WARNS, QUARANTINE_REFUSES = "H-DQ-07", "H-DQ-08"
RETURNING_LOANS = "H-DQ-09"


def threshold(rule_id: str) -> Decimal:
    """Value of a house rule, in the unit that its file states."""
    return Decimal(load_rules("house").rule(rule_id).value)


def ledger_tolerance(balance: Decimal) -> Decimal:
    """Difference to a ledger's balance that is let pass: the larger of the house's amount and share [currency]."""
    return max(threshold(LEDGER_AMOUNT), threshold(LEDGER_SHARE) * abs(balance))
