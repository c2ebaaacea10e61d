// Space groups: their Wyckoff positions, the operations that a generator string means, and the groups that a CIF may name.

import { dot } from "./crystal.js";
import { StructureError } from "./errors.js";
import { fitCell, generate } from "./operations.js";
import { GROUP_ROWS } from "./tables.js";

export const LETTERS = "abcdefghijklmnopqrstuvwxyzA";
export const LATTICE_POINTS = { P: 1, A: 2, C: 2, I: 2, R: 3, F: 4 };

/** Groups 1 to 230: {number, symbol, generators, correct, system, centring, wyckoff}; wyckoff: [{symbol, letter, multiplicity, site, place}]. */
export const GROUPS = GROUP_ROWS.map(([symbol, generators, correct, system, centring, positions], index) => ({
  number: index + 1,
  symbol: symbol.replaceAll("_", ""),
  written: symbol,
  generators,
  correct,
  system,
  centring,
  wyckoff: positions.split(" ").map(readPosition),
}));

function readPosition(text) {
  const [symbol, site, place] = text.split(":");
  return { symbol, letter: symbol.slice(-1), multiplicity: Number(symbol.slice(0, -1)), site, place };
}

// Clause 3.2 of the standard: what the characters of a generator string mean.
const MATRICES = {
  a: [1, 0, 0, 0, 1, 0, 0, 0, 1], b: [-1, 0, 0, 0, -1, 0, 0, 0, 1], c: [-1, 0, 0, 0, 1, 0, 0, 0, -1], d: [0, 0, 1, 1, 0, 0, 0, 1, 0],
  e: [0, 1, 0, 1, 0, 0, 0, 0, -1], f: [0, -1, 0, -1, 0, 0, 0, 0, -1], g: [0, -1, 0, 1, 0, 0, 0, 0, 1], h: [-1, 0, 0, 0, -1, 0, 0, 0, -1],
  i: [1, 0, 0, 0, 1, 0, 0, 0, -1], j: [1, 0, 0, 0, -1, 0, 0, 0, 1], k: [0, -1, 0, -1, 0, 0, 0, 0, 1], l: [0, 1, 0, 1, 0, 0, 0, 0, 1],
  m: [0, 1, 0, -1, 0, 0, 0, 0, -1], n: [0, -1, 0, 1, -1, 0, 0, 0, 1],
};
const SHIFTS = {
  O: 0, A: 1 / 6, B: 1 / 4, C: 1 / 3, D: 1 / 2, E: 2 / 3, F: 3 / 4, G: 5 / 6, X: -3 / 8, Y: -1 / 4, Z: -1 / 8,
};

/** The blocks of a generator string without spaces: [{text, operation}], and the shift of the origin, if any: {blocks, origin}. */
export function readGenerators(text) {
  const count = Number(text[1]), end = 2 + 4 * count;
  const origin = text[end] === "1" ? [...text.slice(end + 1, end + 4)].map((letter) => SHIFTS[letter]) : [0, 0, 0];
  const blocks = Array.from({ length: count }, (_, i) => text.slice(2 + 4 * i, 6 + 4 * i));
  const listed = blocks.map((block) => ({ text: block, turn: MATRICES[block[0]], shift: [...block.slice(1)].map((letter) => SHIFTS[letter]) }));
  const inversion = text[0] === "1" ? [{ text: "1", turn: MATRICES.h, shift: [0, 0, 0] }] : [];
  const moved = [...inversion, ...listed].map((one) => ({ text: one.text, operation: { turn: one.turn, shift: moveOrigin(one, origin) } }));
  return { blocks: moved, origin };
}

/** w + s - W s. */
function moveOrigin({ turn, shift }, origin) {
  return [0, 1, 2].map((i) => shift[i] + origin[i] - dot(turn.slice(3 * i, 3 * i + 3), origin));
}

const IDENTITY = { turn: MATRICES.a, shift: [0, 0, 0] };

/** All operations of a group in its standard setting. */
export function groupOperations(group) {
  return generate([IDENTITY, ...readGenerators(group.correct).blocks.map((block) => block.operation)]);
}

// Groups of two origins: a name without ":2" leaves open which is meant. 222 has its generators at another origin than its positions.
const TWO_ORIGINS = [48, 50, 59, 68, 70, 85, 86, 88, 125, 126, 129, 130, 133, 134, 137, 138, 141, 142, 201, 203, 222, 224, 227, 228];
const OTHER_ORIGIN = 222;
const STANDARD_CODES = ["", "2", "h", "b1", "abc"];
const COMMAND = "list the operations in _space_group_symop_operation_xyz; `cloudkit encode` knows the other settings";

/** The group that a CIF names by its Hermann-Mauguin symbol, if its standard setting is the only one that fits the name and the cell. Throws S109. */
export function findGroup({ name, number, hall, code: stated }, lattice) {
  const [plain, suffix] = splitName(name ?? ""), group = byName(plain), code = suffix || (stated ?? "").toLowerCase();
  const isOpen = (TWO_ORIGINS.includes(group?.number) && code !== "2") || group?.number === OTHER_ORIGIN || isMonoclinicOpen(group, lattice);
  const isOther = !STANDARD_CODES.includes(code) || hall; // a Hall symbol may mean any origin
  if (!group || isOpen || isOther || !fitCell(groupOperations(group), lattice)) {
    const words = name ? `'${name}'` : number ? `number ${number}` : `Hall symbol '${hall}'`;
    throw new StructureError("S109", `the file lists no symmetry operations, and the setting that ${words} means is not clear`, COMMAND);
  }
  return group;
}

/** The group that a name or number means in any setting; undefined where neither is understood. */
export const namedGroup = ({ name, number }) => byName(splitName(name ?? "")[0]) ?? GROUPS[Number(number) - 1];

/** A right-angled cell does not show its unique axis. */
function isMonoclinicOpen(group, lattice) {
  if (!group || group.number < 3 || group.number > 15) return false;
  const cosine = dot(lattice[0], lattice[2]) / Math.hypot(...lattice[0]) / Math.hypot(...lattice[2]);
  return Math.abs(cosine) < 0.01;
}

/** "F d -3 m :2" as ["Fd-3m", "2"]. */
function splitName(name) {
  const [plain, code = ""] = name.replace(/[\s'"_]/g, "").split(":");
  return [plain, code.toLowerCase()];
}

/** A group by its short symbol, or by the full one of a monoclinic group: "P21/c" or "P121/c1". */
function byName(plain) {
  const wanted = plain.toLowerCase();
  return GROUPS.find((group) => group.symbol.toLowerCase() === wanted || (group.number > 2 && group.number < 16 && fullName(group) === wanted));
}

const fullName = ({ symbol }) => `${symbol[0]}1${symbol.slice(1)}1`.toLowerCase();
