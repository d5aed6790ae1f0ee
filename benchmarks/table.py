"""Print the saved results as a table: `python -m benchmarks.table [--sizes 5,50,200]`."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.run import IMPORT, MEASURES, PEERS, RESULTS

Rows = Mapping[str, Mapping[str, Any]]
NAMES = {
    "ours.live": "nothing kept",
    "ours.first": "first time",
    "ours.next_month": "next month",
    "ours.again": "again",
    "by_sql": "SQL",
    "by_polars": "Polars",
    "by_pandas": "pandas",
    "floor": "reading",
}


def saved(title: str, size: str, folder: Path = RESULTS) -> Rows:
    """Rows of a result by peer; none if it was not measured."""
    path = folder / f"{title.replace(' ', '_').lower()}_{size}m.json"
    if not path.is_file():
        return {}
    rows = json.loads(path.read_text())["rows"]
    return {row["case"].rpartition(".")[0]: row for row in rows if row["case"] != "preparation.classify_book"}


def markdown(sizes: Iterable[str], folder: Path = RESULTS) -> str:
    """One row is a measure at a size: seconds of each peer, and the peak memory of ours [GiB]."""
    head = f"| measure, million loan-months | {' | '.join(NAMES.values())} | peak of ours |"
    lines = [head, f"|---|{'---:|' * (len(NAMES) + 1)}"]
    found = [(title, size, saved(title, size, folder)) for title in MEASURES for size in sizes]
    lines += [_row(f"{title}, {size}", rows) for title, size, rows in found if rows]
    return "\n".join(lines)


def growth(small: Rows, large: Rows, peer: str) -> float:
    """Times as long, by times as many rows: 1 is linear, below 1 better."""
    rows = large[peer]["size_million"] / small[peer]["size_million"]
    return float(large[peer]["work_s"] / small[peer]["work_s"] / rows)


def _row(name: str, rows: Rows) -> str:
    return f"| {name} | {' | '.join(_seconds(rows.get(peer)) for peer in NAMES)} | {_peak(rows)} |"


def _seconds(row: Mapping[str, Any] | None) -> str:
    return "—" if row is None else f"{row['work_s']:.2f} s"


def _peak(rows: Rows) -> str:
    return f"{max(row['peak_mib'] for peer, row in rows.items() if peer.startswith('ours')) / 1024:.1f} GiB"


def main() -> None:
    """Print the table, then how time grows from the smallest to the largest size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="5,50,200")
    sizes = parser.parse_args(sys.argv[1:]).sizes.split(",")
    print(markdown(sizes))
    for title in (*MEASURES, IMPORT) if len(sizes) > 1 else ():
        small, large = saved(title, sizes[0]), saved(title, sizes[-1])
        for peer in PEERS:
            if peer in small and peer in large:
                print(f"{title}, {NAMES[peer]}: time grows {growth(small, large, peer):.2f} times as fast as rows")


if __name__ == "__main__":
    main()
