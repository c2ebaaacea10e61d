"""Fixtures of all tests: the folder of shared data, which the repository does not carry."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with development data: $CLOUDKIT_SHARED, or `shared` beside the repository; skips without it."""
    folder = Path(os.environ.get("CLOUDKIT_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data at {folder}; set CLOUDKIT_SHARED to the folder that holds data/")
    return folder
