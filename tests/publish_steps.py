"""Publish over a published report, killed before its first, second, third … change of the disk; print what is left."""

import json
import os
import shutil
import sys
from pathlib import Path

from analysis.reports import exchange
from analysis.reports.places import Place
from analysis.reports.publish import Edition, publish_edition, report_lock, sweep

PLACE = Place(notebook="30_tiny", as_of="2026-06-30")
CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "shutil.rmtree", "ctypes.dlsym"}


def edition(run: str) -> Edition:
    public = dict.fromkeys(("manifest.json", "report.en.html", "report.zh.html"), f"{run}\n")
    return Edition(run=run, public=public, private={"log.txt": run})


def publish(root: Path, run: str) -> None:
    with report_lock(root, PLACE.notebook):
        sweep(root, PLACE.notebook)
        publish_edition(root, PLACE, edition(run))


def killed_at(root: Path, step: int) -> int:
    """Exit code of a process that publishes and is killed at a step; 0 if it ended before."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    seen = 0

    def die(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        is_change = event in CHANGES and not (event == "open" and arguments[1] in {"r", "rb"})
        seen += is_change
        if seen == step and is_change:
            os._exit(9)

    sys.addaudithook(die)
    publish(root, "new")
    os._exit(0)


def left(root: Path) -> str:
    """What a reader finds: "old", "new", "gone", or the mixture."""
    folder = PLACE.path(root)
    names = edition("").public
    found = {(folder / name).read_text().strip() if (folder / name).is_file() else "gone" for name in names}
    return "+".join(sorted(found))


def main(folder: Path, way: str) -> None:
    if way == "renames":
        exchange.exchange = lambda _one, _other: False
    steps = []
    for step in range(1, 1000):
        root = folder / str(step)
        publish(root, "old")
        code = killed_at(root, step)
        at_once = left(root)
        with report_lock(root, PLACE.notebook):
            sweep(root, PLACE.notebook)
        mended, staged = left(root), len(list((root / "_staging").iterdir()))
        pointer = root / PLACE.notebook / "latest.json"
        latest = json.loads(pointer.read_text())["folder"] if pointer.is_file() else ""
        publish(root, "newest")
        runs = sorted(path.name for path in (PLACE.path(root) / "runs").iterdir())
        found = {"at_once": at_once, "mended": mended, "staged": staged, "latest": latest}
        steps.append(found | {"then": left(root), "runs": runs})
        shutil.rmtree(root)
        if code == 0:
            break
    sys.stdout.write(json.dumps(steps))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
