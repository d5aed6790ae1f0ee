"""The engine's own aggregate for the smallest few values, which findings take their examples by."""
# mypy: disable-error-code="empty-body, untyped-decorator"

import ibis


@ibis.udf.agg.builtin(name="min")
def smallest(value: str, count: int) -> list[str]:
    """Smallest values, as many as asked."""
