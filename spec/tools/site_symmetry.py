"""Oriented site-symmetry symbols (International Tables A) of Wyckoff positions, from the operations of the space group.

The operations that leave a generic point of the position where it is are sorted by the direction of their axis. Each
set of symmetry directions of the lattice has a place in the symbol: a dot if nothing lies along it, else one entry for
each class of directions that the site's own group makes equivalent.
"""

from collections.abc import Iterable

import numpy as np

Vector = tuple[int, ...]

SETS: dict[str, list[list[Vector]]] = {
    "monoclinic": [[(0, 1, 0)]],
    "orthorhombic": [[(1, 0, 0)], [(0, 1, 0)], [(0, 0, 1)]],
    "tetragonal": [[(0, 0, 1)], [(1, 0, 0), (0, 1, 0)], [(1, -1, 0), (1, 1, 0)]],
    "hexagonal": [
        [(0, 0, 1)],
        [(1, 0, 0), (0, 1, 0), (1, 1, 0)],
        [(1, -1, 0), (1, 2, 0), (2, 1, 0)],
    ],
    "rhombohedral": [
        [(0, 0, 1)],
        [(1, 0, 0), (0, 1, 0), (1, 1, 0)],
    ],
    "cubic": [
        [(1, 0, 0), (0, 1, 0), (0, 0, 1)],
        [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1)],
        [(1, -1, 0), (1, 1, 0), (0, 1, -1), (0, 1, 1), (-1, 0, 1), (1, 0, 1)],
    ],
}
# The symbol along one axis: the first of these whose kinds of operation are all there.
ALONG_AXIS = (
    ("6/m", {"6", "m"}), ("6", {"6"}), ("-6", {"-6"}), ("4/m", {"4", "m"}), ("4", {"4"}), ("-4", {"-4"}),
    ("-3", {"-3"}), ("3", {"3"}), ("2/m", {"2", "m"}), ("2", {"2"}), ("m", {"m"}),
)  # fmt: skip
PROPER = {3: "1", -1: "2", 0: "3", 1: "4", 2: "6"}  # by trace
IMPROPER = {-3: "-1", 1: "m", 0: "-3", -1: "-4", -2: "-6"}


def kind_of(rotation: np.ndarray) -> str:
    trace = int(np.trace(rotation))
    return PROPER[trace] if np.linalg.det(rotation) > 0 else IMPROPER[trace]


def axis_of(rotation: np.ndarray) -> Vector:
    """The direction that a rotation keeps, or a rotoinversion turns round, as least whole numbers."""
    proper = rotation * round(np.linalg.det(rotation))
    powers = [np.linalg.matrix_power(proper, k) for k in range(12)]
    kept = sum(powers)[:, np.argmax(np.abs(sum(powers)).sum(axis=0))]
    kept = kept // np.gcd.reduce(kept)
    return upwards(kept)


def upwards(vector: Iterable[int]) -> Vector:
    """A direction and its opposite are one: the last entry but zeros is positive."""
    values = tuple(int(v) for v in vector)
    last = next(v for v in reversed(values) if v)
    return values if last > 0 else tuple(-v for v in values)


def site_symmetry(rotations: np.ndarray, translations: np.ndarray, point: np.ndarray, lattice: str) -> str:
    """The symbol of a point; rotations (n, 3, 3) and translations (n, 3) are those of its group; lattice: a key of SETS,
    or triclinic.
    """
    gaps = rotations @ point + translations - point
    stabilizer = rotations[np.all(np.abs(gaps - np.round(gaps)) < 1e-6, axis=1)]
    kinds: dict[Vector, set[str]] = {}
    for rotation in stabilizer:
        if kind_of(rotation) not in ("1", "-1"):
            kinds.setdefault(axis_of(rotation), set()).add(kind_of(rotation))
    if not kinds:
        return "-1" if any(kind_of(rotation) == "-1" for rotation in stabilizer) else "1"
    along = {
        axis: next(name for name, needed in ALONG_AXIS if needed <= found) for axis, found in kinds.items()
    }
    if len(along) > 1:  # the short symbols: a mirror plane says that its axis is there
        along = {
            axis: "m" if name == "2/m" or (name == "4/m" and "-3" in along.values()) else name
            for axis, name in along.items()
        }
    places = []
    for directions in SETS[lattice]:
        entries, seen = [], set[Vector]()
        for direction in map(upwards, directions):
            if direction in along and direction not in seen:
                seen |= {upwards(rotation @ np.array(direction)) for rotation in stabilizer}
                entries.append(along[direction])
        # custom: mm2 in cubic groups, 2m in the others
        entries.sort(key=lambda entry: (entry == "2") == (lattice == "cubic"))
        places.append("".join(entries) or ".")
    return "".join(places)
