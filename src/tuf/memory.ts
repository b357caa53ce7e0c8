// A repository and a store in memory: what a publication is checked with before it leaves, and what tests run on.

import type { TufFetcher, TufStore } from "./session.ts";

/** Reads from a map of paths, not percent-encoded, to bytes. */
export function createMemoryFetcher(files: ReadonlyMap<string, Uint8Array>): TufFetcher {
  return { fetch: async (path) => files.get(decodeURIComponent(path)) };
}

/** A store that is as durable as the map. */
export function createMemoryStore(files: Map<string, Uint8Array> = new Map()): TufStore {
  return {
    load: async (name) => files.get(name),
    save: async (name, bytes) => void files.set(name, bytes),
    remove: async (name) => void files.delete(name),
  };
}
