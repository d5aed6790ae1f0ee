"""Rule files are dated, sourced and complete; their loader refuses what is not."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.errors import DataRefused, Misuse
from analysis.rules.loader import RuleSet, load_rules, read_rules, rule_sets

SHIPPED = ("cn_2023", "cn_card", "eu_npe", "us_retail")
COVERAGE = ("cn_provisions", "eu_backstop")
HEAD = """
id = "own"
purpose = "classification"
jurisdiction = "XX"
effective_from = 2020-01-01
label = { zh = "自定", en = "Own" }
"""
RULE = """
[[rule]]
rule_id = "X-1"
article = "art. 1"
value = 90
unit = "days"
source = "gazette"
status = "verified"
text = { zh = "规则", en = "Rule" }
"""


def own_rules(folder: Path, text: str) -> RuleSet:
    (folder / "own.toml").write_text(text, encoding="utf-8")
    return read_rules(folder / "own.toml")


def test_the_definitions_are_those_a_book_can_name() -> None:
    assert rule_sets() == SHIPPED


@pytest.mark.parametrize("name", [*SHIPPED, *COVERAGE, "house"])
def test_every_rule_says_where_and_since_when_in_both_languages(name: str) -> None:
    rules = load_rules(name)
    assert rules.rules
    for rule in rules.rules:
        assert rule.article, rule.rule_id
        assert rule.source, rule.rule_id
        assert any("\u4e00" <= letter <= "\u9fff" for letter in rule.text.zh), rule.rule_id
        assert rule.text.en.isascii(), rule.rule_id
        assert rule.effective_from <= (rule.effective_to or date.max), rule.rule_id


@pytest.mark.parametrize("name", [*SHIPPED, *COVERAGE])
def test_a_number_known_from_memory_is_marked_unverified(name: str) -> None:
    from_memory = {rule.rule_id for rule in load_rules(name).rules if rule.source.endswith("from memory")}
    assert from_memory <= {rule.rule_id for rule in load_rules(name).unverified}


def test_only_unverified_rules_go_into_the_footnote() -> None:
    unverified = {rule.rule_id for rule in load_rules("cn_2023").unverified}
    assert {"CN-2023-15", "CN-2023-13-3", "CN-2023-21"} <= unverified
    assert unverified.isdisjoint({"CN-2023-11-1", "CN-2023-14", "CN-REPORTED"})


# Order No. 1 of 2023, arts. 10 to 13; art. 92 of the card measures; 65 FR 36903.
@pytest.mark.parametrize(
    ("name", "floors"),
    [
        ("cn_2023", [("special_mention", 7), ("substandard", 90), ("doubtful", 270), ("loss", 360)]),
        ("cn_card", [("special_mention", 0), ("substandard", 90), ("doubtful", 120), ("loss", 180)]),
        ("us_retail", [("substandard", 89), ("loss", 179)]),
        ("eu_npe", []),
        ("house", []),
    ],
)
def test_class_floors_are_those_of_every_loan_from_the_mildest(name: str, floors: list[tuple[str, int]]) -> None:
    assert list(load_rules(name).class_floors) == floors


def test_shares_are_exact() -> None:
    assert load_rules("cn_2023").rule("CN-2023-14").value == Decimal("0.10")
    assert load_rules("house").rule("HOUSE-TREND-MINIMUM").value == Decimal("0.0010")
    assert load_rules("house").rule("HOUSE-SMALL-SEGMENT").value == 30


def test_an_unknown_set_or_rule_is_refused_with_a_hint() -> None:
    with pytest.raises(Misuse, match="did you mean 'cn_2023'"):
        load_rules("cn_2032")
    with pytest.raises(Misuse, match="did you mean 'CN-2023-15'"):
        load_rules("cn_2023").rule("CN-2023-I5")


def test_the_key_names_the_text_and_not_its_line_ends(tmp_path: Path) -> None:
    first = own_rules(tmp_path, HEAD + RULE)
    (tmp_path / "own.toml").write_bytes((HEAD + RULE).replace("\n", "\r\n").encode())
    assert read_rules(tmp_path / "own.toml").key == first.key
    assert own_rules(tmp_path, HEAD + RULE.replace("90", "91")).key != first.key


def test_a_rule_without_a_date_has_that_of_its_file(tmp_path: Path) -> None:
    dated = RULE.replace("X-1", "X-2") + "effective_from = 2021-06-01\neffective_to = 2022-06-01\n"
    plain, own = own_rules(tmp_path, HEAD + RULE + dated).rules
    assert (plain.effective_from, plain.effective_to) == (date(2020, 1, 1), None)
    assert (own.effective_from, own.effective_to) == (date(2021, 6, 1), date(2022, 6, 1))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('article = "art. 1"\n', "", "article"),
        ('source = "gazette"\n', "", "source"),
        ('source = "gazette"', 'source = " "', "source"),
        ('status = "verified"', 'status = "surely"', "status"),
        ('en = "Rule"', 'en = ""', "words in zh and en"),
        ('zh = "规则", ', "", "text.zh"),
        ("effective_from = 2020-01-01\n", "", "effective_from"),
        ('unit = "days"', 'unit = "days"\nfive_class = "bad"', "must be one of pass"),
        ('unit = "days"', 'unit = "days"\ntypo = 1', "typo"),
        ('id = "own"', 'id = "other"', "must be the file's name"),
        ("value = 90", "value = ", "own"),
    ],
)
def test_a_file_that_is_not_complete_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in HEAD + RULE
    with pytest.raises(DataRefused, match=told):
        own_rules(tmp_path, (HEAD + RULE).replace(old, new, 1))


def test_a_rule_id_is_used_once(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="unique, were repeated: X-1"):
        own_rules(tmp_path, HEAD + RULE + RULE)
