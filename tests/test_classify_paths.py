"""What was before counts: upgrades, observation, a second restructuring, renewals, worked month by month."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from classified import book_of, classes, classified, monthly
from tapes import Row, loan, snapshot

PASS, MENTION, SUBSTANDARD = "pass", "special_mention", "substandard"
MONTHS = [day.date() for day in pd.date_range("2024-01-31", periods=14, freq="ME")]
START = date(2024, 1, 10)


def path(folder: Path, days: list[int], rules: str = "cn_2023", **fields: object) -> list[str]:
    """Classes of one loan by month."""
    rows = monthly("L1", MONTHS[: len(days)], days, **fields)
    return [found for found, _ in classes(folder, rows, rules=rules)]


def test_an_upgrade_needs_six_months_without_arrears(tmp_path: Path) -> None:
    # Cured in the second month; six months later is the eighth.
    assert path(tmp_path, [91] + [0] * 8) == [SUBSTANDARD] * 7 + [PASS] * 2


def test_arrears_on_the_way_start_the_six_months_again(tmp_path: Path) -> None:
    assert path(tmp_path, [91, 0, 0, 0, 5, *[0] * 7]) == [SUBSTANDARD] * 11 + [PASS]


def test_a_loan_that_pays_down_to_ninety_days_is_not_upgraded(tmp_path: Path) -> None:
    rows = monthly("L1", MONTHS[:3], [91, 90, 1])
    assert [rule for _, rule in classes(tmp_path, rows)] == ["CN-2023-11-1", "CN-2023-15", "CN-2023-15"]


def test_a_doubtful_loan_may_become_substandard_before_it_is_cured(tmp_path: Path) -> None:
    assert path(tmp_path, [271, 0]) == ["doubtful", SUBSTANDARD]


def test_no_upgrade_while_another_loan_of_a_firm_is_impaired(tmp_path: Path) -> None:
    months = MONTHS[:8]
    loans = [loan(name, borrower_id="B", borrower_type="corporate") for name in ("L1", "L2")]
    rows = monthly("L1", months, [91] + [0] * 7, balance="50000.00")
    # Too small a share to drag the rest down by cross-default.
    rows += monthly("L2", months, [0] * 8, balance="1.00", ifrs9_stage=3)
    found = classified(book_of(tmp_path, rows, loans))
    assert found[months[-1], "L1"]["rule_id"] == "CN-2023-15-OTHER"


def test_cards_are_classified_by_the_days_of_the_month_alone(tmp_path: Path) -> None:
    assert path(tmp_path, [181, 0], rules="cn_card") == ["loss", PASS]


def test_an_exposure_in_the_eu_is_cured_after_three_months(tmp_path: Path) -> None:
    assert path(tmp_path, [91] + [0] * 5, rules="eu_npe") == [SUBSTANDARD] * 4 + [PASS] * 2


def test_a_forborne_exposure_in_the_eu_is_cured_after_a_year(tmp_path: Path) -> None:
    days = {date(2024, 1, 31): 91, date(2024, 2, 29): 0, date(2024, 12, 31): 0, date(2025, 1, 31): 0}
    days |= {date(2025, 12, 31): 0, date(2026, 1, 31): 0}
    rows = monthly("L1", days, days.values(), is_restructured=True, restructure_date=START)
    # A year from January 2024, then special mention until the two years of probation end.
    expected = [SUBSTANDARD, SUBSTANDARD, SUBSTANDARD, MENTION, MENTION, PASS]
    assert [found for found, _ in classes(tmp_path, rows, rules="eu_npe")] == expected


@pytest.mark.parametrize(("dpd", "expected"), [(30, MENTION), (31, SUBSTANDARD)])
def test_probation_in_the_eu_ends_with_more_than_thirty_days(tmp_path: Path, dpd: int, expected: str) -> None:
    flags = {"is_restructured": True, "restructure_date": START}
    assert path(tmp_path, [0, dpd], rules="eu_npe", **flags) == [MENTION, expected]


def observed(folder: Path, days: dict[date, int], **fields: object) -> list[bool]:
    """Whether a loan restructured in January 2024 is in observation, by date."""
    given = {"is_restructured": True, "restructure_date": START} | fields
    found = classified(book_of(folder, monthly("L1", days, days.values(), **given)))
    return [bool(found[day, "L1"]["in_observation"]) for day in sorted(days)]


def test_observation_lasts_a_year_even_if_the_tape_says_less(tmp_path: Path) -> None:
    days = {date(2024, 1, 31): 0, date(2024, 12, 31): 0, date(2025, 1, 31): 0, date(2025, 2, 28): 0}
    fields = {"restructure_date": date(2024, 1, 31), "observation_end": date(2024, 6, 30)}
    # 31 January 2025 is the last day of the year.
    assert observed(tmp_path, days, **fields) == [True, True, True, False]


def test_observation_lasts_as_long_as_the_tape_says(tmp_path: Path) -> None:
    days = {date(2024, 1, 31): 0, date(2025, 2, 28): 0, date(2025, 3, 31): 0}
    assert observed(tmp_path, days, observation_end=date(2025, 2, 28)) == [True, True, False]


@pytest.mark.parametrize(("reported", "is_missed"), [(None, True), ("pass", False)])
def test_a_missed_payment_starts_observation_again(tmp_path: Path, reported: str | None, is_missed: bool) -> None:
    # Five days late in May 2024, unless technically: observed until the end of May 2025.
    days = {date(2024, 4, 30): 0, date(2024, 5, 31): 5, date(2025, 5, 31): 0, date(2025, 6, 30): 0}
    assert observed(tmp_path, days, reported_class=reported) == [True, True, is_missed, False]


def test_a_dropped_flag_does_not_end_observation(tmp_path: Path) -> None:
    rows = [
        snapshot(MONTHS[0], "L1", is_restructured=True, restructure_date=START),
        snapshot(MONTHS[1], "L1", is_restructured=False),
    ]
    assert [found for found, _ in classes(tmp_path, rows)] == [MENTION, MENTION]


def test_a_restructured_loan_without_a_date_is_observed_while_it_is_flagged(tmp_path: Path) -> None:
    rows = [*monthly("L1", MONTHS[:2], [0, 0], is_restructured=True), snapshot(MONTHS[2], "L1", is_restructured=False)]
    assert [found for found, _ in classes(tmp_path, rows)] == [MENTION, MENTION, PASS]


def twice(second: date, *months: date) -> list[Row]:
    """A loan restructured in January 2024, and again on a later day."""
    restructured = [second if month >= second else START for month in months]
    return [
        snapshot(month, "L1", is_restructured=True, restructure_date=day)
        for month, day in zip(months, restructured, strict=True)
    ]


def test_a_second_restructuring_within_observation_is_substandard(tmp_path: Path) -> None:
    found = classes(tmp_path, twice(date(2024, 5, 20), MONTHS[0], MONTHS[3], MONTHS[4]))
    assert found == [(MENTION, "CN-2023-20"), (MENTION, "CN-2023-20"), (SUBSTANDARD, "CN-2023-21")]


def test_a_second_restructuring_after_observation_is_a_first_one(tmp_path: Path) -> None:
    found = classes(tmp_path, twice(date(2025, 2, 10), MONTHS[0], MONTHS[12], MONTHS[13]))
    assert found[1:] == [(PASS, "CN-2023-7"), (MENTION, "CN-2023-20")]


def test_a_loan_restructured_as_non_performing_stays_so_until_it_is_cured(tmp_path: Path) -> None:
    rows = [snapshot(MONTHS[0], "L1", dpd=120)]
    rows += monthly("L1", MONTHS[1:9], [0] * 8, is_restructured=True, restructure_date=date(2024, 2, 5))
    assert [found for found, _ in classes(tmp_path, rows)] == [SUBSTANDARD] * 7 + [MENTION] * 2


def test_a_qualified_renewal_is_not_downgraded(tmp_path: Path) -> None:
    flags = {"is_restructured": True, "restructure_date": START}
    rows = [
        snapshot(MONTHS[0], "L1", is_qualified_renewal=True, **flags),
        snapshot(MONTHS[0], "L2", is_qualified_renewal=False, **flags),
        snapshot(MONTHS[0], "L3", is_qualified_renewal=True, dpd=8, **flags),
        snapshot(MONTHS[0], "L4", is_qualified_renewal=True),
    ]
    assert classes(tmp_path, rows) == [
        (PASS, "CN-2024-13"),
        (MENTION, "CN-2023-20"),
        (MENTION, "CN-2023-10-1"),
        (PASS, "CN-2023-7"),
    ]


def test_a_loan_in_observation_cannot_become_a_qualified_renewal(tmp_path: Path) -> None:
    flags = {"is_restructured": True, "restructure_date": START}
    rows = [snapshot(MONTHS[0], "L1", **flags), snapshot(MONTHS[1], "L1", is_qualified_renewal=True, **flags)]
    assert [found for found, _ in classes(tmp_path, rows)] == [MENTION, MENTION]


def test_observation_is_unknown_where_restructuring_is(tmp_path: Path) -> None:
    rows = [snapshot(MONTHS[0], "L1"), snapshot(MONTHS[0], "L2", is_restructured=False)]
    found = classified(book_of(tmp_path, rows))
    assert [found[MONTHS[0], name]["in_observation"] for name in ("L1", "L2")] == [None, False]


def test_a_small_book_worked_by_hand(tmp_path: Path) -> None:
    """Three months of a firm with two loans and of a household, each step by the articles of 2023."""
    jan, feb, mar = MONTHS[:3]
    loans = [
        loan("F1", borrower_id="F", borrower_type="corporate"),
        loan("F2", borrower_id="F", borrower_type="corporate"),
        loan("H1", borrower_id="H", borrower_type="individual"),
    ]
    rows = [
        snapshot(jan, "F1", dpd=62, balance="40.00"), snapshot(jan, "F2", balance="60.00"), snapshot(jan, "H1"),
        snapshot(feb, "F1", dpd=91, balance="40.00"), snapshot(feb, "F2", balance="60.00"), snapshot(feb, "H1", dpd=12),
        # The firm's bad loan is paid; the other has had no arrears, but for less than six months.
        snapshot(mar, "F2", balance="60.00"), snapshot(mar, "H1"),
    ]  # fmt: skip
    found = classified(book_of(tmp_path, rows, loans))
    assert {key: (state["five_class"], state["rule_id"]) for key, state in found.items()} == {
        (jan, "F1"): (MENTION, "CN-2023-10-1"),
        (jan, "F2"): (PASS, "CN-2023-7"),
        (jan, "H1"): (PASS, "CN-2023-7"),
        (feb, "F1"): (SUBSTANDARD, "CN-2023-11-1"),
        (feb, "F2"): (SUBSTANDARD, "CN-2023-14"),
        (feb, "H1"): (MENTION, "CN-2023-10-1"),
        (mar, "F2"): (SUBSTANDARD, "CN-2023-15"),
        (mar, "H1"): (PASS, "CN-2023-7"),
    }
    assert [found[feb, name]["prior_five_class"] for name in ("F1", "F2", "H1")] == [MENTION, PASS, PASS]
    assert found[mar, "F2"]["prior_is_npl"] is True
    assert found[mar, "F2"]["vintage_year"] == 2024
