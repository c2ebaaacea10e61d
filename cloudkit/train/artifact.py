"""The artifact of a build: weights, spec, metrics, predictions, report and model card, collected from its stages."""

import csv
import filecmp
import json
import platform
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cloudkit.data import Crystals
from cloudkit.errors import DISTRIBUTION
from cloudkit.evaluate.attribution import attribution
from cloudkit.evaluate.leakage import SEEN
from cloudkit.evaluate.results import write_lines
from cloudkit.models import CloudModel, save_weights, vocabulary_text
from cloudkit.modelspec import Spec, dump
from cloudkit.predict.ensembles import load_blends
from cloudkit.predict.training_crystals import CRYSTALS_FILE, save_training_crystals
from cloudkit.report import write_card, write_report
from cloudkit.train.stages import TRAINING, StageResult

OPTIONAL_FILES: Final = ("trees-*.npz", "predictions.csv", "attribution.json")  # not every artifact has them


def write_artifact(
    spec: Spec,
    model: CloudModel,
    results: Sequence[StageResult],
    learned: Iterable[tuple[str, dict[str, float]]],
    folder: Path,
) -> None:
    """Write spec, weights, vocabulary, metrics, curves, predictions, times, report and model card of a build to `folder`."""
    (folder / "spec.yaml").write_text(dump(spec), encoding="utf-8")
    (folder / "vocab.txt").write_bytes(vocabulary_text(model.tokenizer).encode())
    save_weights(model.state_dict(), folder / "model.safetensors")
    trained = [result for result in results if result.stage.kind in TRAINING]
    evaluated = [result for result in results if result.stage.kind == "evaluate"]
    shutil.copyfile(trained[-1].folder / SEEN, folder / SEEN)
    save_training_crystals(learned, folder / CRYSTALS_FILE)
    for trees in (path for result in trained for path in result.folder.glob("trees-*.npz")):
        shutil.copyfile(trees, folder / trees.name)
    _write_json(folder / "metrics.json", _metrics(spec, model, results, evaluated))
    _write_json(folder / "curves.json", list(_curves(results)))
    seconds = {title: result.seconds for title, result in _with_titles(results)}
    _write_json(
        folder / "timing.json", seconds | {"total": round(sum(result.seconds for result in results), 3)}
    )
    if evaluated:
        lines = [line for result in evaluated for line in _predictions(result)]
        write_lines(folder / "predictions.csv", lines)
        _write_json(
            folder / "attribution.json", attribution(model, load_blends(folder, list(spec.heads)), lines)
        )
    write_report(folder)
    write_card(folder)


def publish(made: Path, out: Path) -> bool:
    """Copy the files of a finished artifact to the folder of the run, each atomically; return whether any changed.

    Optional files of an earlier build are removed, since old trees would be blended into the predictions.
    """
    changed = False
    for old in [
        path for name in OPTIONAL_FILES for path in out.glob(name) if not (made / path.name).exists()
    ]:
        old.unlink()
        changed = True
    for source in sorted(path for path in made.iterdir() if path.is_file()):
        target = out / source.name
        if target.exists() and filecmp.cmp(source, target, shallow=False):
            continue
        part = out / f"{source.name}.part"
        shutil.copyfile(source, part)
        part.replace(target)
        changed = True
    return changed


def _metrics(
    spec: Spec, model: CloudModel, results: Sequence[StageResult], evaluated: Sequence[StageResult]
) -> dict[str, Any]:
    """Return the content of metrics.json: scores, and settings, notes and versions to interpret them."""
    trained = {
        title: _json(result, "training.json")
        for title, result in _with_titles(results)
        if result.stage.kind in TRAINING
    }
    notes = [note for r in results if r.stage.kind == "encode" for note in Crystals.load(r.folder).notes]
    tasks = [task for result in evaluated for task in _json(result, "metrics.json")]
    return {
        "name": spec.name,
        "tasks": tasks,
        "parameters": model.parameters_count,
        "training": trained,
        "notes": notes,
        "seed": spec.run.seed,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in (DISTRIBUTION, "torch", "lightning")},
        },
    }


def _curves(results: Sequence[StageResult]) -> Iterator[dict[str, Any]]:
    """Yield the rows of all learning curves with the title of their stage."""
    for title, result in _with_titles(results):
        if result.stage.kind in TRAINING:
            name = f"{result.stage.kind} {result.stage.label}"
            for row in _json(result, "curves.json"):
                yield row | {"stage": title + row["stage"].removeprefix(name)}


def _with_titles(results: Sequence[StageResult]) -> Iterator[tuple[str, StageResult]]:
    """Yield each stage with its title: kind and label, numbered from the second of the same name."""
    counts = Counter[str]()
    for result in results:
        name = f"{result.stage.kind} {result.stage.label}"
        counts[name] += 1
        yield (name if counts[name] == 1 else f"{name} ({counts[name]})"), result


def _json(result: StageResult, name: str) -> Any:
    return json.loads((result.folder / name).read_text(encoding="utf-8"))


def _predictions(result: StageResult) -> list[dict[str, Any]]:
    with (result.folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
