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

/** Lockfiles of other package managers: they say what is installed, and we cannot read what they say. */
const unreadable: ReadonlySet<string> = new Set([
  "yarn.lock",
  "pnpm-lock.yaml",
  "bun.lock",
  "bun.lockb",
  "deno.lock",
  "Cargo.lock",
  "go.sum",
  "poetry.lock",
  "Pipfile.lock",
  "uv.lock",
  "pdm.lock",
  "Gemfile.lock",
  "composer.lock",
  "packages.lock.json",
  "mix.lock",
  "pubspec.lock",
  "Podfile.lock",
  "Package.resolved",
]);

function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** True for the path of a lockfile that `parseLockfile` reads, in whatever folder. */
export function isLockfile(path: string): boolean {
  return formats.has(lastPart(path));
}

/** True for the path of a lockfile whose format is known to exist and is not read here. */
export function isUnreadableLockfile(path: string): boolean {
  return unreadable.has(lastPart(path));
}

/**
 * Every package that the lockfile pins, each once, in the order of their package URLs.
 * `fileName` may be a path; its last part decides.
 * Problems: `packages/lockfile-unsupported`, `packages/lockfile-invalid`, `packages/lockfile-too-large`.
 */
export function parseLockfile(fileName: string, bytes: Uint8Array): readonly Dependency[] {
  const name = lastPart(fileName);
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
