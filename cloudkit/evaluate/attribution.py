"""How much each orbit changes a prediction: predictions with and without the orbit (occlusion, Zeiler 2014).

The string without an orbit is another crystal, which may not exist; the change shows how the model uses the orbit, not what
nature does. Changes do not add up to the prediction. Only orbit strings say which sites belong together. Of classes it is the
probability of the true class that changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import Tokens, tokenize
from cloudkit.errors import ScopeError
from cloudkit.evaluate.display import probability_column
from cloudkit.models import Classification, CloudModel
from cloudkit.predict.ensembles import Blend, predict_classes, predict_mean
from cloudkit.scope import Scope, parse

Array = NDArray[np.float64]
MAX_ORBITS: Final = 12  # of one crystal
ROOM_TEMPERATURE: Final = 300.0  # K; of several temperatures, the nearest to this one is shown


def attribution(
    model: CloudModel, blends: Mapping[str, Blend], lines: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the changes for the crystals of median and of largest error of the first quantity; {} if there are none."""
    rows = [line for line in lines if (line["head"], line["quantity"]) == _key(lines[0])] if lines else []
    nearest: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["id"] not in nearest or _distance(row) < _distance(nearest[row["id"]]):
            nearest[row["id"]] = row
    split = {name: found for name, row in nearest.items() if (found := without_each(row["scope"]))}
    ranked = sorted(split, key=lambda name: abs(_error(nearest[name])))
    if not ranked:
        return {}
    chosen = dict.fromkeys([ranked[len(ranked) // 2], ranked[-1]])
    shown = [_crystal(model, blends, nearest[name], split[name]) for name in chosen]
    return {"quantity": rows[0]["quantity"], "unit": rows[0]["unit"], "crystals": shown}


def without_each(text: str) -> list[tuple[str, str]]:
    """(orbit, string without it) for each of two or more orbits of an orbit string; [] for other strings."""
    try:
        scope = parse(text)
    except ScopeError:
        return []
    if scope.dialect != "orbit" or not 2 <= len(scope.orbits) <= MAX_ORBITS:
        return []
    rest = [scope.orbits[:i] + scope.orbits[i + 1 :] for i in range(len(scope.orbits))]
    return [
        (str(orbit), str(Scope("orbit", scope.space_group, others)))
        for orbit, others in zip(scope.orbits, rest, strict=True)
    ]


def _crystal(
    model: CloudModel, blends: Mapping[str, Blend], row: dict[str, Any], parts: list[tuple[str, str]]
) -> dict[str, Any]:
    """One crystal and how its orbits change its prediction."""
    texts = [row["scope"], *(text for _, text in parts)]
    tokens = tokenize(texts, model.tokenizer, model.spec.tokens.max_length)
    whole, *less = _predict(model, blends.get(row["head"]), row, tokens).tolist()
    changes = [
        {"orbit": orbit, "without": value, "change": whole - value}
        for (orbit, _), value in zip(parts, less, strict=True)
    ]
    known = {"id": row["id"], "scope": row["scope"], "temperature": row["temperature"]}
    target = {"true_class": row["target"]} if _of_classes(row) else {"target": float(row["target"])}
    return known | target | {"prediction": whole, "parts": changes}


def _predict(model: CloudModel, blend: Blend | None, row: dict[str, Any], tokens: Tokens) -> Array:
    """What the model says of each string (strings,): the value of a row's quantity, or the probability of its true class."""
    module, count = model.heads[row["head"]], len(tokens)
    if isinstance(module, Classification):
        found: Array = predict_classes(model, blend, row["head"], tokens)
        return found[:, module.classes.index(row["target"])]
    place = model.value_head(row["head"]).outputs.index(row["quantity"])
    kelvin = float(row["temperature"]) if row["temperature"] != "" else np.nan
    where = np.arange(count), np.full(count, place), np.full(count, kelvin)
    return predict_mean(model, blend, row["head"], tokens, *where)


def _key(line: dict[str, Any]) -> tuple[str, str]:
    return line["head"], line["quantity"]


def _of_classes(row: dict[str, Any]) -> bool:
    return probability_column(str(row["target"])) in row


def _error(row: dict[str, Any]) -> float:
    if _of_classes(row):
        return 1 - float(row[probability_column(row["target"])])
    return float(row["prediction"]) - float(row["target"])


def _distance(row: dict[str, Any]) -> float:
    return abs(float(row["temperature"]) - ROOM_TEMPERATURE) if row["temperature"] != "" else 0.0
