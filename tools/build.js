// Bundles src/main.ts and src/git-x509.ts into dist/, one chunk per verb, so that a command loads only what it needs. A program that runs
// from dist/ meanwhile finds either build whole: new chunks come first, the programs are renamed over the old ones, what is
// stale goes last. Into build/ goes what only tests start: the clients of the conformance suites.

import { build } from "esbuild";
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const programs = ["main.js", "git-x509.js"].map((name) => join(dist, name));
const common = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  packages: "bundle",
  // Native code, and optional: see src/io/sqlite.ts.
  external: ["@photostructure/sqlite"],
  chunkNames: "chunks/[name]-[hash]",
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: "warning",
};
const entryPoints = ["src/main.ts", "src/git-x509.ts"];
const { outputFiles } = await build({ ...common, entryPoints, outdir: "dist", write: false });
const clients = ["tuf-client", "sigstore-client"].map((name) => `test/conformance/${name}.ts`);
await build({ ...common, entryPoints: clients, outdir: "build/conformance" });

mkdirSync(join(dist, "chunks"), { recursive: true });
const chunks = outputFiles.filter(({ path }) => !programs.includes(path));
for (const { path, contents } of chunks) writeWhole(path, contents);
for (const program of programs) {
  writeWhole(program, outputFiles.find(({ path }) => path === program).contents);
  chmodSync(program, 0o755);
}
const current = new Set(chunks.map(({ path }) => basename(path)));
for (const name of readdirSync(join(dist, "chunks"))) if (!current.has(name)) rmSync(join(dist, "chunks", name));

function writeWhole(path, contents) {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  writeFileSync(temporary, contents);
  renameSync(temporary, path);
}
