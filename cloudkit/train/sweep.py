"""`sweep`: build a spec at each point of its grid, tabulate the runs, and fit a scaling law to them.

loss = floor + A / parameters^alpha + B / crystals^beta (Hoffmann 2022), fitted to logarithms with a Huber loss from several
starting points; intervals are percentiles over bootstrapped residuals.
"""

import csv
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import CloudkitError, require
from cloudkit.evaluate.metrics import main_measure
from cloudkit.modelspec import Spec, load_spec
from cloudkit.report.charts import Axis, Series, chart, standalone
from cloudkit.train.build import build
from cloudkit.train.trainer import Progress

Array = NDArray[np.float64]
TERMS: Final = ("floor", "A", "alpha", "B", "beta")
N_BOOTSTRAP: Final = 200
COVERAGE: Final = 0.95
INITIAL_EXPONENTS: Final = (0.2, 0.5, 1.0)  # exponents


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: its settings by key, its spec, and the name of the folder of its run."""

    settings: dict[str, Any]
    spec: Spec
    folder: str


@dataclass(frozen=True, slots=True)
class ScalingLaw:
    """A fitted scaling law.

    Attributes
    ----------
    values, lower, upper
        Values of TERMS and the ends of their 95 % intervals; the factor of an absent term is 0.
    residual
        Mean |ln error|.
    runs
        Number of runs.
    """

    values: dict[str, float]
    lower: dict[str, float]
    upper: dict[str, float]
    residual: float
    runs: int

    def predict(self, parameters: Array, crystals: Array) -> Array:
        """Predict the loss for numbers of parameters and of training crystals."""
        v = self.values
        return v["floor"] + v["A"] / parameters ** v["alpha"] + v["B"] / crystals ** v["beta"]

    def lines(self) -> list[str]:
        """Format the law and its intervals as lines of text."""
        terms = [name for name in TERMS if name in self.lower]
        values = [f"{n} = {self.values[n]:.3g} ({self.lower[n]:.3g} to {self.upper[n]:.3g})" for n in terms]
        parts = ["floor"] + ["A / parameters^alpha"] * ("A" in terms) + ["B / crystals^beta"] * ("B" in terms)
        return [
            f"loss = {' + '.join(parts)}, {self.runs} runs, mean |ln error| {self.residual:.3f}; 95 % intervals:",
            *values,
        ]


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The result of a sweep.

    Attributes
    ----------
    folder : Path
        Folder of the sweep.
    measure : str
        Name of the loss.
    rows : list of dict
        Settings, parameters, crystals, loss, validation and folder of each run; validation: mean absolute error on held-out
        crystals, None if there are none.
    law : ScalingLaw or None
        The scaling law; if None, the reason is in `why`.
    best : dict
        Row of the lowest validation error, or of the lowest loss if a run has no held-out crystals.

    Examples
    --------
    >>> row = {"validation": 0.1, "loss": 0.2}
    >>> SweepResult(Path("swept"), "MAE", [row], None, "", row).validated
    True
    """

    folder: Path
    measure: str
    rows: list[dict[str, Any]]
    law: ScalingLaw | None
    why: str
    best: dict[str, Any]

    @property
    def validated(self) -> bool:
        """Whether the best run was chosen on held-out crystals, so that its test error is unbiased."""
        return all(row["validation"] is not None for row in self.rows)


def grid_points(source: str, changes: Sequence[str] = ()) -> list[Point]:
    """Return all points of the grid of a spec; the last key varies fastest.

    Parameters
    ----------
    source : str
        File or preset with the key `sweep`.
    changes : sequence of str
        Overrides such as ``encoder.width=64``.

    Returns
    -------
    list of Point
        With valid specs.

    Raises
    ------
    SpecError
        If a point is invalid.
    CloudkitError
        If the spec has no `sweep`, or a point twice.

    Examples
    --------
    >>> len(grid_points("scaling"))
    16
    """
    spec = load_spec(source, changes)
    if spec.sweep is None:
        raise CloudkitError(
            f"{source} has no key 'sweep'; add sweep: {{grid: {{encoder.width: [32, 64]}}}}, as the preset scaling has it"
        )
    points = []
    for values in itertools.product(*spec.sweep.grid.values()):
        settings = dict(zip(spec.sweep.grid, values, strict=True))
        texts = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
        points.append(Point(settings, load_spec(source, [*changes, *texts, "sweep=null"]), _folder(settings)))
    names = [point.folder for point in points]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise CloudkitError(f"duplicate point in sweep.grid: {duplicate}")
    return points


def sweep(
    grid: Sequence[Point],
    out: Path,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> SweepResult:
    """Build all points in subfolders of `out` and write sweep.csv, sweep.json and sweep.svg; finished runs are reused.

    Parameters
    ----------
    grid : sequence of Point
        From `grid_points`.
    out : Path
        Folder of the sweep.
    progress, log
        As in `build`.

    Returns
    -------
    SweepResult
        Table of the runs, best run and scaling law.

    Examples
    --------
    >>> sweep([], Path("swept")).rows
    []
    """
    rows = []
    for number, point in enumerate(grid, 1):
        log(f"run {number} of {len(grid)}: {', '.join(f'{k} = {v}' for k, v in point.settings.items())}")
        result = build(point.spec, out / point.folder, progress=progress, log=log)
        if not result.leads:
            continue
        measure, loss = _measured(result.metrics, out / point.folder)
        training = list(result.metrics["training"].values())[-1]
        sizes = {"parameters": result.metrics["parameters"], "crystals": training["crystals"]}
        results = {
            "measure": measure,
            "loss": loss,
            "validation": _validation_error(result.metrics, training),
        }
        rows.append({**point.settings, **sizes, **results, "folder": point.folder})
    law, why = _try_fit(rows)
    swept = SweepResult(out, rows[0]["measure"] if rows else "", rows, law, why, best_run(rows))
    if rows:
        _write(swept)
    return swept


def _validation_error(metrics: dict[str, Any], training: dict[str, Any]) -> float | None:
    """Return the error on held-out crystals, of the quantity that is evaluated first."""
    errors: dict[str, float] = training.get("validation_mae") or training.get("validation_log_loss", {})
    quantity = metrics["tasks"][0]["quantity"] if metrics["tasks"] else next(iter(errors), "")
    return errors.get(quantity)


def best_run(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of the lowest validation error, or of the lowest loss if a run has none."""
    key = "loss" if any(row["validation"] is None for row in rows) else "validation"
    return min(rows, key=lambda row: float(row[key]), default={})


def _folder(settings: dict[str, Any]) -> str:
    text = "_".join(f"{key}={value}" for key, value in settings.items())
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", text)


def _measured(metrics: dict[str, Any], folder: Path) -> tuple[str, float]:
    """Return the name and value of the loss: error of the first evaluate task, else last validation loss."""
    if metrics["tasks"]:
        task = metrics["tasks"][0]
        measure = main_measure(task)
        if measure.higher:  # a loss falls as a model gets better
            return f"1 - {measure.text} of {task['quantity']}", 1 - float(task[measure.key])
        unit = f", {task['unit']}" if task.get("unit") else ""
        return f"{measure.text} of {task['quantity']}{unit}", float(task[measure.key])
    last = json.loads((folder / "curves.json").read_text(encoding="utf-8"))[-1]
    if last["valid_loss"] is None:
        raise CloudkitError(
            "a sweep needs an evaluate task, or a task with validation_fraction above 0; the spec has neither"
        )
    return f"validation loss of {last['stage']}", last["valid_loss"]


def _try_fit(rows: list[dict[str, Any]]) -> tuple[ScalingLaw | None, str]:
    parameters, crystals, loss = (
        np.array([row[name] for row in rows], dtype=np.float64) for name in ("parameters", "crystals", "loss")
    )
    try:
        return fit_law(parameters, crystals, loss), ""
    except CloudkitError as error:
        return None, str(error)


def _write(swept: SweepResult) -> None:
    with (swept.folder / "sweep.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(swept.rows[0]))
        writer.writeheader()
        writer.writerows(swept.rows)
    law = asdict(swept.law) if swept.law else None
    content = {
        "measure": swept.measure,
        "best": swept.best["folder"],
        "rows": swept.rows,
        "law": law,
        "why": swept.why,
    }
    (swept.folder / "sweep.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    (swept.folder / "sweep.svg").write_text(standalone(plot(swept)), encoding="utf-8")


def plot(swept: SweepResult) -> str:
    """Draw the loss over training crystals, one colour per number of parameters, with the law as lines."""
    along, other = "crystals", "parameters"
    if len({row["crystals"] for row in swept.rows}) == 1:
        along, other = other, along
    series = list(_series(swept, along, other))
    return chart(
        series, Axis(f"training {along}" if along == "crystals" else along, log=True), Axis(swept.measure, log=True),
        title=f"{swept.measure} of {len(swept.rows)} runs",
    )  # fmt: skip


def _series(swept: SweepResult, along: str, other: str) -> Iterator[Series]:
    for number, size in enumerate(sorted({row[other] for row in swept.rows})):
        look = "abcde"[number % 5]
        rows = sorted((row for row in swept.rows if row[other] == size), key=lambda row: float(row[along]))
        x, y = (np.array([row[name] for row in rows], dtype=np.float64) for name in (along, "loss"))
        yield Series(x, y, f"{size:,} {other}", look, "dots")
        if swept.law is not None and len(x) > 1:
            dense = np.geomspace(x.min(), x.max(), 40)
            sizes = {along: dense, other: np.full(40, float(size))}
            yield Series(dense, swept.law.predict(sizes["parameters"], sizes["crystals"]), "", look)


def fit_law(parameters: Array, crystals: Array, loss: Array, seed: int = 0) -> ScalingLaw:
    """Fit the law to runs; arrays (runs,); a size that does not vary gets no term.

    Raises CloudkitError for fewer runs than terms plus one, and for a loss that is not above 0.

    Examples
    --------
    >>> sizes = np.array([1e4, 1e5, 1e6, 1e7])
    >>> law = fit_law(sizes, np.full(4, 100.0), 0.1 + 5 / sizes**0.3)
    >>> round(law.values["alpha"], 2)
    0.3
    """
    vary = [len(np.unique(parameters)) > 1, len(np.unique(crystals)) > 1]
    count = 1 + 2 * sum(vary)
    if len(loss) < count + 1 or not any(vary):
        raise CloudkitError(
            f"a scaling law with {count} terms needs at least {count + 1} runs of several sizes, found {len(loss)}"
        )
    if not (loss > 0).all():
        raise CloudkitError(f"a scaling law needs losses above 0, found {loss.min():g}")
    logs = [np.log(size) for size, varies in zip((parameters, crystals), vary, strict=True) if varies]
    best = _fit_terms(logs, np.log(loss), [_initial_terms(logs, loss, e) for e in INITIAL_EXPONENTS])
    fitted = _log_loss(best, logs)
    residual = np.log(loss) - fitted
    draw = np.random.default_rng(seed)
    spread = residual * np.sqrt(len(loss) / max(len(loss) - count, 1))
    again = [
        _named_terms(_fit_terms(logs, fitted + draw.choice(spread, len(loss)), [best]), vary)
        for _ in range(N_BOOTSTRAP)
    ]
    tail = (1 - COVERAGE) / 2
    values = dict.fromkeys(TERMS, 0.0) | _named_terms(best, vary)
    low, high = (
        {n: float(np.quantile([terms[n] for terms in again], q)) for n in again[0]} for q in (tail, 1 - tail)
    )
    return ScalingLaw(values, low, high, float(np.abs(residual).mean()), len(loss))


def _initial_terms(logs: list[Array], loss: Array, exponent: float) -> Array:
    """Start from half of the smallest loss as floor; the terms share the rest."""
    rest = np.log(max(loss.max() - loss.min() / 2, 1e-9) / len(logs))
    terms = [number for log in logs for number in (rest + exponent * log.mean(), exponent)]
    return np.array([np.log(loss.min() / 2), *terms])


def _log_loss(theta: Array, logs: list[Array]) -> Array:
    """ln loss; theta is ln floor, then ln factor and exponent of each term."""
    total = np.full(len(logs[0]), theta[0])
    for place, log in enumerate(logs):
        total = np.logaddexp(total, theta[1 + 2 * place] - theta[2 + 2 * place] * log)
    return total


def _fit_terms(logs: list[Array], target: Array, starts: list[Array]) -> Array:
    optimize = require("scipy.optimize", "train")
    low = [-30.0] + [-60.0, 0.0] * len(logs)
    high = [10.0] + [60.0, 5.0] * len(logs)
    fits = [
        optimize.least_squares(lambda t: _log_loss(t, logs) - target, np.clip(start, low, high), bounds=(low, high), loss="huber", f_scale=0.05, max_nfev=400)
        for start in starts
    ]  # fmt: skip
    best: Array = min(fits, key=lambda fit: float(fit.cost)).x
    return best


def _named_terms(theta: Array, vary: list[bool]) -> dict[str, float]:
    """Terms by name, with factors instead of their logarithms."""
    names = [pair for pair, varies in zip((("A", "alpha"), ("B", "beta")), vary, strict=True) if varies]
    out = {"floor": float(np.exp(theta[0]))}
    for place, (factor, exponent) in enumerate(names):
        out |= {factor: float(np.exp(theta[1 + 2 * place])), exponent: float(theta[2 + 2 * place])}
    return out
