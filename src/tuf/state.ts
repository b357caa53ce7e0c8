// The publisher's side of a repository: the newest file of every role, and the names under which files are stored.

import { Problem } from "../core/index.ts";
import { defaultLimits } from "./limits.ts";
import type { Metadata, Root, Targets } from "./model.ts";
import { roleFile } from "./names.ts";
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from "./parse.ts";

/** The newest file of every role. */
export interface RepositoryState {
  readonly root: Uint8Array;
  readonly timestamp: Uint8Array;
  readonly snapshot: Uint8Array;
  /** By role name, `targets` among them. */
  readonly targets: ReadonlyMap<string, Uint8Array>;
}

/** A path below the repository's base, and the bytes to be stored there. */
export type RepositoryFile = readonly [path: string, bytes: Uint8Array];

/**
 * The state of a repository from its files. They are the publisher's own and are not verified here; `publish`
 * refuses to build on what our client would not follow. Problem `tuf/metadata-missing`.
 */
export async function readRepository(
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<RepositoryState> {
  const need = async (path: string): Promise<Uint8Array> => {
    const bytes = await read(path);
    if (bytes === undefined) throw new Problem("tuf/metadata-missing", `the repository has no ${path}`);
    return bytes;
  };
  let rootBytes = await need(roleFile("root", 1));
  for (let version = 2; ; version++) {
    const next = await read(roleFile("root", version));
    if (next === undefined) break;
    rootBytes = next;
  }
  const root = readRoot(rootBytes);
  const timestamp = await need(roleFile("timestamp"));
  const { version } = parseTimestamp(timestamp, defaultLimits.timestampBytes).signed.snapshot;
  const snapshot = await need(versionedFile(root, "snapshot", version));
  const targets = new Map<string, Uint8Array>();
  for (const [file, meta] of parseSnapshot(snapshot, defaultLimits.snapshotBytes).signed.meta) {
    const role = file.replace(/\.json$/, "");
    targets.set(role, await need(versionedFile(root, role, meta.version)));
  }
  return { root: rootBytes, timestamp, snapshot, targets };
}

/** The name of a role's file, with its version where snapshots are consistent (§6.2.1). */
export function versionedFile(root: Metadata<Root>, role: string, version: number): string {
  return roleFile(role, root.signed.consistentSnapshot ? version : undefined);
}

export function readRoot(bytes: Uint8Array): Metadata<Root> {
  return parseRoot(bytes, defaultLimits.rootBytes);
}

export function readTargets(bytes: Uint8Array): Metadata<Targets> {
  return parseTargets(bytes, defaultLimits.targetsBytes);
}

export function readSnapshotVersion(bytes: Uint8Array): number {
  return parseSnapshot(bytes, defaultLimits.snapshotBytes).signed.version;
}

export function readTimestampVersion(bytes: Uint8Array): number {
  return parseTimestamp(bytes, defaultLimits.timestampBytes).signed.version;
}
