// A log's files in memory: for trying out and for tests. As lasting as the process.

import type { LogStore } from "./model.ts";

export interface MemoryLogStore extends LogStore {
  /** Path to content, the checkpoint under `checkpoint`. */
  readonly files: Map<string, Uint8Array>;
}

export function createMemoryLogStore(): MemoryLogStore {
  const files = new Map<string, Uint8Array>();
  return {
    files,
    read: async (path) => files.get(path)?.slice(),
    async write(changed) {
      for (const [path, bytes] of changed) files.set(path, bytes.slice());
    },
    async publish(checkpoint) {
      files.set("checkpoint", checkpoint.slice());
    },
    readCheckpoint: async () => files.get("checkpoint")?.slice(),
  };
}
