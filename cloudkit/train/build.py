"""`build`: a spec in, a folder with a trained and evaluated model out; what did not change is not made again."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cloudkit.data import Crystals, Tokens, tokenize
from cloudkit.errors import CloudkitError
from cloudkit.evaluate.notebook import errors_html
from cloudkit.html import paragraph
from cloudkit.models import build_model
from cloudkit.modelspec import Data, FinetuneTask, PretrainTask, Spec
from cloudkit.tokens import Tokenizer
from cloudkit.train.artifact import overlap_notes, publish, write_artifact
from cloudkit.train.cost import parameters_in_words, training_cost
from cloudkit.train.devices import make_fabric
from cloudkit.train.leaks import leak_notes
from cloudkit.train.plan import plan
from cloudkit.train.progress import Progress, Silent
from cloudkit.train.source import check_tasks, read_data
from cloudkit.train.stages import Stage, StageResult
from cloudkit.train.start import check_start
from cloudkit.train.store import TRAINED, Store
from cloudkit.train.work import Work

DATA: Final = ("encode", "tokenize")  # stages that only read and check; they come first


@dataclass(frozen=True, slots=True)
class BuildResult:
    """folder: the run; stages: what became of each, in order; metrics: the content of metrics.json; of a dry
    build parameters and costs.

    leads: whether this is the process that tells what was done; the others have no metrics.
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
        """Whether every stage was there already."""
        return all(result.status == "reused" for result in self.stages)


def _say_nothing(line: str) -> None:
    pass


def build(
    spec: Spec,
    out: str | Path,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
    log: Callable[[str], None] = _say_nothing,
) -> BuildResult:
    """Run the stages of a spec into the folder `out` and leave the artifact there.

    All data is read and checked before any training; a fault in it leaves nothing behind. dry_run: read, check and
    say which stages would be made, write nothing. log: called with one line per stage.
    Raises DataError, CloudkitError; KeyboardInterrupt leaves checkpoints that the next build goes on from.
    """
    if not any(isinstance(task, PretrainTask | FinetuneTask) for task in spec.tasks):
        raise CloudkitError("the spec trains nothing: tasks needs a pretrain or finetune task")
    check_start(spec)
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise CloudkitError(f"{out} is a file; --out names the folder of the run")
    fabric = make_fabric(spec.run)
    if not fabric.is_global_zero:
        progress, log = None, _say_nothing
    stages = plan(spec)
    work = Work(spec, Store(out / "stages", fabric), progress or Silent(), fabric)
    if dry_run:
        return _dry(spec, out, stages, work.store, log)
    with _emptied_on_error(out), work.store.lock():
        results = _check_data(spec, stages, work, log)
    with work.store.lock():
        return _make(spec, out, stages, work, results, log)


def _make(
    spec: Spec,
    out: Path,
    stages: list[Stage],
    work: Work,
    results: list[StageResult],
    log: Callable[[str], None],
) -> BuildResult:
    """The stages after the data's, and the artifact."""
    for stage in stages[len(results) :]:
        make = work.run if stage.kind != "report" else _reporter(spec, work, results)
        results.append(_say(work.store.make(stage, make), log))
    made = results[-1].folder / "artifact" / spec.name
    if not work.store.leads:
        return BuildResult(out, tuple(results), {}, leads=False)
    if publish(made, out) and all(result.status == "reused" for result in results):
        log(f"files of {out} were missing or changed and have been put back")
    work.store.clean({stage.name for stage in stages})
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    for note in overlap_notes(metrics["tasks"]):
        log(f"note: {note}")
    return BuildResult(out, tuple(results), metrics)


@contextmanager
def _emptied_on_error(out: Path) -> Iterator[None]:
    """Remove a folder that this build has made, where its data turns out to be wrong."""
    fresh = not out.exists()
    try:
        yield
    except CloudkitError:
        if fresh:
            shutil.rmtree(out, ignore_errors=True)
        raise


def _check_data(spec: Spec, stages: list[Stage], work: Work, log: Callable[[str], None]) -> list[StageResult]:
    """The stages that read data, and the checks that join data and heads."""
    results, crystals = [], {}
    for stage in (stage for stage in stages if stage.kind in DATA):
        results.append(_say(work.store.make(stage, work.run), log))
        if stage.kind == "encode":
            crystals[stage.name] = Crystals.load(work.store.path(stage))
            _say_notes(crystals[stage.name], log)
    check_tasks(spec, stages, crystals)
    for note in leak_notes(stages, crystals):
        log(f"note: {note}")
    return results


def _dry(spec: Spec, out: Path, stages: list[Stage], store: Store, log: Callable[[str], None]) -> BuildResult:
    """Check the data in memory and say what a build would do, and what it would cost."""
    tokenizer = Tokenizer(spec.tokens.vocabulary)
    checked: dict[str, Crystals] = {}
    packed: dict[str, Tokens] = {}
    for stage in stages:
        if stage.kind == "encode":
            data: Data = stage.task
            checked[stage.name] = read_data(spec, data)
            _say_notes(checked[stage.name], log)
            texts, ids = checked[stage.name].texts, checked[stage.name].ids
            packed[stage.name] = tokenize(texts, tokenizer, spec.tokens.max_length, stage.label, ids)
    check_tasks(spec, stages, checked)
    for note in leak_notes(stages, checked):
        log(f"note: {note}")
    results = [
        StageResult(s, store.path(s), "reused" if store.is_done(s) else "planned", 0.0) for s in stages
    ]
    for result in results:
        _say(result, log)
    model = build_model(spec, tokenizer)
    log(parameters_in_words(model))
    costs = []
    for stage in (stage for stage in stages if stage.kind in TRAINED):
        read = stage.reads["crystals"].name
        costs.append(training_cost(model, stage, checked[read], packed[read]))
        log(costs[-1].line())
    metrics = {"parameters": model.parameters_count, "costs": [asdict(cost) for cost in costs]}
    return BuildResult(out, tuple(results), metrics)


def _reporter(spec: Spec, work: Work, results: list[StageResult]) -> Callable[[Stage, Path], None]:
    """The work of the last stage, which needs what became of all others."""

    def report(stage: Stage, folder: Path) -> None:
        named = folder / "artifact" / spec.name
        named.mkdir(parents=True)
        write_artifact(spec, work.model(stage), results, named)

    return report


def _say(result: StageResult, log: Callable[[str], None]) -> StageResult:
    words = {
        "done": f"done in {result.seconds:.1f} s",
        "reused": "unchanged, not made again",
        "planned": "to be made",
    }
    log(f"{result.stage.kind} {result.stage.label}: {words[result.status]}")
    return result


def _say_notes(crystals: Crystals, log: Callable[[str], None]) -> None:
    for note in crystals.notes:
        log(f"note: {note}")
