// A repository with owners, for tests of ceremonies: a store in memory, named keys on several machines, clients that
// follow, and a clock to move.

import { dayMs, hex, utf8 } from "../src/core/index.ts";
import { createSigner, generateKey, randomBytes, type LocalSigner } from "../src/crypto/index.ts";
import assert from "node:assert/strict";
import {
  type KeyHolder,
  type Keyring,
  nothingWanted,
  type Operation,
  type RoleEdit,
  type TufWorld,
  type Wanted,
} from "../src/flows/index.ts";
import {
  createKey,
  createMemoryRepositoryStore,
  createMemoryStore,
  createRoot,
  createStoreFetcher,
  describeFile,
  commitPublication,
  encodeSettings,
  defaultSettings,
  initialRepository,
  type Key,
  type MetadataSigner,
  type RepositoryStore,
  resign,
  openRepository,
  roleFile,
  settingsRecord,
  signMetadata,
  type TufClient,
  type TufStore,
  update,
} from "../src/tuf/index.ts";

export interface NamedKey {
  readonly name: string;
  readonly key: Key;
  readonly signer: LocalSigner;
}

export function namedKey(name: string): NamedKey {
  const signer = createSigner(generateKey("ed25519"));
  return { name, key: createKey(signer.publicKey), signer };
}

export function metadataSigner({ key, signer }: NamedKey): MetadataSigner {
  return { keyObject: key, sign: async (message) => ({ sig: hex(signer.sign(message)) }) };
}

/** One machine: the private keys that are there. */
export function machine(...keys: readonly NamedKey[]): Keyring {
  const byId = new Map(keys.map((each) => [each.key.keyid, each]));
  return {
    signer: async ({ keyid }) => {
      const found = byId.get(keyid);
      return found && metadataSigner(found);
    },
    where: (keyid) => byId.get(keyid)?.name,
    opens: (keyid) => byId.has(keyid),
  };
}

export class Ceremony {
  now = Date.UTC(2030, 0, 1);
  readonly owners = ["alice", "bob", "carol"].map(namedKey) as [NamedKey, NamedKey, NamedKey];
  readonly snapshot = namedKey("snapshot");
  readonly timestamp = namedKey("timestamp");
  /** Private keys that came later, on the server. */
  readonly later: NamedKey[] = [];

  private constructor(readonly store: RepositoryStore) {}

  /** Root and targets with three owners of whom two must sign, and one target. */
  static async open(store = createMemoryRepositoryStore()): Promise<Ceremony> {
    const world = new Ceremony(store);
    const owners = { keys: world.owners.map((each) => each.key), threshold: 2 };
    const root = await signMetadata(
      createRoot({
        version: 1,
        expiresMs: world.now + 365 * dayMs,
        roles: {
          root: owners,
          targets: owners,
          snapshot: { keys: [world.snapshot.key], threshold: 1 },
          timestamp: { keys: [world.timestamp.key], threshold: 1 },
        },
      }),
      world.owners.slice(0, 2).map((each) => each.signer),
    );
    const all = [...world.owners, world.snapshot, world.timestamp];
    const names = new Map(all.map((each) => [each.key.keyid, `keys/${each.name}.pem`]));
    const publication = await initialRepository(
      store,
      {
        roots: [root],
        targets: new Map([["targets", { add: [{ path: "first.txt", content: utf8("first") }] }]]),
      },
      { pool: [...world.owners.slice(0, 2), world.snapshot, world.timestamp].map((each) => each.signer) },
      world.now,
    );
    const records = new Map([[settingsRecord, encodeSettings({ ...defaultSettings, keys: names })]]);
    await commitPublication(store, publication, { operation: "init" }, records);
    return world;
  }

  /** What one machine sees; without a name the server, with the online keys alone. */
  on(...keys: readonly NamedKey[]): TufWorld {
    const keyring = machine(...keys, this.snapshot, this.timestamp, ...this.later);
    return { store: this.store, now: this.now, random, keyring: () => keyring };
  }

  /** With every owner's key at hand, as in a new organisation. */
  all(): TufWorld {
    return this.on(...this.owners);
  }

  async client(cache: TufStore = createMemoryStore(), bootstrap?: Uint8Array, now = this.now): Promise<TufClient> {
    return update({
      bootstrap: bootstrap ?? (await this.store.read(roleFile("root", 1)))!,
      fetcher: createStoreFetcher(this.store),
      store: cache,
      now,
    });
  }

  /** What `up` does from time to time. */
  async resign(): Promise<void> {
    const repository = await openRepository(this.store);
    const pool = [this.snapshot, this.timestamp, ...this.later].map((each) => each.signer);
    await commitPublication(this.store, await resign(repository, { pool }, this.now), { operation: "resign" });
  }
}

export const random = { bytes: randomBytes, key: generateKey };

export const holder = ({ key, name }: NamedKey): KeyHolder => ({ keyid: key.keyid, name, reference: undefined });

export function edit(role: string, change: Partial<Omit<RoleEdit, "role">>): RoleEdit {
  return { role, add: [], remove: [], threshold: undefined, ...change };
}

export function operation(name: string, wanted: Partial<Wanted>, keys: readonly NamedKey[] = []): Operation {
  return { name, wanted: { ...nothingWanted, ...wanted, holders: keys.map(holder) } };
}

/** A client of each age follows; gives the version of root that all of them have. */
export async function followed(
  world: Ceremony,
  caches: readonly ReturnType<typeof createMemoryStore>[],
): Promise<number> {
  const versions = await Promise.all(
    [createMemoryStore(), ...caches].map(async (cache) => (await world.client(cache)).trusted.root.signed.version),
  );
  assert.equal(new Set(versions).size, 1);
  return versions[0]!;
}

export function described(path: string, text: string) {
  const { length, hashes } = describeFile(1, utf8(text));
  return { path, length: length!, hashes: hashes! };
}

export async function writeContent(world: Ceremony, path: string, text: string): Promise<void> {
  const hash = [...described(path, text).hashes.values()][0]!;
  const at = path.lastIndexOf("/") + 1;
  await world.store.writeTarget(`${path.slice(0, at)}${hash}.${path.slice(at)}`, utf8(text));
}
