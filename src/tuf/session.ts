// One update's surroundings: where files come from, where they are kept, the time at which it began, its limits.

import { demand, isProblem, Problem, type Verified } from "../core/index.ts";
import type { IdentityOptions } from "./identity.ts";
import type { TufLimits } from "./limits.ts";
import type { Mirrors } from "./mirrors.ts";
import type { MetaFile, Metadata, Root } from "./model.ts";
import { roleFile } from "./names.ts";

/** How a client reads a repository. `path` is a relative URL reference, already percent-encoded. */
export interface TufFetcher {
  /** The file, or undefined when the repository does not have it. A Problem, and nothing read on, beyond `maxBytes`. */
  fetch(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** As `fetch`, in pieces as they come, for files that do not fit into memory. */
  open?(path: string, maxBytes: number): Promise<AsyncIterable<Uint8Array> | undefined>;
}

/**
 * Where a client keeps what it has verified, byte for byte as received. Names are file names, percent-encoded, at
 * most one folder deep. `save` replaces whole files and is durable when it resolves.
 */
export interface TufStore {
  load(name: string): Promise<Uint8Array | undefined>;
  save(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Runs while nobody else does who shares the files. Left out where nobody can. */
  exclusive?<T>(run: () => Promise<T>): Promise<T>;
}

export interface Session {
  readonly mirrors: Mirrors;
  readonly targetMirrors: Mirrors;
  readonly store: TufStore;
  readonly now: number;
  readonly limits: TufLimits;
  readonly identity: IdentityOptions;
  /** Every root of the walk, from the bootstrap root on. */
  readonly roots: Verified<Metadata<Root>>[];
}

/**
 * A file of at most `maxBytes` that passes `verify`; the fetcher's own word for its size is not taken. Undefined when
 * no mirror has it. Problems of `verify`; `tuf/length`.
 */
export async function fetchVerified<T extends object>(
  session: Session,
  path: string,
  maxBytes: number,
  verify: (bytes: Uint8Array) => T | Promise<T>,
  options: { readonly isOptional?: boolean } = {},
): Promise<T | undefined> {
  return session.mirrors.take(async (mirror) => {
    const bytes = await mirror.fetch(path, maxBytes);
    demand(bytes === undefined || bytes.length <= maxBytes, "tuf/length", `${path} is over ${maxBytes} bytes`);
    return bytes === undefined ? undefined : verify(bytes);
  }, options);
}

/** A file that is listed, under its versioned name where snapshots are consistent (§5.5.1, §5.6.1). */
export async function fetchListed<T extends object>(
  session: Session,
  {
    role,
    root,
    listed,
    maxBytes,
  }: { readonly role: string; readonly root: Metadata<Root>; readonly listed: MetaFile; readonly maxBytes: number },
  verify: (bytes: Uint8Array) => T | Promise<T>,
): Promise<T> {
  const path = roleFile(role, root.signed.consistentSnapshot ? listed.version : undefined);
  const file = await fetchVerified(session, path, Math.min(listed.length ?? maxBytes, maxBytes), verify);
  if (file === undefined) throw new Problem("tuf/metadata-missing", `the repository has no ${path}`);
  return file;
}

/** A stored file if it is there and passes. */
export async function loadCached<T>(
  session: Session,
  name: string,
  verify: (bytes: Uint8Array) => T | Promise<T>,
): Promise<T | undefined> {
  const bytes = await session.store.load(name);
  return bytes === undefined ? undefined : accept(() => verify(bytes));
}

/** What `verify` returns, or undefined: whatever is wrong with a stored file is no reason to fail, only to ask again. */
export async function accept<T>(verify: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await verify();
  } catch (problem) {
    if (isProblem(problem)) return undefined;
    throw problem;
  }
}
