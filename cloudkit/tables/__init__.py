"""Space groups, Wyckoff positions and elements, compiled from spec/tables (see SOURCES.md there)."""

from functools import cache
from typing import Final, NamedTuple

from cloudkit.tables import _generated

LETTERS: Final = "abcdefghijklmnopqrstuvwxyzA"  # Wyckoff letters in order; 'A' is the 27th of space group 47

CENTERING_POINTS: Final = {
    "P": 1,
    "A": 2,
    "C": 2,
    "I": 2,
    "R": 3,
    "F": 4,
}  # lattice points of a conventional cell


class WyckoffPosition(NamedTuple):
    """One Wyckoff position; `multiplicity` is that of the conventional cell, `representative` its first coordinates.

    site_symmetry: the oriented symbol of International Tables A, such as "4mm" or "mm2..".
    """

    letter: str
    multiplicity: int
    degrees_of_freedom: int
    site_symmetry: str
    representative: str

    @property
    def symbol(self) -> str:
        """The Wyckoff symbol, such as 4a."""
        return f"{self.multiplicity}{self.letter}"


class SpaceGroup(NamedTuple):
    """One of the 230 space-group types in its standard setting (International Tables A, origin choice 2, hexagonal R).

    generators: the published generator string without spaces, the label in SCOPE strings;
    correct_generators: a string that generates the group (differs in 39 and 131).
    """

    number: int
    symbol: str
    generators: str
    correct_generators: str
    point_group: str
    centering: str
    crystal_system: str
    wyckoff: tuple[WyckoffPosition, ...]

    def position(self, letter: str) -> WyckoffPosition:
        """The Wyckoff position of a letter; raises KeyError if the group has none."""
        index = LETTERS.find(letter)
        if len(letter) != 1 or not 0 <= index < len(self.wyckoff):
            raise KeyError(f"space group {self.number} has no Wyckoff letter '{letter}'")
        return self.wyckoff[index]


class Element(NamedTuple):
    """One chemical element; unknown properties are NaN.

    mass in u; electronegativity on Pauling's scale; order: rank by (electronegativity, symbol), the order of elements
    in SCOPE; radii in Å; ionization_energy and electron_affinity in eV; melting_point in K; molar_volume in cm³/mol.
    oxidation_states: those that occur in the ICSD, in rising order.
    """

    number: int
    symbol: str
    name: str
    mass: float
    electronegativity: float
    order: int
    period: int
    group: int
    block: str
    covalent_radius: float
    atomic_radius: float
    mendeleev_number: float
    ionization_energy: float
    electron_affinity: float
    melting_point: float
    molar_volume: float
    highest_oxidation_state: float
    lowest_oxidation_state: float
    oxidation_states: tuple[int, ...]


def _read_position(text: str) -> WyckoffPosition:
    symbol, site_symmetry, representative = text.split(":")
    return WyckoffPosition(symbol[-2], int(symbol[:-2]), int(symbol[-1]), site_symmetry, representative)


def _read_integers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


SPACE_GROUPS: Final = tuple(
    SpaceGroup(*row[:-1], tuple(map(_read_position, row[-1].split()))) for row in _generated.SPACE_GROUPS
)
ELEMENTS: Final = tuple(Element._make((*row[:-1], _read_integers(row[-1]))) for row in _generated.ELEMENTS)
ELEMENT: Final = {element.symbol: element for element in ELEMENTS}
GENERATOR_TEXTS: Final = tuple(" ".join(group.generators) for group in SPACE_GROUPS)
SPACE_GROUP_BY_GENERATORS: Final = dict(zip(GENERATOR_TEXTS, SPACE_GROUPS, strict=True))


def generator_text(number: int) -> str:
    """The generator part of a SCOPE string, characters separated by spaces; `number` is 1 to 230."""
    return GENERATOR_TEXTS[number - 1]


@cache
def letter_permutations(number: int) -> tuple[str, ...]:
    """How the affine normalizer of a space group renames its Wyckoff letters: LETTERS[i] becomes s[i] in each string s.

    The identity comes first; the strings form a group (derived in spec/tools/build_normalizer.py).
    """
    return tuple(_generated.NORMALIZER[number - 1].split())


@cache
def origin_shift_permutations(number: int) -> tuple[str, ...]:
    """The `letter_permutations` that come from shifts of the origin alone."""
    return tuple(_generated.ORIGIN_SHIFTS[number - 1].split())
