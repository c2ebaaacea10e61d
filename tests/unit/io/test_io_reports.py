"""Real files as people reported them: read right, or said so. One row a file: what becomes of it, and words of its notes.

The files of the shared folder are examples of a kind; OWN holds two more of each kind.
"""

from pathlib import Path

import pytest

from cloudkit.encoding import Encoded, encode_files, encode_records
from cloudkit.io import Record, read_structures

# file -> (orbits, or the code of the failure; words of a note or of the failure, "" for none)
SHARED = {
    "01-gdb4.mcif": ("127 B 4e Gd 4g B 4h B 8j", "magnetic moments are ignored"),
    "02-jana_na2co3.cif": ("S114", "modulated"),
    "03-diamond_eighth.cif": ("227 C 8a", ""),
    "03-spinel_2_by_code.cif": ("227 Mg 8a Al 16d O 32e", ""),
    "04-spinel_Z.cif": ("227 Mg 8a Al 16d O 32e", ""),
    "04-spinel_S.cif": ("227 Mg 8a Al 16d O 32e", ""),
    "05-p21b_unique_c.cif": ("14 Zn 4e O 4e", ""),
    "05-p2_1_n.cif": ("14 Zn 2a O 4e", ""),
    "06-mgo_primitive.cif": ("225 Mg 4a O 4b", "read as P1"),
    "22-p2m_a.cif": ("10 Zn 1a S 4o", "the cell shows the unique axis"),
    "07-p31.cif": (
        "1 Ru 1a Ru 1a Ru 1a S 1a S 1a S 1a O 1a O 1a O 1a",
        "states P 31 (144), found P1 (1) at symprec 0.01; from 0.1 it is found",
    ),
    "08-nacl_fractions.cif": ("225 Na 4a Cl 4b", "fractions"),
    "08-v_with_esd.cif": ("194 V 2c O 4e", "fractions"),
    "09-p-1_seventeenths.cif": ("2 W 1a Na 2i O 2i", "apart"),
    "10-nio_minus.cif": ("225 Ni 4a O 4b", ""),
    "10-nio_nbsp.cif": ("225 Ni 4a O 4b", ""),
    "12-nacl_identity_only.cif": ("225 Na 4a Cl 4b", "by the 1 operations listed"),
    "35-crystallm_raw.cif": ("225 Na 4a Cl 4b", "by the 1 operations listed"),
    "24-field_before_sites.cif": ("227 Si 8a", ""),
    "26-atoms.json": ("227 Si 8a", ""),
    "29-POSCAR_comment_on_counts": ("221 Na 1a Cl 1b", ""),
    "29-POSCAR_scale_two": ("S103", "two numbers"),
    "30-core_cartn.cif": ("221 Zn 1a O 1b", "Cartesian"),
    "31-cif2.cif": ("225 Na 4a Cl 4b", ""),
    "32-c2b1.cif": ("5 Zn 2a S 4c", ""),
    "32-halls_with_wrong_name.cif": ("227 C 16c", "read by the Hall symbol"),
    "36-POSCAR_bcc_cartesian": ("229 Fe 2a", ""),
    "37-pm.cif": ("225 Na 4a Cl 4b", "in pm?"),
    "38-alternatives_full.cif": ("6 C 1a O 1a O 1a N 1b", "alternatives without occupancies"),
    "40-k3nb3ti2.cif": ("S107", "'ST1' names no element of the stated formula"),
    "42-h2o_type.cif": ("2 Ca 2i O 2i O 2i", "hydrogen atoms are implied"),
    "43-type_slash.cif": ("S107", "several atoms"),
    "43-type_shares.cif": ("221 Ta 0.5 Nb 0.5 1a O 1b", ""),
    "44-rhodonite_site.cif": ("221 Mg 0.05 Mn 0.8 Zn 0.04 Fe 0.1 1a O 1b", ""),
}
CUBE = "_cell_length_a {a}\n_cell_length_b {a}\n_cell_length_c {a}\n"
SITES = "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
CAESIUM = "Cs1 Cs 0 0 0\nCl1 Cl 0.5 0.5 0.5\n"
SALT = "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5\n"


def cube(stated: str, sites: str, a: float = 5.64) -> str:
    """A CIF with a cubic cell."""
    return f"data_x\n{CUBE.format(a=a)}{stated}\n{SITES}{sites}"


def named(name: str, sites: str, a: float = 5.64, more: str = "") -> str:
    """A cubic CIF without operations."""
    return cube(f"_symmetry_space_group_name_H-M '{name}'\n{more}", sites, a)


FLUORITE = "Ca1 Ca 0 0 0\nF1 F 0.25 0.25 0.25\n"
PEROVSKITE = "Sr1 Sr 0 0 0\nTi1 Ti 0.5 0.5 0.5\nO1 O 0.5 0.5 0\n"
MAGNETIC = (
    "_space_group_symop_magn_operation.xyz\nx,y,z,+1\n-x,-y,-z,-1\n",
    "_space_group_symop.magn_operation_xyz\nx,y,z,+1\n-x,-y,-z,m\n",
)
MONOCLINIC = (
    "data_x\n_cell_length_a 5\n_cell_length_b 6\n_cell_length_c 7\n_cell_angle_alpha 90\n"
    "_cell_angle_beta {beta}\n_cell_angle_gamma {gamma}\n_symmetry_space_group_name_H-M '{name}'\n"
    + SITES
    + "Zn1 Zn 0.1 0.2 0.3\nO1 O 0.4 0.1 0.1\n"
)
FRAME = "2\nLattice={lattice} {more}\nCs 0 0 0\nCl 2.06 2.06 2.06\n"
STRUCTURE = (
    '{"lattice": {"matrix": [[4.12,0,0],[0,4.12,0],[0,0,4.12]]}, "sites": [{"species": [{"element": "Cs", "occu": 1}], '
    '"abc": [0,0,0]}, {"species": [{"element": "Cl", "occu": 1}], "abc": [0.5,0.5,0.5]}]}'
)
CSCL = "221 Cs 1a Cl 1b"
# kind -> [(name of the file, text, orbits or code, words)]
OWN = {
    "magnetic lists of operations": [
        ("a.mcif", cube("loop_\n" + MAGNETIC[0], CAESIUM, 4.12), CSCL, "magnetic moments"),
        ("b.mcif", cube("loop_\n" + MAGNETIC[1], CAESIUM, 4.12), CSCL, "magnetic moments"),
    ],
    "modulated structures": [
        ("a.cif", named("P m -3 m", CAESIUM, 4.12, "_space_group_ssg_name 'Pm-3m(a00)'\n"), "S114", "modulated"),
        ("b.cif", cube("loop_\n_cell_wave_vector_x\n0.3\n", CAESIUM, 4.12), "S114", "modulated"),
    ],
    "origins by facts": [
        ("a.cif", named("F d -3 m", "Si1 Si 0 0 0\n", 5.43, "_exptl_crystal_density_diffrn 2.33\n"), "227 Si 8a", ""),
        ("b.cif", named("F d -3 m", "Si1 Si 0.125 0.125 0.125\n", 5.43, "_chemical_formula_sum Si\n_cell_formula_units_Z 8\n"), "227 Si 8a", ""),
        ("c.cif", named("P n -3 m", "Cu1 Cu 0 0 0\nO1 O 0.25 0.25 0.25\n", 4.27, "_chemical_formula_sum 'Cu2 O'\n_cell_formula_units_Z 2\n"), "224 O 2a Cu 4b", ""),
    ],
    "origins left open": [
        ("a.cif", named("F d -3 m", "Si1 Si 0.1 0.2 0.3\n", 20), "227 Si 96g", "leaves the setting open"),
        ("b.cif", named("P n -3 m", "Cu1 Cu 0.1 0.2 0.35\n", 9), "224 Cu 48l", "leaves the setting open"),
    ],
    "suffixes of ICSD": [
        ("a.cif", named("F d -3 m S", "C1 C 0 0 0\n", 3.567), "227 C 8a", ""),
        ("b.cif", named("F d -3 m Z", "C1 C 0.125 0.125 0.125\n", 3.567), "227 C 8a", ""),
    ],
    "spellings of names": [
        ("a.cif", named("Fm3m", SALT), "225 Na 4a Cl 4b", ""),
        ("b.cif", named("F 4/m -3 2/m", FLUORITE), "225 Ca 4a F 8c", ""),
        ("c.cif", MONOCLINIC.format(beta=100, gamma=90, name="P2(1)/c"), "14 Zn 4e O 4e", ""),
        ("d.cif", MONOCLINIC.format(beta=90, gamma=100, name="P 21/n"), "14 Zn 4e O 4e", "unique axis"),
        ("e.cif", named("P m \u0033\u0305 m", CAESIUM, 4.12), CSCL, ""),
    ],
    "operations that do not fit the cell": [
        ("a.cif", MONOCLINIC.format(beta=100, gamma=90, name="P m m m"), "S117", "no symmetry of the cell"),
        ("b.cif", MONOCLINIC.format(beta=100, gamma=90, name="F m -3 m"), "S117", "no symmetry of the cell"),
    ],
    "operations that belong to another group than the name": [
        ("a.cif", named("I m -3 m", CAESIUM, 4.12, "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-x,-y,-z\n"), CSCL, "states I m -3 m (229), found Pm-3m (221)"),
        ("b.cif", cube("_symmetry_Int_Tables_number 225\nloop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n", CAESIUM, 4.12), CSCL, "found Pm-3m (221)"),
    ],
    "coordinates as fractions": [
        ("a.cif", named("P m -3 m", "Cs1 Cs 0 0 0\nCl1 Cl 1/2 1/2 1/2\n", 4.12), CSCL, "fractions"),
        ("b.cif", named("F m -3 m", "Ca1 Ca 0 0 0\nF1 F 1/4 1/4 -3/4\n"), "225 Ca 4a F 8c", "fractions"),
    ],
    "odd denominators": [
        ("a.cif", cube("loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n'-x+2/7, -y+2/7, -z+2/7'\n", "Cs1 Cs 0.142857143 0.142857143 0.142857143\nCl1 Cl 0.642857143 0.642857143 0.642857143\n", 4.12), CSCL, ""),
        ("b.cif", cube("loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-x+6/13,-y+6/13,-z+6/13\n", "Cs1 Cs 0.230769231 0.230769231 0.230769231\nCl1 Cl 0.730769231 0.730769231 0.730769231\n", 4.12), CSCL, ""),
    ],
    "characters outside ASCII": [
        ("a.cif", named("P m \u22123 m", CAESIUM, 4.12), CSCL, ""),
        ("b.cif", cube("_symmetry_space_group_name_H-M 'P m -3 m'\n_journal_volume 12\u201313\u00a0a\x1a", CAESIUM, 4.12), CSCL, ""),
    ],
    "species text": [
        ("a.cif", named("P m -3 m", "M1 Fe0.7Co0.3 0 0 0\nAl1 Al 0.5 0.5 0.5\n", 2.9), "221 Al 1a Fe 0.7 Co 0.3 1b", ""),
        ("b.cif", named("P m -3 m", "M1 Fe,Co 0 0 0\nAl1 Al 0.5 0.5 0.5\n", 2.9), "S107", "several atoms"),
        ("c.cif", named("P m -3 m", "M1 FeXx 0 0 0\n", 2.9), "S107", "FeXx"),
    ],
    "formulas": [
        ("a.cif", named("P m -3 m", CAESIUM, 4.12, "_chemical_formula_sum 'Cs Br'\n"), CSCL, "states the formula Cs Br"),
        ("b.cif", named("P m -3 m", PEROVSKITE, 3.905, "_chemical_formula_sum 'Sr Ti O3'\n_cell_formula_units_Z 2\n"), "221 Sr 1a Ti 1b O 3c", "and Z = 2"),
    ],
    "pbc": [
        ("a.extxyz", FRAME.format(lattice='"4.12 0 0 0 4.12 0 0 0 4.12"', more="pbc=[true, true, 0]"), "S113", "not periodic"),
        ("b.extxyz", FRAME.format(lattice="{4.12 0 0 0 4.12 0 0 0 4.12}", more="pbc='T T T'"), CSCL, ""),
        ("c.extxyz", FRAME.format(lattice="'4.12 0 0 0 4.12 0 0 0 4.12'", more="pbc=maybe"), "S103", "pbc"),
    ],
    "tables of the trade": [
        ("a.json", '{"index": [7], "columns": ["structure", "y"], "data": [[' + STRUCTURE + ", 1]]}", CSCL, ""),
        ("b.json", '{"initial_structure": {"a": ' + STRUCTURE + '}, "e": {"a": 1}}', CSCL, ""),
        ("c.json", '[{"jid": "JVASP-1", "atoms": {"lattice_mat": [[4.12,0,0],[0,4.12,0],[0,0,4.12]], "coords": [[0,0,0],[2.06,2.06,2.06]], "elements": ["Cs","Cl"], "cartesian": true}}]', CSCL, ""),
    ],
    "POSCARs": [
        ("POSCAR", "x\n1\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs\nCl\n1\n1\nDirect\n0 0 0\n.5 .5 .5\n", CSCL, ""),
        ("a.vasp", "x\n1\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs Cl # two\n1 1 # one each\nDirect\n0 0 0\n.5 .5 .5\n", CSCL, ""),
        ("b.vasp", "x\n1 1\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n", "S103", "scale"),
    ],
    "Cartesian coordinates": [
        ("a.cif", cube("", "Cs1 Cs 0 0 0\nCl1 Cl 2.06 2.06 2.06\n", 4.12).replace("fract_", "Cartn_"), CSCL, "Cartesian"),
        ("b.cif", cube("", "Cs1 Cs 1 1 1\nCl1 Cl 3.06 3.06 3.06\n", 4.12).replace("fract_", "Cartn_"), CSCL, "Cartesian"),
    ],
    "CIF 2.0": [
        ("a.cif", "#\\#CIF_2.0\n" + named("P m -3 m", CAESIUM, 4.12, '_x """two\nlines"""\n'), CSCL, ""),
        ("b.cif", "#\\#CIF_2.0\n" + named("P m -3 m", CAESIUM, 4.12, "_x {'a':[1 2] 'b':3}\n"), CSCL, ""),
    ],
    "facts of other readers": [
        ("POSCAR", "x\n1\n412 0 0\n0 412 0\n0 0 412\nCs Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n", CSCL, "in pm?"),
        ("a.json", '{"attributes": {"lattice_vectors": [[4.12,0,0],[0,4.12,0],[0,0,4.12]], "cartesian_site_positions": [[0,0,0],[2.06,2.06,2.06]], "species_at_sites": ["Cs","Cl"], "chemical_formula_reduced": "BrCs"}}', CSCL, "states the formula BrCs"),
    ],
    "lengths in another unit": [
        ("a.cif", named("P m -3 m", CAESIUM, 412), CSCL, "in pm?"),
        ("b.cif", named("P m -3 m", CAESIUM, 1.1), CSCL, "in nm"),
    ],
    "crowded sites": [
        ("a.cif", named("P m -3 m", "Cs1 Cs 0 0 0\nCl1 Cl 0.1 0 0\n", 6), "221 Cs 1a Cl 6e", "closer than any bond"),
        ("b.cif", named("P 1", "C1 C 0 0 0\nC2 C 0.1 0 0\n", 5), "", "closer than any bond"),
    ],
    "syntax errors": [
        ("a.cif", named("P m -3 m", CAESIUM, 4.12) + "data_y\n_x 'open\n", CSCL, ""),
        ("b.cif", named("P m -3 m", CAESIUM, 4.12, "_x\n;\ndata_field\n;\n") + "data_y\n_x 'open\n", CSCL, ""),
    ],
}  # fmt: skip
CASES = [(kind, *case) for kind, cases in OWN.items() for case in cases]


def outcome(row: Encoded) -> str:
    """What became of a structure: its group and orbits, or the code."""
    return row.error.code if row.error else f"{row.space_group} {str(row.scope).partition(' | ')[2]}"


def check(rows: list[Encoded], wanted: str, words: str) -> None:
    """Hold the only row against what is right."""
    (row,) = rows
    said = " / ".join((*row.notes, str(row.error or "")))
    assert wanted in ("", outcome(row)), said
    assert words in said
    if not words and wanted[:1] != "S":
        assert not [note for note in row.notes if "formula" not in note], said


@pytest.mark.parametrize("name", SHARED)
def test_a_reported_file_is_read_right_or_refused(name: str, shared: Path) -> None:
    check(list(encode_files([shared / "data/structures/reports" / name])), *SHARED[name])


@pytest.mark.parametrize(
    ("kind", "name", "text", "wanted", "words"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
def test_each_kind_of_file_is_read_right_or_refused(
    kind: str, name: str, text: str, wanted: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    check(list(encode_files([tmp_path / name])), wanted, words)


def test_all_forms_of_pbc_are_alike(shared: Path) -> None:
    records = list(read_structures([shared / "data/structures/reports/28-as2d_all_forms.extxyz"]))
    refused = {
        record.id.partition("#")[2] for record in records if record.error and record.error.code == "S113"
    }
    assert refused == {str(number) for number in range(1, 10)}


def test_a_wrapped_contcar_is_the_one_on_one_line(shared: Path) -> None:
    folder = shared / "data/structures/reports"
    wrapped, plain = (
        next(encode_files([folder / name])) for name in ("11-CONTCAR", "11-CONTCAR_on_one_line")
    )
    assert wrapped.scope == plain.scope and wrapped.error is None


def test_tables_of_the_trade_name_their_rows(shared: Path) -> None:
    folder = shared / "data/structures/reports"
    for name, ids in (
        ("27-matbench_x.json", ["mb-1", "mb-2"]),
        ("27-wbm_columns.json", ["wbm-1-1", "wbm-1-2"]),
    ):
        rows = list(encode_files([folder / name]))
        assert [row.id for row in rows] == [f"{name}#{number}" for number in ids]
        assert {outcome(row) for row in rows} == {"225 Na 4a Cl 4b"}


def test_an_error_that_no_reader_expects_is_the_failure_of_one_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(_: str) -> None:
        raise ZeroDivisionError("once")

    from cloudkit.io import read

    (tmp_path / "a.cif").write_text(named("P m -3 m", CAESIUM, 4.12))
    (tmp_path / "b.vasp").write_text(OWN["POSCARs"][1][1])
    monkeypatch.setitem(read.READERS, "cif", burst)
    first, second = read_structures([tmp_path])
    assert (
        first.error is not None and first.error.code == "S103" and "ZeroDivisionError" in first.error.message
    )
    assert second.crystal is not None


def test_a_stated_group_that_is_found_at_no_tolerance_is_noted() -> None:
    text = named("I m -3 m", CAESIUM, 4.12, "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n")
    from cloudkit.io.cif import read_cif

    (record,) = read_cif(text)
    assert isinstance(record, Record) and record.stated is not None
    assert record.stated.number == 229 and record.stated.operations == 96
    (row,) = encode_records([record])
    assert row.notes[-1] == "the file states I m -3 m (229), found Pm-3m (221) at symprec 0.01"
