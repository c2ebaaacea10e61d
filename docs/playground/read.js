// Text of any kind to what it is: a SCOPE string, or a crystal.

import { readCif } from "./cif.js";
import { StructureError } from "./errors.js";
import { readPoscar } from "./poscar.js";

const COMMAND = "the command line reads many formats: `cloudkit encode FILE`";
const OTHERS = [
  [/^\s*[[{]/, "JSON"],
  [/^\s*<\?xml|^\s*<modeling/, "XML"],
  [/^\s*\d+\s*\n.*Lattice=/i, "extended XYZ"],
  [/^\s*\d+\s*\n[^\n]*\n\s*[A-Z][a-z]?\s+-?\d/, "XYZ"],
];

/** "scope", "cif" or "poscar". Throws S103 for text that is none of these. */
function kindOf(text) {
  if (/^\s*data_\S*\s|^\s*loop_\s|^\s*_cell[_.]/im.test(text)) return "cif";
  const other = OTHERS.find(([pattern]) => pattern.test(text));
  if (other) throw new StructureError("S103", `this looks like ${other[1]}, which is not read here`, COMMAND);
  return /[\r\n]/.test(text.trim()) ? "poscar" : "scope";
}

/** {kind, crystal, notes} of a CIF or POSCAR, {kind, text} of a string. Throws StructureError. */
export function readInput(text) {
  const kind = kindOf(text);
  if (kind === "scope") return { kind, text: text.replace(/^[\r\n]+|[\r\n]+$/g, "") };
  return { kind, ...(kind === "cif" ? readCif(text) : readPoscar(text)) };
}
