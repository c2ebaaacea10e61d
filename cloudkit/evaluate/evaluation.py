"""Evaluation of a trained model on a table of labels, with baselines trained on its training rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.data import BUILTIN, Crystals, Target, read_builtin, read_crystals, tokenize
from cloudkit.errors import DataError
from cloudkit.evaluate.baselines import BASELINES, fit_predict
from cloudkit.evaluate.class_evaluation import ClassRows, ClassScores, class_criteria, compare_classes
from cloudkit.evaluate.coverage import measure_intervals
from cloudkit.evaluate.display import errors_html
from cloudkit.evaluate.metrics import paired_gain, summarize
from cloudkit.evaluate.task_data import (
    as_target,
    calibration_rows,
    classes_of,
    harmonic_limits,
    join_splits,
    read_task_data,
    split_members,
)
from cloudkit.io import Table, is_table, read_table
from cloudkit.io.paths import missing_hint
from cloudkit.models import Classification
from cloudkit.models.widths import Interval
from cloudkit.modelspec import (
    BuiltinData,
    ClassificationHead,
    EvaluateTask,
    FinetuneTask,
    ThermalHead,
    tables_of,
    targets_of,
)
from cloudkit.predict.ensembles import predict_classes
from cloudkit.predict.intervals import predict_intervals
from cloudkit.predict.model import Model
from cloudkit.units import MOLAR_QUANTITIES, canonical_unit

Array = npt.NDArray[np.float64]
Log = Callable[[str], None]
ALL_BASELINES: Final = tuple(BASELINES)


class Scores(NamedTuple):
    """Scores of one quantity of one head.

    Attributes
    ----------
    metrics : dict
        Entry of "tasks" in metrics.json.
    ids, texts : list of str
        (rows,), ids and strings of the crystals.
    columns : dict of str to ndarray
        (rows,), per atom: temperature, target, prediction, and one per baseline.

    Examples
    --------
    >>> Scores({"quantity": "band_gap", "mae": 0.3}, ["a"], ["0 0 0 | Si 1a"], {"target": np.array([1.1])}).metrics["mae"]
    0.3
    """

    metrics: dict[str, Any]
    ids: list[str]
    texts: list[str]
    columns: dict[str, Array]


class Evaluation(NamedTuple):
    """Scores of all quantities, and notes on the data; shown as tables in notebooks.

    Examples
    --------
    >>> Evaluation([], ["no baselines"]).notes
    ['no baselines']
    """

    scores: "list[Scores | ClassScores]"
    notes: list[str]

    def _repr_html_(self) -> str:
        return errors_html(score.metrics for score in self.scores)


def evaluate(
    model: Model,
    data: str | Path | Table,
    *,
    targets: Sequence[Target] = (),
    text: str | None = None,
    id: str | None = None,
    n_atoms: str | None = None,
    baselines: Sequence[str] = ALL_BASELINES,
    log: Log = lambda line: None,
) -> Evaluation:
    """Evaluate a model on the labels of a table, with baselines trained on the same rows as the model.

    Parameters
    ----------
    model : Model
        From `cloudkit.load`.
    data : str, Path or Table
        A .csv, .jsonl or .parquet file, or built-in data with an optional part, such as "thermal:test".
    targets : sequence of Target
        Columns of labels; default those of the finetune task in the spec, else columns named after a quantity, in canonical units
        per atom.
    text, id, n_atoms : str, optional
        Columns of strings, ids and atoms.
    baselines : sequence of str
        Names in BASELINES.
    log : callable
        Called with one line per note, before anything is trained, and per quantity whose baselines are trained.

    Returns
    -------
    Evaluation
        Scores of each quantity, and notes.

    Raises
    ------
    DataError
        If the data cannot be read or has no labels, or a string is too long for the model.

    Examples
    --------
    >>> from cloudkit.predict import load
    >>> table = Table("k.csv", {"scope": ["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"], "bulk_modulus": [18.2]})
    >>> evaluation = evaluate(load("elastic"), table, baselines=[])
    >>> evaluation.scores[0].metrics["quantity"], evaluation.scores[0].metrics["rows"]
    ('bulk_modulus', 1)
    """
    table = data if isinstance(data, Table) else open_data(data)
    scores, notes = list[Scores | ClassScores](), dict[str, None]()

    def note(lines: Sequence[str]) -> None:
        for line in lines:
            if line not in notes:
                log(f"note: {line}")
        notes.update(dict.fromkeys(lines))

    for head in model.heads:
        largest = harmonic_limits([model.spec.heads[head]])  # the limits of labels that it has in training
        limited = [
            replace(target, most=largest.get(target.quantity, target.most))
            for target in _targets(model, head, table, targets)
        ]
        if limited:
            test = read_crystals(
                table, targets=limited, dialect=model.spec.tokens.dialect, id=id,
                text=text or _text_column(model, head, table), n_atoms=n_atoms or ("n_atoms" if "n_atoms" in table.columns else None),
            )  # fmt: skip
            rows, learned, row_notes = _finetune_rows(model, head)
            note([*_overlap(learned, test), *test.notes, *row_notes])
            if isinstance(model.spec.heads[head], ClassificationHead):
                note(_absent(test))
                scores.append(_classified(model, head, rows, test, baselines))
                continue
            train = None if rows is None else rows.train
            units = {target.quantity: target.unit for target in limited}
            ends = predict_crystals(model, head, test)
            compared = compare(head, train, test, ends.value, baselines, model.spec.run.seed, units, log)
            add_intervals(compared, test, ends)
            scores += compared
    if not scores:
        names = " or ".join(name for head in model.heads for name in model.network.value_head(head).outputs)
        raise DataError(
            f"{table.name}: no column of labels found; name one {names}, or use --label (in Python: targets)"
        )
    return Evaluation(scores, list(notes))


def open_data(name: str | Path) -> Table:
    """Read a file, else built-in data such as ``thermal`` or ``thermal:test``."""
    builtin, _, part = str(name).partition(":")
    if builtin in BUILTIN and not Path(name).exists():
        return read_builtin(builtin, part or "all")
    if part and not Path(name).exists():
        raise DataError(
            f"{name}: no such file, and no built-in data '{builtin}'; choose from {', '.join(BUILTIN)}"
        )
    if hint := missing_hint(str(name)):
        raise DataError(f"{name}: no such file; {hint}")
    if Path(name).is_dir() and not is_table(str(name)):
        raise DataError(
            f"{name}: a folder of structures has no labels; give a table whose column 'file' names them"
        )
    return read_table(name)


def predict_crystals(model: Model, head: str, crystals: Crystals) -> Interval:
    """Predict each label (observations,), per atom, with its interval."""
    tokens = tokenize(crystals.texts, model.network.tokenizer, model.spec.tokens.max_length)
    outputs = model.network.value_head(head).outputs
    index = np.array([outputs.index(name) for name in crystals.quantities], dtype=np.int64)
    return predict_intervals(
        model.network, model.blends.get(head), head, tokens, crystals.crystal, index[crystals.quantity],
        crystals.temperature,
    )  # fmt: skip


def _classified(
    model: Model, head: str, rows: ClassRows | None, test: Crystals, baselines: Sequence[str]
) -> ClassScores:
    """Score a classification head."""
    declared, module, seed = model.spec.heads[head], model.network.heads[head], model.spec.run.seed
    assert isinstance(declared, ClassificationHead) and isinstance(module, Classification)
    tokens = tokenize(test.texts, model.network.tokenizer, model.spec.tokens.max_length)
    probability = predict_classes(model.network, model.blends.get(head), head, tokens)[test.crystal]
    metrics = (
        task.metric for task in model.spec.tasks if isinstance(task, EvaluateTask) and task.head == head
    )
    criteria = class_criteria(declared, next(metrics, None))
    return compare_classes(head, criteria, float(module.threshold), rows, test, probability, baselines, seed)


def _absent(test: Crystals) -> list[str]:
    """Note each class without rows, which leaves ROC-AUC undefined."""
    ((name, classes),) = test.classes.items()
    counts = np.bincount(test.value.astype(np.int64), minlength=len(classes))
    return [
        f"no row is of class '{classes[index]}' of {name}: ROC-AUC is not defined"
        for index in np.flatnonzero(counts == 0).tolist()
    ]


def add_intervals(scores: Sequence[Scores], test: Crystals, ends: Interval) -> None:
    """Add intervals (observations of `test`,) to the columns of scores, and their coverage to the metrics.

    Quantities with an observation without an interval are skipped.
    """
    for score in scores:
        rows = np.flatnonzero(test.quantity == test.quantities.index(score.metrics["quantity"]))
        if not np.isfinite(ends.lower[rows]).all():
            continue
        score.columns["lower"], score.columns["upper"] = ends.lower[rows], ends.upper[rows]
        score.metrics.update(measure_intervals(score.texts, score.columns))


def compare(
    head: str,
    train: Crystals | None,
    test: Crystals,
    prediction: Array,
    baselines: Sequence[str],
    seed: int = 0,
    units: Mapping[str, str] | None = None,
    log: Log = lambda line: None,
) -> list[Scores]:
    """Score predictions of a head, quantity by quantity, together with baselines.

    Parameters
    ----------
    head : str
        Name of the head.
    train : Crystals or None
        Rows that baselines are trained on; None: no baselines, and MAD relative to the mean of the test labels.
    test : Crystals
        Labels.
    prediction : ndarray
        (observations of `test`,), per atom.
    baselines : sequence of str
        Names in BASELINES.
    seed : int
        For trees.
    units : mapping, optional
        Units of quantities without a canonical unit.
    log : callable
        Called with a line for each quantity whose baselines are trained.

    Returns
    -------
    list of Scores
        One per quantity.

    Examples
    --------
    >>> zero, none = np.zeros(1, np.int64), np.full(1, np.nan)
    >>> test = Crystals(["0 0 0 | Si 1a"], ["a"], ("band_gap",), zero, zero, none, np.array([1.0]))
    >>> compare("gap", None, test, np.array([1.5]), [])[0].metrics["mae"]
    0.5
    """
    scores = []
    for name in test.quantities:
        unit = canonical_unit(name) or (units or {}).get(name, "")
        if train is not None and name in train.quantities and baselines:
            log(f"{name}: training the baselines {', '.join(baselines)}")
        scores.append(_score(head, name, unit, train, test, prediction, baselines, seed))
    return scores


def _score(
    head: str,
    quantity: str,
    unit: str,
    train: Crystals | None,
    test: Crystals,
    prediction: Array,
    baselines: Sequence[str],
    seed: int,
) -> Scores:
    rows, texts, temperature, target = _observations(test, quantity)
    columns = {"temperature": temperature, "target": target, "prediction": prediction[rows]}
    mean = float(target.mean())
    has_baselines = train is not None and quantity in train.quantities
    if train is not None and has_baselines:
        _, seen, kelvin, labels = _observations(train, quantity)
        mean = float(labels.mean())
        columns |= {
            name: fit_predict(name, seen, kelvin, labels, texts, temperature, seed=seed) for name in baselines
        }

    def measure(name: str) -> dict[str, float]:
        return summarize(target, columns[name], quantity=quantity, train_mean=mean)

    metrics: dict[str, Any] = {"head": head, "quantity": quantity, "unit": unit, "rows": len(rows)}
    metrics |= measure("prediction")
    metrics["baselines"] = {}
    for name in baselines if has_baselines else ():
        gain, half_width = paired_gain(target, columns["prediction"], columns[name], texts)
        metrics["baselines"][name] = {**measure(name), "gain": gain, "gain_half_width": half_width}
    return Scores(metrics, [test.ids[i] for i in test.crystal[rows]], texts, columns)


def _observations(crystals: Crystals, quantity: str) -> tuple[npt.NDArray[np.int64], list[str], Array, Array]:
    """Return the rows of one quantity, with their strings, temperatures and values."""
    rows = np.flatnonzero(crystals.quantity == crystals.quantities.index(quantity))
    texts = [crystals.texts[i] for i in crystals.crystal[rows]]
    return rows, texts, crystals.temperature[rows], crystals.value[rows]


def _finetune(model: Model, head: str) -> FinetuneTask:
    return next(
        task for task in reversed(model.spec.tasks) if isinstance(task, FinetuneTask) and task.head == head
    )


def _targets(model: Model, head: str, table: Table, targets: Sequence[Target]) -> list[Target]:
    """Return the labels of one head: `targets`, else those of the spec and columns named after a quantity."""
    outputs = model.network.value_head(head).outputs
    if targets:
        return [target for target in targets if target.quantity in outputs]
    classes = classes_of([model.spec.heads[head]])
    named = [as_target(target, classes) for target in targets_of(_finetune(model, head).data)]
    found = [target for target in named if target.column in table.columns]
    have = {target.quantity for target in found}
    thermal = isinstance(model.spec.heads[head], ThermalHead)
    for name in outputs:
        needs_temperature = thermal and name in MOLAR_QUANTITIES
        readable = name != "phonon_density" and (not needs_temperature or "temperature" in table.columns)
        if name in table.columns and name not in have and readable:
            at = "temperature" if needs_temperature else None
            found.append(Target(name, name, at, canonical_unit(name), classes=classes.get(name, ())))
    if len(found) == 1:
        _check_unit(table, found[0])
    return found


def _check_unit(table: Table, target: Target) -> None:
    """Raise DataError if a column `unit` differs from the unit in which the only column of labels is read."""
    for row, unit in enumerate(table.columns.get("unit", ()) if target.unit else ()):
        if unit not in (target.unit, "", None):
            raise DataError(
                f"{table.name}: row {table.number(row)}, column 'unit': {target.column} is read in {target.unit}, found {unit!r}; convert it"
            )


def _text_column(model: Model, head: str, table: Table) -> str | None:
    """Return the column of strings in the spec if the table has it, else None."""
    files = [data for data in tables_of(_finetune(model, head).data) if not isinstance(data, BuiltinData)]
    return next((data.columns.text for data in files if data.columns.text in table.columns), None)


def _finetune_rows(model: Model, head: str) -> tuple[ClassRows | None, set[str], list[str]]:
    """Return the rows that a head was trained on, and baselines are, and the held-out ones; all their strings; notes.

    None and a note if their files no longer exist.
    """
    spec, task = model.spec, _finetune(model, head)
    try:
        rows = read_task_data(spec, task.data)
        excluded = [
            other.data
            for other in spec.tasks
            if isinstance(other, EvaluateTask) and task.exclude_shared != "none"
        ] + list(task.exclude_from)
        evaluated = [text for data in excluded for text in read_task_data(spec, data).texts]
        train, held_out = join_splits(split_members(task, rows, evaluated, spec.run.seed))
    except DataError as error:
        note = f"no baselines: the rows that {model.name} was trained on cannot be read ({error})"
        return None, set(), [note]
    found = ClassRows(rows.select(train), calibration_rows(rows.select(held_out)))
    return found, {rows.texts[index] for index in (*train, *held_out)}, []


def _overlap(learned: set[str], test: Crystals) -> list[str]:
    """Warn if strings of the test rows were also used for training or validation."""
    shared = len(set(test.texts) & learned)
    if not shared:
        return []
    return [
        f"{shared} of {len(test)} strings were also used for training, so these errors are smaller than on new crystals"
    ]
