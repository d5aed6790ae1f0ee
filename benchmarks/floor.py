"""The least that an answer can cost: reading the columns it needs, once, without working anything out."""

from benchmarks.by_sql import connected
from benchmarks.places import YEAR, Work, state_files

BRIDGE = ("as_of", "loan_id", "segment", "is_npl", "prior_is_npl", "prior_as_of", "principal_balance")
MIGRATION = ("as_of", "loan_id", "five_class", "prior_five_class", "prior_as_of", "prior_balance", "principal_balance")
ROLL_RATES = (
    "as_of",
    "loan_id",
    "days_past_due",
    "prior_days_past_due",
    "prior_as_of",
    "prior_balance",
    "principal_balance",
)
FLOWS = ("loan_id", "date", "kind", "amount")


def bridge(size: str) -> Work:
    """Columns of a year's bridge, and its flows."""
    return _read(size, BRIDGE, state_files(size)[-YEAR - 1 :])


def migration(size: str) -> Work:
    """Columns of all moves by class, and all flows."""
    return _read(size, MIGRATION, state_files(size))


def roll_rates(size: str) -> Work:
    """Columns of all moves by days past due, and all flows."""
    return _read(size, ROLL_RATES, state_files(size))


def _read(size: str, columns: tuple[str, ...], files: list[str]) -> Work:
    engine = connected(size)
    states = f"read_parquet({files}, hive_partitioning = false)"
    first = engine.execute(f"SELECT min(as_of) FROM read_parquet('{files[0]}')").fetchone()

    def work() -> str:
        engine.execute(f"SELECT {_all(columns)} FROM {states}").fetchall()
        engine.execute(f"SELECT {_all(FLOWS)} FROM flows WHERE date > ?", first).fetchall()
        return "read"

    return work


def _all(columns: tuple[str, ...]) -> str:
    return ", ".join(f"max({name})" for name in columns)
