"""Fixtures that several test modules share."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from analysis.book.demo.build import build_demo

# A busy machine is no defect of the code. Under CI the examples are the same every time.
settings.register_profile(
    "house",
    settings.get_profile("ci" if "CI" in os.environ else "default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real loan data that is not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data folder {SHARED_DATA.parent.name}/{SHARED_DATA.name} is not beside the project")
    return SHARED_DATA


@pytest.fixture(scope="session")
def demo_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demonstration book in its default size; made once, whoever asks."""
    base = tmp_path_factory.getbasetemp()
    books = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo-books"
    with FileLock(books.with_suffix(".lock")):
        if not (books / "demo" / "catalog.json").is_file():
            shutil.rmtree(books, ignore_errors=True)
            build_demo(books / "demo")
    return books


@pytest.fixture
def in_demo_books(demo_books: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demonstration book is what the name "demo" opens."""
    monkeypatch.setenv("NPL_BOOKS", str(demo_books))
    return demo_books
