"""Figures of the report of a build, each an SVG drawn from the files of the run (see charts.py)."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cloudkit.evaluate.display import baseline_name, quantity_name, short_scope
from cloudkit.html import format_number
from cloudkit.report.charts import SQUARE, Array, Axis, Series, chart
from cloudkit.report.page import Figure
from cloudkit.report.run_folder import Predictions
from cloudkit.units import DULONG_PETIT

MAX_POINTS: Final = 1500  # more are drawn as a density, because points would hide each other
HEXAGONS_ACROSS: Final = 32
DISC_SIZES: Final = 5  # charts.css: .n1 to .n5


def _cloud(x: Array, y: Array, low: float, high: float, look: str) -> list[Series]:
    """Return points of a square from `low` to `high` on both axes as one series, or as a density if there are many.

    In a density, a disc is as large as the number of points in its hexagon; each series is a range of numbers, ascending.
    """
    if x.size <= MAX_POINTS:
        return [Series(x, y, "", look, "cloud")]
    size = (high - low) / HEXAGONS_ACROSS
    centers, counts = _hexagons((x - low) / size, (y - low) / size)
    edges = np.unique(np.round(np.geomspace(1, counts.max() + 1, DISC_SIZES + 1)).astype(int))
    out = []
    for number, (first, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        at = low + size * centers[(counts >= first) & (counts < end)]
        label = f"{first:,}" if end - first == 1 else f"{first:,}–{end - 1:,}"
        kind = f"n{DISC_SIZES - len(edges) + 2 + number}"
        out.append(Series(at[:, 0], at[:, 1], label, look, kind))
    return [*out[:-1], out[-1]._replace(label=f"{out[-1].label} rows")]


def _hexagons(x: Array, y: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return the centers (n, 2) of the hexagons, one unit wide, that contain points, and the number of points in each (n,).

    The centers form two rectangular lattices, the second at the centers of the first; a point belongs to the nearer center.
    """
    unit = np.array([1.0, np.sqrt(3.0)])
    points = np.stack([x, y], axis=1) / unit
    centers = np.stack([np.round(points), np.floor(points) + 0.5])
    first, second = (((points - centers) * unit) ** 2).sum(axis=2)
    chosen = np.where((first <= second)[:, None], *centers)
    found, counts = np.unique(chosen, axis=0, return_counts=True)
    return found * unit, counts


LOOKS: Final = {"mean": "e", "ridge": "c", "extra_trees": "b", "boosted_trees": "d"}
MAX_CRYSTALS: Final = 6  # in the gallery of curves
MAX_TEMPERATURES: Final = 40  # in the chart of errors; more are binned


def learning_curves(curves: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Draw training and validation loss over the epochs of each stage that trained; return (stage, svg)."""
    out = []
    for stage in dict.fromkeys(str(row["stage"]) for row in curves):
        rows = [row for row in curves if str(row["stage"]) == stage]
        epoch = _column(rows, "epoch")
        train, valid = _column(rows, "train_loss"), _column(rows, "valid_loss")
        series = [Series(epoch, train, "training", "a")]
        if np.isfinite(valid).any():
            series += [Series(epoch, valid, "validation", "b")]
        losses = np.concatenate([train, valid])
        log = bool((losses[np.isfinite(losses)] > 0).all())
        svg = chart(series, Axis("epoch"), Axis("loss", log=log), title=f"Loss of {stage} over its epochs")
        out.append((stage, svg))
    return out


def _column(rows: list[dict[str, Any]], name: str) -> Array:
    values = [row.get(name) for row in rows]
    return np.array([np.nan if value is None else float(value) for value in values])


def is_dense(group: Predictions) -> bool:
    """Return whether the rows are drawn as a density."""
    return len(group.ids) > MAX_POINTS


def parity(group: Predictions, baseline: str | None = None) -> str:
    """Draw predictions of the model or a baseline against references: one series per crystal, or the density of many rows."""
    column = group.prediction if baseline is None else group.baselines[baseline]
    look = "a" if baseline is None else LOOKS.get(baseline, "d")
    both = np.concatenate([group.target, group.prediction, *group.baselines.values()])
    room = 0.03 * float(np.ptp(both)) or 1.0
    ends = float(both.min()) - room, float(both.max()) + room
    if is_dense(group):
        series = _cloud(group.target, column, *ends, look)
    else:
        named = group.rows_by_crystal().items()
        series = [Series(group.target[rows], column[rows], "", look, "cloud", name) for name, rows in named]
    who = "model" if baseline is None else baseline_name(baseline)
    what = f"{quantity_name(group.quantity)} ({group.unit})" if group.unit else quantity_name(group.quantity)
    return chart(series, Axis(f"reference: {what}", *ends), Axis(f"predicted by {who}", *ends),
                 title=f"{who}: predicted against reference {what}", diagonal=True)  # fmt: skip


def error_over_temperature(group: Predictions) -> str:
    """Draw the mean absolute error of the model and each baseline over temperature; "" for fewer than three temperatures."""
    if np.unique(group.temperature[np.isfinite(group.temperature)]).size < 3:
        return ""
    names = {"model": group.prediction} | group.baselines
    series = []
    for name, column in names.items():
        at, mean = _by_temperature(group.temperature, np.abs(column - group.target))
        label, look = (name, "a") if name == "model" else (baseline_name(name), LOOKS.get(name, "d"))
        series.append(Series(at, mean, label, look))
    return chart(series, Axis("temperature (K)"), Axis(f"mean absolute error ({group.unit})", 0.0),
                 title=f"Mean absolute error of {quantity_name(group.quantity)} over temperature", height=SQUARE)  # fmt: skip


def _by_temperature(temperature: Array, error: Array) -> tuple[Array, Array]:
    """Return the mean error at each temperature, or in bins if there are many."""
    at, group = np.unique(temperature, return_inverse=True)
    if at.size > MAX_TEMPERATURES:
        edges = np.quantile(at, np.linspace(0, 1, MAX_TEMPERATURES + 1))
        group = np.clip(np.searchsorted(edges, temperature, side="right") - 1, 0, MAX_TEMPERATURES - 1)
        at = (edges[1:] + edges[:-1]) / 2
    count = np.bincount(group, minlength=at.size)
    mean = np.bincount(group, error, minlength=at.size) / np.maximum(count, 1)
    return at[count > 0], mean[count > 0]


def crystal_curves(group: Predictions) -> list[Figure]:
    """Draw curves of crystals from the best to the worst predicted, evenly spaced by the rank of their error."""
    error = np.abs(group.error())
    crystals = [
        (float(error[rows].mean()), name, rows)
        for name, rows in group.rows_by_crystal().items()
        if rows.size > 2
    ]
    crystals.sort(key=lambda one: one[:2])
    chosen = np.unique(
        np.linspace(0, len(crystals) - 1, min(MAX_CRYSTALS, len(crystals))).round().astype(int)
    )
    return [_crystal(group, *crystals[index]) for index in chosen.tolist()]


def _crystal(group: Predictions, error: float, name: str, rows: npt.NDArray[np.int64]) -> Figure:
    rows = rows[np.argsort(group.temperature[rows])]
    at = group.temperature[rows]
    series = [Series(at, group.prediction[rows], "model", "a")]
    if "extra_trees" in group.baselines:
        series.append(Series(at, group.baselines["extra_trees"][rows], baseline_name("extra_trees"), "b"))
    series.append(Series(at, group.target[rows], "reference", "ref", "rings"))
    rules = [("3R", DULONG_PETIT)] if group.quantity == "heat_capacity" else []
    what = f"{quantity_name(group.quantity)} ({group.unit})"
    floor = 0.0 if group.quantity in ("heat_capacity", "entropy") else None
    svg = chart(series, Axis("temperature (K)"), Axis(what, floor), title=f"{what} of {name}", rules=rules)
    caption = f"{short_scope(group.scopes[int(rows[0])])}. Mean error {format_number(error)} {group.unit}"
    return Figure(name, caption, svg)
