"""The demonstration book is built while one waits, and in the same memory whatever its size."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.book.store import open_book

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "wait4"), reason="this system does not tell the memory of a process that ended"),
]


def built(target: Path, *options: str) -> tuple[float, int]:
    """Seconds and most memory [bytes] of a build in a process of its own."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "analysis", "demo", "--into", str(target), *options])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - begun, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_the_default_book_is_built_in_half_a_minute(tmp_path: Path) -> None:
    seconds, _ = built(tmp_path / "demo")
    assert seconds < 30


def test_a_book_of_more_pieces_needs_no_more_memory(tmp_path: Path) -> None:
    _, one = built(tmp_path / "one", "--loans", "50000", "--months", "12")
    _, four = built(tmp_path / "four", "--loans", "200000", "--months", "12")
    assert len(open_book(tmp_path / "four").catalog.of("snapshots", open_book(tmp_path / "four").as_of)) == 4
    assert four < 1.15 * one
