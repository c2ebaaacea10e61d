// The strings of structures, by the modules of the page: node encode.mjs WASM < JSON list of texts > JSON list of strings or errors.

import { readFileSync } from "node:fs";
import { Core } from "../../docs/playground/core.js";
import { readInput } from "../../docs/playground/read.js";

const core = await Core.load(readFileSync(process.argv[2]));

function encode(text) {
  try {
    const { crystal } = readInput(text);
    return crystal ? core.encodeStructure(crystal, 1e-2).text : "a string";
  } catch (error) {
    if (!error.code && !error.status) throw error;
    return `${error.code ?? error.status}: ${error.message}`;
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(encode)));
