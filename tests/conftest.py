"""Fixtures of all tests: the folder of shared data, which the repository does not carry; and what is left out without torch."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent
TORCH = find_spec("torch") is not None
NEED_TORCH = (
    *(
        "end_to_end",
        "kernels",
        "documentation/test_pages.py",
        "unit/evaluate",
        "unit/models",
        "unit/predict",
        "unit/report",
        "unit/train",
    ),
    *(
        "laws/test_thermal_modes.py",
        "unit/cli/test_cli_bad_inputs.py",
        "unit/cli/test_cli_convert.py",
        "unit/cli/test_cli_models.py",
    ),
)
collect_ignore = [] if TORCH else [str(TESTS / name) for name in NEED_TORCH]


def pytest_report_header() -> str | None:
    """Which tests are left out, said at the top of the run."""
    return None if TORCH else f"the core suite, no torch here; left out: {', '.join(NEED_TORCH)}"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with development data: $CLOUDKIT_SHARED, or `shared` next to the repository; skips without it."""
    folder = Path(os.environ.get("CLOUDKIT_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data at {folder}; set CLOUDKIT_SHARED to the folder that holds data/")
    return folder
