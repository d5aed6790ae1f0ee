"""Functions of the engine that Ibis has no name for."""
# mypy: disable-error-code="empty-body, untyped-decorator"

import ibis


@ibis.udf.agg.builtin(name="min")
def smallest(value: str, count: int) -> list[str]:
    """Smallest values, as many as asked."""
