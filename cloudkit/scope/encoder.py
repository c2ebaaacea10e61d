"""Structure to text: the one place where symmetry becomes a SCOPE string."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cloudkit.errors import CloudkitError, StructureError
from cloudkit.scope.canonical import canonical_scope
from cloudkit.scope.project import project_scope, round_fraction
from cloudkit.scope.tree import Orbit, Scope, Species
from cloudkit.structure import Crystal, Record, Symmetry, as_crystal, find_symmetry, find_symmetry_batch
from cloudkit.tables import SPACE_GROUPS, generator_text

DIALECTS = ("orbit", "reduced", "full")
ORDERS = ("canonical", "input")
PUBLISHED_ANGLE_TOLERANCE = 5.0  # degrees; pymatgen's default, which the published strings were made with


class Encoded(NamedTuple):
    """One structure's result: `scope` or `error`, never both. engine: name and version; symprec in Å."""

    id: str
    scope: str | None
    space_group: int | None
    engine: str | None
    symprec: float
    error: StructureError | None


class Batch(NamedTuple):
    """Results of many structures, in input order: each row has a text or an error."""

    texts: list[str | None]
    errors: list[StructureError | None]
    space_groups: list[int | None]


def to_text(crystal: Crystal, symmetry: Symmetry, dialect: str, order: str) -> str:
    """The string of a crystal whose symmetry is known."""
    if order == "input":
        return _input_order(crystal, symmetry, dialect)
    orbits = (Orbit(o.letter, o.multiplicity, _round_species(o.species)) for o in symmetry.orbits)
    scope = canonical_scope(Scope("orbit", symmetry.space_group, tuple(orbits)))
    return str(project_scope(scope, dialect))


def _round_species(species: Species) -> Species:
    """Occupancies as orbit text holds them, so that equal text means an equal place in the order."""
    if len(species) == 1 and species[0][1] == 1.0:
        return species
    return tuple((element, round_fraction(x)) for element, x in species)


def _input_order(crystal: Crystal, symmetry: Symmetry, dialect: str) -> str:
    """Letters as the engine gave them for the input, in order of first appearance; `full`: for each site."""
    group = SPACE_GROUPS[symmetry.space_group - 1]
    if dialect == "orbit":
        orbits = (Orbit(o.letter, o.multiplicity, _round_species(o.species)) for o in symmetry.orbits)
        return str(Scope("orbit", group.number, tuple(orbits)))
    if dialect == "full":
        symbols = " ".join(group.position(letter).symbol for letter in symmetry.site_letters)
        species = " ".join(crystal.species_texts[label] for label in crystal.labels)
        return f"{generator_text(group.number)} | {symbols} | {species}"
    letters = tuple(
        Orbit(x, group.position(x).multiplicity, None) for x in dict.fromkeys(symmetry.site_letters)
    )
    counts: dict[str, float] = {}
    for label in crystal.labels:
        for element, occupancy in crystal.species[label]:
            counts[element] = counts.get(element, 0.0) + occupancy
    whole = sum(counts.values())
    fractions = tuple((element, round_fraction(count / whole)) for element, count in counts.items())
    return str(Scope("reduced", group.number, letters, fractions))


def _options(dialect: str, order: str, engine: str | None) -> dict[str, Any]:
    """Check the options; the engine defaults to moyo for canonical order and to spglib for input order."""
    for name, value, known in (("dialect", dialect, DIALECTS), ("order", order, ORDERS)):
        if value not in known:
            raise CloudkitError(f"unknown {name} '{value}'; known: {', '.join(known)}")
    published = order == "input"
    return {
        "engine": engine or ("spglib" if published else "moyo"),
        "angle_tolerance": PUBLISHED_ANGLE_TOLERANCE if published else None,
        "by_written": published,
    }


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
) -> Iterator[Encoded]:
    """Strings of a stream of records, in order, in bounded memory; a failure is a row with its error."""
    options = _options(dialect, order, engine)
    for record, found in find_symmetry_batch(records, symprec=symprec, jobs=jobs, **options):
        if isinstance(found, StructureError) or record.crystal is None:
            error = found if isinstance(found, StructureError) else record.error
            yield Encoded(record.id, None, None, None, symprec, error)
        else:
            text = to_text(record.crystal, found, dialect, order)
            yield Encoded(record.id, text, found.space_group, found.engine, symprec, None)


def _as_record(index: int, structure: object) -> Record:
    try:
        return Record(str(index), as_crystal(structure), None)
    except StructureError as error:
        return Record(str(index), None, error)


def encode_batch(
    structures: Iterable[object],
    dialect: str = "orbit",
    order: str = "canonical",
    engine: str | None = None,
    symprec: float = 1e-2,
    jobs: int = 1,
) -> Batch:
    """Strings of many structures, order kept, nothing dropped; `jobs` worker processes."""
    records = (_as_record(index, structure) for index, structure in enumerate(structures))
    rows = list(encode_records(records, dialect, order, engine, symprec, jobs))
    return Batch([r.scope for r in rows], [r.error for r in rows], [r.space_group for r in rows])
