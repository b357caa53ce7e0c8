// gradle.lockfile (docs.gradle.org, "Locking versions", the one-file format): lines of
// `group:artifact:version=configuration,...`, and `empty=` with the configurations that hold nothing.

import { fromUtf8, Problem } from "../core/index.ts";
import { limits, type Dependency } from "./model.ts";
import { packageUrl } from "./purl.ts";

const code = "packages/lockfile-invalid";
const part = "[^\\s:=,/@\\\\]+";
const line = new RegExp(`^(${part}):(${part}):(${part})=[^\\s=]+$`);

/** Problem `packages/lockfile-invalid`; a file that says nothing at all is refused, not read as "no dependencies". */
export function parseGradleLockfile(bytes: Uint8Array): readonly Dependency[] {
  const lines = text(bytes)
    .split(/\r?\n/)
    .filter((each) => each !== "" && !each.startsWith("#"));
  if (lines.length === 0) throw new Problem(code, "lockfile is empty");
  if (lines.length > limits.lockfilePackages) {
    throw new Problem("packages/lockfile-too-large", `lockfile has more than ${limits.lockfilePackages} packages`);
  }
  return lines.filter((each) => !each.startsWith("empty=")).map(dependency);
}

function text(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new Problem(code, "lockfile is not UTF-8", { cause });
  }
}

function dependency(entry: string): Dependency {
  const match = entry.length > 65_536 ? null : line.exec(entry);
  if (match === null) {
    throw new Problem(code, `lockfile holds a line that is not a lock: ${JSON.stringify(entry.slice(0, 80))}`);
  }
  const [, group, artifact, version] = match as unknown as [string, string, string, string];
  const name = `${group}:${artifact}`;
  return { ecosystem: "Maven", name, version, purl: packageUrl("Maven", name, version) };
}
