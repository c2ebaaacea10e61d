// Symmetry operations x -> R x + t: read from triplets, checked to be a group, and applied to listed atoms.
// An operation is {turn: 9 whole numbers, shift: 3 numbers}.

import { dot, toCartesian } from "./crystal.js";
import { StructureError } from "./errors.js";

const UNIT = 24; // denominator of the translations of all settings
const MOST_OPERATIONS = 384;
const LARGEST_ENTRY = 4;
const SPECIAL = 0.1; // Å; images of an atom closer than this are one atom on a special position
const STRAIN = 0.05; // largest relative change of the cell's metric under an operation
const EXACT = 1e-5; // of a fractional coordinate
const TERM = /([+-]?)(?:(\d+)\/(\d+)|(\d*\.\d+|\d+\.?))?\*?([xyz])?/y;

/** The operations of triplets such as "-x,y+1/2,z". Throws S109 for one that is not understood, S110 if they are not a group. */
export function readOperations(triplets) {
  if (triplets.length > MOST_OPERATIONS) {
    throw new StructureError("S109", `the file lists ${triplets.length} symmetry operations; no space group has that many`);
  }
  const distinct = new Map(triplets.map(readTriplet).map((one) => [keyOf(one), one]));
  const operations = [...distinct.values()];
  if (!isGroup(operations)) {
    throw new StructureError(
      "S110",
      `the ${operations.length} symmetry operations listed in the file do not form a group`,
      "one is missing or misprinted",
    );
  }
  return operations;
}

function readTriplet(text) {
  const plain = text.toLowerCase().replace(/[\s'"]/g, "");
  const parts = plain.split(",");
  if (parts.length !== 3) throw notUnderstood(text, "three terms, such as -x,y+1/2,z, are expected");
  const rows = parts.map((part) => readRow(part, text));
  return { turn: rows.flatMap((row) => row.factors), shift: rows.map((row) => row.constant) };
}

/** One coordinate of a triplet: three factors and a constant in UNITs. */
function readRow(part, text) {
  const factors = [0, 0, 0];
  let constant = 0;
  for (TERM.lastIndex = 0; TERM.lastIndex < part.length; ) {
    const at = TERM.lastIndex, match = TERM.exec(part);
    if (!match || !(match[2] || match[4] || match[5]) || (at && !match[1])) {
      throw notUnderstood(text, `unexpected '${part.slice(at)}'`);
    }
    const size = match[2] ? Number(match[2]) / Number(match[3]) : Number(match[4] ?? 1);
    const value = match[1] === "-" ? -size : size;
    if (match[5] && !Number.isInteger(value)) throw notUnderstood(text, "a factor is not a whole number");
    if (match[5]) factors["xyz".indexOf(match[5])] += value;
    else constant += value * UNIT;
  }
  const whole = Math.round(constant);
  if (!part || !(Math.abs(constant - whole) <= 0.01 * UNIT)) {
    throw notUnderstood(text, `${constant / UNIT} is not a translation that a group may have`);
  }
  return { factors, constant: mod(whole, UNIT) / UNIT };
}

/** Every product of operations, from generators: the group that they generate, with translations modulo the lattice. */
export function generate(generators) {
  const found = new Map(generators.map((one) => [keyOf(one), one]));
  for (const first of found.values()) {
    for (const second of generators) {
      const product = multiply(first, second);
      if (!found.has(keyOf(product))) found.set(keyOf(product), product);
      if (found.size > MOST_OPERATIONS) throw new Error("these generators do not generate a space group");
    }
  }
  return [...found.values()];
}

function isGroup(operations) {
  if (operations.some(({ turn }) => turn.some((x) => Math.abs(x) > LARGEST_ENTRY))) return false;
  const known = new Set(operations.map(keyOf));
  return operations.every((first) => operations.every((second) => known.has(keyOf(multiply(first, second)))));
}

/** first after second. */
function multiply(first, second) {
  const turn = [0, 1, 2].flatMap((i) =>
    [0, 1, 2].map((j) => [0, 1, 2].reduce((sum, k) => sum + first.turn[3 * i + k] * second.turn[3 * k + j], 0)),
  );
  return { turn, shift: apply(first, second.shift).map((x) => mod(Math.round(x * UNIT), UNIT) / UNIT) };
}

const keyOf = ({ turn, shift }) => `${turn}|${shift.map((x) => mod(Math.round(x * UNIT), UNIT))}`;
const apply = ({ turn, shift }, place) => [0, 1, 2].map((i) => dot(turn.slice(3 * i, 3 * i + 3), place) + shift[i]);
const mod = (x, n) => ((x % n) + n) % n;
const notUnderstood = (text, why) => new StructureError("S109", `the symmetry operation '${text}' cannot be understood: ${why}`);

/** An operation as a triplet: -x,y+1/2,z. */
export function tripletText({ turn, shift }) {
  return [0, 1, 2].map((i) => rowText(turn.slice(3 * i, 3 * i + 3), mod(Math.round(shift[i] * UNIT), UNIT))).join(", ");
}

function rowText(factors, units) {
  const terms = factors.map((factor, k) => (factor ? `${factor < 0 ? "−" : "+"}${"xyz"[k]}` : "")).join("");
  const divisor = [12, 8, 6, 4, 3, 2, 1].find((d) => units % d === 0 && UNIT % d === 0);
  const constant = units ? `+${units / divisor}/${UNIT / divisor}` : "";
  return (terms + constant).replace(/^\+/, "") || "0";
}

/** Whether all operations are isometries of a cell (three rows), up to what an unconstrained refinement does to it. */
export function fitCell(operations, lattice) {
  const metric = lattice.map((u) => lattice.map((v) => dot(u, v)));
  const lengths = metric.map((row, i) => Math.sqrt(row[i]));
  return operations.every(({ turn }) =>
    metric.every((row, i) => row.every((wanted, m) => Math.abs(turned(metric, turn, i, m) - wanted) <= STRAIN * lengths[i] * lengths[m])),
  );
}

function turned(metric, turn, i, m) {
  let sum = 0;
  for (let j = 0; j < 3; j++) for (let l = 0; l < 3; l++) sum += turn[3 * j + i] * metric[j][l] * turn[3 * l + m];
  return sum;
}

/**
 * All places of one listed atom in the cell. An atom near a symmetry element is moved onto it: it takes the mean of its images within
 * SPECIAL of it.
 */
export function expandPlace(lattice, operations, listed) {
  if (operations.length === 1) return [listed.map((x) => mod(x, 1))];
  const images = operations.map((one) => apply(one, settle(lattice, operations, listed)));
  const distinct = images.filter((image, i) => !images.slice(0, i).some((other) => coincide(image, other)));
  return distinct.map((image) => image.map((x) => mod(x, 1)));
}

const coincide = (u, v) => u.every((x, k) => Math.abs(nearest(x - v[k])) < EXACT);
const nearest = (x) => x - Math.round(x);

function settle(lattice, operations, listed) {
  let place = listed, stabilizer = 0;
  for (let round = 0; round < 5; round++) {
    const steps = operations.map((one) => apply(one, place).map((x, k) => nearest(x - place[k])));
    const near = steps.filter((step) => Math.hypot(...toCartesian(lattice, step)) < SPECIAL);
    place = place.map((x, k) => x + near.reduce((sum, step) => sum + step[k], 0) / near.length);
    if (near.length === stabilizer) break;
    stabilizer = near.length;
  }
  return place;
}
