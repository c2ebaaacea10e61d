"""The metrics of one quantity in sentences: the error of the model, and whether a baseline beats it."""

from typing import Any, Final

from cloudkit.evaluate.display import baseline_name, quantity_name
from cloudkit.html import format_number

MODEL: Final = "this model"


def lead(task: dict[str, Any]) -> str:
    """The error of the model on the rows of one evaluated quantity, and what training has seen of them."""
    where = f"On {task['rows']:,} rows" + (f" of {task['crystals']:,} crystals" if "crystals" in task else "")
    share = f", {100 * task['share_of_3R']:.1f} % of 3R" if "share_of_3R" in task else ""
    what = f"{quantity_name(task['quantity'])} is off by {_with_unit(task['mae'], task)} on average{share}"
    if trained := task.get("crystals_in_training"):
        return f"{where}, of which {trained:,} crystals were also trained on, {what}."
    if not (before := task.get("crystals_seen_before")):
        return f"{where} that training has not seen, {what}."
    new = task.get("new_crystals")
    rest = f"; on the other {new['crystals']:,} the error is {_with_unit(new['mae'], task)}" if new else ""
    return f"{where} whose labels training has not seen, {what}. Pretraining has seen the structures or other labels of {before:,} of the crystals{rest}."


def verdict(task: dict[str, Any]) -> str:
    """Whether a baseline trained on the same rows has a smaller mean absolute error, and by how much; RMSE where it
    disagrees; the share of labels within their intervals.
    """
    baselines = task.get("baselines", {})
    if not baselines:
        said = "No baseline was evaluated, so this number says little on its own: add baselines to the evaluate task."
        return " ".join([said, *_coverage(task)])
    names = ", ".join(map(baseline_name, baselines))
    compared = f"Compared with {names}, all trained on the same rows."
    return " ".join([_by_mae(task, baselines), *_by_rmse(task, baselines), *_coverage(task), compared])


def _by_mae(task: dict[str, Any], baselines: dict[str, Any]) -> str:
    best = _best(baselines, "mae")
    mae, rival = task["mae"], baselines[best]["mae"]
    if rival >= mae:
        less = 100 * (1 - mae / rival if rival else 0)
        return (
            f"This model has the smallest error; the nearest baseline is {baseline_name(best)} with {_with_unit(rival, task)} "
            f"({less:.0f} % less error here)."
        )
    better = [baseline_name(name) for name, scores in baselines.items() if scores["mae"] < mae]
    verb = "predict" if len(better) > 1 or best.endswith("trees") else "predicts"
    return (
        f"Here {', '.join(better[:-1])}{' and ' if better[1:] else ''}{better[-1]} {verb} better than this model: {baseline_name(best)} "
        f"{format_number(rival)} against {format_number(mae)} ({100 * (1 - rival / mae):.0f} % less error)."
    )


def _by_rmse(task: dict[str, Any], baselines: dict[str, Any]) -> list[str]:
    """A sentence where another has the smallest root mean square error."""
    everyone = {MODEL: task, **baselines}
    if not all("rmse" in scores for scores in everyone.values()):
        return []
    first, second = _best(everyone, "mae"), _best(everyone, "rmse")
    if everyone[second]["rmse"] >= everyone[first]["rmse"]:
        return []
    verb = "are" if second.endswith("trees") else "is"
    values = " against ".join(format_number(everyone[name]["rmse"]) for name in (second, first))
    return [f"By RMSE, which large errors dominate, {baseline_name(second)} {verb} ahead: {values}."]


def _coverage(task: dict[str, Any]) -> list[str]:
    share = task.get("coverage_of_80")
    return [] if share is None else [f"{100 * share:.0f} % of the labels lie within their 80 % intervals."]


def _best(scores: dict[str, Any], measure: str) -> str:
    return min(scores, key=lambda name: (scores[name][measure], name != MODEL, name))


def _with_unit(value: float, task: dict[str, Any]) -> str:
    return f"{format_number(value)} {task.get('unit') or ''}".rstrip()
