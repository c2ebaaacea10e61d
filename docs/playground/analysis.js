// From the text that a visitor gives to all that the page shows of it, without the page, so that tests run it in node.

import { cellParameters, toCartesian } from "./crystal.js";
import { describeIssues } from "./diagnostics.js";
import { ELEMENTS } from "./elements.js";
import { StructureError } from "./errors.js";
import { GROUPS } from "./groups.js";
import { pairsWithin } from "./places.js";
import { readInput } from "./read.js";
import { canonicalOrbits, compositionOf, contentText, orbitText, parseScope, projections, tokensOf } from "./scope.js";

const MOST_SITES = 20_000;
const BUDGET = 200_000_000; // comparisons of two places: some seconds
const SHORTEST_CONTACT = 0.1; // Å
const COMMAND = "the command line has no such limit: `cloudkit encode`";

/**
 * {kind, findings, notes, text, scope, orbits, dialects, tokens, symmetry, drawing}. kind: "scope", "cif" or "poscar"; text: the string, canonical
 * for a structure; scope, orbits, dialects and tokens are missing where findings has errors; symmetry and drawing are missing for a string.
 * Throws StructureError for a structure that has no string.
 */
export function analyse(core, given, symprec) {
  const input = readInput(given);
  return input.kind === "scope" ? analyseString(core, input.text) : analyseCrystal(core, input, symprec);
}

function analyseString(core, text) {
  const checked = core.check(text), findings = describeIssues(text, checked);
  const base = { kind: "scope", text, findings, notes: [] };
  if (findings.some((finding) => finding.severity === "error")) return base;
  const scope = parseScope(text, checked.group);
  const canonical = scope.dialect === "orbit" ? orbitText(scope.generators, canonicalOrbits(core, scope.group, scope.orbits)) : text;
  return { ...base, ...describe(core, text, scope, scope.orbits), canonical };
}

function analyseCrystal(core, { kind, crystal, notes }, symprec) {
  if (!(symprec > 0 && symprec < 10)) throw new StructureError("S301", "the tolerance must be a length between 0 and 10 Å");
  const symmetry = solve(core, crystal, symprec), group = GROUPS[symmetry.group - 1];
  const found = foundOrbits(group, crystal, symmetry);
  const orbits = canonicalOrbits(core, group, found).map((orbit) => withSites(orbit, found[orbit.from], symmetry));
  const { text } = core.encodeStructure(crystal, symprec, BUDGET);
  const base = { kind, text, canonical: text, findings: [], notes };
  const described = describe(core, text, parseScope(text, symmetry.group), orbits);
  const cell = cellParameters(symmetry.lattice), drawing = drawingOf(crystal, symmetry, orbits);
  return { ...base, ...described, symmetry: { ...symmetry, cell }, drawing };
}

/** The cell given, with the orbit of each site: what picture.js draws. */
function drawingOf({ lattice: flat }, symmetry, orbits) {
  const number = new Map(orbits.map((orbit, index) => [orbit.head, index]));
  const sites = symmetry.orbits.map((head, i) => ({ place: symmetry.ideal.slice(3 * i, 3 * i + 3), orbit: number.get(head) }));
  const names = orbits.map((orbit) => `${contentText(orbit.parts)} ${orbit.symbol}`);
  return { lattice: [flat.slice(0, 3), flat.slice(3, 6), flat.slice(6, 9)], sites, names };
}

/** What the page says of a valid string. */
function describe(core, text, scope, orbits) {
  const positions = new Map(scope.group.wyckoff.map((position) => [position.letter, position]));
  const described = orbits.map((orbit) => {
    const { site, place } = positions.get(orbit.letter);
    return { ...orbit, site, place };
  });
  const tokens = { compact: tokensIfAny(core, text, "compact"), cloud: tokensIfAny(core, text, "cloud") };
  const composition = scope.dialect === "reduced" ? new Map(scope.fractions) : compositionOf(scope.orbits, scope.dialect);
  return { scope, orbits: described, composition, dialects: projections(scope), tokens };
}

/** Tokens of a text; none where the vocabulary lacks some of its words. */
function tokensIfAny(core, text, vocabulary) {
  try {
    return tokensOf(core, text, vocabulary);
  } catch (error) {
    if (!error.status) throw error;
    return [];
  }
}

function solve(core, crystal, symprec) {
  const n = crystal.labels.length;
  if (n === 0) throw new StructureError("S201", "the crystal has no atoms");
  if (n > MOST_SITES) throw new StructureError("S207", `the cell has ${n} atoms; this page takes up to ${MOST_SITES}`, COMMAND);
  try {
    return core.findSymmetry(crystal, symprec, BUDGET);
  } catch (error) {
    throw error.status ? refusal(error.status, crystal) : error;
  }
}

/** Why the core has no answer, in words. */
function refusal(status, crystal) {
  if (status === "contact") return contact(crystal);
  if (status === "too hard") {
    return new StructureError("S304", "the search for symmetry takes too many comparisons", "give the primitive cell, or a smaller tolerance");
  }
  if (status === "bad cell") {
    const words = "the unit cell has no volume, or a number in it is far too large";
    return new StructureError("S203", words, "its three vectors must be in Å and independent");
  }
  return new Error(`the core ended with '${status}'`);
}

function contact(crystal) {
  const { lattice: flat, positions, labels, species } = crystal;
  const lattice = [flat.slice(0, 3), flat.slice(3, 6), flat.slice(6, 9)];
  const places = labels.map((_, i) => positions.slice(3 * i, 3 * i + 3).map((x) => x - Math.floor(x)));
  const [pair] = pairsWithin(lattice, places, SHORTEST_CONTACT);
  if (!pair) return new StructureError("S206", "an atom is too close to its own periodic image", "the cell vectors must be in Å");
  const [first, second] = pair.map((i) => `${i + 1} (${species[labels[i]].text})`);
  const step = places[pair[0]].map((x, k) => x - places[pair[1]][k] - Math.round(x - places[pair[1]][k]));
  const distance = Math.hypot(...toCartesian(lattice, step)).toFixed(4);
  const hint = "at least 0.1 Å is wanted; alternatives at one place belong on one mixed site";
  return new StructureError("S206", `atoms ${first} and ${second} are ${distance} Å apart`, hint);
}

/** The orbits with the letters that the core found: [{letter, multiplicity, parts, head, count}]; head: the first of its count sites. */
function foundOrbits(group, crystal, symmetry) {
  const counts = new Map();
  for (const head of symmetry.orbits) counts.set(head, (counts.get(head) ?? 0) + 1);
  return [...counts].map(([head, count]) => {
    const { letter, multiplicity } = group.wyckoff[symmetry.letters[head]];
    return { letter, multiplicity, parts: crystal.species[crystal.labels[head]].parts, head, count };
  });
}

/** An orbit in canonical form with its sites in the cell given: how many, and the idealized place of the first. */
function withSites(orbit, { head, count }, symmetry) {
  const first = symmetry.ideal.slice(3 * head, 3 * head + 3).map((x) => x - Math.floor(x + 5e-7));
  return { ...orbit, head, first, count };
}

/** [element, amount] by electronegativity: the smallest whole numbers, or amounts for one atom of the rarest orbit, or fractions. */
export function formulaOf({ composition, scope, orbits }) {
  const counts = [...composition].sort((a, b) => ELEMENTS.get(a[0]).rank - ELEMENTS.get(b[0]).rank);
  if (scope.dialect === "reduced") return counts;
  const isWhole = counts.every(([, count]) => Math.abs(count - Math.round(count)) < 1e-6);
  const sizes = scope.dialect === "orbit" ? orbits.map((orbit) => orbit.multiplicity) : [1];
  const divisor = (isWhole ? counts.map(([, count]) => Math.round(count)) : sizes).reduce(gcd);
  return counts.map(([element, count]) => [element, Math.round((count / divisor) * 100) / 100]);
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
