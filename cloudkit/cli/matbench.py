"""`cloudkit matbench`: a spec on the official folds of a Matbench task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudkit.cli.build import Changes, Out
from cloudkit.cli.terminal import emit, emit_json, emit_table, going_on, say

if TYPE_CHECKING:
    from cloudkit.train import MatbenchResult


def command(
    task: Annotated[str, typer.Argument(metavar="TASK", help="dielectric, jdft2d, log_gvrh, log_kvrh, mp_e_form, mp_gap, perovskites or phonons.")],
    data: Annotated[Path | None, typer.Option("--data", "-d", metavar="FILE", help="The data set in its original order: .json.gz from matminer, .csv, .jsonl or .parquet. [default: matminer's cache]", show_default=False)] = None,
    column: Annotated[str | None, typer.Option("--column", metavar="NAME", help="Column of labels. [default: its name in Matbench]", show_default=False)] = None,
    spec: Annotated[str, typer.Option("--spec", metavar="SPEC", help="Spec file with `part: train` and `part: test`, or name of a preset.")] = "matbench",
    changes: Changes = None,
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores of all folds as one JSON document.")] = False,
) -> None:  # fmt: skip
    """Build a spec on the five official folds of a Matbench task; finished folds are reused.

    Writes results.json for MatbenchBenchmark.from_file next to the folders of the folds.

    \b
    Example:
      cloudkit matbench phonons --data phonons.jsonl.gz --column last_phdos_peak --set run.seed=1
    """
    from cloudkit.train import find_data_file, fold_specs, matbench, task_name

    name = task_name(task)
    specs = fold_specs(spec, name, find_data_file(name, data), column, changes or [])
    with going_on() as bar:
        found = matbench(name, specs, out or Path("runs") / name, progress=bar, log=say)
    if found.scores:
        _show(found, as_json)


def _show(found: "MatbenchResult", as_json: bool) -> None:
    if as_json:
        emit_json({"task": found.task, "folds": found.scores, "parameters": found.parameters, "results": str(found.file)}, 1)  # fmt: skip
        return
    names = list(found.scores[0])
    rows: list[list[object]] = [
        [f"fold {n}", *(one[name] for name in names)] for n, one in enumerate(found.scores)
    ]
    rows.append(["mean", *(sum(one[name] for one in found.scores) / len(found.scores) for name in names)])
    emit_table([found.task, *names], rows)
    emit(f"results for Matbench: {found.file}")
