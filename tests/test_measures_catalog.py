"""Every measure says what it is, of what it is made and who says so."""

import pytest

from analysis.errors import Misuse
from analysis.measures.catalog import BASES, FORMATION, MEASURES, measure_list, measure_named
from analysis.measures.components import COMPONENTS

ALL = list(MEASURES.values())


def test_the_measures_of_a_board_report_are_there() -> None:
    assert set(MEASURES) >= {
        "npl_ratio", "special_mention_ratio", "overdue_ratio", "overdue90_to_npl", "provision_coverage_ratio",
        "loan_provision_ratio", "restructured_ratio", "npl_formation_gross", "npl_formation_net",
    }  # fmt: skip
    assert set(FORMATION) < set(MEASURES)


@pytest.mark.parametrize("measure", ALL, ids=lambda one: one.name)
def test_a_measure_is_complete(measure) -> None:
    assert MEASURES[measure.name] is measure
    for words in (measure.label, measure.definition):
        assert words.zh
        assert words.en
        assert words.zh != words.en
    assert measure.source
    assert set(measure.parts) <= set(BASES)
    assert measure.parts
    assert all(part is None or part in COMPONENTS for pair in measure.parts.values() for part in pair)
    assert all((denominator is None) == (measure.unit != "share") for _, denominator in _stock_parts(measure))


def _stock_parts(measure):
    return [] if measure.name in FORMATION else measure.parts.values()


@pytest.mark.parametrize("measure", ALL, ids=lambda one: one.name)
def test_more_coverage_is_better_and_more_npl_is_worse(measure) -> None:
    better = {"provision_coverage_ratio", "loan_provision_ratio", "loan_balance", "loan_count"}
    assert measure.worse == ("down" if measure.name in better else "up")


def test_a_ratio_of_a_part_to_its_whole_is_marked_so() -> None:
    parts = {one.name for one in ALL if one.is_part_of_whole}
    assert parts == {"npl_ratio", "special_mention_ratio", "overdue_ratio", "restructured_ratio"}


@pytest.mark.parametrize(
    ("name", "asked", "measured"),
    [
        ("npl_ratio", "balance", "balance"),
        ("npl_ratio", "count", "count"),
        ("provision_coverage_ratio", "count", "balance"),
        ("npl_count", "balance", "count"),
        ("npl_formation_net", "count", "balance"),
    ],
)
def test_a_measure_of_one_basis_is_measured_on_that_one(name: str, asked: str, measured: str) -> None:
    assert MEASURES[name].on(asked) == measured


def test_an_unknown_basis_is_refused_with_a_hint() -> None:
    with pytest.raises(Misuse, match=r"basis must be balance or count, was 'balanse' \(did you mean 'balance'\?\)"):
        MEASURES["npl_ratio"].on("balanse")


def test_an_unknown_measure_is_refused_with_a_hint() -> None:
    with pytest.raises(Misuse, match=r"was 'npl_ration' \(did you mean 'npl_ratio'\?\)"):
        measure_named("npl_ration")
    assert measure_named("npl_ratio") is MEASURES["npl_ratio"]


def test_the_list_for_people_has_one_row_per_measure() -> None:
    rows = measure_list()
    assert [row["measure"] for row in rows] == list(MEASURES)
    assert all(row["definition_zh"] and row["definition_en"] and row["source"] and row["status"] for row in rows)
    assert {row["measure"]: row["basis"] for row in rows}["npl_ratio"] == "balance,count"
