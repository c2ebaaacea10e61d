"""`matbench`: a spec built on the official folds of a Matbench task, with results in the format of the package `matbench`.

Matbench v0.1 (Dunn 2020): five folds over the rows of a data set, in its order. The regression tasks on structures are supported;
tasks on compositions have no crystal to encode.
"""

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import take_part
from cloudkit.data.geometry import encode_table
from cloudkit.encoding.table_rows import Held
from cloudkit.errors import DISTRIBUTION, CloudkitError, DataError, suggest
from cloudkit.io import Table, read_table
from cloudkit.modelspec import EvaluateTask, FileData, Folds, Spec, load_spec
from cloudkit.scope import project
from cloudkit.train.build import BuildResult, build
from cloudkit.train.trainer import Progress

Array = NDArray[np.float64]
BENCHMARK: Final = "matbench_v0.1"
FORMAT: Final = "0.6"  # of the package whose MatbenchBenchmark.from_file reads the results
MIN_LABEL: Final = 1e-5  # smaller labels are left out of the mean relative error, as in matbench.data_ops
RESULTS: Final = "results.json"


class MatbenchTask(NamedTuple):
    """Column of the labels, their unit, number of rows (matbench_v0.1_dataset_metadata.json of matbench 0.6)."""

    target: str
    unit: str
    rows: int


TASKS: Final = {
    "matbench_dielectric": MatbenchTask("n", "1", 4764),
    "matbench_jdft2d": MatbenchTask("exfoliation_en", "meV/atom", 636),
    "matbench_log_gvrh": MatbenchTask("log10(G_VRH)", "log10(GPa)", 10987),
    "matbench_log_kvrh": MatbenchTask("log10(K_VRH)", "log10(GPa)", 10987),
    "matbench_mp_e_form": MatbenchTask("e_form", "eV/atom", 132752),
    "matbench_mp_gap": MatbenchTask("gap pbe", "eV", 106113),
    "matbench_perovskites": MatbenchTask("e_form", "eV/cell", 18928),
    "matbench_phonons": MatbenchTask("last phdos peak", "1/cm", 1265),
}


@dataclass(frozen=True, slots=True)
class MatbenchResult:
    """Scores of each fold by name, the number of parameters, and the file of results that Matbench reads."""

    task: str
    scores: list[dict[str, float]]
    parameters: int
    file: Path


def task_name(name: str) -> str:
    """The full name of a task; raises CloudkitError with the nearest known name for an unknown one."""
    full = name if name.startswith("matbench_") else f"matbench_{name}"
    if full not in TASKS:
        known = [known.removeprefix("matbench_") for known in TASKS]
        raise CloudkitError(
            f"no Matbench regression task on structures is called '{name}'"
            + suggest(name.removeprefix("matbench_"), known)
        )
    return full


def data_file(name: str, given: Path | None = None) -> Path:
    """The data file of a task: the given one, else that of matminer. Raises CloudkitError if there is none."""
    if given is not None:
        if not given.is_file():
            raise CloudkitError(f"{given}: no such file")
        return given.absolute()
    homes = [Path(os.environ["MATMINER_DATA"]).expanduser()] if "MATMINER_DATA" in os.environ else []
    package = importlib.util.find_spec("matminer")
    if package is not None and package.origin:
        homes.append(Path(package.origin).parent / "datasets")
    found = [home / f"{name}.json.gz" for home in homes if (home / f"{name}.json.gz").is_file()]
    if found:
        return found[0].absolute()
    where = ", ".join(map(str, homes)) or "no folder MATMINER_DATA and no package matminer"
    raise CloudkitError(
        f"the data of {name} was not found (searched: {where}); name a file with --data, or download it with matminer: "
        f"python -c \"from matminer.datasets import load_dataset; load_dataset('{name}')\""
    )


def fold_specs(
    source: str, name: str, file: Path, column: str | None = None, changes: Sequence[str] = ()
) -> list[Spec]:
    """The spec of each official fold, with `file` as the path of its tables with a part.

    column: of the labels, if the file does not name it as the task does. Raises SpecError, and CloudkitError for a spec that does
    not evaluate one target on the part test.
    """
    given = load_spec(source, changes, check_files=False)
    task, official = TASKS[name], Folds()
    more = [f"name={json.dumps(name)}"]
    for index in (i for i, one in enumerate(given.tasks) if _parted(one.data)):
        below = f"tasks.{index}.data"
        more += [f"{below}.path={json.dumps(str(file))}"]
        more += [f"{below}.targets.0.column={json.dumps(column or task.target)}"]
        more += [f"{below}.targets.0.unit={json.dumps(task.unit)}"]
    folds = [official.model_copy(update={"fold": fold}) for fold in range(official.count)]
    specs = [load_spec(source, [*changes, *more, f"folds={one.model_dump_json()}"]) for one in folds]
    asked = [one for one in specs[0].tasks if isinstance(one, EvaluateTask) and _parted(one.data)]
    if [len(one.data.targets) for one in asked if isinstance(one.data, FileData)] != [1]:
        raise CloudkitError(
            f"{source}: a spec for Matbench has one evaluate task with one target on data of part: test, found {len(asked)}; "
            "start from cloudkit new --preset matbench"
        )
    return specs


def matbench(
    name: str,
    specs: Sequence[Spec],
    out: Path,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> MatbenchResult:
    """Build every fold in a folder of `out`, and write their predictions to results.json; finished folds are reused.

    Raises DataError if the file has another number of rows than the task.
    """
    data = _tested(specs[0])
    table = read_table(data.path)
    if len(table) != TASKS[name].rows:
        raise DataError(
            f"{data.path}: {name} has {TASKS[name].rows} rows, found {len(table)}; the folds are those of the whole data set in its order"
        )
    labels = table.numbers(data.targets[0].column)
    texts, ids = _strings(specs[0], data, table), _ids(name, len(table))
    scores, results, parameters = [], {}, 0
    for number, spec in enumerate(specs):
        log(f"fold {number + 1} of {len(specs)}")
        built = build(spec, out / f"fold_{number}", progress=progress, log=log)
        if not built.leads:
            continue
        rows = _test_rows(len(table), spec)
        found, unread = _predicted(built, rows, texts, labels)
        scores.append(score(labels[rows], found))
        parameters = built.metrics["parameters"]
        facts = {"parameters": parameters, "seed": spec.run.seed, "rows_without_string": unread}
        results[f"fold_{number}"] = {
            "data": dict(zip((ids[row] for row in rows), found.tolist(), strict=True)),
            "parameters": facts,
            "scores": scores[-1],
            "uncertainty": None,
        }
    if scores:
        user = {"model": specs[0].name, DISTRIBUTION: version(DISTRIBUTION)}
        (out / RESULTS).write_text(json.dumps(official(name, results, user)), encoding="utf-8")
    return MatbenchResult(name, scores, parameters, out / RESULTS)


def score(target: Array, found: Array) -> dict[str, float]:
    """The four scores of a regression task: mean, root mean square, mean relative and largest error."""
    error = np.abs(found - target)
    large = np.abs(target) > MIN_LABEL
    return {
        "mae": float(error.mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "mape": float((error[large] / np.abs(target[large])).mean()),
        "max_error": float(error.max()),
    }


def official(name: str, results: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """The document that MatbenchBenchmark.to_file writes for one task, with its hash."""
    task = {"@module": "matbench.task", "@class": "MatbenchTask"}
    task |= {"benchmark_name": BENCHMARK, "dataset_name": name}
    document = {
        "@module": "matbench.bench",
        "@class": "MatbenchBenchmark",
        "version": FORMAT,
        "benchmark_name": BENCHMARK,
        "tasks": {name: {**task, "results": results}},
        "user_metadata": user,
        "datestamp": datetime.now(UTC).strftime("%Y.%m.%d %H:%M.%S"),
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return {**document, "hash": digest}


def _parted(data: object) -> bool:
    return isinstance(data, FileData) and data.part != "all"


def _tested(spec: Spec) -> FileData:
    """The table of the test rows."""
    asked = [one.data for one in spec.tasks if isinstance(one, EvaluateTask)]
    return next(one for one in asked if isinstance(one, FileData) and _parted(one))


def _ids(name: str, rows: int) -> list[str]:
    """Matbench's names of the rows: mb-phonons-0001, …"""
    digits, short = len(str(rows)), name.removeprefix("matbench_").replace("_", "-")
    return [f"mb-{short}-{row + 1:0{digits}d}" for row in range(rows)]


def _test_rows(rows: int, spec: Spec) -> NDArray[np.int64]:
    chosen = take_part(Table("", {"row": list(range(rows))}), "test", spec.folds)
    return np.array(chosen.column("row"), dtype=np.int64)


def _strings(spec: Spec, data: FileData, table: Table) -> dict[int, str]:
    """The string of each row in the dialect of the model; structures without a string are left out."""
    dialect = spec.tokens.dialect
    if data.columns.structure is None:
        texts = table.text(data.columns.text)
        return {row: project(text, dialect) for row, text in enumerate(texts)}
    numbered = Table(table.name, {**table.columns, "row": list(range(len(table)))})
    made, _ = encode_table(numbered, Held(data.columns.structure, True), None, dialect, geometry=False)
    return dict(zip(map(int, made.numbers("row")), made.text("scope"), strict=True))


def _predicted(
    built: BuildResult, rows: NDArray[np.int64], texts: dict[int, str], labels: Array
) -> tuple[Array, int]:
    """Predictions of the rows of a fold, and how many of them have no string; those get the mean label of the other rows."""
    table = read_table(built.folder / "predictions.csv")
    known = dict(zip(table.text("scope"), table.numbers("prediction").tolist(), strict=True))
    mean = float(np.delete(labels, rows).mean())
    unread = [row for row in rows.tolist() if texts.get(row) not in known]
    return np.array([known.get(texts.get(row, ""), mean) for row in rows.tolist()]), len(unread)
