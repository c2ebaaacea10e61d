"""Many points as a density: discs that grow and darken with the logarithm of how many points lie around them."""

from typing import Final

import numpy as np
import numpy.typing as npt

from cloudkit.report.chart_parts import Array, Series

MANY: Final = 1500  # points beyond which marks lie on top of each other
ACROSS: Final = 32  # discs side by side
SIZES: Final = 5  # of discs (charts.css: .n1 to .n5)


def cloud(x: Array, y: Array, low: float, high: float, look: str) -> list[Series]:
    """Points of a square from `low` to `high` on both axes: as they are, or many as a density whose legend is its scale.

    Every point counts in the hexagon around the disc; each series is a class of counts, few first.
    """
    if x.size <= MANY:
        return [Series(x, y, "", look, "cloud")]
    size = (high - low) / ACROSS
    places, counts = _hexagons((x - low) / size, (y - low) / size)
    edges = np.unique(np.round(np.geomspace(1, counts.max() + 1, SIZES + 1)).astype(int))
    out = []
    for number, (first, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        at = low + size * places[(counts >= first) & (counts < end)]
        words = f"{first:,}" if end - first == 1 else f"{first:,}–{end - 1:,}"
        kind = f"n{SIZES - len(edges) + 2 + number}"
        out.append(Series(at[:, 0], at[:, 1], words, look, kind))
    return [*out[:-1], out[-1]._replace(label=f"{out[-1].label} rows")]


def _hexagons(x: Array, y: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Centers (n, 2) of the hexagons, one unit wide, that hold points, and how many each holds (n,).

    They are two lattices of rectangles, the second amid the first: a point belongs to the nearer of its two centers.
    """
    unit = np.array([1.0, np.sqrt(3.0)])
    points = np.stack([x, y], axis=1) / unit
    centers = np.stack([np.round(points), np.floor(points) + 0.5])
    first, second = (((points - centers) * unit) ** 2).sum(axis=2)
    chosen = np.where((first <= second)[:, None], *centers)
    places, counts = np.unique(chosen, axis=0, return_counts=True)
    return places * unit, counts
