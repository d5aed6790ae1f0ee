"""Run the benchmark: `python -m benchmarks.run [--sizes 5,50] [--runs 3]`; prints ratios and saves them."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.places import SCRATCH

RESULTS = Path(__file__).parent / "results"
REPEATS = 5  # of a query within one process; the first one pays for what is loaded late
MEASURES = {
    "NPL ratio by month and segment": "ratio",
    "every stock component by month and segment": "stock",
    "bridge of twelve months by segment": "bridge",
    "migration of the five classes with exits": "migration",
    "roll rates by month": "roll_rates",
    "vintages by quarter": "vintages",
    "concentration of borrowers": "concentration",
    "coverage by segment": "coverage",
    "all that the page of segments asks": "page",
}
BY_NOBODY_ELSE = ("page",)
PEERS = ("ours.live", "ours.first", "ours.next_month", "ours.again", "by_sql", "by_polars", "by_pandas")
FLOOR = "floor"  # reading the columns, which answers nothing
FLOORS = ("bridge", "migration", "roll_rates")
IMPORT = "import of a CSV"
# Million loan-months up to which pandas is run: beyond it holds more than the machine has.
PANDAS = {"ratio": 50, "stock": 50, "bridge": 50, "migration": 50, "roll_rates": 200, "vintages": 50}
PACKAGES = ("duckdb", "ibis-framework", "pandas", "polars", "pyarrow")


def cases(title: str, size: str) -> tuple[str, ...]:
    """What is compared under a title, ours first; without those that do not fit at this size."""
    if title == IMPORT:
        return ("imports.ours", "imports.sql", "imports.pandas")
    name = MEASURES[title]
    fits = float(size) <= PANDAS.get(name, float("inf"))
    peers = [peer for peer in PEERS if fits or peer != "by_pandas"] + ([FLOOR] if name in FLOORS else [])
    if name in BY_NOBODY_ELSE:
        peers = [peer for peer in peers if peer.startswith("ours")]
    return tuple(f"{peer}.{name}" for peer in peers)


def timed(case: str, size: str, repeats: int = 1) -> dict[str, Any]:
    """Run a case in a process of its own.

    Returns:
        `start_s` [s], from imports to a table that can be asked; `work_s` and `work_cpu_s` [s], the median of the
        repeats, and `first_s`, the first of them; `peak_mib` [MiB] of the whole process; `load`, of the machine
        before; `result`, the digest that its peers must print too.
    """
    load = os.getloadavg()[0]
    command = [sys.executable, "-m", "benchmarks.cases", case, size, str(repeats)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{case} at {size} million rows failed with status {status}")
    said = json.loads(printed.splitlines()[-1])
    return {
        "case": case,
        "size_million": float(size),
        "start_s": said["start_s"],
        "first_s": said["work_s"][0],
        "work_s": statistics.median(said["work_s"]),
        "work_cpu_s": statistics.median(said["work_cpu_s"]),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "load": round(load, 2),
        "result": said["result"],
    }


def rounds(chosen: tuple[str, ...], size: str, runs: int, repeats: int) -> list[dict[str, Any]]:
    """The median run of each case; the cases take turns, so that a busy minute falls on all of them."""
    measured = [[timed(case, size, repeats) for case in chosen] for _ in range(runs)]
    rows = []
    for turns in zip(*measured, strict=True):
        ordered = sorted(turns, key=lambda run: run["work_s"])
        rows.append(ordered[len(ordered) // 2] | {"runs": runs, "spread_s": [run["work_s"] for run in ordered]})
    return rows


def require_same(rows: list[dict[str, Any]]) -> None:
    """Refuse times of peers that did not answer the same."""
    answers = [row for row in rows if not row["case"].startswith(FLOOR)]
    if len({row["result"] for row in answers}) > 1:
        raise SystemExit("\n".join(["peers differ:", *(f"  {row['case']:24} {row['result']}" for row in answers)]))


def main() -> None:
    """Prepare the data, run every group at every size, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="5", help="million loan-months, comma-separated")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a group's name")
    options = parser.parse_args()
    SCRATCH.mkdir(exist_ok=True)
    for size in options.sizes.split(","):
        titles = [title for title in (*MEASURES, IMPORT) if options.only in title]
        prepared = {name: timed(f"preparation.{name}", size) for name in _preparation(titles)}
        for title in titles:
            _save(title, size, [prepared["classify_book"], *_group(title, size, options.runs)])


def _preparation(titles: list[str]) -> tuple[str, ...]:
    return ("prepare_book", *(["prepare_tape"] if IMPORT in titles else []), "classify_book", "warm_book")


def _group(title: str, size: str, runs: int) -> list[dict[str, Any]]:
    rows = rounds(cases(title, size), size, runs, 1 if title == IMPORT else REPEATS)
    print(f"\n{title}, {size} million loan-months")
    for row in rows:
        print(_line(row, rows[0]), flush=True)
    if title != IMPORT:
        require_same(rows)
    return rows


def _line(row: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    return (
        f"  {row['case']:26} {row['work_s']:>9.3f} s {row['work_cpu_s']:>9.2f} s cpu  {row['peak_mib']:>6} MiB  "
        f"ours/this {ours['work_s'] / row['work_s']:>6.2f}  load {row['load']:.1f}"
    )


def _save(title: str, size: str, rows: list[dict[str, Any]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "packages": {name: version(name) for name in PACKAGES},
        # Times of a machine that others used meanwhile only compare with each other.
        # More is waiting than we keep busy.
        "is_shared": max(row["load"] for row in rows) > (os.cpu_count() or 1),
    }
    name = f"{title.replace(' ', '_').lower()}_{size}m.json"
    (RESULTS / name).write_text(json.dumps({"title": title, "machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
