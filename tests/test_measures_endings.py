"""What ended a loan: the latest of what happened, and of one day what is applied last, wherever it is asked."""

from datetime import date

import pytest

from analysis.measures.bridge import LINES, bridge
from analysis.measures.endings import ENDINGS, endings
from analysis.measures.migration import migration
from analysis.measures.periods import dated_flows
from analysis.terms import CASH, DISPOSALS, LAST_APPLIED
from moved_loans import moved, path
from states_of_loans import DEC, JAN, flows

EARLY, LATE = date(2026, 1, 5), date(2026, 1, 20)
BOOK = moved([*path("A", "S 50", "-"), *path("B", "N 1", "N 1")])
STATES = {
    "write_off": "written_off", "sale": "sold", "foreclosure": "foreclosed", "debt_to_equity": "converted",
    "forgiveness": "forgiven", "cash": "repaid",
}  # fmt: skip


def ended_by(*moves: tuple[date, str, str]) -> str:
    dated = dated_flows(flows(*(("A", *move) for move in moves)), (DEC, JAN))
    (row,) = endings(dated).to_pyarrow().to_pylist()
    return row["ended_by"]


def line_and_state(*moves: tuple[date, str, str]) -> tuple[str, str]:
    """The line of the bridge by count that the loan left by, and the state that it went to."""
    table = flows(*(("A", *move) for move in moves))
    (row,) = bridge(BOOK, table, dates=(DEC, JAN), basis="count").to_dict("records")
    went = migration(BOOK, table).query("from_state == 'substandard'")["to_state"]
    return next(name for name in LINES if row[name]), went.item()


def test_every_disposal_has_its_place_and_cash_comes_before_all() -> None:
    assert sorted(LAST_APPLIED) == sorted(DISPOSALS)
    assert (*LAST_APPLIED, "cash") == ENDINGS


@pytest.mark.parametrize("later", range(len(ENDINGS)))
def test_of_one_day_what_is_applied_last_ended_the_loan(later: int) -> None:
    for earlier in ENDINGS[later + 1 :]:
        kinds = [CASH[0] if name == "cash" else name for name in (ENDINGS[later], earlier)]
        assert ended_by(*((LATE, kind, "25") for kind in kinds)) == ENDINGS[later]


def test_of_two_days_the_later_one_ended_the_loan() -> None:
    assert ended_by((EARLY, "write_off", "20"), (LATE, "foreclosure", "30")) == "foreclosure"
    assert ended_by((EARLY, "write_off", "20"), (LATE, "recovery", "30")) == "cash"
    assert ended_by((LATE, "sale", "20"), (EARLY, "debt_to_equity", "30")) == "sale"


@pytest.mark.parametrize(
    ("moves", "ending"),
    [
        ([(LATE, "foreclosure", "30"), (LATE, "debt_to_equity", "20")], "debt_to_equity"),
        ([(LATE, "foreclosure", "30"), (EARLY, "debt_to_equity", "20")], "foreclosure"),
        ([(EARLY, "write_off", "10"), (LATE, "sale", "40")], "sale"),
        ([(EARLY, "write_off", "10"), (LATE, "recovery", "40")], "cash"),
        ([(LATE, "forgiveness", "10"), (LATE, "repayment", "40")], "forgiveness"),
    ],
)
def test_the_bridge_by_count_and_the_migration_agree_on_what_ended_a_loan(moves: list, ending: str) -> None:
    assert line_and_state(*moves) == (ending, STATES[ending])


def test_cash_that_covers_too_little_does_not_repay_a_loan() -> None:
    assert line_and_state((EARLY, "write_off", "10"), (LATE, "recovery", "39.99")) == ("cash", "left")


def test_interest_and_recoveries_after_a_write_off_end_nothing() -> None:
    found = ended_by((EARLY, "write_off", "50"), (LATE, "interest", "9"), (LATE, "written_off_recovery", "9"))
    assert found == "write_off"
