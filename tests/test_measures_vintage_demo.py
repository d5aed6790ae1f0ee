"""Vintages of the demonstration book recover the chances that it was made from, and come out of the command line."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.book.demo import simulation
from analysis.book.demo.build import _pieces
from analysis.book.demo.calendar import month_index
from analysis.book.demo.lookups import lookups
from analysis.book.demo.paths import WORSE, _chances, draw_moves
from analysis.book.store import open_book
from analysis.cli import cli
from analysis.measures.vintage import vintages

LAST = month_index(date(2026, 9, 30))


class Diary:
    """The chance of each loan that never was in arrears to fall into them, month by month, as the book was drawn."""

    def __init__(self) -> None:
        self.loan = np.empty(0, dtype=np.int64)
        self.was_late = np.empty(0, dtype=bool)
        self.months: list[pd.DataFrame] = []

    def draw(self, at, month, tables, rng):
        loans = at.loan
        if len(self.loan) == 0:
            self.loan, self.was_late = loans.copy(), np.zeros(len(loans), dtype=bool)
        self.was_late = (self.was_late & (self.loan == loans)) | (at.behind > 0)
        self.loan = loans.copy()
        at_risk = at.live & ~self.was_late
        chance = _chances(at, month, tables)[:, WORSE]
        moves = draw_moves(at, month, tables, rng)
        drawn = {"lent": at.opened, "age": month - at.opened, "chance": chance, "late": moves.outcome == WORSE}
        self.months.append(pd.DataFrame({name: values[at_risk] for name, values in drawn.items()}))
        return moves


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    """One row is a quarterly cohort at an age: loans at risk, those that fell into arrears, and their mean chance."""
    diary, span = Diary(), np.arange(LAST - 59, LAST + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "draw_moves", diary.draw)
        for piece in _pieces(20_000, span, 7)[0]:
            for _ in simulation.simulate(piece, lookups()):
                pass
    drawn = pd.concat(diary.months, ignore_index=True)
    inside = drawn[drawn["lent"] >= span[0]]
    quarter = inside["lent"] // 3 * 3
    return inside.groupby([quarter, "age"]).agg(
        at_risk=("chance", "size"), late=("late", "sum"), chance=("chance", "mean")
    )


@pytest.mark.slow
@pytest.mark.usefixtures("in_demo_books")
def test_the_hazard_recovers_the_chances_that_the_book_was_made_from(truth: pd.DataFrame) -> None:
    found = vintages(open_book("demo").snapshots, threshold=0)
    known = found[found["value"].notna() & (found["age"] > 0)]
    cells = known.assign(lent=[month_index(day.date()) for day in known["cohort"]]).set_index(["lent", "age"])
    both = cells.join(truth, rsuffix="_drawn", how="inner")
    assert len(both) > 500
    # A few mistakes were planted in the tape: loans missing from a month, days past due that jump.
    assert (both["at_risk"].astype(int) - both["at_risk_drawn"]).abs().sum() < 200
    assert abs(int(both["newly_bad"].sum()) - int(both["late"].sum())) < 10
    holds = both["chance"].between(both["hazard_lower"], both["hazard_upper"])
    assert holds.mean() == pytest.approx(0.95, abs=0.025)
    by_age = both.groupby("age")[["newly_bad", "at_risk"]].sum().astype(float)
    expected = (both["chance"] * both["at_risk_drawn"]).groupby("age").sum()
    spread = np.sqrt(expected)
    assert ((by_age["newly_bad"] - expected).abs() < 4 * spread + 1).all()


@pytest.mark.usefixtures("in_demo_books")
def test_loans_are_most_likely_to_fall_into_arrears_from_half_a_year_to_a_year_and_a_half() -> None:
    # The book is made with .4, .9, 1.4, 1.0 and .7 times the chance from 0, 3, 6, 18 and 36 months on book.
    found = vintages(open_book("demo").snapshots, threshold=0)
    known = found[found["value"].notna() & (found["age"] > 0)]
    spans = pd.cut(known["age"], [0, 2, 5, 17, 35], labels=["new", "young", "prime", "old"])
    pooled = known.groupby(spans, observed=True)[["newly_bad", "at_risk"]].sum()
    hazard = (pooled["newly_bad"] / pooled["at_risk"]).to_dict()
    assert hazard["new"] < hazard["young"] < hazard["prime"] > hazard["old"]


@pytest.mark.usefixtures("in_demo_books")
def test_vintages_and_their_projection_are_asked_from_the_command_line() -> None:
    def asked(*command: str) -> list[dict]:
        run = CliRunner().invoke(cli, ["measure", *command, "--basis", "count", "--format", "json"])
        assert run.exit_code == 0, run.output
        return json.loads(run.stdout)

    found = asked("vintages", "--by", "segment", "--set", "threshold=90", "--set", "cohort=year")
    assert {"manufacturing", "wholesale_retail"} <= {row["segment"] for row in found}
    assert {row["cohort"] for row in found if row["value"] is not None} <= {
        f"{year}-01-01" for year in (2022, 2023, 2024, 2025)
    }
    assert {row["note"] for row in found if row["cohort"] < "2022"} == {"not_recorded"}
    ahead = asked("vintage_projection", "--since", "2025-12-31", "--set", "to=24")
    assert {row["cohort"] for row in ahead} == {"2026-01-01", "2026-04-01", "2026-07-01"}
    assert max(row["age"] for row in ahead if row["is_projected"]) == 24
    assert all(row["lower"] <= row["value"] <= row["upper"] for row in ahead if row["lower"] is not None)
    tested = asked("vintage_back_test", "--set", "method=chain_ladder")
    assert [row["ahead"] for row in tested] == list(range(1, 25))
    run = CliRunner().invoke(cli, ["measure", "vintages", "--set", "threshold=91"])
    assert (run.exit_code, "threshold must be one of npl, 0, 30" in run.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.usefixtures("in_demo_books")
@pytest.mark.parametrize("basis", ["count", "balance"])
def test_in_back_tests_of_the_book_about_half_lies_between_the_quartiles_and_increments_err_less(basis: str) -> None:
    from analysis.models.development_backtest import back_test

    found = vintages(open_book("demo").snapshots, threshold=90, basis=basis, by=("segment",))
    tested = {
        method: back_test(found, [6, 12, 18], by=("segment",), basis=basis, method=method)
        for method in ("additive", "chain_ladder")
    }
    assert all(len(rows) > 1000 for rows in tested.values())
    # Cells of a cohort move together and months are bad for all cohorts at once, so that this is rough.
    assert tested["additive"]["within"].astype(float).mean() == pytest.approx(0.55, abs=0.15)
    errors = {method: rows["error"].abs().mean() for method, rows in tested.items()}
    assert errors["additive"] < errors["chain_ladder"]
