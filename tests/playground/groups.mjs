// The operations of all groups as triplets, from their generators: node groups.mjs > JSON.

import { groupOperations, GROUPS } from "../../docs/playground/groups.js";

process.stdout.write(JSON.stringify(GROUPS.map((group) => groupOperations(group).map(({ turn, shift }) => [...turn, ...shift.map((x) => (Math.round(24 * x) + 48) % 24)]))));
