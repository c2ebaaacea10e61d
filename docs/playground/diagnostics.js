// What is wrong with a string: the findings of the core with the messages of cloudkit/scope/diagnostics.py, and carets under the place.

import { ELEMENTS } from "./elements.js";
import { GROUPS } from "./groups.js";
import { nearest } from "./nearest.js";

const EXPECTED = {
  generators: "expected generators, single characters separated by one space, then ' | '",
  orbits: "expected orbits such as 'Na 4a' or 'Fe 0.5 Ni 0.5 4a', or Wyckoff symbols such as 4a",
  symbols: "expected Wyckoff symbols such as 4a, then ' | ' and the composition",
  composition:
    "expected pairs of element and fraction (0.0 to 1.0, at most two decimals, no trailing zero), or one " +
    "species per site (Na, Na+, or Fe:0.5, Ni:0.5)",
};
const GENERATOR_TEXTS = GROUPS.map((group) => [...group.generators].join(" "));
const LONGEST_SHOWN = 60;

/** [{code, offset, length, message, hint, severity}] of the answer of Core.check; offsets in bytes. */
export function describeIssues(text, { group, issues }) {
  const bytes = new TextEncoder().encode(text), body = bytes.indexOf(124), composition = bytes.indexOf(124, body + 1);
  const isListed = body >= 0 && /^\d+$/.test(decode(bytes, body + 1, body + 3).trim());
  const partOf = (offset) => {
    if (body < 0 || offset <= body) return "generators";
    if (composition >= 0 && offset > composition) return "composition";
    return isListed ? "symbols" : "orbits";
  };
  return issues.map(({ code, offset, length }) => {
    const shown = decode(bytes, offset, offset + Math.min(length, LONGEST_SHOWN)) + (length > LONGEST_SHOWN ? "…" : "");
    const [message, hint] = explain(code, printable(shown), group, partOf(offset));
    const isWarning = code >= 400;
    return { code: `${isWarning ? "W" : "E"}${code}`, offset, length, message, hint, severity: isWarning ? "warning" : "error" };
  });
}

const decode = (bytes, start, end) => new TextDecoder().decode(bytes.slice(start, end));
const printable = (text) =>
  [...text].map((c) => (/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(c) ? `\\x${c.codePointAt(0).toString(16).padStart(2, "0")}` : c)).join("");

function explain(code, found, group, part) {
  switch (code) {
    case 101: return ["the string is empty", "a string looks like 'generators | orbits', e.g. '… | Na 4a Cl 4b'"];
    case 102: return ["extra space", "exactly one space separates two tokens; none at the start or end"];
    case 103: return [`unexpected token '${found}'`, EXPECTED[part]];
    case 104: return ["the string ends too early", EXPECTED[part]];
    case 201: return [`no space group has the generators '${found}'`, nearGenerators(found)];
    case 202: return [`unknown element '${found}'`, nearElements(found)];
    case 203: return unknownWyckoff(found, GROUPS[group - 1]);
    case 301: return [`the fractions of '${found}' do not sum to 1 within rounding`, "each may be off by 0.005"];
    case 302: return [`the occupancies of '${found}' sum to more than 1`, "each may be off by 0.005"];
    case 303: return [
      `position '${found}' of space group ${group} has no free parameter but is used for two orbits`,
      "it holds one orbit, with the same species on all its sites",
    ];
    case 304: return [`Wyckoff symbol '${found}' is listed twice`, "the reduced dialect lists each symbol once"];
    case 305: return [`element '${found}' is listed twice`, ""];
    case 306: return [`'${found}' is fully occupied by one element`, "write the element without 1.0"];
    case 307: return ["the numbers of species and of Wyckoff symbols differ", "the full dialect has one of each per site"];
    case 308: return [
      `the sites on '${found}' do not form whole orbits, given those on the other positions`,
      "a cell has as many sites of an orbit as its multiplicity times one ratio, the same for all orbits",
    ];
    case 401: return ["a fraction rounds to 0.0", "the element is present, with less than 0.005"];
    case 403: return [
      `'${found}' has signs that the published vocabulary reads as [UNK]`,
      "canonical strings have no oxidation states; the orbit dialect writes mixed sites as separate tokens",
    ];
  }
  throw new Error(`the core reported an unknown code ${code}`);
}

function nearGenerators(found) {
  const [near] = nearest(found, GENERATOR_TEXTS);
  return near ? `nearest: '${near}', space group ${GENERATOR_TEXTS.indexOf(near) + 1}` : "";
}

function nearElements(found) {
  const near = nearest(found, [...ELEMENTS.keys()], 3, 0.5);
  return near.length ? `did you mean ${near.join(" or ")}?` : "expected one of the 118 element symbols";
}

function unknownWyckoff(found, group) {
  const multiplicity = Number(found.slice(0, -1)), letter = found.slice(-1);
  const sameLetter = group.wyckoff.find((position) => position.letter === letter);
  const because = sameLetter ? `; letter ${letter} has multiplicity ${sameLetter.multiplicity}` : "";
  const same = group.wyckoff.filter((position) => position.multiplicity === multiplicity).map((position) => position.symbol);
  const hint = same.length
    ? `multiplicity ${multiplicity} in ${group.number}: ${same.join(", ")}`
    : `its letters: a to ${group.wyckoff.at(-1).letter}`;
  return [`no Wyckoff symbol '${found}' in space group ${group.number}${because}`, hint];
}

/** The text around the place of a finding, and carets under it, in at most `width` characters: [line, carets]. */
export function pointAt(text, { offset, length }, width = 72) {
  const bytes = new TextEncoder().encode(text);
  const at = [...decode(bytes, 0, offset)].length, span = [...decode(bytes, offset, offset + length)].length;
  const characters = [...text], start = Math.max(0, at - Math.floor(width / 2)), end = Math.min(characters.length, start + width);
  const lead = start ? "… " : "", tail = end < characters.length ? " …" : "";
  const carets = "^".repeat(Math.max(1, Math.min(span, end - at)));
  return [lead + characters.slice(start, end).join("") + tail, " ".repeat(lead.length + at - start) + carets];
}
