"""The project's tasks in plain Python, for machines with or without make: `python make.py TASK`."""

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "installed.sha256"
ENGINES_STAMP = VENV / "engines.sha256"


def main(arguments: list[str]) -> int:
    """Run one task; the others are listed."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    task = TASKS.get(name)
    if task is None:
        known = "\n".join(f"  {known:10} {(t.__doc__ or '').splitlines()[0]}" for known, t in TASKS.items())
        sys.stderr.write(f"usage: python make.py TASK\n{known}\n")
        return 0 if name in {"help", "-h", "--help"} else 2
    return task(rest)


def install(_: list[str]) -> int:
    """Install what the lock file names into .venv, once."""
    if sys.version_info < (3, 11):  # noqa: UP036  (this file runs before anything checks the version)
        sys.stderr.write(f"Python must be 3.11 or newer, was {sys.version.split()[0]}; run with a newer python3.\n")
        return 2
    wanted = _digest("requirements.lock", "pyproject.toml")
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return 0
    sys.stderr.write("Installing into .venv (a minute or two, once) …\n")
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True)
    _pip("--require-hashes", "-r", "requirements.lock")
    _pip("--no-build-isolation", "--no-deps", "-e", ".")
    STAMP.write_text(wanted)
    return 0


def engines(_: list[str]) -> int:
    """Install what reaches PostgreSQL and Spark as well; without it their tests skip."""
    if status := install([]):
        return status
    wanted = _digest("engines.lock")
    if not ENGINES_STAMP.exists() or ENGINES_STAMP.read_text() != wanted:
        _pip("--require-hashes", "--no-deps", "-r", "engines.lock")
        ENGINES_STAMP.write_text(wanted)
    return 0


def report(arguments: list[str]) -> int:
    """Render the latest period of the demonstration book, in Chinese and English."""
    books = Path(os.environ.get("NPL_BOOKS") or ROOT / "data" / "books")
    if not (books / "demo" / "catalog.json").is_file() and (status := _npl("demo")):
        return status
    return _npl("report", *(arguments or ["--book", "demo", "--lang", "both"]))


def test(arguments: list[str]) -> int:
    """Check style, types and layers, and run the tests that take no more than minutes."""
    quick = ["-n", "2", "--dist", "loadscope", "-m", "not slow and not browser"]
    return lint([]) or _python("-m", "pytest", *(arguments or quick))


def lint(_: list[str]) -> int:
    """Check style, types, spelling and the one-way data flow."""
    checks = (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports",),
        ("codespell",),
    )
    for check in checks:
        if status := _run(str(BIN / check[0]), *check[1:]):
            return status
    return 0


def slow(arguments: list[str]) -> int:
    """Run the slower suites: large tapes, fuzzing at length, browser."""
    return _python("-m", "pytest", "-m", "slow or browser", *arguments)


def lab(arguments: list[str]) -> int:
    """Open JupyterLab on the notebooks."""
    return _run(str(BIN / "jupyter"), "lab", "--notebook-dir", "notebooks", *arguments)


def bench(arguments: list[str]) -> int:
    """Time import and measures against pandas and hand-written SQL, in one run."""
    return _python("-m", "benchmarks.run", *arguments)


TASKS: dict[str, Callable[[list[str]], int]] = {
    "install": install,
    "engines": engines,
    "report": report,
    "test": test,
    "lint": lint,
    "slow": slow,
    "lab": lab,
    "bench": bench,
}


def _npl(*arguments: str) -> int:
    return _python("-m", "analysis", *arguments)


def _python(*arguments: str) -> int:
    return install([]) or _run(str(PYTHON), *arguments)


def _pip(*arguments: str) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)


def _run(*command: str) -> int:
    if command[0] != str(PYTHON) and (status := install([])):
        return status
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _digest(*names: str) -> str:
    return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in names)).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
