// What the buttons of the page put into its field.

const RUTILE = `rutile, TiO2
1.0
  4.594  0.000  0.000
  0.000  4.594  0.000
  0.000  0.000  2.959
Ti O
2 4
Direct
  0.0000  0.0000  0.0
  0.5000  0.5000  0.5
  0.3048  0.3048  0.0
  0.6952  0.6952  0.0
  0.1952  0.8048  0.5
  0.8048  0.1952  0.5
`;

const QUARTZ = `data_quartz
_cell_length_a     4.9130(1)
_cell_length_b     4.9130(1)
_cell_length_c     5.4052(1)
_cell_angle_alpha  90
_cell_angle_beta   90
_cell_angle_gamma  120
loop_
_space_group_symop_operation_xyz
  'x, y, z'
  '-y, x-y, z+2/3'
  '-x+y, -x, z+1/3'
  'y, x, -z'
  'x-y, -y, -z+1/3'
  '-x, -x+y, -z+2/3'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Si1  Si  0.4697  0.0000  0.6667
O1   O   0.4135  0.2669  0.7858
`;

const MIXED = `data_ferropericlase
_symmetry_space_group_name_H-M  'F m -3 m'
_cell_length_a  4.236
_cell_length_b  4.236
_cell_length_c  4.236
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_occupancy
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mg  Mg2+  0.80  0    0    0
Fe  Fe2+  0.20  0    0    0
O   O2-   1.00  1/2  1/2  1/2
`;

/** [name, text] of each. */
export const EXAMPLES = [
  ["Rutile, POSCAR", RUTILE],
  ["Quartz, CIF", QUARTZ],
  ["Mixed site, CIF", MIXED],
  ["Perovskite, string", "1 4 b O O O c O O O d O O O e O O O 0 | Sr 1a Ti 1b O 3c"],
  ["Invalid string", "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Nb 4a Xx 4b Cl 8h"],
];
