import assert from "node:assert/strict";
import { test } from "node:test";
import { Dice, mutate, newCounts, tryOne } from "./sigstore-mutations.ts";
import { ownSeeds } from "./sigstore-seeds.ts";

test("no mutation of a valid bundle is accepted unless it says the same", () => {
  const seed = Number(process.env["SEALWRIGHT_FUZZ_SEED"] ?? 20_261_123);
  const seeds = ownSeeds();
  const dice = new Dice(seed);
  const counts = newCounts();
  try {
    for (let count = 0; count < 3000; count++) {
      const one = dice.one(seeds);
      const other = dice.one(seeds);
      tryOne(one, other, mutate(one, other, dice), counts);
    }
  } catch (error) {
    throw new Error(`with seed ${seed}, mutation ${counts.tried}`, { cause: error });
  }
  // Most mutations touch something that counts; a verifier that refused all, or accepted all, would show here.
  assert.ok(counts.refused > 2000, JSON.stringify(counts));
  assert.ok(counts.same + counts.unsigned > 10, JSON.stringify(counts));
});
