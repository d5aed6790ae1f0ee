"""Loans that default and end in every way, made by hand for the tests of workouts."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from moved_loans import month_list, path
from states_of_loans import Row, states

FLOWS = ibis.schema(
    {"loan_id": "string", "date": "date", "kind": "string", "amount": "decimal(18, 2)", "cost": "decimal(18, 2)"}
)
Flow = tuple[str, date, str, str, str | None]


def day(month: int, number: int = 15) -> date:
    """A day of a month of 2026."""
    return date(2026, month, number)


# All but F default in January 2026 and the book ends in May.
BOOK = [
    *path("A", "N 100", "S 100", "S 100", "N 90", "N 80", "N 70"),  # gets well in March with 90
    *path("B", "N 200", "S 200", "S 150", "-", "-", "-"),  # pays in March what it still owes
    *path("C", "N 300", "S 300", "S 300", "-", "-", "-"),  # sold in March for 30
    *path("D", "N 400", "S 400", "-", "-", "-", "-"),  # written off in February, brings 40 in April
    *path("E", "N 500", "S 500", "D 500", "D 450", "L 450", "L 450"),  # still open
    *path("F", "S 600", "S 600", "S 600", "S 600", "-", "-"),  # bad when first seen
    *path("G", "N 70", "S 70", "N 70", "S 70", "S 70", "S 70"),  # bad again after a month
    *path("H", "N 80", "S 80", "-", "-", "-", "-"),  # its collateral is taken
    *path("I", "N 90", "S 90", "-", "-", "-", "-"),  # drops out of the tape
]
MOVES: list[Flow] = [
    ("A", day(1), "repayment", "5", None),  # before it defaulted
    ("A", day(2), "repayment", "8", None),
    ("A", day(3), "repayment", "10", None),
    ("A", day(4), "repayment", "10", None),  # after it got well
    ("B", day(2), "recovery", "50", "5"),
    ("B", day(3), "recovery", "150", "15"),
    ("C", day(3), "sale", "300", "270"),
    ("D", day(2), "write_off", "400", None),
    ("D", day(4), "written_off_recovery", "40", "4"),
    ("E", day(2), "drawdown", "20", None),
    ("E", day(3), "recovery", "50", "1"),
    ("E", day(3), "interest", "7", None),
    ("F", day(2), "recovery", "6", None),
    ("F", day(4), "write_off", "600", None),
    ("H", day(2), "foreclosure", "80", "8"),
]


def flows(moves: Iterable[Flow]) -> ir.Table:
    """A table of money movements: loan, date, kind, amount, cost."""
    rows = [
        dict(zip(FLOWS.names, (*move[:3], Decimal(move[3]), move[4] and Decimal(move[4])), strict=True))
        for move in moves
    ]
    return ibis.memtable(pa.Table.from_pylist(rows, schema=FLOWS.to_pyarrow()))


def contracts(**rates: float | None) -> ir.Table:
    """Loans with their contract rates."""
    rows = {"loan_id": list(rates), "contract_rate": pa.array(rates.values(), pa.float64())}
    return ibis.memtable(pa.table(rows))


def scaled(moves: Iterable[Flow], factor: int) -> list[Flow]:
    """The same movements in another currency."""
    times = [(*move[:3], str(Decimal(move[3]) * factor), move[4] and str(Decimal(move[4]) * factor)) for move in moves]
    return [(str(a), b, str(c), str(d), e) for a, b, c, d, e in times]  # type: ignore[misc]


def renamed(rows: Sequence[Row], moves: Sequence[Flow], suffix: str) -> tuple[list[Row], list[Flow]]:
    """The same loans under other names that sort the other way round."""
    name = {str(row["loan_id"]): f"{1000 - number}{suffix}" for number, row in enumerate(rows)}
    return [{**row, "loan_id": name[str(row["loan_id"])]} for row in rows], [(name[m[0]], *m[1:]) for m in moves]


def simulated(loans: int, groups: int, seed: int, *, months: int = 10) -> tuple[ir.Table, ir.Table, np.ndarray]:
    """Defaults of a known law, for the coverage of intervals: one group is one simulation, in `segment`.

    A workout pays 10 % of its exposure each month with chance 0.3 while it is open; it is closed each month
    with chance 0.2 after that month's payment. It is followed for 1 to `months` months, whatever it does.

    Returns:
        defaults as `workouts` gives them, payments on them, and the true cumulative share by month.
    """
    rng = np.random.default_rng(seed)
    count = loans * groups
    exposure = np.round(rng.lognormal(5, 0.7, count), 2)
    followed = rng.integers(1, months + 1, count)
    closing = rng.geometric(0.2, count)
    ends = np.minimum(closing, followed)
    start = month_list(1)[0]
    names = [f"L{number}" for number in range(count)]
    defaults = {
        "loan_id": names, "segment": [f"S{number // loans}" for number in range(count)], "start": [start] * count,
        "as_of": [date(2027, 12, 31)] * count, "is_truncated": [False] * count, "spells": [1] * count,
        "exposure": pa.array([Decimal(str(one)) for one in exposure], pa.decimal128(38, 2)),
        "drawn": pa.array([Decimal(0)] * count, pa.decimal128(38, 2)),
        "end": [date(2027, 12, 31)] * count, "how": np.where(closing <= followed, "written_off", "open"),
        "face": pa.array([None] * count, pa.decimal128(38, 2)), "months": ends, "followed": followed,
        "is_priced": [True] * count,
    }  # fmt: skip
    month = np.arange(1, months + 1)
    pays = (rng.random((count, months)) < 0.3) & (month <= ends[:, None])
    place, when = np.nonzero(pays)
    received = pa.array([Decimal(str(round(one, 2))) for one in 0.1 * exposure[place]], pa.decimal128(38, 2))
    receipts = {"loan_id": [names[p] for p in place], "start": [start] * len(place), "months": when + 1}
    truth = np.cumsum(0.3 * 0.1 * 0.8 ** (month - 1))
    return ibis.memtable(pa.table(defaults)), ibis.memtable(pa.table(receipts | {"received": received})), truth


def book() -> tuple[ir.Table, ir.Table]:
    """The book by hand: states and flows."""
    return states(BOOK), flows(MOVES)
