"""Are the same tests found by every process that looks for them? Parallel runs depend on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_every_process_finds_the_same_tests() -> None:
    first, second = (found(seed) for seed in ("1", "2"))
    assert len(first) > 2000
    assert [name for name in first if name not in set(second)] == []
    assert first == second


def found(seed: str) -> list[str]:
    """Names of all tests, as a process with another order of hashes, seconds later, finds them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed}
    )
    return [line for line in done.stdout.splitlines() if "::" in line]
