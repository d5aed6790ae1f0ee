"""Run the benchmark: `python -m benchmarks.run [--sizes 5,50] [--runs 3]`; prints ratios and saves them."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.cases import SCRATCH

RESULTS = Path(__file__).parent / "results"
GROUPS = {
    "NPL ratio by month and segment": ("ratio_ours", "ratio_sql", "ratio_pandas"),
    "every stock component by month and segment": ("all_ours", "all_sql"),
    "import of a CSV": ("import_ours", "import_sql", "import_pandas"),
}


def timed(case: str, size: str) -> dict[str, object]:
    """Run a case in a process of its own; wall and processor seconds, peak memory [MiB], what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.cases", case, size], stdout=subprocess.PIPE, text=True
    )
    printed = process.stdout.read().strip() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{case} at {size} million rows failed with status {status}")
    return {
        "case": case,
        "size_million": float(size),
        "wall_s": round(time.perf_counter() - start, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "result": printed,
    }


def median_of(case: str, size: str, runs: int) -> dict[str, object]:
    """The run with the median wall time."""
    measured = sorted((timed(case, size) for _ in range(runs)), key=lambda run: float(str(run["wall_s"])))
    return measured[len(measured) // 2] | {"runs": runs, "spread_s": [run["wall_s"] for run in measured]}


def main() -> None:
    """Prepare the data, run every group at every size, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="5", help="million loan-months, comma-separated")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a group's name")
    options = parser.parse_args()
    SCRATCH.mkdir(exist_ok=True)
    rows: list[dict[str, object]] = []
    for size in options.sizes.split(","):
        rows += [timed("prepare_book", size), timed("prepare_tape", size), timed("classify_book", size)]
        for title, cases in GROUPS.items():
            if options.only in title:
                rows += _group(title, cases, size, options.runs)
    _save(rows, options.sizes)


def _group(title: str, cases: tuple[str, ...], size: str, runs: int) -> list[dict[str, object]]:
    rows = [median_of(case, size, runs if "import" not in title else 1) for case in cases]
    ours = float(str(rows[0]["wall_s"]))
    print(f"\n{title}, {size} million loan-months")
    for row in rows:
        ratio = ours / max(float(str(row["wall_s"])), 1e-9)
        print(
            f"  {row['case']:14} {row['wall_s']:>8} s  {row['cpu_s']:>8} s cpu  {row['peak_mib']:>7} MiB  "
            f"ours/this {ratio:.2f}  = {row['result']}"
        )
    return [row | {"group": title} for row in rows]


def _save(rows: list[dict[str, object]], sizes: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system()}
    content = {"machine": machine, "rows": rows}
    name = f"stock_and_import_{sizes.replace(',', '_')}m.json"
    (RESULTS / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
