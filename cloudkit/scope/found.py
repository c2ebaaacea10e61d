"""From structures to text: what a symmetry engine found, as the orbits that a string writes."""

from cloudkit.scope.project import round_fraction
from cloudkit.scope.tree import Orbit
from cloudkit.structure import Symmetry
from cloudkit.tables.composition import Species


def found_orbits(symmetry: Symmetry) -> tuple[Orbit, ...]:
    """The orbits of a crystal with the engine's letters and in its order, occupancies rounded."""
    return tuple([Orbit(o.letter, o.multiplicity, round_species(o.species)) for o in symmetry.orbits])


def round_species(species: Species) -> Species:
    """Occupancies as orbit text holds them, so that equal text means an equal place in the order."""
    if len(species) == 1 and species[0][1] == 1.0:
        return species
    return tuple((element, round_fraction(x)) for element, x in species)
