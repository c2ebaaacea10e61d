"""Which crystals of a task are trained on and which are held out, apart from each other and from what is evaluated."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import split_crystals
from cloudkit.modelspec import FinetuneTask, PretrainTask
from cloudkit.property.leakage import composition_key, prototype_key

Rows = NDArray[np.int64]
KEYS: Final[dict[str, Callable[[str], str]]] = {
    "string": str,
    "composition": composition_key,
    "prototype": prototype_key,
}


def task_rows(
    task: PretrainTask | FinetuneTask, texts: Sequence[str], evaluated: Sequence[str], seed: int
) -> tuple[Rows, Rows]:
    """Crystals (indices into `texts`) to train on and to hold out, both sorted.

    Those that share the task's `apart` with a string of `evaluated` are in neither. With a `split` other than random, all
    crystals of one group are on one side.
    """
    kept = np.arange(len(texts))
    if task.apart != "none":
        key = KEYS[task.apart]
        closed = {key(text) for text in evaluated}
        kept = np.array([index for index in kept.tolist() if key(texts[index]) not in closed], dtype=np.int64)
    if task.split == "random" or not task.valid:
        train, valid = split_crystals(len(kept), task.valid, seed)
        return kept[train], kept[valid]
    groups = [KEYS[task.split](texts[index]) for index in kept.tolist()]
    names, of = np.unique(groups, return_inverse=True)
    order = np.random.default_rng([seed, len(kept)]).permutation(len(names))
    sizes = np.bincount(of)[order]
    wanted = max(1, round(task.valid * len(kept)))
    chosen = order[: max(1, int(np.searchsorted(np.cumsum(sizes), wanted, side="left")) + 1)]
    chosen = chosen[: len(names) - 1]
    held = np.isin(of, chosen)
    return kept[~held], kept[held]
