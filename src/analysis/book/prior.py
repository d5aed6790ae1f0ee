"""State a month earlier, stored with each snapshot so that transitions need no window or self-join."""

import ibis
import ibis.expr.types as ir

from analysis.book.schema import snapshot_schema
from analysis.terms import CARRIED_ATTRIBUTES

# The count of days that both the carried date below and its name stand for.
_OVER_90 = 90
_PRIOR = {
    "prior_as_of": "as_of",
    "prior_balance": "principal_balance",
    "prior_days_past_due": "days_past_due",
    "prior_reported_class": "reported_class",
    "prior_segment": "segment",
    "_last_over_90_date": "last_over_90_date",
    "_clean_since": "clean_since",
}


def with_attributes(snapshots: ir.Table, loans: ir.Table) -> ir.Table:
    """Give each snapshot its loan's attributes, unless the tape says what they were on that date.

    One row is a loan at a month end.
    """
    unsaid = [name for name in CARRIED_ATTRIBUTES if name not in snapshots.columns]
    attributes = loans.select("loan_id", *unsaid)
    return snapshots.left_join(attributes, "loan_id").drop("loan_id_right")


def with_prior_state(snapshots: ir.Table, earlier: ir.Table | None) -> ir.Table:
    """Give each snapshot its loan's state at the month end before.

    Args:
        snapshots: one month's rows, with attributes.
        earlier: stored rows of the month before; None for a book's first month.

    Returns:
        one row is a loan at a month end, with the columns of `schema.snapshot_schema`. Prior columns
        are null where the loan was not there. `last_over_90_date` and `clean_since` are carried
        forward month by month, so they know nothing from before the book's first month.
    """
    joined = _joined(snapshots, earlier)
    over_90 = joined.days_past_due > _OVER_90
    clean = joined.days_past_due == 0
    no_date = ibis.null("date")
    derived = joined.mutate(
        last_over_90_date=ibis.ifelse(over_90, joined.as_of, joined["_last_over_90_date"]),
        clean_since=ibis.ifelse(clean, ibis.coalesce(joined["_clean_since"], joined.as_of), no_date),
    )
    return derived.select(snapshot_schema().names).cast(dict(snapshot_schema()))


def _joined(snapshots: ir.Table, earlier: ir.Table | None) -> ir.Table:
    if earlier is None:
        stored = snapshot_schema()
        return snapshots.mutate(**{new: ibis.null(stored[old]) for new, old in _PRIOR.items()})
    prior = earlier.select("loan_id", **{new: earlier[old] for new, old in _PRIOR.items()})
    return snapshots.left_join(prior, "loan_id").drop("loan_id_right")
