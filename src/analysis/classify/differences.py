"""Where does the class that the bank reports differ from the one in the states, and by which rule?"""

import ibis.expr.types as ir
import pandas as pd

_KEYS = ("as_of", "reported_class", "five_class", "rule_id")
_COLUMNS = ("as_of", "reported_class", "five_class", "loans", "balance", "rule_id")


def differences(states: ir.Table) -> pd.DataFrame:
    """Loans whose reported class is not the one the rules give; loans without a reported class are left out.

    A reported class that is worse than the rules give is kept by `states`, so that under the rules it
    was reported under every row is a class reported as better than it is.

    Args:
        states: one row is a loan at a month end, classified.

    Returns:
        one row is a reported and a computed class at a date by one rule, ascending: `as_of`,
        `reported_class`, `five_class`, `loans` [count], `balance` [currency, exact; None where not
        recorded], `rule_id`.
    """
    apart = states.filter(states.reported_class != states.five_class)
    sums = apart.group_by(_KEYS).aggregate(loans=apart.count(), balance=apart.principal_balance.sum())
    rows = sums.select(_COLUMNS).order_by(_KEYS).to_pyarrow()
    frame = pd.DataFrame({name: rows[name].to_pylist() for name in _COLUMNS}, columns=list(_COLUMNS))
    return frame.astype({"as_of": "datetime64[s]", "balance": object})
