// TAP 4, multiple-repository consensus on entrusted targets: each repository is followed by itself, with its own root
// and its own store; a target is believed when a threshold of the repositories that its mapping names list it with the
// same length and hashes.

import { isProblem, Problem } from "../core/index.ts";
import type { TargetSink, TufClient } from "./client.ts";
import { matchesPattern } from "./glob.ts";
import type { TargetFile } from "./model.ts";
import type { Mapping, RepositoryMap } from "./parse-map.ts";
import { update, type UpdateOptions } from "./update.ts";
import { checkTargetPath } from "./verify.ts";

/** A target as its repositories agree on it. What they say beside length and hashes may differ. */
export interface AgreedTarget {
  readonly path: string;
  readonly length: number;
  readonly hashes: ReadonlyMap<string, string>;
  /** What each repository that agrees lists, by its name. */
  readonly listed: ReadonlyMap<string, TargetFile>;
}

export interface MapClient {
  /**
   * Undefined when no mapping covers the path, or those that do end without a threshold.
   * Problems: `tuf/target-path`; `tuf/map-conflict` when two answers reach the threshold; and, when a repository that
   * could not be followed or searched leaves the threshold unmet, what was wrong with it.
   */
  findTarget(path: string): Promise<AgreedTarget | undefined>;
  /** From the first repository of those agreeing that has it. Problems as of a client's `download`. */
  download(target: AgreedTarget): Promise<Uint8Array>;
  downloadTo(target: AgreedTarget, sink: TargetSink): Promise<{ readonly kept: boolean }>;
}

/** How one repository is followed: its own bootstrap root and store, and a fetcher for each of its addresses. */
export type OpenRepositoryOptions = (
  name: string,
  addresses: readonly string[],
) => UpdateOptions | Promise<UpdateOptions>;

/** A client over all repositories of a map; each is updated when it is first asked. */
export function openMap(map: RepositoryMap, open: OpenRepositoryOptions): MapClient {
  const clients = new Map<string, Promise<TufClient>>();
  const client = (name: string): Promise<TufClient> => {
    const known = clients.get(name) ?? followRepository(map, name, open);
    clients.set(name, known);
    return known;
  };
  const search: MapSearch = { map, client };
  return {
    findTarget: (path) => findAgreed(search, path),
    download: (target) => fromFirst(target, async (name, listed) => (await client(name)).download(listed)),
    downloadTo: (target, sink) =>
      fromFirst(target, async (name, listed) => (await client(name)).downloadTo(listed, sink)),
  };
}

async function followRepository(map: RepositoryMap, name: string, open: OpenRepositoryOptions): Promise<TufClient> {
  return update(await open(name, map.repositories.get(name)!));
}

interface MapSearch {
  readonly map: RepositoryMap;
  readonly client: (name: string) => Promise<TufClient>;
}

async function findAgreed(search: MapSearch, path: string): Promise<AgreedTarget | undefined> {
  checkTargetPath(path);
  for (const mapping of search.map.mapping) {
    if (!mapping.paths.some((pattern) => matchesPattern(path, pattern))) continue;
    const agreed = await agreement(search, mapping, path);
    if (agreed !== undefined || mapping.terminating) return agreed;
  }
  return undefined;
}

async function agreement({ client }: MapSearch, mapping: Mapping, path: string): Promise<AgreedTarget | undefined> {
  const answers = new Map<string, Map<string, TargetFile>>();
  let failure: unknown;
  for (const name of mapping.repositories) {
    try {
      const target = await (await client(name)).findTarget(path);
      if (target === undefined) continue;
      const content = contentOf(target);
      answers.set(content, (answers.get(content) ?? new Map()).set(name, target));
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
      failure ??= problem;
    }
  }
  const enough = [...answers.values()].filter((each) => each.size >= mapping.threshold);
  if (enough.length > 1) throw new Problem("tuf/map-conflict", `repositories agree on two different files at ${path}`);
  const [listed] = enough;
  if (listed === undefined) {
    // A repository that is kept from answering must not hand its paths to a later mapping that trusts less.
    if (failure !== undefined) throw failure;
    return undefined;
  }
  const [first] = listed.values();
  return { path, length: first!.length, hashes: first!.hashes, listed };
}

/** The same text for the same length and the same hashes. */
function contentOf({ length, hashes }: TargetFile): string {
  return JSON.stringify([length, [...hashes].sort()]);
}

async function fromFirst<T>(
  target: AgreedTarget,
  attempt: (name: string, listed: TargetFile) => Promise<T>,
): Promise<T> {
  let failure: unknown;
  for (const [name, listed] of target.listed) {
    try {
      return await attempt(name, listed);
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
      failure ??= problem;
    }
  }
  throw failure;
}
