"""`sweep`: one spec built at every point of its grid, with a table of the runs and a scaling law fitted to them.

The law is loss = floor + A / parameters^alpha + B / crystals^beta (Hoffmann 2022), fitted on logarithms with a Huber loss from
several starting points; its intervals are percentiles of fits to resampled residuals.
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
RESAMPLED: Final = 200
COVERAGE: Final = 0.95
STARTS: Final = (0.2, 0.5, 1.0)  # exponents


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: its settings by key, its spec, and the folder of its run inside that of the sweep."""

    settings: dict[str, Any]
    spec: Spec
    folder: str


@dataclass(frozen=True, slots=True)
class ScalingLaw:
    """A fitted scaling law.

    Attributes
    ----------
    values, lower, upper
        The terms in TERMS and the ends of their 95 % intervals; the factor of an absent term is 0.
    residual
        Mean |ln error|.
    """

    values: dict[str, float]
    lower: dict[str, float]
    upper: dict[str, float]
    residual: float
    runs: int

    def predict(self, parameters: Array, crystals: Array) -> Array:
        """The loss at numbers of parameters and of training crystals."""
        v = self.values
        return v["floor"] + v["A"] / parameters ** v["alpha"] + v["B"] / crystals ** v["beta"]

    def lines(self) -> list[str]:
        """The law and its intervals as lines of text."""
        terms = [name for name in TERMS if name in self.lower]
        found = [f"{n} = {self.values[n]:.3g} ({self.lower[n]:.3g} to {self.upper[n]:.3g})" for n in terms]
        parts = ["floor"] + ["A / parameters^alpha"] * ("A" in terms) + ["B / crystals^beta"] * ("B" in terms)
        return [
            f"loss = {' + '.join(parts)}, {self.runs} runs, mean |ln error| {self.residual:.3f}; 95 % intervals:",
            *found,
        ]


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep found.

    Attributes
    ----------
    measure
        What `loss` is.
    rows
        Settings, parameters, crystals, loss, validation and folder of each run. validation: its mean absolute error on the
        crystals held out, None without any.
    law
        The scaling law; None with the reason in `why`.
    best
        The row of least validation error, or of least loss where a run has no crystals held out.
    """

    folder: Path
    measure: str
    rows: list[dict[str, Any]]
    law: ScalingLaw | None
    why: str
    best: dict[str, Any]

    @property
    def validated(self) -> bool:
        """Whether the best run was chosen by crystals held out, so that its test error is that of new crystals."""
        return all(row["validation"] is not None for row in self.rows)


def points(source: str, changes: Sequence[str] = ()) -> list[Point]:
    """All points of the grid of a spec, checked; the last key varies fastest.

    Raises SpecError for an invalid point, CloudkitError for a spec without `sweep`.
    """
    spec = load_spec(source, changes)
    if spec.sweep is None:
        raise CloudkitError(
            f"{source} has no key 'sweep'; add sweep: {{grid: {{encoder.width: [32, 64]}}}}, as the preset scaling has it"
        )
    found = []
    for values in itertools.product(*spec.sweep.grid.values()):
        settings = dict(zip(spec.sweep.grid, values, strict=True))
        texts = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
        found.append(Point(settings, load_spec(source, [*changes, *texts, "sweep=null"]), _folder(settings)))
    names = [point.folder for point in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CloudkitError(f"duplicate point in sweep.grid: {twice}")
    return found


def sweep(
    grid: Sequence[Point],
    out: Path,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> SweepResult:
    """Build every point in a folder of `out`, and write sweep.csv, sweep.json and sweep.svg; finished runs are reused."""
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
    found = SweepResult(out, rows[0]["measure"] if rows else "", rows, law, why, best_run(rows))
    if rows:
        _write(found)
    return found


def _validation_error(metrics: dict[str, Any], training: dict[str, Any]) -> float | None:
    """The error on the crystals held out, of the quantity that is evaluated first."""
    errors: dict[str, float] = training.get("validation_mae") or training.get("validation_log_loss", {})
    quantity = metrics["tasks"][0]["quantity"] if metrics["tasks"] else next(iter(errors), "")
    return errors.get(quantity)


def best_run(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of least validation error; of least loss where a run has none."""
    key = "loss" if any(row["validation"] is None for row in rows) else "validation"
    return min(rows, key=lambda row: float(row[key]), default={})


def _folder(settings: dict[str, Any]) -> str:
    text = "_".join(f"{key}={value}" for key, value in settings.items())
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", text)


def _measured(metrics: dict[str, Any], folder: Path) -> tuple[str, float]:
    """What is measured, and its value: the error of the first evaluate task, else the last validation loss."""
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


def _write(found: SweepResult) -> None:
    with (found.folder / "sweep.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found.rows[0]))
        writer.writeheader()
        writer.writerows(found.rows)
    law = asdict(found.law) if found.law else None
    content = {
        "measure": found.measure,
        "best": found.best["folder"],
        "rows": found.rows,
        "law": law,
        "why": found.why,
    }
    (found.folder / "sweep.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    (found.folder / "sweep.svg").write_text(standalone(plot(found)), encoding="utf-8")


def plot(found: SweepResult) -> str:
    """Loss over training crystals, one colour per number of parameters, with the law as lines."""
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


def fit_law(parameters: Array, crystals: Array, loss: Array, seed: int = 0) -> ScalingLaw:
    """Fit the law to runs; each array is (runs,), and a size that does not vary has no term.

    Raises CloudkitError for fewer runs than the law has terms plus one, and for a loss that is not above 0.

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
    best = _fit_terms(logs, np.log(loss), [_initial_terms(logs, loss, e) for e in STARTS])
    fitted = _log_loss(best, logs)
    residual = np.log(loss) - fitted
    draw = np.random.default_rng(seed)
    spread = residual * np.sqrt(len(loss) / max(len(loss) - count, 1))
    again = [
        _named_terms(_fit_terms(logs, fitted + draw.choice(spread, len(loss)), [best]), vary)
        for _ in range(RESAMPLED)
    ]
    tail = (1 - COVERAGE) / 2
    values = dict.fromkeys(TERMS, 0.0) | _named_terms(best, vary)
    low, high = (
        {n: float(np.quantile([one[n] for one in again], q)) for n in again[0]} for q in (tail, 1 - tail)
    )
    return ScalingLaw(values, low, high, float(np.abs(residual).mean()), len(loss))


def _initial_terms(logs: list[Array], loss: Array, exponent: float) -> Array:
    """Half of the smallest loss as floor, the rest shared by the terms."""
    rest = np.log(max(loss.max() - loss.min() / 2, 1e-9) / len(logs))
    terms = [number for log in logs for number in (rest + exponent * log.mean(), exponent)]
    return np.array([np.log(loss.min() / 2), *terms])


def _log_loss(theta: Array, logs: list[Array]) -> Array:
    """ln loss; theta is ln floor, then ln factor and exponent of each term."""
    total = np.full(len(logs[0]), theta[0])
    for place, log in enumerate(logs):
        total = np.logaddexp(total, theta[1 + 2 * place] - theta[2 + 2 * place] * log)
    return total


def _fit_terms(logs: list[Array], wanted: Array, starts: list[Array]) -> Array:
    optimize = require("scipy.optimize", "train")
    low = [-30.0] + [-60.0, 0.0] * len(logs)
    high = [10.0] + [60.0, 5.0] * len(logs)
    found = [
        optimize.least_squares(lambda t: _log_loss(t, logs) - wanted, np.clip(start, low, high), bounds=(low, high), loss="huber", f_scale=0.05, max_nfev=400)
        for start in starts
    ]  # fmt: skip
    best: Array = min(found, key=lambda one: float(one.cost)).x
    return best


def _named_terms(theta: Array, vary: list[bool]) -> dict[str, float]:
    """Terms by name, with factors instead of their logarithms."""
    names = [pair for pair, varies in zip((("A", "alpha"), ("B", "beta")), vary, strict=True) if varies]
    out = {"floor": float(np.exp(theta[0]))}
    for place, (factor, exponent) in enumerate(names):
        out |= {factor: float(np.exp(theta[1 + 2 * place])), exponent: float(theta[2 + 2 * place])}
    return out
