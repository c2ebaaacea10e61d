// The core as WebAssembly over crystals: JSON list of {lattice, positions, sites} > {seconds, texts}, the best of several passes.

import { readFileSync } from "node:fs";
import { Core } from "../../docs/playground/core.js";
import { buildCrystal } from "../../docs/playground/crystal.js";

const PASSES = 5;
const core = await Core.load(readFileSync(new URL("../../docs/playground/scope.wasm", import.meta.url)));
const crystals = JSON.parse(readFileSync(0, "utf8")).map((one) => buildCrystal(one.lattice, one.positions, one.sites));

let seconds = Infinity, texts = [];
for (let pass = 0; pass < PASSES; pass++) {
  const start = process.cpuUsage();
  texts = crystals.map((crystal) => core.encodeStructure(crystal, 1e-2).text);
  seconds = Math.min(seconds, process.cpuUsage(start).user / 1e6);
}
process.stdout.write(JSON.stringify({ seconds, texts }));
