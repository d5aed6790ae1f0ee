"""Every line of a delimited file is a record, in whatever encoding and however it is quoted."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.book.ingest import csv_lines, csv_reader
from analysis.book.ingest.csv_reader import open_csv
from analysis.book.ingest.mapping import Source
from analysis.book.ingest.records import Reading
from analysis.book.ingest.text_stream import detected_encoding
from analysis.errors import AnalysisError, DataRefused, Misuse, Unavailable

TEXT = "借据号,余额\nL1,1\nL2,2\n"


def opened(folder: Path, content: str | bytes, **options: object) -> Reading:
    path = folder / "ledger.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_csv(path, Source.model_validate(options))


def records(reading: Reading) -> list[dict[str, object]]:
    """Records in order of their number, by the first way of reading that works."""
    for attempt in reading.attempts:
        try:
            found = [row for batch in attempt() for row in batch.to_pylist()]
        except pa.ArrowInvalid:
            continue
        return sorted(found, key=lambda row: row["source_row"])
    raise AssertionError("no attempt worked")


def fields(folder: Path, content: str | bytes, **options: object) -> list[tuple[object, ...]]:
    """Fields of each record; the problem alone where it could not be split."""
    found = records(opened(folder, content, **options))
    assert [row["source_row"] for row in found] == list(range(1, len(found) + 1))
    return [
        (row["problem"],) if row["problem"] else tuple(v for k, v in row.items() if k.startswith("c")) for row in found
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk", "utf-32"]
)
def test_a_header_reads_the_same_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    reading = opened(tmp_path, TEXT.encode(encoding))
    assert reading.columns == ("借据号", "余额")
    assert fields(tmp_path, TEXT.encode(encoding)) == [("L1", "1"), ("L2", "2")]


def test_a_gzip_file_is_read_as_it_is(tmp_path: Path) -> None:
    assert fields(tmp_path, gzip.compress(TEXT.encode())) == [("L1", "1"), ("L2", "2")]


def test_a_stated_encoding_wins(tmp_path: Path) -> None:
    assert opened(tmp_path, "naïve,b\n1,2\n".encode("latin-1"), encoding="latin-1").columns == ("naïve", "b")


def test_an_unknown_encoding_is_the_callers_to_change(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="encoding must be one that Python knows"):
        opened(tmp_path, TEXT, encoding="gb-18030-x")


def test_a_few_broken_bytes_do_not_change_the_encoding(tmp_path: Path) -> None:
    content = ("姓名,余额\n" + "张三,1\n" * 50).encode() + b"\xff,2\n"
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    assert detected_encoding(path) == "utf-8"
    lossy = [row["lossy"] for row in records(opened(tmp_path, content))]
    assert lossy == [False] * 50 + [True]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    text = TEXT.replace(",", delimiter)
    assert fields(tmp_path, text) == [("L1", "1"), ("L2", "2")]


def test_a_stated_delimiter_wins(tmp_path: Path) -> None:
    assert opened(tmp_path, "a;b,c;d,e\n1;2\n", delimiter=";").columns == ("a", "b,c", "d,e")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_are_no_records(tmp_path: Path, end: str) -> None:
    text = f"{end}{end}a,b{end}{end}1,2{end}   {end}{end}3,4{end}{end}"
    assert fields(tmp_path, text) == [("1", "2"), ("3", "4")]


def test_names_lose_their_spaces_and_line_breaks(tmp_path: Path) -> None:
    assert opened(tmp_path, '" 借据号 ","余额\n(万元)",\n1,2,3\n').columns == ("借据号", "余额 (万元)", "column 3")


def test_the_header_may_stand_below_a_title(tmp_path: Path) -> None:
    text = "某银行贷款台账,,\n单位：万元,,\na,b,c\n1,2,3\n"
    assert opened(tmp_path, text, header_row=3).columns == ("a", "b", "c")
    assert fields(tmp_path, text, header_row=3) == [("1", "2", "3")]


def test_a_quoted_field_may_hold_anything(tmp_path: Path) -> None:
    assert fields(tmp_path, 'a,b\n"x,\ny ""z""",2\n3,4\n') == [('x,\ny "z"', "2"), ("3", "4")]


def test_ragged_records_are_kept_in_their_place(tmp_path: Path) -> None:
    text = "a,b,c\n1,2,3\n1,2\n4,5,6\n1,2,3,4\n\n7,8,9\nx\n"
    few, many = ("too_few_fields",), ("too_many_fields",)
    assert fields(tmp_path, text) == [("1", "2", "3"), few, ("4", "5", "6"), many, ("7", "8", "9"), few]


def test_an_open_quote_swallows_no_record(tmp_path: Path) -> None:
    text = 'a,b,c\n1,2,3\n"4,5,6\n7,8,9\n10,11,"12"\n13,14,15\n'
    assert fields(tmp_path, text) == [
        ("1", "2", "3"), ('"4', "5", "6"), ("7", "8", "9"), ("10", "11", "12"), ("13", "14", "15"),
    ]  # fmt: skip


def test_a_file_that_is_one_open_quote_is_read_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "_BLOCK", 200)
    text = 'a,b\n"1,2\n' + "3,4\n" * 200 + "5\n"
    found = fields(tmp_path, text)
    assert found == [('"1', "2"), *[("3", "4")] * 200, ("too_few_fields",)]


def test_more_ragged_lines_than_memory_holds_are_read_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_reader, "_PENDING_TEXT", 100)
    text = "a,b\n" + "1,2,3\n" * 200 + "3,4\n"
    assert fields(tmp_path, text) == [*[("too_many_fields",)] * 200, ("3", "4")]


def test_a_line_without_end_is_cut_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "_BLOCK", 1000)
    monkeypatch.setattr(csv_lines, "_LONGEST_LINE", 2000)
    text = "a,b\n1,2\n" + "x" * 5000 + ",3\n4,5\n"
    assert fields(tmp_path, text) == [("1", "2"), ("line_too_long",), ("4", "5")]


def test_a_nul_byte_is_no_text(tmp_path: Path) -> None:
    (row,) = records(opened(tmp_path, b"a,b\nx\x00y,2\n"))
    assert (row["c0"], row["lossy"]) == ("x\ufffdy", True)


def test_a_header_alone_is_an_empty_ledger(tmp_path: Path) -> None:
    assert fields(tmp_path, "a,b\n") == []
    assert fields(tmp_path, "a,b") == []
    assert fields(tmp_path, "a,b\n\n \n") == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b",,\n1,2,3\n", "header with column names"),
        (b"a,b,a\n1,2,3\n", "'a' more than once"),
        (b"PK\x03\x04rest", "name a workbook .xlsx"),
        (b"\xd0\xcf\x11\xe0rest", "save it as .xlsx"),
        (b"PAR1rest", "name it .parquet"),
        (b"SQLite format 3\x00rest", "sqlite:///"),
        (b"\x1f\x8brest", "damaged gzip"),
        (gzip.compress(TEXT.encode() * 100, mtime=0)[:-20], "damaged gzip"),
    ],
    ids=["empty", "blank", "no names", "twice", "xlsx", "xls", "parquet", "sqlite", "gzip", "cut gzip"],
)  # fmt: skip
def test_a_file_without_records_is_refused_with_what_to_do(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(DataRefused, match=says):
        fields(tmp_path, content)


def test_an_absent_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"none\.csv cannot be read"):
        open_csv(tmp_path / "none.csv", Source())


CELL = st.text(alphabet='ab,"\n\r\t;| 中', max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_no_physical_line_is_lost(tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]], end: str) -> None:
    """However lines are quoted, what was read holds every character that is no quote, space or line end."""
    body = end.join(",".join(line) for line in lines)
    found = records(opened(tmp_path_factory.mktemp("fuzz"), f"a,b,c{end}{body}", delimiter=","))
    kept = "".join(str(row["line"] or "".join(str(v) for k, v in row.items() if k.startswith("c"))) for row in found)
    assert letters(kept) == letters(body)
    assert [row["source_row"] for row in found] == list(range(1, len(found) + 1))


def letters(text: str) -> str:
    return "".join(sorted(c for c in text if c not in '", \n\r\t;|'))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_records_or_a_reason(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try:
        found = fields(tmp_path_factory.mktemp("fuzz"), content)
    except AnalysisError as error:
        assert str(error)
    else:
        assert isinstance(found, list)
