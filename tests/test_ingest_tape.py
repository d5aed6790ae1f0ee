"""A mapped ledger becomes a tape: every row is used or set aside with a reason, every cent is accounted."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import ibis.expr.datatypes as dt
import pytest

from analysis.book.append import append_tape
from analysis.book.ingest.quarantine import REASONS
from analysis.book.schema import table_schema
from analysis.book.store import open_book
from analysis.book.tape import Tape
from analysis.errors import MissingColumns, Misuse
from analysis.terms import Text
from ledgers import HEADER, account, csv_text, imported, ledger_map, reasons, record, rows, values
from tapes import PROFILE


def test_a_clean_ledger_is_split_into_loans_and_snapshots(tmp_path: Path) -> None:
    records = [
        record(as_of="2025-08-31", segment="批发"),
        record(as_of="2025-09-30", principal_balance="80"),
        record(loan_id="L2"),
    ]
    tape = imported(tmp_path, csv_text(records))
    assert rows(tape.loans, "loan_id", "segment") == [
        {"loan_id": "L1", "segment": "制造业"},
        {"loan_id": "L2", "segment": "制造业"},
    ]
    assert rows(tape.snapshots, "as_of", "loan_id", "principal_balance") == [
        {"as_of": date(2025, 8, 31), "loan_id": "L1", "principal_balance": Decimal("90.00")},
        {"as_of": date(2025, 9, 30), "loan_id": "L1", "principal_balance": Decimal("80.00")},
        {"as_of": date(2025, 9, 30), "loan_id": "L2", "principal_balance": Decimal("90.00")},
    ]
    assert reasons(tape) == {}
    assert tape.findings == ()


def test_tables_have_the_columns_and_types_of_a_book(tmp_path: Path) -> None:
    tape = imported(tmp_path, csv_text([record()]))
    assert tape.loans.schema() == table_schema("loans")
    attributes = {"borrower_id": dt.String(), "segment": dt.String()}
    assert dict(tape.snapshots.schema()) == dict(table_schema("snapshots")) | attributes
    assert values(tape.loans, "currency") == ["CNY"]


def test_a_tape_is_stored_as_it_is(tmp_path: Path) -> None:
    months = [record(as_of=f"2025-0{month}-30", principal_balance=f"{month}0") for month in (4, 6, 9)]
    tape = imported(tmp_path, csv_text([*months, record(loan_id="")]))
    append_tape(tmp_path / "bank", tape, PROFILE)
    book = open_book(tmp_path / "bank")
    assert book.months == (date(2025, 4, 30), date(2025, 6, 30), date(2025, 9, 30))
    assert values(book.snapshots, "principal_balance") == [Decimal("40.00"), Decimal("60.00"), Decimal("90.00")]
    assert values(book.quarantine, "reason") == ["missing_key"]


FAULTS: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"as_of": ""}, "missing_key", "as_of"),
    ({"loan_id": "  "}, "missing_key", "loan_id"),
    ({"loan_id": "NULL"}, "missing_key", "loan_id"),
    ({"loan_id": "6.22202E+18"}, "scientific_key", "loan_id"),
    ({"loan_id": "L1\nL2"}, "broken_key", "loan_id"),
    ({"borrower_id": ""}, "missing_value", "borrower_id"),
    ({"segment": "-"}, "missing_segment", "segment"),
    ({"original_amount": ""}, "missing_value", "original_amount"),
    ({"principal_balance": "N/A"}, "missing_value", "principal_balance"),
    ({"principal_balance": "NaN"}, "missing_value", "principal_balance"),
    ({"principal_balance": "inf"}, "missing_value", "principal_balance"),
    ({"principal_balance": "abc"}, "unreadable_amount", "principal_balance"),
    ({"principal_balance": "$90"}, "other_currency", "principal_balance"),
    ({"principal_balance": "-0.01"}, "negative_balance", "principal_balance"),
    ({"principal_balance": "1e17"}, "amount_too_large", "principal_balance"),
    ({"original_amount": "9" * 30}, "amount_too_large", "original_amount"),
    ({"days_past_due": ""}, "missing_value", "days_past_due"),
    ({"days_past_due": "x"}, "unreadable_number", "days_past_due"),
    ({"days_past_due": "1.5"}, "unreadable_number", "days_past_due"),
    ({"days_past_due": "-1"}, "negative_days", "days_past_due"),
    ({"days_past_due": "36501"}, "implausible_days", "days_past_due"),
    ({"days_past_due": "99999999999"}, "implausible_days", "days_past_due"),
    ({"as_of": "2025-09-29"}, "not_month_end", "as_of"),
    ({"as_of": "30/09/2025"}, "unreadable_date", "as_of"),
    ({"origination_date": "2024-02-30"}, "unreadable_date", "origination_date"),
    ({"origination_date": "9999-12-31"}, "implausible_date", "origination_date"),
    ({"principal_balance": "x", "days_past_due": "y"}, "unreadable_amount", "principal_balance, days_past_due"),
)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    """One good record, then one for each fault."""
    records = [record(loan_id="good"), *(record(**fields) for fields, _, _ in FAULTS)]
    return imported(tmp_path_factory.mktemp("faulty"), csv_text(records))


@pytest.mark.parametrize("place", range(len(FAULTS)), ids=lambda i: f"{FAULTS[i][1]} {FAULTS[i][0]}")
def test_a_row_that_cannot_be_used_is_set_aside_with_its_reason(faulty: Tape, place: int) -> None:
    fields, reason, field = FAULTS[place]
    (row,) = (row for row in rows(faulty.quarantine) if row["source_row"] == place + 2)
    assert (row["source"], row["reason"], row["field"]) == ("ledger.csv", reason, field)
    assert json.loads(str(row["raw"])) == dict(zip(HEADER, record(**fields), strict=True))


def test_only_the_good_row_is_used(faulty: Tape) -> None:
    assert values(faulty.snapshots, "loan_id") == ["good"]
    tally = account(faulty)
    assert (tally.rows_in, tally.rows_accepted, tally.rows_quarantined) == (len(FAULTS) + 1, 1, len(FAULTS))


@pytest.mark.parametrize("days", ["0", "36500"])
def test_days_are_plausible_up_to_a_hundred_years(tmp_path: Path, days: str) -> None:
    assert values(imported(tmp_path, csv_text([record(days_past_due=days)])).snapshots, "days_past_due") == [int(days)]


def test_ragged_lines_are_set_aside_with_their_text(tmp_path: Path) -> None:
    tape = imported(tmp_path, csv_text([record(), ("a", "b"), (*record(loan_id="L2"), "more")]))
    assert reasons(tape) == {2: "too_few_fields", 3: "too_many_fields"}
    assert json.loads(str(rows(tape.quarantine)[0]["raw"])) == {"line": "a,b"}
    assert account(tape).amount_unreadable_rows == 2


def test_a_field_that_is_no_text_sets_the_row_aside_only_if_it_is_needed(tmp_path: Path) -> None:
    text = csv_text(
        [(*record(), "x"), (*record(loan_id="L2"), "@"), (*record(borrower_id="@", loan_id="L3"), "x")],
        (*HEADER, "备注"),
    )
    tape = imported(tmp_path, text.encode().replace(b"@", b"\xff\xfe"))
    assert reasons(tape) == {3: "undecodable"}
    assert account(tape).amount_in == Decimal("270.00")


def test_the_first_of_a_repeated_key_is_kept(tmp_path: Path) -> None:
    records = [record(), record(), record(principal_balance="80"), record(loan_id="L2"), record(days_past_due="x")]
    tape = imported(tmp_path, csv_text(records))
    assert reasons(tape) == {2: "duplicate_identical", 3: "duplicate_conflict", 5: "unreadable_number"}
    assert values(tape.snapshots, "principal_balance") == [Decimal("90.00")] * 2
    assert rows(tape.quarantine)[0]["value"] == "2025-09-30 L1"


def test_a_row_that_cannot_be_used_does_not_shadow_a_good_one(tmp_path: Path) -> None:
    tape = imported(tmp_path, csv_text([record(days_past_due="x"), record()]))
    assert reasons(tape) == {1: "unreadable_number"}
    assert account(tape).rows_accepted == 1


def test_rows_equal_but_for_blanks_are_identical(tmp_path: Path) -> None:
    mapping = ledger_map(region='"地区"')
    tape = imported(tmp_path, csv_text([(*record(), ""), (*record(), "")], (*HEADER, "地区")), mapping)
    assert reasons(tape) == {2: "duplicate_identical"}


def test_amounts_are_accounted_to_the_last_digit(tmp_path: Path) -> None:
    balances = ["0.125", "0.135", "1,000.00", "-5", "x", "0.30000000000000004", "1e17"]
    records = [record(loan_id=f"L{i}", principal_balance=b) for i, b in enumerate(balances)]
    tally = account(imported(tmp_path, csv_text(records)))
    assert tally.amount_in == Decimal("0.125") + Decimal("0.135") + 1000 - 5 + Decimal("0.30000000000000004")
    assert tally.amount_accepted == Decimal("1000.56")
    assert tally.amount_quarantined == Decimal("-5.00")
    assert tally.amount_rounding == Decimal("-0.00000000000000004")
    assert tally.amount_unreadable_rows == 2


def test_wan_and_thousands_in_gb18030_give_the_amounts_of_yuan_in_utf8(tmp_path: Path) -> None:
    cents = [12_345_678_901, 1, 99, 100_000_000_000, 5_000_000]
    plain = [record(loan_id=f"L{i}", principal_balance=f"{Decimal(c) / 100}") for i, c in enumerate(cents)]
    wan = [record(loan_id=f"L{i}", principal_balance=f"{Decimal(c) / 1_000_000:,f}") for i, c in enumerate(cents)]
    mapping = ledger_map(principal_balance='{ from = "余额", unit = "万元" }')
    ours = imported(tmp_path, csv_text(plain))
    theirs = imported(tmp_path, csv_text(wan).encode("gb18030"), mapping, name="wan.csv")
    assert rows(theirs.snapshots) == rows(ours.snapshots)
    assert account(theirs).amount_in == account(ours).amount_in == Decimal(sum(cents)) / 100
    assert account(theirs).amount_rounding == 0


def test_months_are_moved_to_their_end_only_if_the_map_says_so(tmp_path: Path) -> None:
    text = csv_text([record(as_of="2025-09-01"), record(as_of="202508"), record(as_of="2025年7月")])
    assert reasons(imported(tmp_path, text)) == {1: "not_month_end"}
    moved = imported(tmp_path, text, ledger_map(head="[source]\nmonth_end = true"))
    assert values(moved.snapshots, "as_of") == [date(2025, 7, 31), date(2025, 8, 31), date(2025, 9, 30)]


def test_a_constant_stands_for_a_column(tmp_path: Path) -> None:
    mapping = ledger_map(as_of="{ constant = 2025-06-30 }")
    assert values(imported(tmp_path, csv_text([record()]), mapping).snapshots, "as_of") == [date(2025, 6, 30)]


def test_a_blank_means_what_the_map_says(tmp_path: Path) -> None:
    mapping = ledger_map(days_past_due='{ from = "逾期天数", blank = 0 }')
    tape = imported(tmp_path, csv_text([record(days_past_due=""), record(loan_id="L2", days_past_due="--")]), mapping)
    assert values(tape.snapshots, "days_past_due") == [0, 0]


@pytest.mark.parametrize(
    ("unknown", "segments", "set_aside"),
    [
        ("keep", ["manufacturing", "渔业"], {}),
        ("other", ["manufacturing", "other"], {}),
        ("quarantine", ["manufacturing"], {2: "unknown_segment"}),
    ],
)
def test_unknown_segments_go_where_the_map_says(
    tmp_path: Path, unknown: str, segments: list[str], set_aside: dict[int, str]
) -> None:
    tail = f'[segments]\nunknown = "{unknown}"\n[segments.values]\n"制造业" = "manufacturing"'
    tape = imported(tmp_path, csv_text([record(), record(loan_id="L2", segment="渔业")]), ledger_map(tail=tail))
    assert values(tape.loans, "segment") == segments
    assert reasons(tape) == set_aside
    found = [(f["rule"], f["field"], f["count"], f["examples"]) for f in tape.findings]
    assert found == ([("unknown", "segment", 1, ["row 2: 渔业"])] if unknown != "quarantine" else [])


def test_another_currency_is_set_aside(tmp_path: Path) -> None:
    records = [(*record(loan_id=f"L{i}"), c) for i, c in enumerate(["CNY", "人民币", "rmb", "", "USD", "欧元"])]
    tape = imported(tmp_path, csv_text(records, (*HEADER, "币种")), ledger_map(currency='"币种"'))
    assert reasons(tape) == {5: "other_currency", 6: "other_currency"}
    assert set(values(tape.loans, "currency")) == {"CNY"}


EXTRA = {
    "到期日": ("maturity_date", '"到期日"', "长期", None, "unreadable"),
    "利率": ("contract_rate", '"利率"', "5.25", 5.25, "above_one"),
    "分类": ("reported_class", '"分类"', "关注一", None, "unknown"),
    "阶段": ("ifrs9_stage", '"阶段"', "4", None, "unreadable"),
    "重组": ("is_restructured", '"重组"', "可能", None, "unreadable"),
    "拨备": ("allowance", '"拨备"', "-1", Decimal("-1.00"), "negative"),
}


@pytest.mark.parametrize("column", EXTRA)
def test_an_odd_optional_value_is_noted_and_let_pass(tmp_path: Path, column: str) -> None:
    name, source, text, stored, rule = EXTRA[column]
    tape = imported(tmp_path, csv_text([(*record(), text)], (*HEADER, column)), ledger_map(**{name: source}))
    table = tape.loans if name in tape.loans.columns else tape.snapshots
    assert values(table, name) == [stored]
    (finding,) = tape.findings
    assert (finding["rule"], finding["field"], finding["examples"]) == (rule, name, [f"row 1: {text}"])


def test_a_negative_original_amount_is_noted(tmp_path: Path) -> None:
    tape = imported(tmp_path, csv_text([record(original_amount="(100.00)"), record(loan_id="L2")]))
    found = [(f["rule"], f["field"], f["count"], f["examples"]) for f in tape.findings]
    assert found == [("negative", "original_amount", 1, ["row 1: (100.00)"])]


def test_an_unreadable_amount_is_never_let_pass(tmp_path: Path) -> None:
    tape = imported(tmp_path, csv_text([(*record(), "x")], (*HEADER, "拨备")), ledger_map(allowance='"拨备"'))
    assert reasons(tape) == {1: "unreadable_amount"}


def test_classes_and_stages_are_read_in_the_words_of_banks(tmp_path: Path) -> None:
    records = [
        (*record(loan_id=f"L{i}"), c, s)
        for i, (c, s) in enumerate(
            [("正常", "阶段一"), ("关注类", "2"), ("3", "Stage 3"), ("DOUBTFUL", "1.0"), ("损失", "")]
        )
    ]
    mapping = ledger_map(reported_class='"分类"', ifrs9_stage='"阶段"')
    tape = imported(tmp_path, csv_text(records, (*HEADER, "分类", "阶段")), mapping)
    ordered = tape.snapshots.order_by("loan_id").to_pyarrow()
    assert ordered["reported_class"].to_pylist() == ["pass", "special_mention", "substandard", "doubtful", "loss"]
    assert ordered["ifrs9_stage"].to_pylist() == [1, 2, 3, 1, None]
    assert tape.findings == ()


def test_contradicting_months_of_a_loan_are_a_finding(tmp_path: Path) -> None:
    records = [
        record(as_of="2025-08-31", original_amount="100"),
        record(as_of="2025-09-30", original_amount="120"),
        record(loan_id="L2", as_of="2025-08-31"),
        record(loan_id="L2", as_of="2025-09-30"),
    ]
    tape = imported(tmp_path, csv_text(records))
    assert [(f["rule"], f["count"], f["examples"]) for f in tape.findings] == [("contradiction", 1, ["row 2"])]
    assert values(tape.loans, "original_amount") == [Decimal("100.00"), Decimal("120.00")]


def test_a_loan_that_changes_segment_keeps_its_history_in_one_tape_or_in_two(tmp_path: Path) -> None:
    august = record(as_of="2025-08-31", segment="零售业")
    september = record(as_of="2025-09-30", segment="建筑业")
    append_tape(tmp_path / "one", imported(tmp_path, csv_text([september, august])), PROFILE)
    for month in (august, september):
        append_tape(tmp_path / "two", imported(tmp_path, csv_text([month])), PROFILE)
    stored = [
        rows(open_book(tmp_path / name).snapshots, "as_of", "segment", "prior_segment") for name in ("one", "two")
    ]
    assert [row["segment"] for row in stored[0]] == ["零售业", "建筑业"]
    assert stored[0] == stored[1]
    assert values(open_book(tmp_path / "one").loans, "segment") == ["建筑业"]


FLOWS = """
[flows]
file = "flows.csv"
[flows.columns]
loan_id = "借据号"
date = "日期"
kind = "类型"
amount = { from = "金额", unit = "万元" }
[flows.kinds]
"还款" = "repayment"
"""


def test_flows_come_from_their_own_file(tmp_path: Path) -> None:
    flows = (
        "借据号,日期,类型,金额\nL1,2025-09-05,还款,0.001\nL9,2025-09-06,write_off,2\nL1,2025-09-06,其他,3\nL1,,还款,4\n"
    )
    (tmp_path / "flows.csv").write_text(flows)
    mapping = ledger_map(tail=FLOWS.replace("flows.csv", (tmp_path / "flows.csv").as_posix()))
    tape = imported(tmp_path, csv_text([record()]), mapping)
    assert rows(tape.flows, "loan_id", "kind", "amount") == [
        {"loan_id": "L1", "kind": "repayment", "amount": Decimal("10.00")},
        {"loan_id": "L9", "kind": "write_off", "amount": Decimal("20000.00")},
    ]
    assert reasons(tape) == {3: "unknown_kind", 4: "missing_value"}
    assert tape.flows is not None and tape.flows.schema() == table_schema("flows")
    assert [t.table for t in tape.tallies] == ["snapshots", "flows"]
    assert tape.tallies[1].amount_in == Decimal("90010.00")
    assert [(f["rule"], f["count"]) for f in tape.findings] == [("unmatched", 1)]


def test_a_count_based_source_needs_no_amounts(tmp_path: Path) -> None:
    columns = {"original_amount": None, "principal_balance": None}
    mapping = ledger_map(head='[book]\nbasis = "count"')
    lines = [line for line in mapping.splitlines() if not line.startswith(tuple(columns))]
    tape = imported(tmp_path, csv_text([record(principal_balance="")]), "\n".join(lines))
    assert values(tape.snapshots, "principal_balance") == [None]
    assert (account(tape).amount_field, account(tape).amount_in) == ("", 0)


def test_a_header_alone_gives_an_empty_tape(tmp_path: Path) -> None:
    tape = imported(tmp_path, csv_text([]))
    assert (rows(tape.loans), rows(tape.snapshots), rows(tape.quarantine)) == ([], [], [])
    assert account(tape).rows_in == 0


def test_a_column_that_is_not_there_is_named_with_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(MissingColumns, match=r"ledger\.csv lacks '本金余额' \(did you mean '余额'\?\)"):
        imported(tmp_path, csv_text([record()]), ledger_map(principal_balance='"本金余额"'))


def test_a_map_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    mapping = "\n".join(line for line in ledger_map().splitlines() if not line.startswith("segment"))
    with pytest.raises(Misuse, match="must say where segment comes from"):
        imported(tmp_path, csv_text([record()]), mapping)


def test_names_that_look_like_formulas_or_markup_are_kept_as_they_are(tmp_path: Path) -> None:
    names = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "'; DROP TABLE loans; --", "{{ 7*7 }}", "\\", "%s"]
    records = [record(loan_id=f"L{i}", borrower_id=name) for i, name in enumerate(names)]
    tape = imported(tmp_path, csv_text(records))
    assert values(tape.loans, "borrower_id") == sorted(names)


def test_odd_column_names_do_no_harm(tmp_path: Path) -> None:
    odd = ('a"b', "select", "A", "a", "c0", "source_row", "'; --")
    header = (*HEADER, *odd)
    tape = imported(tmp_path, csv_text([(*record(loan_id=""), *odd)], header))
    assert json.loads(str(rows(tape.quarantine)[0]["raw"])) | {name: name for name in odd} == json.loads(
        str(rows(tape.quarantine)[0]["raw"])
    )


def test_every_reason_is_worded_in_both_languages() -> None:
    assert len(REASONS) > 20
    assert all(isinstance(text, Text) and text.zh and text.en and text.zh != text.en for text in REASONS.values())
