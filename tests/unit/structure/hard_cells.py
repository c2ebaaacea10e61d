"""Cells that broke other symmetry programs, after public reports; spglib#567 is issue 567 of spglib.

Where a report has no data, the cell is made here, of the same kind.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from perturb import change_basis, repeat
from synthetic import VOLUME_PER_ATOM, make_crystal, random_lattice, random_orbit

from cloudkit.io import as_crystal
from cloudkit.structure import Crystal
from cloudkit.tables import SPACE_GROUPS

ROOT_3 = 3**0.5


@dataclass(frozen=True)
class HardCell:
    """groups: space group at each symprec."""

    name: str
    make: Callable[[], Crystal]
    groups: dict[float, int]


def make_cell(lattice: object, positions: object, elements: list[str]) -> Callable[[], Crystal]:
    return lambda: as_crystal((np.array(lattice, float), np.array(positions, float), elements))


# ---- Of the reports -------------------------------------------------------------------------------------------------

FCC = [
    [3.4854362538293855, 0, 2.0123175618249705],
    [1.1618120789133182, 3.286100806051642, 2.0123175580416164],
]
SALT = [[0, 0, 0], [0.5, 0.5, 0.5]]
TIN = [[-1.703614, 1.712067, 1.605156], [1.703614, -1.712067, 1.605156], [1.703614, 1.712067, -1.605156]]
GRAPHENE = [[2.1217113285639, 1.2249706066897641, 0], [2.1217113285639, -1.2249706066897641, 0], [0, 0, -15]]
GRAPHITE = np.array([[-1.235, -1.235, 0], [-2.13908275, 2.13908275, 0], [0, 0, -6.8]])
GRAPHITE_AS_ROWS = [[-1.235, -1.235, 0], [-2.13908275, 2.13908275, 0], [-3.02487759e-16, 1.5124388e-16, -6.8]]
GRAPHITE_SITES = [[0.6667, 0.3333, 0.75], [0.3333, 0.6667, 0.25], [0, 0, 0.75], [0, 0, 0.25]]
IRON_OXIDE = np.array([[2.167, 2.167, 4.334], [2.167, 4.334, 2.167], [4.334, 2.167, 2.167]])
IRON_OXIDE_SITES = np.array([[2.167] * 3, [6.501] * 3, [0] * 3, [4.334] * 3]) @ np.linalg.inv(IRON_OXIDE)
ODD_CUBIC = [[2.223, 4.446, 2.223], [4.446, 2.223, 2.223], [2.223, 2.223, 4.446]]
HEUSLER = [[3.84019793, 0, 0], [1.92009897, 3.32571019, 0], [0, -2.21713849, 3.13550906]]
EDGE = (1 / 16 + 1 / 25) ** -0.5
JITTERED = [
    [3.9654072417, -0.0006472088, -0.7686595013],
    [-0.2799924824, 5.5110023687, -1.4490818386],
    [0.0130490884, -0.1425390523, 10.6864239498],
]
JITTERED_SITES = [
    [0.8004699061, 0.8000010486, 0.6000019079], [0.4007723449, 0.3999960385, 0.7999922155],
    [0.1995300549, 0.1999990969, 0.399998091], [0.5992276144, 0.6000038303, 0.2000077513],
    [-1.32e-8, 1.234e-7, 3.48e-8], [0.8005351034, 0.3000024112, 0.6000047708],
    [0.400810831, 0.8999938615, 0.7999881145], [0.5991891318, 0.1000058037, 0.2000119394],
    [0.1994649555, 0.6999974685, 0.3999952432], [-5e-8, 0.5000000182, -6.7e-8],
    [0.3004646772, 0.5499962967, 0.5999901493], [0.0992753086, 0.3499964238, 0.2000087642],
    [0.4999999373, 0.2500220433, -5.91e-8], [0.3004646111, 0.0499938896, 0.5999901164],
    [0.0992752335, 0.8500124103, 0.2000087669], [0.6995353506, 0.4500038052, 0.4000098636],
    [0.900724735, 0.650003536, 0.7999912864], [0.6995354726, 0.9500062277, 0.4000099216],
    [0.9007247138, 0.1499877499, 0.7999912396], [0.5000000815, 0.7499779168, -5.04e-8],
]  # fmt: skip


# ---- Made here ------------------------------------------------------------------------------------------------------


def skewed_molecules() -> Crystal:
    """Pairs of atoms about a centre in a cell skewed by dozens of vectors; more would cost the sixth decimal of an Å."""
    places = np.array([[0.11, 0.23, 0.31], [0.29, 0.41, 0.17], [0.37, 0.13, 0.43]])
    lattice = np.array([[7.1, 0.3, -0.4], [-1.2, 8.3, 0.7], [0.9, -1.1, 9.7]])
    crystal = as_crystal((lattice, np.concatenate([places, -places]), ["C", "N", "O"] * 2))
    return change_basis(crystal, np.array([[1, 37, -12], [0, 1, 55], [0, 0, 1]]))


def odd_fdd2() -> Crystal:
    """Fdd2 in a primitive basis with entries of 2."""
    crystal, _ = make_crystal(43, "a", np.random.default_rng(43))
    basis = np.array([[1, 2, 0], [0, 1, 0], [2, 4, 1]]) @ np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    primitive = np.linalg.inv(basis)
    places, kept = np.mod(crystal.positions @ primitive, 1), []
    for i, place in enumerate(places):
        gaps = places[kept] - place
        if not kept or np.abs(gaps - np.round(gaps)).max(axis=1).min() > 1e-6:
            kept.append(i)
    return Crystal(basis @ crystal.lattice, places[kept], crystal.labels[kept], crystal.species)


def rock_salt() -> Crystal:
    faces = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return as_crystal((5.64 * np.eye(3), np.concatenate([faces, faces + 0.5]), ["Na"] * 4 + ["Cl"] * 4))


def silicon(times: int) -> Crystal:
    faces = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cell = as_crystal((5.43 * np.eye(3), np.concatenate([faces, faces + 0.25]), ["Si"] * 8))
    return repeat((times, times, times))(cell, np.random.default_rng(0))


def without_first(crystal: Crystal) -> Crystal:
    return Crystal(crystal.lattice, crystal.positions[1:], crystal.labels[1:], crystal.species)


def rattled(crystal: Crystal, length: float, seed: int = 0) -> Crystal:
    """Each coordinate moves by at most `length` Å."""
    moves = np.random.default_rng(seed).uniform(-length, length, crystal.positions.shape)
    positions = crystal.positions + moves @ np.linalg.inv(crystal.lattice)
    return Crystal(crystal.lattice, positions, crystal.labels, crystal.species)


def nearly_degenerate() -> Crystal:
    """Face-centred vectors with errors of 1e-7 Å, on which Niggli reduction never ends."""
    lattice = [[1.1e-7, 2.2, 2.2000001], [2.2, -0.7e-7, 2.1999999], [2.2000002, 2.2, 0.4e-7]]
    return as_crystal((np.array(lattice), np.array(SALT), ["Na", "Cl"]))


def skewed_c2c() -> Crystal:
    """C2/c with atoms on inversion centres, in a skew cell."""
    lattice = np.array([[9.1, 0, 0], [0, 8.3, 0], [-2.6, 0, 5.2]])
    centres = {"Ca": [[0, 0, 0], [0, 0, 0.5]], "Ti": [[0.25, 0.25, 0.5], [0.75, 0.25, 0]]}
    general = np.array([0.123, 0.287, 0.361])
    oxygen = [general, general * [-1, 1, -1] + [0, 0, 0.5], -general, general * [1, -1, 1] + [0, 0, 0.5]]
    places, elements = [], []
    for element, sites in {**centres, "O": oxygen}.items():
        for site in sites:
            places += [site, np.add(site, [0.5, 0.5, 0])]
            elements += [element] * 2
    crystal = as_crystal((lattice, np.array(places), elements))
    return change_basis(crystal, np.array([[1, 0, -3], [0, 1, 0], [0, 0, 1]]))


def thin_and_long() -> Crystal:
    """13 atoms of one kind in 1.5 x 50 Å."""
    heights = np.array([0.031, 0.074, 0.129, 0.203, 0.288, 0.391])
    shifts = np.array([[0, 0], [0.5, 0.5], [0, 0.5], [0.5, 0], [0, 0], [0.5, 0.5]])
    half = np.column_stack([shifts, heights])
    places = np.concatenate([[[0, 0, 0]], half, half * [1, 1, -1]])
    return as_crystal((np.diag([3.9, 1.5, 50.0]), places, ["C"] * 13))


def slab(vacuum: float) -> Crystal:
    """A layer of MoS2, a little distorted, in a cell of 3 Å + vacuum."""
    height = 3.13 + vacuum
    lattice = np.array([[3.16, 0.0007, 0], [-1.5803, 2.7365, 0], [0.001, 0, height]])
    z = 1.565 / height
    places = np.array([[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5 + z], [2 / 3, 1 / 3, 0.5 - z * 1.0001]])
    return as_crystal((lattice, places, ["Mo", "S", "S"]))


def experimental(number: int = 12, atoms: int = 150) -> Crystal:
    """150 atoms of C2/m, each up to 0.003 Å off its place."""
    rng = np.random.default_rng(4)
    lattice = random_lattice(number, atoms * VOLUME_PER_ATOM, rng)
    places, elements = np.zeros((0, 3)), []
    for letter, element, count in (("a", "Si", 1), ("i", "Si", 3), ("j", "Si", 4), ("j", "O", 13)):
        size = SPACE_GROUPS[number - 1].position(letter).multiplicity
        for _ in range(count):
            while True:
                orbit = random_orbit(number, letter, rng)
                gaps = np.concatenate([places, orbit[1:]]) - orbit[0]
                lengths = np.linalg.norm((gaps - np.round(gaps)) @ lattice, axis=1)
                if len(orbit) == size and lengths.min() > 1:
                    break
            places = np.concatenate([places, orbit])
            elements += [element] * size
    assert len(places) == atoms
    return rattled(as_crystal((lattice, places, elements)), 0.003)


def dense() -> Crystal:
    """24 atoms 0.75 Å apart and up to 0.06 Å off a grid: an eighth of a distance is the most that symprec means."""
    rng = np.random.default_rng(19)
    grid = np.array([(i, j, k) for i in range(2) for j in range(3) for k in range(4)]) / [2, 3, 4]
    return as_crystal((np.diag([1.5, 2.26, 3.03]), grid + rng.uniform(-0.02, 0.02, grid.shape), ["H"] * 24))


def magnesium_antimonide() -> Crystal:
    lattice = np.array([[4.568, 0, 0], [-2.284, 4.568 * ROOT_3 / 2, 0], [0, 0, 7.229]])
    magnesium = [[0, 0, 0], [1 / 3, 2 / 3, 0.634], [2 / 3, 1 / 3, 0.366]]
    antimony = [[1 / 3, 2 / 3, 0.228], [2 / 3, 1 / 3, 0.772]]
    return as_crystal((lattice, np.array(magnesium + antimony), ["Mg"] * 3 + ["Sb"] * 2))


# ---- The list -------------------------------------------------------------------------------------------------------

TWENTY = (
    HardCell("spglib#567: strained along one vector", make_cell([*FCC, [0, 0, 4.1246]], SALT, ["Na", "Cl"]), dict.fromkeys((1e-6, 1e-5, 1e-2, 1e-1), 12)),
    HardCell("spglib#36: Delaunay reduction of a skew cell never ends", skewed_molecules, {1e-6: 2, 1e-2: 2}),
    HardCell("spglib#35: rhombohedral, 50 degrees", make_cell([[10, 0, 0], [6.4278760969, 7.6604444312, 0], [6.4278760969, 2.9973678496, 7.0496946641]], [[0, 0, 0]], ["Po"]), {1e-5: 166, 1e-2: 166}),
    HardCell("spglib#59, pymatgen#1113: nearly body-centred tin", make_cell(TIN, [[0, 0, 0]], ["Sn"]), {1e-3: 71, 1e-2: 71, 1e-1: 139}),
    HardCell("spglib#68, #140: graphene with noise of 1e-8", make_cell(GRAPHENE, [[0, 0, 0], [0.33333333, 0.33333333, 0]], ["C", "C"]), {1e-6: 191, 1e-5: 191, 1e-2: 191}),
    HardCell("spglib#14: graphite with four digits", make_cell(GRAPHITE.T, GRAPHITE_SITES, ["C"] * 4), {1e-5: 63, 1e-3: 194, 1e-2: 194}),
    HardCell("spglib#14: rows taken for columns", make_cell(GRAPHITE_AS_ROWS, GRAPHITE_SITES, ["C"] * 4), {1e-5: 11, 1e-2: 11}),
    HardCell("spglib#6, #515: left-handed basis", make_cell(IRON_OXIDE, IRON_OXIDE_SITES, ["O", "O", "Fe", "Fe"]), {1e-5: 225, 1e-2: 225}),
    HardCell("spglib#584: Fdd2 in a basis with entries of 2", odd_fdd2, {1e-3: 43}),
    HardCell("spglib#591: face-centred in a basis with entries of 2", make_cell(ODD_CUBIC, [[-0.25] * 3, [0.25] * 3, [0, 0, 0], [0.5, 0.5, -0.5]], ["H", "H", "He", "He"]), {1e-5: 225, 1e-2: 225}),
    HardCell("spglib#126, #90, #413: a supercell that breaks the point group", lambda: repeat((1, 1, 2))(rock_salt(), np.random.default_rng(0)), {1e-5: 225, 1e-2: 225}),
    HardCell("moyo#38: derived from a jittered lattice", make_cell(JITTERED, JITTERED_SITES, ["Mn"] * 5 + ["Ga"] * 5 + ["Co"] * 10), {1e-3: 12, 5e-3: 12, 1e-2: 12, 2e-2: 225, 1e-1: 225}),
    HardCell("moyo#35: vectors that differ by less than the tolerance", nearly_degenerate, {1e-8: 2, 1e-6: 225, 1e-5: 225, 1e-2: 225}),
    HardCell("moyo#89: a rattled supercell", lambda: rattled(repeat((2, 2, 2))(rock_salt(), np.random.default_rng(0)), 0.02), {1e-2: 1, 2e-1: 225}),
    HardCell("moyo#54, aviary#96: skew C2/c", skewed_c2c, {1e-5: 15, 1e-2: 15}),
    HardCell("spglib#566: 13 atoms in 1.5 x 50 Å", thin_and_long, {1e-5: 47, 1e-2: 47}),
    HardCell("spglib#147, moyo#337: a layer in 117 Å of vacuum", lambda: slab(117.0), {1e-5: 1, 1e-2: 187}),
    HardCell("spglib#445, #100: 150 atoms, measured", experimental, {1e-5: 1, 1e-2: 12}),
    HardCell("spglib#43: a vacancy in 216 atoms of silicon", lambda: without_first(silicon(3)), {1e-5: 215, 1e-2: 215}),
)  # fmt: skip

TWELVE = (
    HardCell("spglib#32: the axes of Pmm2", make_cell(np.diag([3.68678289, 2.53729961, 2]), [[0, 0, 0], [0.22876069, 0.21176057, 0], [0.77123931, 0.21176057, 0]], ["O", "H", "H"]), {1e-5: 25, 1e-2: 25}),
    HardCell("spglib#123: a tolerance below the errors of the lattice", make_cell([[4.47994, 0, 0], [6.14618e-08, 5.05112, 0], [6.14618e-08, -0.144273, 8.83069]], [[0, 0, 0]], ["Po"]), {1e-8: 2, 1e-4: 10}),
    HardCell("spglib#19: dense, at a large tolerance", dense, {1e-2: 1, 1e-1: 1}),
    HardCell("spglib#15", make_cell(HEUSLER, [[0] * 3, [0.75] * 3, [0.5] * 3, [0.25] * 3], ["Na", "Na", "Na", "Cl"]), {1e-2: 12, 1e-1: 12}),
    HardCell("moyo#191: F-centred, of special lengths", make_cell(np.diag([EDGE, 4, 5]), [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], ["C"] * 4), {1e-5: 69, 1e-2: 69}),
    HardCell("moyo#198: diamond in a skew basis", make_cell([[-2.9850125, -0.29950025, 3], [-0.29950025, 2.9850125, 3], [-6.26952524, 2.386012, 3]], [[0, 0, 0], [0, 0.25, 0.25]], ["C", "C"]), {1e-5: 227, 1e-2: 227}),
    HardCell("moyo#259: Pm", make_cell([[3.257571047854788, 5.13694762170866, 0], [1.1682550269259515, 2.7631829820086553, 0], [-0.9210609940028851, 0.3894183423086505, 5]], [[0, 0, 0], [-0.2, 0.6, 0.3]], ["Na", "Cl"]), {1e-5: 6, 1e-2: 6}),
    HardCell("moyo#370: body-centred orthorhombic", make_cell(np.diag([3.1118027, 5.35005134, 5.78662637]), [[0, 0, 0.5], [0.5, 0.5, 0], [0, 0, 0], [0.5, 0.5, 0.5]], ["Na", "Na", "Cl", "Cl"]), {1e-4: 71, 1e-2: 71}),
    HardCell("pymatgen#1543: Mg3Sb2", magnesium_antimonide, {1e-5: 164, 1e-2: 164}),
    HardCell("one atom", make_cell([[3, 0.1, 0], [0.2, 4, 0.3], [0, 0.7, 5]], [[0.1, 0.2, 0.3]], ["Fe"]), {1e-5: 2, 1e-2: 2}),
    HardCell("a tolerance of 1e-12", make_cell(4 * np.eye(3), SALT, ["Cs", "Cl"]), {1e-12: 221, 1e-8: 221}),
    HardCell("a tolerance larger than half the cell", make_cell(4.12 * np.eye(3), SALT, ["Cs", "Cl"]), {2.5: 221, 9.9: 221}),
)  # fmt: skip

# Crystals of the shared sets whose answer by other engines depends on the origin, the order of atoms or a tie.
AT_A_THRESHOLD = (
    ("mp20_binary_ternary", "mp-1272680", 1e-2, 2),
    ("formation_energy_flla", "mp-554775", 1e-2, 18),
    ("mpts52_val", "mp-554775", 1e-2, 18),
    ("formation_energy_flla", "mp-561559", 1e-2, 12),
    ("mp20_binary_ternary", "mp-1024069", 1e-2, 72),
    ("matbench_phonons", 1257, 1e-2, 1),
    ("mp20_binary_ternary", "mp-1218326", 1e-4, 1),
    ("mp20_binary_ternary", "mp-551830", 1e-1, 140),
)
