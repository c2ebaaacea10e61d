"""Space groups, Wyckoff positions and elements, compiled from spec/tables (see SOURCES.md there)."""

from functools import cache
from typing import Final, NamedTuple

from cloudkit.tables import _generated

LETTERS: Final = "abcdefghijklmnopqrstuvwxyzA"  # Wyckoff letters in order; 'A' is the 27th of space group 47

# lattice points per conventional cell
CENTERING_POINTS: Final = {"P": 1, "A": 2, "C": 2, "I": 2, "R": 3, "F": 4}


class WyckoffPosition(NamedTuple):
    """One Wyckoff position of a space group.

    Attributes
    ----------
    letter : str
        One of LETTERS.
    multiplicity : int
        Points per conventional cell.
    degrees_of_freedom : int
        Free coordinates, 0 to 3.
    site_symmetry : str
        Oriented symbol of International Tables A, such as "4mm" or "mm2..".
    representative : str
        Its first coordinates.

    Examples
    --------
    >>> SPACE_GROUPS[224].position("c")
    WyckoffPosition(letter='c', multiplicity=8, degrees_of_freedom=0, site_symmetry='-43m', representative='1/4,1/4,1/4')
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

    Attributes
    ----------
    number, symbol : int, str
        Number and Hermann-Mauguin symbol.
    generators : str
        Published generator string without spaces, the label in SCOPE strings.
    correct_generators : str
        A string that generates the group (differs in 39 and 131).
    point_group, centering, crystal_system : str
        Such as "m-3m", "F", "cubic".
    wyckoff : tuple of WyckoffPosition
        By letter, from "a".

    Examples
    --------
    >>> group = SPACE_GROUPS[224]
    >>> group.symbol, group.point_group, group.position("a").symbol
    ('Fm-3m', 'm-3m', '4a')
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
        """Return the Wyckoff position of a letter; raise KeyError if the group has none."""
        index = LETTERS.find(letter)
        if len(letter) != 1 or not 0 <= index < len(self.wyckoff):
            raise KeyError(f"space group {self.number} has no Wyckoff letter '{letter}'")
        return self.wyckoff[index]


class Element(NamedTuple):
    """One chemical element; unknown properties are NaN.

    Attributes
    ----------
    mass : float
        In u.
    electronegativity : float
        On Pauling's scale.
    order : int
        Rank by (electronegativity, symbol), the order of elements in SCOPE.
    covalent_radius, atomic_radius : float
        In Å.
    ionization_energy, electron_affinity : float
        In eV.
    melting_point, molar_volume : float
        In K, in cm³/mol.
    oxidation_states : tuple of int
        Those that occur in the ICSD, ascending.

    Examples
    --------
    >>> ELEMENT["Fe"].number, ELEMENT["Fe"].mass, ELEMENT["Fe"].block
    (26, 55.845, 'd')
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
    """Return the generator part of a SCOPE string.

    Parameters
    ----------
    number
        Space group, 1 to 230.

    Returns
    -------
    str
        Characters separated by spaces.

    Examples
    --------
    >>> generator_text(2)
    '1 0 0'
    """
    return GENERATOR_TEXTS[number - 1]


@cache
def letter_permutations(number: int) -> tuple[str, ...]:
    """Return how the affine normalizer of a space group renames its Wyckoff letters.

    Parameters
    ----------
    number
        Space group, 1 to 230.

    Returns
    -------
    tuple of str
        In each string s, LETTERS[i] becomes s[i]. The identity comes first; the strings form a group (derived in
        spec/tools/build_normalizer.py).

    Examples
    --------
    >>> letter_permutations(221)[1][:4]
    'badc'
    """
    return tuple(_generated.NORMALIZER[number - 1].split())


@cache
def origin_shift_permutations(number: int) -> tuple[str, ...]:
    """Return the `letter_permutations` that come from shifts of the origin alone.

    Parameters
    ----------
    number
        Space group, 1 to 230.

    Returns
    -------
    tuple of str
        The identity comes first.

    Examples
    --------
    >>> len(origin_shift_permutations(47)), len(letter_permutations(47))
    (8, 48)
    """
    return tuple(_generated.ORIGIN_SHIFTS[number - 1].split())
