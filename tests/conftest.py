"""Fixtures that several test modules share."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real loan data that is not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data folder {SHARED_DATA.parent.name}/{SHARED_DATA.name} is not beside the project")
    return SHARED_DATA
