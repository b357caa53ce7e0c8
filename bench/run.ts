// Runs the benchmarks named on the command line, or all: `npm run bench -- verify`. README.md keeps what they printed.

import { cpus } from "node:os";
import type { Subject } from "./measure.ts";

const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  start: async () => (await import("./start.ts")).subject,
  verify: async () => (await import("./verify.ts")).subject,
  log: async () => (await import("./log.ts")).subject,
  tuf: async () => (await import("./tuf/index.ts")).subject,
  "tuf-publish": async () => (await import("./tuf-publish.ts")).subject,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in subjects));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(", ")}; there are ${Object.keys(subjects).join(", ")}`);
  process.exit(2);
}
console.log(`node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown"}`);
for (const [name, load] of Object.entries(subjects)) {
  if (wanted.length === 0 || wanted.includes(name)) await (await load()).run();
}
