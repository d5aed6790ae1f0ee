"""What a user installs is what the project says it needs, by pip and by conda."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENGINES_LOCK = (ROOT / "engines.lock").read_text(encoding="utf-8")
PINNED = r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)"
CUSTOMER = {"jupyterlab", "pandas", "matplotlib", "seaborn", "statsmodels", "papermill", "nbval"}

# conda-forge's names for the Python bindings of two libraries.
CONDA_NAMES = {"brotli-python": "brotli", "python-duckdb": "duckdb"}


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _conda() -> list[object]:
    return list(yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"])


def _plain(requirement: str) -> str:
    plain = re.sub(r"\[.*?\]", "", requirement).lower()
    return next((plain.replace(conda, pip) for conda, pip in CONDA_NAMES.items() if plain.startswith(conda)), plain)


def test_conda_names_every_direct_dependency_with_the_same_bounds() -> None:
    named = {_plain(str(entry)) for entry in _conda() if isinstance(entry, str)}
    wanted = {_plain(requirement) for requirement in PROJECT["dependencies"]}
    assert wanted
    assert wanted - named == set()


def test_conda_names_nothing_that_the_project_does_not() -> None:
    optional = {_plain(r) for extra in PROJECT["optional-dependencies"].values() for r in extra}
    allowed = {_plain(r) for r in PROJECT["dependencies"]} | optional | {"pip", f"python{PROJECT['requires-python']}"}
    assert {_plain(str(entry)) for entry in _conda() if isinstance(entry, str)} - allowed == set()


def test_conda_installs_the_project_itself() -> None:
    pip = [entry["pip"] for entry in _conda() if isinstance(entry, dict)]
    assert pip == [["-e ."]]


def test_the_customers_packages_are_dependencies() -> None:
    assert {_name(requirement) for requirement in PROJECT["dependencies"]} >= CUSTOMER


def test_the_lock_pins_every_direct_dependency_with_hashes() -> None:
    pinned = dict(re.findall(PINNED, LOCK, flags=re.MULTILINE))
    direct = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    assert {_name(requirement) for requirement in direct} - set(pinned) == set()
    assert LOCK.count("--hash=sha256:") > len(pinned)


def test_the_locks_hold_no_address() -> None:
    assert not re.search(r"https?://|--index-url|--find-links|file:", LOCK + ENGINES_LOCK)


def test_the_engines_lock_pins_what_the_extras_add_with_hashes() -> None:
    pinned = dict(re.findall(PINNED, ENGINES_LOCK, flags=re.MULTILINE))
    both = pinned | dict(re.findall(PINNED, LOCK, flags=re.MULTILINE))
    extras = [one for name in ("postgres", "spark") for one in PROJECT["optional-dependencies"][name]]
    assert {_name(requirement) for requirement in extras} - set(both) == set()
    assert pinned["psycopg-binary"] == both["psycopg"]
    assert {"pyspark", "py4j"} <= set(pinned)
    assert set(pinned).isdisjoint(dict(re.findall(PINNED, LOCK, flags=re.MULTILINE)))
    assert ENGINES_LOCK.count("--hash=sha256:") >= len(pinned)


def test_there_are_the_three_extras() -> None:
    assert set(PROJECT["optional-dependencies"]) == {"postgres", "spark", "dev"}
