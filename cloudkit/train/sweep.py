"""`sweep`: one spec built at every point of its grid, the runs in a table, a scaling law through them, and its plot."""

import csv
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cloudkit.errors import CloudkitError
from cloudkit.modelspec import Spec, load_spec
from cloudkit.report.charts import Axis, Series, chart, standalone
from cloudkit.train.build import build
from cloudkit.train.progress import Progress
from cloudkit.train.scaling import Law, fit_law


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: its settings by key, its spec, the folder of its run below that of the sweep."""

    settings: dict[str, Any]
    spec: Spec
    folder: str


@dataclass(frozen=True, slots=True)
class SweepResult:
    """rows: settings, parameters, crystals, loss and folder of each run; law: None where `why` says that none was fitted."""

    folder: Path
    measure: str
    rows: list[dict[str, Any]]
    law: Law | None
    why: str


def points(source: str, changes: Sequence[str] = ()) -> list[Point]:
    """Every point of the grid of a spec, all checked; the last key varies fastest.

    Raises SpecError with what is wrong at a point, CloudkitError for a spec without `sweep`.
    """
    spec = load_spec(source, changes)
    if spec.sweep is None:
        raise CloudkitError(f"{source} has no key 'sweep'; add sweep: {{grid: {{encoder.width: [32, 64]}}}}")
    found = []
    for values in itertools.product(*spec.sweep.grid.values()):
        settings = dict(zip(spec.sweep.grid, values, strict=True))
        texts = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
        found.append(Point(settings, load_spec(source, [*changes, *texts, "sweep=null"]), _folder(settings)))
    names = [point.folder for point in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CloudkitError(f"sweep.grid has the point {twice} twice")
    return found


def sweep(
    grid: Sequence[Point],
    out: Path,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> SweepResult:
    """Build every point below `out` and write sweep.csv, sweep.json and sweep.svg there; finished runs are not made again."""
    rows = []
    for number, point in enumerate(grid, 1):
        log(f"run {number} of {len(grid)}: {', '.join(f'{k} = {v}' for k, v in point.settings.items())}")
        result = build(point.spec, out / point.folder, progress=progress, log=log)
        if not result.leads:
            continue
        measure, loss = _measured(result.metrics, out / point.folder)
        training = list(result.metrics["training"].values())[-1]
        sizes = {"parameters": result.metrics["parameters"], "crystals": training["crystals"]}
        rows.append({**point.settings, **sizes, "measure": measure, "loss": loss, "folder": point.folder})
    law, why = _law(rows)
    found = SweepResult(out, rows[0]["measure"] if rows else "", rows, law, why)
    if rows:
        _write(found)
    return found


def _folder(settings: dict[str, Any]) -> str:
    text = "_".join(f"{key}={value}" for key, value in settings.items())
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", text)


def _measured(metrics: dict[str, Any], folder: Path) -> tuple[str, float]:
    """The error of the first evaluate task, else the last validation loss, and what it is."""
    if metrics["tasks"]:
        task = metrics["tasks"][0]
        return f"mean absolute error of {task['quantity']}" + (
            f", {task['unit']}" if task.get("unit") else ""
        ), task["mae"]
    last = json.loads((folder / "curves.json").read_text(encoding="utf-8"))[-1]
    if last["valid_loss"] is None:
        raise CloudkitError(
            "a sweep measures an evaluate task, or a task with valid above 0; the spec has neither"
        )
    return f"validation loss of {last['stage']}", last["valid_loss"]


def _law(rows: list[dict[str, Any]]) -> tuple[Law | None, str]:
    parameters, crystals, loss = (
        np.array([row[name] for row in rows], dtype=np.float64) for name in ("parameters", "crystals", "loss")
    )
    try:
        return fit_law(parameters, crystals, loss), ""
    except CloudkitError as error:
        return None, str(error)


def _write(found: SweepResult) -> None:
    with (found.folder / "sweep.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found.rows[0]))
        writer.writeheader()
        writer.writerows(found.rows)
    law = asdict(found.law) if found.law else None
    content = {"measure": found.measure, "rows": found.rows, "law": law, "why": found.why}
    (found.folder / "sweep.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    (found.folder / "sweep.svg").write_text(standalone(plot(found)), encoding="utf-8")


def plot(found: SweepResult) -> str:
    """Loss against training crystals, one colour for each number of parameters; the law as lines through the points."""
    along, other = "crystals", "parameters"
    if len({row["crystals"] for row in found.rows}) == 1:
        along, other = other, along
    series = list(_series(found, along, other))
    return chart(
        series, Axis(f"training {along}" if along == "crystals" else along, log=True), Axis(found.measure, log=True),
        title=f"{found.measure} of {len(found.rows)} runs",
    )  # fmt: skip


def _series(found: SweepResult, along: str, other: str) -> Iterator[Series]:
    for number, size in enumerate(sorted({row[other] for row in found.rows})):
        look = "abcde"[number % 5]
        rows = sorted((row for row in found.rows if row[other] == size), key=lambda row: float(row[along]))
        x, y = (np.array([row[name] for row in rows], dtype=np.float64) for name in (along, "loss"))
        yield Series(x, y, f"{size:,} {other}", look, "dots")
        if found.law is not None and len(x) > 1:
            dense = np.geomspace(x.min(), x.max(), 40)
            sizes = {along: dense, other: np.full(40, float(size))}
            yield Series(dense, found.law.predict(sizes["parameters"], sizes["crystals"]), "", look)
