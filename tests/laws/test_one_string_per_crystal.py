"""Law 1: however a crystal is written down, its canonical string is the same, and another crystal has another."""

import gzip
import json
import random
import runpy
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from cloudkit.encoding import encode
from cloudkit.io import as_crystal, read_structures
from cloudkit.scope import parse, project
from cloudkit.structure import Crystal, find_symmetry

PERTURB = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks/perturb.py"))
CHEAP = PERTURB["CELL_KEEPING"] | PERTURB["SUPERCELLS"]  # those that need no engine of their own
CUBE = np.eye(3)
FACES = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def crystal(lattice, *sites: tuple[str, list]) -> Crystal:
    """sites: (element, positions of shape (n, 3) or (3,))."""
    positions = [(element, place) for element, places in sites for place in np.reshape(places, (-1, 3))]
    return as_crystal((np.array(lattice), [p for _, p in positions], [e for e, _ in positions]))


def fcc(place: list[float]) -> np.ndarray:
    return (FACES + place) % 1


def along_c(places: np.ndarray, shift: float) -> np.ndarray:
    return places + np.array([0, 0, shift])


def end(structure: Crystal) -> str:
    """Space group and orbits of the canonical string."""
    text = encode(structure)
    return f"{parse(text).space_group} | {text.partition(' | ')[2]}"


CORNER, CENTRE = [0, 0, 0], [0.5, 0.5, 0.5]
EDGES, FACE_CENTRES = (1 - CUBE) / 2 + [0.5, 0.5, 0.5], (1 - CUBE) / 2
TETRAGONAL = np.diag([4.594, 4.594, 2.959])
RUTILE_O = np.array([[0.305, 0.305, 0], [0.695, 0.695, 0], [0.195, 0.805, 0.5], [0.805, 0.195, 0.5]])
HEXAGONAL = np.array([[3.82, 0, 0], [-1.91, 3.82 * 3**0.5 / 2, 0], [0, 0, 6.26]])
WURTZITE = np.array([[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5]])

ONE_CRYSTAL = {
    "caesium chloride": (
        "221 | Cs 1a Cl 1b",
        crystal(4.12 * CUBE, ("Cs", CORNER), ("Cl", CENTRE)),
        crystal(4.12 * CUBE, ("Cl", CORNER), ("Cs", CENTRE)),
    ),
    "rock salt": (
        "225 | Na 4a Cl 4b",
        crystal(5.64 * CUBE, ("Na", fcc(CORNER)), ("Cl", fcc(CENTRE))),
        crystal(5.64 * CUBE, ("Cl", fcc(CORNER)), ("Na", fcc(CENTRE))),
    ),
    "perovskite": (
        "221 | Sr 1a Ti 1b O 3c",
        crystal(3.905 * CUBE, ("Sr", CORNER), ("Ti", CENTRE), ("O", FACE_CENTRES)),
        crystal(3.905 * CUBE, ("Ti", CORNER), ("Sr", CENTRE), ("O", CUBE / 2)),
    ),
    "rutile": (
        "136 | Ti 2a O 4f",
        crystal(TETRAGONAL, ("Ti", [CORNER, CENTRE]), ("O", RUTILE_O)),
        crystal(TETRAGONAL, ("O", along_c(RUTILE_O, 0.5)), ("Ti", [[0, 0, 0.5], [0.5, 0.5, 0]])),
    ),
    "zincblende": (
        "216 | Zn 4a S 4c",
        *(crystal(5.41 * CUBE, ("Zn", fcc([n / 4] * 3)), ("S", fcc([(n + d) / 4] * 3)))
          for n, d in product(range(4), (1, 3))),
    ),
    "half-Heusler": (
        "216 | Ti 4a Sn 4b Ni 4c",
        *(crystal(5.95 * CUBE, ("Ti", fcc([n / 4] * 3)), ("Ni", fcc([(n + d) / 4] * 3)), ("Sn", fcc([(n + 2) / 4] * 3)))
          for n, d in product(range(4), (1, 3))),
    ),
    "wurtzite": (
        "186 | Zn 2b S 2b",
        crystal(HEXAGONAL, ("Zn", WURTZITE), ("S", along_c(WURTZITE, 0.375))),
        crystal(HEXAGONAL, ("S", along_c(WURTZITE, 0.2)), ("Zn", along_c(WURTZITE, -0.175))),
        crystal(HEXAGONAL, ("Zn", -WURTZITE), ("S", along_c(-WURTZITE, -0.375))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_CRYSTAL)
def test_a_crystal_written_in_several_ways_has_one_string(name: str) -> None:
    expected, *ways = ONE_CRYSTAL[name]
    assert {end(way) for way in ways} == {expected}


def test_raw_letters_do_depend_on_the_way_a_crystal_is_written() -> None:
    """Otherwise the test above would show nothing."""
    _, one, other = ONE_CRYSTAL["perovskite"]
    letters = [sorted(orbit.letter for orbit in find_symmetry(way).orbits) for way in (one, other)]
    assert letters[0] != letters[1]


def test_exchanging_elements_that_no_symmetry_exchanges_gives_another_string() -> None:
    def half_heusler(centre: str, one: str, other: str) -> Crystal:
        return crystal(
            5.95 * CUBE,
            (one, fcc(CORNER)),
            (centre, fcc([0.25, 0.25, 0.25])),
            (other, fcc([0.5, 0.5, 0.5])),
        )

    texts = {
        centre: encode(half_heusler(centre, *sorted({"Ti", "Ni", "Sn"} - {centre})))
        for centre in ("Ti", "Ni", "Sn")
    }
    assert len(set(texts.values())) == 3


def monoclinic_zirconia() -> Crystal:
    """Baddeleyite in P 1 21/c 1."""
    beta = np.radians(99.23)
    lattice = [[5.151, 0, 0], [0, 5.203, 0], [5.316 * np.cos(beta), 0, 5.316 * np.sin(beta)]]

    def orbit(x: float, y: float, z: float) -> list[list[float]]:
        half = [[x, y, z], [-x, y + 0.5, 0.5 - z]]
        return half + [[-a for a in place] for place in half]

    return crystal(
        lattice,
        ("Zr", orbit(0.2754, 0.0395, 0.2083)),
        ("O", orbit(0.0700, 0.3317, 0.3447)),
        ("O", orbit(0.4496, 0.7569, 0.4792)),
    )


def bases() -> list[np.ndarray]:
    """Unimodular matrices with entries -1, 0, 1: cell choices and axis names of a monoclinic or triclinic cell."""
    matrices = (np.reshape(entries, (3, 3)) for entries in product((-1, 0, 1), repeat=9))
    return [m for m in matrices if abs(round(np.linalg.det(m))) == 1]


def test_monoclinic_axis_and_cell_choices_have_one_string() -> None:
    zirconia = monoclinic_zirconia()
    texts = {end(PERTURB["change_basis"](zirconia, basis)) for basis in random.Random(1).sample(bases(), 150)}
    assert texts == {"14 | Zr 4e O 4e O 4e"}


MONOCLINIC = np.array([[5.1, 0, 0], [0, 6.3, 0], [-1.7, 0, 7.2]])
TRICLINIC = np.array([[5.1, 0.3, 0.2], [0.9, 6.3, -0.4], [-1.1, 0.7, 7.2]])
CENTRES = [np.array(place) / 2 for place in product((0, 1), repeat=3)]


def on_inversion_centres(lattice: np.ndarray) -> Crystal:
    return crystal(
        lattice, ("K", CORNER), ("Na", [0.5, 0, 0]), ("Cl", CENTRE), ("F", [0, 0, 0.5]), ("Br", [0, 0.5, 0])
    )


@pytest.mark.parametrize(("lattice", "group"), [(TRICLINIC, 2), (MONOCLINIC, 10)])
def test_any_inversion_centre_and_any_basis_may_be_the_origin(lattice: np.ndarray, group: int) -> None:
    given = on_inversion_centres(lattice)
    texts = set()
    for shift, basis in product(CENTRES, random.Random(group).sample(bases(), 25)):
        moved = as_crystal((lattice, given.positions + shift, [given.species[i][0][0] for i in given.labels]))
        texts.add(end(PERTURB["change_basis"](moved, basis)))
    assert len(texts) == 1
    assert texts.pop().startswith(f"{group} | ")


def test_mirror_images_of_a_chiral_crystal_keep_their_letters_and_exchange_the_group() -> None:
    x, y, z, u = 0.4135, 0.2669, 0.7858, 0.4697  # quartz, P 32 2 1
    lattice = [[4.913, 0, 0], [-2.4565, 4.913 * 3**0.5 / 2, 0], [0, 0, 5.405]]
    silicon = np.array([[u, 0, 2 / 3], [0, u, 1 / 3], [-u, -u, 0]])
    oxygen = [
        [x, y, z], [-y, x - y, z + 2 / 3], [y - x, -x, z + 1 / 3],
        [y, x, -z], [x - y, -y, 1 / 3 - z], [-x, y - x, 2 / 3 - z],
    ]  # fmt: skip
    quartz = crystal(lattice, ("Si", silicon), ("O", oxygen))
    mirrored = crystal(np.array(lattice) * [1, 1, -1], ("Si", silicon), ("O", oxygen))
    assert end(quartz) == "154 | Si 3a O 6c"
    assert end(mirrored) == "152 | Si 3a O 6c"


@pytest.fixture(scope="module")
def structures(shared: Path) -> dict[str, Crystal]:
    """The 60 POSCARs and 40 Materials Project structures."""
    data = shared / "data"
    with gzip.open(data / "mp20_binary_ternary.jsonl.gz", "rt") as file:
        rows = random.Random(3).sample(file.readlines(), 40)
    records = [json.loads(row) for row in rows]
    found = {record["id"]: as_crystal(record["structure"]) for record in records}
    poscars = {record.id: record.crystal for record in read_structures([data / "structures/poscar"])}
    assert len(found) == 40
    assert len(poscars) == 60
    return found | poscars


@pytest.mark.parametrize("name", CHEAP)
def test_perturbing_a_structure_keeps_both_strings(structures: dict[str, Crystal], name: str) -> None:
    rng = np.random.default_rng(5)
    for id, given in structures.items():
        before, after = encode(given), encode(CHEAP[name](given, rng))
        assert after == before, id
        assert project(after, "reduced") == project(before, "reduced"), id


def test_both_engines_give_one_string(structures: dict[str, Crystal]) -> None:
    texts = {id: (encode(given), encode(given, engine="spglib")) for id, given in structures.items()}
    assert {id: pair for id, pair in texts.items() if pair[0] != pair[1]} == {}
