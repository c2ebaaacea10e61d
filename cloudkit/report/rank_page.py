"""The best candidates as one page."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cloudkit.evaluate.display import quantity_name, short_scope
from cloudkit.report.charts import Axis, Series, chart
from cloudkit.report.page import Figure, render

if TYPE_CHECKING:
    from cloudkit.corpus import Ranking, Wanted


def rank_page(ranking: "Ranking", wanted: "Wanted", model: str) -> str:
    """Return a page of the best candidates: formula, prediction ± half of its 80 % interval, all other quantities, string."""
    best: Any = ranking.table.to_dict("records")
    name = quantity_name(ranking.quantity)
    others = sorted(
        (quantity for quantity in ranking.units if quantity != ranking.quantity),
        key=lambda quantity: (
            ranking.column(quantity) not in (wanted.where or "")
        ),  # those of the condition first
    )
    heads = [
        "rank", "id", "formula", "novelty", _with_unit(name, ranking.unit), "±",
        *(_with_unit(quantity_name(quantity), ranking.units[quantity]) for quantity in others), "string",
    ]  # fmt: skip
    rows = [
        (
            rank, row["id"], row["formula"], row["novelty"], row["value"], (row["upper"] - row["lower"]) / 2,
            *(row[ranking.column(quantity)] for quantity in others), short_scope(row["scope"]),
        )
        for rank, row in enumerate(best, start=1)
    ]  # fmt: skip
    plots = [Figure("", "Predictions by rank.", _plot(ranking, name))] if rows else []
    return render(
        "rank.html", title=f"{name}, {model}", kind="candidates", ranking=ranking, where=wanted.where,
        order="lowest" if wanted.is_rising(ranking.quantity) else "highest", quantity=name, heads=heads, rows=rows,
        plots=plots,
    )  # fmt: skip


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _plot(ranking: "Ranking", name: str) -> str:
    rank = np.arange(1, len(ranking.table) + 1, dtype=float)
    columns = {key: ranking.table[key].to_numpy(float) for key in ("value", "lower", "upper")}
    series = [
        Series(rank, columns["value"], "prediction", "a", "dots"),
        Series(rank, columns["lower"], "80 % interval", "b"),
        Series(rank, columns["upper"], "80 % interval", "b"),
    ]
    shown = series if np.isfinite(columns["lower"]).any() else series[:1]
    return chart(shown, Axis("rank"), Axis(_with_unit(name, ranking.unit)), title=name)
