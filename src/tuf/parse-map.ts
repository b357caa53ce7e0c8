// TAP 4, the map file: which repositories there are, and how many of which must agree on a target. Bytes -> model.
// Stricter than the text: names that could not be a folder's everywhere are refused, and two that differ in case alone;
// a threshold that cannot be reached, a mapping without paths or repositories, and a repository without an address too.

import { Fields, isProblem, parseJson, Problem } from "../core/index.ts";

const code = "tuf/map-invalid";
const maxBytes = 1024 * 1024;
const maxDepth = 8;
const maxRepositories = 64;
const maxMirrors = 64;
const maxMappings = 1024;
const maxPatterns = 1024;

/** One part of the map: who is asked for the paths it covers. */
export interface Mapping {
  /** Patterns as in delegations: `*` does not cross a slash. */
  readonly paths: readonly string[];
  readonly repositories: readonly string[];
  /** How many of them must list the same length and hashes. */
  readonly threshold: number;
  /** True: no later mapping is asked, found or not. */
  readonly terminating: boolean;
}

export interface RepositoryMap {
  /** Base addresses by the repository's name, the preferred one first. */
  readonly repositories: ReadonlyMap<string, readonly string[]>;
  readonly mapping: readonly Mapping[];
}

/** Problem `tuf/map-invalid`. */
export function parseRepositoryMap(bytes: Uint8Array): RepositoryMap {
  try {
    const file = Fields.of(parseJson(bytes, { maxBytes, maxDepth, numbers: "integer" }), "map", code);
    file.only("repositories", "mapping");
    const repositories = readRepositories(file.object("repositories"));
    const mapping = file.objects("mapping", { max: maxMappings, min: 1 }, (each) => readMapping(each, repositories));
    return { repositories, mapping };
  } catch (cause) {
    if (!isProblem(cause) || cause.code === code) throw cause;
    throw new Problem(code, "the map file cannot be read", { cause });
  }
}

function readRepositories(fields: Fields): Map<string, readonly string[]> {
  const names = fields.names();
  if (names.length === 0 || names.length > maxRepositories)
    throw new Problem(code, `the map has none or more than ${maxRepositories} repositories`);
  for (const name of names) if (!isFolderName(name)) throw fields.problem(JSON.stringify(name), "cannot name a folder");
  if (new Set(names.map((name) => name.toLowerCase())).size !== names.length)
    throw new Problem(code, "two repositories of the map differ in case alone");
  const mirrors = (name: string): string[] => {
    const addresses = fields.strings(name, { max: maxMirrors, min: 1 });
    if (addresses.some((each) => each === "" || each.length > 2048)) throw fields.problem(name, "has an empty address");
    return addresses;
  };
  return new Map(names.map((name) => [name, mirrors(name)]));
}

/** A name that is a folder of that name on every system. */
function isFolderName(name: string): boolean {
  const isReserved = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name);
  return /^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/.test(name) && !isReserved;
}

function readMapping(fields: Fields, repositories: ReadonlyMap<string, unknown>): Mapping {
  fields.only("paths", "repositories", "threshold", "terminating");
  const paths = fields.strings("paths", { max: maxPatterns, min: 1 });
  const names = fields.strings("repositories", { max: maxRepositories, min: 1 });
  const unknown = names.find((name) => !repositories.has(name));
  if (unknown !== undefined) throw fields.problem("repositories", `names ${JSON.stringify(unknown)}, which is none`);
  if (new Set(names).size !== names.length) throw fields.problem("repositories", "holds one name twice");
  const threshold = fields.integer("threshold", { min: 1, max: names.length });
  return { paths, repositories: names, threshold, terminating: fields.boolean("terminating") };
}
