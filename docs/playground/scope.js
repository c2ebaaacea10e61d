// A valid SCOPE string to its parts, its canonical form, its other dialects and its tokens.

import { ELEMENTS, fractionText, rankSpecies, roundHalfEven } from "./elements.js";
import { GROUPS, LATTICE_POINTS, LETTERS } from "./groups.js";
import { CLOUD_TOKENS } from "./tables.js";

const WYCKOFF = /^\d+[a-zA]$/, NUMBER = /^\d\.\d+$/;

/**
 * {dialect, group, generators, orbits, fractions} of a valid string. orbits: [{symbol, letter, multiplicity, parts}]; parts:
 * [element, occupancy] pairs, null in the dialect "reduced", whose composition is in fractions.
 */
export function parseScope(text, group) {
  const [generators, first, second] = text.split(" | "), words = first.split(" ");
  const base = { group: GROUPS[group - 1], generators, fractions: [] };
  if (second === undefined) return { ...base, dialect: "orbit", orbits: readOrbits(words) };
  const listed = second.split(" ");
  if (listed.length > 1 && NUMBER.test(listed[1])) {
    return { ...base, dialect: "reduced", orbits: words.map((symbol) => orbitOf(symbol, null)), fractions: readPairs(listed) };
  }
  const sites = second.split(/(?<!,) /);
  return { ...base, dialect: "full", orbits: words.map((symbol, i) => orbitOf(symbol, readSite(sites[i]))) };
}

const orbitOf = (symbol, parts) => ({ symbol, letter: symbol.slice(-1), multiplicity: Number(symbol.slice(0, -1)), parts });

function readOrbits(words) {
  const orbits = [];
  let waiting = [];
  for (const word of words) {
    if (!WYCKOFF.test(word)) waiting.push(word);
    else {
      orbits.push(orbitOf(word, waiting.length === 1 ? [[waiting[0], 1]] : readPairs(waiting)));
      waiting = [];
    }
  }
  return orbits;
}

const readPairs = (words) => words.filter((_, i) => i % 2 === 0).map((element, i) => [element, Number(words[2 * i + 1])]);

/** "Na", "Na+" or "Fe3+:0.5, Ni:0.25"; oxidation states are left out. */
function readSite(text) {
  return text.split(", ").map((part) => {
    const [name, share] = part.split(":");
    return [/^[A-Z][a-z]?/.exec(name)[0], share === undefined ? 1 : Number(share)];
  });
}

/** The species of an orbit as the dialect "orbit" writes them. */
export function contentText(parts) {
  if (parts.length === 1 && parts[0][1] === 1) return parts[0][0];
  return parts.map(([element, share]) => `${element} ${fractionText(share)}`).join(" ");
}

/** The orbits in canonical order with canonical letters, each with `from`, its index in the input. */
export function canonicalOrbits(core, group, orbits) {
  const described = orbits.map((orbit, from) => {
    const parts = [...orbit.parts].sort((a, b) => ELEMENTS.get(a[0]).rank - ELEMENTS.get(b[0]).rank);
    return { letter: LETTERS.indexOf(orbit.letter), multiplicity: orbit.multiplicity, parts, text: contentText(parts), from };
  });
  const ranked = rankSpecies(described).sort((a, b) => a.letter - b.letter || a.rank - b.rank);
  const { letters, order } = core.canonical(group.number, ranked.map((one) => one.letter), ranked.map((one) => one.rank));
  return order.map((place, k) => {
    const { multiplicity, parts, from } = ranked[place];
    return { ...orbitOf(`${multiplicity}${LETTERS[letters[k]]}`, parts), from };
  });
}

export const orbitText = (generators, orbits) =>
  `${generators} | ${orbits.map((orbit) => `${contentText(orbit.parts)} ${orbit.symbol}`).join(" ")}`;

/** The string in the dialects that hold less: {full, reduced}, {reduced} or {}. */
export function projections(scope) {
  if (scope.dialect === "reduced") return {};
  const reduced = { reduced: reducedText(scope) };
  return scope.dialect === "full" ? reduced : { full: fullText(scope), ...reduced };
}

/** The sites of the primitive cell, orbit by orbit (clause 6.5). */
function fullText({ generators, group, orbits }) {
  const points = LATTICE_POINTS[group.centring];
  const sites = orbits.flatMap((orbit) => Array(orbit.multiplicity / points).fill(orbit));
  return [generators, sites.map((site) => site.symbol).join(" "), sites.map((site) => siteText(site.parts)).join(" ")].join(" | ");
}

function siteText(parts) {
  if (parts.length === 1 && parts[0][1] === 1) return parts[0][0];
  return parts.map(([element, share]) => `${element}:${fractionText(Number(share.toFixed(6)))}`).join(", ");
}

/** Each position once, and the fraction of each element of all atoms (clauses 5.7, 6.4). */
function reducedText({ generators, dialect, orbits }) {
  const symbols = new Map(orbits.map((orbit) => [orbit.symbol, LETTERS.indexOf(orbit.letter)]));
  const sorted = [...symbols].sort((a, b) => a[1] - b[1]).map(([symbol]) => symbol);
  const counts = compositionOf(orbits, dialect), whole = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const elements = [...counts].sort((a, b) => ELEMENTS.get(a[0]).rank - ELEMENTS.get(b[0]).rank);
  const shares = elements.map(([element, count]) => `${element} ${fractionText(roundHalfEven((count / whole) * 100) / 100)}`);
  return [generators, sorted.join(" "), shares.join(" ")].join(" | ");
}

/** Atoms of each element: in the conventional cell, or on the listed sites of the dialect "full". */
export function compositionOf(orbits, dialect) {
  const counts = new Map();
  for (const { parts, multiplicity } of orbits) {
    for (const [element, share] of parts) {
      counts.set(element, (counts.get(element) ?? 0) + share * (dialect === "orbit" ? multiplicity : 1));
    }
  }
  return counts;
}

/** The tokens of a text in a vocabulary: [{id, text}]; words is the text of each compact id. */
export function tokensOf(core, text, vocabulary) {
  return core.encode(text, vocabulary).map((id) => ({ id, text: vocabulary === "cloud" ? CLOUD_TOKENS[id] : compactToken(id) }));
}

// The compact vocabulary: marks, bar, groups, Wyckoff symbols, elements, fractions (spec/vocab/compact.txt).
const MARKS = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", "|"];
const SYMBOLS = [...new Set(GROUPS.flatMap((group) => group.wyckoff.map((position) => position.symbol)))].sort(
  (a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || LETTERS.indexOf(a.slice(-1)) - LETTERS.indexOf(b.slice(-1)),
);
const COMPACT_TOKENS = [
  ...MARKS,
  ...GROUPS.map((group) => `sg:${group.number}`),
  ...SYMBOLS,
  ...ELEMENTS.keys(),
  ...Array.from({ length: 101 }, (_, i) => fractionText(i / 100)),
];
const compactToken = (id) => COMPACT_TOKENS[id];
