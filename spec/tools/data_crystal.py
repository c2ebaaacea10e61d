"""Shared by the readers of built-in data: a crystal as read, its formula, and the function that encodes crystals.

Readers (data_thermal, data_minerals, data_prototypes) -> Entry -> `encode_entries` -> rows (build_data).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import cloudkit
from cloudkit.tables import ELEMENT

Floats = NDArray[np.float64]


class Entry(NamedTuple):
    """One ordered crystal: lattice (3, 3) rows in Å, positions (n, 3) fractional, n element symbols."""

    id: str
    name: str
    lattice: Floats
    positions: Floats
    symbols: tuple[str, ...]


class Encoded(NamedTuple):
    """An entry with its orbit string, space-group number and the number of atoms of the conventional cell."""

    entry: Entry
    scope: str
    space_group: int
    n_atoms: int


def reduced_formula(counts: dict[str, int]) -> str:
    """{'O': 6, 'Al': 4} -> 'Al2O3': smallest integers, elements by electronegativity."""
    divisor = gcd(*counts.values())
    ordered = sorted(counts, key=lambda symbol: ELEMENT[symbol].order)
    return "".join(symbol + (str(n) if (n := counts[symbol] // divisor) > 1 else "") for symbol in ordered)


def entry_formula(entry: Entry) -> str:
    return reduced_formula(Counter(entry.symbols))


def lattice_rows(a: float, b: float, c: float, alpha: float, beta: float, gamma: float) -> Floats:
    """Lattice vectors as rows (3, 3) from lengths in Å and angles in degrees; a along x, b in the xy plane."""
    cos_alpha, cos_beta, cos_gamma = np.cos(np.radians([alpha, beta, gamma]))
    sin_gamma = np.sin(np.radians(gamma))
    y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    z = np.sqrt(1 - cos_beta**2 - y**2)
    rows = [[a, 0, 0], [b * cos_gamma, b * sin_gamma, 0], [c * cos_beta, c * y, c * z]]
    return np.array(rows, dtype=np.float64)


def encode_entries(entries: Sequence[Entry]) -> tuple[list[Encoded], list[tuple[Entry, str]]]:
    """Orbit strings of the entries that have one, and the others with the reason.

    Raises ValueError if a string does not have the composition of its crystal: then the encoder is wrong.
    """
    crystals = [(entry.lattice, entry.positions, entry.symbols) for entry in entries]
    batch = cloudkit.encode_batch(crystals)
    encoded: list[Encoded] = []
    failed: list[tuple[Entry, str]] = []
    for entry, text, error in zip(entries, batch.texts, batch.errors, strict=True):
        if text is None:
            failed.append((entry, str(error)))
            continue
        scope = cloudkit.parse(text)
        counts = {symbol: round(n) for symbol, n in scope.composition.items()}
        if reduced_formula(counts) != entry_formula(entry):
            raise ValueError(f"{entry.id}: {text} is not {entry_formula(entry)}")
        encoded.append(Encoded(entry, text, scope.space_group, sum(counts.values())))
    return encoded, failed


def first_of_each(encoded: Iterable[Encoded]) -> list[Encoded]:
    """The first crystal of each string, in the order given."""
    kept: dict[str, Encoded] = {}
    for item in encoded:
        kept.setdefault(item.scope, item)
    return list(kept.values())
