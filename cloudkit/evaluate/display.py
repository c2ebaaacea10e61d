"""Display names of quantities and baselines, and short strings, for reports."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cloudkit.errors import ScopeError
from cloudkit.evaluate.metrics import measures_of, ranked_scores
from cloudkit.html import table, titled
from cloudkit.scope import parse, reduced_formula
from cloudkit.tables import SPACE_GROUP_BY_GENERATORS

QUANTITIES: Final = {
    "heat_capacity": "heat capacity Cv",
    "internal_energy": "internal energy U",
    "entropy": "entropy S",
    "free_energy": "free energy F",
    "heat_capacity_p": "heat capacity Cp",
    "debye_temperature": "Debye temperature",
    "youngs_modulus": "Young's modulus",
    "poisson_ratio": "Poisson's ratio",
    "metal_probability": "probability of a metal",
}
BASELINE_NAMES: Final = {
    "mean": "mean of labels",
    "ridge": "ridge",
    "extra_trees": "extra trees",
    "boosted_trees": "boosted trees",
}
CLASS_BASELINE_NAMES: Final = {"mean": "majority", "ridge": "logistic regression"}


def quantity_name(quantity: str) -> str:
    """Return the display name of a quantity; symbols such as K_VRH are unchanged.

    Examples
    --------
    >>> quantity_name("heat_capacity"), quantity_name("band_gap"), quantity_name("K_VRH")
    ('heat capacity Cv', 'band gap', 'K_VRH')
    """
    return QUANTITIES.get(quantity, quantity.replace("_", " ") if quantity.islower() else quantity)


def baseline_name(name: str, task: Mapping[str, Any] | None = None) -> str:
    """Return the display name of a baseline; task: an entry of "tasks" in metrics.json.

    Examples
    --------
    >>> baseline_name("mean"), baseline_name("mean", {"classes": ["no", "yes"]})
    ('mean of labels', 'majority')
    """
    of_classes = task is not None and "classes" in task
    names = BASELINE_NAMES | CLASS_BASELINE_NAMES if of_classes else BASELINE_NAMES
    return names.get(name, name.replace("_", " "))


def probability_column(name: str, baseline: str = "") -> str:
    """Return the column of predictions.csv with the probability of a class, of the model or a baseline.

    Examples
    --------
    >>> probability_column("metal"), probability_column("metal", "extra_trees")
    ('p(metal)', 'extra_trees p(metal)')
    """
    return f"{baseline} p({name})".lstrip()


def short_scope(text: str) -> str:
    """Replace the generators of a SCOPE string by the symbol of its space group.

    Examples
    --------
    >>> short_scope("0 0 0 | Si 1a")
    'P1 | Si 1a'
    """
    generators, bar, rest = text.partition("|")
    group = SPACE_GROUP_BY_GENERATORS.get(generators.strip())
    return f"{group.symbol} | {rest.strip()}" if bar and group else text


def formula_of(text: str) -> str:
    """Return the reduced formula of a SCOPE string; "" for other text.

    Examples
    --------
    >>> formula_of("0 0 0 | Si 1a"), formula_of("silicon")
    ('Si', '')
    """
    try:
        return reduced_formula(parse(text))
    except ScopeError:
        return ""


HIDDEN_MEASURES = ("share_of_3R", "mae_over_mad", "coverage_of_80")  # not in the short table


def errors_html(tasks: Iterable[dict[str, Any]]) -> str:
    """Tabulate the errors of the model and its baselines, from the best, for each evaluated quantity."""
    return "".join(map(_task_html, tasks)) or titled("nothing was evaluated")


def _task_html(task: dict[str, Any]) -> str:
    unit = f" in {task['unit']}" if task.get("unit") else ""
    shown = [measure for measure in measures_of(task) if measure.key not in HIDDEN_MEASURES]
    rows = [
        (baseline_name(name, task), *(measure.of(scores) for measure in shown))
        for name, scores in ranked_scores(task)
    ]
    return titled(
        f"{quantity_name(task['quantity'])}{unit}, {task['rows']:,} rows",
        table(("", *(measure.label for measure in shown)), rows),
    )
