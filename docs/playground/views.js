// What the page shows of an analysis: one function for each part.

import { formulaOf } from "./analysis.js";
import { pointAt } from "./diagnostics.js";
import { copyButton, fold, h, table } from "./dom.js";
import { ELEMENTS, fractionText } from "./elements.js";
import { readGenerators } from "./groups.js";
import { tripletText } from "./operations.js";
import { colourOf, drawCell } from "./picture.js";
import { contentText } from "./scope.js";

const EXPLAINED = {
  generators: () => "the space group, by its generators",
  element: (dialect) => ({ orbit: "the element on each orbit", full: "the species of each site", reduced: "the elements" })[dialect],
  fraction: (dialect) => (dialect === "orbit" ? "its occupancy on a mixed or partially occupied site" : "its fraction of all atoms"),
  wyckoff: () => "the Wyckoff position: its multiplicity in the conventional cell, and its letter",
};
const MOST_ROWS = 200, MOST_TOKENS = 500, LONGEST_COLOURED = 6_000; // more would take the browser long to lay out
const WRONG_LABELS = { 39: 21, 131: 130 }; // clause 3.3 of the standard

/** Everything below the status line. */
export function show(analysis, say) {
  const { findings, scope } = analysis;
  if (!scope) return [findingsList(analysis)];
  return [
    headline(analysis),
    stringBox(analysis, say),
    findings.length > 0 && findingsList(analysis),
    canonicalNote(analysis, say),
    notesList(analysis.notes),
    orbitsTable(analysis),
    fold("How to read the generators", generatorsList(scope)),
    fold("Tokens", tokenParts(analysis.tokens)),
    fold("Other dialects", dialectParts(analysis, say)),
    analysis.symmetry && fold("Cell and tolerance", cellList(analysis.symmetry)),
  ].filter(Boolean);
}

/** One sentence for the status line, which screen readers announce. */
export function summary(analysis) {
  const { findings, scope, orbits } = analysis;
  const errors = findings.filter((finding) => finding.severity === "error").length;
  if (errors) return `Not valid: ${errors} ${errors === 1 ? "error" : "errors"} in the string.`;
  const what = analysis.kind === "scope" ? `A valid string of the dialect ${scope.dialect}` : `${analysis.kind.toUpperCase()} read`;
  const orbitCount = scope.dialect === "orbit" ? `, ${orbits.length} ${orbits.length === 1 ? "orbit" : "orbits"}` : "";
  return `${what}: ${formulaText(analysis)}, space group ${scope.group.number}, ${scope.group.symbol}${orbitCount}.`;
}

const formulaText = (analysis) => formulaOf(analysis).map(([element, count]) => element + (count === 1 ? "" : count)).join("");

function headline(analysis) {
  const { scope, orbits } = analysis, amount = (count) => count !== 1 && h("sub", {}, String(count));
  const formula = formulaOf(analysis).map(([element, count]) => h("span", { class: "pg-part" }, element, amount(count)));
  const atoms = scope.dialect === "orbit" ? orbits.reduce((sum, orbit) => sum + orbit.multiplicity, 0) : 0;
  return h("div", { class: "pg-head" }, h("div", {},
    h("p", { class: "pg-formula" }, formula),
    h("p", { class: "pg-group" },
      h("span", { class: "pg-symbol" }, groupSymbol(scope.group.written)), ` space group ${scope.group.number}, ${scope.group.system}`,
      atoms > 0 && `, ${atoms} ${atoms === 1 ? "atom" : "atoms"} in the conventional cell`)),
  analysis.drawing && drawCell(analysis.drawing));
}

/** "P4_2/mnm" with the screw axis as a subscript. */
const groupSymbol = (written) => written.split(/_(\d)/).map((part, i) => (i % 2 ? h("sub", {}, part) : part));

function stringBox({ text, scope }, say) {
  const kinds = new Set(), [generators, ...others] = text.split(" | ");
  const part = (kind, words) => (kinds.add(kind), h("span", { class: `pg-${kind}` }, words));
  const bar = () => h("span", { class: "pg-bar" }, " | ");
  const words = () => others.map((body) => [bar(), spaced(body.split(" ").map((word) => part(kindOf(word), word)))]);
  const parts = text.length > LONGEST_COLOURED ? text : [part("generators", generators), words()];
  const code = h("code", { class: "pg-string", id: "pg-string" }, parts);
  const legend = Object.entries(EXPLAINED).filter(([kind]) => kinds.has(kind)).map(([kind, meaning]) =>
    h("li", {}, h("span", { class: `pg-${kind}` }, kind === "wyckoff" ? "Wyckoff" : kind), ` ${meaning(scope.dialect)}`));
  return h("section", { "aria-labelledby": "pg-string-title" },
    h("div", { class: "pg-title" },
      h("h3", { id: "pg-string-title" }, `SCOPE string, dialect ${scope.dialect}`), copyButton(text, "the string", say)),
    h("div", { class: "pg-box" }, code), h("ul", { class: "pg-legend" }, legend));
}

const spaced = (parts) => parts.flatMap((part, i) => (i ? [" ", part] : [part]));

function kindOf(word) {
  if (/^\d+[a-zA]$/.test(word)) return "wyckoff";
  return /^\d\.\d+$/.test(word) ? "fraction" : "element";
}

function findingsList({ text, findings }) {
  const width = window.matchMedia("(max-width: 600px)").matches ? 34 : 72;
  return h("ul", { class: "pg-findings", "aria-label": "Findings" }, findings.map((finding) => {
    const [line, carets] = pointAt(text, finding, width);
    return h("li", { class: `pg-${finding.severity}` },
      h("p", {}, h("strong", {}, `${finding.code}: ${finding.message}`), ` at byte ${finding.offset}`),
      h("pre", {}, h("span", {}, `${line}\n`), h("span", { class: "pg-carets", "aria-hidden": "true" }, carets)),
      finding.hint && h("p", { class: "pg-hint" }, `Hint: ${finding.hint}`));
  }));
}

function canonicalNote({ text, canonical }, say) {
  if (text === canonical) return null;
  return h("div", { class: "pg-note" },
    h("p", {}, "The string is valid, but another order or other letters describe the same crystal. The canonical form is the same for every description:"),
    h("p", {}, h("code", {}, canonical), " ", copyButton(canonical, "the canonical string", say)));
}

function notesList(notes) {
  return notes.length > 0 && h("ul", { class: "pg-note", "aria-label": "Notes" }, notes.map((note) => h("li", {}, `Note: ${note}.`)));
}

function orbitsTable({ scope, orbits, symmetry }) {
  if (scope.dialect === "full") return sitesTable(scope, orbits);
  const heads = ["Orbit", "Wyckoff", "Site symmetry", "Atoms", "First point"].filter((_, i) => scope.dialect === "orbit" || i);
  const dot = (index) => symmetry && h("span", { class: "pg-dot", style: `background: ${colourOf(index)}` });
  const rows = orbits.slice(0, MOST_ROWS).map((orbit, index) => [
    ...(scope.dialect === "orbit" ? [[dot(index), elementNames(orbit.parts)]] : []),
    h("code", {}, orbit.symbol), orbit.site, String(orbit.multiplicity), h("code", {}, orbit.place.replaceAll(",", ", ")),
    ...(symmetry ? [placesCell(orbit)] : []),
  ]);
  const place = symmetry ? ["In your cell"] : [];
  const shown = orbits.length > MOST_ROWS ? `, the first ${MOST_ROWS} of ${orbits.length}` : "";
  return table(`${scope.dialect === "orbit" ? "Orbits" : "Positions"}${shown}`, [...heads, ...place], rows);
}

function placesCell({ first, count }) {
  return [h("code", {}, first.map(coordinate).join(" ")), count > 1 && h("span", { class: "pg-more" }, ` and ${count - 1} more`)];
}

/** A full string lists sites; equal ones are counted. */
function sitesTable(scope, orbits) {
  const counts = new Map();
  for (const orbit of orbits) {
    const key = `${contentText(orbit.parts)} ${orbit.symbol}`;
    counts.set(key, { orbit, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  const rows = [...counts.values()].map(({ orbit: { parts, symbol, site, place }, count }) =>
    [elementNames(parts), h("code", {}, symbol), site, String(count), h("code", {}, place.replaceAll(",", ", "))]);
  return table("Sites", ["Site", "Wyckoff", "Site symmetry", "Listed", "First point"], rows);
}

function elementNames(parts) {
  const name = ([element]) => h("abbr", { title: ELEMENTS.get(element).name }, element);
  if (parts.length === 1 && parts[0][1] === 1) return name(parts[0]);
  return spaced(parts.map((part) => h("span", { class: "pg-part" }, name(part), ` ${fractionText(part[1])}`)));
}

/** A fractional coordinate with four decimals, without zeros at its end. */
const coordinate = (x) => (Math.abs(x) < 5e-5 ? "0" : x.toFixed(4).replace(/\.?0+$/, ""));

function generatorsList({ group }) {
  const { blocks, origin } = readGenerators(group.generators), count = group.generators[1];
  const items = [
    [group.generators[0], `inversion is ${group.generators[0] === "1" ? "" : "not "}a generator`],
    [count, `${count === "0" ? "no" : count} ${count === "1" ? "block follows" : "blocks follow"}: a matrix letter and three translation letters`],
    ...blocks.filter((block) => block.text !== "1").map((block) => [[...block.text].join(" "), tripletText(block.operation)]),
    origin.some((x) => x)
      ? [[...group.generators.slice(-4)].join(" "), "the origin is shifted; the operations above include it"]
      : ["0", "the origin is not shifted"],
  ];
  const wrong = WRONG_LABELS[group.number];
  return [
    h("dl", { class: "pg-pairs" }, items.map(([text, meaning]) => [h("dt", {}, h("code", { class: "pg-generators" }, text)), h("dd", {}, meaning)])),
    wrong && h("p", {}, `The published label of group ${group.number} generates group ${wrong}; it is kept as a label.`),
  ];
}

function tokenParts({ compact, cloud }) {
  const rest = (tokens) => tokens.length > MOST_TOKENS && h("li", {}, `and ${tokens.length - MOST_TOKENS} more`);
  const chip = ({ id, text }) => h("li", {}, h("code", {}, text), " ", h("small", {}, String(id)));
  const chips = (tokens) => h("ol", { class: "pg-tokens" }, tokens.slice(0, MOST_TOKENS).map(chip), rest(tokens));
  const part = (title, tokens, none) =>
    tokens.length ? [h("h4", {}, `${title}: ${tokens.length} tokens`), chips(tokens)] : [h("h4", {}, title), h("p", {}, none)];
  return [
    part("Compact vocabulary, one token per symbol", compact, "The string has a word that this vocabulary lacks."),
    part("Published vocabulary (CLOUD), 564 tokens", cloud, "The string has a character that this vocabulary lacks."),
  ];
}

function dialectParts({ scope, dialects }, say) {
  const names = { full: "full: every site of the primitive cell", reduced: "reduced: positions and composition, without their pairing" };
  const found = Object.entries(dialects);
  if (!found.length) return h("p", {}, `The dialect ${scope.dialect} has the least information: it cannot be converted to another one.`);
  return found.map(([name, text]) => [
    h("div", { class: "pg-title" }, h("h4", {}, names[name]), copyButton(text, `the ${name} string`, say)),
    h("div", { class: "pg-box" }, h("code", { class: "pg-string" }, text)),
  ]);
}

function cellList({ cell, symprec, distance, orbits }) {
  const length = (x) => `${x.toFixed(4)} Å`, angle = (x) => `${x.toFixed(2)}°`, least = distance < 1e-6 ? "almost 0" : length(distance);
  const pairs = [
    ["Conventional cell", `a ${length(cell.a)}, b ${length(cell.b)}, c ${length(cell.c)}`],
    ["Its angles", `α ${angle(cell.alpha)}, β ${angle(cell.beta)}, γ ${angle(cell.gamma)}`],
    ["Its volume", `${cell.volume.toFixed(2)} Å³`],
    ["Atoms in the input cell", String(orbits.length)],
    ["Same string for", `tolerances from ${least} to ${length(symprec)}: the operations move no atom by more than the first`],
  ];
  return h("dl", { class: "pg-pairs" }, pairs.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** A structure that has no string. */
export function showError(error) {
  return h("div", { class: "pg-findings" }, h("div", { class: "pg-error" },
    h("p", {}, h("strong", {}, `${error.code}: ${error.message}`)), error.hint && h("p", { class: "pg-hint" }, `Hint: ${error.hint}`)));
}
