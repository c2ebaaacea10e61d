"""`cloudkit evaluate`: errors of a model and of baselines on labelled data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cloudkit.cli.columns import Column
from cloudkit.cli.terminal import complete_models, emit, emit_json, emit_table, say
from cloudkit.errors import CloudkitError, suggest

if TYPE_CHECKING:
    from cloudkit.data import Target
    from cloudkit.evaluate.metrics import Measure
    from cloudkit.predict import Model

HEADS: Final = {"share_of_3R": "% of 3R", "mae_over_mad": "MAE/MAD", "coverage_of_80": "in 80 %"}
IN_PERCENT: Final = ("share_of_3R",)


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", autocompletion=complete_models, help="Folder written by `cloudkit build`, or a shipped model: thermal, elastic, ... (see `cloudkit models`).")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Table with labels (.csv, .jsonl, .parquet), or built-in data such as thermal:test.")],
    column: Column = None,
    label: Annotated[list[str] | None, typer.Option("--label", "-l", metavar="QUANTITY=COLUMN", help="Column with the labels of a quantity, in the unit that the model predicts; can be repeated. [default: as in the model's spec, or columns named after quantities]", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics and notes as one JSON document.")] = False,
) -> None:  # fmt: skip
    """Measure a model's errors on labelled data, and those of baselines trained on the same rows.

    Labels are in the columns that the model's spec names, or in columns named after the quantities. Use crystals that the model was
    not trained on: `cloudkit build` has already written the errors on the test rows of its spec, and a note says how many of your
    crystals were among the training rows.

    \b
    Example:
      cloudkit evaluate runs/bulk_modulus new_labels.csv
      cloudkit evaluate elastic moduli.csv --label bulk_modulus=K_VRH
    """
    from cloudkit.evaluate import evaluate
    from cloudkit.predict import Materials, load

    trained = load(model)
    if isinstance(trained, Materials):
        raise CloudkitError(
            f"{model} is all shipped models together; evaluate one of them: {', '.join(trained.members)}"
        )
    found = evaluate(trained, data, targets=_targets(trained, label or ()), text=column, log=say)
    metrics = [score.metrics for score in found.scores]
    if as_json:
        emit_json({"tasks": metrics, "notes": found.notes}, indent=1)
    else:
        for task in metrics:
            show_errors(task)


def _targets(trained: "Model", labels: Sequence[str]) -> "list[Target]":
    """Return the columns of labels that --label names. Raises CloudkitError for a quantity that the model does not predict."""
    from cloudkit.data import Target
    from cloudkit.units import MOLAR_QUANTITIES, canonical_unit

    targets = []
    for given in labels:
        quantity, _, column = given.partition("=")
        if not column:
            raise CloudkitError(f"--label '{given}': write QUANTITY=COLUMN, such as bulk_modulus=K_VRH")
        if quantity not in trained.quantities:
            known = suggest(quantity, trained.quantities)
            raise CloudkitError(f"--label '{given}': model {trained.name} does not predict {quantity}{known}")
        at = "temperature" if quantity in MOLAR_QUANTITIES else None
        targets.append(Target(column, quantity, at, canonical_unit(quantity)))
    return targets


def show_errors(task: dict[str, Any]) -> None:
    """Print the errors on one quantity as in metrics.json, the model first, then baselines from the best."""
    from cloudkit.evaluate.metrics import measures_of, ranked_scores

    unit = f" in {task['unit']}" if task.get("unit") else ""
    emit(f"{task['quantity']}{unit}, {task['rows']:,} rows")
    shown = measures_of(task)
    rows = [
        (name if scores is task else _called(name, task), *(_value(one, scores) for one in shown))
        for name, scores in ranked_scores(task)
    ]
    emit_table(["", *(HEADS.get(one.key, one.label) for one in shown)], rows)
    if "classes" in task:
        _show_confusion(task)
    emit("")


def _called(name: str, task: dict[str, Any]) -> str:
    """Return the name of a baseline in the spec, and for classes what it is."""
    from cloudkit.evaluate.display import CLASS_BASELINE_NAMES

    said = CLASS_BASELINE_NAMES.get(name) if "classes" in task else None
    return f"{name} ({said})" if said else name


def _value(measure: "Measure", scores: dict[str, Any]) -> float | None:
    value = measure.of(scores)
    return 100 * value if value is not None and measure.key in IN_PERCENT else value


def _show_confusion(task: dict[str, Any]) -> None:
    """Print the confusion matrix and the threshold."""
    emit("")
    names = task["classes"]
    rows = [(name, *counts) for name, counts in zip(names, task["confusion"], strict=True)]
    emit_table(["true class, predicted as", *names], rows)
    if len(names) == 2:
        emit(f"{task['positive']} is predicted if its probability is at least {task['threshold']:.3g}")
