"""Run the benchmark: `python -m benchmarks.run [--sizes 5,50] [--runs 3]`; prints ratios and saves them."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.cases import SCRATCH

RESULTS = Path(__file__).parent / "results"
REPEATS = 5  # of a query within one process; the first one pays for what is loaded late
GROUPS = {
    "NPL ratio by month and segment": ("ratio_ours", "ratio_sql", "ratio_pandas"),
    "every stock component by month and segment": ("all_ours", "all_sql", "all_pandas"),
    "import of a CSV": ("import_ours", "import_sql", "import_pandas"),
}


def timed(case: str, size: str, repeats: int = 1) -> dict[str, Any]:
    """Run a case in a process of its own.

    Returns:
        `start_s` [s], from imports to a table that can be asked; `work_s` [s], the median of the
        repeats, and `first_s`, the first of them; `cpu_s` [s] and `peak_mib` [MiB] of the whole
        process; `result`, the digest that its peers must print too.
    """
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
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "result": said["result"],
    }


def rounds(cases: tuple[str, ...], size: str, runs: int, repeats: int) -> list[dict[str, Any]]:
    """The median run of each case; the cases take turns, so that a busy minute falls on all of them."""
    measured = [[timed(case, size, repeats) for case in cases] for _ in range(runs)]
    rows = []
    for turns in zip(*measured, strict=True):
        ordered = sorted(turns, key=lambda run: run["work_s"])
        rows.append(ordered[len(ordered) // 2] | {"runs": runs, "spread_s": [run["work_s"] for run in ordered]})
    return rows


def main() -> None:
    """Prepare the data, run every group at every size, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="5", help="million loan-months, comma-separated")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a group's name")
    options = parser.parse_args()
    SCRATCH.mkdir(exist_ok=True)
    for size in options.sizes.split(","):
        prepared = [timed(case, size) for case in ("prepare_book", "prepare_tape", "classify_book", "warm_book")]
        for title, cases in GROUPS.items():
            if options.only in title:
                _save(title, size, prepared[2:3] + _group(title, cases, size, options.runs))


def _group(title: str, cases: tuple[str, ...], size: str, runs: int) -> list[dict[str, Any]]:
    rows = rounds(cases, size, runs, 1 if "import" in title else REPEATS)
    print(f"\n{title}, {size} million loan-months")
    for row in rows:
        print(
            f"  {row['case']:14} {row['work_s']:>9.3f} s  start {row['start_s']:>5} s  {row['cpu_s']:>8} s cpu  "
            f"{row['peak_mib']:>6} MiB  ours/this {rows[0]['work_s'] / row['work_s']:.2f}  = {row['result']}"
        )
    return rows


def _save(title: str, size: str, rows: list[dict[str, Any]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system()}
    name = f"{title.replace(' ', '_').lower()}_{size}m.json"
    (RESULTS / name).write_text(json.dumps({"title": title, "machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
