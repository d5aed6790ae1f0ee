"""Each number of law is met on the right day: classes at the boundaries, on both sides."""

from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.classify.classification import classification
from analysis.classify.states import states
from analysis.errors import DataRefused, Misuse
from analysis.rules.loader import load_rules, read_rules
from analysis.terms import FIVE_CLASSES
from classified import book_of, classes, classified
from tapes import Row, loan, snapshot

JAN = date(2025, 1, 31)
PASS, MENTION, SUBSTANDARD, DOUBTFUL, LOSS = FIVE_CLASSES


def by_days(folder: Path, rules: str, days: tuple[int, ...], **loan_fields: object) -> dict[int, str]:
    rows = [snapshot(JAN, f"L{dpd:04}", dpd=dpd) for dpd in days]
    loans = [loan(f"L{dpd:04}", **loan_fields) for dpd in days]
    found = classified(book_of(folder, rows, loans, rules), rules)
    return {dpd: str(found[JAN, f"L{dpd:04}"]["five_class"]) for dpd in days}


def test_general_loans_by_days_past_due(tmp_path: Path) -> None:
    assert by_days(tmp_path, "cn_2023", (0, 1, 7, 8, 90, 91, 270, 271, 360, 361)) == {
        0: PASS, 1: MENTION, 7: MENTION, 8: MENTION, 90: MENTION, 91: SUBSTANDARD,
        270: SUBSTANDARD, 271: DOUBTFUL, 360: DOUBTFUL, 361: LOSS,
    }  # fmt: skip


def test_cards_by_days_past_due(tmp_path: Path) -> None:
    assert by_days(tmp_path, "cn_card", (0, 1, 90, 91, 120, 121, 180, 181)) == {
        0: PASS, 1: MENTION, 90: MENTION, 91: SUBSTANDARD, 120: SUBSTANDARD, 121: DOUBTFUL, 180: DOUBTFUL, 181: LOSS,
    }  # fmt: skip


def test_eu_exposures_by_days_past_due(tmp_path: Path) -> None:
    assert by_days(tmp_path, "eu_npe", (0, 90, 91, 400)) == {0: PASS, 90: PASS, 91: SUBSTANDARD, 400: SUBSTANDARD}


def test_a_week_is_technical_only_if_the_bank_says_so(tmp_path: Path) -> None:
    cases = [
        (0, "pass", PASS, "CN-2023-7"),
        (1, "pass", PASS, "CN-2023-10-1-TECHNICAL"),
        (7, "pass", PASS, "CN-2023-10-1-TECHNICAL"),
        (8, "pass", MENTION, "CN-2023-10-1"),
        (1, None, MENTION, "CN-2023-10-1"),
        (7, "special_mention", MENTION, "CN-2023-10-1"),
    ]
    rows = [snapshot(JAN, f"L{n}", dpd=case[0], reported_class=case[1]) for n, case in enumerate(cases)]
    assert classes(tmp_path, rows) == [case[2:] for case in cases]


@pytest.mark.parametrize("rules", ["cn_2023", "cn_card", "us_retail", "eu_npe"])
def test_a_reported_class_is_kept_where_it_is_worse(tmp_path: Path, rules: str) -> None:
    rows = [
        snapshot(JAN, "L1", reported_class="loss"),
        snapshot(JAN, "L2", dpd=400, reported_class="pass"),
        snapshot(JAN, "L3", reported_class="pass"),
    ]
    found = classes(tmp_path, rows, rules=rules)
    assert [one for one, _ in found] == [LOSS, SUBSTANDARD if rules == "eu_npe" else LOSS, PASS]
    assert [rule_id.endswith("-REPORTED") for _, rule_id in found] == [True, False, False]


def test_a_class_reported_under_other_rules_says_nothing(tmp_path: Path) -> None:
    book = book_of(tmp_path, [snapshot(JAN, "L1", dpd=3, reported_class="loss")], rules="cn_card")
    assert classified(book, "cn_2023")[JAN, "L1"]["five_class"] == MENTION


@pytest.mark.parametrize("rules", ["cn_2023", "cn_card", "eu_npe"])
def test_stage_3_is_non_performing(tmp_path: Path, rules: str) -> None:
    rows = [snapshot(JAN, f"L{n}", ifrs9_stage=stage) for n, stage in enumerate((None, 1, 2, 3))]
    assert [found for found, _ in classes(tmp_path, rows, rules=rules)] == [PASS, PASS, PASS, SUBSTANDARD]


def test_the_expected_loss_of_an_impaired_loan_decides_how_bad_it_is(tmp_path: Path) -> None:
    cases = [
        (3, "49.99", SUBSTANDARD), (3, "50.00", DOUBTFUL), (3, "89.99", DOUBTFUL), (3, "90.00", LOSS),
        (3, None, SUBSTANDARD), (2, "90.00", PASS),
    ]  # fmt: skip
    rows = [
        snapshot(JAN, f"L{n}", balance="100.00", ifrs9_stage=stage, allowance=allowance and Decimal(allowance))
        for n, (stage, allowance, _) in enumerate(cases)
    ]
    assert [found for found, _ in classes(tmp_path, rows)] == [case[2] for case in cases]


def two_loans(borrower: str, bad: str, *, dpd: int = 91, of: str = "10000.00") -> list[Row]:
    """Snapshots of a borrower's two loans, of which the first is late."""
    rest = str(Decimal(of) - Decimal(bad))
    return [snapshot(JAN, f"{borrower}1", dpd=dpd, balance=bad), snapshot(JAN, f"{borrower}2", balance=rest)]


def loans_of(borrower: str, kind: str | None = "corporate") -> list[Row]:
    return [loan(f"{borrower}{n}", borrower_id=borrower, borrower_type=kind) for n in (1, 2)]


def test_cross_default_begins_over_ten_percent(tmp_path: Path) -> None:
    shares = {"A": "999.00", "B": "1000.00", "C": "1001.00"}  # 9.99, 10.00 and 10.01 % of 10 000
    rows = [row for name, bad in shares.items() for row in two_loans(name, bad)]
    found = classes(tmp_path, rows, [one for name in shares for one in loans_of(name)])
    assert found[0::2] == [(SUBSTANDARD, "CN-2023-11-1")] * 3
    assert found[1::2] == [(MENTION, "CN-2023-10-4"), (MENTION, "CN-2023-10-4"), (SUBSTANDARD, "CN-2023-14")]


def test_retail_loans_are_classified_one_by_one(tmp_path: Path) -> None:
    kinds = {"A": "individual", "B": "sole_proprietor", "C": None}
    rows = [row for name in kinds for row in two_loans(name, "5000.00")]
    found = classes(tmp_path, rows, [one for name, kind in kinds.items() for one in loans_of(name, kind)])
    # A borrower whose type is not recorded is not exempt.
    assert found[1::2] == [(PASS, "CN-2023-7"), (PASS, "CN-2023-7"), (SUBSTANDARD, "CN-2023-14")]


def test_a_worse_class_of_its_own_outlives_cross_default(tmp_path: Path) -> None:
    rows = [snapshot(JAN, "A1", dpd=91), snapshot(JAN, "A2", dpd=400)]
    assert [found for found, _ in classes(tmp_path, rows, loans_of("A"))] == [SUBSTANDARD, LOSS]


def test_both_tests_of_materiality_must_be_failed(tmp_path: Path) -> None:
    cases = [
        ("individual", "100.00", "1000.00", PASS),
        ("individual", "100.01", "1000.00", SUBSTANDARD),
        ("individual", "100.01", "10001.00", PASS),
        ("individual", "100.02", "10001.00", SUBSTANDARD),
        ("corporate", "500.00", "1000.00", PASS),
        ("corporate", "500.01", "1000.00", SUBSTANDARD),
        ("corporate", "500.01", "50001.00", PASS),
        ("corporate", "500.02", "50001.00", SUBSTANDARD),
        ("corporate", None, "1000.00", SUBSTANDARD),
    ]
    rows = [
        snapshot(JAN, f"L{n}", dpd=91, balance=balance, overdue_principal=amount and Decimal(amount))
        for n, (_, amount, balance, _) in enumerate(cases)
    ]
    loans = [loan(f"L{n}", borrower_type=case[0]) for n, case in enumerate(cases)]
    assert [found for found, _ in classes(tmp_path, rows, loans, "eu_npe")] == [case[3] for case in cases]


def test_interest_that_is_due_is_overdue_too(tmp_path: Path) -> None:
    fields = {"balance": "1000.00", "overdue_principal": Decimal("60.00"), "interest_receivable": Decimal("40.01")}
    ((found, _),) = classes(
        tmp_path, [snapshot(JAN, "L1", dpd=91, **fields)], [loan("L1", borrower_type="individual")], "eu_npe"
    )
    assert found == SUBSTANDARD


def test_the_pulling_effect_begins_over_twenty_percent(tmp_path: Path) -> None:
    shares = {"A": "2000.00", "B": "2000.01"}
    rows = [row for name, bad in shares.items() for row in two_loans(name, bad)]
    loans = [one for name in shares for one in loans_of(name, "individual")]
    found = classes(tmp_path, rows, loans, "eu_npe")
    assert found[1::2] == [(PASS, "EU-PERFORMING"), (SUBSTANDARD, "EU-PULLING")]


def test_a_firm_is_judged_as_a_whole_in_the_eu(tmp_path: Path) -> None:
    found = classes(tmp_path, two_loans("A", "1.00", of="1000.00"), loans_of("A"), "eu_npe")
    assert found == [(SUBSTANDARD, "EU-178-DPD"), (SUBSTANDARD, "EU-OBLIGOR")]


def test_buckets_are_of_thirty_days(tmp_path: Path) -> None:
    named = {
        0: "M0",
        1: "M1",
        30: "M1",
        31: "M2",
        60: "M2",
        61: "M3",
        150: "M5",
        151: "M6",
        180: "M6",
        181: "M7+",
        999: "M7+",
    }
    book = book_of(tmp_path, [snapshot(JAN, f"L{dpd}", dpd=dpd) for dpd in named])
    assert {dpd: state["bucket"] for (_, name), state in classified(book).items() for dpd in [int(name[1:])]} == named


def test_a_house_standard_classifies_nothing(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="must be one of cn_2023"):
        states(book_of(tmp_path, [snapshot(JAN, "L1")]), load_rules("house"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"days_over"', '"days_ovr"', "did you mean 'days_over'"),
        ('"otherwise"', '"credit_impaired"', "must have one rule of mechanism 'otherwise', had 0"),
        ('unit = "stage"', 'unit = "stage"\nonly = { branch = ["x"] }', "column of 'CN-CARD-IMPAIRED'"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = files("analysis").joinpath("rules", "cn_card.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "cn_card.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DataRefused, match=told):
        classification(read_rules(tmp_path / "cn_card.toml"), reported_under="cn_card")


@pytest.mark.parametrize("rules", ["cn_2023", "cn_card", "eu_npe", "us_retail"])
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(st.integers(0, 800), min_size=20, max_size=40, unique=True))
def test_more_days_past_due_never_give_a_better_class(
    tmp_path_factory: pytest.TempPathFactory, rules: str, days: list[int]
) -> None:
    found = by_days(tmp_path_factory.mktemp("book"), rules, tuple(days))
    ranks = [list(FIVE_CLASSES).index(found[dpd]) for dpd in sorted(days)]
    assert ranks == sorted(ranks)


def test_us_loans_by_days_past_due_and_product(tmp_path: Path) -> None:
    products = {"36": LOSS, None: LOSS, "revolving": SUBSTANDARD, "mortgage": SUBSTANDARD}
    days = (0, 89, 90, 119, 120, 179, 180)
    names = {(product, dpd): f"L-{product}-{dpd:03}" for product in products for dpd in days}
    loans = [loan(name, product=product) for (product, _), name in names.items()]
    rows = [snapshot(JAN, name, dpd=dpd) for (_, dpd), name in names.items()]
    found = classified(book_of(tmp_path, rows, loans, "us_retail"), "us_retail")
    for product, late in products.items():
        expected = [PASS, PASS, SUBSTANDARD, SUBSTANDARD, late, late, LOSS]
        assert [found[JAN, names[product, dpd]]["five_class"] for dpd in days] == expected, product
