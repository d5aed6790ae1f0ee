"""A draft of a map finds what is clear, and says what is not."""

from pathlib import Path

import pytest

from analysis.book.ingest.mapping import TAPE_KINDS, parse_mapping
from analysis.book.ingest.propose import Proposal, propose
from analysis.book.ingest.vocabulary import column_words, plain_name, value_words
from analysis.errors import Misuse
from analysis.terms import FIVE_CLASSES
from ledgers import account, csv_text, record, tape_of, values

CHINESE = ("报告日期", "借据编号", "客户号", "行业分部", "发放日期", "发放金额(万元)", "贷款余额（万元）", "逾期天数")
ENGLISH = (
    "as_of_date",
    "Loan ID",
    "Borrower ID",
    "Segment",
    "Origination Date",
    "Original Amount",
    "Outstanding Balance",
    "DPD",
)


def proposed(folder: Path, header: tuple[str, ...], *records: tuple[str, ...]) -> Proposal:
    (folder / "ledger.csv").write_text(csv_text(records, header))
    return propose(folder / "ledger.csv")


@pytest.mark.parametrize("header", [CHINESE, ENGLISH])
def test_a_clear_ledger_gives_a_map_that_imports(tmp_path: Path, header: tuple[str, ...]) -> None:
    draft = proposed(tmp_path, header, record(), record(loan_id="L2", segment="渔业"))
    assert draft.unsure == ()
    tape = tape_of(tmp_path / "ledger.csv", tmp_path, draft.toml)
    assert account(tape).rows_accepted == 2
    assert values(tape.loans, "segment") == ["manufacturing", "渔业"]


def test_a_unit_in_the_header_is_taken(tmp_path: Path) -> None:
    columns = parse_mapping(proposed(tmp_path, CHINESE, record()).toml).columns
    assert columns["principal_balance"].source == "贷款余额（万元）"
    assert columns["principal_balance"].unit == columns["original_amount"].unit == "万元"


def test_a_required_column_without_candidate_is_said(tmp_path: Path) -> None:
    draft = proposed(tmp_path, ("报告日", "x", "y"), ("2025-09-30", "1", "2"))
    assert "loan_id: no column found; a tape needs one, or a constant" in draft.unsure
    assert '# loan_id = "…"' in draft.toml
    with pytest.raises(Misuse, match="must say where loan_id"):
        tape_of(tmp_path / "ledger.csv", tmp_path, draft.toml)


def test_several_candidates_are_said(tmp_path: Path) -> None:
    draft = proposed(tmp_path, (*CHINESE[:6], "贷款余额", "逾期天数", "剩余本金"), (*record(), "1"))
    assert "principal_balance: '贷款余额' is taken, but it could be '剩余本金'" in draft.unsure


def test_a_name_that_is_only_alike_is_said(tmp_path: Path) -> None:
    draft = proposed(tmp_path, (*ENGLISH[:6], "Outstandin Balanc", "DPD"), record())
    assert "principal_balance: 'Outstandin Balanc' is only like it" in draft.unsure


@pytest.mark.parametrize(
    ("day", "form", "sure"),
    [
        ("15/01/2024", "%d/%m/%Y", True),
        ("01/15/2024", "%m/%d/%Y", True),
        ("01/02/2024", "%m/%d/%Y", False),
        ("45306", "excel", True),
        ("15/01/24", "%d/%m/%y", False),
    ],
)
def test_a_date_format_is_found_in_the_values(tmp_path: Path, day: str, form: str, sure: bool) -> None:
    draft = proposed(tmp_path, CHINESE, record(origination_date=day))
    assert parse_mapping(draft.toml).columns["origination_date"].format == (form,)
    assert (draft.unsure == ()) is sure


def test_dates_that_fit_no_format_are_said(tmp_path: Path) -> None:
    draft = proposed(tmp_path, CHINESE, record(origination_date="someday"))
    assert draft.unsure == ("origination_date: no date format fits all values, such as 'someday'; add format = [ … ]",)


def test_months_that_do_not_end_are_moved_and_said(tmp_path: Path) -> None:
    draft = proposed(tmp_path, CHINESE, record(as_of="2025-09-15"))
    assert parse_mapping(draft.toml).source.month_end
    assert draft.unsure == ("as_of: not all dates are month ends; they are moved to the end of their month",)


@pytest.mark.parametrize(
    ("header", "rate", "unit", "sure"),
    [
        ("利率", "5.25%", None, True),
        ("利率(%)", "5.25", "percent", True),
        ("利率", "0.0525", None, True),
        ("利率", "5.25", "percent", False),
    ],
)
def test_the_unit_of_a_rate_is_found(tmp_path: Path, header: str, rate: str, unit: str | None, sure: bool) -> None:
    draft = proposed(tmp_path, (*CHINESE, header), (*record(), rate))
    assert parse_mapping(draft.toml).columns["contract_rate"].unit == unit
    assert (draft.unsure == ()) is sure


def test_an_industry_stands_in_for_a_segment_and_is_said(tmp_path: Path) -> None:
    draft = proposed(tmp_path, (*CHINESE[:3], "行业门类", *CHINESE[4:]), record())
    assert parse_mapping(draft.toml).columns["segment"].source == "行业门类"
    assert draft.unsure == ("segment: '行业门类' is only like it",)


def test_blank_days_and_unknown_classes_are_said(tmp_path: Path) -> None:
    draft = proposed(tmp_path, (*CHINESE, "五级分类"), (*record(days_past_due=""), "关注一"))
    assert draft.unsure == (
        'days_past_due: 1 of 1 sampled values are blank; add blank = "0" if that means not overdue',
        "reported_class: no known word for '关注一'; add values = { … }",
    )


def test_the_currency_of_the_values_is_the_books(tmp_path: Path) -> None:
    draft = proposed(tmp_path, (*CHINESE, "币种"), (*record(), "美元"))
    assert parse_mapping(draft.toml).book.currency == "USD"


def test_an_empty_ledger_gives_a_draft(tmp_path: Path) -> None:
    assert set(parse_mapping(proposed(tmp_path, CHINESE).toml).columns) >= {"as_of", "loan_id"}


def test_odd_names_and_values_give_a_valid_draft(tmp_path: Path) -> None:
    odd = ['"', "\\", "\x7f", "]", "=1", "a.b", "#"]
    draft = proposed(
        tmp_path, (*CHINESE, *odd), *((*record(loan_id=f"L{i}", segment=v), *odd) for i, v in enumerate(odd))
    )
    assert set(parse_mapping(draft.toml).segments.values) == set(odd)


def test_no_name_means_two_columns_first() -> None:
    """The first two names of each column, which win over any other, are no other column's."""
    first = [(name, word) for name, words in column_words().items() for word in words[:2]]
    words = [word for _, word in first if word]
    assert len(words) > 40
    repeated = {word for word in words if len({name for name, w in first if w == word}) > 1}
    assert repeated == set()


def test_synonyms_are_of_columns_and_codes_of_the_tape() -> None:
    assert set(column_words()) == set(TAPE_KINDS)
    assert set(value_words("reported_class").values()) == set(FIVE_CLASSES)
    assert plain_name("贷款余额 (万元)") == plain_name("贷款余额【元】") == "贷款余额"
