"""A map is refused with the key that has to change, and what it should be."""

from pathlib import Path

import pytest

from analysis.book.ingest.layout import TAPE_REQUIRED, tape_layout
from analysis.book.ingest.mapping import MONEY_UNITS, load_mapping, parse_mapping
from analysis.errors import Misuse, Unavailable
from analysis.terms import Text, columns

EXAMPLE = Path(__file__).resolve().parents[1] / "data" / "maps" / "example.toml"


def test_the_example_map_is_a_whole_one() -> None:
    mapping = load_mapping(EXAMPLE)
    assert set(TAPE_REQUIRED) <= set(mapping.columns)
    assert mapping.profile().title == Text("示例城市商业银行", "Example City Commercial Bank")
    assert tape_layout(mapping).amount_field == "principal_balance"


def test_a_name_alone_is_a_column_of_the_source() -> None:
    mapping = parse_mapping('[columns]\nloan_id = "借据号"')
    assert mapping.columns["loan_id"].source == "借据号"


def test_constants_are_read_as_text() -> None:
    mapping = parse_mapping("[columns]\nas_of = { constant = 2025-09-30 }\ndays_past_due = { constant = 0 }")
    assert (mapping.columns["as_of"].constant, mapping.columns["days_past_due"].constant) == ("2025-09-30", "0")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("", "columns: Field required"),
        ("[columns", "not valid TOML"),
        ("[column]", r"was 'column' \(did you mean 'columns'\?\)"),
        ('[columns]\nloan_no = "x"', "column must be one of .*was 'loan_no'"),
        ('[columns]\nlaon_id = "x"', r"was 'laon_id' \(did you mean 'loan_id'\?\)"),
        ("[columns]\nloan_id = { form = 1 }", r"columns.loan_id: key must be .*was 'form' \(did you mean 'format'\?\)"),
        ("[columns]\nloan_id = {}", "must have either from"),
        ('[columns]\nloan_id = { from = "x", constant = "y" }', "must have either from"),
        ('[columns]\nprincipal_balance = { from = "x", unit = "万" }', r"unit of principal_balance .*'万元'\?"),
        ('[columns]\nregion = { from = "x", unit = "元" }', "unit of region must be left out"),
        ('[columns]\nas_of = { from = "x", format = "%d/%m" }', "format must be made of %Y or %y"),
        ('[columns]\nas_of = { from = "x", format = ["%H:%M"] }', "format must be made of %Y or %y"),
        ('[columns]\nas_of = { from = "x", pivot = 100 }', "less than or equal to 99"),
        ('[book]\ncurency = "CNY"\n[columns]', r"was 'curency' \(did you mean 'currency'\?\)"),
        ('[book]\nbasis = "both"\n[columns]', "book.basis"),
        ('[source]\ndelimiter = "::"\n[columns]', "source.delimiter"),
        ("[source]\nheader_row = 0\n[columns]", "source.header_row"),
        ('[segments]\nunknown = "drop"\n[columns]', "'keep', 'other' or 'quarantine'"),
        ('[columns]\n[flows.columns]\nlaon_id = "x"', r"was 'laon_id' \(did you mean 'loan_id'\?\)"),
        ('[columns]\n[flows.columns]\n[flows.kinds]\n"还款" = "repaid"', "kind of flow must be one of"),
        ("columns = 3", "columns: "),
    ],
)
def test_a_mistake_is_named_with_what_it_should_be(toml: str, says: str) -> None:
    with pytest.raises(Misuse, match=says):
        parse_mapping(toml)


def test_a_map_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"map none\.toml cannot be read"):
        load_mapping(tmp_path / "none.toml")


def test_a_map_is_utf8(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_bytes('[columns]\nloan_id = "借据号"'.encode("gb18030"))
    with pytest.raises(Misuse, match="save it as UTF-8"):
        load_mapping(tmp_path / "map.toml")
    (tmp_path / "map.toml").write_bytes('[columns]\nloan_id = "借据号"'.encode("utf-8-sig"))
    assert "loan_id" in load_mapping(tmp_path / "map.toml").columns


def test_a_flows_file_lies_beside_the_map(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text('[columns]\n[flows]\nfile = "flows.csv"\n[flows.columns]\n')
    flows = load_mapping(tmp_path / "map.toml").flows
    assert flows is not None
    assert flows.file == tmp_path / "flows.csv"


def test_without_a_book_section_the_defaults_are_a_chinese_banks() -> None:
    profile = parse_mapping("[columns]").profile()
    assert (profile.currency, profile.jurisdiction, profile.basis) == ("CNY", "CN", "balance")
    assert profile.title.zh
    assert profile.title.en


def test_units_are_powers_of_ten_of_the_currency() -> None:
    assert [10 ** MONEY_UNITS[unit] for unit in ("元", "千元", "万元", "百万元", "亿元")] == [
        1,
        1000,
        10**4,
        10**6,
        10**8,
    ]


def test_required_columns_are_columns_of_the_tape() -> None:
    assert set(TAPE_REQUIRED) <= {*columns("loans"), *columns("snapshots")}
