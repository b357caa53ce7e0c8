// Where the public test vectors lie: outside the repository, and never needed for the rest to pass.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const root =
  process.env["SEALWRIGHT_VECTORS"] ?? resolve(fileURLToPath(import.meta.url), "..", "..", "..", "shared", "vectors");

/** The folder of one set of vectors; skips the test, with the reason, and gives undefined where it is missing. */
export function vectors(t: TestContext, folder: string): string | undefined {
  const path = join(root, folder);
  if (existsSync(path)) return path;
  t.skip("skipped: vectors not found");
  return undefined;
}
