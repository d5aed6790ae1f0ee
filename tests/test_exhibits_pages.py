"""The pages of movement, migration and recovery answer for any book: what they cannot say, they give a reason for."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.profile import Profile
from analysis.book.store import open_book
from analysis.classify.states import states
from analysis.exhibits import (
    attribution,
    bridge_page,
    concentration_curve,
    cure_tables,
    migration_page,
    migration_story,
    migrations,
    movements,
    names_page,
    provision_page,
    provisions,
    recoveries,
    recovery_page,
    recovery_story,
    rolls,
    vintage_fan,
    vintage_page,
)  # fmt: skip
from analysis.exhibits.exhibit import MIME_TYPE, Exhibit
from analysis.exhibits.segment_page import Lens
from analysis.rules.loader import load_rules
from analysis.terms import Text
from tapes import loan, snapshot, tape

MONTHS = [day.date() for day in pd.date_range("2024-10-31", "2025-12-31", freq="ME")]
Rows = list[Mapping[str, object]]


def movement_exhibits(lens: Lens) -> list[Exhibit]:
    moved = bridge_page.movement(lens)
    return [movements.npl_bridge(moved), movements.ratio_bridge(moved), attribution.ratio_attribution(moved)]


def migration_exhibits(lens: Lens) -> list[Exhibit]:
    moved, rolled = migration_page.migrations(lens), migration_page.rolled(lens)
    cured, vintages = migration_page.cured(lens), vintage_page.vintages(lens)
    return [
        migration_story.migration_summary(moved, rolled, cured, vintages),
        migrations.monthly_matrix(moved), migrations.yearly_matrix(moved), migrations.default_rates(moved),
        rolls.roll_table(rolled), rolls.official_table(migration_page.official(lens)),
        cure_tables.cure_table(cured), cure_tables.redefault_table(cured),
        vintage_fan.vintage_fan(vintages), vintage_fan.vintage_hazard(vintages),
    ]  # fmt: skip


def recovery_exhibits(lens: Lens) -> list[Exhibit]:
    recovered, covered, names = recovery_page.recovered(lens), provision_page.covered(lens), names_page.names(lens)
    return [
        recovery_story.recovery_summary(recovered, covered, names),
        recoveries.recovery_chart(recovered), recoveries.exits_chart(recovered),
        recoveries.lgd_table(recovered), recoveries.written_off_chart(recovered),
        provisions.coverage_table(covered), provisions.coverage_by_age(covered), provisions.allowance_bridge(covered),
        provisions.requirement_table(covered), provisions.backstop_table(covered),
        concentration_curve.concentration_cards(names), concentration_curve.concentration_curve(names),
        concentration_curve.limits_table(names),
    ]  # fmt: skip


PAGES: Mapping[str, Callable[[Lens], list[Exhibit]]] = {
    "movement": movement_exhibits, "migration": migration_exhibits, "recovery": recovery_exhibits,
}  # fmt: skip


def history(number: int, arrears: list[int], months: list[date], **fields: object) -> Rows:
    return [snapshot(day, f"LOAN-{number:05d}", dpd=dpd, **fields) for day, dpd in zip(months, arrears, strict=False)]


def mixed(**fields: object) -> Rows:
    """Loans that stay well, go bad, come back, or leave."""
    bad = [0, 0, 20, 50, 80, 110, 140, 170, 200, 230, 260, 290, 320, 350, 380]
    cured = [0, 0, 40, 70, 100, 130, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    kinds = [[0] * 15] * 40 + [bad] * 3 + [cured] * 2 + [bad[:9]] * 2 + [[0] * 7] * 3
    return [row for number, arrears in enumerate(kinds) for row in history(number, arrears, MONTHS, **fields)]


BOOKS: Mapping[str, Callable[[], Rows]] = {
    "one loan at one date": lambda: history(0, [0], MONTHS[:1]),
    "two months, all performing": lambda: [row for n in range(30) for row in history(n, [0, 0], MONTHS[:2])],
    "all bad from the start": lambda: [row for n in range(30) for row in history(n, [400] * 15, MONTHS)],
    "a few of each": lambda: mixed(allowance=Decimal("2.00")),
    "no balances": lambda: mixed(principal_balance=None),
}


QUICK = "two months, all performing"


def lens_of(folder: Path, rows: Rows, basis: str, flows: Rows | None = None) -> Lens:
    numbers = sorted({str(row["loan_id"]) for row in rows})
    loans = [loan(number, origination_date=date(2024, 10, 5)) for number in numbers]
    more = {} if flows is None else {"flows": flows}
    append_tape(folder / "b", tape(connect(), loans, rows, **more), Profile(title=Text("银行", "Bank"), basis=basis))
    book, rules = open_book(str(folder / "b")), load_rules("cn_2023")
    return Lens(book=book, rules=rules, states=states(book, rules), basis=basis)


def check(exhibits: list[Exhibit]) -> None:
    for shown in exhibits:
        words = re.sub(r"<[^>]+>", " ", shown.html)
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b|NaT", words), shown.id
        json.dumps(shown._repr_mimebundle_()[MIME_TYPE], allow_nan=False)
        assert shown.kind != "chart" or "<svg" in shown.html
        ids = re.findall(r'\bid="([^"]+)"', shown.html)
        assert len(ids) == len(set(ids))
        assert "LOAN-0" not in shown.html


@pytest.mark.parametrize("page", list(PAGES))
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == QUICK else pytest.mark.slow) for kind in BOOKS]
)
def test_a_book_without_flows_gets_every_exhibit(kind: str, page: str, tmp_path: Path) -> None:
    lens = lens_of(tmp_path, BOOKS[kind](), "count" if kind == "no balances" else "balance")
    check(PAGES[page](lens))


def test_the_largest_names_are_held_against_the_banks_net_capital_where_it_is_known(tmp_path: Path) -> None:
    lens = lens_of(tmp_path, BOOKS[QUICK](), "balance")
    profile = lens.book.profile.model_copy(update={"net_capital": {MONTHS[0]: Decimal(2000)}})
    known = replace(lens, book=replace(lens.book, profile=profile))
    for seen, notes in ((lens, {"missing_net_capital"}), (known, {""}), (replace(known, segment="retail"), None)):
        limits = names_page.names(seen).limits
        assert limits is not None
        found = set(limits.loc[limits["rule_id"] == "CN-LARGE-BORROWER", "note"])
        assert found == (notes or {"missing_net_capital"})


def flow(number: int, day: date, kind: str, amount: str, cost: str | None = None) -> Mapping[str, object]:
    return {
        "loan_id": f"LOAN-{number:05d}", "date": day, "kind": kind, "amount": Decimal(amount),
        "cost": None if cost is None else Decimal(cost),
    }  # fmt: skip


@pytest.mark.slow
def test_a_book_with_flows_ties_on_every_page(tmp_path: Path) -> None:
    # The two bad loans that leave are written off; one of them brings something later.
    gone = [flow(number, date(2025, 7, 10), "write_off", "90.00") for number in (45, 46)]
    flows = [*gone, flow(45, date(2025, 9, 3), "written_off_recovery", "12.00", "1.00")]
    flows += [flow(number, date(2025, 5, 20), "repayment", "90.00") for number in (47, 48, 49)]
    lens = lens_of(tmp_path, mixed(allowance=Decimal("2.00")), "balance", flows)
    moved, covered = bridge_page.movement(lens), provision_page.covered(lens)
    check([*movement_exhibits(lens), *migration_exhibits(lens), *recovery_exhibits(lens)])
    bridge = movements.npl_bridge(moved)
    steps = sum(value for name, value in bridge.metrics.items() if name not in {"opening", "closing"})
    assert bridge.metrics["opening"] + steps == pytest.approx(bridge.metrics["closing"])
    assert provisions.allowance_bridge(covered).metrics["closing"] == pytest.approx(2.0 * 45)
    assert (migration_page.control_totals(lens)["difference"] == 0).all()
    assert (provision_page.control_totals(covered).iloc[1:] == 0).all(axis=None)
    matrix = migrations.monthly_matrix(migration_page.migrations(lens)).metrics
    origins = {name.split(".")[0] for name in matrix}
    assert [sum(share for name, share in matrix.items() if name.startswith(f"{origin}.")) for origin in origins] == [
        pytest.approx(1.0)
    ] * len(origins)


def test_a_bridge_goes_from_the_date_asked_for_or_from_the_end_of_the_year_before(tmp_path: Path) -> None:
    lens = lens_of(tmp_path, history(0, [0] * 15, MONTHS), "balance")
    assert bridge_page.bridge_period(lens) == (date(2024, 12, 31), MONTHS[-1])
    asked = replace(lens, compare_to=date(2025, 3, 31))
    assert bridge_page.bridge_period(asked) == (date(2025, 3, 31), MONTHS[-1])
