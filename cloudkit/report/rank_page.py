"""The best candidates as one page."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cloudkit.evaluate.display import quantity_name, short_scope
from cloudkit.report.charts import Axis, Series, chart
from cloudkit.report.page import Figure, render

if TYPE_CHECKING:
    from cloudkit.corpus import Ranking, Wanted


def rank_page(ranking: "Ranking", wanted: "Wanted", model: str) -> str:
    """Return a page of the best candidates: string, formula, prediction ± half of its 80 % interval, and novelty."""
    best: Any = ranking.table.to_dict("records")
    name = quantity_name(ranking.quantity)
    rows = [
        (
            rank, row["id"], row["formula"], row["value"], (row["upper"] - row["lower"]) / 2, row["unit"], row["novelty"],
            short_scope(row["scope"]),
        )
        for rank, row in enumerate(best, start=1)
    ]  # fmt: skip
    plots = [Figure("", "Predictions by rank.", _plot(ranking, name))] if rows else []
    return render(
        "rank.html", title=f"{name}, {model}", kind="candidates", ranking=ranking, wanted=wanted, quantity=name,
        rows=rows, plots=plots,
    )  # fmt: skip


def _plot(ranking: "Ranking", name: str) -> str:
    rank = np.arange(1, len(ranking.table) + 1, dtype=float)
    columns = {key: ranking.table[key].to_numpy(float) for key in ("value", "lower", "upper")}
    series = [
        Series(rank, columns["value"], "prediction", "a", "dots"),
        Series(rank, columns["lower"], "80 % interval", "b"),
        Series(rank, columns["upper"], "80 % interval", "b"),
    ]
    unit = f" ({ranking.unit})" if ranking.unit else ""
    shown = series if np.isfinite(columns["lower"]).any() else series[:1]
    return chart(shown, Axis("rank"), Axis(name + unit), title=name)
