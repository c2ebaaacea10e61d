"""Attribution of a prediction to orbits: predictions with and without each orbit (occlusion, Zeiler 2014).

The string without an orbit is another, possibly hypothetical crystal; the change shows how the model uses the orbit, not physics.
Changes do not add up to the prediction. Only for orbit strings; for classes, changes are those of the probability of the true class.
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
ROOM_TEMPERATURE: Final = 300.0  # K; the nearest temperature to it is shown


def attribution(
    model: CloudModel, blends: Mapping[str, Blend], lines: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Attribute the predictions of two crystals, of median and of largest error, of the first quantity; {} if there are none."""
    rows = [line for line in lines if all(line[name] == lines[0][name] for name in ("head", "quantity"))]
    nearest: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["id"] not in nearest or _distance(row) < _distance(nearest[row["id"]]):
            nearest[row["id"]] = row
    split = {name: parts for name, row in nearest.items() if (parts := drop_each_orbit(row["scope"]))}
    ranked = sorted(split, key=lambda name: abs(_error(nearest[name])))
    if not ranked:
        return {}
    chosen = dict.fromkeys([ranked[len(ranked) // 2], ranked[-1]])
    shown = [_crystal(model, blends, nearest[name], split[name]) for name in chosen]
    return {"quantity": rows[0]["quantity"], "unit": rows[0]["unit"], "crystals": shown}


def drop_each_orbit(text: str) -> list[tuple[str, str]]:
    """Return (orbit, string without it) for each orbit of an orbit string with several; [] for other strings."""
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
    """Return one crystal with the changes of its prediction by each orbit."""
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
    """Predict the quantity of a row, or the probability of its true class, for each string (strings,)."""
    module, count = model.heads[row["head"]], len(tokens)
    if isinstance(module, Classification):
        probability: Array = predict_classes(model, blend, row["head"], tokens)
        return probability[:, module.classes.index(row["target"])]
    output = model.value_head(row["head"]).outputs.index(row["quantity"])
    kelvin = float(row["temperature"]) if row["temperature"] != "" else np.nan
    queries = np.arange(count), np.full(count, output), np.full(count, kelvin)
    return predict_mean(model, blend, row["head"], tokens, *queries)


def _of_classes(row: dict[str, Any]) -> bool:
    return probability_column(str(row["target"])) in row


def _error(row: dict[str, Any]) -> float:
    if _of_classes(row):
        return 1 - float(row[probability_column(row["target"])])
    return float(row["prediction"]) - float(row["target"])


def _distance(row: dict[str, Any]) -> float:
    return abs(float(row["temperature"]) - ROOM_TEMPERATURE) if row["temperature"] != "" else 0.0
