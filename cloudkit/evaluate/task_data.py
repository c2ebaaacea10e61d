"""The rows of a task as its spec says: read and checked, then divided into those to train on and those held out.

A build reads its data here, and an evaluation of the model the rows that the build learned from.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import (
    Crystals,
    Target,
    join_crystals,
    read_builtin,
    read_crystals,
    split_crystals,
    take_fraction,
    take_part,
)
from cloudkit.errors import DataError
from cloudkit.evaluate.leakage import composition_key, formula_key, prototype_key
from cloudkit.io import read_table
from cloudkit.modelspec import (
    BuiltinData,
    Data,
    FileData,
    FinetuneTask,
    Head,
    PretrainTask,
    Spec,
    ThermalHead,
    tables_of,
)
from cloudkit.units import DULONG_PETIT

Rows = NDArray[np.int64]
KEYS: Final[dict[str, Callable[[str], str]]] = {
    "string": str,
    "composition": composition_key,
    "formula": formula_key,
    "prototype": prototype_key,
}


def read_rows(
    spec: Spec,
    data: Data,
    *,
    most: Mapping[str, float] | None = None,
    any_text: bool = False,
    geometry: bool = False,
) -> Crystals:
    """The rows of a task, of all its tables; DataError names file, row and column of what is wrong.

    most: the largest label per atom of a quantity. any_text, geometry: as in `read_crystals`.
    """
    tables = [_read_table(spec, table, most or {}, any_text, geometry) for table in tables_of(data)]
    return tables[0] if len(tables) == 1 else join_crystals(tables)


def harmonic_limits(heads: Iterable[Head]) -> dict[str, float]:
    """The largest label per atom of each quantity that has one: Cv of harmonic modes, where a thermal head reads it."""
    shares = [1 + head.tolerance for head in heads if isinstance(head, ThermalHead)]
    return {"heat_capacity": min(shares) * DULONG_PETIT} if shares else {}


def _read_table(
    spec: Spec, data: BuiltinData | FileData, most: Mapping[str, float], any_text: bool, geometry: bool
) -> Crystals:
    targets = [
        Target(**target.model_dump(), most=most.get(target.quantity, math.inf)) for target in data.targets
    ]
    dialect = spec.tokens.dialect
    if isinstance(data, BuiltinData):
        table, text, id, n_atoms = read_builtin(data.builtin, data.part), "scope", "id", "n_atoms"
        table = take_fraction(table, text, data.fraction)
        source = "teacher" if data.builtin == "phonons" else None
        read = read_crystals(
            table, text=text, id=id, n_atoms=n_atoms, targets=targets, dialect=dialect, source=source
        )
        return _of_source(read, data.source)
    table = take_part(read_table(data.path), data.part, spec.folds)
    read = read_crystals(
        take_fraction(table, data.columns.structure or data.columns.text, data.fraction),
        text=data.columns.text,
        id=data.columns.id,
        n_atoms=data.columns.n_atoms,
        targets=targets,
        dialect=dialect,
        any_text=any_text,
        structure=data.columns.structure,
        geometry=geometry,
        source=data.columns.source,
    )
    return _of_source(read, data.source)


def _of_source(crystals: Crystals, name: str) -> Crystals:
    """All labels as of one source, where the spec names it."""
    if not name:
        return crystals
    return replace(crystals, sources=(name,), source=np.zeros(len(crystals.crystal), np.int64))


def task_rows(
    task: PretrainTask | FinetuneTask, texts: Sequence[str], evaluated: Sequence[str], seed: int
) -> tuple[Rows, Rows]:
    """Crystals (indices into `texts`) to train on and to hold out, both sorted.

    Those that share the task's `exclude_shared` with a string of `evaluated` are in neither. With a `split_by` other than random, all
    crystals of one group are on one side. Raises DataError where `exclude_shared` leaves none.
    """
    kept = np.arange(len(texts))
    if task.exclude_shared != "none":
        key = KEYS[task.exclude_shared]
        closed = {key(text) for text in evaluated}
        kept = np.array([index for index in kept.tolist() if key(texts[index]) not in closed], dtype=np.int64)
    if not len(kept):
        raise DataError(
            f"exclude_shared = {task.exclude_shared} leaves none of the {len(texts)} crystals to {task.kind} on: each shares its {task.exclude_shared} with a "
            "crystal of an evaluate task; give the task other rows, or a narrower exclude_shared"
        )
    if task.split_by == "random" or not task.validation_fraction:
        train, valid = split_crystals(len(kept), task.validation_fraction, seed)
        return kept[train], kept[valid]
    groups = [KEYS[task.split_by](texts[index]) for index in kept.tolist()]
    names, of = np.unique(groups, return_inverse=True)
    order = np.random.default_rng([seed, len(kept)]).permutation(len(names))
    sizes = np.bincount(of)[order]
    wanted = max(1, round(task.validation_fraction * len(kept)))
    chosen = order[: max(1, int(np.searchsorted(np.cumsum(sizes), wanted, side="left")) + 1)]
    chosen = chosen[: len(names) - 1]
    held = np.isin(of, chosen)
    return kept[~held], kept[held]
