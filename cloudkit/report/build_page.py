"""run folder -> report.html: one page, no script, no outside reference, light and dark; every text in it is escaped."""

from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np

from cloudkit.evaluate.display import model_name, number, quantity_name, short_scope
from cloudkit.report import build_figures as figures
from cloudkit.report.build_residuals import residuals, single_predictions
from cloudkit.report.page import grid, page, table
from cloudkit.report.run_folder import Predictions, RunFolder, flatten, read_run
from cloudkit.report.verdict import lead, verdict

WORST: Final = 12  # rows in the table of largest errors


def write_report(folder: Path) -> Path:
    """Write `folder`/report.html from the files in `folder`, and return its path.

    Sections whose file is missing are left out. Raises ModelError naming a damaged file.
    """
    run = read_run(folder)
    plots = [_quantity(group, gallery=group is _main(run)) for group in run.predictions]
    main = _main(run)
    details = [_worst(run), residuals(main) if main else "", single_predictions(run.attribution)]
    sections = [_headline(run), *plots, _learning(run), *details, _provenance(run)]
    path = folder / "report.html"
    path.write_text(page(run.name, sections), encoding="utf-8")
    return path


def _main(run: RunFolder) -> Predictions | None:
    """The predictions that the page dwells on: the first heat capacity, else the first of all."""
    first = [group for group in run.predictions if group.quantity == "heat_capacity"] + run.predictions
    return first[0] if first else None


def _headline(run: RunFolder) -> str:
    tasks = run.metrics["tasks"]
    if not tasks:
        return '<p class="lead">This build evaluated nothing: its spec has no evaluate task.</p>'
    out = [
        f'<p class="lead">{escape(lead(tasks[0]))}</p>',
        f'<p class="verdict">{escape(verdict(tasks[0]))}</p>',
    ]
    out = [text.replace(" %", "\N{NO-BREAK SPACE}%") for text in out]
    for task in tasks:
        unit = f" ({task['unit']})" if task.get("unit") else ""
        out += [f"<h3>{escape(quantity_name(task['quantity']) + unit)}</h3>", _scores(task)]
    return "\n".join(out)


def _scores(task: dict[str, Any]) -> str:
    """The model beside its baselines; a bar shows the error relative to the largest."""
    rows = {"this model": task} | {
        model_name(name): scores for name, scores in task.get("baselines", {}).items()
    }
    largest = max(scores["mae"] for scores in rows.values()) or 1.0
    columns = {"mae": "MAE", "rmse": "RMSE", "share_of_3R": "MAE / 3R", "mae_over_mad": "MAE / MAD"}
    shown = {key: label for key, label in columns.items() if any(key in scores for scores in rows.values())}
    head = "".join(f'<th class="n">{escape(label)}</th>' for label in shown.values())
    lines = []
    for name, scores in rows.items():
        cells = "".join(f'<td class="n">{number(scores.get(key))}</td>' for key in shown)
        bar = f'<td class="bar"><i style="width:{100 * scores["mae"] / largest:.1f}%"></i></td>'
        kind = ' class="model"' if scores is task else ""
        lines.append(f"<tr{kind}><td>{escape(name)}</td>{cells}{bar}</tr>")
    return f'<div class="wide"><table><tr><th></th>{head}<th class="bar"></th></tr>{"".join(lines)}</table></div>'


def _quantity(group: Predictions, gallery: bool) -> str:
    """Figures of one quantity on the held-out rows; gallery: with the curves of single crystals."""
    name = quantity_name(group.quantity)
    title = f"<h2>{escape(name[:1].upper() + name[1:])} of crystals not seen in training</h2>"
    best = min(group.baselines, key=lambda name: _mae(group, group.baselines[name]), default=None)
    marks = "every held-out row"
    if figures.is_dense(group):
        marks = "discs by the number of held-out rows around them"
    plots = [("", f"Model: {marks}; the dotted line is exact.", figures.parity(group))]
    if best:
        plots.append(
            ("", f"The same for the best baseline, {model_name(best)}.", figures.parity(group, best))
        )
    over = figures.error_over_temperature(group)
    if over:
        plots.append(("", "Mean absolute error at each temperature.", over))
    out = [title, grid(plots)]
    panels = figures.crystal_curves(group) if over and gallery else []
    if panels:
        text = "Held-out crystals at even ranks from the best predicted to the worst one."
        out += [f'<p class="dim">{text}</p>', grid(panels)]
    return "\n".join(out)


def _mae(group: Predictions, column: figures.Array) -> float:
    return float(np.abs(column - group.target).mean())


def _learning(run: RunFolder) -> str:
    plots = [(stage, "", svg) for stage, svg in figures.learning_curves(run.curves)]
    return f"<h2>Learning curves</h2>{grid(plots)}" if plots else ""


def _worst(run: RunFolder) -> str:
    """The crystals with the largest mean error, of the main quantity."""
    group = _main(run)
    if group is None:
        return ""
    error = np.abs(group.error())
    crystals = [
        (float(error[rows].mean()), name, int(rows[error[rows].argmax()]))
        for name, rows in group.rows_of().items()
    ]
    crystals.sort(reverse=True)
    kelvin = np.isfinite(group.temperature).any()
    heads = ["crystal", "error", "reference", "model", "string"]
    if kelvin:
        heads = ["crystal", "mean error", "largest", "at T (K)", "reference there", "model there", "string"]
    lines = []
    for mean, name, row in crystals[:WORST]:
        place = [float(error[row]), float(group.temperature[row])] if kelvin else []
        both = [float(group.target[row]), float(group.prediction[row])]
        lines.append([name, mean, *place, *both, short_scope(group.scopes[row])])
    what = escape(
        f"{quantity_name(group.quantity)}, {group.unit}" if group.unit else quantity_name(group.quantity)
    )
    return f'<h2>Largest errors</h2><p class="dim">{what}</p>{table(heads, lines, ("string",))}'


def _provenance(run: RunFolder) -> str:
    """Spec, versions, seed, times and hashes."""
    facts = flatten({key: value for key, value in run.metrics.items() if key != "tasks"})
    facts |= {f"SHA-256 of {name}": value for name, value in run.hashes.items()}
    out = [
        f"<h2>How it was made</h2><details open><summary>Spec</summary><pre>{escape(run.spec)}</pre></details>"
    ]
    if run.timing:
        out.append(f"<details open><summary>Time per stage</summary>{_pairs(_seconds(run.timing))}</details>")
    out.append(f"<details open><summary>Seed, versions and hashes</summary>{_pairs(facts)}</details>")
    return "\n".join(out)


def _seconds(timing: dict[str, Any]) -> dict[str, str]:
    return {
        key: f"{value:.1f} s" if isinstance(value, int | float) else str(value)
        for key, value in timing.items()
    }


def _pairs(facts: dict[str, str]) -> str:
    rows = "".join(f"<tr><td>{escape(key)}</td><td>{escape(value)}</td></tr>" for key, value in facts.items())
    return f'<div class="wide"><table class="key">{rows}</table></div>'
