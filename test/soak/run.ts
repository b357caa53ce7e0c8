// Long runs: `npm run soak -- tuf [--seed N] [--publishes N] [--rotations N]`. Not a part of the tests: what a busy machine does to it must not decide them.

import { parseArgs } from "node:util";
import { soak } from "./tuf.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, publishes: { type: "string" }, rotations: { type: "string" } },
});
if (positionals.length !== 1 || positionals[0] !== "tuf") {
  console.error("usage: npm run soak -- tuf [--seed N] [--publishes N] [--rotations N]");
  process.exit(2);
}
const held = await soak(
  {
    publishes: Number(values.publishes ?? 500),
    rotations: Number(values.rotations ?? 20),
    rootRotations: 3,
    rebins: [16, 64],
    seed: Number(values.seed ?? Math.floor(Date.now() / 1000)),
  },
  (line) => console.log(line),
);
process.exit(held ? 0 : 1);
