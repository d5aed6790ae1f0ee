"""What can be asked of a table: openings, settings, groups; and what a bank says of its capital."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.profile import profile_toml, read_profile
from analysis.book.store import Book, open_book
from analysis.errors import DataRefused, Misuse, Unavailable
from analysis.measures.query import measure_rows
from analysis.measures.question import Setting, months_since
from analysis.models.estimates import EVERY_STATEMENT
from tapes import PROFILE, loan, snapshot, tape

MONTHS = tuple(date(2025, month, day) for month, day in ((1, 31), (2, 28), (3, 31), (4, 30)))
CAPITAL = {MONTHS[0]: Decimal("1000.00"), MONTHS[2]: Decimal("500.00")}
# Of two borrowers in two segments, one goes bad in March.
PATHS = {"A": (0, 0, 95, 125), "B": (0, 31, 5, 0), "C": (0, 0, 0, 0)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("books") / "bank"
    loans = [loan("A"), loan("B", segment="retail"), loan("C", segment="retail", borrower_id="B-B")]
    rows = [
        snapshot(month, name, dpd=days, balance="100.00" if name == "A" else "45.00")
        for name, path in PATHS.items()
        for month, days in zip(MONTHS, path, strict=True)
    ]
    append_tape(place, tape(connect(), loans, rows), PROFILE.model_copy(update={"net_capital": CAPITAL}))
    return place


@pytest.fixture(scope="module")
def book(folder: Path) -> Book:
    return open_book(folder)


def asked(book: Book, name: str, **options: object) -> list[Mapping[str, object]]:
    return measure_rows(book, name, statements=EVERY_STATEMENT, **options)


def test_a_period_opens_where_it_is_asked_or_where_the_measure_does() -> None:
    assert months_since(MONTHS, "2025-02-28") == MONTHS[1:]
    assert months_since(MONTHS, "") == months_since(MONTHS, "", opens="first") == MONTHS
    assert months_since(MONTHS, "", opens="now") == MONTHS[-1:]
    assert months_since(MONTHS[:1], "", opens="now") == MONTHS[:1]
    years = tuple(date(2024 + number // 12, number % 12 + 1, 28) for number in range(24))
    assert months_since(years, "", opens="first") == years
    with pytest.raises(Unavailable, match="the book has one"):
        months_since(MONTHS[:1], "")


def test_a_setting_takes_known_values_or_whole_numbers() -> None:
    chosen = Setting(default="shapley", known=("shapley", "lmdi"))
    assert (chosen.settled("method", None), chosen.settled("method", "lmdi")) == ("shapley", "lmdi")
    with pytest.raises(Misuse, match="did you mean 'lmdi'"):
        chosen.settled("method", "lmd")
    months = Setting(rule="HOUSE-CURE-WITHIN", least=1)
    assert (months.settled("within", None), months.settled("within", "6")) == ("12", "6")
    for wrong in ("0", "-1", "1.5", "x", ""):
        with pytest.raises(Misuse, match="within must be a whole number from 1"):
            months.settled("within", wrong)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("npl_ratio_attribution", {"settings": {"methd": "lmdi"}}, "did you mean 'method'"),
        ("npl_bridge", {"settings": {"method": "lmdi"}}, "can be set: nothing"),
        ("npl_ratio", {"settings": {"method": "lmdi"}}, "which is a number and has none"),
        ("concentration_limits", {"by": ["segment"]}, "by must be left out for 'concentration_limits'"),
        ("cure_rates", {"basis": "both"}, "basis must be balance or count"),
    ],
)
def test_what_a_measure_does_not_know_is_refused(book: Book, name: str, options: dict, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        asked(book, name, **options)


@pytest.mark.parametrize("name", [n for n, one in EVERY_STATEMENT.items() if one.settings])
def test_every_value_of_every_setting_can_be_asked(name: str) -> None:
    statement = EVERY_STATEMENT[name]
    for setting, choice in statement.settings.items():
        assert all(statement.settled({setting: value})[setting] == value for value in choice.known)
        assert statement.settled({})[setting]


def test_an_attribution_is_asked_by_any_method(book: Book) -> None:
    totals = set()
    for method in ("shapley", "classic", "lmdi"):
        rows = asked(book, "npl_ratio_attribution", settings={"method": method})
        total = next(row for row in rows if row["note"] == "total")
        totals.add(round(float(total["total"]), 12))
    assert totals == {round(100 / 190, 12)}
    nested = asked(book, "npl_ratio_attribution_nested", by=["segment", "product"])
    assert {row["level"] for row in nested if row["note"] != "total"} == {1, 2}
    (volume,) = {row["volume"] for row in asked(book, "npl_balance_attribution") if row["note"] == "total"}
    assert volume == 0


def test_cohorts_are_asked_together_or_one_by_one(book: Book) -> None:
    short = {"within": "1", "probation": "0"}
    (pooled,) = asked(book, "cure_rates", settings=short, basis="count")
    assert (pooled["entrants"], pooled["value"], pooled["note"]) == (1, 0.0, "")
    (alone,) = asked(book, "cure_rates", settings=short | {"cohorts": "monthly"}, basis="count")
    assert str(alone["cohort"].date()) == "2025-03-31"
    assert {str(row["as_of"].date()) for row in (pooled, alone)} == {"2025-04-30"}
    (censored,) = asked(book, "cure_rates", basis="count")
    assert (censored["note"], censored["censored"]) == ("censored", 1)


def test_concentration_is_asked_of_groups_and_of_bad_loans(book: Book) -> None:
    (bad,) = asked(book, "concentration", settings={"weight": "npl"})
    assert (bad["names"], bad["cr1"], str(bad["since"].date())) == (1, 1.0, "2025-04-30")
    (groups,) = asked(book, "concentration", settings={"of": "group"})
    assert groups["note"] == "no_groups"
    points = asked(book, "lorenz", settings={"of": "segment"})
    assert [row["amount"] for row in points] == [0, 90, 190]


def test_limits_are_held_against_the_net_capital_that_was_known(book: Book, folder: Path) -> None:
    largest = {str(row["rule_id"]): row for row in asked(book, "concentration_limits")}["CN-LARGE-BORROWER"]
    assert (largest["amount"], largest["base"], largest["ratio"]) == (Decimal(100), Decimal(500), 0.2)
    assert largest["status"] == "breach"
    earlier = asked(open_book(folder, as_of=MONTHS[1]), "concentration_limits")
    assert {row["base"] for row in earlier if row["rule_id"] != "HOUSE-TOP-TEN-NPL"} == {Decimal(1000)}
    silent = replace(book, profile=book.profile.model_copy(update={"net_capital": {}}))
    notes = {row["note"] for row in asked(silent, "concentration_limits") if row["rule_id"] == "CN-LARGE-BORROWER"}
    assert notes == {"missing_net_capital"}


def test_a_profile_with_net_capital_reads_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    profile = read_profile(folder)
    assert profile.net_capital == CAPITAL
    assert "net_capital" not in profile_toml(PROFILE)
    wrong = profile_toml(profile).replace("500.00", "-1")
    (tmp_path / "book.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(DataRefused, match="net_capital"):
        read_profile(tmp_path)
