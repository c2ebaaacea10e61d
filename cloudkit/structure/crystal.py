"""The crystal: what every reader makes and every engine takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.structure.elements import Atom, Parts, write_species
from cloudkit.tables.composition import Species, sort_species


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """A periodic arrangement of atoms.

    Attributes
    ----------
    lattice : array (3, 3), float64
        Rows are the cell vectors in Å.
    positions : array (n, 3), float64
        Fractional coordinates.
    labels : array (n,), int32
        For each site an index into `species`.
    species : tuple of Species
        ((element, occupancy), ...) of a site; its elements are in the order of the source, which makes no difference.
    written : tuple of str, optional
        Each entry of `species` as the source writes it ("Na+", "D"), if that is more than elements for any of them. Two entries of
        `species` are equal only if they differ here (Fe2+ and Fe3+).

    Examples
    --------
    >>> import numpy as np
    >>> cube, places = np.eye(3) * 4.12, np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    >>> crystal = Crystal(cube, places, np.array([0, 1], np.int32), ((("Cs", 1.0),), (("Cl", 1.0),)))
    >>> len(crystal), crystal.species_texts
    (2, ('Cs', 'Cl'))
    """

    lattice: NDArray[np.float64]
    positions: NDArray[np.float64]
    labels: NDArray[np.int32]
    species: tuple[Species, ...]
    written: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def species_texts(self) -> tuple[str, ...]:
        """One text per entry of `species`, as the published full dialect writes it."""
        return self.written or tuple(map(_plain_text, self.species))

    def element_labels(self) -> NDArray[np.int32]:
        """Labels (n,) in which entries of `species` with the same elements are one: oxidation states do not
        count.
        """
        kinds = [sort_species(species) for species in self.species]
        if len(set(kinds)) == len(kinds):
            return self.labels
        first = np.array([kinds.index(kind) for kind in kinds], dtype=np.int32)
        return first[self.labels]


def build_crystal(lattice: Any, positions: Any, sites: Sequence[Parts]) -> Crystal:
    """A Crystal from one list of (atom, occupancy) per site, in the order of `positions`."""
    return build_numbered(lattice, positions, *number_sites(sites))


def build_numbered(lattice: Any, positions: Any, labels: Sequence[int], kinds: Sequence[Parts]) -> Crystal:
    """The same from one index into `kinds` per site."""
    merged, species, written = _describe_kinds(tuple(kinds))
    numbers = np.array(labels, dtype=np.int32)
    return Crystal(
        np.array(lattice, dtype=np.float64, order="C").reshape(3, 3),
        np.array(positions, dtype=np.float64, order="C").reshape(-1, 3),
        numbers if merged is None else merged[numbers],
        species,
        written,
    )


@lru_cache(maxsize=4096)
def _describe_kinds(
    kinds: tuple[Parts, ...],
) -> tuple[NDArray[np.int32] | None, tuple[Species, ...], tuple[str, ...] | None]:
    """The distinct kinds: (the number of each among them, or None if they differ; their species; how they were written)."""
    merged, distinct = number_sites(kinds)
    described = [_describe(parts) for parts in distinct]
    plain = all(written is None for _, written in described)
    return (
        None if len(distinct) == len(kinds) else np.array(merged, np.int32),
        tuple([species for species, _ in described]),
        None if plain else tuple(written or _plain_text(species) for species, written in described),
    )


@lru_cache(maxsize=4096)
def _describe(parts: Parts) -> tuple[Species, str | None]:
    """The species of a site, and how it was written where that is more than its elements."""
    species, written = plain_species(parts), write_species(parts)
    return species, None if written == _plain_text(species) else written


def plain_species(parts: Parts) -> Species:
    """Elements and occupancies of one site, without oxidation states. A sum within 1e-8 of 1 is 1."""
    total: dict[str, float] = {}
    for atom, occupancy in parts:
        total[atom.element] = total.get(atom.element, 0.0) + occupancy
    return tuple(
        (element, 1.0 if abs(occupancy - 1) < 1e-8 else occupancy) for element, occupancy in total.items()
    )


def _plain_text(species: Species) -> str:
    """A site without oxidation states as the published full dialect writes it."""
    return write_species(tuple((Atom(element), occupancy) for element, occupancy in species))


def number_sites(sites: Sequence[Parts]) -> tuple[list[int], list[Parts]]:
    """Number the distinct sites in order of first appearance: (one number per site, the distinct ones)."""
    seen: dict[Parts, int] = {}
    kinds: list[Parts] = []
    labels: list[int] = []
    for parts in sites:
        key = parts if len(parts) == 1 else tuple(sorted(parts, key=lambda part: part[0].rank))
        label = seen.setdefault(key, len(kinds))
        if label == len(kinds):
            kinds.append(parts)
        labels.append(label)
    return labels, kinds
