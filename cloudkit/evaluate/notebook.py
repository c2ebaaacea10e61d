"""What a notebook shows of measured errors, as HTML."""

from collections.abc import Iterable
from typing import Any

from cloudkit.evaluate.display import baseline_name, quantity_name
from cloudkit.evaluate.metrics import standings
from cloudkit.html import table, titled


def errors_html(tasks: Iterable[dict[str, Any]]) -> str:
    """The errors of each evaluated quantity, the model's and those of its baselines from the best; as in metrics.json."""
    return "".join(map(_one, tasks)) or titled("nothing was evaluated")


def _one(task: dict[str, Any]) -> str:
    unit = f" in {task['unit']}" if task.get("unit") else ""
    rows = [(baseline_name(name), float(one["mae"]), float(one["rmse"])) for name, one in standings(task)]
    return titled(
        f"{quantity_name(task['quantity'])}{unit}, {task['rows']:,} rows",
        table(("", "MAE", "RMSE"), rows),
    )
