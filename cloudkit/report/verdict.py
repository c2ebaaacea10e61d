"""The metrics in two sentences: the error of the model, and whether a baseline beats it."""

from typing import Any

from cloudkit.evaluate.display import baseline_name, quantity_name
from cloudkit.html import format_number


def lead(task: dict[str, Any]) -> str:
    """The error of the model on the rows of one evaluated task."""
    where = f"On {task['rows']:,} rows" + (f" of {task['crystals']:,} crystals" if "crystals" in task else "")
    unit = f" {task['unit']}" if task.get("unit") else ""
    share = f", {100 * task['share_of_3R']:.1f} % of 3R" if "share_of_3R" in task else ""
    what = quantity_name(task["quantity"])
    return f"{where} that training has not seen, {what} is off by {format_number(task['mae'])}{unit} on average{share}."


def verdict(task: dict[str, Any]) -> str:
    """Whether a baseline trained on the same rows has a smaller mean absolute error, and by how much."""
    baselines = {name: scores["mae"] for name, scores in task.get("baselines", {}).items()}
    if not baselines:
        return "No baseline was evaluated, so this number says little on its own: add baselines to the evaluate task."
    best = min(baselines, key=lambda name: (baselines[name], name))
    mae, rival = task["mae"], baselines[best]
    names = ", ".join(baseline_name(name) for name in baselines)
    if rival < mae:
        better = [baseline_name(name) for name, value in baselines.items() if value < mae]
        verb = "predict" if len(better) > 1 or best.endswith("trees") else "predicts"
        return (
            f"Here {', '.join(better[:-1])}{' and ' if better[1:] else ''}{better[-1]} {verb} better than this model: {baseline_name(best)} "
            f"{format_number(rival)} against {format_number(mae)} ({100 * (1 - rival / mae):.0f} % less error). "
            f"Compared with {names}, all trained on the same rows."
        )
    return (
        f"This model has the smallest error; the nearest baseline is {baseline_name(best)} with {format_number(rival)} "
        f"({100 * (1 - mae / rival if rival else 0):.0f} % less error here). Compared with {names}, all trained on the same rows."
    )
