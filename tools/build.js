// Bundles src/main.ts into dist/, one chunk per verb, so that a command loads only what it needs. A program that runs
// from dist/ meanwhile finds either build whole: new chunks come first, main.js is renamed over the old one, what is
// stale goes last.

import { build } from "esbuild";
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const main = join(dist, "main.js");
const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ["src/main.ts"],
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  packages: "bundle",
  chunkNames: "chunks/[name]-[hash]",
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: "warning",
  write: false,
});

mkdirSync(join(dist, "chunks"), { recursive: true });
const chunks = outputFiles.filter(({ path }) => path !== main);
for (const { path, contents } of chunks) writeWhole(path, contents);
writeWhole(main, outputFiles.find(({ path }) => path === main).contents);
chmodSync(main, 0o755);
const current = new Set(chunks.map(({ path }) => basename(path)));
for (const name of readdirSync(join(dist, "chunks"))) if (!current.has(name)) rmSync(join(dist, "chunks", name));

function writeWhole(path, contents) {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  writeFileSync(temporary, contents);
  renameSync(temporary, path);
}
