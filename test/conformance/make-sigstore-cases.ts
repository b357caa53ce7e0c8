// Makes the folders of test/conformance/sigstore anew, with fresh keys: node --import tsx THIS_FILE
// Each case is checked as it is written, so that what is committed is what the verifier says today.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { casesFolder, formsOf, outcomeOf, readDescription } from "./sigstore-case.ts";
import { certificateCases } from "./sigstore-cases-certificate.ts";
import { contentCases } from "./sigstore-cases-content.ts";
import { logCases } from "./sigstore-cases-log.ts";
import { passing } from "./sigstore-cases-pass.ts";
import { artifact, filesOf, rootBytes, world } from "./sigstore-workshop.ts";

rmSync(casesFolder, { recursive: true, force: true });
mkdirSync(casesFolder, { recursive: true });
writeFileSync(join(casesFolder, "artifact"), artifact);
writeFileSync(join(casesFolder, "trusted_root.json"), rootBytes(world.root));
let wrong = 0;
const names = new Set<string>();
for (const each of [...passing, ...(await contentCases()), ...(await logCases()), ...(await certificateCases())]) {
  if (names.has(each.name)) throw new Error(`${each.name} is there twice`);
  names.add(each.name);
  const folder = join(casesFolder, each.name);
  mkdirSync(folder);
  for (const [name, bytes] of filesOf(each)) writeFileSync(join(folder, name), bytes);
  const description = readDescription(folder);
  for (const form of formsOf(description)) {
    const outcome = outcomeOf(folder, description, form);
    if (outcome === (description.problem ?? "verified")) continue;
    wrong++;
    console.log(`${each.name} by ${form}: ${outcome}, not ${description.problem ?? "verified"}`);
  }
}
console.log(`${names.size} cases, ${wrong} that do not end as they say`);
process.exitCode = wrong === 0 ? 0 : 1;
