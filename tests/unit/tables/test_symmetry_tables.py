"""The tables of the symmetry engine against moyopy, spglib and each other, in integers."""

import random
from collections.abc import Callable, Iterator

import moyopy
import numpy as np
import pytest
import spglib

from cloudkit.tables import SPACE_GROUPS

from .symmetry_checks import check_class, check_key, check_locus, class_of, standard
from .symmetry_tables import IDENTITY, PARTS, Tables, inverse, read_tables
from .symmetry_twin import Setting, identify, in_standard_setting, to_primitive

TABLES = read_tables()
ENANTIOMORPHS = {
    76: 78, 91: 95, 92: 96, 144: 145, 151: 153, 152: 154, 169: 170, 171: 172, 178: 179, 180: 181, 212: 213,
}  # fmt: skip


# ---- The tables as they are -----------------------------------------------------------------------------------------


def test_there_are_73_classes_303_keys_and_1731_loci() -> None:
    assert (len(TABLES.classes), len(TABLES.keys), len(TABLES.loci)) == (73, 303, 1731)
    last = TABLES.classes[-1]
    assert last.first_key + last.n_keys == 303
    assert len({(c.centring, c.generators.tobytes()) for c in TABLES.classes}) == 73
    assert {key.space_group for key in TABLES.keys} == set(range(1, 231))
    assert (TABLES.loci_start[0], TABLES.loci_start[-1]) == (0, 1731)
    assert len({matrix.tobytes() for matrix in TABLES.annihilators}) == len(TABLES.annihilator_rows) == 30


@pytest.mark.parametrize("index", range(73))
def test_a_class_has_its_smith_form_and_as_many_keys_as_relators_allow(index: int) -> None:
    check_class(TABLES, index)


@pytest.mark.parametrize("index", range(73))
def test_each_key_leads_to_the_operations_of_the_standard_setting(index: int) -> None:
    of = TABLES.classes[index]
    for key in range(of.first_key, of.first_key + of.n_keys):
        check_key(TABLES, key)


@pytest.mark.parametrize("number", range(1, 231))
def test_a_locus_is_that_of_its_letter_and_of_no_other(number: int) -> None:
    for letter in range(len(SPACE_GROUPS[number - 1].wyckoff)):
        check_locus(TABLES, number, letter)


def test_an_error_of_4_percent_of_an_axis_leaves_the_nearest_key() -> None:
    """The largest error of each translation, in primitive axes, below which a key is nearer than every other."""
    margins = []
    for of in TABLES.classes:
        rows = of.u[of.rank : 3 * of.n_generators]
        keys = [key.key[: len(rows)] for key in TABLES.keys[of.first_key : of.first_key + of.n_keys]]
        gaps = [np.abs((a - b + 6) % 12 - 6).max() / 12 for i, a in enumerate(keys) for b in keys[:i]]
        if gaps:
            margins.append(min(gaps) / 2 / np.abs(rows).sum(axis=1).max())
    assert min(margins) == pytest.approx(1 / 24)


# ---- All settings ---------------------------------------------------------------------------------------------------


def moyo_operations(hall: int) -> tuple[np.ndarray, np.ndarray]:
    number = moyopy.HallSymbolEntry(hall_number=hall).number
    operations = moyopy.operations_from_number(number, setting=moyopy.Setting.hall_number(hall))
    return np.array(operations.rotations), np.array(operations.translations)


def spglib_operations(hall: int) -> tuple[np.ndarray, np.ndarray]:
    operations = spglib.get_symmetry_from_database(hall)
    return operations["rotations"].astype(int), operations["translations"]


def found_setting(rotations: np.ndarray, translations: np.ndarray) -> tuple[Setting, list]:
    _, operations = to_primitive(rotations, np.rint(translations * PARTS).astype(int))
    return identify(TABLES, operations), operations


@pytest.mark.parametrize("source", [moyo_operations, spglib_operations])
def test_all_530_settings_become_the_standard_one(
    source: Callable[[int], tuple[np.ndarray, np.ndarray]],
) -> None:
    for hall in range(1, 531):
        setting, operations = found_setting(*source(hall))
        assert setting.space_group == spglib.get_spacegroup_type(hall).number, hall
        found, expected = in_standard_setting(setting, operations), standard(setting.space_group)
        assert found.keys() == expected.keys(), hall
        assert all((found[name] == expected[name]).all() for name in expected), hall


@pytest.mark.parametrize("seed", range(4))
def test_any_basis_and_origin_of_any_group_leads_to_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number in range(1, 231):
        change = IDENTITY
        for _ in range(5):
            i, j = rng.choice(3, 2, replace=False)
            step = IDENTITY.copy()
            step[i, j] = rng.integers(-2, 3)
            change = change @ step
        back, origin = inverse(change), rng.integers(0, PARTS, 3)
        operations = []
        for name, translation in standard(number).items():
            rotation = change @ np.array(name).reshape(3, 3) @ back
            operations.append((rotation, (change @ translation + origin - rotation @ origin) % PARTS))
        setting = identify(TABLES, operations)
        found, expected = in_standard_setting(setting, operations), standard(number)
        assert setting.space_group == number
        assert all((found[name] == expected[name]).all() for name in expected), number


def test_the_mirror_image_of_an_enantiomorph_is_the_other() -> None:
    for number in range(1, 231):
        mirrored = [(np.array(name).reshape(3, 3), -t % PARTS) for name, t in standard(number).items()]
        assert identify(TABLES, mirrored).space_group == (
            ENANTIOMORPHS | {b: a for a, b in ENANTIOMORPHS.items()}
        ).get(number, number)


# ---- Damage ---------------------------------------------------------------------------------------------------------

DAMAGE = (AssertionError, LookupError, ValueError, np.linalg.LinAlgError)


def flip(value: int, bits: int, rng: random.Random, signed: bool = True) -> int:
    """The value with one bit of its C type flipped."""
    damaged = (value % (1 << bits)) ^ (1 << rng.randrange(bits))
    return damaged - (1 << bits) if signed and damaged >> (bits - 1) else damaged


@pytest.fixture
def damaged() -> Iterator[Tables]:
    """Tables of its own for a test to damage and mend, one entry at a time."""
    yield read_tables()


def flip_field(row: object, name: str, bits: int, rng: random.Random) -> Callable[[], None]:
    """Flip a bit of a number, a letter or one entry of an array; returns what mends it."""
    value = getattr(row, name)
    if isinstance(value, np.ndarray):
        place = tuple(rng.randrange(n) for n in value.shape)
        kept = int(value[place])
        value[place] = flip(kept, bits, rng)
        return lambda: value.__setitem__(place, kept)
    changed = (
        chr(flip(ord(value), 8, rng, False)) if isinstance(value, str) else flip(value, bits, rng, False)
    )
    setattr(row, name, changed)
    return lambda: setattr(row, name, value)


CLASS_FIELDS = {
    "signature": 64, "centring": 8, "n_generators": 8, "rank": 8, "first_key": 16, "n_keys": 16, "generators": 8,
    "u": 8, "v": 8, "d": 8,
}  # fmt: skip


def test_a_flipped_bit_of_a_class_is_seen(damaged: Tables) -> None:
    rng = random.Random(1)
    for index, of in enumerate(damaged.classes):
        keys = range(of.first_key, of.first_key + of.n_keys)
        for name, bits in CLASS_FIELDS.items():
            mend = flip_field(of, name, bits, rng)
            with pytest.raises(DAMAGE):
                check_class(damaged, index)
                for key in keys:
                    check_key(damaged, key)
            mend()


@pytest.mark.parametrize(
    "field, bits", [("key", 8), ("space_group", 8), ("transformation", 8), ("origin", 16)]
)
def test_a_flipped_bit_of_a_key_is_seen(damaged: Tables, field: str, bits: int) -> None:
    rng = random.Random(2)
    for index, key in enumerate(damaged.keys):
        mend = flip_field(key, field, bits, rng)
        of = damaged.classes.index(class_of(damaged, index))
        with pytest.raises(DAMAGE):
            check_key(damaged, index)
            check_class(damaged, of)
        mend()


@pytest.mark.parametrize("field", ["annihilator", "shift"])
def test_a_flipped_bit_of_a_locus_is_seen(damaged: Tables, field: str) -> None:
    rng = random.Random(3)
    for number, group in enumerate(SPACE_GROUPS, 1):
        for letter in range(len(group.wyckoff)):
            mend = flip_field(damaged.loci[damaged.loci_start[number - 1] + letter], field, 8, rng)
            with pytest.raises(DAMAGE):
                check_locus(damaged, number, letter)
            mend()


def test_a_flipped_bit_of_an_annihilator_or_of_a_start_is_seen(damaged: Tables) -> None:
    rng = random.Random(4)
    users = {}
    for number, group in enumerate(SPACE_GROUPS, 1):
        for letter in range(len(group.wyckoff)):
            users.setdefault(damaged.loci[damaged.loci_start[number - 1] + letter].annihilator, []).append(
                (number, letter)
            )
    for index, used in sorted(users.items()):
        for place in np.ndindex(3, 3):
            kept = damaged.annihilators[index][place]
            damaged.annihilators[index][place] = flip(int(kept), 8, rng)
            with pytest.raises(DAMAGE):
                for number, letter in used:
                    check_locus(damaged, number, letter)
            damaged.annihilators[index][place] = kept
        damaged.annihilator_rows[index] ^= 1 << rng.randrange(8)
        with pytest.raises(DAMAGE):
            check_locus(damaged, *used[0])
        damaged.annihilator_rows[index] = TABLES.annihilator_rows[index]
    for number in range(1, 231):
        damaged.loci_start[number - 1] ^= 1 << rng.randrange(16)
        with pytest.raises(DAMAGE):
            check_locus(damaged, number, 0)
        damaged.loci_start[number - 1] = TABLES.loci_start[number - 1]
