"""Which crystals a task may learn from: none that shares its key with a crystal that is evaluated."""

import numpy as np
import pytest

from cloudkit.data import Crystals
from cloudkit.evaluate.task_data import split_task
from cloudkit.modelspec import FinetuneTask

ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"
CESIUM_CHLORIDE = "1 4 b O O O c O O O d O O O e O O O 0"
NACL = f"{ROCK_SALT} | Na 4a Cl 4b"
POLYMORPH = f"{CESIUM_CHLORIDE} | Na 1a Cl 1b"
KCL = f"{ROCK_SALT} | K 4a Cl 4b"
SWAPPED = f"{ROCK_SALT} | Na 4b Cl 4a"


def crystals(texts: list[str]) -> Crystals:
    none = np.empty(0)
    return Crystals(texts, texts, (), none.astype(np.int64), none.astype(np.int64), none, none)


def task(exclude: str, split: str = "random", held: float = 0.0) -> FinetuneTask:
    return FinetuneTask.model_validate(
        {
            "kind": "finetune", "head": "value", "data": {"builtin": "thermal"}, "exclude_shared": exclude,
            "split_by": split, "validation_fraction": held,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("exclude", "kept"),
    [("none", [0, 1, 2, 3]), ("string", [1, 2, 3]), ("composition", [1, 2]), ("formula", [2]), ("prototype", [1])],
)  # fmt: skip
def test_each_key_leaves_out_what_it_says(exclude: str, kept: list[int]) -> None:
    train, held = split_task(task(exclude), crystals([NACL, POLYMORPH, KCL, SWAPPED]), [NACL], seed=0)
    assert train.tolist() == kept
    assert not len(held)


def test_polymorphs_stay_on_one_side_of_the_split() -> None:
    texts = [NACL, POLYMORPH, KCL, SWAPPED]
    for seed in range(8):
        _, held = split_task(task("none", "formula", 0.3), crystals(texts), [], seed=seed)
        sides = np.isin([0, 1, 3], held)
        assert sides.all() or not sides.any()
