"""Reading the data of a task, and splitting it into training and held-out crystals.

Used by builds, and by evaluations of their models, which read the same training rows again.
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
    read_strata,
    repeated_labels,
    split_crystals,
    take_fraction,
    take_part,
    take_where,
)
from cloudkit.data.reading import find_crystals
from cloudkit.errors import DataError
from cloudkit.evaluate.leakage import composition_key, formula_key, prototype_key
from cloudkit.io import Table, read_table
from cloudkit.modelspec import (
    BuiltinData,
    ClassificationHead,
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
from cloudkit.modelspec import Target as SpecTarget
from cloudkit.units import DULONG_PETIT

Rows = NDArray[np.int64]
# held-out crystals of the first source; with fewer, intervals and thresholds use all sources
MIN_HELD_OUT: Final = 5
GROUP_KEYS: Final[dict[str, Callable[[str], str]]] = {
    "string": str,
    "composition": composition_key,
    "formula": formula_key,
    "prototype": prototype_key,
}


def read_task_data(spec: Spec, data: Data) -> Crystals:
    """Read the rows of a task from all its tables: strings of the spec's dialect and labels per atom.

    Raises DataError naming file, row and column.
    """
    limits, geometry = label_limits(spec, data), wants_geometry(spec, data)
    classes = label_classes(spec, data)
    tables = [_read_table(spec, table, limits, classes, geometry) for table in tables_of(data)]
    crystals = tables[0] if len(tables) == 1 else join_crystals(tables)
    name = " and ".join(_table_name(table) for table in tables_of(data))
    notes = tuple(f"{name}: {note}" for note in repeated_labels(crystals))
    return replace(crystals, notes=(*crystals.notes, *notes))


def _table_name(table: BuiltinData | FileData) -> str:
    return f"{table.builtin} {table.part}" if isinstance(table, BuiltinData) else Path(table.path).name


def wants_geometry(spec: Spec, data: Data) -> bool:
    """Return whether a task with a geometry head reads this data."""
    names = [name for task in spec.tasks if task.data == data for name in heads_of(task)]
    return any(isinstance(spec.heads[name], GeometryHead) for name in names)


def label_classes(spec: Spec, data: Data) -> dict[str, tuple[str, ...]]:
    """Return the classes of each quantity that heads classify from this data."""
    return classes_of(spec.heads[name] for task in spec.tasks if task.data == data for name in heads_of(task))


def classes_of(heads: Iterable[Head]) -> dict[str, tuple[str, ...]]:
    """Return the classes of each quantity that is classified."""
    return {head.output: tuple(head.classes) for head in heads if isinstance(head, ClassificationHead)}


def label_limits(spec: Spec, data: Data) -> dict[str, float]:
    """Return the largest label per atom of each quantity that heads accept from this data."""
    return harmonic_limits(
        spec.heads[name] for task in spec.tasks if task.data == data for name in heads_of(task)
    )


def harmonic_limits(heads: Iterable[Head]) -> dict[str, float]:
    """Return the largest label per atom of each limited quantity: harmonic Cv, for thermal heads."""
    factors = [1 + head.tolerance for head in heads if isinstance(head, ThermalHead)]
    return {"heat_capacity": min(factors) * DULONG_PETIT} if factors else {}


def as_target(target: SpecTarget, classes: Mapping[str, tuple[str, ...]], most: float = math.inf) -> Target:
    """Convert a target of a spec to that of `read_crystals`."""
    cuts = tuple(target.cuts)
    keys = target.model_dump(exclude={"cuts"})
    return Target(**keys, most=most, classes=classes.get(target.quantity, ()), cuts=cuts)


def _read_table(
    spec: Spec,
    data: BuiltinData | FileData,
    limits: Mapping[str, float],
    classes: Mapping[str, tuple[str, ...]],
    geometry: bool,
) -> Crystals:
    targets = [as_target(target, classes, limits.get(target.quantity, math.inf)) for target in data.targets]
    dialect = spec.tokens.dialect
    if isinstance(data, BuiltinData):
        table, text, id, n_atoms = read_builtin(data.builtin, data.part), "scope", "id", "n_atoms"
        table = take_fraction(take_where(table, data.where), text, data.fraction)
        source = "teacher" if data.builtin == "phonons" else None
        read = read_crystals(
            table, text=text, id=id, n_atoms=n_atoms, targets=targets, dialect=dialect, source=source
        )
        return _of_source(read, data.source)
    whole = read_table(data.path)
    strata = _strata(whole, targets) if spec.folds and spec.folds.stratified else None
    table = take_where(take_part(whole, data.part, spec.folds, strata), data.where)
    column = find_crystals(table, data.columns.text, data.columns.structure)
    read = read_crystals(
        take_fraction(table, column.name or next(iter(table.columns)), data.fraction),
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


def _strata(table: Table, targets: Sequence[Target]) -> Rows | None:
    """Return the class of each row, by the first target with classes."""
    first = next((target for target in targets if target.classes), None)
    return None if first is None else read_strata(table, first.column, first.classes, first.cuts)


def _of_source(crystals: Crystals, name: str) -> Crystals:
    """Assign all labels to one source, if the spec names it."""
    if not name:
        return crystals
    return replace(crystals, sources=(name,), source=np.zeros(len(crystals.crystal), np.int64))


def split_members(
    task: PretrainTask | FinetuneTask, crystals: Crystals, evaluated: Sequence[str], seed: int
) -> list[tuple[Rows, Rows]]:
    """Split once for all networks of a task, or once per member if members of an ensemble hold out different crystals."""
    ensemble = task.ensemble if isinstance(task, FinetuneTask) else None
    count = ensemble.members if ensemble and ensemble.validation == "different" else 1
    return [split_task(task, crystals, evaluated, seed, part) for part in range(count)]


def join_splits(splits: Sequence[tuple[Rows, Rows]]) -> tuple[Rows, Rows]:
    """Return the crystals that any member is trained on, and those that all hold out, both sorted."""
    train = np.unique(np.concatenate([train for train, _ in splits]))
    return train, np.setdiff1d(np.concatenate([held_out for _, held_out in splits]), train)


def split_task(
    task: PretrainTask | FinetuneTask,
    crystals: Crystals,
    evaluated: Sequence[str],
    seed: int,
    which: int = 0,
) -> tuple[Rows, Rows]:
    """Return the sorted indices of training and held-out crystals; for classes, the split is stratified.

    Crystals that share the task's `exclude_shared` with a string of `evaluated` are in neither. With `split_by` other than random,
    all crystals of a group are on the same side. which: index of the consecutive part that is held out. Raises DataError if
    `exclude_shared` leaves no crystals.
    """
    texts, strata = crystals.texts, crystals.strata()
    kept = np.arange(len(texts))
    if task.exclude_shared != "none":
        key = GROUP_KEYS[task.exclude_shared]
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
        parts = (
            [kept] if strata is None else [kept[strata[kept] == label] for label in np.unique(strata[kept])]
        )
        split = [split_crystals(len(part), task.validation_fraction, seed, which) for part in parts]
        train = [part[rows] for part, (rows, _) in zip(parts, split, strict=True)]
        valid = [part[rows] for part, (_, rows) in zip(parts, split, strict=True)]
        return np.sort(np.concatenate(train)), np.sort(np.concatenate(valid))
    groups = [GROUP_KEYS[task.split_by](texts[index]) for index in kept.tolist()]
    names, of = np.unique(groups, return_inverse=True)
    order = np.random.default_rng([seed, len(kept)]).permutation(len(names))
    wanted = max(1, round(task.validation_fraction * len(kept)))
    for _ in range(which + 1):
        sizes = np.bincount(of)[order]
        chosen = order[: max(1, int(np.searchsorted(np.cumsum(sizes), wanted, side="left")) + 1)]
        chosen = chosen[: len(names) - 1]
        order = np.roll(order, -len(chosen))
    held = np.isin(of, chosen)
    return kept[~held], kept[held]


def calibration_rows(held_out: Crystals) -> Crystals:
    """Return the held-out labels for intervals and thresholds: of the first source, if it has MIN_HELD_OUT crystals, else all."""
    first = held_out.first_source()
    return first if len(np.unique(first.crystal)) >= MIN_HELD_OUT else held_out
