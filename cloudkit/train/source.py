"""The data of a task as a build takes it: read by evaluate/task_data.py, held against what the heads ask of labels and strings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cloudkit.data import Crystals, repeated_labels
from cloudkit.errors import DataError, ScopeError
from cloudkit.evaluate.task_data import harmonic_limits, read_rows
from cloudkit.modelspec import (
    BuiltinData,
    Data,
    EvaluateTask,
    FileData,
    FinetuneTask,
    GeometryHead,
    RegressionHead,
    Spec,
    heads_of,
    tables_of,
)
from cloudkit.scope import parse
from cloudkit.train.stages import Stage


def read_data(spec: Spec, data: Data) -> Crystals:
    """The rows of a task; DataError names file, row and column of what is wrong."""
    crystals = read_rows(
        spec,
        data,
        most=label_limits(spec, data),
        any_text=spec.tokens.vocabulary == "cloud",
        geometry=wants_geometry(spec, data),
    )
    named = " and ".join(name_of(table) for table in tables_of(data))
    return replace(
        crystals, notes=(*crystals.notes, *(f"{named}: {note}" for note in repeated_labels(crystals)))
    )


def name_of(table: BuiltinData | FileData) -> str:
    """A table as messages name it."""
    return f"{table.builtin} {table.part}" if isinstance(table, BuiltinData) else Path(table.path).name


def wants_geometry(spec: Spec, data: Data) -> bool:
    """Whether a task with a geometry head reads this data."""
    names = [name for task in spec.tasks if task.data == data for name in heads_of(task)]
    return any(isinstance(spec.heads[name], GeometryHead) for name in names)


def label_limits(spec: Spec, data: Data) -> dict[str, float]:
    """What the heads that read this data allow of its labels."""
    return harmonic_limits(
        spec.heads[name] for task in spec.tasks if task.data == data for name in heads_of(task)
    )


def check_tasks(spec: Spec, stages: Sequence[Stage], crystals: Mapping[str, Crystals]) -> None:
    """What tasks ask of their data beyond its own faults; crystals: by the name of the stage that read them."""
    for stage in stages:
        if isinstance(stage.task, FinetuneTask):
            _check_labels(spec, stage.task, crystals[stage.reads["crystals"].name])
        elif (
            isinstance(stage.task, EvaluateTask)
            and stage.task.baselines
            and spec.tokens.vocabulary == "cloud"
        ):
            for source in ("crystals", "train_crystals"):
                _check_texts(stage.reads[source].label, crystals[stage.reads[source].name])


def _check_texts(name: str, crystals: Crystals) -> None:
    """Baselines read composition and symmetry off a string, whatever the model's vocabulary takes."""
    for id, text in zip(crystals.ids, crystals.texts, strict=True):
        try:
            parse(text)
        except ScopeError as error:
            where = f"{name}: row or id {id}"
            raise DataError(
                f"{where}: baselines need valid SCOPE; correct it or set baselines: []\n{error}"
            ) from None


def _check_labels(spec: Spec, task: FinetuneTask, crystals: Crystals) -> None:
    """What a head asks of labels: a logarithm or root needs them above 0."""
    head = spec.heads[task.head]
    wrong = np.flatnonzero(crystals.value <= 0)
    if not isinstance(head, RegressionHead) or head.transform == "none" or not len(wrong):
        return
    first = int(wrong[0])
    crystal, name = crystals.crystal[first], crystals.quantities[crystals.quantity[first]]
    found = (
        f"{name} = {crystals.value[first]:g} of crystal {crystals.ids[crystal]} (and {len(wrong) - 1} more)"
    )
    raise DataError(f"heads.{task.head}.transform = {head.transform} needs labels above 0, found {found}")
