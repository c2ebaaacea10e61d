// VASP's POSCAR and CONTCAR to a crystal, as cloudkit/io/poscar.py reads them.

import { buildCrystal, fractionalBy, volumeOf } from "./crystal.js";
import { ELEMENTS, isElement, readSymbol } from "./elements.js";
import { StructureError } from "./errors.js";

const MOST_ATOMS = 1_000_000, LONGEST_LIST = 1_000, LARGEST = 1e12;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d+)?$/;

/**
 * The crystal of a POSCAR of any VASP version, and notes on what was assumed: {crystal, notes}. One scale or three, negative = volume;
 * selective dynamics; direct or Cartesian. Throws S103, S107, S203.
 */
export function readPoscar(text) {
  const lines = text.split(/\r\n|\n|\r/), notes = [];
  if (lines.at(-1) === "") lines.pop();
  if (lines.length < 7) {
    throw broken(lines.length, "the file ends here; a POSCAR has a title, a scale, three vectors, counts and positions");
  }
  const vectors = [2, 3, 4].map((at) => numbers(lines, at, 3));
  const scale = readScale(numbers(lines, 1), vectors);
  const { named, at } = readNames(lines);
  const { counts, next } = readCounts(lines, at, named.length);
  const mode = /^\s*s/i.test(lines[next] ?? "") ? next + 1 : next;
  if (!/^\s*[a-z]/i.test(lines[mode] ?? "")) throw broken(mode + 1, "expected 'Direct' or 'Cartesian'");
  if (named.length && named.length !== counts.length) {
    throw broken(6, `${named.length} element symbols but ${counts.length} atom counts`);
  }
  const n = counts.reduce((sum, count) => sum + count, 0);
  const listed = Array.from({ length: n }, (_, i) => numbers(lines, mode + 1 + i, 3));
  const symbols = named.length ? named : symbolsElsewhere(lines, mode + 1, counts, notes);
  const elements = symbols.map((symbol) => readSymbol(symbol.split(/[_/]/)[0]));
  const sites = counts.flatMap((count, i) => Array(count).fill([[elements[i], 1]]));
  const lattice = vectors.map((row) => row.map((x, k) => x * scale[k]));
  const isCartesian = /^\s*[ck]/i.test(lines[mode]);
  return { crystal: buildCrystal(lattice, isCartesian ? toFractional(listed, scale, lattice) : listed, sites), notes };
}

function toFractional(listed, scale, lattice) {
  if (volumeOf(lattice) === 0) throw flat();
  return listed.map((row) => row.map((x, k) => x * scale[k])).map(fractionalBy(lattice));
}

function readScale(factors, vectors) {
  if (factors.length === 2) throw broken(2, "the scale is two numbers; VASP takes one, or one for each axis");
  if (factors.length > 2) return factors.slice(0, 3);
  if (factors[0] === 0) throw broken(2, "the scale is zero");
  if (factors[0] > 0) return Array(3).fill(factors[0]);
  const volume = Math.abs(volumeOf(vectors));
  if (volume === 0) throw flat();
  return Array(3).fill(Math.cbrt(-factors[0] / volume));
}

/** The symbols of the elements, over several lines where there are more than 20, and the line of the first atom count. */
function readNames(lines) {
  const named = [];
  let at = 5;
  for (; at < lines.length; at++) {
    const row = words(lines[at]);
    if (!row.length || isWhole(row[0])) break;
    if (named.length && !row.every((word) => isElement(word.split(/[_/]/)[0]))) break;
    named.push(...row);
    if (named.length > LONGEST_LIST) throw broken(at + 1, `more than ${LONGEST_LIST} element symbols`);
  }
  return { named, at };
}

/** The atom counts, over as many lines as it takes for `wanted` of them, and the line after them. */
function readCounts(lines, first, wanted) {
  const counts = countLine(lines, first);
  let next = first + 1;
  while (counts.length < wanted && isWhole(words(lines[next] ?? "")[0])) counts.push(...countLine(lines, next++));
  return { counts, next };
}

function countLine(lines, at) {
  const row = (lines[at] ?? "").split(/\s+/).filter(Boolean), end = row.findIndex((word) => !isWhole(word));
  const given = end < 0 ? row : row.slice(0, end), counts = given.filter((word) => word.length < 9).map(Number);
  if (!counts.length || counts.length < given.length || counts.reduce((sum, count) => sum + count) > MOST_ATOMS) {
    const found = at < lines.length ? lines[at].trim().slice(0, 40) : "the end of the file";
    throw broken(at + 1, `expected how many atoms of each element there are, found '${found}'`);
  }
  return counts;
}

/** One symbol per count, for a POSCAR without the line of symbols. */
function symbolsElsewhere(lines, first, counts, notes) {
  const title = lines[0].split(/\s+/).filter(Boolean);
  if (title.length === counts.length && title.every(isElement)) return title;
  const n = counts.reduce((sum, count) => sum + count, 0);
  const ends = lines.slice(first, first + n).map((line) => line.trim().split(/\s+/).at(-1));
  const heads = counts.map((_, i) => ends[counts.slice(0, i).reduce((sum, count) => sum + count, 0)] ?? "");
  const repeated = counts.flatMap((count, i) => Array(count).fill(heads[i]));
  if (heads.every(isElement) && repeated.every((symbol, i) => symbol === ends[i])) return heads;
  const known = [...ELEMENTS.keys()];
  if (counts.length > known.length) throw broken(6, "more atom counts than there are elements");
  const standIns = known.slice(0, counts.length);
  notes.push(
    `the POSCAR (VASP 4) names no elements: ${standIns.join(", ")} stand in for them; write the symbols on the line above the atom counts`,
  );
  return standIns;
}

/** The words of a line without a comment at its end. */
const words = (line) => line.split(/[!#]/)[0].split(/\s+/).filter(Boolean);
const isWhole = (word) => /^\d+$/.test(word ?? "");

/** The numbers that a line begins with: n of them, or at least one and at most three. */
function numbers(lines, at, n) {
  const values = [];
  for (const word of (lines[at] ?? "").split(/\s+/).filter(Boolean).slice(0, n ?? 3)) {
    const plain = word.toUpperCase().replace("D", "E"); // Fortran writes and reads 2.8D0
    if (!NUMBER.test(plain)) break;
    if (!(Math.abs(Number(plain)) < LARGEST)) throw broken(at + 1, `'${word}' is not a sensible number`);
    values.push(Number(plain));
  }
  if (!values.length || (n && values.length < n)) {
    const found = at < lines.length ? `found '${lines[at].trim().slice(0, 40)}'` : "the file ends";
    throw broken(at + 1, `expected ${n ?? "one or three"} numbers, ${found}`);
  }
  return values;
}

const flat = () => new StructureError("S203", "the three cell vectors of the POSCAR lie in one plane");
const broken = (line, what) => new StructureError("S103", `line ${line} of the POSCAR: ${what}`);
