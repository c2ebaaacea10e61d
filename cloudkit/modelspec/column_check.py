"""Columns that a spec names and its tables lack, found by the first line of each file, before anything is read or trained."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cloudkit.errors import CloudkitError, suggest
from cloudkit.io import classify, read_batches
from cloudkit.modelspec.spec import EvaluateTask, FileData, FinetuneTask, JointData, PretrainTask, Spec
from cloudkit.modelspec.yaml_tree import Finding, KeyPath

Task = PretrainTask | FinetuneTask | EvaluateTask


def check_columns(spec: Spec) -> list[Finding]:
    """Find columns that are not in their tables; JSON is not looked at, since any row may add a column."""
    read = cache(_columns)
    findings = []
    for index, task in enumerate(spec.tasks):
        for below, data in _tables(task):
            known = read(data.path)
            for key, name in _named(data):
                if known is not None and name not in known:
                    message = f"no column '{name}' in {Path(data.path).name}{suggest(name, known)}"
                    findings.append(Finding(("tasks", index, *below, *key), message))
    return findings


def _tables(task: Task) -> Iterator[tuple[KeyPath, FileData]]:
    """Yield the files of a task, each with its path below the task."""
    if isinstance(task.data, FileData):
        yield ("data",), task.data
    for number, table in enumerate(task.data.join if isinstance(task.data, JointData) else ()):
        if isinstance(table, FileData):
            yield ("data", "join", number), table


def _named(data: FileData) -> Iterator[tuple[KeyPath, str]]:
    """Yield the columns that a table needs, each with its path below the table."""
    columns = data.columns
    if columns.structure is not None:
        yield ("columns", "structure"), columns.structure
    elif columns.text != "scope":  # by default, a table may also hold structures
        yield ("columns", "text"), columns.text
    for key, name in (("id", columns.id), ("source", columns.source)):
        if name is not None:
            yield ("columns", key), name
    for name in data.where:
        yield ("where", name), name
    for number, target in enumerate(data.targets):
        for key, value in (
            ("column", target.column),
            ("temperature", target.temperature),
            ("frequency", target.frequency),
        ):
            if isinstance(value, str):
                yield ("targets", number, key), value


def _columns(path: str) -> list[str] | None:
    """Return the columns of a table; None for JSON, and for a file that cannot be read, which is reported when it is."""
    try:
        if classify(path) not in ("csv", "parquet") and not Path(path).is_dir():
            return None
        return list(next(iter(read_batches(path, 1)), {}))
    except (CloudkitError, OSError):
        return None
