"""The periodic table as a chart: how often each element occurs."""

import math
from collections.abc import Mapping
from html import escape
from typing import Final

from cloudkit.report.charts import WIDTH
from cloudkit.tables import ELEMENT, ELEMENTS, Element

CELL: Final = WIDTH / 18
GAP: Final = 6.0  # between the table and the rows of the f block
FAINTEST: Final = 0.12  # opacity of an element that occurs once


def element_map(counts: Mapping[str, int], what: str) -> str:
    """Draw the periodic table; elements that occur more often are darker, on a logarithmic scale.

    Parameters
    ----------
    counts
        Symbol -> number; a browser shows it over the element.
    what
        What is counted, in the plural.

    Returns
    -------
    str
        SVG.

    Examples
    --------
    >>> element_map({"O": 12}, "strings").count("<rect")
    103
    """
    most = math.log(max([*counts.values(), 2]))
    height = 9 * CELL + GAP
    words = f"{what} by element: " + ", ".join(f"{symbol} {count}" for symbol, count in counts.items())
    parts = [
        f'<svg class="ck" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(words)}">',
        *(
            _tile(element, counts.get(element.symbol, 0), most, what)
            for element in ELEMENTS
            if element.number <= ELEMENT["Lr"].number
        ),
        "</svg>",
    ]
    return "".join(parts)


def _tile(element: Element, count: int, most: float, what: str) -> str:
    column, row = element.group - 1, element.period - 1
    top = row * CELL
    for first, line in (("La", 7), ("Ac", 8)):
        if 0 <= element.number - ELEMENT[first].number < 15:
            column, top = 2 + element.number - ELEMENT[first].number, line * CELL + GAP
    opacity = FAINTEST + (1 - FAINTEST) * math.log(count) / most if count else 0.0
    shade = "k" if count else ""
    return (
        f"<g><title>{element.symbol}: {count:,} {escape(what)}</title>"
        f'<rect class="tile" x="{column * CELL + 0.5:.1f}" y="{top + 0.5:.1f}" width="{CELL - 1:.1f}" height="{CELL - 1:.1f}" rx="2" '
        f'fill-opacity="{opacity:.2f}"/>'
        f'<text class="{shade if opacity < 0.55 else "lit"}" x="{(column + 0.5) * CELL:.1f}" y="{top + CELL / 2 + 3.5:.1f}" '
        f'text-anchor="middle" font-size="9.5">{element.symbol}</text></g>'
    )
