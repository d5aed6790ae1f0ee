"""The least class that days past due allow, from the book's rule set."""

from importlib import import_module
from importlib.util import find_spec

from analysis.book.quality.rows import Floor


def class_floors(rule_set: str) -> tuple[Floor, ...]:
    """Floors of a rule set, from the mildest; empty if it states none, so that the rule is not asked.

    Raises:
        AnalysisError: if there is no such rule set.
    """
    if find_spec("analysis.rules.loader") is None:
        return ()
    rules = import_module("analysis.rules.loader").load_rules(rule_set)
    return tuple(Floor(five_class, days_over) for five_class, days_over in getattr(rules, "class_floors", ()))
