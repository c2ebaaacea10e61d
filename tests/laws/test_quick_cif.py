"""The quick reader of plain CIF blocks and the readable one give the same crystal, to the last bit, or the quick one declines."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudkit.errors import StructureError
from cloudkit.io import cif, cif_text
from cloudkit.io import cif_fast as cif_plain
from cloudkit.io.cif_sites import read_sites
from cloudkit.structure import Crystal

pytest.importorskip("cloudkit.io.cif_quick", reason="built without a C compiler")
PLAIN = """# made by the test
data_plain
_symmetry_space_group_name_H-M   'P 1'
_cell_length_a   4.1(2)
_cell_length_b   4.2
_cell_length_c   5.30000001
_cell_angle_alpha   90
_cell_angle_beta   91.5
_cell_angle_gamma   120.0
loop_
 _symmetry_equiv_pos_site_id
 _symmetry_equiv_pos_as_xyz
  1  'x, y, z'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_symmetry_multiplicity
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
  O  O0  1  0.50000000  0.25000000  0.12345678  1
  Na  Na1  1  -0.00000000  -1.25  .5  1
  O  O2  1  0.1(3)  0.75  2.  1.0
  Cl  Cl3  1  0.6  0.6  0.6  1
"""
SWAPS = [
    *("0.5", "-0.0", "1e-1", ".", "?", "-.5", "+.5", "1.", "5", "0.25(3)", "1()", "1/3", "123456789.1234567", "nan"),
    *("0.12345678901234567", "-1e-17", "0.999999999999999", "90", "60", "0", "1", "0.9", "1.0", "1.00000", "'1'"),
    *("Na", "O", "D", "Fe3+", "fe", "NA", "He", "Ar", "Og", "'Na'", "Wat", "O2-", "'x, y, z'", "'-x,-y,-z'", "x,y,z", "dum"),
    *("_atom_site_fract_x", "_atom_site.fract_x", "_ATOM_SITE_FRACT_Y", "_atom_site_occupancy", "_atom_site_calc_flag"),
    *("_atom_site_type_symbol", "_atom_type_oxidation_number", "_cell_length_a", "_cell.length_a", "loop_", "data_b"),
    *("_space_group_symop_operation_xyz", "_space_group_symop_magn_centering.xyz", "#", ";", "\u00e9", ""),
]  # fmt: skip


def blocks_of(text: str) -> Iterator[Any]:
    """The blocks that gemmi reads and that have atoms."""
    try:
        parsed = cif_text.parse_blocks(text)
    except StructureError:
        return
    yield from (block for _, block in parsed if block is not None and not isinstance(block, StructureError))


def answer(read: Any) -> Any:
    """What a reader gives, as something to compare by ==."""
    try:
        crystal = read()
    except StructureError as error:
        return str(error)
    return crystal and (
        [array.tobytes() for array in (crystal.lattice, crystal.positions, crystal.labels)],
        [array.shape for array in (crystal.lattice, crystal.positions, crystal.labels)],
        [array.dtype for array in (crystal.lattice, crystal.positions, crystal.labels)],
        crystal.species,
        crystal.written,
    )


def compare(text: str) -> int:
    """Hold both readers against each other on each block; how many the quick one took."""
    taken = 0
    for block in blocks_of(text):
        quick = answer(lambda block=block: cif_plain.read_plain_block(block))
        if quick is not None:
            notes: list[str] = []
            assert quick == answer(
                lambda block=block, notes=notes: read_sites(block, cif.read_cell(block), notes)[0]
            ), text
            assert not notes
            taken += not isinstance(quick, str)
    return taken


def damage(text: str, draw: random.Random) -> str:
    """Some words swapped, dropped or repeated, some characters changed."""
    parts = re.split(r"(\s+)", text)
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(parts))
        kind = draw.randrange(4)
        if kind == 0:
            parts[at] = draw.choice(SWAPS)
        elif kind == 1:
            parts[at] = draw.choice(parts)
        elif kind == 2 and parts[at]:
            where = draw.randrange(len(parts[at]))
            parts[at] = parts[at][:where] + draw.choice("0159.-+()'\"eE_ ?NaO") + parts[at][where + 1 :]
        else:
            parts[at : at + 2] = draw.choice([[""], parts[at : at + 2] * 2])
    return "".join(parts)


def test_the_plainest_block_is_read_quickly() -> None:
    (block,) = blocks_of(PLAIN)
    crystal = cif_plain.read_plain_block(block)
    assert isinstance(crystal, Crystal)
    assert [crystal.species[label] for label in crystal.labels] == [
        ((x, 1.0),) for x in ("Na", "Cl", "O", "O")
    ]
    np.testing.assert_array_equal(crystal.positions[0], [0, 0.75, 0.5])
    assert compare(PLAIN) == 1


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 2**64))
def test_damaged_plain_blocks_are_read_alike(seed: int) -> None:
    compare(damage(PLAIN, random.Random(seed)))


@settings(max_examples=500, deadline=None)
@given(
    st.integers(0, 10**17),
    st.integers(0, 17),
    st.sampled_from(["", "-"]),
    st.sampled_from(["", "(1)", "(123)"]),
)
def test_numbers_are_read_as_gemmi_reads_them(
    digits: int, decimals: int, sign: str, uncertainty: str
) -> None:
    text = f"{digits:0{decimals + 1}d}"
    number = sign + text[: len(text) - decimals] + "." + text[len(text) - decimals :] + uncertainty
    assert gemmi.cif.as_number(number) == float(number.split("(")[0])
    compare(PLAIN.replace("0.12345678", number).replace("5.30000001", number.lstrip("-")))


def test_every_shared_cif_and_its_damaged_copies_are_read_alike(shared: Path) -> None:
    draw, taken = random.Random(0), 0
    for path in sorted((shared / "data" / "structures").glob("*/*.cif")):
        text = path.read_bytes().decode("utf-8", "replace")
        text = text[:60_000]
        taken += compare(text)
        for _ in range(5):
            compare(damage(text, draw))
    assert taken > 5
