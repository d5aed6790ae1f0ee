"""The notebooks run from top to bottom with any valid parameters, and print what is stored in them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from analysis.book.append import append_tape
from analysis.book.engine import connect
from analysis.book.profile import Profile
from analysis.reports.contract import NOTEBOOKS
from analysis.reports.exporter import exhibits
from analysis.reports.runner import Executed, Job, run_notebook
from analysis.terms import Text
from tapes import loan, snapshot, tape

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NAMES = sorted(NOTEBOOKS)
# Those that read every move and every workout take long, and run only where there is time.
LONG = ("30_migration_and_vintage", "40_recovery_and_coverage")
EACH = [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in NAMES]
DAYS = [date(2025, month, day) for month, day in ((1, 31), (2, 28), (3, 31), (4, 30))]


def executed(name: str, books: Path, **parameters: str | int) -> Mapping[str, Mapping[str, object]]:
    """What each exhibit of a notebook says of itself, after a run in a clean process."""
    run = run_notebook(Job(notebook=FOLDER / f"{name}.ipynb", parameters=parameters, books=books))
    assert isinstance(run, Executed), run.log
    shown = {exhibit["id"]: exhibit for exhibit in exhibits(run.notebook)}
    assert set(shown) == set(NOTEBOOKS[name].exhibits)
    return shown


def small_book(folder: Path, days: list[date], dpd: list[int], **fields: object) -> None:
    """One loan per entry of `dpd`, the same on every date."""
    numbers = [f"LOAN-{number:05d}" for number in range(len(dpd))]
    rows = [
        snapshot(day, number, dpd=past_due, **fields)
        for day in days
        for number, past_due in zip(numbers, dpd, strict=True)
    ]
    profile = Profile(title=Text("小银行", "Small bank"), basis="count" if "principal_balance" in fields else "balance")
    append_tape(folder, tape(connect(), [loan(number) for number in numbers], rows), profile)


@pytest.mark.parametrize("name", EACH)
def test_it_runs_on_the_demonstration_book(name: str, demo_books: Path) -> None:
    shown = executed(name, demo_books)
    assert all(isinstance(exhibit["metrics"], dict) for exhibit in shown.values())


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("20_segment_trends", {"segment": "manufacturing", "lang": "en"}),
        ("20_segment_trends", {"basis": "count", "rules": "eu_npe"}),
        ("20_segment_trends", {"as_of": "2021-10-31"}),
        ("10_data_quality", {"as_of": "2021-10-31"}),
        ("20_segment_trends", {"as_of": "2025-12-31", "compare_to": "2025-11-30", "rules": "cn_card"}),
        ("10_data_quality", {"segment": "consumer", "rules": "us_retail"}),
        ("30_migration_and_vintage", {"segment": "transport", "basis": "count", "lang": "en"}),
        ("30_migration_and_vintage", {"as_of": "2021-10-31", "rules": "eu_npe"}),
        ("30_migration_and_vintage", {"as_of": "2023-05-31", "rules": "cn_card"}),
        ("40_recovery_and_coverage", {"segment": "mortgage", "lang": "en", "compare_to": "2025-12-31"}),
        ("40_recovery_and_coverage", {"as_of": "2021-10-31"}),
        ("40_recovery_and_coverage", {"basis": "count", "rules": "us_retail", "as_of": "2024-02-29"}),
    ],
)
@pytest.mark.slow
def test_it_runs_with_other_parameters(name: str, parameters: dict[str, str], demo_books: Path) -> None:
    executed(name, demo_books, **parameters)


BOOKS: Mapping[str, tuple[list[date], list[int]]] = {
    "a single loan at one date": (DAYS[:1], [0]),
    "all performing": (DAYS, [0] * 40),
    "all non-performing": (DAYS, [400] * 40),
    "a few of each": (DAYS, [0] * 50 + [45, 95, 280, 365]),
}


@pytest.mark.parametrize("kind", sorted(BOOKS))
def test_every_kind_of_book_gets_an_answer(kind: str, tmp_path: Path) -> None:
    days, dpd = BOOKS[kind]
    small_book(tmp_path / "small", days, dpd)
    shown = executed("20_segment_trends", tmp_path, book="small")
    expected = sum(past_due > 90 for past_due in dpd) / len(dpd)
    assert shown["headline"]["metrics"]["npl_ratio"] == pytest.approx(expected)
    assert shown["headline"]["metrics"]["provision_coverage_ratio"] is None


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_book_without_balances_or_flows_gets_every_exhibit(name: str, tmp_path: Path) -> None:
    small_book(tmp_path / "counted", DAYS, [0] * 38 + [95, 200], principal_balance=None)
    executed(name, tmp_path, book="counted")


def test_a_book_without_balances_is_read_by_count(tmp_path: Path) -> None:
    small_book(tmp_path / "counted", DAYS, [0] * 38 + [95, 200], principal_balance=None)
    shown = executed("20_segment_trends", tmp_path, book="counted")
    assert shown["headline"]["metrics"]["npl_ratio"] == pytest.approx(2 / 40)
    assert shown["headline"]["metrics"]["npl_count"] == 2


@pytest.mark.parametrize("name", EACH)
def test_checked_cells_print_what_is_stored(name: str, demo_books: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300",
        "-p", "no:cacheprovider", "-p", "no:xdist", "-q", str(FOLDER / f"{name}.ipynb"),
    ]  # fmt: skip
    environment = os.environ | {"NPL_BOOKS": str(demo_books), "PYTHONPATH": str(FOLDER.parent / "src")}
    run = subprocess.run(command, cwd=FOLDER.parent, env=environment, capture_output=True, text=True, check=False)
    (tmp_path / "nbval.txt").write_text(run.stdout)
    assert run.returncode == 0, run.stdout[-4000:]
    assert " passed" in run.stdout
