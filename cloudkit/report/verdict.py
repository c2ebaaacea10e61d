"""The metrics of one quantity in sentences: the error of the model, and whether a baseline is better."""

from typing import Any, Final

from cloudkit.errors import count_noun
from cloudkit.evaluate.display import baseline_name, quantity_name
from cloudkit.evaluate.metrics import MEASURES, Measure, main_measure
from cloudkit.html import format_number

MODEL: Final = "this model"


def lead(task: dict[str, Any]) -> str:
    """State the error of the model on the rows of one evaluated quantity, and what training has seen of them."""
    where = f"On {task['rows']:,} rows" + (f" of {task['crystals']:,} crystals" if "crystals" in task else "")
    what = _classified(task) if "classes" in task else _off(task)
    if trained := task.get("crystals_in_training"):
        return f"{where}, of which {trained:,} crystals were also trained on, {what}."
    if not (before := task.get("crystals_seen_before")):
        return f"{where} that training has not seen, {what}."
    new, measure = task.get("new_crystals", {}), main_measure(task)
    name = "error" if measure.key == "mae" else measure.text
    rest = (
        f"; on the other {count_noun(new['crystals'], 'crystal')} the {name} is {_with_unit(measure, new, task)}"
        if measure.key in new
        else ""
    )
    return f"{where} whose labels training has not seen, {what}. The pretrained weights that it starts from have seen the structures or other labels of {before:,} of the crystals{rest}."


def _off(task: dict[str, Any]) -> str:
    share = f", {100 * task['share_of_3R']:.1f} % of 3R" if "share_of_3R" in task else ""
    return f"{quantity_name(task['quantity'])} is off by {_with_unit(MEASURES['mae'], task, task)} on average{share}"


def _classified(task: dict[str, Any]) -> str:
    auc = f", ROC-AUC {_number(MEASURES['roc_auc'], task)}" if "roc_auc" in task else ""
    balanced = _number(MEASURES["balanced_accuracy"], task)
    return f"{100 * task['accuracy']:.1f} % of the predictions of {quantity_name(task['quantity'])} are right, balanced accuracy {balanced}{auc}"


def verdict(task: dict[str, Any]) -> str:
    """State whether a baseline trained on the same rows is better by the metric of the task, and by how much.

    Adds RMSE if it disagrees with the mean absolute error, and the coverage of intervals.
    """
    baselines = task.get("baselines", {})
    if not baselines:
        said = "No baseline was evaluated, so this number says little on its own: add baselines to the evaluate task."
        return " ".join([said, *_coverage(task)])
    names = ", ".join(baseline_name(name, task) for name in baselines)
    compared = f"Compared with {names}, all trained on the same rows."
    return " ".join([_by_metric(task, baselines), *_by_rmse(task, baselines), *_coverage(task), compared])


def _by_metric(task: dict[str, Any], baselines: dict[str, Any]) -> str:
    measure = main_measure(task)
    best, own = _best(baselines, measure), measure.loss(task)
    name = "" if measure.key == "mae" else f"{measure.text} "
    if measure.loss(baselines[best]) >= own:
        rank = f"best {measure.text}" if measure.higher else f"smallest {name.strip() or 'error'}"
        rival = _with_unit(measure, baselines[best], task)
        gain = _gain(measure, task, baselines[best], "less error here")
        return f"This model has the {rank}; the nearest baseline is {baseline_name(best, task)} with {rival}{gain}."
    better = [baseline_name(name, task) for name, scores in baselines.items() if measure.loss(scores) < own]
    verb = "predict" if len(better) > 1 or best.endswith("trees") else "predicts"
    gain = _gain(measure, baselines[best], task, "less error")
    return (
        f"Here {', '.join(better[:-1])}{' and ' if better[1:] else ''}{better[-1]} {verb} better than this model: {baseline_name(best, task)} "
        f"{name}{_number(measure, baselines[best])} against {_number(measure, task)}{gain}."
    )


def _gain(measure: Measure, better: dict[str, Any], worse: dict[str, Any], words: str) -> str:
    """State by which share an error is smaller; "" for metrics that are not errors."""
    small, large = measure.of(better), measure.of(worse)
    if measure.higher or small is None or large is None:
        return ""
    return f" ({100 * (1 - small / large if large else 0):.0f} % {words}{_margin(measure, worse, better)})"


def _margin(measure: Measure, *scores: dict[str, Any]) -> str:
    """State the difference of the mean absolute errors with its 95 % interval, and whether it may be chance."""
    known = next((one for one in scores if "gain" in one), None)
    if measure.key != "mae" or known is None:
        return ""
    gain, half = known["gain"], known["gain_half_width"]
    clear = "more than chance" if abs(gain) > half else "which may be chance"
    return f": {format_number(abs(gain))} ± {format_number(half)}, {clear}"


def _by_rmse(task: dict[str, Any], baselines: dict[str, Any]) -> list[str]:
    """State who has the smallest RMSE, if that is not who has the smallest mean absolute error."""
    everyone = {MODEL: task, **baselines}
    if main_measure(task).key != "mae" or not all("rmse" in scores for scores in everyone.values()):
        return []
    first, second = (_best(everyone, MEASURES[key]) for key in ("mae", "rmse"))
    values = [format_number(everyone[name]["rmse"]) for name in (second, first)]
    if everyone[second]["rmse"] >= everyone[first]["rmse"] or values[0] == values[1]:
        return []
    verb = "are" if second.endswith("trees") else "is"
    return [
        f"By RMSE, which large errors dominate, {baseline_name(second)} {verb} ahead: {' against '.join(values)}."
    ]


def _coverage(task: dict[str, Any]) -> list[str]:
    share, thirds = task.get("coverage_of_80"), task.get("intervals", {}).get("thirds")
    if share is None:
        return []
    held = f"{100 * share:.0f} % of the labels lie within their 80 % intervals"
    if not thirds:
        return [f"{held}."]
    *most, last = (f"{100 * one['coverage']:.0f} %" for one in thirds)
    narrow, widest = thirds[0]["mae"], thirds[-1]["mae"]
    ratio = (
        f"; the wide third errs {widest / narrow:.1f} times as much as the narrow one" if narrow > 0 else ""
    )
    return [
        f"{held}: {', '.join(most)} and {last} in the thirds of the crystals with narrow, medium and wide ones{ratio}."
    ]


def interval_rows(task: dict[str, Any]) -> list[tuple[str, int, float, float, float]]:
    """Return (crystals, number, coverage, mean width, mean absolute error) of thirds and kinds of crystals."""
    found = task.get("intervals", {})
    rows = [(f"{one['name']} third", one) for one in found.get("thirds", [])]
    rows += [(one["name"], one) for one in found.get("kinds", [])]
    return [
        (name, one["crystals"], float(one["coverage"]), float(one["width"]), float(one["mae"]))
        for name, one in rows
    ]


def _best(scores: dict[str, Any], measure: Measure) -> str:
    return min(scores, key=lambda name: (measure.loss(scores[name]), name != MODEL, name))


def _number(measure: Measure, scores: dict[str, Any]) -> str:
    value = measure.of(scores)
    return format_number(value) if measure.key in ("mae", "rmse") or value is None else f"{value:.3f}"


def _with_unit(measure: Measure, scores: dict[str, Any], task: dict[str, Any]) -> str:
    return f"{_number(measure, scores)} {task.get('unit') or ''}".rstrip()
