"""A book ties to the ledger within the house's tolerance, or each line that does not is a finding."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.book.quality import findings, rules_checked
from analysis.errors import DataRefused, MissingColumns, Misuse, Unavailable
from defective_books import NAMED, book_of, only, steady
from tapes import loan

JAN = date(2025, 1, 31)


def ledger(folder: Path, text: str) -> Path:
    path = folder / "ledger.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize(
    ("balance", "gap"),
    [("20,000,000.00", None), ("20,002,000.20", None), ("20,002,000.21", "2000.21"), ("19997000.00", "3000.00")],
)
def test_a_ledger_may_differ_by_the_larger_of_share_and_amount(tmp_path: Path, balance: str, gap: str | None) -> None:
    book = book_of(tmp_path, steady(JAN, balance="20000000.00"), [loan("L1", original_amount=Decimal("3e7"))])
    found = findings(book, ledger=ledger(tmp_path, f'as_of,balance\n2025-01-31,"{balance}"\n'))
    assert [(one.rule, one.severity, one.balance_at_risk, one.as_of) for one in found] == (
        [("ledger_difference", "error", Decimal(gap), JAN)] if gap else []
    )
    assert "ledger_difference" in rules_checked(book, ledger=tmp_path)


@pytest.mark.parametrize(("balance", "number"), [("1090.00", 0), ("1090.01", 1), ("-910.00", 0), ("-910.01", 1)])
def test_a_small_ledger_may_differ_by_the_amount_itself(tmp_path: Path, balance: str, number: int) -> None:
    book = book_of(tmp_path, steady(JAN))
    assert len(findings(book, ledger=ledger(tmp_path, f"as_of,balance\n2025-01-31,{balance}\n"))) == number


@pytest.mark.parametrize("segment", ["retail", "零售业", "Retail"])
def test_a_ledger_ties_by_segment_in_any_of_its_names(tmp_path: Path, segment: str) -> None:
    book = book_of(tmp_path, [*steady(JAN), *steady(JAN, loan_id="L2")], [loan("L2", segment="retail")])
    lines = f"as_of,segment,balance\n2025-01-31,{segment},90\n2025-01-31,,180\n2025-01-31,manufacturing,5090\n"
    found = only(book, ledger=ledger(tmp_path, lines))
    assert found.balance_at_risk == Decimal("5000.00")
    assert "Manufacturing" in found.label.en


def test_a_later_ledger_line_is_not_known_yet(tmp_path: Path) -> None:
    book = book_of(tmp_path, steady(JAN))
    lines = "as_of,balance\n2025-01-31,90\n2025-02-28,999999\n"
    assert findings(book, ledger=ledger(tmp_path, lines)) == ()


@pytest.mark.parametrize("lines", ["", "2025-02-28,90\n"])
def test_a_ledger_with_nothing_to_compare_is_refused(tmp_path: Path, lines: str) -> None:
    with pytest.raises(DataRefused, match="must have a line up to 2025-01-31"):
        findings(book_of(tmp_path, steady(JAN)), ledger=ledger(tmp_path, f"as_of,balance\n{lines}"))


def test_a_ledger_is_read_in_the_encodings_of_a_tape(tmp_path: Path) -> None:
    book = book_of(tmp_path, [*steady(JAN), *steady(JAN, loan_id="L2")], [loan("L2", segment="retail")])
    (tmp_path / "gbk.csv").write_bytes("as_of,segment,balance\n2025-01-31,零售业,5090\n".encode("gb18030"))
    assert only(book, ledger=tmp_path / "gbk.csv").balance_at_risk == Decimal("5000.00")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("date,balance\n2025-01-31,1\n", MissingColumns),
        ("as_of,balance\n31.1.2025,1\n", DataRefused),
        ("as_of,balance\n2025-01-31,much\n", DataRefused),
        ("as_of,balance\n2025-01-31,nan\n", DataRefused),
        ("", MissingColumns),
    ],
)
def test_a_ledger_that_cannot_be_read_is_refused(tmp_path: Path, text: str, error: type[Exception]) -> None:
    book = book_of(tmp_path, steady(JAN))
    with pytest.raises(error, match=r"ledger\.csv"):
        findings(book, ledger=ledger(tmp_path, text))


def test_a_ledger_of_other_bytes_or_of_nowhere_is_refused(tmp_path: Path) -> None:
    book = book_of(tmp_path, steady(JAN))
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04as_of,balance\n")
    (tmp_path / "odd.csv").write_bytes(b"as_of,balance\n2025-01-31,90\xff\xfe\x81\n")
    for name in ("book.csv", "odd.csv"):
        with pytest.raises(DataRefused, match=name):
            findings(book, ledger=tmp_path / name)
    with pytest.raises(Unavailable, match=r"none\.csv"):
        findings(book, ledger=tmp_path / "none.csv")


def test_a_book_by_count_has_no_ledger(tmp_path: Path) -> None:
    book = book_of(tmp_path, steady(JAN), profile=NAMED.model_copy(update={"basis": "count"}))
    with pytest.raises(Misuse, match="by count"):
        findings(book, ledger=ledger(tmp_path, "as_of,balance\n2025-01-31,1\n"))
