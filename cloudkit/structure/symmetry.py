"""Crystal to orbits: guards, then an engine, then a check that its answer is consistent.

Orbits are those of the primitive standardized crystal; they do not depend on the cell in which it was given.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from numbers import Real
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cloudkit import _native
from cloudkit.errors import CloudkitError, OptionError, StructureError
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.guards import MAX_SITES, check_crystal, total_occupancy
from cloudkit.tables import SPACE_GROUPS
from cloudkit.tables.composition import Species, sort_species

CODES: Final = {
    "S101": "the file is missing, empty, damaged or may not be read",
    "S102": "the kind of file is not recognised",
    "S103": "the text breaks the rules of its file format",
    "S104": "there is no crystal structure in the file",
    "S105": "the unit cell is missing, incomplete or impossible",
    "S106": "atoms without coordinates",
    "S107": "the name of an atom is not a chemical element",
    "S108": "an occupancy, or the sum of those on one site, is not possible",
    "S109": "the symmetry that the file states cannot be understood",
    "S110": "the symmetry operations in the file do not form a group",
    "S111": "one structure was wanted, the file has several",
    "S112": "the object is not a structure, or parts of it are missing",
    "S113": "the structure is not periodic in all three directions",
    "S114": "the structure has features that sites in a cell cannot express",
    "S115": "a member of an archive is not read: its path, kind or size is not safe",
    "S116": "the archive, or the file, is too large or too many for what is read at once",
    "S117": "what the file states contradicts itself",
    "S201": "the crystal has no atoms",
    "S202": "a length or coordinate is not a finite, sensible number",
    "S203": "the unit cell has no volume",
    "S204": "a species is not a chemical element",
    "S205": "an occupancy is outside (0, 1]",
    "S206": "two atoms are too close to each other",
    "S207": "the cell has too many atoms for a search for symmetry",
    "S301": "the engine finds no space group",
    "S302": "the engine's orbits contradict its space group",
    "S303": "the engine crashed",
    "S304": "the search for symmetry takes more comparisons than the limit",
}

Engine = Literal["native", "moyo", "spglib"]
ENGINES: Final = ("native", "moyo", "spglib")


class CrystalOrbit(NamedTuple):
    """Sites that the symmetry maps onto each other.

    Attributes
    ----------
    letter : str
        Of the Wyckoff position.
    multiplicity : int
        In the conventional cell.
    species : Species
        ((element, occupancy), ...), sorted by electronegativity.

    Examples
    --------
    >>> CrystalOrbit("a", 4, (("Na", 1.0),)).multiplicity
    4
    """

    letter: str
    multiplicity: int
    species: Species


@dataclass(frozen=True, slots=True)
class Symmetry:
    """The symmetry of one crystal. The answer is the same for every symprec from `distance` to `used`.

    Attributes
    ----------
    space_group : int
        1 to 230.
    orbits : tuple of CrystalOrbit
        In order of first appearance over the sites.
    site_letters : str
        One letter per site of the input.
    site_orbits : tuple of int
        For each site an index into `orbits`.
    engine : str
        Its name and version.
    symprec : float
        The tolerance asked for, Å.
    used, distance : float or None
        The tolerance at which the operations form a group, and the largest distance that they leave between an atom and its image,
        Å; None if the engine does not say.

    Examples
    --------
    >>> from cloudkit.io import as_crystal
    >>> crystal = as_crystal(([[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Cs", "Cl"]))
    >>> symmetry = find_symmetry(crystal)
    >>> symmetry.space_group, [f"{orbit.multiplicity}{orbit.letter}" for orbit in symmetry.orbits]
    (221, ['1a', '1b'])
    """

    space_group: int
    orbits: tuple[CrystalOrbit, ...]
    site_letters: str
    site_orbits: tuple[int, ...]
    engine: str
    symprec: float
    used: float | None = None
    distance: float | None = None


class Cell(NamedTuple):
    """What an engine is given: a crystal that passed the guards, its arrays C-contiguous.

    types: (n,), equal for equal atoms; occupancies: the sum of the site's, by type.
    """

    lattice: NDArray[np.float64]
    positions: NDArray[np.float64]
    types: list[int]
    occupancies: list[float]


class SymmetryDataset(NamedTuple):
    """What an engine answers. letters: one per site; orbits: (n,) the first site of each site's orbit;
    n_standard: sites of the standardized cell; used and distance: as in Symmetry.
    """

    space_group: int
    letters: str
    orbits: list[int]
    n_standard: int
    used: float | None = None
    distance: float | None = None


class SearchFunction(Protocol):
    """The function that each engine module has."""

    def __call__(
        self, cells: Sequence[Cell], symprec: float, angle_tolerance: float | None
    ) -> list[SymmetryDataset | StructureError]:
        """Symmetry of each cell, or why there is none."""


@cache
def default_engine() -> Engine:
    """Name the engine that finds symmetry unless another is asked for.

    Returns
    -------
    str
        "native"; "spglib", with a warning, if cloudkit was installed without a compiled core.

    Examples
    --------
    >>> default_engine() in ENGINES
    True
    """
    if _native.COMPILED:
        return "native"
    warnings.warn(
        "cloudkit has no compiled core: spglib finds symmetry, about 600 times slower", stacklevel=2
    )
    return "spglib"


class Search(NamedTuple):
    """What is asked; the options of find_symmetry. engine: None for the default."""

    engine: Engine | None = None
    symprec: float = 1e-2
    angle_tolerance: float | None = None
    by_written: bool = False
    max_sites: int = MAX_SITES

    def check(self) -> None:
        """Import the engine; raise OptionError for options that make no sense."""
        load_engine(self.engine or default_engine())
        if not isinstance(self.symprec, Real) or not 0 < self.symprec < 10:
            raise OptionError(f"symprec must be a length in Å between 0 and 10, not {self.symprec!r}")


def installed_engines() -> list[Engine]:
    """The engines that can be used here."""
    engines: list[Engine] = []
    for engine in ENGINES:
        try:
            load_engine(engine)
        except CloudkitError:
            continue
        engines.append(engine)
    return engines


Answer = Symmetry | StructureError


def find_symmetry(
    crystal: Crystal,
    *,
    engine: Engine | None = None,
    symprec: float = 1e-2,
    angle_tolerance: float | None = None,
    by_written: bool = False,
) -> Symmetry:
    """Find space group, orbits and Wyckoff letters of a crystal.

    Parameters
    ----------
    crystal : Crystal
        In any cell.
    engine : "native", "moyo" or "spglib", optional
        See `default_engine`.
    symprec : float
        Largest distance, in Å, at which two sites count as one.
    angle_tolerance : float, optional
        In degrees, for spglib only; by default the engine's own rule. The other engines use symprec alone.
    by_written : bool
        Whether atoms that differ only in oxidation state or isotope (Fe2+ and Fe3+, H and D) are different.

    Returns
    -------
    Symmetry
        In the conventional cell of the space group.

    Raises
    ------
    StructureError
        S2xx for a crystal that is not physical, S3xx if the engine fails.

    Examples
    --------
    >>> from cloudkit.io import as_crystal
    >>> crystal = as_crystal(([[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Cs", "Cl"]))
    >>> find_symmetry(crystal).site_letters
    'ab'
    """
    (answer,) = find_symmetries((crystal,), Search(engine, symprec, angle_tolerance, by_written))
    if isinstance(answer, StructureError):
        raise answer
    return answer


def find_symmetries(crystals: Iterable[Crystal], search: Search) -> list[Answer]:
    """The symmetry of each crystal, or the reason why there is none."""
    search.check()
    engine, name = load_engine(search.engine or default_engine())
    guarded = [_guard(crystal, search) for crystal in crystals]
    cells = [cell for cell in guarded if isinstance(cell, tuple)]
    found = iter(engine([cell for _, cell in cells], search.symprec, search.angle_tolerance))
    return [
        cell if isinstance(cell, StructureError) else _conclude(*cell, next(found), name, search.symprec)
        for cell in guarded
    ]


@cache
def load_engine(engine: str) -> tuple[SearchFunction, str]:
    """The engine's function and its name with version; imports the engine on first use."""
    if engine not in ENGINES:
        raise OptionError(f"unknown engine '{engine}'; choose {', '.join(ENGINES[:-1])} or {ENGINES[-1]}")
    module = import_module(f"cloudkit.structure.engine_{engine}")
    return module.search, f"{engine} {module.version()}"


def _guard(crystal: Crystal, search: Search) -> tuple[Crystal, Cell] | StructureError:
    try:
        check_crystal(crystal, search.max_sites)
    except StructureError as error:
        return error
    labels = crystal.labels if search.by_written else crystal.element_labels()
    lattice, positions = (np.ascontiguousarray(x, np.float64) for x in (crystal.lattice, crystal.positions))
    return crystal, Cell(
        lattice, positions, labels.tolist(), [total_occupancy(species) for species in crystal.species]
    )


def _conclude(
    crystal: Crystal, cell: Cell, found: SymmetryDataset | StructureError, engine: str, symprec: float
) -> Answer:
    """The engine's answer as orbits, once it is seen to be consistent."""
    if isinstance(found, StructureError):
        return found
    letters, heads, types = found.letters, found.orbits, cell.types
    multiplicity = _multiplicities(found.space_group)
    number: dict[int, int] = {}
    orbits = list[CrystalOrbit]()
    count, expected = dict[tuple[str, int], int](), dict[tuple[str, int], int]()  # by letter and type
    for key in zip(letters, types, strict=True):
        count[key] = count.get(key, 0) + 1
    for head in heads:
        if head not in number:
            number[head] = len(orbits)
            letter, kind = letters[head], types[head]
            size = multiplicity.get(letter, 0)
            expected[letter, kind] = expected.get((letter, kind), 0) + size
            orbits.append(CrystalOrbit(letter, size, sort_species(crystal.species[kind])))
    for key, sites in count.items():
        if sites * found.n_standard != expected.get(key, 0) * len(types):
            return StructureError(
                "S302",
                f"the engine's orbits do not fit space group {found.space_group} at Wyckoff letter {key[0]}",
                "the tolerance sits at a threshold: try a smaller or larger symprec",
            )
    site_orbits = tuple([number[head] for head in heads])
    return Symmetry(
        found.space_group, tuple(orbits), letters, site_orbits, engine, symprec, found.used, found.distance
    )


@cache
def _multiplicities(space_group: int) -> dict[str, int]:
    return {position.letter: position.multiplicity for position in SPACE_GROUPS[space_group - 1].wyckoff}
