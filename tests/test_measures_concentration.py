"""How much hangs on a few names: printed numbers, laws, a book by hand, and what cannot be said."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.concentration import TOPS, View, concentration, groups_recorded, largest_names
from analysis.measures.concentration_limits import concentration_limits
from analysis.rules.loader import load_rules
from states_of_loans import MARCH, STATES, Row, loan

NAMED = ibis.schema({**STATES, "borrower_id": "string", "group_id": "string"})
FEBRUARY = date(2026, 2, 28)
NPL, BY_COUNT, BY_GROUP = View(weight="npl"), View(basis="count"), View(of="group")
INDICES = ["hhi", "hhi_normalised", "gini", "theil", *(f"cr{top}" for top in TOPS)]


def states(rows: Iterable[Row]) -> ir.Table:
    full = [{name: row.get(name) for name in NAMED.names} for row in rows]
    return ibis.memtable(pa.Table.from_pylist(full, schema=NAMED.to_pyarrow()))


def owed(name: str, balance: str | None, five_class: str | None = "pass", **rest: object) -> Row:
    """A loan of a borrower."""
    return loan(f"{name}-{balance}", balance, five_class, borrower_id=name, **rest)


def one(frame: pd.DataFrame) -> pd.Series:
    assert len(frame) == 1
    return frame.iloc[0]


# Indices of a vector, derived with independent code. The normalised HHI there is taken from the HHI as
# printed (0.084081 ÷ 0.9); of the unrounded HHI it is 0.0934236.
VECTOR = [541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261]


def test_reproduces_the_printed_indices() -> None:
    row = one(concentration(states(owed(f"B{place}", str(amount)) for place, amount in enumerate(VECTOR))))
    printed = {"gini": 0.462091, "hhi": 0.184081, "theil": 0.362341, "cr1": 0.334320, "cr3": 0.637807}
    assert {name: row[name] for name in printed} == pytest.approx(printed, abs=5e-7)
    assert row["hhi_normalised"] == pytest.approx(0.093423, abs=1e-6)
    assert (row["names"], row["total"], row["note"]) == (10, Decimal(66586), "")


def test_a_pareto_tail_has_the_gini_that_theory_gives() -> None:
    # G = 1 / (2a - 1) for a Pareto distribution of shape a, here the quantiles of a = 2 (Gini 1/3).
    quantiles = [f"{100 / math.sqrt(1 - (place + 0.5) / 4000):.2f}" for place in range(4000)]
    row = one(concentration(states(owed(f"B{place}", amount) for place, amount in enumerate(quantiles))))
    assert row["gini"] == pytest.approx(1 / 3, abs=5e-3)


# Six loans of 2,000.00, 700.00 of them bad; A has two, A and B are one group.
TINY = (
    owed("A", "600"),
    owed("A", "200", "loss"),
    owed("B", "500", "doubtful", region="south"),
    owed("C", "400", segment="retail"),
    owed("D", "200", segment="retail"),
    owed("D", "100", segment="retail"),
)
GROUPED = [{**row, "group_id": "G" if row["borrower_id"] in "AB" else None} for row in TINY]


def test_a_tiny_book_worked_by_hand() -> None:
    row = one(concentration(states(TINY)))
    # Borrowers owe 800, 500, 400 and 300 of 2,000.
    assert (row["names"], row["total"], row["loans"]) == (4, Decimal(2000), 6)
    assert row["hhi"] == pytest.approx(0.4**2 + 0.25**2 + 0.2**2 + 0.15**2)
    assert row["hhi_normalised"] == pytest.approx((0.285 - 0.25) / 0.75)
    assert row["gini"] == pytest.approx((-3 * 300 - 400 + 500 + 3 * 800) / (4 * 2000))
    assert row["theil"] == pytest.approx(sum(s * math.log(4 * s) for s in (0.4, 0.25, 0.2, 0.15)))
    assert row[["cr1", "cr3", "cr5"]].tolist() == pytest.approx([0.4, 0.85, 1.0])


def test_bad_loans_have_a_concentration_of_their_own() -> None:
    row = one(concentration(states(TINY), NPL))
    assert (row["names"], row["total"], row["loans"]) == (2, Decimal(700), 6)
    assert row["cr1"] == pytest.approx(500 / 700)


def test_a_group_is_one_name_and_a_borrower_without_one_stands_alone() -> None:
    row = one(concentration(states(GROUPED), BY_GROUP))
    assert (row["names"], row["note"]) == (3, "")
    assert row["cr1"] == pytest.approx(1300 / 2000)
    assert groups_recorded(states(GROUPED)) == {pd.Timestamp(MARCH): True}


def test_a_group_and_a_borrower_of_the_same_number_are_two_names() -> None:
    book = [owed("G", "10"), owed("A", "20", group_id="G")]
    assert one(concentration(states(book), BY_GROUP))["names"] == 2
    assert largest_names(states(book), BY_GROUP)["is_group"].tolist() == [True, False]


def test_by_count_each_loan_weighs_the_same() -> None:
    row = one(concentration(states(TINY), BY_COUNT))
    assert (row["total"], row["cr1"]) == (6, pytest.approx(2 / 6))
    assert isinstance(row["total"], int)


def test_a_dimension_can_be_what_is_concentrated() -> None:
    row = one(concentration(states(TINY), View(of="segment")))
    assert (row["names"], row["hhi"]) == (2, pytest.approx(0.65**2 + 0.35**2))


def test_shares_of_a_segment_are_of_its_own_total() -> None:
    found = concentration(states(TINY), by=["segment"]).set_index("segment")
    assert found["cr1"].to_dict() == pytest.approx({"manufacturing": 800 / 1300, "retail": 400 / 700})


def test_the_largest_names_with_their_shares() -> None:
    found = largest_names(states(TINY), top=3)
    assert found["name"].tolist() == ["A", "B", "C"]
    assert found["exposure"].tolist() == [Decimal(800), Decimal(500), Decimal(400)]
    assert found["npl"].tolist() == [Decimal(200), Decimal(500), Decimal(0)]
    assert found["share"].tolist() == pytest.approx([0.4, 0.25, 0.2])
    assert found["npl_share"].tolist() == pytest.approx([2 / 7, 5 / 7, 0])
    assert found["cumulative"].tolist() == pytest.approx([0.4, 0.65, 0.85])


def test_the_largest_bad_names_come_in_the_order_of_what_is_bad() -> None:
    found = largest_names(states(TINY), NPL, by=["segment"])
    assert found[["segment", "rank", "name"]].to_numpy().tolist() == [
        ["manufacturing", 1, "B"],
        ["manufacturing", 2, "A"],
    ]
    assert found["cumulative"].tolist() == pytest.approx([5 / 7, 1])


def test_names_that_owe_the_same_stand_in_the_order_of_their_numbers() -> None:
    book = [owed(name, "5") for name in "CAB"]
    assert largest_names(states(book), top=2)["name"].tolist() == ["A", "B"]


BALANCES = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).map(lambda cents: [f"{c / 100:.2f}" for c in cents])


def amounts(rows: Sequence[Row]) -> list[Fraction]:
    """Amounts above 0 of the names, ascending, by hand."""
    total: dict[object, Fraction] = defaultdict(Fraction)
    for row in rows:
        total[row["borrower_id"]] += Fraction(row["principal_balance"])
    return sorted(amount for amount in total.values() if amount > 0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(1, 10**9)), min_size=1, max_size=10))
def test_an_independent_computation_agrees(pairs: list[tuple[str, int]]) -> None:
    book = [loan(f"L{i}", f"{cents / 100:.2f}", borrower_id=name) for i, (name, cents) in enumerate(pairs)]
    row, x = one(concentration(states(book))), np.array([float(amount) for amount in amounts(book)])
    shares = x / x.sum()
    assert row["hhi"] == pytest.approx((shares**2).sum(), rel=1e-12)
    # Gini as the mean absolute difference over twice the mean: another definition, the same number.
    assert row["gini"] == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()), abs=1e-12)
    assert row["theil"] == pytest.approx((x / x.mean() * np.log(x / x.mean())).mean(), abs=1e-12)
    assert [row[f"cr{top}"] for top in TOPS] == pytest.approx([np.sort(shares)[::-1][:top].sum() for top in TOPS])


@settings(max_examples=10, deadline=None)
@given(BALANCES)
def test_indices_keep_their_bounds(balances: list[str]) -> None:
    row = one(concentration(states(owed(f"B{i}", balance) for i, balance in enumerate(balances))))
    if row["note"] == "no_denominator":
        return
    names, tiny = row["names"], 1e-9
    assert 1 / names - tiny <= row["hhi"] <= 1
    assert 0 <= row["gini"] <= 1 - 1 / names + tiny
    assert 0 <= row["theil"] <= math.log(names) + tiny
    assert row["cr1"] <= row["cr3"] <= row["cr5"] <= row["cr10"] <= row["cr20"] <= 1
    assert row["cr1"] ** 2 <= row["hhi"] <= row["cr1"] + tiny


@settings(max_examples=10, deadline=None)
@given(BALANCES, st.randoms(), st.sampled_from([10, 100, 7]))
def test_order_names_and_currency_do_not_matter(balances: list[str], random, scale: int) -> None:
    book = [owed(f"B{i}", balance) for i, balance in enumerate(balances)]
    names = random.sample(range(len(book)), len(book))
    other = [
        {**row, "borrower_id": f"X{name}", "principal_balance": row["principal_balance"] * scale}
        for row, name in zip(book, names, strict=True)
    ]
    mine, theirs = (one(concentration(states(rows))) for rows in (book, random.sample(other, len(other))))
    np.testing.assert_allclose(mine[INDICES].astype(float), theirs[INDICES].astype(float), rtol=1e-12, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(BALANCES, st.integers(0, 100))
def test_splitting_a_loan_of_a_name_changes_nothing(balances: list[str], percent: int) -> None:
    book = [owed(f"B{i}", balance) for i, balance in enumerate(balances)]
    part = (book[0]["principal_balance"] * percent / 100).quantize(Decimal("0.01"))
    rest = {**book[0], "loan_id": "rest", "principal_balance": book[0]["principal_balance"] - part}
    split = [{**book[0], "principal_balance": part}, rest, *book[1:]]
    mine, theirs = (one(concentration(states(rows)))[["names", "total", *INDICES]] for rows in (book, split))
    pd.testing.assert_series_equal(mine, theirs, check_exact=True)


@pytest.mark.parametrize("names", [2, 5, 40])
def test_equal_names_are_not_concentrated_at_all(names: int) -> None:
    row = one(concentration(states(owed(f"B{i}", "333.33") for i in range(names))))
    assert row["hhi"] == pytest.approx(1 / names)
    assert row[["hhi_normalised", "gini", "theil"]].tolist() == pytest.approx([0, 0, 0], abs=1e-12)


def test_money_beyond_the_precision_of_floats_is_exact() -> None:
    row = one(concentration(states(owed(name, "99999999999999.99") for name in "ABC")))
    assert row["total"] == Decimal("299999999999999.97")
    assert (row["hhi"], row["gini"]) == (1 / 3, 0.0)


def test_one_name_has_no_normalised_index() -> None:
    row = one(concentration(states([owed("A", "5"), owed("A", "7"), owed("B", "0")])))
    assert row[["hhi", "gini", "cr1", "cr20"]].tolist() == [1, 0, 1, 1]
    assert math.isnan(row["hhi_normalised"])
    assert (row["names"], row["note"]) == (1, "single_name")


def test_without_any_balance_there_is_nothing_to_be_concentrated() -> None:
    row = one(concentration(states([owed("A", "0"), owed("B", "0")])))
    assert row[INDICES].isna().all()
    assert (row["names"], row["total"], row["note"]) == (0, Decimal(0), "no_denominator")
    assert largest_names(states([owed("A", "0")])).empty


def test_no_bad_loans_are_a_true_zero_without_indices() -> None:
    row = one(concentration(states([owed("A", "10")]), NPL))
    assert (row["names"], row["total"], row["note"]) == (0, Decimal(0), "no_denominator")
    assert row[INDICES].isna().all()


def test_a_book_by_count_has_no_concentration_of_balances() -> None:
    book = states([owed("A", None), owed("B", None, "loss")])
    row = one(concentration(book))
    assert row[INDICES].isna().all()
    assert row[["names", "total"]].tolist() == [None, None]
    assert row["note"] == "not_recorded"
    assert one(concentration(book, BY_COUNT))["hhi"] == 0.5
    assert largest_names(book).empty


@pytest.mark.parametrize(
    ("lost", "view"),
    [({"principal_balance": None}, View()), ({"is_npl": None}, NPL), ({"borrower_id": None}, View())],
)
def test_what_is_recorded_for_some_loans_only_is_said(lost: dict[str, object], view: View) -> None:
    book = [owed("A", "5", "loss"), owed("B", "5", "loss"), {**owed("C", "7", "loss"), **lost}]
    row = one(concentration(states(book), view))
    assert (row["names"], row["total"], row["loans"], row["note"]) == (2, Decimal(10), 3, "partly_recorded")


def test_a_book_without_groups_says_so() -> None:
    assert one(concentration(states(TINY), BY_GROUP))["note"] == "no_groups"


def test_an_empty_book_has_no_rows_but_its_columns() -> None:
    for found in (concentration(states([]), by=["segment"]), largest_names(states([]), by=["segment"])):
        assert found.empty
        assert {"as_of", "segment"} <= set(found.columns)
    assert concentration_limits(states([]), {}).empty


# Net capital of 6,000: A owes 800 of 2,000 (13.3 %), the group of A and B 1,300 (21.7 %).
def test_the_largest_names_against_their_limits() -> None:
    found = concentration_limits(states(GROUPED), {MARCH: Decimal(6000)}).set_index("rule_id")
    assert list(found.index) == ["CN-LARGE-BORROWER", "CN-LARGE-GROUP", "HOUSE-TOP-TEN-NPL"]
    assert found["name"].tolist() == ["A", "G", None]
    assert found["amount"].tolist() == [Decimal(800), Decimal(1300), Decimal(700)]
    assert found["ratio"].tolist() == pytest.approx([800 / 6000, 1300 / 6000, 1])
    assert found["limit"].tolist() == [0.10, 0.15, 0.40]
    assert found["over"].tolist() == [1, 1, None]
    assert found["status"].tolist() == ["breach", "breach", "watch"]
    assert set(found["note"]) == {""}


@pytest.mark.parametrize(
    ("capital", "over", "status"), [("8000", 0, "ok"), ("7999.99", 1, "breach"), ("1000", 4, "breach")]
)
def test_what_is_just_at_a_limit_keeps_it(capital: str, over: int, status: str) -> None:
    row = concentration_limits(states(GROUPED), {MARCH: Decimal(capital)}).set_index("rule_id").loc["CN-LARGE-BORROWER"]
    assert (row["over"], row["status"]) == (over, status)


def test_without_net_capital_the_answer_says_so() -> None:
    book = [*GROUPED, *({**row, "as_of": FEBRUARY} for row in GROUPED)]
    found = concentration_limits(states(book), {MARCH: Decimal(6000)}).set_index(["as_of", "rule_id"])
    row = found.loc[(pd.Timestamp(FEBRUARY), "CN-LARGE-BORROWER")]
    assert (row["note"], row["status"], row["name"], row["amount"]) == (
        "missing_net_capital",
        "none",
        "A",
        Decimal(800),
    )
    assert math.isnan(row["ratio"])
    assert row["over"] is None
    assert found.loc[(pd.Timestamp(FEBRUARY), "HOUSE-TOP-TEN-NPL"), "status"] == "watch"


def test_a_book_without_groups_cannot_show_that_the_group_limit_is_kept() -> None:
    found = concentration_limits(states(TINY), {MARCH: Decimal(10_000)}).set_index("rule_id")
    assert found.loc["CN-LARGE-GROUP", ["status", "note"]].tolist() == ["none", "no_groups"]
    assert found.loc["CN-LARGE-BORROWER", "status"] == "ok"


def test_a_limit_is_not_held_against_a_month_before_it_was_in_force() -> None:
    book = [{**row, "as_of": date(2017, 3, 31)} for row in GROUPED]
    found = concentration_limits(states(book), {date(2017, 3, 31): Decimal(6000)}).set_index("rule_id")
    assert found["note"].to_dict() == {
        "CN-LARGE-BORROWER": "not_in_force", "CN-LARGE-GROUP": "", "HOUSE-TOP-TEN-NPL": "not_in_force",
    }  # fmt: skip
    assert found["status"].tolist() == ["none", "breach", "none"]


def test_a_book_by_count_has_nothing_to_hold_against_a_limit() -> None:
    found = concentration_limits(states([owed("A", None, "loss", group_id="G")]), {MARCH: Decimal(100)})
    assert set(found["note"]) == {"not_recorded"}
    assert set(found["status"]) == {"none"}
    assert found["over"].tolist() == [None, None, None]


def test_limits_of_law_that_were_not_read_in_print_are_marked() -> None:
    rules = load_rules("house")
    assert {"CN-LARGE-BORROWER", "CN-LARGE-GROUP"} <= {rule.rule_id for rule in rules.unverified}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: View(of="borower"), r"of must be one of borrower, group, .*was 'borower' \(did you mean 'borrower'"),
        (lambda: View(weight="bad"), "weight must be one of exposure, npl, was 'bad'"),  # type: ignore[arg-type]
        (lambda: View(basis="sum"), "basis must be one of balance, count, was 'sum'"),
        (lambda: concentration(states([]), by=["segmnet"]), "did you mean 'segment'"),
        (lambda: largest_names(states([]), top=0), "top must be 1 or more, was 0"),
        (
            lambda: concentration_limits(states([]), {MARCH: Decimal(0)}),
            "net_capital must be above 0, was 2026-03-31: 0",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        call()


@pytest.mark.parametrize(("lost", "view"), [("borrower_id", View()), ("group_id", BY_GROUP), ("is_npl", NPL)])
def test_a_missing_column_is_named(lost: str, view: View) -> None:
    with pytest.raises(MissingColumns, match=f"states lacks '{lost}'"):
        concentration(states([]).drop(lost), view)
