"""Returns to supervisors are the bridge in another order, and still close."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from analysis.errors import DataRefused, MissingColumns, Misuse
from analysis.measures.bridge import LINES, bridge
from analysis.measures.returns import LAYOUTS, return_rows
from states_of_loans import flows, loan, states, with_prior

FEB, MAR = date(2026, 2, 28), date(2026, 3, 31)
BOOK = with_prior([
    loan("stays", "30000", "loss", as_of=FEB), loan("stays", "20000", "loss"),
    loan("goes_bad", "50000", as_of=FEB), loan("goes_bad", "50000", "doubtful"),
    loan("cured", "40000", "substandard", as_of=FEB), loan("cured", "40000"),
    loan("gone", "10000", "loss", as_of=FEB),
])  # fmt: skip
MOVES = flows(("stays", date(2026, 3, 3), "recovery", "10000"), ("gone", date(2026, 3, 9), "write_off", "10000"))
LINE = bridge(states(BOOK), MOVES, dates=(FEB, MAR))
# A different amount on every line, so that a line left out or counted twice shows.
EVERY = pd.DataFrame([{name: Decimal(2**place) for place, name in enumerate(["opening", *LINES])}])
EVERY["closing"] = EVERY.sum(axis=1)


def filled(name: str, lines: pd.DataFrame = LINE) -> dict[str, Decimal]:
    return return_rows(lines, name).set_index("code")["amount"].to_dict()


def test_cr2_worked_by_hand() -> None:
    assert filled("eu_cr2") == {
        "010": 80000, "020": 50000, "030": -60000, "040": -10000, "050": -50000, "060": 70000
    }  # fmt: skip


def test_g12_is_in_ten_thousands_worked_by_hand() -> None:
    found = {code: amount for code, amount in filled("cn_g12").items() if amount}
    assert found == {"opening": 8, "to_npl": 5, "to_normal": -4, "collected": -1, "written_off": -1, "closing": 7}
    assert filled("cn_g12")["sold"].as_tuple().exponent == -2


@pytest.mark.parametrize(
    ("name", "parts", "detail"),
    [
        ("eu_cr2", ["010", "020", "030"], {"030": ["040", "050"]}),
        ("eu_cr2a", ["010", "020", "030"], {"030": ["040", "050", "070", "080", "100", "110"]}),
    ],
)
def test_every_line_of_the_bridge_is_in_a_return_once(name: str, parts: list, detail: dict) -> None:
    rows = filled(name, EVERY)
    assert sum(rows[code] for code in parts) == rows[max(rows)] == EVERY["closing"].iloc[0]
    assert all(sum(rows[code] for code in codes) == rows[whole] for whole, codes in detail.items())


def test_every_line_of_the_bridge_is_in_g12_once() -> None:
    lines = [line for row in LAYOUTS["cn_g12"].rows for line in row.lines]
    assert sorted(lines) == sorted(["opening", *LINES, "closing"])


def test_a_book_without_bad_loans_reports_zeros() -> None:
    assert set(filled("eu_cr2", LINE.iloc[:0]).values()) == {Decimal(0)}


def test_what_is_no_bridge_of_a_whole_book_is_refused() -> None:
    with pytest.raises(Misuse, match="did you mean 'eu_cr2'"):
        return_rows(LINE, "eu_cr22")
    with pytest.raises(MissingColumns, match="opening"):
        return_rows(LINE.drop(columns="opening"), "eu_cr2")
    with pytest.raises(DataRefused, match="leave out `by`"):
        return_rows(pd.concat([LINE, LINE]), "eu_cr2")
