"""A folder with the spec `RICH` and its data files, and a reader of problems."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cloudkit.errors import SpecError
from cloudkit.modelspec import parse_spec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cv.csv", "g.csv", "gap.csv", "metals.csv"):
        (tmp_path / name).touch()  # columns are not checked in an empty file
    return tmp_path


@pytest.fixture
def problems(folder: Path) -> Callable[..., list[str]]:
    """text, overrides -> what is wrong, as the user reads it (files named m.yaml)."""

    def read(text: str, overrides: Sequence[str] = ()) -> list[str]:
        with pytest.raises(SpecError) as caught:
            parse_spec(text, "m.yaml", folder, overrides)
        return [str(problem) for problem in caught.value.problems]

    return read
