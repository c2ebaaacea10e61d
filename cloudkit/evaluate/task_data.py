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
FEWEST: Final = 5  # held-out crystals of the first source from which intervals and thresholds are taken
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
    classes = label_classes(spec, data)
    tables = [_read_table(spec, table, limits, classes, geometry) for table in tables_of(data)]
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


def label_classes(spec: Spec, data: Data) -> dict[str, tuple[str, ...]]:
    """The names of the classes of each quantity that the heads reading this data classify."""
    return classes_of(spec.heads[name] for task in spec.tasks if task.data == data for name in heads_of(task))


def classes_of(heads: Iterable[Head]) -> dict[str, tuple[str, ...]]:
    """The names of the classes of each quantity that is classified."""
    return {head.output: tuple(head.classes) for head in heads if isinstance(head, ClassificationHead)}


def label_limits(spec: Spec, data: Data) -> dict[str, float]:
    """The largest label per atom of each quantity that the heads reading this data allow."""
    return harmonic_limits(
        spec.heads[name] for task in spec.tasks if task.data == data for name in heads_of(task)
    )


def harmonic_limits(heads: Iterable[Head]) -> dict[str, float]:
    """The largest label per atom of each limited quantity: Cv of harmonic modes, where a thermal head reads it."""
    factors = [1 + head.tolerance for head in heads if isinstance(head, ThermalHead)]
    return {"heat_capacity": min(factors) * DULONG_PETIT} if factors else {}


def as_target(target: SpecTarget, classes: Mapping[str, tuple[str, ...]], most: float = math.inf) -> Target:
    """A target of a spec as `read_crystals` takes it."""
    cuts = tuple(target.cuts)
    given = target.model_dump(exclude={"cuts"})
    return Target(**given, most=most, classes=classes.get(target.quantity, ()), cuts=cuts)


def _read_table(
    spec: Spec,
    data: BuiltinData | FileData,
    limits: Mapping[str, float],
    classes: Mapping[str, tuple[str, ...]],
    geometry: bool,
) -> Crystals:
    targets = [as_target(one, classes, limits.get(one.quantity, math.inf)) for one in data.targets]
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
    held = find_crystals(table, data.columns.text, data.columns.structure)
    read = read_crystals(
        take_fraction(table, held.column or next(iter(table.columns)), data.fraction),
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
    """The classes of the rows of a table, of its first target that has some."""
    first = next((target for target in targets if target.classes), None)
    return None if first is None else read_strata(table, first.column, first.classes, first.cuts)


def _of_source(crystals: Crystals, name: str) -> Crystals:
    """All labels as of one source, where the spec names it."""
    if not name:
        return crystals
    return replace(crystals, sources=(name,), source=np.zeros(len(crystals.crystal), np.int64))


def split_members(
    task: PretrainTask | FinetuneTask, crystals: Crystals, evaluated: Sequence[str], seed: int
) -> list[tuple[Rows, Rows]]:
    """As `split_task`, once for all networks of a task, or once for each if the members of an ensemble hold out different crystals."""
    ensemble = task.ensemble if isinstance(task, FinetuneTask) else None
    count = ensemble.members if ensemble and ensemble.validation == "different" else 1
    return [split_task(task, crystals, evaluated, seed, part) for part in range(count)]


def join_splits(splits: Sequence[tuple[Rows, Rows]]) -> tuple[Rows, Rows]:
    """The crystals that any member is trained on, and those that all hold out, both sorted."""
    train = np.unique(np.concatenate([train for train, _ in splits]))
    return train, np.setdiff1d(np.concatenate([held_out for _, held_out in splits]), train)


def split_task(
    task: PretrainTask | FinetuneTask,
    crystals: Crystals,
    evaluated: Sequence[str],
    seed: int,
    which: int = 0,
) -> tuple[Rows, Rows]:
    """Indices of the crystals to train on and to hold out, both sorted; where labels are classes, the same share of each is held out.

    which: of the parts that could be held out one after the other.

    Crystals that share the task's `exclude_shared` with a string of `evaluated` are in neither. With a `split_by` other than
    random, all crystals of one group are on the same side. Raises DataError if `exclude_shared` leaves no crystals.
    """
    texts, strata = crystals.texts, crystals.strata()
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
        parts = [kept] if strata is None else [kept[strata[kept] == one] for one in np.unique(strata[kept])]
        split = [split_crystals(len(part), task.validation_fraction, seed, which) for part in parts]
        train = [part[rows] for part, (rows, _) in zip(parts, split, strict=True)]
        valid = [part[rows] for part, (_, rows) in zip(parts, split, strict=True)]
        return np.sort(np.concatenate(train)), np.sort(np.concatenate(valid))
    groups = [KEYS[task.split_by](texts[index]) for index in kept.tolist()]
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
    """Held-out labels that intervals and thresholds are fitted to: of the first source, which the model predicts, if it has enough crystals."""
    first = held_out.of_first_source()
    return first if len(np.unique(first.crystal)) >= FEWEST else held_out
