// The long run: node --import tsx test/fuzz/sigstore.ts SECONDS [SEED]. Prints its seed, then counts.

import { join } from "node:path";
import { Dice, mutate, newCounts, tryOne } from "./sigstore-mutations.ts";
import { ownSeeds, publicSeeds } from "./sigstore-seeds.ts";

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const vectors = process.env["SEALWRIGHT_VECTORS"] ?? join(import.meta.dirname, "..", "..", "..", "shared", "vectors");
const seeds = [...ownSeeds(), ...publicSeeds(vectors)];
console.log(`seed ${seed}, ${seeds.length} valid bundles, ${seconds} s`);
for (const each of seeds) each.verify(each.bytes);
const dice = new Dice(seed);
const counts = newCounts();
const endMs = Date.now() + seconds * 1000;
while (Date.now() < endMs) {
  const one = dice.one(seeds);
  const other = dice.one(seeds);
  tryOne(one, other, mutate(one, other, dice), counts);
}
console.log(JSON.stringify(counts));
