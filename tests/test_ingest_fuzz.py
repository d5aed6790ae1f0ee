"""Whatever a ledger holds: no row is lost, no cent, and nothing is raised but what was meant."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.book.tape import Tape
from analysis.errors import AnalysisError
from ledgers import HEADER, account, csv_text, imported, record, rows

ODD = st.sampled_from(
    ["", " ", "NaN", "inf", "-inf", "N/A", "NULL", "—", "abc", "=cmd|' /C calc'!A0", "<script>x</script>", '"', '""',
     "'", "\\", "a\nb", "a\r\nb", "\ufeff", "\u202e", "🏦", "٣", "Ⅳ", "½", "--", "(", "())", "%", "{{}}", "${x}"]
)  # fmt: skip
HUGE = st.sampled_from(["1e17", "9" * 40, "-1e300", "1e999999", "0." + "0" * 30 + "1", "1e-400"])
WORDS = ODD | HUGE | st.text(max_size=6) | st.integers().map(str) | st.floats().map(str)
CENTS = st.integers(0, 10**17)


def printed(cents: int, form: str) -> str:
    """An amount in one of the ways banks print it."""
    exact = Decimal(cents) / 100
    ways = {
        "plain": f"{exact}",
        "grouped": f"{exact:,}",
        "marked": f"¥{exact:,}",
        "signed": f"+{exact}",
        "wide": wide(f"{exact}"),
    }
    return ways[form]


def wide(text: str) -> str:
    return text.translate(str.maketrans("0123456789.", "０１２３４５６７８９．"))


FORMS = st.sampled_from(["plain", "grouped", "marked", "signed", "wide"])


@st.composite
def entries(draw: st.DrawFn) -> tuple[tuple[str, ...], int]:
    """A record with a readable balance, and that balance in cents; some other field may be odd."""
    cents = draw(CENTS)
    fields = {
        "loan_id": draw(st.sampled_from(["L1", "L2", "L3", "L4"])),
        "principal_balance": printed(cents, draw(FORMS)),
    }
    odd = draw(
        st.none() | st.sampled_from(["as_of", "loan_id", "borrower_id", "segment", "origination_date", "days_past_due"])
    )
    if odd is not None:
        fields[odd] = draw(WORDS)
    return record(**fields), cents


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(entries(), max_size=30), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]))
def test_rows_and_amounts_in_are_those_accepted_and_set_aside(
    tmp_path_factory: pytest.TempPathFactory, ledger: list[tuple[tuple[str, ...], int]], encoding: str
) -> None:
    content = csv_text(entry for entry, _ in ledger).encode(encoding, "replace")
    tape = imported(tmp_path_factory.mktemp("fuzz"), content)
    tally = account(tape)
    assert tally.rows_in == len(ledger) == len(rows(tape.snapshots)) + len(rows(tape.quarantine))
    assert tally.amount_in == Decimal(sum(cents for _, cents in ledger)) / 100
    assert tally.amount_accepted == sum(Decimal(str(row["principal_balance"])) for row in rows(tape.snapshots))
    keys = [(row["as_of"], row["loan_id"]) for row in rows(tape.snapshots)]
    assert len(keys) == len(set(keys))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(WORDS, min_size=1, max_size=10), max_size=30))
def test_any_words_in_any_number_of_fields_are_accounted(
    tmp_path_factory: pytest.TempPathFactory, ledger: list[list[str]]
) -> None:
    tape = imported(tmp_path_factory.mktemp("fuzz"), csv_text(ledger).encode("utf-8", "replace"))
    check_accounted(tape)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=3)), max_size=20))
def test_broken_bytes_anywhere_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, breaks: list[tuple[int, bytes]]
) -> None:
    content = bytearray(csv_text(record(loan_id=f"L{i}") for i in range(20)).encode())
    first = content.index(b"\n") + 1
    for place, piece in breaks:
        at = first + place % (len(content) - first)
        content[at:at] = piece
    try:
        tape = imported(tmp_path_factory.mktemp("fuzz"), bytes(content))
    except AnalysisError as error:
        assert str(error)
    else:
        check_accounted(tape)
        assert account(tape).rows_in + newlines_eaten(bytes(content)) >= 20


def newlines_eaten(content: bytes) -> int:
    """Quotes may join two lines into one quoted field; a broken byte pair may eat a line end."""
    return content.count(b'"') * 20 + sum(byte > 0x7F for byte in content)


def check_accounted(tape: Tape) -> None:
    tally = account(tape)
    numbers = sorted(int(str(row["source_row"])) for row in rows(tape.quarantine, "source_row"))
    assert len(numbers) == len(set(numbers)) == tally.rows_quarantined
    assert all(1 <= number <= tally.rows_in for number in numbers)
    assert tally.rows_accepted == len(rows(tape.snapshots))


def test_the_ledger_of_these_tests_is_clean_without_its_odd_words(tmp_path: Path) -> None:
    tape = imported(tmp_path, csv_text(record(loan_id=f"L{i}") for i in range(20)))
    assert account(tape).rows_accepted == 20
    assert len(HEADER) == len(record())
