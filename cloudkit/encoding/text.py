"""The string of a crystal whose symmetry is known, the geometry that goes with it, and what is said where its file states another space group."""

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np

from cloudkit import _native
from cloudkit.encoding.options import EncodeOptions
from cloudkit.errors import StructureError
from cloudkit.io import Record
from cloudkit.io.facts import contradicts_group, group_note
from cloudkit.scope.canonical import canonical_places, canonical_scope, choose_letters, content_numbers
from cloudkit.scope.project import project_scope
from cloudkit.scope.tree import Orbit, Scope, content_text
from cloudkit.structure import Crystal, Geometry, Symmetry, describe
from cloudkit.structure.guards import total_occupancy
from cloudkit.structure.symmetry import find_symmetries
from cloudkit.tables import ELEMENT, SPACE_GROUPS, generator_text
from cloudkit.tables.composition import Species, round_fraction, sort_species, sum_left_to_right


def scope_text(crystal: Crystal | None, symmetry: Symmetry, dialect: str, order: str) -> str:
    """The string of a crystal; only input order needs the crystal itself."""
    if order == "canonical" and dialect == "orbit":
        return _canonical_text(symmetry)
    if order == "input" and dialect != "orbit":
        if crystal is None:
            raise ValueError("input order needs the crystal")
        return _full(crystal, symmetry) if dialect == "full" else _reduced(crystal, symmetry)
    scope = Scope("orbit", symmetry.space_group, scope_orbits(symmetry))
    return str(scope) if order == "input" else str(project_scope(canonical_scope(scope), dialect))


def scope_orbits(symmetry: Symmetry) -> tuple[Orbit, ...]:
    """The orbits of a crystal with the engine's letters and in its order, occupancies rounded."""
    return tuple([Orbit(o.letter, o.multiplicity, round_species(o.species)) for o in symmetry.orbits])


def round_species(species: Species) -> Species:
    """Occupancies as orbit text holds them, so that equal text means an equal place in the order."""
    if len(species) == 1 and species[0][1] == 1.0:
        return species
    return tuple((element, round_fraction(x)) for element, x in species)


@lru_cache(maxsize=4096)
def species_table(kinds: tuple[Species, ...]) -> "_native.SpeciesTable":
    """What the core writes for each label of a crystal. Raises StructureError for what is not a species."""
    occupancies = [total_occupancy(species) for species in kinds]
    written = [sort_species(round_species(species)) for species in kinds]
    return _native.SpeciesTable(
        zip(map(content_text, written), content_numbers(written), occupancies, strict=True)
    )


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


def geometry_of(crystal: Crystal, symmetry: Symmetry, dialect: str) -> Geometry:
    """Geometry whose rows follow the elements of the canonical string of a crystal."""
    found = describe(crystal, symmetry)
    if dialect == "orbit":
        return found._replace(orbits=found.orbits[_element_places(symmetry)])
    rows = []
    present = {element for orbit in symmetry.orbits for element, _ in orbit.species}
    for element in sorted(present, key=lambda name: ELEMENT[name].order):
        atoms = [orbit.multiplicity * dict(orbit.species).get(element, 0.0) for orbit in symmetry.orbits]
        weight = np.array(atoms)[:, None] * np.isfinite(found.orbits)
        with np.errstate(invalid="ignore"):
            rows.append((weight * np.nan_to_num(found.orbits)).sum(axis=0) / weight.sum(axis=0))
    return found._replace(orbits=np.array(rows))


def _element_places(symmetry: Symmetry) -> list[int]:
    """The orbit of each element of the canonical orbit string, in its order."""
    places = canonical_places(symmetry.space_group, scope_orbits(symmetry))
    return [place for place in places for _ in symmetry.orbits[place].species]


WIDER: Final = (0.03, 0.1, 0.2, 0.3)  # Å: tolerances at which a stated group is looked for that is not found


def group_notes(record: Record, space_group: int | None, options: EncodeOptions) -> tuple[str, ...]:
    """The note on a group found that contradicts the stated one, with the tolerance from which that is found, if any."""
    stated, crystal = record.stated, record.crystal
    if stated is None or crystal is None or space_group in (None, stated.number):
        return ()
    (found,) = find_symmetries([crystal], options.search)
    if isinstance(found, StructureError):
        return ()
    conventional = sum(orbit.multiplicity for orbit in found.orbits)
    if not contradicts_group(stated, found.space_group, len(crystal), conventional):
        return ()
    for symprec in WIDER:
        if symprec > options.symprec:
            (wider,) = find_symmetries([crystal], replace(options, symprec=symprec).search)
            if not isinstance(wider, StructureError) and wider.space_group == stated.number:
                return (group_note(stated, found.space_group, options.symprec, symprec),)
    return (group_note(stated, found.space_group, options.symprec, None),)
