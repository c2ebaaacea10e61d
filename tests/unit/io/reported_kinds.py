"""What is right for each file that people reported, and further inputs of our own for each kind."""

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
    "12-nacl_identity_only.cif": ("225 Na 4a Cl 4b", "with the only operation listed"),
    "35-crystallm_raw.cif": ("225 Na 4a Cl 4b", "with the only operation listed"),
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
    "42-h2o_type.cif": ("2 Ca 2i O 2i O 2i", "hydrogen atoms of the cell are implied"),
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


def labelled(name: str, sites: str, formula: str) -> str:
    """A cubic CIF whose sites have labels alone."""
    return named(name, sites, 4.12, f"_chemical_formula_sum {formula}\n").replace(
        "_atom_site_type_symbol\n", ""
    )


def shared_site(*shares: str) -> str:
    """A cubic CIF with several species on one site."""
    rows = "".join(f"{share.split()[0]}1 {share.split()[0]} 0 0 0 {share.split()[1]}\n" for share in shares)
    text = named("P m -3 m", rows + "O1 O 0.5 0.5 0.5 1\n", 4.12)
    return text.replace("fract_z\n", "fract_z\n_atom_site_occupancy\n")


def poscar(
    scale: str = "1",
    species: str = "Cs Cl",
    counts: str = "1 1",
    mode: str = "Direct",
    sites: str = "0 0 0\n.5 .5 .5\n",
) -> str:
    """A POSCAR of CsCl."""
    return f"x\n{scale}\n4.12 0 0\n0 4.12 0\n0 0 4.12\n{species}\n{counts}\n{mode}\n{sites}"


IDENTITY = "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n"
HALF = IDENTITY + "-x,-y,-z\n"
PRIMITIVE = (
    "data_x\n_cell_length_a 3.988\n_cell_length_b 3.988\n_cell_length_c 3.988\n_cell_angle_alpha 60\n_cell_angle_beta 60\n"
    "_cell_angle_gamma 60\n_symmetry_space_group_name_H-M 'F m -3 m'\n_chemical_formula_sum 'Na Cl'\n_cell_formula_units_Z 1\n"
    + SITES
)
ALTERNATIVES = "C1 C 0.5 0.5 0.5 .\nO1 O 0.3 0.5 0.6 1\nO2 O 0.3 0.5 0.68 2\n"
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
    "names that are not understood": [
        ("a.cif", named("Q m -3 m", CAESIUM, 4.12, "_symmetry_Int_Tables_number 221\n"), CSCL, "read by the number, 221"),
        ("b.cif", MONOCLINIC.format(beta=100, gamma=90, name="P 21/q") + "_space_group_IT_number 14\n", "14 Zn 4e O 4e", "read by the number, 14"),
        ("c.cif", named("Q m -3 m", CAESIUM, 4.12), "S109", "'Q m -3 m' is not known"),
    ],
    "spellings of names": [
        ("a.cif", named("Fm3m", SALT), "225 Na 4a Cl 4b", ""),
        ("b.cif", named("F 4/m -3 2/m", FLUORITE), "225 Ca 4a F 8c", ""),
        ("c.cif", MONOCLINIC.format(beta=100, gamma=90, name="P2(1)/c"), "14 Zn 4e O 4e", ""),
        ("d.cif", MONOCLINIC.format(beta=90, gamma=100, name="P 21/n"), "14 Zn 4e O 4e", "unique axis"),
        ("e.cif", named("P m \u0033\u0305 m", CAESIUM, 4.12), CSCL, ""),
    ],
    "operations that do not fit the cell": [
        ("a.cif", MONOCLINIC.format(beta=100, gamma=90, name="P m m m"), "S117", "not symmetries of the cell"),
        ("b.cif", MONOCLINIC.format(beta=100, gamma=90, name="F m -3 m"), "S117", "not symmetries of the cell"),
    ],
    "symbols of another cell or axis": [
        ("a.cif", PRIMITIVE + SALT, "225 Na 4a Cl 4b", "read as P1"),
        ("b.cif", PRIMITIVE.replace("3.988", "3.04").replace("'Na Cl'", "'Al O'") + "Al1 Al 0 0 0\nO1 O 0.5 0.5 0.5\n", "225 Al 4a O 4b", "read as P1"),
        ("c.cif", MONOCLINIC.format(beta=90, gamma=100, name="P 2/m"), "10 Zn 4o O 4o", "the cell shows the unique axis"),
        ("d.cif", MONOCLINIC.format(beta=90, gamma=95, name="P 21"), "4 Zn 2a O 2a", "the cell shows the unique axis"),
    ],
    "cells that were not constrained": [
        ("a.cif", named("P m -3 m", CAESIUM, 4.12).replace("_length_b 4.12", "_length_b 4.16"), "123 Cs 1a Cl 1d", "states P m -3 m (221), found P4/mmm (123) at symprec 0.01; from 0.1 it is found"),
        ("b.cif", named("F m -3 m", SALT) + "_cell_angle_alpha 90.4\n", "71 Na 2a Cl 2b", "states F m -3 m (225), found Immm (71) at symprec 0.01; from 0.03 it is found"),
    ],
    "operations that belong to another group than the name": [
        ("a.cif", named("I m -3 m", CAESIUM, 4.12, "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-x,-y,-z\n"), CSCL, "states I m -3 m (229), found Pm-3m (221)"),
        ("b.cif", cube("_symmetry_Int_Tables_number 225\nloop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n", CAESIUM, 4.12), CSCL, "found Pm-3m (221)"),
    ],
    "lists of the identity alone": [
        ("a.cif", named("F m -3 m", SALT, 5.64, IDENTITY + "_chemical_formula_sum 'Cl Na'\n_cell_formula_units_Z 4\n"), "225 Na 4a Cl 4b", "with the only operation listed"),
        ("b.cif", named("P m -3 m", PEROVSKITE, 3.905, IDENTITY + "_exptl_crystal_density_diffrn 5.12\n"), "221 Sr 1a Ti 1b O 3c", "with the only operation listed"),
        ("c.cif", named("F m -3 m", FLUORITE, 5.46, "_chemical_formula_sum 'Ca F2'\n_cell_formula_units_Z 4\n" + HALF), "225 Ca 4a F 8c", "with the 2 operations listed"),
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
        ("d.cif", labelled("P m -3 m", "ST1 0 0 0\n", "'Nb O'"), "S107", "'ST1' names no element of the stated formula"),
        ("e.cif", labelled("P m -3 m", "Cation1 0 0 0\nO1 0.5 0.5 0.5\n", "'Mg O'"), "S107", "'Cation1' names no element"),
    ],
    "water and hydroxide": [
        ("a.cif", named("P m -3 m", "Ca1 Ca 0 0 0\nW1 H2O 0.5 0.5 0.5\n", 4.12), "221 Ca 1a O 1b", "2 hydrogen atoms of the cell are implied"),
        ("b.cif", named("F m -3 m", "Na1 Na 0 0 0\nO1 OH 0.5 0.5 0.5\n", 5.1), "225 Na 4a O 4b", "4 hydrogen atoms of the cell are implied"),
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
    "dictionaries of JARVIS": [
        ("a.json", '{"lattice_mat": [[4.12,0,0],[0,4.12,0],[0,0,4.12]], "coords": [[0,0,0],[0.5,0.5,0.5]], "elements": ["Cs","Cl"], "cartesian": false}', CSCL, ""),
        ("b.jsonl", '{"jid": "JVASP-2", "atoms": {"lattice_mat": [[2.82,2.82,0],[2.82,0,2.82],[0,2.82,2.82]], "coords": [[0,0,0],[0.5,0.5,0.5]], "elements": ["Na","Cl"]}}', "225 Na 4a Cl 4b", ""),
    ],
    "tables of the trade": [
        ("a.json", '{"index": [7], "columns": ["structure", "y"], "data": [[' + STRUCTURE + ", 1]]}", CSCL, ""),
        ("b.json", '{"initial_structure": {"a": ' + STRUCTURE + '}, "e": {"a": 1}}', CSCL, ""),
        ("c.json", '[{"jid": "JVASP-1", "atoms": {"lattice_mat": [[4.12,0,0],[0,4.12,0],[0,0,4.12]], "coords": [[0,0,0],[2.06,2.06,2.06]], "elements": ["Cs","Cl"], "cartesian": true}}]', CSCL, ""),
    ],
    "wrapped CONTCARs": [
        ("CONTCAR", poscar(species="Cs\nCl", counts="1\n1"), CSCL, ""),
        ("a.vasp", poscar(species=" Cs  Cl\n Br", counts="  1  1\n  0"), CSCL, ""),
    ],
    "comments in a POSCAR": [
        ("POSCAR", poscar(species="Cs Cl ! two", counts="1 1 ! one each"), CSCL, ""),
        ("a.vasp", poscar(species="Cs Cl # two", counts="1 1 # one each"), CSCL, ""),
    ],
    "scales of two numbers": [
        ("POSCAR", poscar(scale="1 1"), "S103", "scale"),
        ("a.vasp", poscar(scale="4.12 4.12 # a and b"), "S103", "scale"),
    ],
    "Cartesian POSCARs": [
        ("POSCAR", poscar(mode="Cartesian", sites="0 0 0\n2.06 2.06 2.06\n"), CSCL, ""),
        ("a.vasp", poscar(mode="Kartesian", sites="1 1 1\n3.06 3.06 3.06\n"), CSCL, ""),
    ],
    "Cartesian coordinates": [
        ("a.cif", cube("", "Cs1 Cs 0 0 0\nCl1 Cl 2.06 2.06 2.06\n", 4.12).replace("fract_", "Cartn_"), CSCL, "Cartesian"),
        ("b.cif", cube("", "Cs1 Cs 1 1 1\nCl1 Cl 3.06 3.06 3.06\n", 4.12).replace("fract_", "Cartn_"), CSCL, "Cartesian"),
    ],
    "CIF 2.0": [
        ("a.cif", "#\\#CIF_2.0\n" + named("P m -3 m", CAESIUM, 4.12, '_x """two\nlines"""\n'), CSCL, ""),
        ("b.cif", "#\\#CIF_2.0\n" + named("P m -3 m", CAESIUM, 4.12, "_x {'a':[1 2] 'b':3}\n"), CSCL, ""),
    ],
    "codes of settings in names": [
        ("a.cif", MONOCLINIC.format(beta=100, gamma=90, name="C 2:b1"), "5 Zn 4c O 4c", ""),
        ("b.cif", MONOCLINIC.format(beta=90, gamma=100, name="P 21/c:c1"), "14 Zn 4e O 4e", ""),
    ],
    "Hall symbol and name of different settings": [
        ("a.cif", named("F d -3 m:2", "Si1 Si 0 0 0\n", 5.43, "_space_group_name_Hall 'F 4d 2 3 -1d'\n"), "227 Si 8a", "read by the Hall symbol"),
        ("b.cif", MONOCLINIC.format(beta=100, gamma=90, name="P 1 21/n 1") + "_space_group_name_Hall '-P 2ybc'\n", "14 Zn 4e O 4e", "read by the Hall symbol"),
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
    "alternatives without occupancies": [
        ("a.cif", cube("", ALTERNATIVES, 6).replace("_z\n", "_z\n_atom_site_disorder_group\n"), "", "alternatives without occupancies"),
        ("b.cif", cube("", ALTERNATIVES.replace("O", "N").replace("0.68", "0.7"), 6).replace("_z\n", "_z\n_atom_site_disorder_group\n"), "", "alternatives without occupancies"),
    ],
    "occupancies that add up to a little more than 1": [
        ("a.cif", shared_site("Fe 0.505", "Mn 0.505"), "221 Mn 0.5 Fe 0.5 1a O 1b", ""),
        ("b.cif", shared_site("Mg 0.4", "Mn 0.4", "Fe 0.214"), "221 Mg 0.39 Mn 0.39 Fe 0.21 1a O 1b", ""),
        ("c.cif", shared_site("Fe 0.51", "Mn 0.505"), "S108", "occupancies add up to 1.015"),
    ],
    "syntax errors": [
        ("a.cif", named("P m -3 m", CAESIUM, 4.12) + "data_y\n_x 'open\n", CSCL, ""),
        ("b.cif", named("P m -3 m", CAESIUM, 4.12, "_x\n;\ndata_field\n;\n") + "data_y\n_x 'open\n", CSCL, ""),
    ],
}  # fmt: skip
# number of a reported file -> its kinds; the numbers are those of the shared folder
KINDS = {
    "01": ("magnetic lists of operations",),
    "02": ("modulated structures",),
    "03": ("origins by facts", "origins left open"),
    "04": ("suffixes of ICSD",),
    "05": ("names that are not understood", "spellings of names"),
    "06": ("symbols of another cell or axis", "operations that do not fit the cell"),
    "07": ("cells that were not constrained",),
    "08": ("coordinates as fractions",),
    "09": ("odd denominators",),
    "10": ("characters outside ASCII",),
    "11": ("wrapped CONTCARs",),
    "12": ("lists of the identity alone", "operations that belong to another group than the name"),
    "22": ("symbols of another cell or axis",),
    "24": ("syntax errors",),
    "26": ("dictionaries of JARVIS",),
    "27": ("tables of the trade",),
    "28": ("pbc",),
    "29": ("comments in a POSCAR", "scales of two numbers"),
    "30": ("Cartesian coordinates",),
    "31": ("CIF 2.0",),
    "32": ("codes of settings in names", "Hall symbol and name of different settings"),
    "35": ("lists of the identity alone",),
    "36": ("Cartesian POSCARs",),
    "37": ("lengths in another unit",),
    "38": ("alternatives without occupancies",),
    "40": ("species text", "formulas"),
    "42": ("water and hydroxide",),
    "43": ("species text",),
    "44": ("occupancies that add up to a little more than 1",),
}
