// The strings of structures, as the page shows them: node encode.mjs WASM < JSON list of texts > JSON list of strings or "code: message".

import { readFileSync } from "node:fs";
import { analyse } from "../../docs/playground/analysis.js";
import { Core } from "../../docs/playground/core.js";
import { orbitText } from "../../docs/playground/scope.js";

const core = await Core.load(readFileSync(process.argv[2]));

function encode(given) {
  try {
    const { kind, text, scope, orbits } = analyse(core, given, 1e-2);
    const shown = kind === "scope" ? text : orbitText(scope.generators, orbits);
    return shown === text ? text : `the table says ${shown}, the string ${text}`;
  } catch (error) {
    if (!error.code) throw error;
    return `${error.code}: ${error.message}`;
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(encode)));
