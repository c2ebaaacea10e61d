"""The data of a task, read as its spec says and split into crystals to train on and crystals to hold out.

A build reads its data here; an evaluation of its model later reads the same training rows here.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import (
    Crystals,
    Target,
    join_crystals,
    read_builtin,
    read_crystals,
    repeated_labels,
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
    GeometryHead,
    Head,
    PretrainTask,
    Spec,
    ThermalHead,
    heads_of,
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


def read_task_data(spec: Spec, data: Data) -> Crystals:
    """Read the rows of a task from all its tables: strings of the spec's dialect and labels per atom.

    Raises DataError naming file, row and column of an error.
    """
    limits, geometry = label_limits(spec, data), wants_geometry(spec, data)
    tables = [_read_table(spec, table, limits, geometry) for table in tables_of(data)]
    crystals = tables[0] if len(tables) == 1 else join_crystals(tables)
    name = " and ".join(_table_name(table) for table in tables_of(data))
    notes = tuple(f"{name}: {note}" for note in repeated_labels(crystals))
    return replace(crystals, notes=(*crystals.notes, *notes))


def _table_name(table: BuiltinData | FileData) -> str:
    return f"{table.builtin} {table.part}" if isinstance(table, BuiltinData) else Path(table.path).name


def wants_geometry(spec: Spec, data: Data) -> bool:
    """Whether a task with a geometry head reads this data."""
    names = [name for task in spec.tasks if task.data == data for name in heads_of(task)]
    return any(isinstance(spec.heads[name], GeometryHead) for name in names)


def label_limits(spec: Spec, data: Data) -> dict[str, float]:
    """The largest label per atom of each quantity that the heads reading this data allow."""
    return harmonic_limits(
        spec.heads[name] for task in spec.tasks if task.data == data for name in heads_of(task)
    )


def harmonic_limits(heads: Iterable[Head]) -> dict[str, float]:
    """The largest label per atom of each limited quantity: Cv of harmonic modes, where a thermal head reads it."""
    factors = [1 + head.tolerance for head in heads if isinstance(head, ThermalHead)]
    return {"heat_capacity": min(factors) * DULONG_PETIT} if factors else {}


def _read_table(
    spec: Spec, data: BuiltinData | FileData, limits: Mapping[str, float], geometry: bool
) -> Crystals:
    targets = [
        Target(**target.model_dump(), most=limits.get(target.quantity, math.inf)) for target in data.targets
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
        any_text=spec.tokens.vocabulary == "cloud",
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


def split_task(
    task: PretrainTask | FinetuneTask, texts: Sequence[str], evaluated: Sequence[str], seed: int
) -> tuple[Rows, Rows]:
    """Indices into `texts` of the crystals to train on and to hold out, both sorted.

    Crystals that share the task's `exclude_shared` with a string of `evaluated` are in neither. With a `split_by` other than
    random, all crystals of one group are on the same side. Raises DataError if `exclude_shared` leaves no crystals.
    """
    kept = np.arange(len(texts))
    if task.exclude_shared != "none":
        key = KEYS[task.exclude_shared]
        excluded = {key(text) for text in evaluated}
        kept = np.array(
            [index for index in kept.tolist() if key(texts[index]) not in excluded], dtype=np.int64
        )
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
