// The few things of the world that flows ask for. main hands in the real ones, test/world.ts the ones in memory.

import type { KeyType, PrivateKey } from "../crypto/index.ts";

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. Read once per operation. */
  now(): number;
}

export interface Randomness {
  bytes(count: number): Uint8Array;
  key(type: KeyType): PrivateKey;
}

/** Files below one folder, by `/`-separated relative paths. Writes are atomic and durable. */
export interface Files {
  /** Problem `io/not-found`, `io/too-large`; for one that must be `private`, `io/exposed` when others can read it. */
  read(path: string, maxBytes: number, options?: { readonly private?: boolean }): Promise<Uint8Array>;
  readIfThere(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** `private`: readable by its owner alone. `isNew`: Problem `io/exists` when it is there already. */
  write(
    path: string,
    bytes: Uint8Array,
    options?: { readonly private?: boolean; readonly isNew?: boolean },
  ): Promise<void>;
  /** Nothing when it is not there. */
  remove(path: string): Promise<void>;
}

/** Where a verb says what it is doing, a line a step. */
export interface Progress {
  step(name: string, detail: string): void;
}
