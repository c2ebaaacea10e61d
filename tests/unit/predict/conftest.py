from pathlib import Path

import pytest
import torch

from .predict_examples import make_model


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def thermal_folder(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "thermal")


@pytest.fixture(scope="session")
def reduced_folder(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "reduced", dialect="reduced")


@pytest.fixture(scope="session")
def gap_folder(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "gap", head="gap")
