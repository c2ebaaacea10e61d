"""`matbench`: build a spec on the official folds of a Matbench task, with results in the format of the package `matbench`.

Matbench v0.1 (Dunn 2020): five folds over the rows of a data set. Regression tasks on structures are supported; tasks on
compositions have no crystals to encode.
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
from cloudkit.encoding.table_rows import CrystalColumn
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
    """Column and unit of the labels, and number of rows (matbench_v0.1_dataset_metadata.json of matbench 0.6)."""

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
    """The results of a Matbench task.

    Attributes
    ----------
    task : str
        Full name of the task.
    scores : list of dict
        mae, rmse, mape and max_error of each fold.
    parameters : int
        Number of parameters of a model.
    file : Path
        Results in the format of Matbench.

    Examples
    --------
    >>> MatbenchResult("matbench_phonons", [{"mae": 40.0}], 393_365, Path("results.json")).scores[0]["mae"]
    40.0
    """

    task: str
    scores: list[dict[str, float]]
    parameters: int
    file: Path


def task_name(name: str) -> str:
    """Complete the name of a task.

    Parameters
    ----------
    name : str
        With or without "matbench_".

    Returns
    -------
    str
        With "matbench_".

    Raises
    ------
    CloudkitError
        For an unknown task, with the nearest name.

    Examples
    --------
    >>> task_name("phonons")
    'matbench_phonons'
    """
    full = name if name.startswith("matbench_") else f"matbench_{name}"
    if full not in TASKS:
        names = [task.removeprefix("matbench_") for task in TASKS]
        raise CloudkitError(
            f"no Matbench regression task on structures is called '{name}'"
            + suggest(name.removeprefix("matbench_"), names)
        )
    return full


def find_data_file(name: str, file: Path | None = None) -> Path:
    """Find the data file of a task: `file`, else the one that matminer downloaded.

    Parameters
    ----------
    name : str
        Full name of the task.
    file : Path, optional
        The file.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    CloudkitError
        If there is no such file.

    Examples
    --------
    >>> find_data_file("matbench_phonons", Path("strings.csv")).name
    'strings.csv'
    """
    if file is not None:
        if not file.is_file():
            raise CloudkitError(f"{file}: no such file")
        return file.absolute()
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
    """Make the spec of each official fold.

    Parameters
    ----------
    source : str
        File or preset; its tables with a `part` read the data of the task.
    name : str
        Full name of the task.
    file : Path
        Data of the task.
    column : str, optional
        Column of the labels, if it is not named as in Matbench.
    changes : sequence of str
        Overrides such as ``tasks.0.epochs=10``.

    Returns
    -------
    list of Spec
        One per fold.

    Raises
    ------
    SpecError
        If the spec is invalid.
    CloudkitError
        If it does not evaluate exactly one target on the part test.

    Examples
    --------
    >>> _ = Path("phonons.csv").write_text("structure,last phdos peak\\nsalt.vasp,1\\n")
    >>> [spec.folds.fold for spec in fold_specs("matbench", "matbench_phonons", Path("phonons.csv"))]
    [0, 1, 2, 3, 4]
    """
    base = load_spec(source, changes, check_files=False)
    task, official = TASKS[name], Folds()
    more = [f"name={json.dumps(name)}"]
    for index in (i for i, parted in enumerate(base.tasks) if _has_parts(parted.data)):
        below = f"tasks.{index}.data"
        more += [f"{below}.path={json.dumps(str(file))}"]
        more += [f"{below}.targets.0.column={json.dumps(column or task.target)}"]
        more += [f"{below}.targets.0.unit={json.dumps(task.unit)}"]
    folds = [official.model_copy(update={"fold": fold}) for fold in range(official.count)]
    specs = [load_spec(source, [*changes, *more, f"folds={fold.model_dump_json()}"]) for fold in folds]
    evaluated = [task for task in specs[0].tasks if isinstance(task, EvaluateTask) and _has_parts(task.data)]
    if [len(task.data.targets) for task in evaluated if isinstance(task.data, FileData)] != [1]:
        raise CloudkitError(
            f"{source}: a spec for Matbench has one evaluate task with one target on data of part: test, found {len(evaluated)}; "
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
    """Build all folds in subfolders of `out` and write their predictions to results.json; finished folds are reused.

    Parameters
    ----------
    name : str
        Full name of the task.
    specs : sequence of Spec
        From `fold_specs`.
    out : Path
        Folder of the results.
    progress, log
        As in `build`.

    Returns
    -------
    MatbenchResult
        Scores of each fold.

    Raises
    ------
    DataError
        If the file does not have the number of rows of the task.

    Examples
    --------
    >>> _ = Path("phonons.csv").write_text("structure,last phdos peak\\nsalt.vasp,1\\n")
    >>> matbench("matbench_phonons", fold_specs("matbench", "matbench_phonons", Path("phonons.csv")), Path("out"))
    Traceback (most recent call last):
    cloudkit.errors.DataError: ...phonons.csv: matbench_phonons has 1265 rows, found 1; the folds need all rows of the data set in its order
    """
    data = _test_data(specs[0])
    table = read_table(data.path)
    if len(table) != TASKS[name].rows:
        raise DataError(
            f"{data.path}: {name} has {TASKS[name].rows} rows, found {len(table)}; the folds need all rows of the data set in its order"
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
        prediction, failed = _predictions(built, rows, texts, labels)
        scores.append(score(labels[rows], prediction))
        parameters = built.metrics["parameters"]
        settings = {"parameters": parameters, "seed": spec.run.seed, "rows_without_string": failed}
        results[f"fold_{number}"] = {
            "data": dict(zip((ids[row] for row in rows), prediction.tolist(), strict=True)),
            "parameters": settings,
            "scores": scores[-1],
            "uncertainty": None,
        }
    if scores:
        user = {"model": specs[0].name, DISTRIBUTION: version(DISTRIBUTION)}
        (out / RESULTS).write_text(json.dumps(official_results(name, results, user)), encoding="utf-8")
    return MatbenchResult(name, scores, parameters, out / RESULTS)


def score(target: Array, prediction: Array) -> dict[str, float]:
    """Compute the four scores of a regression task: mean, root mean square, mean relative and largest error."""
    error = np.abs(prediction - target)
    large = np.abs(target) > MIN_LABEL
    return {
        "mae": float(error.mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "mape": float((error[large] / np.abs(target[large])).mean()),
        "max_error": float(error.max()),
    }


def official_results(name: str, results: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """Return the document that MatbenchBenchmark.to_file writes for one task, with its hash."""
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


def _has_parts(data: object) -> bool:
    return isinstance(data, FileData) and data.part != "all"


def _test_data(spec: Spec) -> FileData:
    """Return the table of the test rows."""
    tables = [task.data for task in spec.tasks if isinstance(task, EvaluateTask)]
    return next(table for table in tables if isinstance(table, FileData) and _has_parts(table))


def _ids(name: str, rows: int) -> list[str]:
    """Return the ids that Matbench gives rows: mb-phonons-0001, …"""
    digits, short = len(str(rows)), name.removeprefix("matbench_").replace("_", "-")
    return [f"mb-{short}-{row + 1:0{digits}d}" for row in range(rows)]


def _test_rows(rows: int, spec: Spec) -> NDArray[np.int64]:
    chosen = take_part(Table("", {"row": list(range(rows))}), "test", spec.folds)
    return np.array(chosen.column("row"), dtype=np.int64)


def _strings(spec: Spec, data: FileData, table: Table) -> dict[int, str]:
    """Return the string of each row in the dialect of the model; structures that fail are left out."""
    dialect = spec.tokens.dialect
    if data.columns.structure is None:
        texts = table.text(data.columns.text)
        return {row: project(text, dialect) for row, text in enumerate(texts)}
    numbered = Table(table.name, {**table.columns, "row": list(range(len(table)))})
    encoded, _ = encode_table(
        numbered, CrystalColumn(data.columns.structure, True), None, dialect, geometry=False
    )
    return dict(zip(map(int, encoded.numbers("row")), encoded.text("scope"), strict=True))


def _predictions(
    built: BuildResult, rows: NDArray[np.int64], texts: dict[int, str], labels: Array
) -> tuple[Array, int]:
    """Return the predictions of a fold, and the number of rows without a string, which get the mean training label."""
    table = read_table(built.folder / "predictions.csv")
    values = dict(zip(table.text("scope"), table.numbers("prediction").tolist(), strict=True))
    mean = float(np.delete(labels, rows).mean())
    failed = [row for row in rows.tolist() if texts.get(row) not in values]
    return np.array([values.get(texts.get(row, ""), mean) for row in rows.tolist()]), len(failed)
