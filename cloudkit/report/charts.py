"""Small line and point charts as SVG text: the figures of report.html and of `evaluate` and `predict --plot`.

A chart is a string without outside references. Its colours are CSS classes (charts.css), so one drawing serves light
and dark; every series also has its own dash or marker, so it reads without colour. Same input, same bytes.
"""

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final

import numpy as np

from cloudkit.report.chart_parts import (
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Series,
    axes,
    drawable,
    legend,
    mark,
    path,
    rule_lines,
    scale,
)

__all__ = ["SQUARE", "Axis", "Series", "chart", "css", "standalone"]

BOTTOM: Final = 40.0
HEIGHT: Final = 262.0  # of the whole chart; a legend takes its rows from the plot
SQUARE: Final = (
    TOP + WIDTH - LEFT - RIGHT + BOTTOM
)  # height at which a chart without legend has a square plot


@cache
def css() -> str:
    """The style that every chart needs, once per page."""
    return files("cloudkit.report").joinpath("charts.css").read_text(encoding="utf-8")


def chart(
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    title: str,
    rules: Sequence[tuple[str, float]] = (),
    diagonal: bool = False,
    height: float = HEIGHT,
) -> str:
    """Draw series on common axes.

    rules: (label, y), horizontal reference lines; diagonal: draw the line y = x, on a square plot.
    """
    kept = [drawable(one, x.log, y.log) for one in series]
    names, top = legend(series)
    if diagonal:
        height = SQUARE + top - TOP
    across = scale(x, [s.x for s in kept], LEFT, WIDTH - RIGHT)
    up = scale(y, [s.y for s in kept] + [np.array([value for _, value in rules])], height - BOTTOM, top)
    body = [*axes(across, up, x.label, y.label), *rule_lines(rules, across, up)]
    body += [mark(one, across, up) for one in kept]
    if diagonal:
        low, high = max(across.low, up.low), min(across.high, up.high)
        points = across(np.array([low, high])), up(np.array([low, high]))
        body.append(f'<path class="rule" d="{path(*points)}"/>')
    head = f'<svg class="ck" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img"'
    return f'{head} aria-label="{escape(title)}">{"".join(names + body)}</svg>'


def standalone(svg: str) -> str:
    """The same chart as a file of its own: its style inside, on a plain background."""
    paper = "svg.ck{background:#fff}@media (prefers-color-scheme:dark){svg.ck{background:#12161d}}"
    start = svg.index(">") + 1
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n{svg[:start]}<style>{css()}{paper}</style>{svg[start:]}\n'
    )
