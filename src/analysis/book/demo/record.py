"""What is kept beside the demonstration book: its profile, its truth, and the account of its making."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from analysis.book.demo.cases import cases
from analysis.book.demo.pieces import AMOUNTS, Account
from analysis.book.demo.truth import BUCKETS, OUTCOMES, Truth, chain_in, truth_parameters
from analysis.book.profile import Profile
from analysis.terms import Text

_NOTES = (
    Text(
        "本数据由程序模拟生成，不代表任何真实银行、企业或个人。",
        "This book is simulated by a program; it stands for no real bank, firm or person.",
    ),
    Text(
        "转让流水的金额为转让本金，费用为转让折价。",
        "The amount of a sale is the principal transferred, its cost is the discount given.",
    ),
)


def demo_profile(truth: Truth) -> Profile:
    """The demonstration bank's profile, with the names of its segments, regions, sizes and products."""
    labels: dict[str, dict[str, Text]] = {
        "segment": {key: segment.label for key, segment in truth.segments.items()},
        "region": {key: region.label for key, region in truth.regions.items()},
        "enterprise_size": {key: size.label for key, size in truth.sizes.items()},
        "product": {key: product.label for key, product in truth.products.items()},
    }
    return Profile(
        title=Text("示范城市商业银行（模拟）", "Demonstration City Bank (simulated)"),
        simulated=True,
        labels=labels | {dimension: dict(group) for dimension, group in truth.labels.items()},
        limits=dict(truth.limits),
        notes=_NOTES,
    )


def truth_json(truth: Truth, choices: Mapping[str, object], accounts: Sequence[Account]) -> str:
    """Text of the truth that is saved beside the book.

    Args:
        truth: the parameters.
        choices: how the book was asked for: loans, months, seed, until.
        accounts: one per piece, for what was planted.

    Returns:
        JSON with `choices`, `parameters` (as in `truth.toml`), `transitions` (segment, state, bucket,
        outcome, before drift), `stories`, `planted_mistakes`, `conduct_breaches` and `cases`.
    """
    content = {
        "choices": choices,
        "parameters": truth_parameters(),
        "outcomes": OUTCOMES,
        "transitions": _transitions(truth),
        "stories": {key: segment.story for key, segment in truth.segments.items()},
        "planted_mistakes": [_with_ids(m, "loans", "loan_ids", "L") for a in accounts for m in a.mistakes],
        "conduct_breaches": [_with_ids(b, "contacts", "contact_ids", "C") for a in accounts for b in a.breaches],
        "cases": {case.key: _case(case.facts) for case in cases()},
    }
    return json.dumps(content, ensure_ascii=False, indent=1, default=_plain) + "\n"


def import_record(until: date, seed: int, accounts: Sequence[Account]) -> dict[str, object]:
    """Record of the build in the form of an import's; it carries no clock time, so that bytes repeat."""
    return {
        "imported_at": f"{until.isoformat()}T00:00:00+00:00",
        "tallies": [_tally(table, seed, accounts) for table in AMOUNTS],
        "findings": [],
    }


def _transitions(truth: Truth) -> dict[str, dict[str, dict[str, list[float]]]]:
    states = dict.fromkeys(state.name for state in truth.states)
    chains = {state: chain_in(truth, state).round(9).tolist() for state in states}
    return {
        segment: {state: dict(zip(BUCKETS, chains[state][number], strict=True)) for state in states}
        for number, segment in enumerate(truth.segments)
    }


def _with_ids(entry: Mapping[str, object], numbers: str, name: str, letter: str) -> dict[str, object]:
    listed = entry[numbers]
    plain = {key: value for key, value in entry.items() if key != numbers}
    return plain | {name: [f"{letter}{number:012d}" for number in (listed if isinstance(listed, list) else [])]}


def _case(facts: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in facts.items() if key != "statements"}


def _tally(table: str, seed: int, accounts: Sequence[Account]) -> dict[str, object]:
    rows = sum(account.rows.get(table, 0) for account in accounts)
    amount = sum((account.amounts.get(table, Decimal(0)) for account in accounts), Decimal(0))
    return {
        "source": f"simulation, seed {seed}",
        "table": table,
        "rows_in": rows,
        "rows_accepted": rows,
        "rows_quarantined": 0,
        "amount_field": AMOUNTS[table],
        "amount_in": str(amount),
        "amount_accepted": str(amount),
        "amount_quarantined": "0.00",
        "amount_rounding": "0.00",
        "amount_unreadable_rows": 0,
    }


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a truth must hold numbers, texts and dates, was {value!r}.")
