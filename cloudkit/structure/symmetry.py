"""Crystal to orbits: guards, then an engine, then a check that its answer is consistent.

Orbits are those of the primitive standardized crystal; they do not depend on the cell in which it was given.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.structure.crystal import Crystal, Species, sort_species
from cloudkit.structure.guards import check_crystal
from cloudkit.tables import SPACE_GROUPS

Engine = Literal["moyo", "spglib"]
ENGINES: Final = ("moyo", "spglib")


class Orbit(NamedTuple):
    """Sites that the symmetry maps onto each other; multiplicity: that of the conventional cell; species: by
    electronegativity.
    """

    letter: str
    multiplicity: int
    species: Species


@dataclass(frozen=True, slots=True)
class Symmetry:
    """The symmetry of one crystal.

    space_group: 1 to 230.  orbits: in order of first appearance over the sites.
    site_letters: one letter per site of the input.
    site_orbits: (n,) index into `orbits`.  engine: its name and version.
    symprec: the tolerance asked for, Å.
    """

    space_group: int
    orbits: tuple[Orbit, ...]
    site_letters: str
    site_orbits: tuple[int, ...]
    engine: str
    symprec: float


class Found(NamedTuple):
    """What an engine answers. orbits: (n,) the first site of each site's orbit; n_standard: sites of the
    standardized cell.
    """

    space_group: int
    letters: str
    orbits: NDArray[np.int64]
    n_standard: int


class Analyze(Protocol):
    """The function that each engine module has."""

    def __call__(
        self, crystal: Crystal, labels: NDArray[np.int32], symprec: float, angle_tolerance: float | None
    ) -> Found: ...


def find_symmetry(
    crystal: Crystal,
    *,
    engine: Engine = "moyo",
    symprec: float = 1e-2,
    angle_tolerance: float | None = None,
    by_written: bool = False,
) -> Symmetry:
    """Space group, orbits and Wyckoff letters of a crystal.

    symprec: largest distance, in Å, at which two sites count as one.
    angle_tolerance: degrees, None for the engine's own rule.
    by_written: atoms that differ only in oxidation state or isotope (Fe2+ and Fe3+,
    H and D) count as different.
    Raises StructureError: S2xx for a crystal that is not physical, S3xx where the engine fails.
    """
    analyze, name = load_engine(engine)
    if not 0 < symprec < 10:
        raise ValueError(f"symprec must be a length in Å between 0 and 10, not {symprec}")
    check_crystal(crystal)
    labels = crystal.labels if by_written else crystal.element_labels()
    found = analyze(crystal, labels, symprec, angle_tolerance)
    heads = list(dict.fromkeys(found.orbits.tolist()))
    group = SPACE_GROUPS[found.space_group - 1]
    orbits = tuple(
        Orbit(
            found.letters[head],
            group.position(found.letters[head]).multiplicity,
            sort_species(crystal.species[labels[head]]),
        )
        for head in heads
    )
    _check_counts(found, labels, heads, orbits)
    number = {head: i for i, head in enumerate(heads)}
    site_orbits = tuple(number[head] for head in found.orbits.tolist())
    return Symmetry(found.space_group, orbits, found.letters, site_orbits, name, symprec)


def load_engine(engine: str) -> tuple[Analyze, str]:
    """The engine's function and its name with version; imports the engine on first use."""
    if engine not in ENGINES:
        raise ValueError(f"unknown engine '{engine}'; choose {' or '.join(ENGINES)}")
    module = import_module(f"cloudkit.structure.engine_{engine}")
    return module.analyze, f"{engine} {module.version()}"


def _check_counts(
    found: Found, labels: NDArray[np.int32], heads: list[int], orbits: tuple[Orbit, ...]
) -> None:
    """Per letter and species: sites × (standard cell / input cell) / multiplicity must be the number of
    orbits.
    """
    keys = [(letter, int(label)) for letter, label in zip(found.letters, labels, strict=True)]
    sites: dict[tuple[str, int], int] = {}
    for key in keys:
        sites[key] = sites.get(key, 0) + 1
    counted: dict[tuple[str, int], int] = {}
    for head, orbit in zip(heads, orbits, strict=True):
        counted[keys[head]] = counted.get(keys[head], 0) + orbit.multiplicity
    for key, n in sites.items():
        if n * found.n_standard != counted.get(key, 0) * len(labels):
            raise StructureError(
                "S302",
                f"the engine's orbits do not fit space group {found.space_group} at Wyckoff letter {key[0]}",
                "the tolerance sits at a threshold: try a smaller or larger symprec",
            )
