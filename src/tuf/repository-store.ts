// Where a repository's files are kept, as the engine needs it: committed all or nothing, by one of several processes
// at a time. `io` keeps it in SQLite and in plain files, `memory-repository.ts` in memory.

import type { JsonObject } from "../core/index.ts";

/** A path below the repository's base, and the bytes to be stored there. */
export type RepositoryFile = readonly [path: string, bytes: Uint8Array];

/** A target file that is there, not yet read. */
export interface StoredTarget {
  readonly length: number;
  /** To be read once. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface RepositoryStore {
  /** Number of the last commit; 0 for an empty store. */
  revision(): Promise<number>;
  /** A committed metadata file by its path below the repository's base, such as `3.snapshot.json`. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** A target file by its path below `targets/`, already hash-prefixed and percent-encoded. Problem `io/too-large`. */
  readTarget(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** As `readTarget`, not held in memory. */
  openTarget(path: string): Promise<StoredTarget | undefined>;
  /**
   * Durable when it resolves; invisible until metadata names it. The path's hash prefix is checked against the content
   * while it is written (`tuf/hash-mismatch`).
   */
  writeTarget(path: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<void>;
  /** Documents that are not served: settings, proposals, invitations. */
  readRecord(name: string): Promise<Uint8Array | undefined>;
  /** Names in order of code units. */
  listRecords(prefix: string): Promise<readonly string[]>;
  /** All or nothing, durable when it resolves. Problem `tuf/conflict`: someone has committed since `base`. */
  commit(commit: RepositoryCommit): Promise<void>;
  /** Oldest first; `from` is the first revision wanted. */
  events(options?: { readonly from?: number; readonly limit?: number }): Promise<readonly RepositoryEvent[]>;
}

export interface RepositoryCommit {
  /** The revision it was computed from. */
  readonly base: number;
  readonly atMs: number;
  /** In publication order: root, bins, other targets roles, snapshot, timestamp last. */
  readonly files: readonly RepositoryFile[];
  /**
   * Files that no current metadata names any more, `targets/PATH` among them: kept, then purged by a later commit.
   * Roots are never among them.
   */
  readonly replaced: readonly string[];
  /** Target files, as `targets/PATH`, that current metadata names again: not to be purged after all. */
  readonly named?: readonly string[];
  /** What was replaced at or before this time is deleted. */
  readonly purgeReplacedUntilMs?: number;
  /** Undefined removes a record. */
  readonly records?: ReadonlyMap<string, Uint8Array | undefined>;
  /** Who did what: `{ operation, ... }`. */
  readonly event: JsonObject;
}

/** One commit, as it is remembered for good. */
export interface RepositoryEvent {
  /** The store's revision after it. */
  readonly revision: number;
  readonly atMs: number;
  readonly event: JsonObject;
}
