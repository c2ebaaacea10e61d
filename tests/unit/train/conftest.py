"""A folder with a tiny spec and its data, and a way to read the spec."""

from pathlib import Path

import pytest

from cloudkit.modelspec import load_spec

from .train_examples import SPEC, MakeSpec, labels, write_csv


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with spec.yaml, train.csv (20 crystals) and test.csv (6 others)."""
    (tmp_path / "tiny.yaml").write_text(SPEC)
    write_csv(tmp_path / "train.csv", labels("train", 20))
    write_csv(tmp_path / "test.csv", labels("test", 6))
    return tmp_path


@pytest.fixture
def spec(project: Path) -> MakeSpec:
    """Read the spec of `project`, changed by texts such as "run.seed=3"."""
    return lambda *changes: load_spec(project / "tiny.yaml", changes)
