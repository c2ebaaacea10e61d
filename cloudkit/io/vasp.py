"""Files of VASP: POSCAR and CONTCAR, read here; vasprun.xml and OUTCAR, of which ASE reads the last structure."""

import re
from collections.abc import Iterator
from io import StringIO
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import MissingExtra, StructureError, require
from cloudkit.io.objects import from_object
from cloudkit.io.record import Record
from cloudkit.structure.crystal import Crystal, build_crystal
from cloudkit.structure.elements import Atom, is_element, read_symbol
from cloudkit.tables import ELEMENTS

MAX_ATOMS: Final = 1_000_000
LONGEST_LIST: Final = 1_000  # element symbols
MAX_NUMBER: Final = 1e12  # of any number in the file


def read_poscar(text: str, notes: list[str]) -> Crystal:
    """The crystal of a POSCAR of any VASP version; adds to `notes` what was assumed.

    One scale or three, negative = volume in Å³; selective dynamics; direct or Cartesian.
    VASP 4 names no elements: they are
    taken from the title or the ends of the position lines, else H, He,
    Li, … stand in for them, as in the published script.
    Raises StructureError S103, S107.
    """
    lines = text.splitlines()
    if len(lines) < 7:
        raise _broken(
            len(lines),
            "the file ends here; a POSCAR has a title, a scale, three vectors, counts and positions",
        )
    vectors = np.array([_numbers(lines, i, 3) for i in (2, 3, 4)])
    scale = _scale(_numbers(lines, 1, None), vectors)
    named, at = _names(lines)
    counts, mode = _counts(lines, at, len(named))
    n = sum(counts)
    if mode < len(lines) and lines[mode].strip()[:1].lower() == "s":
        mode += 1
    if mode >= len(lines) or not lines[mode].strip()[:1].isalpha():
        raise _broken(mode + 1, "expected 'Direct' or 'Cartesian'")
    if named and len(named) != len(counts):
        raise _broken(6, f"{len(named)} element symbols but {len(counts)} atom counts")
    positions = np.array([_numbers(lines, mode + 1 + i, 3) for i in range(n)]).reshape(n, 3)
    symbols = named or _symbols_elsewhere(lines, mode + 1, counts, notes)
    atoms = [_symbol(symbol) for symbol, count in zip(symbols, counts, strict=True) for _ in range(count)]
    if lines[mode].strip()[0].lower() in "ck":
        positions = _to_fractional(positions * scale, vectors * scale)
    return build_crystal(vectors * scale, positions, [((atom, 1.0),) for atom in atoms])


def _scale(factors: list[float], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(factors) == 2:
        raise _broken(2, "the scale is two numbers; VASP takes one, or one for each axis")
    if len(factors) >= 3:
        return np.array(factors[:3])
    if factors[0] == 0:
        raise _broken(2, "the scale is zero")
    if factors[0] > 0:
        return np.full(3, factors[0])
    volume = abs(float(np.linalg.det(vectors)))
    if volume == 0:
        raise StructureError("S203", "the three cell vectors of the POSCAR lie in one plane")
    return np.full(3, (-factors[0] / volume) ** (1 / 3))


def _names(lines: list[str]) -> tuple[list[str], int]:
    """The symbols of the elements, which VASP writes over several lines where there are more than 20, and the line of the
    first atom count.
    """
    named: list[str] = []
    at = 5
    while at < len(lines) and (words := _words(lines[at])) and not words[0].isdecimal():
        if named and not all(is_element(re.split(r"[_/]", word)[0]) for word in words):
            break
        named += words
        at += 1
        if len(named) > LONGEST_LIST:
            raise _broken(at, f"more than {LONGEST_LIST} element symbols")
    return named, at


def _words(line: str) -> list[str]:
    """The words of a line without a comment at its end."""
    return re.split(r"[!#]", line, maxsplit=1)[0].split()


def _counts(lines: list[str], at: int, wanted: int) -> tuple[list[int], int]:
    """The atom counts, over as many lines as it takes for `wanted` of them, and the line after them."""
    counts = _count_line(lines, at)
    at += 1
    while (
        len(counts) < wanted
        and at < len(lines)
        and _words(lines[at])[:1]
        and _words(lines[at])[0].isdecimal()
    ):
        counts += _count_line(lines, at)
        at += 1
    return counts, at


def _count_line(lines: list[str], at: int) -> list[int]:
    words = lines[at].split() if at < len(lines) else []
    numbers = words[: next((i for i, word in enumerate(words) if not word.isdecimal()), len(words))]
    counts = [int(word) for word in numbers if len(word) < 9]
    if not counts or len(counts) < len(numbers) or sum(counts) > MAX_ATOMS:
        found = lines[at].strip()[:40] if at < len(lines) else "the end of the file"
        raise _broken(at + 1, f"expected how many atoms of each element there are, found '{found}'")
    return counts


def _symbols_elsewhere(lines: list[str], first: int, counts: list[int], notes: list[str]) -> list[str]:
    """One symbol per count, for a POSCAR without the line of symbols."""
    title = lines[0].split()
    if len(title) == len(counts) and all(map(is_element, title)):
        return title
    ends = [(line.split() or [""])[-1] for line in lines[first : first + sum(counts)]]
    heads = [ends[min(sum(counts[:i]), len(ends) - 1)] for i in range(len(counts))] if ends else []
    if (
        heads
        and all(map(is_element, heads))
        and [h for h, n in zip(heads, counts, strict=True) for _ in range(n)] == ends
    ):
        return heads
    if len(counts) > len(ELEMENTS):
        raise _broken(6, "more atom counts than there are elements")
    stand_ins = [element.symbol for element in ELEMENTS[: len(counts)]]
    notes.append(
        f"the POSCAR (VASP 4) names no elements: {', '.join(stand_ins)} stand in for them; "
        "write the symbols on the line above the atom counts"
    )
    return stand_ins


def _symbol(text: str) -> Atom:
    """Fe, Fe_pv or Fe/0123abc (as VASP 6 appends hashes)."""
    return Atom(read_symbol(text.split("_")[0].split("/")[0]).symbol)


def _numbers(lines: list[str], at: int, n: int | None) -> list[float]:
    words = lines[at].split() if at < len(lines) else []
    values: list[float] = []
    for word in words[: n or 3]:
        try:
            value = float(word.upper().replace("D", "E"))  # Fortran writes and reads 2.8D0
        except ValueError:
            break
        if not abs(value) < MAX_NUMBER:
            raise _broken(at + 1, f"'{word}' is not a sensible number")
        values.append(value)
    if not values or (n is not None and len(values) < n):
        found = f"found '{lines[at].strip()[:40]}'" if at < len(lines) else "the file ends"
        raise _broken(at + 1, f"expected {n or 'one or three'} numbers, {found}")
    return values


def _to_fractional(positions: NDArray[np.float64], lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        fractional: NDArray[np.float64] = np.linalg.solve(lattice.T, positions.T).T.astype(np.float64)
        return fractional
    except np.linalg.LinAlgError as error:
        raise StructureError("S203", "the three cell vectors of the POSCAR lie in one plane") from error


def _broken(line: int, what: str) -> StructureError:
    return StructureError("S103", f"line {line} of the POSCAR: {what}")


class _NamedFile(StringIO):
    """A text with the name of a file, next to which ASE looks for constraints of the run; there is nothing next to it."""

    name = "/nowhere/OUTCAR"


def read_output(text: str, form: str) -> Iterator[Record]:
    """The last structure of an output. form: "vasp-xml" or "vasp-out", as ASE names them.

    Raises StructureError S102 where ASE is not installed, S103 where it cannot read the text.
    """
    try:
        ase = require("ase.io", "interop")
    except MissingExtra as error:
        raise StructureError(
            "S102",
            "outputs of VASP are read by ASE, which is not installed",
            f"{error.install}, or give the CONTCAR of the run",
        ) from error
    try:
        atoms = ase.read(_NamedFile(text), format=form, index=-1)
    except Exception as error:
        raise StructureError(
            "S103",
            f"ASE cannot read the output ({str(error) or type(error).__name__}); is the run complete?",
            "give the CONTCAR of the run",
        ) from error
    yield Record("", from_object(atoms), None, ("the last structure of the output is read",))
