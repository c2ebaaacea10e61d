// The elements: symbols as files write them, and what sits on a site as a SCOPE string writes it.

import { ELEMENT_ROWS } from "./tables.js";
import { StructureError } from "./errors.js";

/** Symbol to {number, name, rank}; the rank orders elements in strings: by electronegativity, then symbol. */
export const ELEMENTS = new Map(
  ELEMENT_ROWS.map(([symbol, name, rank], index) => [symbol, { number: index + 1, name, rank }]),
);
const LAST_COMMON = 96; // NH3 and NO3 in capitals are not nihonium and nobelium
const ISOTOPES = ["D", "T"];

export const isElement = (symbol) => ELEMENTS.has(symbol) || ISOTOPES.includes(symbol);

const capitalized = (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase();

/** The element of "Fe", "FE1", "Fe3+" or "D", which is hydrogen. Throws S107. */
export function readSymbol(text) {
  const match = /^([A-Za-z]{1,2})(?![A-Za-z])/.exec(text.trim());
  const symbol = match ? capitalized(match[1]) : "";
  if (!isElement(symbol) || !(match[1].length === 1 || /[a-z]$/.test(match[1]) || isCommon(symbol))) {
    throw new StructureError("S107", `'${text}' is not a chemical element`, "write the symbol of one element, such as Na or Cl");
  }
  return ISOTOPES.includes(symbol) ? "H" : symbol;
}

const isCommon = (symbol) => (ELEMENTS.get(symbol)?.number ?? 1) <= LAST_COMMON;

/**
 * The species of a site as the core takes it: {parts, text, occupancy}.
 * parts: [symbol, occupancy] pairs. Occupancies have two decimals in the text; a full site of one element has none.
 */
export function describeSpecies(parts) {
  const total = new Map();
  for (const [symbol, share] of parts) total.set(symbol, (total.get(symbol) ?? 0) + share);
  const exact = [...total].map(([symbol, share]) => [symbol, Math.abs(share - 1) < 1e-8 ? 1 : share]);
  const occupancy = exact.reduce((sum, [, share]) => sum + share, 0);
  const rounded = exact.map(([symbol, share]) => [symbol, roundHalfEven(share * 100) / 100]);
  rounded.sort((a, b) => ELEMENTS.get(a[0]).rank - ELEMENTS.get(b[0]).rank);
  return { parts: rounded, text: speciesText(rounded), occupancy };
}

/** Add to each species its rank: the order of (ranks of the elements, occupancies), as clause 6.1 of the standard has it. */
export function rankSpecies(species) {
  const key = (one) => [one.parts.map(([symbol]) => ELEMENTS.get(symbol).rank), one.parts.map(([, share]) => share)];
  const keys = new Map(species.map((one) => [one.text, key(one)]));
  const sorted = [...keys.keys()].sort((a, b) => compareKeys(keys.get(a), keys.get(b)));
  const ranks = new Map(sorted.map((text, rank) => [text, rank]));
  return species.map((one) => ({ ...one, rank: ranks.get(one.text) }));
}

function compareKeys(a, b) {
  return compareLists(a[0], b[0]) || compareLists(a[1], b[1]);
}

function compareLists(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function speciesText(parts) {
  if (parts.length === 1 && parts[0][1] === 1) return parts[0][0];
  return parts.map(([symbol, share]) => `${symbol} ${fractionText(share)}`).join(" ");
}

/** A fraction with one or two decimals: 1.0, 0.5, 0.33. */
export const fractionText = (value) => (Number.isInteger(value) ? value.toFixed(1) : String(value));

/** The nearest whole number; halves go to the even one, as NumPy rounds. */
export function roundHalfEven(x) {
  const floor = Math.floor(x), rest = x - floor;
  if (rest === 0.5) return floor + (floor % 2 === 0 ? 0 : 1);
  return rest < 0.5 ? floor : floor + 1;
}
