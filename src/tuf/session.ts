// One update's surroundings: where files come from, where they are kept, the time at which it began, its limits.

import { demand, isProblem, Problem } from "../core/index.ts";
import type { TufLimits } from "./limits.ts";
import type { MetaFile, Metadata, Root } from "./model.ts";
import { roleFile } from "./names.ts";

/** How a client reads a repository. `path` is a relative URL reference, already percent-encoded. */
export interface TufFetcher {
  /** The file, or undefined when the repository does not have it. A Problem, and nothing read on, beyond `maxBytes`. */
  fetch(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
}

/**
 * Where a client keeps what it has verified, byte for byte as received. Names are file names, percent-encoded, at
 * most one folder deep. `save` replaces whole files and is durable when it resolves.
 */
export interface TufStore {
  load(name: string): Promise<Uint8Array | undefined>;
  save(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface Session {
  readonly fetcher: TufFetcher;
  readonly targetFetcher: TufFetcher;
  readonly store: TufStore;
  readonly now: number;
  readonly limits: TufLimits;
}

/** A file of at most `maxBytes`; the fetcher's own word for it is not taken. Problem `tuf/length`. */
export async function fetchUpTo(session: Session, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const bytes = await session.fetcher.fetch(path, maxBytes);
  demand(bytes === undefined || bytes.length <= maxBytes, "tuf/length", `${path} is over ${maxBytes} bytes`);
  return bytes;
}

/** A file that is listed, under its versioned name where snapshots are consistent (§5.5.1, §5.6.1). */
export async function fetchListed(
  session: Session,
  {
    role,
    root,
    listed,
    maxBytes,
  }: { readonly role: string; readonly root: Metadata<Root>; readonly listed: MetaFile; readonly maxBytes: number },
): Promise<Uint8Array> {
  const path = roleFile(role, root.signed.consistentSnapshot ? listed.version : undefined);
  const bytes = await fetchUpTo(session, path, Math.min(listed.length ?? maxBytes, maxBytes));
  if (bytes === undefined) throw new Problem("tuf/metadata-missing", `the repository has no ${path}`);
  return bytes;
}

/** A stored file if it is there and passes. */
export async function loadCached<T>(
  session: Session,
  name: string,
  verify: (bytes: Uint8Array) => T,
): Promise<T | undefined> {
  const bytes = await session.store.load(name);
  return bytes === undefined ? undefined : accept(() => verify(bytes));
}

/** What `verify` returns, or undefined: whatever is wrong with a stored file is no reason to fail, only to ask again. */
export function accept<T>(verify: () => T): T | undefined {
  try {
    return verify();
  } catch (problem) {
    if (isProblem(problem)) return undefined;
    throw problem;
  }
}
