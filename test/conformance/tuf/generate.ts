// Makes the case folders beside this file anew: node --import tsx test/conformance/tuf/generate.ts
// What comes out is always the same; a change of a case shows in what it commits.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { advisoryCases } from "./advisories.ts";
import { attackCases } from "./attacks.ts";
import { delegationCases } from "./delegations.ts";
import { formatCases } from "./formats.ts";

const cases = { ...attackCases, ...advisoryCases, ...delegationCases, ...formatCases };

for (const entry of readdirSync(import.meta.dirname, { withFileTypes: true })) {
  if (entry.isDirectory()) rmSync(join(import.meta.dirname, entry.name), { recursive: true });
}
for (const [name, make] of Object.entries(cases)) (await make()).write(join(import.meta.dirname, name));
console.log(`${Object.keys(cases).length} cases`);
