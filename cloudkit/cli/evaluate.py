"""`cloudkit evaluate`: errors of a model and of baselines on labelled data."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cloudkit.cli import completion
from cloudkit.cli.columns import Column
from cloudkit.cli.terminal import emit, emit_json, emit_table, say

MEASURES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "share_of_3R": "% of 3R",
    "mae_over_mad": "MAE/MAD",
    "coverage_of_80": "in 80 %",
}


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", autocompletion=completion.models, help="Folder that `cloudkit build` wrote, or the name of a model that ships with cloudkit: thermal.")],
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
    from cloudkit.predict import load_model

    found = evaluate(load_model(model), data, text=column)
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
    from cloudkit.evaluate.metrics import standings

    unit = f" in {task['unit']}" if task.get("unit") else ""
    emit(f"{task['quantity']}{unit}, {task['rows']:,} rows")
    shown = {key: label for key, label in MEASURES.items() if key in task}
    rows = [(name, *_measures(scores, shown)) for name, scores in standings(task)]
    emit_table(["", *shown.values()], rows)
    emit("")


def _measures(scores: dict[str, float], shown: Iterable[str]) -> list[float | None]:
    values = {**scores, "share_of_3R": 100 * scores.get("share_of_3R", 0.0)}
    return [values.get(key) for key in shown]
