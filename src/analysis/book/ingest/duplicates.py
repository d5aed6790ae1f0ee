"""Records that give the same loan at the same month end twice."""

import ibis
import ibis.expr.types as ir

_KEY = ("as_of", "loan_id")


def duplicates(usable: ir.Table) -> ir.Table:
    """Give the repeated records of a tape; the first of each key is none of them.

    Args:
        usable: one row is a record that can be used, with `source_row`, `as_of` and `loan_id`.

    Returns:
        one row is a record whose key an earlier one has: `source_row`, and `reason`, which is
        "duplicate_identical" if all columns are as in the first, else "duplicate_conflict".
    """
    suspects = _suspects(usable)
    same_key = ibis.window(group_by=list(_KEY), order_by="source_row")
    content = ibis.struct({name: suspects[name] for name in suspects.columns if name != "source_row"})
    ranked = suspects.select(
        "source_row", place=ibis.row_number().over(same_key), is_same=content == content.first().over(same_key)
    )
    again = ranked.filter(ranked.place > 0)
    return again.select("source_row", reason=ibis.ifelse(again.is_same, "duplicate_identical", "duplicate_conflict"))


def _suspects(usable: ir.Table) -> ir.Table:
    """Records whose key may be repeated; a digest per key takes a fraction of the keys' memory."""
    digested = usable.mutate(digest=usable.loan_id.hash())
    counted = digested.group_by("as_of", "digest").aggregate(records=digested.count())
    return digested.semi_join(counted.filter(counted.records > 1), ["as_of", "digest"]).drop("digest")
