"""What is added up is exact, whole, and null where nobody recorded it."""

from collections.abc import Sequence
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import MissingColumns, Misuse
from analysis.measures.components import COMPONENTS, STOCK, component_rows, components, dimensions, rests_on
from analysis.terms import DIMENSIONS
from states_of_loans import BOOKS, GROUPS, MARCH, Row, loan, states, with_prior

# The definitions once more, by hand: a loan counts in a component if the test holds.
TESTS = {
    "npl": lambda row: row["is_npl"],
    "special_mention": lambda row: row["five_class"] == "special_mention",
    "overdue": lambda row: row["days_past_due"] > 0,
    "overdue90": lambda row: row["days_past_due"] > 90,
    "restructured": lambda row: row["is_restructured"],
    "observed": lambda row: row["is_restructured"] and row["in_observation"],
}


def by_hand(rows: Sequence[Row], name: str) -> object:
    flag, _, unit = name.rpartition("_")
    chosen = [row for row in rows if not flag or TESTS[flag](row)]
    if unit == "loans" or name == "loans":
        return len(chosen)
    amounts = [row["principal_balance" if unit == "balance" else "allowance"] for row in chosen]
    known = [amount for amount in amounts if amount is not None]
    # A sum over no loans is 0, over loans of which none has an amount it is unknown.
    recorded = any(row["principal_balance" if unit == "balance" else "allowance"] is not None for row in rows)
    return sum(known, Decimal(0)) if recorded else None


@settings(max_examples=8, deadline=None)
@given(BOOKS.filter(bool), GROUPS)
def test_an_independent_addition_agrees_to_the_cent(book: list[Row], by: list[str]) -> None:
    found = component_rows(states(book), by, STOCK)
    frame = pd.DataFrame([{"as_of": row["as_of"], **{name: row[name] for name in by}} for row in book])
    groups = frame.fillna("").groupby(["as_of", *by], sort=True).indices
    assert len(found) == len(groups)
    for _, row in found.iterrows():
        mine = [r for r in book if r["as_of"] == row["as_of"].date() and all(_same(r[n], row[n]) for n in by)]
        assert {name: row[name] for name in STOCK} == {name: by_hand(mine, name) for name in STOCK}


def _same(one: object, other: object) -> bool:
    return (one is None and pd.isna(other)) or one == other


@settings(max_examples=8, deadline=None)
@given(BOOKS.filter(bool), GROUPS)
def test_the_total_is_the_sum_of_its_groups_exactly(book: list[Row], by: list[str]) -> None:
    whole, parts = component_rows(states(book), (), STOCK), component_rows(states(book), by, STOCK)
    for _, row in whole.iterrows():
        mine = parts[parts["as_of"] == row["as_of"]]
        for name in STOCK:
            known = [value for value in mine[name] if value is not None]
            assert row[name] == (sum(known[1:], known[0]) if known else None)


@settings(max_examples=8, deadline=None)
@given(BOOKS, GROUPS, st.randoms())
def test_the_order_of_rows_does_not_matter(book: list[Row], by: list[str], random) -> None:
    shuffled = random.sample(book, len(book))
    pd.testing.assert_frame_equal(
        component_rows(states(shuffled), by, STOCK), component_rows(states(book), by, STOCK), check_exact=True
    )


@settings(max_examples=8, deadline=None)
@given(BOOKS.filter(bool), st.data())
def test_splitting_a_loan_changes_no_amount(book: list[Row], data) -> None:
    cut = data.draw(st.integers(0, len(book) - 1))
    whole = book[cut]
    part = data.draw(st.decimals(0, whole["principal_balance"], places=2))
    halves = [{**whole, "principal_balance": part}]
    halves += [{**whole, "loan_id": "other", "principal_balance": whole["principal_balance"] - part, "allowance": None}]
    split = [*book[:cut], *halves, *book[cut + 1 :]]
    amounts = [name for name in STOCK if name.endswith("balance")]
    found, expected = (component_rows(states(rows), ["segment"], amounts) for rows in (split, book))
    pd.testing.assert_frame_equal(found[amounts], expected[amounts], check_exact=True)


def test_money_beyond_the_precision_of_floats_is_exact() -> None:
    big = "99999999999999.99"
    found = component_rows(states(loan(str(i), big) for i in range(3)), (), ["balance"])
    assert found["balance"].tolist() == [Decimal("299999999999999.97")]


def test_days_past_due_count_on_both_sides_of_the_line() -> None:
    book = [loan(str(days), "1", days_past_due=days) for days in (0, 1, 90, 91)]
    found = component_rows(states(book), (), ["overdue_loans", "overdue90_loans"]).iloc[0]
    assert (found["overdue_loans"], found["overdue90_loans"]) == (3, 1)


def test_a_loan_that_turns_npl_flows_in_and_one_first_seen_as_npl_enters() -> None:
    feb = MARCH.replace(month=2, day=28)
    book = with_prior([
        loan("turned", "10", as_of=feb), loan("turned", "9", "loss"),
        loan("stayed", "10", "loss", as_of=feb), loan("stayed", "10", "loss"),
        loan("cured", "10", "loss", as_of=feb), loan("cured", "10"),
        loan("bought", "7", "doubtful"), loan("new", "5"),
    ])  # fmt: skip
    names = ["inflow_loans", "inflow_balance", "entered_loans", "entered_balance"]
    found = component_rows(states(book), (), names)
    assert found[names].iloc[1].tolist() == [1, Decimal(9), 1, Decimal(7)]
    # Before a book's first month nothing is known, so that its NPL have entered, not flowed in.
    assert found[names].iloc[0].tolist() == [0, Decimal(0), 2, Decimal(20)]


def test_what_nobody_recorded_is_unknown_and_never_zero() -> None:
    book = states([loan("1", None), loan("2", None, "loss")])
    found = component_rows(book, (), ["balance", "allowance", "npl_balance", "npl_loans"]).iloc[0]
    assert found[["balance", "allowance", "npl_balance"]].tolist() == [None] * 3
    assert found["npl_loans"] == 1
    assert found[["loans", "recorded_balance", "recorded_allowance", "recorded_npl"]].tolist() == [2, 0, 0, 2]


def test_no_loan_in_a_state_is_a_true_zero_where_states_are_recorded() -> None:
    found = component_rows(states([loan("1", "5")]), (), ["npl_loans", "npl_balance"]).iloc[0]
    assert found[["npl_loans", "npl_balance"]].tolist() == [0, Decimal(0)]


def test_a_state_that_nobody_recorded_is_unknown() -> None:
    book = states([loan("1", "5", None, is_restructured=None, in_observation=None)])
    names = ["npl_loans", "npl_balance", "restructured_loans", "observed_balance"]
    found = component_rows(book, (), names).iloc[0]
    assert found[names].tolist() == [None] * 4
    assert found[["recorded_balance", "recorded_npl", "recorded_restructured"]].tolist() == [1, 0, 0]


def test_an_empty_book_has_no_rows_but_its_columns() -> None:
    found = component_rows(states([]), ["segment"], STOCK)
    assert found.empty
    assert set(found.columns) >= {"as_of", "segment", *STOCK}


def test_groups_without_a_name_come_last() -> None:
    book = states([loan("1", "1", segment=None), loan("2", "2", segment="retail"), loan("3", "3", segment="farm")])
    names = component_rows(book, ["segment"], ["balance"])["segment"].tolist()
    assert names[:2] == ["farm", "retail"]
    assert pd.isna(names[2])


@pytest.mark.parametrize("by", list(DIMENSIONS))
def test_every_dimension_can_be_asked_for(by: str) -> None:
    assert dimensions([by]) == dimensions(by) == (by,)


def test_an_unknown_dimension_is_refused_with_a_hint() -> None:
    with pytest.raises(Misuse, match=r"by must name dimensions out of .*was 'segmnet' \(did you mean 'segment'\?\)"):
        dimensions(["segmnet"])


def test_a_dimension_given_twice_is_refused() -> None:
    with pytest.raises(Misuse, match="by must name each dimension once, was segment, region, segment"):
        dimensions(["segment", "region", "segment"])


@pytest.mark.parametrize(
    ("lost", "names", "by"),
    [("is_npl", ["npl_loans"], ()), ("region", ["balance"], ("region",)), ("allowance", ["allowance"], ())],
)
def test_a_missing_column_is_named(lost: str, names: list[str], by: tuple[str, ...]) -> None:
    with pytest.raises(MissingColumns, match=f"states lacks '{lost}'"):
        components(states([]).drop(lost), by, names)


def test_a_component_names_what_it_rests_on() -> None:
    rests = {name: rests_on(name) for name in COMPONENTS}
    assert rests["loans"] == ()
    assert rests["balance"] == ("balance",)
    assert rests["npl_loans"] == ("npl",)
    assert rests["special_mention_balance"] == ("balance", "special_mention")
