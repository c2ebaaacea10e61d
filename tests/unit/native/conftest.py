"""The C header as text."""

from pathlib import Path

import pytest

HEADER = Path(__file__).resolve().parents[3] / "csrc/include/cloudkit/scope.h"


@pytest.fixture(scope="session")
def repository_header() -> str:
    return HEADER.read_text("ascii")
