"""Classes in the report: ROC and reliability curves, confusion matrix, and the most confident mistakes."""

from typing import Any, Final

import numpy as np

from cloudkit.evaluate.class_metrics import confusion, reliability, roc_auc, roc_curve
from cloudkit.evaluate.display import baseline_name, formula_of, quantity_name, short_scope
from cloudkit.report.build_figures import LOOKS
from cloudkit.report.charts import Axis, Series, chart
from cloudkit.report.page import Figure
from cloudkit.report.run_folder import Array, ClassPredictions

MAX_CURVES: Final = 5  # classes whose ROC curve is drawn, the most frequent first
MAX_MISTAKES: Final = 12
CLASSES: Final = {"classes": ()}  # a task with classes, for baseline_name


def class_section(group: ClassPredictions, threshold: float) -> dict[str, Any]:
    """Return figures and tables of one classified quantity on the held-out rows, as the template reads them."""
    name = quantity_name(group.quantity)
    two = len(group.classes) == 2
    positive = group.classes[group.positive]
    what = f"the probability of {positive}" if two else "the largest probability"
    plots = [
        Figure("", f"ROC of {positive}: the dotted line is chance." if two else "ROC of each class against the rest.", _roc(group)),
        Figure("", f"How often {what} comes true, in ten bins; on the dotted line it is exact.", _calibration(group)),
    ]  # fmt: skip
    decided = (
        f"{positive} is predicted from a probability of {threshold:.3g}."
        if two
        else "The most probable class is predicted."
    )
    table = confusion(group.label, group.decided, len(group.classes))
    rows = [[one, *counts] for one, counts in zip(group.classes, table.tolist(), strict=True)]
    return {
        "title": name[:1].upper() + name[1:],
        "plots": plots,
        "heads": ["true class, predicted as", *group.classes],
        "rows": rows,
        "decided": decided,
        "mistakes": _mistakes(group),
    }


def _roc(group: ClassPredictions) -> str:
    """Draw ROC curves: with two classes of model and baselines, with more of each class against the rest."""
    series = []
    if len(group.classes) == 2:
        is_positive = group.label == group.positive
        for name, probability in {"": group.probability, **group.baselines}.items():
            label, look = _legend(name)
            series.append(_curve(is_positive, probability[:, group.positive], label, look))
    else:
        counts = np.bincount(group.label, minlength=len(group.classes))
        for number, index in enumerate(np.argsort(-counts, kind="stable")[:MAX_CURVES].tolist()):
            is_index = group.label == index
            if is_index.any() and not is_index.all():
                series.append(
                    _curve(is_index, group.probability[:, index], group.classes[index], "abcde"[number])
                )
    across, up = Axis("false positive rate", 0.0, 1.0), Axis("true positive rate", 0.0, 1.0)
    return chart(series, across, up, title=f"ROC of {quantity_name(group.quantity)}", diagonal=True)


def _curve(is_positive: Any, score: Array, label: str, look: str) -> Series:
    x, y = roc_curve(is_positive, score)
    area = roc_auc(is_positive.astype(np.int64), np.stack([1 - score, score], axis=1), 1)
    return Series(x, y, f"{label} {area:.3f}" if area is not None else label, look)


def _calibration(group: ClassPredictions) -> str:
    """Draw observed frequency over predicted probability, of model and baselines."""
    series = []
    for name, probability in {"": group.probability, **group.baselines}.items():
        found = reliability(group.label, probability, group.positive)
        label, look = _legend(name)
        if name != "mean":  # predicts one probability for all crystals
            series.append(Series(found.predicted, found.observed, label, look, "line" if name else "dots"))
    return chart(series, Axis("predicted probability", 0.0, 1.0), Axis("observed frequency", 0.0, 1.0),
                 title=f"Reliability of {quantity_name(group.quantity)}", diagonal=True)  # fmt: skip


def _legend(name: str) -> tuple[str, str]:
    """Return legend entry and look of the model ("") or a baseline."""
    return (baseline_name(name, CLASSES), LOOKS.get(name, "d")) if name else ("model", "a")


def _mistakes(group: ClassPredictions) -> list[list[object]]:
    """Tabulate rows of which a wrong class is predicted, by the probability of the true class, ascending."""
    own = group.probability[np.arange(len(group.label)), group.label]
    wrong = np.flatnonzero(group.label != group.decided)
    chosen = wrong[np.argsort(own[wrong], kind="stable")][:MAX_MISTAKES].tolist()
    return [
        [
            group.ids[row],
            formula_of(group.scopes[row]),
            group.classes[group.label[row]],
            group.classes[group.decided[row]],
            float(own[row]),
            short_scope(group.scopes[row]),
        ]
        for row in chosen
    ]
