"""From a spec to the stages of its build, keys included, before anything is made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudkit.data import builtin_path
from cloudkit.errors import DataError
from cloudkit.io import file_hash
from cloudkit.modelspec import (
    BuiltinData,
    Data,
    EvaluateTask,
    FileData,
    PretrainTask,
    Spec,
    Task,
    heads_of,
    tables_of,
)
from cloudkit.train.devices import launched
from cloudkit.train.source import label_limits, wants_geometry
from cloudkit.train.stages import Kind, Stage, make_key
from cloudkit.train.start import start_folder


def plan(spec: Spec) -> list[Stage]:
    """Stages in the order in which they run: all data first, so that every fault in it shows before training.

    Raises DataError for a data file that cannot be opened.
    """
    encoded = {index: _encode(spec, task.data) for index, task in enumerate(spec.tasks)}
    tokens = {index: _tokenize(spec, stage) for index, stage in encoded.items()}
    tasks = list(_tasks(spec, encoded, tokens))
    stages = [*encoded.values(), *tokens.values(), *tasks, _report(spec, tasks)]
    return list({stage.name: stage for stage in stages}.values())


def _stage(kind: Kind, label: str, parts: object, task: Any = None, **reads: Stage) -> Stage:
    return Stage(kind, label, make_key(kind, parts, reads), task, reads)


def _encode(spec: Spec, data: Data) -> Stage:
    named = [_source(table) for table in tables_of(data)]
    read_as = [table.model_dump(mode="json", exclude={"path"}) for table in tables_of(data)]
    contents = [content for _, content in named]
    parts = [
        read_as,
        contents,
        spec.tokens.dialect,
        spec.tokens.vocabulary == "cloud",
        label_limits(spec, data),
        wants_geometry(spec, data),
    ]
    if any(isinstance(table, FileData) and table.part != "all" for table in tables_of(data)):
        parts.append(spec.folds and spec.folds.model_dump(mode="json"))
    return _stage("encode", " and ".join(name for name, _ in named), parts, data)


def _source(table: BuiltinData | FileData) -> tuple[str, str]:
    """The name of a table and the hash of its file."""
    if isinstance(table, BuiltinData):
        path, name = builtin_path(table.builtin), f"{table.builtin} {table.part}"
    else:
        path, name = Path(table.path), Path(table.path).name
        name += "" if table.part == "all" else f" {table.part}"
    try:
        return name, file_hash(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _tokenize(spec: Spec, encoded: Stage) -> Stage:
    return _stage("tokenize", encoded.label, spec.tokens.model_dump(mode="json"), crystals=encoded)


def _tasks(spec: Spec, encoded: dict[int, Stage], tokens: dict[int, Stage]) -> Iterator[Stage]:
    """The stages of the tasks; each training goes on with the weights of the one before."""
    model: dict[str, Stage] = {}
    folder = start_folder(spec)
    start = file_hash(folder / "model.safetensors") if folder else None
    trained: dict[str, dict[str, Stage]] = {}
    for index, task in enumerate(spec.tasks):
        data = {"crystals": encoded[index], "tokens": tokens[index]}
        if isinstance(task, EvaluateTask):
            rows = {f"train_{name}": stage for name, stage in trained[task.head].items()}
            parts = [
                _task(task),
                spec.tokens.model_dump(mode="json"),
                spec.encoder.model_dump(mode="json"),
                spec.run.seed,
            ]
            yield _stage("evaluate", task.head, parts, task, **data, **model, **rows)
            continue
        if task.exclude_shared != "none":
            evaluated = [i for i, other in enumerate(spec.tasks) if isinstance(other, EvaluateTask)]
            data |= {f"excluded_{i}": encoded[i] for i in evaluated}
        stage = _stage(
            task.kind, " and ".join(heads_of(task)), [*_training(spec, task), start], task, **data, **model
        )
        model = {"model": stage}
        if not isinstance(task, PretrainTask):
            trained[heads_of(task)[0]] = {"crystals": encoded[index], "tokens": tokens[index], "split": stage}
        yield stage


def _training(spec: Spec, task: Task) -> list[Any]:
    """What decides the weights: not the names of other heads, not the data's path."""
    parts = (spec.tokens, spec.encoder, *(spec.heads[name] for name in heads_of(task)))
    where = spec.run.model_dump(mode="json", exclude={"checkpoint", "devices", "nodes", "strategy"})
    return [_task(task), *(part.model_dump(mode="json") for part in parts), where, launched().world]


def _task(task: Task) -> dict[str, Any]:
    dumped: dict[str, Any] = task.model_dump(mode="json", exclude={"data"})
    return dumped


def _report(spec: Spec, tasks: list[Stage]) -> Stage:
    """Everything that the artifact gathers; `model`: the stage whose weights it carries."""
    made = {f"task_{index}": stage for index, stage in enumerate(tasks)}
    last = [stage for stage in tasks if stage.kind != "evaluate"][-1]
    return _stage("report", spec.name, spec.model_dump(mode="json"), None, **made, model=last)
