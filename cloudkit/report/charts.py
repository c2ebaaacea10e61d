"""Small charts as SVG text, for pages: lines, points, bars and bands.

A chart refers to nothing outside. Its colours are CSS classes (charts.css), so one drawing works in light and dark mode;
each series also has its own dash or marker. Equal input gives equal bytes.
"""

import math
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
WIDTH: Final = 380.0
LEFT, RIGHT, TOP = 52.0, 12.0, 12.0
ROW: Final = 17.0  # height of one row of the legend
GLYPH: Final = 6.2  # mean width of a character at 11 px


class Series(NamedTuple):
    """One series of points (n,).

    label: entry of the legend; look: color, "ref" or "a" to "e"; hover: text that a browser shows over it. kind:

    - "line", "dots" (filled), "cloud" (transparent), "rings", or "n1" to "n5": dots of growing size
    - "area": outline of a filled area; a band runs along its lower end and back along the upper one
    - "bars" and "whiskers": vertical strokes between the two points of each pair
    """

    x: Array
    y: Array
    label: str = ""
    look: str = "a"
    kind: str = "line"
    hover: str = ""


class Axis(NamedTuple):
    """One axis; ends that are None follow from the data."""

    label: str
    low: float | None = None
    high: float | None = None
    log: bool = False


class Scale(NamedTuple):
    """Maps data to pixels: `low` to `start`, `high` to `end`; low and high are logarithms if `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def __call__(self, values: Array) -> Array:
        """Return the pixels of data."""
        data = np.log10(values) if self.log else values
        return self.start + (data - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float) -> list[float]:
    """Return about 6 round numbers (1, 2 or 5 times a power of ten) from low to high."""
    raw = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def drawable(series: Series, log_x: bool, log_y: bool) -> Series:
    """Remove points that are not finite, or not positive on a logarithmic axis."""
    x, y = np.asarray(series.x, dtype=np.float64), np.asarray(series.y, dtype=np.float64)
    keep = np.isfinite(x) & np.isfinite(y)
    keep &= ((x > 0) | (not log_x)) & ((y > 0) | (not log_y))
    return series._replace(x=x[keep], y=y[keep])


def scale(axis: Axis, columns: Sequence[Array], start: float, end: float) -> Scale:
    """Return the scale from `start` to `end` (pixels) that fits all columns, with a margin at ends that the axis leaves open."""
    data = np.concatenate([*columns, np.array([v for v in (axis.low, axis.high) if v is not None])])
    if data.size == 0:
        data = np.array([1.0, 10.0])
    low = float(data.min()) if axis.low is None else axis.low
    high = float(data.max()) if axis.high is None else axis.high
    if axis.log:
        low, high = math.log10(low), math.log10(high)
    if high - low <= 1e-9 * max(abs(high), abs(low), 1e-300):
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    room = 0.04 * (high - low)
    return Scale(
        low if axis.low is not None else low - room,
        high if axis.high is not None else high + room,
        start,
        end,
        axis.log,
    )


def _tick_values(scale: Scale) -> list[float]:
    if not scale.log:
        return ticks(scale.low, scale.high)
    if scale.high - scale.low < 1:
        return ticks(10**scale.low, 10**scale.high)
    decades = range(math.floor(scale.low), math.ceil(scale.high) + 1)
    factors = (1,) if scale.high - scale.low > 3 else (1, 2, 5)
    values = [factor * 10.0**decade for decade in decades for factor in factors]
    return [value for value in values if scale.low <= math.log10(value) <= scale.high]


def _number(value: float) -> str:
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-")
    return f"{value:g}".replace("-", "−")


def axes(across: Scale, up: Scale, x_label: str, y_label: str) -> list[str]:
    """Draw grid lines, tick labels and axis labels."""
    left, right, bottom, top = across.start, across.end, up.start, up.end
    out = []
    for value in _tick_values(up):
        at = float(up(np.array([value]))[0])
        out.append(f'<line class="grid" x1="{left:g}" x2="{right:g}" y1="{at:.1f}" y2="{at:.1f}"/>')
        out.append(f'<text x="{left - 6:g}" y="{at + 3.8:.1f}" text-anchor="end">{_number(value)}</text>')
    for value in _tick_values(across):
        at = float(across(np.array([value]))[0])
        out.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{top:g}" y2="{bottom:g}"/>')
        out.append(f'<text x="{at:.1f}" y="{bottom + 15:g}" text-anchor="middle">{_number(value)}</text>')
    middle = (top + bottom) / 2
    out.append(
        f'<text x="{(left + right) / 2:g}" y="{bottom + 33:g}" text-anchor="middle">{escape(x_label)}</text>'
    )
    out.append(
        f'<text transform="translate(12 {middle:g}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
    )
    return out


def rule_lines(lines: Sequence[tuple[str, float]], across: Scale, up: Scale) -> list[str]:
    """Draw horizontal reference lines with their names."""
    out = []
    for label, value in lines:
        at = float(up(np.array([value]))[0])
        out.append(
            f'<line class="rule" x1="{across.start:g}" x2="{across.end:g}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        out.append(f'<text x="{across.start + 5:g}" y="{at - 4:.1f}">{escape(label)}</text>')
    return out


def path(x: Array, y: Array, join: str = "L") -> str:
    """Return SVG path data through the points (pixels), or with the mark `join` at each of them."""
    points = [f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)]
    if join == "L":
        return "M" + "L".join(points) if points else ""
    return "".join(f"M{point}{join}" for point in points)


def mark(series: Series, across: Scale, up: Scale) -> str:
    """Draw one series."""
    x, y = across(series.x), up(series.y)
    hover = f"<title>{escape(series.hover)}</title>" if series.hover else ""
    return _shape(series, x, y).replace("/>", f">{hover}</path>") if hover else _shape(series, x, y)


def _shape(series: Series, x: Array, y: Array) -> str:
    if series.kind == "line" and x.size != 1:
        return f'<path class="line {series.look}" d="{path(x, y)}"/>'
    if series.kind == "area":
        return f'<path class="area {series.look}" d="{path(x, y)}Z"/>'
    if series.kind in ("bars", "whiskers"):
        strokes = "".join(path(x[at : at + 2], y[at : at + 2]) for at in range(0, x.size, 2))
        width = f' stroke-width="{_bar_width(x):.1f}"' if series.kind == "bars" else ""
        return f'<path class="{series.kind} {series.look}"{width} d="{strokes}"/>'
    if series.kind == "rings":
        return f'<path class="rings {series.look}" d="{path(x - 2.6, y, "a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0")}"/>'
    kind = "dots" if series.kind in ("dots", "line") else f"dots {series.kind}"
    return f'<path class="{kind} {series.look}" d="{path(x, y, "h0")}"/>'


def _bar_width(x: Array) -> float:
    """Return a width of bars at x (pixels) that leaves gaps between them."""
    return float(min(16.0, 0.75 * np.diff(np.unique(x)).min(initial=20.0)))


def legend(series: Sequence[Series]) -> tuple[list[str], float]:
    """Draw the legend above the plot, wrapped to its width; return it and the top of the plot (pixels)."""
    named = list({one.label: one for one in series if one.label}.values())
    out: list[str] = []
    at, row = LEFT, 0
    for one in named:
        glyph = 26 if one.kind == "line" else 20
        most = int((WIDTH - LEFT - glyph - 8) / GLYPH)
        name = one.label if len(one.label) <= most else one.label[: most - 1] + "…"
        needed = glyph + 8 + GLYPH * len(name)
        if at > LEFT and at + needed > WIDTH:
            at, row = LEFT, row + 1
        y = 10 + ROW * row
        whole = one.kind in ("line", "whiskers")
        ends = np.array([at, at + glyph - 6]) if whole else np.array([at + glyph / 2 - 3])
        out.append(_shape(one, ends, np.full(ends.shape, y)))
        out.append(f'<text class="k" x="{at + glyph:.1f}" y="{y + 3.8:g}">{escape(name)}</text>')
        at += needed + 10
    return out, TOP + (ROW * (row + 1) if named else 0.0)


__all__ = ["SQUARE", "Axis", "Series", "chart", "css", "standalone"]

BOTTOM: Final = 40.0
HEIGHT: Final = 262.0  # of the whole chart; a legend takes its rows from the plot
# height at which a chart without legend has a square plot
SQUARE: Final = TOP + WIDTH - LEFT - RIGHT + BOTTOM


@cache
def css() -> str:
    """Return the style that charts need, once per page."""
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

    Parameters
    ----------
    series, x, y
        Data and axes.
    title
        Text for screen readers.
    rules
        Horizontal reference lines, (label, y).
    diagonal
        Draw the line y = x, on a square plot.
    height
        In pixels, of the whole chart; a legend takes its rows from the plot.

    Returns
    -------
    str
        SVG, to be used with `css`.

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> chart([Series(x, x)], Axis("x"), Axis("y"), title="y over x")[:15]
    '<svg class="ck"'
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
    """Return a chart as the text of an .svg file, with its style and a background."""
    paper = "svg.ck{background:#fff}@media (prefers-color-scheme:dark){svg.ck{background:#12161d}}"
    start = svg.index(">") + 1
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n{svg[:start]}<style>{css()}{paper}</style>{svg[start:]}\n'
    )
