// The TUF repository as it is served: metadata from the store, target files as they stand beside it. A URL may spell a
// name in several ways, a store has one.

import { Problem } from "../core/index.ts";
import { encodePath, type RepositoryStore } from "../tuf/index.ts";
import type { TufFile } from "./authority.ts";

const maxPathLength = 8192;

/** By the path of a URL, percent-encoded, below the repository's base. Undefined when there is nothing. */
export async function readTufFile(store: RepositoryStore, path: string): Promise<TufFile | undefined> {
  const name = path.length > maxPathLength ? undefined : storedName(path);
  if (name === undefined) return undefined;
  if (name.startsWith("targets/")) {
    const target = await store.openTarget(name.slice("targets/".length));
    return target && { ...target, immutable: true };
  }
  if (!/^(?:\d+\.[^/]+|timestamp)\.json$/.test(name)) return undefined;
  const bytes = await store.read(name);
  return bytes && { length: bytes.length, content: bytes, immutable: name !== "timestamp.json" };
}

function storedName(path: string): string | undefined {
  try {
    const parts = path.split("/").map((part) => decodeURIComponent(part));
    // What decodes to a slash is no part of a name, and would not come back as the same parts.
    const plain = parts.every((part) => part !== "" && part !== "." && part !== ".." && !/[/\\\u0000]/.test(part));
    return plain ? encodePath(parts.join("/")) : undefined;
  } catch (error) {
    if (error instanceof URIError || error instanceof Problem) return undefined;
    throw error;
  }
}
