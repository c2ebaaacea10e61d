"""`cloudkit evaluate`: errors of a model and of baselines on labelled data."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cloudkit.cli.columns import Column
from cloudkit.cli.terminal import complete_models, emit, emit_json, emit_table, say

if TYPE_CHECKING:
    from cloudkit.evaluate.metrics import Measure

HEADS: Final = {"share_of_3R": "% of 3R", "mae_over_mad": "MAE/MAD", "coverage_of_80": "in 80 %"}
IN_PERCENT: Final = ("share_of_3R",)


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", autocompletion=complete_models, help="Folder that `cloudkit build` wrote, or the name of a model that ships with cloudkit: thermal.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="A .csv, .jsonl or .parquet file with labels, or built-in data such as thermal:test.")],
    column: Column = None,
    as_json: Annotated[bool, typer.Option("--json", help="All metrics and notes as one JSON document.")] = False,
) -> None:  # fmt: skip
    """Measure a model's errors on labelled data, and those of baselines trained on its training rows.

    Labels are in the columns that the model's spec names, else in columns named like a quantity.

    \b
    Example:
      cloudkit evaluate runs/thermal thermal:test
    """
    from cloudkit.evaluate import evaluate
    from cloudkit.predict import Model

    found = evaluate(Model(model), data, text=column)
    metrics = [score.metrics for score in found.scores]
    if as_json:
        emit_json({"tasks": metrics, "notes": found.notes}, indent=1)
    else:
        for task in metrics:
            show_errors(task)
    for note in found.notes:
        say(f"note: {note}")


def show_errors(task: dict[str, Any]) -> None:
    """One quantity's errors as a table, the model first, then its baselines from the best; as in metrics.json."""
    from cloudkit.evaluate.metrics import measures_of, standings

    unit = f" in {task['unit']}" if task.get("unit") else ""
    emit(f"{task['quantity']}{unit}, {task['rows']:,} rows")
    shown = measures_of(task)
    rows = [
        (name if scores is task else _called(name, task), *(_value(one, scores) for one in shown))
        for name, scores in standings(task)
    ]
    emit_table(["", *(HEADS.get(one.key, one.label) for one in shown)], rows)
    if "classes" in task:
        _show_confusion(task)
    emit("")


def _called(name: str, task: dict[str, Any]) -> str:
    """A baseline as the spec names it, with what it is of classes."""
    from cloudkit.evaluate.display import CLASS_BASELINE_NAMES

    said = CLASS_BASELINE_NAMES.get(name) if "classes" in task else None
    return f"{name} ({said})" if said else name


def _value(measure: "Measure", scores: dict[str, Any]) -> float | None:
    value = measure.of(scores)
    return 100 * value if value is not None and measure.key in IN_PERCENT else value


def _show_confusion(task: dict[str, Any]) -> None:
    """What the model took each class for, and from which probability."""
    emit("")
    names = task["classes"]
    rows = [(name, *counts) for name, counts in zip(names, task["confusion"], strict=True)]
    emit_table(["true class, taken for", *names], rows)
    if len(names) == 2:
        emit(f"{task['positive']} is predicted from a probability of {task['threshold']:.3g}")
