"""The conventional cell: the same crystal, exact, and the same again when it is standardized again."""

from pathlib import Path

import numpy as np
import pytest

from cloudkit.encoding import encode_batch
from cloudkit.errors import StructureError
from cloudkit.io import as_crystal, read_structures
from cloudkit.structure import standardize
from cloudkit.tables import SPACE_GROUPS

HALF = 5.64 / 2


def test_rock_salt_from_its_primitive_cell() -> None:
    lattice = [[0, HALF, HALF], [HALF, 0, HALF], [HALF, HALF, 0]]
    found = standardize(as_crystal((lattice, [[0, 0, 0], [0.5, 0.5, 0.5]], ["Na", "Cl"])))
    assert found.space_group == 225
    assert found.crystal.lattice == pytest.approx(np.eye(3) * 5.64)
    assert sorted(found.letters) == ["a"] * 4 + ["b"] * 4


def test_noise_below_symprec_is_averaged_away() -> None:
    noise = 0.003 * np.random.default_rng(0).standard_normal((2, 3)) / 4.12
    places = np.add([[0, 0, 0], [0.5, 0.5, 0.5]], noise)
    found = standardize(as_crystal((np.diag([4.12, 4.121, 4.119]), places, ["Cs", "Cl"])))
    assert found.space_group == 221
    assert found.crystal.lattice == pytest.approx(np.eye(3) * 4.12, abs=1e-6)
    difference = found.crystal.positions[1] - found.crystal.positions[0]
    assert np.abs(difference) == pytest.approx([0.5, 0.5, 0.5], abs=1e-9)


def test_standard_cells_of_files_are_the_same_crystals_and_fixed_points(shared: Path) -> None:
    records = [r for r in read_structures([shared / "data/structures/poscar"]) if r.crystal is not None]
    given = [record.crystal for record in records if record.crystal is not None]
    once = [standardize(crystal) for crystal in given]
    twice = [standardize(found.crystal) for found in once]
    assert encode_batch([one.crystal for one in once]).texts == encode_batch(given).texts
    for record, one, two in zip(records, once, twice, strict=True):
        orbits = {(letter, int(label)) for letter, label in zip(one.letters, one.crystal.labels, strict=True)}
        sizes = {SPACE_GROUPS[one.space_group - 1].position(letter).multiplicity for letter, _ in orbits}
        assert len(one.crystal) >= max(sizes), record.id
        assert two.space_group == one.space_group and len(two.crystal) == len(one.crystal), record.id
        assert two.crystal.lattice == pytest.approx(one.crystal.lattice, abs=1e-6), record.id


def test_what_is_not_a_crystal_is_refused() -> None:
    with pytest.raises(StructureError, match="S206"):
        standardize(as_crystal((np.eye(3) * 4, [[0, 0, 0], [0, 0, 0.001]], ["H", "H"])))
