"""The best candidates as one page."""

from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cloudkit.evaluate.display import quantity_name, short_scope
from cloudkit.report.charts import Axis, Series, chart
from cloudkit.report.page import grid, page, table

if TYPE_CHECKING:
    from cloudkit.corpus import Ranking, Wanted

HEADS: Final = ("rank", "id", "formula", "prediction", "±", "unit", "novelty", "string")


def rank_page(ranking: "Ranking", wanted: "Wanted", model: str) -> str:
    """A self-contained page: each candidate with string, formula, prediction ± half of its 80 % band, and novelty."""
    best: Any = ranking.table.to_dict("records")
    name = quantity_name(ranking.quantity)
    rows = [
        (
            place, row["id"], row["formula"], row["value"], (row["upper"] - row["lower"]) / 2, row["unit"], row["novelty"],
            short_scope(row["scope"]),
        )
        for place, row in enumerate(best, start=1)
    ]  # fmt: skip
    condition = f" where {wanted.where}" if wanted.where else ""
    lead = (
        f'<p class="lead">The {"lowest" if wanted.lowest else "highest"} {len(best)} by {name}, of {ranking.kept:,} candidates'
        f"{escape(condition)} ({ranking.predicted:,} predicted, {len(ranking.failures):,} failed, {ranking.novel:,} new).</p>"
    )
    note = (
        '<p class="dim">± is half of the band in which 80 % of crystals not seen in training lie; – where the model states none. '
        "known: its canonical string is in the reference set; known formula: another structure of it is.</p>"
    )
    return page(
        f"{name}, {model}", [lead, note, _plot(ranking, name), table(HEADS, rows, ("string",))], "candidates"
    )


def _plot(ranking: "Ranking", name: str) -> str:
    place = np.arange(1, len(ranking.table) + 1, dtype=float)
    columns = {key: ranking.table[key].to_numpy(float) for key in ("value", "lower", "upper")}
    series = [
        Series(place, columns["value"], "prediction", "a", "dots"),
        Series(place, columns["lower"], "80 % band", "b"),
        Series(place, columns["upper"], "80 % band", "b"),
    ]
    unit = f" ({ranking.unit})" if ranking.unit else ""
    svg = chart(
        series if np.isfinite(columns["lower"]).any() else series[:1],
        Axis("rank"),
        Axis(name + unit),
        title=name,
    )
    return grid([("", "Predictions by rank.", svg)]) if len(place) else ""
