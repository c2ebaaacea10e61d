"""Coverage of 80 % prediction intervals, overall, of narrow and wide ones, and by class of compounds and crystal system."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import ScopeError
from cloudkit.scope import parse
from cloudkit.tables import ELEMENT, SPACE_GROUPS

Array = NDArray[np.float64]
THIRDS: Final = ("narrowest", "middle", "widest")
CRYSTALS_PER_THIRD: Final = 10
MIN_CRYSTALS_PER_KIND: Final = 20
FAMILIES: Final = {  # by the most electronegative element
    "H": "hydrides",
    "N": "nitrides",
    "O": "oxides",
    **dict.fromkeys(("F", "Cl", "Br", "I"), "halides"),
    **dict.fromkeys(("S", "Se", "Te"), "chalcogenides"),
    **dict.fromkeys(("P", "As", "Sb", "Bi"), "pnictides"),
    **dict.fromkeys(("B", "C", "Si", "Ge"), "carbides, borides, silicides"),
}
INTERMETALLICS: Final = "of metals alone"


def measure_intervals(texts: Sequence[str], columns: Mapping[str, Array]) -> dict[str, Any]:
    """Coverage as metrics.json has it. texts (rows,): strings; columns: target, prediction, lower and upper (rows,).

    coverage_of_80: share of the labels within their intervals. intervals: the same for thirds of the crystals by the width of
    their intervals (over all temperatures), with the mean width and the mean absolute error, and for kinds of crystals.
    """
    low, high, target = (columns[name] for name in ("lower", "upper", "target"))
    inside, error = (low <= target) & (target <= high), np.abs(columns["prediction"] - target)
    known = np.stack([inside.astype(np.float64), high - low, error], axis=1)
    names, of = np.unique(np.array(texts), return_inverse=True)
    counts = np.bincount(of)
    crystals = np.stack([np.bincount(of, weights=column) for column in known.T], axis=1) / counts[:, None]
    found: dict[str, Any] = {"coverage_of_80": float(inside.mean())}
    if len(names) >= len(THIRDS) * CRYSTALS_PER_THIRD:
        order = np.array_split(np.argsort(crystals[:, 1], kind="stable"), len(THIRDS))
        thirds = [_measures(name, crystals[rows]) for name, rows in zip(THIRDS, order, strict=True)]
        found["intervals"] = {"thirds": thirds, "kinds": list(_kinds(names.tolist(), crystals))}
    return found


def _measures(name: str, crystals: Array) -> dict[str, Any]:
    """Means over crystals (n, 3) of what lies inside, width and error."""
    inside, width, error = crystals.mean(axis=0).tolist()
    return {"name": name, "crystals": len(crystals), "coverage": inside, "width": width, "mae": error}


def _kinds(texts: Sequence[str], crystals: Array) -> Iterator[dict[str, Any]]:
    """The same by family of compounds and by crystal system, for those with enough crystals."""
    for place in (0, 1):
        kinds = np.array([kinds_of(text)[place] for text in texts])
        for name in dict.fromkeys(
            (*FAMILIES.values(), INTERMETALLICS) if place == 0 else sorted(set(kinds.tolist()))
        ):
            rows = np.flatnonzero(kinds == name)
            if len(rows) >= MIN_CRYSTALS_PER_KIND:
                yield _measures(str(name), crystals[rows])


def kinds_of(text: str) -> tuple[str, str]:
    """Return the class of compounds and the crystal system of a string; "" if the string is invalid.

    Examples
    --------
    >>> kinds_of("0 0 0 | Si 1a")
    ('carbides, borides, silicides', 'triclinic')
    """
    try:
        scope = parse(text)
    except ScopeError:
        return "", ""
    anion = max(scope.composition, key=lambda symbol: (_electronegativity(symbol), symbol))
    return FAMILIES.get(anion, INTERMETALLICS), SPACE_GROUPS[scope.space_group - 1].crystal_system


def _electronegativity(symbol: str) -> float:
    value = ELEMENT[symbol].electronegativity
    return float(value) if value == value else 0.0
