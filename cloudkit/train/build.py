"""`build`: a spec in, a folder with a trained, evaluated and documented model out. Read it from top to bottom.

spec -> plan_stages (stages.py) -> encode, tokenize -> checks (checks.py) -> pretrain, finetune, evaluate (steps.py, which call
the loop in trainer.py with a loss of objectives.py) -> artifact.py. A stage whose inputs and code are unchanged is not run again.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cloudkit.data import Crystals
from cloudkit.errors import CloudkitError
from cloudkit.evaluate.display import errors_html
from cloudkit.evaluate.task_data import read_task_data
from cloudkit.html import paragraph
from cloudkit.modelspec import FinetuneTask, PretrainTask, Spec
from cloudkit.train.artifact import publish, write_artifact
from cloudkit.train.checks import check_init, check_tasks, leak_notes, scale_notes
from cloudkit.train.devices import make_fabric, threads_for
from cloudkit.train.dry_run import estimate_costs
from cloudkit.train.stages import Stage, StageResult, StageStore, plan_stages
from cloudkit.train.steps import STEPS, BuildContext
from cloudkit.train.trainer import Progress, Silent, describe_checkpoint

Log = Callable[[str], None]
SHOWN_CHANGES: Final = 4
DATA_STAGES: Final = ("encode", "tokenize")  # kinds of stages that only read and check; they come first


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The result of a build.

    Attributes
    ----------
    folder : Path
        Folder of the run.
    stages : tuple of StageResult
        Result of each stage, in order.
    metrics : dict
        Content of metrics.json; for a dry run the number of parameters and the costs.
    leads : bool
        Whether this is rank 0; the other processes have no metrics.

    Examples
    --------
    >>> result = BuildResult(Path("runs/thermal"), (), {"tasks": []})
    >>> result.folder.name, result.did_nothing
    ('thermal', True)
    """

    folder: Path
    stages: tuple[StageResult, ...]
    metrics: dict[str, Any]
    leads: bool = True

    def _repr_html_(self) -> str:
        return errors_html(self.metrics.get("tasks", [])) + paragraph(
            f"report: {self.folder / 'report.html'}"
        )

    @property
    def did_nothing(self) -> bool:
        """Whether every stage was reused."""
        return all(result.status == "reused" for result in self.stages)


def build(
    spec: Spec,
    out: str | Path,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
    log: Log = lambda line: None,
) -> BuildResult:
    """Run the stages of a spec in the folder `out` and write the trained model and its report there.

    All data is read and checked before training; if it has an error, nothing is written. An interrupted build (Ctrl-C, kill) keeps
    its checkpoints, and the next build resumes from them.

    Parameters
    ----------
    spec : Spec
        From `load_spec` or `parse_spec`.
    out : str or Path
        Folder of the run, created if missing.
    progress : Progress, optional
        Receives the progress of training.
    dry_run : bool
        Read and check the data, and report which stages would run at what cost; write nothing.
    log : callable
        Called with one line per stage and note.

    Returns
    -------
    BuildResult
        Folder, results of the stages, and metrics.

    Raises
    ------
    DataError
        If data cannot be read or does not fit the heads.
    CloudkitError
        If the spec has no training task, or training diverges.

    Examples
    --------
    >>> from cloudkit.modelspec import load_spec
    >>> result = build(load_spec("thermal"), "runs/thermal", dry_run=True)
    >>> [stage.stage.kind for stage in result.stages]
    ['encode', 'encode', 'tokenize', 'tokenize', 'finetune', 'evaluate', 'report']
    """
    if not any(isinstance(task, PretrainTask | FinetuneTask) for task in spec.tasks):
        raise CloudkitError("the spec has no training task: tasks needs a pretrain or finetune task")
    check_init(spec)
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise CloudkitError(f"{out} is a file; --out names the folder of the run")
    fabric = make_fabric(spec.run)
    if not fabric.is_global_zero:
        progress, log = None, lambda line: None
    stages = plan_stages(spec)
    context = BuildContext(spec, StageStore(out / "stages", fabric), progress or Silent(), fabric, stages)
    if dry_run:
        return _dry_run(spec, out, stages, context.store, log)
    with _remove_on_error(out), context.store.lock():
        results = _prepare_data(context, stages, log)
    with context.store.lock(), threads_for(spec.encoder.width):
        return _train_and_publish(context, out, stages, results, log)


def _prepare_data(context: BuildContext, stages: list[Stage], log: Log) -> list[StageResult]:
    """Run the stages that read data, and the checks that compare data with tasks."""
    results, crystals = [], {}
    for stage in (stage for stage in stages if stage.kind in DATA_STAGES):
        results.append(_run(context, stage, log))
        if stage.kind == "encode":
            crystals[stage.name] = Crystals.load(context.store.path(stage))
            _log_notes(crystals[stage.name].notes, log)
    check_tasks(context.spec, stages, crystals)
    _log_notes(scale_notes(stages, context.spec, crystals), log)
    _log_notes(leak_notes(stages, crystals), log)
    return results


def _train_and_publish(
    context: BuildContext, out: Path, stages: list[Stage], results: list[StageResult], log: Log
) -> BuildResult:
    """Run the remaining stages, and copy the artifact of the last one into the folder of the run."""
    *tasks, report = stages[len(results) :]
    for stage in tasks:
        results.append(_run(context, stage, log))
    done = list(results)

    def write_report(stage: Stage, folder: Path) -> None:
        artifact = folder / "artifact" / context.spec.name
        artifact.mkdir(parents=True)
        write_artifact(context.spec, context.model(stage), done, context.learned_crystals(), artifact)

    results.append(_log_result(context.store.make(report, write_report), log))
    if not context.store.leads:
        return BuildResult(out, tuple(results), {}, leads=False)
    changed = publish(results[-1].folder / "artifact" / context.spec.name, out)
    if changed and all(result.status == "reused" for result in results):
        log(f"files of {out} were missing or changed and have been restored")
    context.store.clean({stage.name for stage in stages})
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return BuildResult(out, tuple(results), metrics)


def _dry_run(spec: Spec, out: Path, stages: list[Stage], store: StageStore, log: Log) -> BuildResult:
    """Check the data in memory, and report what a build would do and cost."""
    crystals = {stage.name: read_task_data(spec, stage.task) for stage in stages if stage.kind == "encode"}
    for data in crystals.values():
        _log_notes(data.notes, log)
    check_tasks(spec, stages, crystals)
    _log_notes(scale_notes(stages, spec, crystals), log)
    _log_notes(leak_notes(stages, crystals), log)
    metrics, lines = estimate_costs(spec, stages, crystals)
    results = [
        StageResult(stage, store.path(stage), "reused" if store.is_done(stage) else "planned", 0.0)
        for stage in stages
    ]
    for result in results:
        _log_result(result, log)
    for line in lines:
        log(line)
    return BuildResult(out, tuple(results), metrics)


@contextmanager
def _remove_on_error(out: Path) -> Iterator[None]:
    """Remove the folder of the run if this build created it and its data has an error."""
    fresh = not out.exists()
    try:
        yield
    except CloudkitError:
        if fresh:
            shutil.rmtree(out, ignore_errors=True)
        raise


def _run(context: BuildContext, stage: Stage, log: Log) -> StageResult:
    def step(stage: Stage, folder: Path) -> None:
        context.progress.start(f"{stage.kind} {stage.label}", 1)
        STEPS[stage.kind](context, stage, folder)
        context.progress.stop()

    if stage.kind != "report" and not context.store.is_done(stage):
        _log_reason(context, stage, log)
    return _log_result(context.store.make(stage, step), log)


def _log_reason(build: BuildContext, stage: Stage, log: Log) -> None:
    """Log why a stage runs again in a folder where it has run before."""
    name = f"{stage.kind} {stage.label}"
    if folder := build.store.checkpoint(stage):
        member = f" of {folder.name.replace('-', ' ')}" if folder.name.startswith("member-") else ""
        log(f"{name}: resumes at {describe_checkpoint(folder)}{member}")
    elif changes := build.store.changes(stage, build.plan):
        more = f", and {len(changes) - SHOWN_CHANGES} more" if len(changes) > SHOWN_CHANGES else ""
        log(f"{name}: runs again, because {', '.join(changes[:SHOWN_CHANGES])}{more}")


def _log_result(result: StageResult, log: Log) -> StageResult:
    words = {
        "done": f"done in {result.seconds:.1f} s",
        "reused": "unchanged, reused",
        "planned": "to run",
    }
    log(f"{result.stage.kind} {result.stage.label}: {words[result.status]}")
    return result


def _log_notes(notes: Iterator[str] | list[str] | tuple[str, ...], log: Log) -> None:
    for note in notes:
        log(f"note: {note}")
