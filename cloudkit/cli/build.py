"""`cloudkit build`: train and evaluate the model of a spec, reusing unchanged stages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudkit.cli.evaluate import show_errors
from cloudkit.cli.terminal import complete_presets, emit, emit_json, going_on, say

if TYPE_CHECKING:
    from cloudkit.train import BuildResult

Changes = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Change a value of the spec; can be repeated.", show_default=False)]  # fmt: skip
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run. [default: runs/NAME]", show_default=False)]  # fmt: skip


def command(
    spec: Annotated[str, typer.Argument(metavar="SPEC", autocompletion=complete_presets, help="Spec file, or name of a preset (see `cloudkit new --list`).")],
    changes: Changes = None,
    out: Out = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the spec and the data and estimate the cost; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print stages and metrics as one JSON document.")] = False,
) -> None:  # fmt: skip
    """Train and evaluate the model of a spec, and write a report.

    Stages with unchanged inputs are reused. If a build is interrupted, run the same command again to resume.

    \b
    Examples:
      cloudkit build thermal --set encoder.width=64 --out runs/small
      torchrun --nproc_per_node=2 -m cloudkit build spec.yaml
    """
    from cloudkit.modelspec import load_spec

    checked = load_spec(spec, changes or [])
    folder = out or Path("runs") / checked.name
    with going_on() as bar:
        bar.start("starting", 1)
        from cloudkit.train import build

        result = build(checked, folder, progress=bar, dry_run=dry_run, log=say)
    if not result.leads:
        return
    if as_json:
        _emit_result(result, dry_run)
    elif dry_run:
        emit(f"{spec} is valid; a build would write {folder}")
    else:
        _show_result(result)


def _emit_result(result: "BuildResult", dry_run: bool) -> None:
    stages = [
        {"kind": r.stage.kind, "label": r.stage.label, "status": r.status, "seconds": r.seconds}
        for r in result.stages
    ]
    report = None if dry_run else str(result.folder / "report.html")
    emit_json(
        {"folder": str(result.folder), "stages": stages, "metrics": result.metrics, "report": report}, 1
    )


def _show_result(result: "BuildResult") -> None:
    """Print errors of model and baselines, the verdict on each quantity and the path of the report."""
    from cloudkit.report.verdict import lead, verdict

    if result.did_nothing:
        say("nothing changed since the last build")
    tasks = result.metrics.get("tasks", [])
    for task in tasks:
        show_errors(task)
        emit(f"{lead(task)}\n{verdict(task)}\n")
    emit(f"report: {result.folder / 'report.html'}")
