// The verdict of ajv on tree vectors: reads {schema, trees} from standard input, prints a JSON list of booleans.
// tests/conformance/test_ajv.py compares it with Python's jsonschema. Node packages: `make ajv`.
import { readFileSync } from "node:fs";
import Ajv2020 from "ajv/dist/2020.js";

const { schema, trees } = JSON.parse(readFileSync(0, "utf8"));
const validate = new Ajv2020({ strict: false }).compile(schema);
console.log(JSON.stringify(trees.map((tree) => validate(tree))));
