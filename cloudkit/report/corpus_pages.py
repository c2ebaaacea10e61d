"""Pages about many strings: the report of an audit, and the best candidates by a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cloudkit.evaluate.display import quantity_name, short_scope
from cloudkit.report.charts import Axis, Series, chart
from cloudkit.report.element_map import element_map
from cloudkit.report.page import Figure, formula_html, render
from cloudkit.tables import ELEMENT
from cloudkit.units import QUANTITIES

if TYPE_CHECKING:
    from cloudkit.corpus import Ranking, RankOptions

MAX_CONFLICTS: Final = 20  # rows of conflicting labels that are listed
MIN_PLOTTED: Final = 3  # conflicts; a table shows fewer better than a plot
DOT_SIZES: Final = (1, 2, 4, 10, 30)  # numbers of strings from which a dot of the map is larger
BAR_START: Final = 0.7  # of bars of counts, on a logarithmic axis


def audit_page(report: Mapping[str, Any]) -> str:
    """Render the report of `cloudkit.corpus.audit` as a page.

    Parameters
    ----------
    report
        Result of `audit`.

    Returns
    -------
    str
        Self-contained HTML.

    Examples
    --------
    >>> from cloudkit.corpus import audit
    >>> "1 of 230 occur" in audit_page(audit(["strings.csv"]))
    True
    """
    names = [entry["file"] for entry in report["files"]]
    keys = ("file", "rows", "invalid", "strings", "dialects")
    groups = report["space_groups"]
    return render(
        "audit.html",
        title=names[0] if len(names) == 1 else f"{len(names)} files",
        kind="audit",
        duplicates=report["duplicates"],
        files=[[*(entry[key] for key in keys), ", ".join(entry["labels"])] for entry in report["files"]],
        label_notes=[f"{entry['file']}: {note}" for entry in report["files"] for note in entry["label_notes"]],
        pair_heads=(
            "first", "second", "same string", f"same {report['same_crystal']}", "rows of the first", "rows of the second",
        ),
        overlaps=_pairs(report["overlaps"]),
        splits=_pairs(report["splits"], ("file",)),
        labels=[
            [
                entry["file"], entry["label"], entry["repeated"], entry["clashing"], entry["median_spread"],
                entry["largest_spread"], entry["mad"],
            ]
            for entry in report["labels"]
        ],
        label_plots=[_conflicts(entry) for entry in report["labels"] if len(entry["worst"]) >= MIN_PLOTTED],
        worst_labels=[
            [
                entry["label"], one["formula"], one["space_group"], one["copies"], float(one["lowest"]), float(one["highest"]),
                short_scope(one["scope"]),
            ]
            for entry in report["labels"]
            for one in entry["worst"][:MAX_CONFLICTS]
        ],
        frequent=[
            [one["copies"], one["formula"], one["space_group"], one["id"], short_scope(one["scope"])]
            for one in report["duplicates"]["most"]
        ],
        coverage=_coverage(report),
        missing_groups=_ranges(number for number in range(1, 231) if number not in groups),
        invalid=[[entry["file"], *one] for entry in report["files"] for one in entry["first_invalid"]],
    )  # fmt: skip


def _pairs(pairs: Iterable[Mapping[str, Any]], extra: Sequence[str] = ()) -> list[list[Any]]:
    return [
        [
            *(pair[name] for name in extra), pair["first"], pair["second"], pair["string"]["shared"], pair["crystal"]["shared"],
            pair["crystal"]["rows_first"], pair["crystal"]["rows_second"],
        ]
        for pair in pairs
    ]  # fmt: skip


def _conflicts(entry: Mapping[str, Any]) -> Figure:
    """Plot lowest against highest label of the strings whose labels differ most."""
    low, high = (np.array([one[key] for one in entry["worst"]], float) for key in ("lowest", "highest"))
    title = f"{entry['label']}: the {len(entry['worst'])} widest conflicts"
    svg = chart(
        [Series(low, high, kind="rings")], Axis("lowest label"), Axis("highest label"), title=title, diagonal=True
    )  # fmt: skip
    return Figure(title, entry["file"], svg)


def _coverage(report: Mapping[str, Any]) -> list[Figure]:
    elements, groups = report["elements"], report["space_groups"]
    return [
        Figure("Elements", f"{len(elements)} occur; the darker, the more strings.", element_map(elements, "strings")),
        Figure("Elements and space groups", "A larger dot means more strings: 1, 2, 4 or more, 10 or more, 30 or more.", _pair_map(report["space_groups_of_elements"])),
        Figure("Space groups", f"{len(groups)} of 230 occur.", _counts(groups, "space group")),
        Figure("Sites of the conventional cell", "", _counts(report["sites"], "sites")),
        Figure("Orbits of a crystal", "", _counts(report["orbits"], "orbits")),
        Figure("Elements of a crystal", "", _counts(report["number_of_elements"], "number of elements")),
        Figure("Length", "Tokens of the compact vocabulary, [CLS] and [SEP] included.", _counts(report["tokens"], "tokens")),
    ]  # fmt: skip


def _pair_map(counts: Mapping[str, Mapping[int, int]]) -> str:
    """Draw a dot for each element and space group that occur together."""
    points = np.array(
        [
            (ELEMENT[symbol].number, group, n)
            for symbol, groups in counts.items()
            for group, n in groups.items()
        ],
        float,
    ).reshape(-1, 3)
    level = np.searchsorted(DOT_SIZES, points[:, 2], side="right")
    series = [
        Series(points[level == size, 0], points[level == size, 1], kind=f"n{size}")
        for size in range(1, len(DOT_SIZES) + 1)
    ]
    return chart(
        series,
        Axis("atomic number", 0, 104),
        Axis("space group", 0, 231),
        title="strings by element and space group",
    )


def _counts(counts: Mapping[int, int], label: str) -> str:
    """Draw bars on a logarithmic axis that starts below 1, so that a single string is visible."""
    bars = [(at, end) for at, count in counts.items() for end in (BAR_START, count)]
    x, y = np.array(bars, float).reshape(-1, 2).T
    strings = Axis("strings (logarithmic)", BAR_START, log=True)
    return chart([Series(x, y, kind="bars")], Axis(label), strings, title=f"strings by {label}")


def _ranges(numbers: Iterable[int]) -> str:
    """Write whole numbers as ranges: "1 to 3, 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def rank_page(ranking: "Ranking", options: "RankOptions", model: str) -> str:
    """Render the result of `cloudkit.corpus.rank` as a page.

    Parameters
    ----------
    ranking, options
        Result of `rank`, and its options.
    model
        Name of the model.

    Returns
    -------
    str
        Self-contained HTML: a plot, and a table with formula, prediction ± half of its 80 % interval, novelty, all other
        quantities, sites and id.

    Examples
    --------
    >>> from cloudkit.corpus import RankOptions, Ranking
    >>> from pandas import DataFrame
    >>> page = rank_page(Ranking(DataFrame(columns=["formula"]), "band_gap", "eV"), RankOptions(), "electronic")
    >>> "of 0 candidates" in page
    True
    """
    best: Any = ranking.table.to_dict("records")
    name = quantity_name(ranking.quantity)
    others = sorted(
        (quantity for quantity in ranking.units if quantity != ranking.quantity),
        key=lambda quantity: (  # those of the condition first, thermal values last
            ranking.column(quantity) not in (options.where or ""),
            quantity in QUANTITIES,
        ),
    )
    heads = [
        "rank", "formula", _with_unit(name, ranking.unit), "±", "novelty",
        *(_with_unit(quantity_name(quantity), ranking.units[quantity]) for quantity in others), "sites", "id",
    ]  # fmt: skip
    rows = [
        (
            rank, formula_html(row["formula"]), row["value"], (row["upper"] - row["lower"]) / 2, row["novelty"],
            *(row[ranking.column(quantity)] for quantity in others), short_scope(row["scope"]), row["id"],
        )
        for rank, row in enumerate(best, start=1)
    ]  # fmt: skip
    plots = [Figure("", "Predictions by rank.", _plot(ranking, name))] if rows else []
    return render(
        "rank.html", title=f"{name}, {model}", kind="candidates", ranking=ranking, where=options.where,
        order="lowest" if options.is_rising(ranking.quantity) else "highest", quantity=name, heads=heads, rows=rows,
        plots=plots, repeated=len({row["formula"] for row in best}) < len(best),
    )  # fmt: skip


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _plot(ranking: "Ranking", name: str) -> str:
    rank = np.arange(1, len(ranking.table) + 1, dtype=float)
    ends = ranking.table[["lower", "upper"]].to_numpy(float)
    known = np.isfinite(ends).all(axis=1)
    series = [Series(rank, ranking.table["value"].to_numpy(float), "prediction", "a", "dots")]
    if known.any():
        series.insert(0, Series(rank[known].repeat(2), ends[known].ravel(), "80 % interval", "e", "whiskers"))
    return chart(series, Axis("rank"), Axis(_with_unit(name, ranking.unit)), title=name)
