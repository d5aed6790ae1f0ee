"""Which engine is chosen, for this process and those it starts; light, so that a command's help loads no engine."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DEFAULT_ENGINE = "duckdb"
VARIABLE = "NPL_ENGINE"
_ERRORS = (
    ("duckdb", "Error"),
    ("ibis.common.exceptions", "IbisError"),
    ("psycopg", "Error"),
    ("pyspark.errors", "PySparkException"),
    ("py4j.protocol", "Py4JError"),
)


def default_engine() -> str:
    """Address of the engine where none is named: NPL_ENGINE, or DuckDB."""
    return os.environ.get(VARIABLE) or DEFAULT_ENGINE


@contextmanager
def engine_chosen(address: str) -> Iterator[None]:
    """Make an address the default one, here and in processes that are started meanwhile."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = address
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def engine_errors() -> tuple[type[Exception], ...]:
    """Families of errors of the engines that this process uses."""
    used = ((sys.modules.get(module), family) for module, family in _ERRORS)
    return tuple(getattr(module, family) for module, family in used if module is not None)
