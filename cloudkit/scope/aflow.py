"""Orbit text to the AFLOW protostructure label and back.

A label such as ``AB_cF8_225_a_b:Cl-Na`` holds formula, Pearson symbol, space group, the letters of each element in
alphabetical order (a number before a letter counts its orbits), and the elements. Among equivalent choices of letters it
takes the smallest (sum of letter indices over the distinct letters of each element, text).
"""

import re
from collections import Counter
from string import ascii_uppercase
from typing import Final

from cloudkit.errors import ScopeError
from cloudkit.scope.canonical import canonical_scope, renamings
from cloudkit.scope.tree import Orbit, Scope, parse
from cloudkit.tables import ELEMENT, LETTERS, SPACE_GROUPS, origin_shift_permutations
from cloudkit.tables.composition import whole_numbers

FAMILY: Final = {
    "triclinic": "a", "monoclinic": "m", "orthorhombic": "o", "tetragonal": "t",
    "trigonal": "h", "hexagonal": "h", "cubic": "c",
}  # fmt: skip
# Space groups for which pymatgen's table of equivalent letters has shifts of the origin only.
AXES_KEPT: Final = frozenset({2, 3, 10, 11, 12, 13, 14})
LETTER_COUNT: Final = re.compile("([1-9][0-9]{0,3})?([a-zA])")


def aflow_label(orbit: str | Scope, *, keep_axes: bool = False) -> str:
    """The AFLOW protostructure label of an ordered crystal.

    R groups count the atoms of the hexagonal cell, and A centring is written C, as in pymatgen.

    Parameters
    ----------
    orbit
        An orbit string, or a parsed one.
    keep_axes
        In space groups 2, 3 and 10 to 14 consider only shifts of the origin. pymatgen does this, so its label depends on
        the axes chosen by spglib; strings made with ``order="input"`` and spglib reproduce it. By default the label is
        the same for every description of a crystal.

    Returns
    -------
    str
        A label such as ``AB_cF8_225_a_b:Cl-Na``.

    Raises
    ------
    ScopeError
        If the text is invalid or of another dialect, or an orbit is mixed or partially occupied.

    Examples
    --------
    >>> from cloudkit.scope import aflow_label
    >>> aflow_label("1 0 0 | Na 1a Cl 1b")
    'AB_aP2_2_a_b:Cl-Na'
    """
    scope = parse(orbit) if isinstance(orbit, str) else orbit
    if scope.dialect != "orbit":
        raise ScopeError(f"an AFLOW label needs an orbit string, found the {scope.dialect} dialect")
    content = _letters_of_elements(scope)
    used = tuple(sorted({letter for counts in content for letter in counts}))
    if keep_axes and scope.space_group in AXES_KEPT:
        images = [[LETTERS.index(p[i]) for i in used] for p in origin_shift_permutations(scope.space_group)]
    else:
        images = [list(image) for image in renamings(scope.space_group, used)]
    choices = (dict(zip(used, image, strict=True)) for image in images)
    _, letters = min(_score(content, choice) for choice in choices)
    elements = sorted(scope.composition)
    head = f"{_formula(scope, elements)}_{_pearson_symbols(scope)[0]}_{scope.space_group}"
    return f"{head}_{letters}:{'-'.join(elements)}"


def _letters_of_elements(scope: Scope) -> list[Counter[int]]:
    """Orbits of each element by letter index, elements in alphabetical order."""
    content: dict[str, Counter[int]] = {}
    for orbit in scope.orbits:
        species = orbit.species or ()
        if len(species) != 1 or species[0][1] != 1.0:
            raise ScopeError(
                f"'{orbit}' is mixed or partially occupied; AFLOW labels exist for ordered crystals only"
            )
        content.setdefault(species[0][0], Counter())[LETTERS.index(orbit.letter)] += 1
    if len(content) > len(ascii_uppercase):
        raise ScopeError(f"an AFLOW label has at most 26 elements; this crystal has {len(content)}")
    return [content[element] for element in sorted(content)]


def _score(content: list[Counter[int]], choice: dict[int, int]) -> tuple[int, str]:
    """(sum of letter indices, text) under one choice of letters; capital A is written first, as ASCII has it."""
    parts = []
    for counts in content:
        named = sorted((LETTERS[choice[letter]], count) for letter, count in counts.items())
        parts.append("".join(f"{count if count > 1 else ''}{letter}" for letter, count in named))
    return sum(choice[letter] for counts in content for letter in counts), "_".join(parts)


def _formula(scope: Scope, elements: list[str]) -> str:
    """A, B, C … for the elements in the given order, with the smallest whole numbers; 1 is not written."""
    counts = whole_numbers(scope.composition) or {}
    numbers = ("" if counts[element] == 1 else str(counts[element]) for element in elements)
    return "".join(f"{name}{number}" for name, number in zip(ascii_uppercase, numbers, strict=False))


def _pearson_symbols(scope: Scope) -> list[str]:
    """The symbol as pymatgen writes it, then the other forms in use: base centring by A or S, a rhombohedral cell."""
    group = SPACE_GROUPS[scope.space_group - 1]
    family, atoms = FAMILY[group.crystal_system], scope.n_sites or 0
    if group.centering in "AC":
        return [f"{family}{centering}{atoms}" for centering in "CAS"]
    return [
        f"{family}{group.centering}{atoms}",
        *([f"{family}R{atoms // 3}"] if group.centering == "R" else []),
    ]


def from_aflow(label: str) -> str:
    """The canonical orbit string of an AFLOW label with elements.

    Parameters
    ----------
    label
        Such as ``AB_cF8_225_a_b:Cl-Na``, with any equivalent letters. R groups may count the hexagonal or the
        rhombohedral cell; base centring may be written A, C or S.

    Returns
    -------
    str
        The canonical orbit string.

    Raises
    ------
    ScopeError
        If the label is malformed or contradicts itself.

    Examples
    --------
    >>> from cloudkit.scope import from_aflow
    >>> from_aflow("AB_aP2_2_a_b:Cl-Na")
    '1 0 0 | Na 1a Cl 1b'
    """
    head, _, tail = label.partition(":")
    fields = head.split("_")
    if not tail or len(fields) < 4:
        raise _bad(
            label, "it needs a formula, a Pearson symbol, a space group, letters, a colon and elements"
        )
    formula, pearson, number, *parts = fields
    elements = tail.split("-")
    scope = _read_letters(label, number, parts, elements)
    if formula != (expected := _formula(scope, elements)):
        raise _bad(label, f"its letters give the formula {expected}, not '{formula}'")
    if pearson not in (symbols := _pearson_symbols(scope)):
        raise _bad(label, f"its letters give the Pearson symbol {symbols[0]}, not '{pearson}'")
    return str(canonical_scope(scope))


def _read_letters(label: str, number: str, parts: list[str], elements: list[str]) -> Scope:
    """The orbits of all elements, with every element and letter checked."""
    if not re.fullmatch("[1-9][0-9]{0,2}", number) or int(number) > 230:
        raise _bad(label, f"'{number}' is not a space group (1 to 230)")
    if unknown := [element for element in elements if element not in ELEMENT]:
        raise _bad(label, f"'{unknown[0]}' is not an element")
    if len(set(elements)) < len(elements):
        raise _bad(label, "an element is listed twice")
    if len(parts) != len(elements):
        raise _bad(label, f"it has letters for {len(parts)} elements but lists {len(elements)}")
    if len(elements) > len(ascii_uppercase):
        raise _bad(label, f"a formula has at most 26 elements, found {len(elements)}")
    group = SPACE_GROUPS[int(number) - 1]
    orbits = list[Orbit]()
    for part, element in zip(parts, elements, strict=True):
        if not re.fullmatch(f"({LETTER_COUNT.pattern})+", part):
            raise _bad(label, f"'{part}' is not a list of Wyckoff letters such as 'a' or '2ab'")
        for count, letter in LETTER_COUNT.findall(part):
            if LETTERS.index(letter) >= len(group.wyckoff):
                raise _bad(
                    label,
                    f"space group {number} has no letter '{letter}'; it has a to {group.wyckoff[-1].letter}",
                )
            multiplicity = group.position(letter).multiplicity
            orbits += [Orbit(letter, multiplicity, ((element, 1.0),))] * int(count or 1)
    for letter, count in Counter(orbit.letter for orbit in orbits).items():
        if count > 1 and not group.position(letter).degrees_of_freedom:
            raise _bad(
                label, f"letter '{letter}' of space group {number} has no free parameter but is used twice"
            )
    return Scope("orbit", group.number, tuple(orbits))


def _bad(label: str, reason: str) -> ScopeError:
    shown = label if len(label) <= 80 else f"{label[:80]}…"
    return ScopeError(
        f"'{shown}' is not an AFLOW protostructure label: {reason}; expected a label such as 'AB_cF8_225_a_b:Cl-Na'"
    )
