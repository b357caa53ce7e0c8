// Lockfiles to dependencies. Which format it is, is said by the file's name alone, never guessed from its content.

import { compareCodePoints, Problem } from "../core/index.ts";
import { parseGradleLockfile } from "./lockfile-gradle.ts";
import { parsePackageLock } from "./lockfile-npm.ts";
import { limits, type Dependency } from "./model.ts";

const formats: ReadonlyMap<string, (bytes: Uint8Array) => readonly Dependency[]> = new Map([
  ["package-lock.json", parsePackageLock],
  ["npm-shrinkwrap.json", parsePackageLock],
  ["gradle.lockfile", parseGradleLockfile],
  ["buildscript-gradle.lockfile", parseGradleLockfile],
]);

/** The file names that `parseLockfile` reads. */
export const lockfileNames: readonly string[] = [...formats.keys()];

/**
 * Every package that the lockfile pins, each once, in the order of their package URLs.
 * `fileName` may be a path; its last part decides.
 * Problems: `packages/lockfile-unsupported`, `packages/lockfile-invalid`, `packages/lockfile-too-large`.
 */
export function parseLockfile(fileName: string, bytes: Uint8Array): readonly Dependency[] {
  const name = fileName.slice(Math.max(fileName.lastIndexOf("/"), fileName.lastIndexOf("\\")) + 1);
  const parse = formats.get(name);
  if (parse === undefined) {
    throw new Problem(
      "packages/lockfile-unsupported",
      `lockfile ${JSON.stringify(name.slice(0, 80))} is not supported`,
      {
        hint: `supported are ${lockfileNames.join(", ")}`,
      },
    );
  }
  if (bytes.length > limits.lockfileBytes) {
    throw new Problem("packages/lockfile-too-large", `${name} is over the limit of ${limits.lockfileBytes} bytes`);
  }
  return once(parse(bytes));
}

/** One package may stand at several places of a tree; it is for development alone only if it is so at all of them. */
function once(all: readonly Dependency[]): readonly Dependency[] {
  const byKey = new Map<string, Dependency>();
  for (const each of all) {
    const key = `${each.purl} ${each.name} ${each.integrity ?? ""}`;
    const known = byKey.get(key);
    if (known === undefined || (known.dev === true && each.dev !== true)) byKey.set(key, each);
  }
  return [...byKey.entries()].sort(([a], [b]) => compareCodePoints(a, b)).map(([, each]) => each);
}
