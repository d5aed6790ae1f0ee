"""Whatever a ledger holds: no row is lost, no cent, and nothing is raised but what was meant."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

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


# Compiling an import takes most of its second, whatever it holds: few long ledgers, and many in the slow suite.
AT_LENGTH = pytest.param(50, marks=pytest.mark.slow)
Law = Callable[..., None]


def fuzzed(examples: int, *strategies: st.SearchStrategy[Any]) -> Callable[[Law], Law]:
    """A law that is tried on so many ledgers."""
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    options = settings(max_examples=examples, deadline=None, suppress_health_check=health)
    return lambda law: options(given(*strategies)(law))


@pytest.mark.parametrize("examples", [5, AT_LENGTH])
def test_rows_and_amounts_in_are_those_accepted_and_set_aside(
    tmp_path_factory: pytest.TempPathFactory, examples: int
) -> None:
    @fuzzed(
        examples,
        st.lists(entries(), min_size=40, max_size=150),
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    )
    def law(ledger: list[tuple[tuple[str, ...], int]], encoding: str) -> None:
        content = csv_text(entry for entry, _ in ledger).encode(encoding, "replace")
        tape = imported(tmp_path_factory.mktemp("fuzz"), content)
        tally = account(tape)
        assert tally.rows_in == len(ledger) == len(rows(tape.snapshots)) + len(rows(tape.quarantine))
        assert tally.amount_in == Decimal(sum(cents for _, cents in ledger)) / 100
        assert tally.amount_accepted == sum(Decimal(str(row["principal_balance"])) for row in rows(tape.snapshots))
        keys = [(row["as_of"], row["loan_id"]) for row in rows(tape.snapshots)]
        assert len(keys) == len(set(keys))

    law()


@pytest.mark.parametrize("examples", [5, AT_LENGTH])
def test_any_words_in_any_number_of_fields_are_accounted(
    tmp_path_factory: pytest.TempPathFactory, examples: int
) -> None:
    @fuzzed(examples, st.lists(st.lists(WORDS, min_size=1, max_size=10), min_size=40, max_size=150))
    def law(ledger: list[list[str]]) -> None:
        tape = imported(tmp_path_factory.mktemp("fuzz"), csv_text(ledger).encode("utf-8", "replace"))
        check_accounted(tape)

    law()


@pytest.mark.parametrize("examples", [6, AT_LENGTH])
def test_broken_bytes_anywhere_lose_nothing(tmp_path_factory: pytest.TempPathFactory, examples: int) -> None:
    @fuzzed(examples, st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=3)), max_size=20))
    def law(breaks: list[tuple[int, bytes]]) -> None:
        content = broken(breaks)
        try:
            tape = imported(tmp_path_factory.mktemp("fuzz"), content)
        except AnalysisError as error:
            assert str(error)
        else:
            check_accounted(tape)
            assert account(tape).rows_in + newlines_eaten(content) >= 20

    law()


def broken(breaks: list[tuple[int, bytes]]) -> bytes:
    """A clean ledger of 20 records with pieces put in after its header."""
    content = bytearray(csv_text(record(loan_id=f"L{i}") for i in range(20)).encode())
    first = content.index(b"\n") + 1
    for place, piece in breaks:
        at = first + place % (len(content) - first)
        content[at:at] = piece
    return bytes(content)


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
