"""Opening a book shows what was known on a date, and says what is wrong with a wrong name."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.profile import Limit, Profile, profile_toml, read_profile
from analysis.book.store import Book, open_book
from analysis.errors import DataRefused, Misuse, Unavailable
from analysis.terms import Text
from tapes import PROFILE, loan, snapshot, tape

JAN, FEB = date(2025, 1, 31), date(2025, 2, 28)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NPL_BOOKS", str(tmp_path))
    flows = [
        {"loan_id": "L1", "date": day, "kind": "repayment", "amount": Decimal("10.00")}
        for day in (date(2025, 1, 20), date(2025, 2, 20))
    ]
    rows = [snapshot(JAN, "L1"), snapshot(FEB, "L1", balance="80.00")]
    append_tape(tmp_path / "bank", tape(connect(), [loan("L1")], rows, flows=flows), PROFILE)
    return tmp_path / "bank"


@pytest.mark.usefixtures("folder")
def test_a_book_opens_by_name_at_its_latest_month() -> None:
    book = open_book("bank")
    assert (book.name, book.as_of, book.months) == ("bank", FEB, (JAN, FEB))


def test_nothing_later_than_the_reporting_date_is_seen(folder: Path) -> None:
    book = open_book(folder, as_of="2025-01-31")
    assert book.snapshots.count().execute() == 1
    assert book.flows.count().execute() == 1
    assert book.months == (JAN,)


def test_a_later_month_does_not_change_the_digest_of_an_earlier_date(folder: Path) -> None:
    before = open_book(folder, as_of=FEB).content_hash
    append_tape(folder, tape(connect(), [loan("L1")], [snapshot(date(2025, 3, 31), "L1")]), PROFILE)
    assert open_book(folder, as_of=FEB).content_hash == before
    assert open_book(folder).content_hash != before


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        ("2025-01-30", "did you mean '2025-01-31'"),
        ("31/01/2025", "as_of must be a date such as 2025-02-28, was '31/01/2025'"),
    ],
)
def test_a_wrong_date_says_what_it_must_be(folder: Path, as_of: str, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        open_book(folder, as_of=as_of)


@pytest.mark.usefixtures("folder")
def test_a_misspelt_book_names_the_near_one() -> None:
    with pytest.raises(Unavailable, match="did you mean 'bank'"):
        open_book("bnak")


def test_a_missing_table_is_named(folder: Path) -> None:
    with pytest.raises(Unavailable, match="has no table 'contacts'"):
        open_book(folder).table("contacts")


def test_an_unknown_table_is_refused(folder: Path) -> None:
    with pytest.raises(Misuse, match="did you mean 'flows'"):
        open_book(folder).table("flow")


def test_an_engine_we_do_not_have_is_refused(folder: Path) -> None:
    with pytest.raises(Misuse, match=r"engine must be duckdb, .* was 'oracle'"):
        open_book(folder, engine="oracle")


def test_a_damaged_catalog_is_named(folder: Path) -> None:
    (folder / "catalog.json").write_text("{")
    with pytest.raises(DataRefused, match=r"catalog.json of 'bank' is damaged"):
        open_book(folder)


def test_a_damaged_profile_is_named(folder: Path) -> None:
    (folder / "book.toml").write_text('titel = "x"')
    with pytest.raises(DataRefused, match=r"book.toml of 'bank' is not valid"):
        open_book(folder)


def test_a_value_without_a_label_is_shown_as_it_is(folder: Path) -> None:
    book: Book = open_book(folder)
    assert book.label("segment", "manufacturing") == Text("manufacturing", "manufacturing")


def test_a_mark_that_turns_the_direction_of_writing_is_spelled_out(folder: Path) -> None:
    assert open_book(folder).label("segment", "re\u202etail\u200f") == Text(
        "re[U+202E]tail[U+200F]", "re[U+202E]tail[U+200F]"
    )


WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)


@given(words=st.lists(WORDS, min_size=2, max_size=4), amount=st.floats(0, 1))
def test_a_profile_survives_writing_and_reading(
    words: list[str], amount: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    profile = Profile(
        title=Text(words[0], words[1]),
        labels={"segment": {word: Text(word, words[0]) for word in words}},
        limits={"npl_ratio": Limit(watch=amount, breach=amount)},
        notes=tuple(Text(word, word) for word in words),
    )
    folder = tmp_path_factory.mktemp("profile")
    (folder / "book.toml").write_text(profile_toml(profile), encoding="utf-8", newline="")
    assert read_profile(folder) == profile
