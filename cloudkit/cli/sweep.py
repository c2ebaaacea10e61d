"""`cloudkit sweep`: build a spec at every point of a grid and fit a scaling law."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudkit.cli.build import Changes, Out
from cloudkit.cli.terminal import complete_sweeps, emit, emit_json, emit_table, going_on, say
from cloudkit.errors import CloudkitError

if TYPE_CHECKING:
    from cloudkit.train import SweepResult


def command(
    spec: Annotated[str, typer.Argument(metavar="SPEC", autocompletion=complete_sweeps, help="Spec file with the key `sweep`, or a preset such as scaling.")],
    changes: Changes = None,
    out: Out = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and list the points; build nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print runs and law as one JSON document.")] = False,
) -> None:  # fmt: skip
    """Build a spec at every point of its grid; finished runs are reused.

    Prints parameters, training crystals and validation error of each run, the best run with its test error, and a scaling law with
    confidence intervals: loss = floor + A / parameters^alpha + B / crystals^beta. Writes sweep.csv, sweep.json and sweep.svg next
    to the runs.

    \b
    Example:
      cloudkit sweep scaling --out runs/scaling
    """
    from cloudkit.modelspec import load_spec
    from cloudkit.train import grid_points, sweep

    folder = out or Path("runs") / load_spec(spec, changes or []).name
    if folder.exists() and not folder.is_dir():
        raise CloudkitError(f"{folder} is a file; choose a folder with --out")
    grid = grid_points(spec, changes or [])
    if dry_run:
        for point in grid:
            emit(", ".join(f"{key} = {value}" for key, value in point.settings.items()))
        say(f"{len(grid)} runs would be written to {folder}")
        return
    with going_on() as bar:
        result = sweep(grid, folder, progress=bar, log=say)
    if result.rows:
        show(result, as_json)


def _named_best(result: "SweepResult") -> str:
    """Return lines on the best run: how it was chosen, and its test error."""
    best = result.best
    sizes = ("parameters", "crystals", "measure", "loss", "validation", "folder")
    settings = ", ".join(f"{key} = {value}" for key, value in best.items() if key not in sizes)
    where = f"{settings} ({result.folder / best['folder']})"
    if result.validated:
        return f"best validation error: {where}\n{result.measure}: {best['loss']:.4g}"
    return (
        f"smallest {result.measure}: {where}, {best['loss']:.4g}\n"
        "The spec holds out no crystals (validation_fraction: 0), so the test rows chose this run: expect a larger error on new ones."
    )


def show(result: "SweepResult", as_json: bool) -> None:
    """Print the runs, the best run and the law."""
    if as_json:
        law = (
            None
            if result.law is None
            else {"values": result.law.values, "lower": result.law.lower, "upper": result.law.upper}
        )
        best = result.best["folder"]
        emit_json(
            {"measure": result.measure, "best": best, "rows": result.rows, "law": law, "why": result.why}, 1
        )
        return
    hidden = ("measure", "folder", "loss" if result.validated else "validation")
    header = [name for name in result.rows[0] if name not in hidden]
    emit_table(header, [[row[name] for name in header] for row in result.rows])
    emit("")
    emit(_named_best(result))
    emit("")
    emit(f"scaling law of the {result.measure}:")
    emit("\n".join(result.law.lines()) if result.law else f"no law was fitted: {result.why}")
    emit(f"plot: {result.folder / 'sweep.svg'}")
