"""Structure to text: the one place where symmetry becomes a SCOPE string."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cloudkit.errors import OptionError, StructureError, check_many
from cloudkit.io import Columns, Record, as_crystal, as_record
from cloudkit.scope.canonical import canonical_scope, choose_letters
from cloudkit.scope.found import found_orbits, round_species
from cloudkit.scope.geometry import check_geometry, geometry_of
from cloudkit.scope.project import project_scope, round_fraction
from cloudkit.scope.tree import Orbit, Scope, content_text
from cloudkit.structure import Crystal, Geometry, Symmetry, default_engine, find_symmetry
from cloudkit.structure.batch import MAX_SECONDS, MAX_SITES, find_symmetry_batch, find_symmetry_in_files
from cloudkit.tables import SPACE_GROUPS, generator_text
from cloudkit.tables.composition import sort_species, sum_left_to_right

DIALECTS = ("orbit", "reduced", "full")
ORDERS = ("canonical", "input")
PUBLISHED_ANGLE_TOLERANCE = 5.0  # degrees; pymatgen's default, which the published strings were made with


class Encoded(NamedTuple):
    """One structure's result: `scope` or `error`, never both. engine: name and version; symprec in Å.

    geometry: where asked for, beside the string (see cloudkit.scope.geometry). notes: what was left out or assumed.
    """

    id: str
    scope: str | None
    space_group: int | None
    engine: str | None
    symprec: float
    error: StructureError | None
    geometry: Geometry | None = None
    notes: tuple[str, ...] = ()


class Batch(NamedTuple):
    """Results of many structures, in input order: each row has a text or an error."""

    texts: list[str | None]
    errors: list[StructureError | None]
    space_groups: list[int | None]


def to_text(crystal: Crystal | None, symmetry: Symmetry, dialect: str, order: str) -> str:
    """The string of a crystal whose symmetry is known; only input order asks for the crystal itself."""
    if order == "canonical" and dialect == "orbit":
        return _canonical_text(symmetry)
    if order == "input" and dialect != "orbit":
        assert crystal is not None
        return _full(crystal, symmetry) if dialect == "full" else _reduced(crystal, symmetry)
    scope = Scope("orbit", symmetry.space_group, found_orbits(symmetry))
    return str(scope) if order == "input" else str(project_scope(canonical_scope(scope), dialect))


def _canonical_text(symmetry: Symmetry) -> str:
    """str(canonical_scope(...)) of the orbits found, without the trees between."""
    orbits = symmetry.orbits
    species = [sort_species(round_species(orbit.species)) for orbit in orbits]
    chosen = choose_letters(symmetry.space_group, [orbit.letter for orbit in orbits], species)
    words = [f"{content_text(species[at])} {orbits[at].multiplicity}{letter}" for at, letter in chosen]
    return f"{generator_text(symmetry.space_group)} | {' '.join(words)}"


def _full(crystal: Crystal, symmetry: Symmetry) -> str:
    """The letter and the species of each site of the input, as the published script writes them."""
    group = SPACE_GROUPS[symmetry.space_group - 1]
    symbols = " ".join(group.position(letter).symbol for letter in symmetry.site_letters)
    species = " ".join(crystal.species_texts[label] for label in crystal.labels)
    return f"{generator_text(group.number)} | {symbols} | {species}"


def _reduced(crystal: Crystal, symmetry: Symmetry) -> str:
    """Letters and elements in order of first appearance over the sites, as the published script writes them."""
    group = SPACE_GROUPS[symmetry.space_group - 1]
    letters = tuple(
        Orbit(x, group.position(x).multiplicity, None) for x in dict.fromkeys(symmetry.site_letters)
    )
    counts: dict[str, float] = {}
    for label in crystal.labels:
        for element, occupancy in crystal.species[label]:
            counts[element] = counts.get(element, 0.0) + occupancy
    whole = sum_left_to_right(counts.values())
    fractions = tuple((element, round_fraction(count / whole)) for element, count in counts.items())
    return str(Scope("reduced", group.number, letters, fractions))


def _options(dialect: str, order: str, engine: str | None) -> dict[str, Any]:
    """Check the options; the engine defaults to moyo for canonical order and to spglib for input order."""
    for name, value, known in (("dialect", dialect, DIALECTS), ("order", order, ORDERS)):
        if value not in known:
            raise OptionError(f"unknown {name} '{value}'; known: {', '.join(known)}")
    published = order == "input"
    return {
        "engine": engine or ("spglib" if published else default_engine()),
        "angle_tolerance": PUBLISHED_ANGLE_TOLERANCE if published else None,
        "by_written": published,
    }


def _limits(jobs: int, max_sites: int, max_seconds: float) -> dict[str, Any]:
    return {"jobs": jobs, "max_sites": max_sites, "max_seconds": max_seconds}


def encode(
    structure: object,
    dialect: str = "orbit",
    order: str = "canonical",
    engine: str | None = None,
    symprec: float = 1e-2,
) -> str:
    """The SCOPE string of one structure.

    structure: pymatgen Structure, ASE Atoms, path of a file with one structure, dict, or (lattice, positions, numbers):
    rows of `lattice` in Å, fractional `positions`. symprec: Å. engine: "moyo" or "spglib".
    Raises StructureError, with a code, if it cannot be read or no symmetry fits.
    """
    options = _options(dialect, order, engine)
    crystal = as_crystal(structure)
    return to_text(crystal, find_symmetry(crystal, symprec=symprec, **options), dialect, order)


def encode_records(
    records: Iterable[Record],
    dialect: str = "orbit",
    order: str = "canonical",
    engine: str | None = None,
    symprec: float = 1e-2,
    jobs: int = 1,
    max_sites: int = MAX_SITES,
    max_seconds: float = MAX_SECONDS,
    geometry: bool = False,
) -> Iterator[Encoded]:
    """Strings of a stream of records, in order, in bounded memory; a failure is a row with its error.

    jobs and limits as in find_symmetry_batch. geometry: also what each structure looks like from its orbits.
    """
    options = _options(dialect, order, engine) | _limits(jobs, max_sites, max_seconds)
    if geometry:
        check_geometry(dialect, order)
    found = find_symmetry_batch(records, symprec=symprec, **options)
    return _encoded(found, dialect, order, symprec, geometry)


def encode_files(
    inputs: Iterable[str | Path],
    dialect: str = "orbit",
    order: str = "canonical",
    engine: str | None = None,
    symprec: float = 1e-2,
    jobs: int = 1,
    max_sites: int = MAX_SITES,
    max_seconds: float = MAX_SECONDS,
    geometry: bool = False,
) -> Iterator[Encoded]:
    """The same for the structures of files and folders, as read_structures finds them; the workers read them."""
    options = _options(dialect, order, engine) | _limits(jobs, max_sites, max_seconds)
    if geometry:
        check_geometry(dialect, order)
    wanted = order == "input" or geometry
    found = find_symmetry_in_files(inputs, symprec=symprec, with_crystals=wanted, **options)
    return _encoded(found, dialect, order, symprec, geometry)


def _encoded(
    results: Iterable[tuple[Record, Symmetry | StructureError]],
    dialect: str,
    order: str,
    symprec: float,
    geometry: bool,
) -> Iterator[Encoded]:
    for record, found in results:
        if isinstance(found, StructureError):
            yield Encoded(record.id, None, None, None, symprec, found)
        else:
            text = to_text(record.crystal, found, dialect, order)
            shape = geometry_of(record.crystal, found, dialect) if geometry and record.crystal else None
            yield Encoded(
                record.id, text, found.space_group, found.engine, symprec, None, shape, record.notes
            )


def encode_batch(
    structures: Iterable[object] | Columns,
    dialect: str = "orbit",
    order: str = "canonical",
    engine: str | None = None,
    symprec: float = 1e-2,
    jobs: int = 1,
    max_sites: int = MAX_SITES,
    max_seconds: float = MAX_SECONDS,
) -> Batch:
    """Strings of many structures, order kept, nothing dropped: each row has a text or an error.

    structures: what `encode` takes, or Columns(lattices, positions, numbers, offsets).
    jobs: threads for spglib, worker processes for moyo. A cell of more than max_sites atoms is refused (S207); with
    worker processes a structure that takes more than max_seconds is given up (S304).
    """
    check_many(structures, "encode")
    if isinstance(structures, Columns):
        records = structures.records()
    else:
        records = (as_record(str(index), structure) for index, structure in enumerate(structures))
    rows = list(encode_records(records, dialect, order, engine, symprec, jobs, max_sites, max_seconds))
    return Batch([r.scope for r in rows], [r.error for r in rows], [r.space_group for r in rows])
