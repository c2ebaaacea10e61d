"""Figures of predictions and evaluations as SVG text, or as files of their own."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from cloudkit.errors import CloudkitError
from cloudkit.evaluate.evaluation import Scores
from cloudkit.report.charts import Axis, Series, chart, standalone
from cloudkit.report.density import cloud
from cloudkit.units import DULONG_PETIT

if TYPE_CHECKING:
    import pandas as pd

LOOKS: Final = "abcde"


def parity_plot(scores: Scores, name: str = "prediction") -> str:
    """Prediction (or the baseline `name`) against label as SVG: one mark per row, or the density of many."""
    target, predicted = scores.columns["target"], scores.columns[name]
    both = np.concatenate([target, predicted])
    room = 0.03 * float(np.ptp(both)) or 1.0
    ends = float(both.min()) - room, float(both.max()) + room
    quantity, unit = scores.metrics["quantity"].replace("_", " "), scores.metrics["unit"]
    what = f"{quantity} ({unit})" if unit else quantity
    series = cloud(target, predicted, *ends, "a" if name == "prediction" else "b")
    axes = Axis(f"label: {what}", *ends), Axis(name.replace("_", " "), *ends)
    return chart(series, *axes, title=f"{name} against label: {what}", diagonal=True)


def curve_plot(table: "pd.DataFrame", quantity: str = "heat_capacity") -> str:
    """Values over temperature of the first crystals of a table that `Model.predict` made, as SVG."""
    rows = table[table["quantity"] == quantity]
    if not len(rows) or rows["temperature"].nunique() < 2:
        raise CloudkitError(
            f"nothing to plot: {quantity} at two temperatures or more is needed; give --temperatures 0:600:10"
        )
    series = []
    for look, name in zip(LOOKS, dict.fromkeys(rows["id"]), strict=False):
        own = rows[rows["id"] == name].sort_values("temperature")
        series.append(Series(own["temperature"].to_numpy(), own["value"].to_numpy(), str(name), look))
    unit = str(rows["unit"].iloc[0])
    rules = [("3R", DULONG_PETIT)] if unit == "J/mol_atom/K" and quantity == "heat_capacity" else []
    what = f"{quantity.replace('_', ' ')} ({unit})"
    return chart(series, Axis("temperature (K)"), Axis(what), title=f"{what} over temperature", rules=rules)


def save_plot(svg: str, path: Path) -> None:
    """Write a figure to a .svg file; raises CloudkitError for another suffix or a folder that is not there."""
    if path.suffix.lower() != ".svg":
        raise CloudkitError(f"{path}: figures are written as .svg; choose that suffix")
    try:
        path.write_text(standalone(svg), encoding="utf-8")
    except OSError as error:
        raise CloudkitError(f"{path}: cannot be written ({error.strerror})") from None
