// Findings, dialects and tokens of strings, by the modules of the page: node strings.mjs WASM < JSON list of texts > JSON list of answers.

import { readFileSync } from "node:fs";
import { Core } from "../../docs/playground/core.js";
import { describeIssues, pointAt } from "../../docs/playground/diagnostics.js";
import { canonicalOrbits, orbitText, parseScope, projections, tokensOf } from "../../docs/playground/scope.js";

const core = await Core.load(readFileSync(process.argv[2]));

function tokens(text, vocabulary) {
  try {
    return tokensOf(core, text, vocabulary);
  } catch (error) {
    if (!error.status) throw error;
    return error.status;
  }
}

function answer(text) {
  const checked = core.check(text), findings = describeIssues(text, checked);
  const answers = { findings, carets: findings.map((finding) => pointAt(text, finding)), cloud: tokens(text, "cloud") };
  if (findings.some((finding) => finding.severity === "error")) return answers;
  const scope = parseScope(text, checked.group), compact = tokens(text, "compact"), dialects = projections(scope);
  const isOrbit = scope.dialect === "orbit";
  const canonical = isOrbit ? orbitText(scope.generators, canonicalOrbits(core, scope.group, scope.orbits)) : null;
  return { ...answers, dialect: scope.dialect, group: checked.group, compact, dialects, canonical };
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(answer)));
