"""The notes on 128 records of public CIFs, each judged by hand against the file: all others are encoded without a note."""

from collections import defaultdict
from pathlib import Path
from typing import Final

from cloudkit.encoding import encode_files

HYDROGENS: Final = "hydrogen atoms of the cell are implied without positions; they are left out"
FORMULA: Final = "the file states the formula C73 H61.5 N3.5 P6 Ru S6 and Z = 8, the atoms read are"
# id -> its notes, or the code of its failure; the comment says why that is right
JUDGED: Final[dict[str, tuple[str, ...]]] = {
    # three on each of 4 + 12 carbon atoms; C4 H12 O4 Si and Z = 4 have as many
    "SG195_SG195_cod_database_code_5900021.cif": (f"48 {HYDROGENS}",),
    # two on each of 22 oxygen atoms; 11 in the formula and Z = 4
    "SG28_SG28_cod_database_code_1007179.cif": (f"44 {HYDROGENS}",),
    # someone moved atoms: C14 lies 0.97 Å from a site that Cs, Na and Rb fill, which lies 1.57 Å from its image
    "SG67_SG67_cod_database_code_2201224_partial.cif": (
        "atoms Cs0 and C14 are 0.97 Å apart: closer than any bond, and both full (12 such pairs)",
    ),
    # the same: O10 at x = 0.2492, a site filled by Li and Rb at x = 0.1848, a = 15.12 Å
    "SG98_SG98_cod_database_code_4135627_partial.cif": (
        "atoms Li0 and O10 are 0.97 Å apart: closer than any bond, and both full (8 such pairs)",
    ),
    # KMnF3: F at (.5 . .) on 3d, Mn at (. . .) on 1a, as the file says
    "ICSD59959.cif": ("coordinates given as '.' are read as 0, as the file writes .5 for 0.5",),
    # C 1 2/c 1 is stated, and each operation of P 1 2/c 1 listed twice: the centring was lost. 8 Ru, Z and density need it;
    # acetonitrile counts as full in the list and as half in the formula
    "P24Ru4H252C296S24N16.cif": (
        "read as C 1 2/c 1 (15), which agrees better with what the file states of its atoms; with the 4 operations listed, "
        f"{FORMULA} C296 H252 N16 P24 Ru4 S24 in the cell",
        f"{FORMULA} C592 H504 N32 P48 Ru8 S48 in the cell",
    ),
    # 0.706 OH on each of 6 places
    "PF_sd_1500382.cif#sm_isp_SD1500382-standardized_unitcell": (f"4.236 {HYDROGENS}",),
    "PF_sd_1500382.cif#sm_isp_SD1500382-published_cell": (f"4.236 {HYDROGENS}",),
    # 0.655 OH2 and 0.345 OH on each of 4 places
    "PF_sd_1601634.cif#sm_isp_SD1601634-standardized_unitcell": (f"6.62 {HYDROGENS}",),
    # three O-H and one water in each of 4 formula units of Al2 P O8 H5
    "Senegalite_implicit_hydrogen.cif": (f"20 {HYDROGENS}",),
    # ammonium chloride, Z = 4
    "cif_implicit_hydrogens_cod_1011130.cif": (f"16 {HYDROGENS}",),
    # sites of NH3, which is not an element
    "PF_sd_1002871.cif#sm_isp_SD1002871-standardized_unitcell": ("S107",),
    "PF_sd_1002871.cif#sm_isp_SD1002871-published_cell": ("S107",),
    "bad_occu.cif": ("S108",),  # 0.778 Co and 0.778 Al on one site
    "bad_superflat_inf_loop.cif.gz": ("S105",),  # alpha + gamma = beta: the cell is flat
}


def test_notes_on_public_files_are_those_that_were_judged(shared: Path) -> None:
    folders = [shared / "data/structures" / name for name in ("cod_cif", "odd_cif")]
    rows = list(encode_files(folders))
    said = defaultdict(tuple, {row.id: row.notes or ((row.error.code,) if row.error else ()) for row in rows})
    assert len(rows) == len(said) == 128
    assert {name: said[name] for name in JUDGED} == JUDGED
    assert not {name: notes for name, notes in said.items() if notes and name not in JUDGED}
