"""SCOPE text -> features for linear models and trees: statistics of the composition, and symmetry.

Elements: mean, mean absolute deviation, minimum, maximum and range of tabulated properties, weighted by atomic fraction.
Symmetry: group, crystal system, centering, point-group order, orbits and their degrees of freedom. Reduced strings lack the
multiplicities of repeated orbits but give the same columns.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from cloudkit.models.features import BLOCKS, SYSTEMS, element_features, point_group_order
from cloudkit.scope import Scope, parse, project_scope
from cloudkit.tables import CENTERING_POINTS, ELEMENT, LETTERS, SPACE_GROUPS

Array = npt.NDArray[np.float64]
STATISTICS: Final = ("mean", "spread", "min", "max", "range")
ELEMENT_NUMBERS: Final = tuple(element_features(ELEMENT["H"]))
SYMMETRY: Final = (
    "space_group", "system", "centering_points", "point_group_order", "centrosymmetric", "orbits", "distinct_orbits",
    "log_multiplicities", "largest_multiplicity", "smallest_multiplicity", "mean_freedom", "fixed_share", "mean_letter",
    "elements", "largest_fraction", "smallest_fraction", "mixed_orbits",
)  # fmt: skip


def feature_names() -> list[str]:
    """Return the names of the columns of `features`.

    Returns
    -------
    list of str
        One name per column.

    Examples
    --------
    >>> feature_names()[0]
    'number mean'
    """
    elements = [f"{name} {statistic}" for name in ELEMENT_NUMBERS for statistic in STATISTICS]
    return elements + [f"{block}-block share" for block in BLOCKS] + list(SYMMETRY)


def features(texts: Sequence[str]) -> Array:
    """Compute features of SCOPE strings.

    Parameters
    ----------
    texts : sequence of str
        n strings of any dialect.

    Returns
    -------
    ndarray of float64
        (n, len(feature_names())), all finite.

    Raises
    ------
    ScopeError
        For text that is not valid SCOPE.

    Examples
    --------
    >>> features(["0 0 0 | Si 1a"]).shape == (1, len(feature_names()))
    True
    """
    seen: dict[str, list[float]] = {}
    for text in texts:
        if text not in seen:
            scope = parse(text)
            if scope.dialect == "full":  # its sites count cells, not orbits
                scope = project_scope(scope, "reduced")
            seen[text] = _composition(scope) + _symmetry(scope)
    return np.array([seen[text] for text in texts], dtype=np.float64).reshape(
        len(texts), len(feature_names())
    )


def _element_table() -> dict[str, Array]:
    rows = np.array([[*element_features(element).values()] for element in ELEMENT.values()])
    rows = np.where(np.isfinite(rows), rows, np.nanmedian(rows, axis=0))
    return dict(zip(ELEMENT, rows, strict=True))


_TABLE: Final = _element_table()


def _composition(scope: Scope) -> list[float]:
    counts = scope.composition
    if sum(counts.values()) == 0:  # reduced strings may round all fractions to 0.0
        counts = dict.fromkeys(counts, 1.0)
    weights = np.array(list(counts.values())) / sum(counts.values())
    rows = np.array([_TABLE[element] for element in counts])
    mean = weights @ rows
    spread = weights @ np.abs(rows - mean)
    low, high = rows.min(axis=0), rows.max(axis=0)
    statistics = np.stack([mean, spread, low, high, high - low], axis=1).ravel()
    blocks = [
        sum(w for w, e in zip(weights, counts, strict=True) if ELEMENT[e].block == block) for block in BLOCKS
    ]
    return [*statistics.tolist(), *map(float, blocks)]


def _symmetry(scope: Scope) -> list[float]:
    group = SPACE_GROUPS[scope.space_group - 1]
    sizes = np.array([orbit.multiplicity for orbit in scope.orbits], dtype=np.float64)
    freedom = np.array(
        [group.position(orbit.letter).degrees_of_freedom for orbit in scope.orbits], dtype=np.float64
    )
    letters = [LETTERS.index(orbit.letter) for orbit in scope.orbits]
    shares = np.array(list(scope.composition.values()))
    shares = shares / (shares.sum() or 1.0)
    return [
        float(scope.space_group), float(SYSTEMS.index(group.crystal_system)), float(CENTERING_POINTS[group.centering]),
        float(point_group_order(group)), float(group.correct_generators.startswith("1")), float(sizes.size), float(len(set(letters))),
        float(np.log(sizes.sum())), float(sizes.max()), float(sizes.min()), float((sizes @ freedom) / sizes.sum()),
        float(sizes[freedom == 0].sum() / sizes.sum()), float(np.mean(letters)), float(shares.size),
        float(shares.max()), float(shares.min()), float(sum(len(orbit.species or (0,)) > 1 for orbit in scope.orbits)),
    ]  # fmt: skip
