"""The least class that days past due allow, from the book's rule set."""

from analysis.book.quality.rows import Floor
from analysis.rules.loader import load_rules


def class_floors(rule_set: str) -> tuple[Floor, ...]:
    """Floors of a rule set, from the mildest; empty if it states none, so that the rule is not asked.

    Raises:
        Misuse: if there is no such rule set.
    """
    return tuple(Floor(five_class, days_over) for five_class, days_over in load_rules(rule_set).class_floors)
