// Bundles src/main.ts into dist/, one chunk per verb, so that a command loads only what it needs.

import { build } from "esbuild";
import { chmodSync, cpSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
rmSync(join(root, "dist"), { recursive: true, force: true });
await build({
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
});
chmodSync(join(root, "dist", "main.js"), 0o755);
cpSync(join(root, "data"), join(root, "dist", "data"), { recursive: true });
