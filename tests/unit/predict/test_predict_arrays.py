"""Arrays and trees of a model folder that came from a stranger: refused in words, never hung upon, never swallowed whole."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from cloudkit.errors import ModelError
from cloudkit.evaluate.leakage import SEEN, load_seen
from cloudkit.predict.arrays import read_arrays
from cloudkit.predict.ensembles import Blend, fit_forest
from cloudkit.predict.features import features

ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"
TEXTS = [f"{ROCK_SALT} | {a} 4a {b} 4b" for a in ("Li", "Na", "K", "Rb") for b in ("F", "Cl", "Br")]


@pytest.fixture
def trees_file(tmp_path: Path) -> Path:
    """Sound trees in a file."""
    forest = fit_forest("extra_trees", features(TEXTS), np.arange(12.0), seed=0)
    Blend(np.array([0.5]), (forest,)).save(tmp_path / "trees.npz")
    return tmp_path / "trees.npz"


@pytest.mark.parametrize("kind", ["extra_trees", "boosted_trees"])
def test_trees_are_the_same_in_every_unit(kind: str) -> None:
    known, value = np.tile(features(TEXTS), (5, 1)), np.tile(np.arange(12.0), 5)
    plain, small = (fit_forest(kind, known, unit * value, seed=0) for unit in (1.0, 1e-13))
    assert np.ptp(plain.predict(known)) > 5
    assert small.predict(known) == pytest.approx(1e-13 * plain.predict(known), rel=1e-5, abs=1e-19)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("right.0", 0),  # a branch that leads back to the root never ends
        ("right.0", 10**6),
        ("feature.0", 30_000),
        ("roots.0", -(10**6)),
    ],
)
def test_nodes_that_form_no_trees_are_refused(trees_file: Path, name: str, value: int) -> None:
    arrays = read_arrays(trees_file)
    assert Blend.load(trees_file).share.tolist() == [0.5]
    arrays[name][:] = value
    np.savez(trees_file, **arrays)
    with pytest.raises(ModelError, match="invalid nodes"):
        Blend.load(trees_file)


def test_what_lacks_an_array_or_a_pair_of_ends_is_refused(trees_file: Path) -> None:
    arrays = read_arrays(trees_file)
    np.savez(trees_file, **{name: array for name, array in arrays.items() if name != "number.0"})
    with pytest.raises(ModelError, match="does not hold trees"):
        Blend.load(trees_file)
    np.savez(trees_file, **(arrays | {"right.0": arrays["right.0"][:-1]}))
    with pytest.raises(ModelError, match="does not hold trees"):
        Blend.load(trees_file)


def test_pickles_and_bombs_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / SEEN, strings=np.array([{"a": 1}], dtype=object), compositions=np.empty(0))
    with pytest.raises(ModelError, match=r"cannot read .*seen\.npz"):
        load_seen(tmp_path)
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("strings.npy", "w") as file,
    ):
        for _ in range(1100):
            file.write(bytes(1_000_000))
    with pytest.raises(ModelError, match=r"holds 1\.1 GB of arrays; at most"):
        read_arrays(tmp_path / "bomb.npz")
    np.savez(tmp_path / SEEN, strings=np.empty(0, np.uint64))
    with pytest.raises(ModelError, match="does not list strings and compositions"):
        load_seen(tmp_path)
