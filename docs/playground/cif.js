// A CIF to a crystal, as cloudkit/io reads it: P1, listed operations, or a group in its standard setting. What is not covered is refused.

import { buildCrystal } from "./crystal.js";
import { isElement, readSymbol } from "./elements.js";
import { StructureError } from "./errors.js";
import { findGroup, groupOperations, namedGroup } from "./groups.js";
import { expandPlace, fitCell, readOperations } from "./operations.js";
import { parseCif } from "./star.js";
import { pairsWithin } from "./places.js";

const MOST_SITES = 20_000;
const SAME_PLACE = 0.05; // Å; rows closer than this are one mixed site
const FULL = 1.01; // largest sum of occupancies that rounding in a file explains
const COMMAND = "the command line reads it: `cloudkit encode`";
const OPERATIONS = [
  "_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_space_group_symop.operation_xyz", "_symmetry_equiv.pos_as_xyz",
];
const HALLS = ["_space_group_name_hall", "_symmetry_space_group_name_hall", "_space_group.name_hall"];
const NAMES = [
  "_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group.name_h-m_alt", "_symmetry.space_group_name_h-m",
  "_space_group_name_h-m_ref", "_symmetry_space_group_name_h-m_alt", "_space_group_name_h-m_full", "_symmetry_space_group_name_h-m_full",
];
const NUMBERS = [
  "_space_group_it_number", "_symmetry_int_tables_number", "_space_group.it_number", "_symmetry.int_tables_number",
];
const CODES = ["_space_group_it_coordinate_system_code", "_space_group.it_coordinate_system_code"];
const MAGNETIC = /^_(space_group_symop[._]magn|atom_site_moment|space_group[._]magn)/;
const MODULATED = /^_(cell_wave_vector|cell[._]modulation_dimension|space_group_ssg|atom_site_fourier|atom_site_displace|cell_subsystems)/;
const SPECIAL = { calc_flag: ["d", "calc", "c"], attached_hydrogens: ["0"] }; // columns, and the values that change nothing
const TAIL = /^\(?[\dA-D']{0,4}\)?(\d*\.?\d*[+-]|[+-]\d*\.?\d*)?$/; // what may follow the symbol of an element: a number, a charge

/** The first structure of a CIF: {crystal, notes, name}. Throws S1xx. */
export function readCif(text) {
  const blocks = parseCif(text), found = blocks.filter((block) => column(block, "fract_x").length);
  if (!found.length) {
    const isCartesian = blocks.some((block) => column(block, "cartn_x").length);
    throw isCartesian
      ? new StructureError("S106", "the file gives Cartesian coordinates only", COMMAND)
      : new StructureError("S104", "there is no crystal structure in the file: no data block lists atom sites with coordinates");
  }
  const notes = found.length > 1 ? [`the file holds ${found.length} structures: this is the first, ${found[0].name}`] : [];
  return { ...readBlock(found[0], notes), notes, name: found[0].name };
}

function readBlock(block, notes) {
  refuseSpecial(block);
  const lattice = readCell(block), rows = readRows(block, notes);
  const operations = readSymmetry(block, lattice, notes);
  const places = rows.map((row) => expandPlace(lattice, operations, row.place));
  const count = places.reduce((sum, one) => sum + one.length, 0);
  if (count > MOST_SITES) throw new StructureError("S207", `the cell has ${count} atoms; this page takes up to ${MOST_SITES}`, COMMAND);
  const sites = joinRows(lattice, rows, places, notes);
  const positions = sites.flatMap((site) => places[site.row]);
  return { crystal: buildCrystal(lattice, positions, sites.flatMap((site) => places[site.row].map(() => site.parts))) };
}

function refuseSpecial(block) {
  const tag = (pattern) => block.tags.find((one) => pattern.test(one) && block.get(one) !== undefined && block.get(one) !== "0");
  if (tag(MODULATED)) {
    throw new StructureError("S114", `the structure is modulated (${tag(MODULATED)}): no space group describes it`, "give its average structure");
  }
  if (tag(MAGNETIC)) throw new StructureError("S109", "magnetic structures are not read here", `${COMMAND} as the nuclear structure`);
}

/** Cell vectors, a along x and b in the xy plane, in Å. */
function readCell(block) {
  const [a, b, c] = ["a", "b", "c"].map((axis) => cellValue(block, `length_${axis}`));
  const angles = ["alpha", "beta", "gamma"].map((name) => cellValue(block, `angle_${name}`, 90));
  const [cosA, cosB, cosC] = angles.map((angle) => Math.cos((angle * Math.PI) / 180));
  const flatness = 1 - cosA * cosA - cosB * cosB - cosC * cosC + 2 * cosA * cosB * cosC;
  if (!(Math.min(a, b, c) > 0) || !(flatness > 1e-9)) {
    throw new StructureError("S105", `no cell has the lengths ${a}, ${b}, ${c} Å and the angles ${angles.join(", ")}°: it would have no volume`);
  }
  const sinC = Math.sin((angles[2] * Math.PI) / 180);
  const rows = [
    [a, 0, 0],
    [b * cosC, b * sinC, 0],
    [c * cosB, (c * (cosA - cosB * cosC)) / sinC, (c * Math.sqrt(flatness)) / sinC],
  ];
  return rows.map((row) => row.map((x) => Math.round(x * 1e12) / 1e12));
}

function cellValue(block, name, otherwise) {
  const text = block.get(`_cell_${name}`) ?? block.get(`_cell.${name}`);
  if (text === undefined && otherwise === undefined) throw new StructureError("S105", `the unit cell is incomplete: _cell_${name} is missing`);
  const value = text === undefined ? otherwise : readNumber(text);
  if (Number.isNaN(value)) throw new StructureError("S105", `the unit cell is incomplete: _cell_${name} is '${text}'`);
  return value;
}

/** A number with or without its uncertainty in brackets; NaN for anything else. */
function readNumber(text) {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d+\))?$/.exec(text);
  return match ? Number(match[1]) : NaN;
}

/** The listed atoms: [{label, element, occupancy, place}]. */
function readRows(block, notes) {
  const axes = ["fract_x", "fract_y", "fract_z"].map((name) => column(block, name)), n = axes[0].length;
  if (axes.some((axis) => axis.length !== n)) {
    throw new StructureError("S106", "the atoms have no complete coordinates: one of _atom_site_fract_x, y, z is missing");
  }
  for (const [name, plain] of Object.entries(SPECIAL)) refuseColumn(block, name, plain);
  const [labels, symbols, shares] = ["label", "type_symbol", "occupancy"].map((name) => column(block, name));
  const rows = Array.from({ length: n }, (_, i) => {
    const label = known(labels[i]) ?? known(symbols[i]) ?? `number ${i + 1}`;
    const place = placeOf(axes, i, label);
    return { label, place, element: elementOf(known(symbols[i]), label), occupancy: occupancyOf(known(shares[i]), label) };
  });
  for (const row of rows.filter((one) => one.occupancy === 0)) notes.push(`atom ${row.label} left out: its occupancy is 0`);
  return rows.filter((row) => row.occupancy > 0);
}

/** Dummies and hydrogens without positions mean more than a symbol and an occupancy. */
function refuseColumn(block, name, plain) {
  if (column(block, name).every((value) => known(value) === undefined || plain.includes(value))) return;
  throw new StructureError("S106", `the list of atoms has a column ${name}, which is not read here`, COMMAND);
}

function elementOf(symbol, label) {
  if (symbol === undefined) return labelElement(label);
  const element = readSymbol(symbol), rest = symbol.trim().replace(/^[A-Za-z]{1,2}(?![a-z])/, "");
  if (!TAIL.test(rest)) {
    throw new StructureError("S107", `'${symbol}' names more than an element`, "write the symbol of one element, such as Na or Fe3+");
  }
  return element;
}

/** The element that a label such as Fe1 begins with; one whose letters may mean two things is refused. */
function labelElement(label) {
  const letters = /^[A-Za-z]*/.exec(label)[0], two = letters.slice(0, 2), one = letters.slice(0, 1);
  if (/^[A-Z][a-z]$/.test(two) && isElement(two)) return readSymbol(two);
  if (letters.length === 1 && isElement(one.toUpperCase())) return readSymbol(one);
  throw new StructureError("S107", `the element of atom '${label}' is not clear`, "give the element in _atom_site_type_symbol");
}

function occupancyOf(text, label) {
  const value = text === undefined ? 1 : readNumber(text);
  if (!(value >= 0 && value <= FULL)) {
    throw new StructureError("S108", `the occupancy of atom ${label} is '${text}'; it must lie between 0 and 1`);
  }
  return Math.min(value, 1);
}

function placeOf(axes, i, label) {
  const texts = axes.map((axis) => axis[i]), place = texts.map(readCoordinate);
  if (!place.every(Number.isFinite)) {
    throw new StructureError("S106", `atom ${label} has no complete coordinates (${texts.join(", ")})`, "the composition would be wrong without it");
  }
  return place;
}

/** A number, or a fraction such as 1/3 or -1/3(2). */
function readCoordinate(text) {
  const match = /^([+-]?)(\d{1,4})\/(\d{1,4})(?:\(\d+\))?$/.exec(text);
  return match ? (Number(`${match[1]}1`) * Number(match[2])) / Number(match[3]) : readNumber(text);
}

const column = (block, name) => [`_atom_site_${name}`, `_atom_site.${name}`].map(block.column).find((values) => values.length) ?? [];
const known = (value) => (value === undefined || ["?", ".", ""].includes(value.trim()) ? undefined : value.trim());

/** The operations of a block: listed, those of P1, or those of a named group in the one setting that the name can mean. */
function readSymmetry(block, lattice, notes) {
  const triplets = OPERATIONS.map(block.column).find((values) => values.length) ?? [];
  const first = (tags) => tags.map(block.get).find((value) => value !== undefined);
  const stated = { hall: first(HALLS), name: first(NAMES), number: first(NUMBERS), code: first(CODES) };
  if (triplets.length) return listedOperations(triplets, stated, lattice);
  if (!stated.hall && !stated.name && !stated.number) notes.push("the file states no symmetry: read as P1");
  if (isP1(stated)) return readOperations(["x,y,z"]);
  const group = findGroup(stated, lattice);
  notes.push(`the file lists no operations: those of ${group.symbol}, group ${group.number}, in its standard setting are used`);
  return groupOperations(group);
}

function listedOperations(triplets, stated, lattice) {
  const operations = readOperations(triplets);
  if (!fitCell(operations, lattice)) {
    throw new StructureError("S117", "the operations listed are not symmetries of the cell, since they change its lengths and angles");
  }
  if (lacksOperations(operations, stated)) {
    const named = stated.name ?? stated.number ?? stated.hall;
    const listed = operations.length === 1 ? "the identity alone" : `only ${operations.length} operations`;
    throw new StructureError("S117", `the file names the space group ${named}, but lists ${listed}`, `list all operations, or P 1; ${COMMAND}`);
  }
  return operations;
}

/** Whether the group that is named has more operations; in rhombohedral axes it has a third of them. */
function lacksOperations({ length }, stated) {
  if (length === 1) return !isP1(stated);
  const group = namedGroup(stated), order = group ? groupOperations(group).length : length;
  return length < order && !(group.centring === "R" && length === order / 3);
}

function isP1({ hall, name, number }) {
  const plain = (text) => (text ?? "P1").replace(/[\s'"_]/g, "").toUpperCase();
  return plain(name) === "P1" && plain(hall) === "P1" && (number ?? "1") === "1";
}

/** Rows at one place become one mixed site: [{row, parts}]; row has the site's places. */
function joinRows(lattice, rows, places, notes) {
  const head = rows.map((_, i) => i), owner = places.flatMap((one, i) => one.map(() => i));
  for (const [i, j] of pairsWithin(lattice, places.flat(), SAME_PLACE).map((pair) => pair.map((at) => owner[at]))) {
    if (places[i].length !== places[j].length) {
      throw new StructureError(
        "S108", `atoms ${rows[i].label} and ${rows[j].label} nearly share a place, but one is on a special position and the other is not`,
      );
    }
    const [low, high] = [head[i], head[j]].sort((a, b) => a - b);
    if (low !== high) head.forEach((h, k) => { if (h === high) head[k] = low; });
  }
  const groups = new Map();
  head.forEach((h, i) => groups.set(h, [...(groups.get(h) ?? []), i]));
  return [...groups.values()].map((group) => ({ row: group[0], parts: mergeRows(group.map((i) => rows[i]), notes) }));
}

/** The elements of one site and their occupancies, which add up to at most 1. */
function mergeRows(listed, notes) {
  const isRepeated = listed.length > 1 && listed.every((row) => row.element === listed[0].element && row.occupancy === 1);
  if (isRepeated) notes.push(`atom ${listed[0].label} is listed ${listed.length} times on one site; counted once`);
  const rows = isRepeated ? listed.slice(0, 1) : listed;
  const filled = rows.reduce((sum, row) => sum + row.occupancy, 0);
  if (filled > Math.max(FULL, 1 + 0.005 * rows.length)) {
    throw new StructureError("S108", `atoms ${rows.map((row) => row.label).join(" and ")} share one site, and their occupancies add up to ${filled}`);
  }
  return rows.map((row) => [row.element, row.occupancy / Math.max(filled, 1)]);
}
