"""Where a model errs: residuals of one quantity by element and by space group, and what single predictions rest on."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, Final

import numpy as np

from cloudkit.errors import ScopeError
from cloudkit.evaluate.display import number, short_scope
from cloudkit.report.page import table
from cloudkit.report.run_folder import Predictions
from cloudkit.scope import parse
from cloudkit.tables import SPACE_GROUPS

SHOWN: Final = 12  # rows of a table
LEAST: Final = 2  # crystals of a class that is shown


def residuals(group: Predictions) -> str:
    """Two tables, by element and by space group, the classes that weigh most first; "" where no class has enough crystals."""
    parts = [("element", _elements), ("space group", _space_group)]
    tables = [_classes(group, name, of) for name, of in parts]
    if not any(tables):
        return ""
    note = (
        "Mean error (prediction − reference) and mean absolute error over the crystals of a class, for classes of at least "
        f"{LEAST}; those with the largest sum of absolute errors first."
    )
    return f'<h2>Residuals by element and space group</h2><p class="dim">{note}</p><div class="grid">{"".join(tables)}</div>'


def _classes(group: Predictions, name: str, of: Callable[[str], Iterable[str]]) -> str:
    error = group.error()
    members: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for rows in group.rows_of().values():
        own = float(error[rows].mean()), float(np.abs(error[rows]).mean())
        for label in of(group.scopes[int(rows[0])]):
            members[label].append(own)
    ranked = sorted(members.items(), key=lambda item: -sum(size for _, size in item[1]))
    shown = [
        (label, len(some), _mean(e for e, _ in some), _mean(size for _, size in some))
        for label, some in ranked
        if len(some) >= LEAST
    ][:SHOWN]
    heads = (name, "crystals", "mean error", "mean absolute error")
    return table(heads, shown) if shown else ""


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _elements(text: str) -> list[str]:
    try:
        return sorted(parse(text).composition)
    except ScopeError:
        return []


def _space_group(text: str) -> list[str]:
    try:
        found = SPACE_GROUPS[parse(text).space_group - 1]
    except ScopeError:
        return []
    return [f"{found.number} {found.symbol}"]


def single_predictions(found: dict[str, Any]) -> str:
    """A table for each crystal of attribution.json (attribution.py says how it is made); "" where there is none."""
    if not found:
        return ""
    unit = f" {found['unit']}" if found["unit"] else ""
    note = (
        "The crystals of median and of largest error: each orbit, the prediction for the string without it, and by how much "
        "the orbit changes the prediction. Without an orbit the string is another crystal: the table says what the model uses, not "
        "what nature does, and its changes do not add up."
    )
    out = [f'<h2>What single predictions rest on</h2><p class="dim">{note}</p><div class="grid">']
    for crystal in found["crystals"]:
        at = f" at {number(float(crystal['temperature']))} K" if crystal["temperature"] != "" else ""
        said = f"predicted {number(crystal['prediction'])}{unit}{at}, reference {number(crystal['target'])}{unit}"
        rows = [(one["orbit"], one["without"], one["change"]) for one in crystal["parts"]]
        head = f"<h3>{escape(crystal['id'])}: <code>{escape(short_scope(crystal['scope']))}</code></h3>"
        body = table(("orbit", "without it", "change"), rows, code=("orbit",))
        out.append(f"<div>{head}<p>{escape(said)}</p>{body}</div>")
    return "".join(out) + "</div>"
