"""What may not be published is refused, each fault in a sentence."""

from collections.abc import Iterator
from types import SimpleNamespace

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

import executed_notebooks as made
from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.store import Book, open_book
from analysis.reports.exporter import Checks, report_pages
from analysis.reports.fingerprint import Code
from analysis.reports.gate import notebook_faults, run_faults
from analysis.reports.page_checks import PAGE_BYTES, page_faults
from analysis.reports.privacy import candidates, identifiers_in, private_faults
from report_projects import CONTRACT, MONTHS
from tapes import PROFILE, loan, snapshot, tape

CODE = Code(digest="0" * 64, packages={"python": "3"})


def faults(*outputs: nbformat.NotebookNode) -> list[str]:
    return list(notebook_faults(CONTRACT, made.notebook(made.started(), *outputs)))


@pytest.fixture(scope="module")
def page() -> str:
    return report_pages(made.whole(), Checks(), CODE)["zh"]


def with_body(page: str, markup: str) -> list[str]:
    return list(page_faults(page.replace("</main>", markup + "</main>")))


def test_a_whole_notebook_has_no_fault() -> None:
    assert list(notebook_faults(CONTRACT, made.whole())) == []


def test_an_exhibit_that_is_missing_or_shown_twice_is_a_fault() -> None:
    one = made.shown(made.headline())
    assert faults(one) == ["exhibit curve must be shown, but is not"]
    assert "exhibit headline must be shown once, but is shown 2 times" in faults(one, one)


def test_a_headline_number_must_be_stated_finite_and_the_same_everywhere() -> None:
    assert "headline number npl_ratio must be stated by an exhibit, but none does" in faults(made.shown(made.curve()))
    infinite = made.shown(made.headline())
    infinite["data"]["application/vnd.npl.exhibit+json"]["metrics"]["npl_ratio"] = float("inf")
    assert any("must be a finite number" in fault for fault in faults(infinite))
    differing = faults(made.shown(made.headline(0.0162)), made.shown(made.curve(npl_ratio=0.0163)))
    assert differing == [
        "headline number npl_ratio must be the same everywhere, but differs between headline and curve"
    ]


def test_an_unknown_headline_number_may_be_published_if_the_page_says_why() -> None:
    curve = made.shown(made.curve())
    assert faults(made.shown(made.headline(None, note="no_denominator")), curve) == []
    silent = made.shown(made.headline(None))
    silent["data"]["text/html"] = '<div id="headline">–</div>'
    assert any("must say why" in fault for fault in faults(silent, curve))


def test_an_empty_chart_is_a_fault() -> None:
    empty = made.shown(made.curve(npl_ratio=0.0162))
    empty["data"]["text/html"] = '<figure id="curve"></figure>'
    assert faults(made.shown(made.headline()), empty) == ["chart curve must be drawn, but is empty"]


def test_errors_and_words_on_standard_error_are_faults_that_quote_nothing() -> None:
    error = nbformat.v4.new_output("error", ename="KeyError", evalue="LOAN-1", traceback=[])
    found = faults(made.shown(made.headline()), made.shown(made.curve()), error, made.written("LOAN-1\n", "stderr"))
    assert found == [
        "no cell may end in an error, but one did",
        "no cell may write to standard error, but 1 lines were written; see the log",
    ]


def test_what_a_first_run_says_of_its_fonts_is_no_fault() -> None:
    said = made.written("Matplotlib is building the font cache; this may take a moment.\n", "stderr")
    assert faults(made.shown(made.headline()), made.shown(made.curve()), said, made.written("ok\n")) == []


def test_a_run_of_another_book_or_date_than_was_asked_is_a_fault() -> None:
    meta = made.meta()
    asked = SimpleNamespace(
        contract=CONTRACT,
        params=SimpleNamespace(as_of="2026-06-30", model_dump=lambda: meta["parameters"]),
        book=SimpleNamespace(content_hash="ab" * 32),
        rules=SimpleNamespace(key="cn_2023@1"),
    )
    assert list(run_faults(asked, made.whole())) == []
    changed = made.started(book=meta["book"] | {"hash": "cd" * 32}, as_of="2026-03-31")
    found = list(run_faults(asked, made.notebook(changed)))
    assert [fault.split("'s ")[1].split(" must")[0] for fault in found] == ["reporting date", "book"]


def test_a_page_of_ours_has_no_fault(page: str) -> None:
    assert list(page_faults(page)) == []


FORBIDDEN = {
    '<img alt="x" src="https://example.org/a.png">': "external address",
    '<a href="//example.org">x</a>': "external address",
    "<style>@import 'a.css';</style>": "external address",
    '<p style="background:url(a.png)">x</p>': "external address",
    "<p>read from /home/analyst/tape.csv</p>": "absolute path",
    "<p>C:\\banks\\tape.csv</p>": "absolute path",
    '<p title="/var/npl-1">x</p>': "absolute path",
    "<p>Traceback (most recent call last):</p>": "trace",
    "<pre>x = 1</pre>": "show code",
    '<div class="highlight hl-ipython3">x</div>': "show code",
    '<p id="one">x</p>': "must be unique, but one is not",
    '<p aria-labelledby="nowhere">x</p>': "reference must have its target, but nowhere has none",
    '<a href="#nowhere">x</a>': "reference must have its target",
    '<svg role="img"><path/></svg>': "must have a title, but 1 have none",
    "<figure><p>x</p></figure>": "must have a title",
    "<table><tr><td>1</td></tr></table>": "must have a title",
    '<img alt="" src="data:image/png;base64,AAAA">': "must have a title",
    "<h1>second</h1>": "one main heading, had 2",
    "<p>\u16a0</p>": "glyph",
    '<b data-tip="\u16a0">x</b>': "glyph",
    f"<p>{'x' * PAGE_BYTES}</p>": "must be at most 600,000 bytes",
}


@pytest.mark.parametrize("markup", FORBIDDEN, ids=lambda markup: markup[:40])
def test_each_thing_that_a_page_must_not_hold_is_a_fault(page: str, markup: str) -> None:
    found = with_body(page, markup)
    assert len(found) == 1
    assert FORBIDDEN[markup] in found[0]


ALLOWED = (
    '<svg aria-hidden="true"><path/></svg>',
    "<p>不良/关注 and/or 1/2, 30/09/2026, 16:30</p>",
    '<p style="fill:url(#one)">NPL: 1.62%</p>',
    '<img alt="a line" src="data:image/png;base64,iVBOR//home/x/=">',
    "<figure><figcaption>t</figcaption><table><caption>c</caption><tr><td>1</td></tr></table></figure>",
)


@pytest.mark.parametrize("markup", ALLOWED)
def test_what_a_page_may_hold_is_no_fault(page: str, markup: str) -> None:
    assert with_body(page, markup) == []


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    folder = tmp_path_factory.mktemp("books") / "private"
    backend = connect()
    names = ("LN-2021/0001", "1000014003", "39786", "A1", "王小明 0001", "L000000001003", "2024")
    loans = [
        loan(name, borrower_id=f"客户{number:04}", group_id=f"G{number}", segment="G2" if number > 3 else "farm")
        for number, name in enumerate(names)
    ]
    append_tape(folder, tape(backend, loans, [snapshot(MONTHS[0], name) for name in names]), PROFILE)
    yield open_book(folder)


@pytest.mark.parametrize(
    "markup",
    [
        "<p>LN-2021/0001</p>",
        "<td>借据（LN-2021/0001）</td>",
        '<b data-tip="L000000001003: 1.2%">x</b>',
        '<p id="L000000001003">x</p>',
        "<p>loans 1000014003, and others</p>",
        "<p>客户0003。</p>",
        "<p>王小明 0001</p>",
        "<p>L0000000010&#48;3</p>",
        '<tr><th scope="row">39786</th><td>1.62%</td></tr>',
        '<tr><th scope="row"><span lang="zh">A1</span><span lang="en">Loan A</span></th></tr>',
        '<td class="text">借据 1、A1、…0a1b2c</td>',
        '<td class="text">row 7, A1</td>',
        '<div class="panel" data-seg="A1"><b>Manufacturing</b></div>',
        '<th scope="row">G1</th>',
    ],
)
def test_an_identifier_of_the_book_is_found_wherever_it_stands(book: Book, markup: str) -> None:
    assert len(identifiers_in(markup, book)) == 1


def test_the_fault_masks_what_it_found(book: Book) -> None:
    (fault,) = private_faults("<p>L000000001003 1000014003</p>", book)
    assert "holds 2 identifiers" in fault
    assert "L0000" not in fault
    assert "10000" not in fault


def test_figures_and_short_codes_that_happen_to_be_identifiers_are_no_fault(book: Book) -> None:
    assert identifiers_in('<td data-v="39786.0">39,786</td><td>39786</td><p>A1 L00000000100 1.62%</p>', book) == set()


def test_a_label_that_several_borrowers_share_names_none_of_them(book: Book) -> None:
    shared = '<tr><th scope="row">G2</th><td>1.62%</td></tr><tr><th scope="row">2024</th></tr>'
    assert identifiers_in(shared, book) == set()


def test_embedded_files_and_style_are_not_searched(book: Book) -> None:
    assert identifiers_in('<style>L000000001003</style><img src="data:a/b;base64,1000014003">', book) == set()


@given(st.text(alphabet="<>&\"' ABC123/-.:,", max_size=60))
def test_any_text_around_an_identifier_that_ends_a_word_leaves_it_found(text: str) -> None:
    assert "L000000001003" in candidates(f"{text} L000000001003 {text}")
