"""Stages of a build: the plan, the cache key of each stage, and the store of finished stages.

A stage is one cached step: it reads a part of the spec, data files and other stages, and writes one folder. Its key is a hash of
these inputs and of the code, so each key is computed once.
"""

import hashlib
import importlib.util
import json
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from lightning.fabric import Fabric

import cloudkit
from cloudkit.data import builtin_path
from cloudkit.data.reading import find_crystals
from cloudkit.encoding.table_rows import named_files
from cloudkit.errors import DataError
from cloudkit.evaluate.task_data import label_classes, label_limits, wants_geometry
from cloudkit.io import Table, file_hash, locked, read_batches, read_table
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
from cloudkit.train.checks import init_folder
from cloudkit.train.devices import launched_processes
from cloudkit.train.trainer import BEST, CHECKPOINT, OutOfMemory

Kind = Literal["encode", "tokenize", "pretrain", "finetune", "evaluate", "report"]
Status = Literal["done", "reused", "planned"]
TRAINING: Final = ("pretrain", "finetune")  # kinds of stages that all processes run

_MODEL_CODE: Final = (
    "cloudkit.models",
    "cloudkit.kernels",
    "cloudkit.tables",
    "cloudkit.data.batches",
    "cloudkit.data.crystals",
    "cloudkit.train.calibrate",
    "cloudkit.train.checks",
    "cloudkit.train.devices",
    "cloudkit.train.objectives",
    "cloudkit.train.steps",
    "cloudkit.train.trainer",
    "cloudkit.evaluate.leakage",
    "cloudkit.evaluate.task_data",
)
# the modules that make a stage, besides the stages that it reads
CODE: Final[dict[Kind, tuple[str, ...]]] = {
    "encode": (
        "cloudkit.data",
        "cloudkit.encoding",
        "cloudkit.evaluate.task_data",
        "cloudkit.io",
        "cloudkit.structure",
        "cloudkit.scope",
        "cloudkit._native",
        "cloudkit.tables",
        "cloudkit.units",
    ),
    "tokenize": ("cloudkit.data", "cloudkit.tokens", "cloudkit._native"),
    "pretrain": _MODEL_CODE,
    "finetune": (
        *_MODEL_CODE,
        "cloudkit.evaluate.class_metrics",
        "cloudkit.predict.ensembles",
        "cloudkit.predict.features",
    ),
    "evaluate": ("cloudkit.predict", "cloudkit.evaluate", "cloudkit.models.predict"),
    "report": ("cloudkit.train", "cloudkit.report", "cloudkit.evaluate", "cloudkit.predict"),
}
CODE_INPUT: Final = "the code of cloudkit"
HASHED_SUFFIXES: Final = (".py", ".so", ".pyd", ".html", ".css")


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a build.

    Attributes
    ----------
    kind, label
        What it does, and its name in messages.
    key
        12 hexadecimal digits that name its content.
    task
        Its part of the spec.
    reads
        The stages whose folders it reads.
    inputs
        What its key depends on, as name -> text: keys of the spec, contents of files, stages read, and code.
    """

    kind: Kind
    label: str
    key: str
    task: Any = None
    reads: Mapping[str, "Stage"] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.kind}-{self.key}"


@dataclass(frozen=True, slots=True)
class StageResult:
    """The result of a stage; seconds: its run time, in this build or an earlier one."""

    stage: Stage
    folder: Path
    status: Status
    seconds: float


def plan_stages(spec: Spec) -> list[Stage]:
    """Plan the stages of a build in running order: all data first, so that its errors come before training.

    Raises DataError if a data file cannot be opened.
    """
    encoded = {index: _encode_stage(spec, task.data) for index, task in enumerate(spec.tasks)}
    tokens = {index: _tokenize_stage(spec, stage) for index, stage in encoded.items()}
    excluded = {index: _excluded_stages(spec, index, encoded) for index in encoded}
    tasks = list(_task_stages(spec, encoded, tokens, excluded))
    apart = [stage for stages in excluded.values() for stage in stages.values()]
    stages = [*encoded.values(), *apart, *tokens.values(), *tasks, _report_stage(spec, tasks)]
    return list({stage.name: stage for stage in stages}.values())


def _stage(kind: Kind, label: str, parts: Mapping[str, Any], task: Any = None, **reads: Stage) -> Stage:
    inputs = flatten_json(parts) | {f"{one.kind} {one.label}": one.key for one in reads.values()}
    inputs[CODE_INPUT] = code_hash(CODE[kind])[:12]
    return Stage(kind, label, make_key(kind, parts, reads), task, reads, inputs)


def flatten_json(value: Any, name: str = "") -> dict[str, str]:
    """Flatten JSON to dotted name -> JSON text of each leaf.

    Examples
    --------
    >>> flatten_json({"encoder": {"width": 64}, "outputs": ["K", "G"]})
    {'encoder.width': '64', 'outputs.0': '"K"', 'outputs.1': '"G"'}
    """
    if isinstance(value, Mapping):
        items: Iterable[tuple[object, Any]] = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return {name: json.dumps(value)}
    return {k: v for key, item in items for k, v in flatten_json(item, f"{name}.{key}".strip(".")).items()}


def _encode_stage(spec: Spec, data: Data) -> Stage:
    sources = [_name_and_hash(table) for table in tables_of(data)]
    parts: dict[str, Any] = {
        "data": [table.model_dump(mode="json", exclude={"path"}) for table in tables_of(data)],
        "content of the file": [content[:12] for _, content in sources],
        "tokens.dialect": spec.tokens.dialect,
        "cloud vocabulary": spec.tokens.vocabulary == "cloud",
        "limit of labels": label_limits(spec, data),
        "classes": label_classes(spec, data),
        "geometry": wants_geometry(spec, data),
    }
    if any(isinstance(table, FileData) and table.part != "all" for table in tables_of(data)):
        parts["folds"] = spec.folds and spec.folds.model_dump(mode="json")
    return _stage("encode", " and ".join(name for name, _ in sources), parts, data)


def _name_and_hash(table: BuiltinData | FileData) -> tuple[str, str]:
    """Return the name of a table for messages, and the hash of its file and of the files that it names."""
    if isinstance(table, BuiltinData):
        path, name = builtin_path(table.builtin), f"{table.builtin} {table.part}"
    else:
        path, name = Path(table.path), Path(table.path).name
        name += "" if table.part == "all" else f" {table.part}"
    try:
        content = file_hash(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    named = _files_in(path, table) if isinstance(table, FileData) else []
    if named:
        hashes = [file_hash(file) if file.is_file() else "missing" for file in named]
        content = hashlib.sha256(" ".join([content, *hashes]).encode()).hexdigest()
    return name, content


def _files_in(path: Path, data: FileData) -> list[Path]:
    """Return the structure files that a table names, whose content determines the strings too."""
    text, structure = data.columns.text, data.columns.structure
    try:
        first = Table(str(path), next(iter(read_batches(path, size=100)), {}))
        column = find_crystals(first, text, structure)
        return named_files(read_table(path), column) if named_files(first, column) else []
    except DataError:  # raised again, with the row, when the table is read
        return []


def _tokenize_stage(spec: Spec, encoded: Stage) -> Stage:
    return _stage(
        "tokenize", encoded.label, {"tokens": spec.tokens.model_dump(mode="json")}, crystals=encoded
    )


def _excluded_stages(spec: Spec, index: int, encoded: dict[int, Stage]) -> dict[str, Stage]:
    """Return the stages whose crystals `exclude_shared` excludes from a training task: evaluate tasks and `exclude_from`."""
    task = spec.tasks[index]
    if isinstance(task, EvaluateTask) or task.exclude_shared == "none":
        return {}
    evaluated = [i for i, other in enumerate(spec.tasks) if isinstance(other, EvaluateTask)]
    further = {f"excluded_from_{i}": _encode_stage(spec, table) for i, table in enumerate(task.exclude_from)}
    return {f"excluded_{i}": encoded[i] for i in evaluated} | further


def _task_stages(
    spec: Spec, encoded: dict[int, Stage], tokens: dict[int, Stage], excluded: dict[int, dict[str, Stage]]
) -> Iterator[Stage]:
    """Yield the stages of the tasks; each training stage starts from the weights of the previous one."""
    model: dict[str, Stage] = {}
    folder = init_folder(spec)
    initial = file_hash(folder / "model.safetensors") if folder else None
    trained: dict[str, dict[str, Stage]] = {}
    for index, task in enumerate(spec.tasks):
        data = {"crystals": encoded[index], "tokens": tokens[index]}
        if isinstance(task, EvaluateTask):
            rows = {f"train_{name}": stage for name, stage in trained[task.head].items()}
            parts = {
                "task": _task_key(task),
                "tokens": spec.tokens.model_dump(mode="json"),
                "encoder": spec.encoder.model_dump(mode="json"),
                "run.seed": spec.run.seed,
            }
            yield _stage("evaluate", task.head, parts, task, **data, **model, **rows)
            continue
        data |= excluded[index]
        label = " and ".join(heads_of(task))
        parts = {**_training_key(spec, task), "weights of init_from": initial and initial[:12]}
        stage = _stage(task.kind, label, parts, task, **data, **model)
        model = {"model": stage}
        if not isinstance(task, PretrainTask):
            trained[heads_of(task)[0]] = {"crystals": encoded[index], "tokens": tokens[index], "split": stage}
        yield stage


def _training_key(spec: Spec, task: Task) -> dict[str, Any]:
    """Return the settings that determine the weights, without the other heads and the paths of data."""
    return {
        "task": _task_key(task),
        "tokens": spec.tokens.model_dump(mode="json"),
        "encoder": spec.encoder.model_dump(mode="json"),
        "heads": {name: spec.heads[name].model_dump(mode="json") for name in heads_of(task)},
        "run": spec.run.model_dump(mode="json", exclude={"checkpoint", "devices", "nodes", "strategy"}),
        "number of processes": launched_processes().world,
    }


def _task_key(task: Task) -> dict[str, Any]:
    dumped: dict[str, Any] = task.model_dump(mode="json", exclude={"data", "exclude_from"})
    return dumped


def _report_stage(spec: Spec, tasks: list[Stage]) -> Stage:
    """Return the report stage, which reads all tasks; `model`: the stage with the final weights."""
    reads = {f"task_{index}": stage for index, stage in enumerate(tasks)}
    last = [stage for stage in tasks if stage.kind != "evaluate"][-1]
    return _stage("report", spec.name, {"spec": spec.model_dump(mode="json")}, None, **reads, model=last)


def make_key(kind: Kind, parts: object, reads: Mapping[str, Stage]) -> str:
    """Hash a part of the spec (JSON), the keys of the stages that are read, and the code, to 12 hexadecimal digits."""
    content = [kind, parts, {name: stage.name for name, stage in reads.items()}, code_hash(CODE[kind])]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


@cache
def code_hash(modules: tuple[str, ...]) -> str:
    """Compute the SHA-256 of the files of modules; for a package, of all its sources, templates and compiled modules.

    Raises ModuleNotFoundError for a name that cannot be imported, so that a moved module cannot drop out of the keys unnoticed.
    """
    root = Path(cloudkit.__file__).parent
    files = sorted({file for module in modules for file in module_files(module)})
    return hashlib.sha256(
        "\n".join(f"{file.relative_to(root).as_posix()} {file_hash(file)}" for file in files).encode()
    ).hexdigest()


def module_files(name: str) -> list[Path]:
    """Return the file of a module, or the files of a package. Raises ModuleNotFoundError if it cannot be imported."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module named '{name}', listed in CODE of {__name__}", name=name)
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return [origin]
    return [file for file in origin.parent.rglob("*") if file.suffix in HASHED_SUFFIXES]


class StageStore:
    """The folder `stages` of a run; used by one build at a time.

    A finished stage is a folder ``<kind>-<key>``; an unfinished one ends in ``.part`` and is resumed if it has a checkpoint.
    Rank 0 runs all stages; the other processes take part in training only.
    """

    def __init__(self, folder: Path, fabric: Fabric | None = None) -> None:
        self.folder, self.fabric = folder, fabric
        self.leads = fabric is None or bool(fabric.is_global_zero)

    def path(self, stage: Stage) -> Path:
        """Return the folder of a finished stage."""
        return self.folder / stage.name

    def is_done(self, stage: Stage) -> bool:
        """Return whether this build or an earlier one has finished a stage."""
        return (self.path(stage) / "stage.json").is_file()

    def changes(self, stage: Stage, plan: Iterable[Stage]) -> list[str]:
        """Describe how a stage differs from the most similar earlier one of its kind and label; [] if there is none."""
        planned = {other.name for other in plan}
        earlier = [
            _record(path)
            for path in self.folder.glob(f"{stage.kind}-*/stage.json")
            if path.parent.name not in planned
        ]
        differences = [
            _differences(record["inputs"], stage.inputs)
            for record in earlier
            if record["label"] == stage.label and "inputs" in record
        ]
        return min(differences, key=len, default=[])

    def checkpoint(self, stage: Stage) -> Path | None:
        """Return the folder of the newest checkpoint that an interrupted build left of a stage; None if there is none."""
        checkpoints = self._part(stage).glob(f"**/{CHECKPOINT}")
        newest = max(checkpoints, key=lambda path: path.stat().st_mtime, default=None)
        return newest and newest.parent

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the run for other builds; the operating system releases the lock when the process ends."""
        if not self.leads:
            yield
            return
        run = self.folder.parent
        with locked(self.folder, f"another build is running in {run}; wait for it or choose another --out"):
            yield

    def make(self, stage: Stage, step: Callable[[Stage, Path], None]) -> StageResult:
        """Return a finished stage, or run `step` in a ``.part`` folder and rename it.

        After an interruption or OutOfMemory the folder and its checkpoint are kept; after any other error it is removed.
        """
        final = self.path(stage)
        if self._from_leader(self.is_done(stage)):
            return StageResult(stage, final, "reused", _seconds(final))
        if self.leads:
            self._make(stage, step)
        elif stage.kind in TRAINING:
            self._barrier()  # wait until rank 0 has cleared the folder
            step(stage, self._part(stage))
        self._barrier()
        return StageResult(stage, final, "done", _seconds(final))

    def _make(self, stage: Stage, step: Callable[[Stage, Path], None]) -> None:
        """Run a stage on rank 0."""
        part = self._part(stage)
        if not (part / CHECKPOINT).exists():
            shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, exist_ok=True)
        if stage.kind in TRAINING:
            self._barrier()
        start = time.perf_counter()
        try:
            step(stage, part)
        except OutOfMemory:
            raise
        except Exception:
            shutil.rmtree(part)
            raise
        record = {
            "kind": stage.kind,
            "label": stage.label,
            "seconds": round(time.perf_counter() - start, 3),
            "reads": {name: other.name for name, other in stage.reads.items()},
            "inputs": dict(stage.inputs),
        }
        (part / "stage.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        final = part.rename(self.path(stage))
        for name in (CHECKPOINT, BEST):
            (final / name).unlink(missing_ok=True)
        for member in final.glob("member-*"):
            shutil.rmtree(member)

    def clean(self, keep: set[str]) -> None:
        """Remove unfinished stages that this build does not need."""
        for part in self.folder.glob("*.part"):
            if part.name.removesuffix(".part") not in keep:
                shutil.rmtree(part)

    def _part(self, stage: Stage) -> Path:
        return self.folder / f"{stage.name}.part"

    def _barrier(self) -> None:
        if self.fabric is not None:
            self.fabric.barrier()

    def _from_leader(self, value: bool) -> bool:
        """Broadcast a value from rank 0."""
        return bool(self.fabric.broadcast(value)) if self.fabric is not None else value


def _seconds(folder: Path) -> float:
    return float(_record(folder / "stage.json")["seconds"])


def _record(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Describe each changed input: keys of the spec with both values, files and stages by name."""
    found = []
    for name in (*new, *(old.keys() - new.keys())):
        before, now = old.get(name), new.get(name)
        if before != now:  # hashes are not shown
            is_key = re.fullmatch(r"[\w.]+", name) and before and now
            found.append(f"{name} was {before} and is {now}" if is_key else f"{name} changed")
    return found
