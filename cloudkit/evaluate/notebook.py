"""What a notebook shows of measured errors, as HTML."""

from collections.abc import Iterable
from typing import Any

from cloudkit.evaluate.display import baseline_name, quantity_name
from cloudkit.evaluate.metrics import measures_of, standings
from cloudkit.html import table, titled

LEFT_OUT = ("share_of_3R", "mae_over_mad", "coverage_of_80")  # of the short table


def errors_html(tasks: Iterable[dict[str, Any]]) -> str:
    """The errors of each evaluated quantity, the model's and those of its baselines from the best; as in metrics.json."""
    return "".join(map(_one, tasks)) or titled("nothing was evaluated")


def _one(task: dict[str, Any]) -> str:
    unit = f" in {task['unit']}" if task.get("unit") else ""
    shown = [one for one in measures_of(task) if one.key not in LEFT_OUT]
    rows = [
        (baseline_name(name, task), *(one.of(scores) for one in shown)) for name, scores in standings(task)
    ]
    return titled(
        f"{quantity_name(task['quantity'])}{unit}, {task['rows']:,} rows",
        table(("", *(one.label for one in shown)), rows),
    )
