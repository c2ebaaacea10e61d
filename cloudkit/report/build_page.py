"""run folder -> report.html: scores, figures, data and spec of a build on one page."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from cloudkit.errors import ScopeError
from cloudkit.evaluate.display import baseline_name, formula_of, quantity_name, short_scope
from cloudkit.evaluate.metrics import main_measure, measures_of
from cloudkit.report import build_figures as figures
from cloudkit.report.charts import Array
from cloudkit.report.class_figures import class_section
from cloudkit.report.page import Figure, render
from cloudkit.report.run_folder import ClassPredictions, Predictions, RunFolder, flatten, read_run
from cloudkit.report.verdict import interval_rows, lead, verdict
from cloudkit.scope import parse
from cloudkit.tables import SPACE_GROUPS

MAX_ROWS: Final = 12  # of the tables of largest errors and of residuals
SMALLEST_CLASS: Final = 2  # crystals of a class in the tables of residuals


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into the folder of a run.

    Parameters
    ----------
    folder
        With spec.yaml and metrics.json; sections whose files are missing are left out.

    Returns
    -------
    Path
        Path of the page.

    Raises
    ------
    ModelError
        Naming a missing or damaged file.

    Examples
    --------
    >>> from cloudkit.modelspec import template
    >>> run = Path("run")
    >>> run.mkdir()
    >>> for name, text in (("spec.yaml", template("thermal")), ("metrics.json", '{"tasks": []}')):
    ...     _ = (run / name).write_text(text)
    >>> write_report(run).name
    'report.html'
    """
    run = read_run(folder)
    main, tasks = _main_quantity(run), run.metrics["tasks"]
    facts = flatten({key: value for key, value in run.metrics.items() if key != "tasks"})
    facts |= {f"SHA-256 of {name}": value for name, value in run.hashes.items()}
    text = render(
        "build.html",
        title=run.name,
        kind="report",
        tasks=[_scores(task) for task in tasks],
        quantities=[_quantity(group, gallery=group is main) for group in run.predictions],
        classified=[
            class_section(group, _threshold(run.metrics["tasks"], group)) for group in run.classified
        ],
        learning=[Figure(stage, "", svg) for stage, svg in figures.learning_curves(run.curves)],
        worst=_largest_errors(main) if main else None,
        residuals=_residuals(main) if main else [],
        smallest_class=SMALLEST_CLASS,
        attribution=_attribution(run.attribution),
        spec=run.spec,
        timing=[(key, _seconds(value)) for key, value in run.timing.items()],
        facts=list(facts.items()),
    )
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


def _main_quantity(run: RunFolder) -> Predictions | None:
    """The predictions shown in detail: the first heat capacity, else the first of all."""
    first = [group for group in run.predictions if group.quantity == "heat_capacity"] + run.predictions
    return first[0] if first else None


def _threshold(tasks: list[dict[str, Any]], group: ClassPredictions) -> float:
    """Return the probability from which the positive class of a quantity is predicted."""
    key = group.head, group.quantity
    return next(float(task["threshold"]) for task in tasks if (task["head"], task["quantity"]) == key)


def _no_break(text: str) -> str:
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _scores(task: dict[str, Any]) -> dict[str, Any]:
    """Return sentences and scores of the model and its baselines; bars show the main metric relative to the largest."""
    rows = {"this model": task} | {
        baseline_name(name, task): scores for name, scores in task.get("baselines", {}).items()
    }
    shown, main = measures_of(task), main_measure(task)
    sizes = {name: main.of(scores) or 0.0 for name, scores in rows.items()}
    largest = max(sizes.values()) or 1.0
    return {
        "quantity": task["quantity"],
        "unit": task.get("unit"),
        "lead": _no_break(lead(task)),
        "verdict": _no_break(verdict(task)),
        "heads": ["", *(one.label for one in shown), " "],
        "intervals": [(*row[:2], f"{100 * row[2]:.0f} %", *row[3:]) for row in interval_rows(task)],
        "rows": [
            [name, *(one.of(scores) for one in shown), _Bar(sizes[name] / largest)]
            for name, scores in rows.items()
        ],
    }


class _Bar(float):
    """A fraction, shown as a bar."""

    def __html__(self) -> str:
        return f'<span class="bar"><i style="width:{100 * self:.1f}%"></i></span>'


def _quantity(group: Predictions, gallery: bool) -> dict[str, Any]:
    """Return the figures of one quantity on the held-out rows; gallery: with curves of single crystals."""
    name = quantity_name(group.quantity)
    best = min(group.baselines, key=lambda name: _mae(group, group.baselines[name]), default=None)
    marks = "every held-out row"
    if figures.is_dense(group):
        marks = "discs by the number of held-out rows around them"
    plots = [
        Figure("", f"Model: {marks}; on the dotted line, predictions equal labels.", figures.parity(group))
    ]
    if best:
        caption = f"The same for the best baseline, {baseline_name(best)}."
        plots.append(Figure("", caption, figures.parity(group, best)))
    over = figures.error_over_temperature(group)
    if over:
        plots.append(Figure("", "Mean absolute error at each temperature.", over))
    crystals = figures.crystal_curves(group) if over and gallery else []
    return {"title": name[:1].upper() + name[1:], "plots": plots, "crystals": crystals}


def _mae(group: Predictions, column: Array) -> float:
    return float(np.abs(column - group.target).mean())


def _largest_errors(group: Predictions) -> dict[str, Any]:
    """Return the table of crystals with the largest mean errors."""
    error = np.abs(group.error())
    crystals = [
        (float(error[rows].mean()), name, int(rows[error[rows].argmax()]))
        for name, rows in group.rows_by_crystal().items()
    ]
    crystals.sort(reverse=True)
    kelvin = np.isfinite(group.temperature).any()
    heads = ["crystal", "formula", "error", "reference", "model", "string"]
    if kelvin:
        heads = [
            "crystal",
            "formula",
            "mean error",
            "largest",
            "at T (K)",
            "reference there",
            "model there",
            "string",
        ]
    rows = []
    for mean, name, row in crystals[:MAX_ROWS]:
        place = [float(error[row]), float(group.temperature[row])] if kelvin else []
        both = [float(group.target[row]), float(group.prediction[row])]
        text = group.scopes[row]
        rows.append([name, formula_of(text), mean, *place, *both, short_scope(text)])
    quantity = quantity_name(group.quantity) + (f", {group.unit}" if group.unit else "")
    return {"quantity": quantity, "heads": heads, "rows": rows}


def _residuals(group: Predictions) -> list[tuple[str, list[tuple[str, int, float, float]]]]:
    """Return residuals by element and by space group, those with the largest sum of errors first."""
    parts = [("element", _elements), ("space group", _space_group)]
    found = [(name, _classes(group, classes_of)) for name, classes_of in parts]
    return [(name, rows) for name, rows in found if rows]


def _classes(
    group: Predictions, classes_of: Callable[[str], Iterable[str]]
) -> list[tuple[str, int, float, float]]:
    """Return (class, crystals, mean error, mean absolute error) of each class with enough crystals."""
    error = group.error()
    members: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for rows in group.rows_by_crystal().values():
        own = float(error[rows].mean()), float(np.abs(error[rows]).mean())
        for label in classes_of(group.scopes[int(rows[0])]):
            members[label].append(own)
    ranked = sorted(members.items(), key=lambda item: -sum(size for _, size in item[1]))
    return [
        (label, len(some), float(np.mean([e for e, _ in some])), float(np.mean([size for _, size in some])))
        for label, some in ranked
        if len(some) >= SMALLEST_CLASS
    ][:MAX_ROWS]


def _elements(text: str) -> list[str]:
    try:
        return sorted(parse(text).composition)
    except ScopeError:
        return []


def _space_group(text: str) -> list[str]:
    try:
        found = SPACE_GROUPS[parse(text).space_group - 1]
    except ScopeError:
        return []
    return [f"{found.number} {found.symbol}"]


def _attribution(found: dict[str, Any]) -> dict[str, Any] | None:
    """Return the content of attribution.json as the template reads it."""
    if not found:
        return None
    crystals = [
        crystal | {"rows": [(one["orbit"], one["without"], one["change"]) for one in crystal["parts"]]}
        for crystal in found["crystals"]
    ]
    return {"unit": f" {found['unit']}" if found["unit"] else "", "crystals": crystals}


def _seconds(value: object) -> str:
    return f"{value:.1f} s" if isinstance(value, int | float) else str(value)
