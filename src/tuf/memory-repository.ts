// A repository's store in memory, or over another one that it leaves as it is: what a rehearsal is made on.

import { concat, demand, Problem } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { encodePath, roleFile, targetFile } from "./names.ts";
import { openRepository } from "./repository.ts";
import type { RepositoryCommit, RepositoryEvent, RepositoryStore } from "./repository-store.ts";
import type { TufFetcher } from "./session.ts";
import { binNames } from "./bins.ts";

interface Layer {
  commits: number;
  readonly files: Map<string, Uint8Array | undefined>;
  readonly targets: Map<string, Uint8Array>;
  readonly records: Map<string, Uint8Array | undefined>;
  readonly events: RepositoryEvent[];
  /** When it was replaced. */
  readonly replaced: Map<string, number>;
}

/** Empty, and as durable as this process. */
export function createMemoryRepositoryStore(): RepositoryStore {
  return overlay(undefined);
}

/** What `base` has, and over it what is written here. `base` is not written to; it must not change meanwhile. */
export function createOverlayStore(base: RepositoryStore): RepositoryStore {
  return overlay(base);
}

function overlay(base: RepositoryStore | undefined): RepositoryStore {
  const layer: Layer = {
    commits: 0,
    files: new Map(),
    targets: new Map(),
    records: new Map(),
    events: [],
    replaced: new Map(),
  };
  const revision = async (): Promise<number> => ((await base?.revision()) ?? 0) + layer.commits;
  const readTarget: RepositoryStore["readTarget"] = async (path, maxBytes) => {
    const bytes = layer.targets.get(path);
    if (bytes === undefined) return base?.readTarget(path, maxBytes);
    demand(bytes.length <= maxBytes, "io/too-large", `${path} is over ${maxBytes} bytes`);
    return bytes;
  };
  return {
    revision,
    read: async (path) => (layer.files.has(path) ? layer.files.get(path) : base?.read(path)),
    readTarget,
    openTarget: async (path) => {
      const bytes = layer.targets.get(path);
      if (bytes === undefined) return base?.openTarget(path);
      return { length: bytes.length, content: once(bytes) };
    },
    writeTarget: async (path, content) => {
      const bytes = content instanceof Uint8Array ? content.slice() : await collect(content);
      checkTargetHash(path, (algorithm) => digestHex(algorithm, bytes));
      layer.targets.set(path, bytes);
    },
    readRecord: async (name) => (layer.records.has(name) ? layer.records.get(name) : base?.readRecord(name)),
    listRecords: async (prefix) => {
      const below = ((await base?.listRecords(prefix)) ?? []).filter((name) => !layer.records.has(name));
      const own = [...layer.records].filter(([name, bytes]) => bytes !== undefined && name.startsWith(prefix));
      return [...below, ...own.map(([name]) => name)].sort();
    },
    commit: async (commit) => {
      const below = (await base?.revision()) ?? 0;
      apply(layer, commit, below + layer.commits);
    },
    events: async ({ from = 1, limit = Number.POSITIVE_INFINITY } = {}) => {
      const below = (await base?.events({ from })) ?? [];
      return [...below, ...layer.events.filter((each) => each.revision >= from)].slice(0, limit);
    },
  };
}

function apply(layer: Layer, commit: RepositoryCommit, revision: number): void {
  if (commit.base !== revision) {
    throw new Problem("tuf/conflict", "somebody else has changed the repository meanwhile");
  }
  for (const [path, bytes] of commit.files) layer.files.set(path, bytes);
  for (const path of commit.replaced) if (!layer.replaced.has(path)) layer.replaced.set(path, commit.atMs);
  for (const path of [...(commit.named ?? []), ...commit.files.map(([each]) => each)]) layer.replaced.delete(path);
  for (const [path, atMs] of layer.replaced) {
    if (commit.purgeReplacedUntilMs === undefined || atMs > commit.purgeReplacedUntilMs) continue;
    layer.replaced.delete(path);
    if (path.startsWith("targets/")) layer.targets.delete(path.slice("targets/".length));
    else layer.files.set(path, undefined);
  }
  for (const [name, bytes] of commit.records ?? []) layer.records.set(name, bytes);
  layer.commits++;
  layer.events.push({ revision: revision + 1, atMs: commit.atMs, event: commit.event });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return concat(...all);
}

const algorithms = { 64: "sha256", 96: "sha384", 128: "sha512" } as const;

/** The hash that a stored target's name begins with; undefined when it has none that we know. */
export function targetHash(path: string): { algorithm: "sha256" | "sha384" | "sha512"; hex: string } | undefined {
  const hex = /^([0-9a-f]+)\./.exec(path.slice(path.lastIndexOf("/") + 1))?.[1] ?? "";
  const algorithm = algorithms[hex.length as 64];
  return algorithm === undefined ? undefined : { algorithm, hex };
}

/** Problems `tuf/target-path` for a name without a hash, `tuf/hash-mismatch`. */
export function checkTargetHash(path: string, hashOf: (algorithm: "sha256" | "sha384" | "sha512") => string): void {
  const expected = targetHash(path);
  if (expected === undefined) throw new Problem("tuf/target-path", `${path} does not begin with a hash`);
  const same = hashOf(expected.algorithm) === expected.hex;
  demand(same, "tuf/hash-mismatch", `what is to be stored as ${path} has another hash`);
}

/** Reads a repository as a client does, without a server between. */
export function createStoreFetcher(store: RepositoryStore): TufFetcher {
  return {
    fetch: async (path, maxBytes) => {
      if (path.startsWith("targets/")) return store.readTarget(path.slice("targets/".length), maxBytes);
      const bytes = await store.read(path);
      demand(bytes === undefined || bytes.length <= maxBytes, "io/too-large", `${path} is over ${maxBytes} bytes`);
      return bytes;
    },
  };
}

/**
 * Every file that a client of the current state may ask for, roots from the first on, in publication order: target
 * files before the metadata that names them, the timestamp last; by plain names, as a folder has them. Written one after another, a folder is a mirror at any
 * time. `readTarget` problems when a content is over `maxTargetBytes`; a content that is elsewhere is left out.
 */
export async function exportRepository(
  store: RepositoryStore,
  write: (path: string, bytes: Uint8Array) => Promise<void>,
  maxTargetBytes: number,
): Promise<void> {
  const repository = await openRepository(store);
  const { head, delegated, bins } = repository;
  const copy = async (path: string): Promise<void> => {
    const bytes = await store.read(path);
    if (bytes === undefined) throw new Problem("tuf/metadata-missing", `the repository has no ${path}`);
    await write(path, bytes);
  };
  const binned = [...bins.values()].flatMap(({ count, namePrefix }) =>
    binNames({ bitLength: Math.log2(count), namePrefix }),
  );
  const roles = [...binned, ...[...delegated.keys()].reverse(), "targets"];
  for (const name of roles) {
    for (const { path, hashes } of (await repository.role(name))!.signed.targets.values()) {
      for (const hash of hashes.values()) {
        const file = targetFile(path, hash);
        const bytes = await store.readTarget(encodePath(file), maxTargetBytes);
        if (bytes !== undefined) await write(`targets/${file}`, bytes);
      }
    }
  }
  for (let version = 1; version <= head.root.signed.version; version++) await copy(roleFile("root", version));
  for (const name of roles) await copy(roleFile(name, repository.listedVersion(name)));
  await copy(roleFile("snapshot", head.snapshot.signed.version));
  await write(roleFile("timestamp"), head.timestamp.bytes);
}
