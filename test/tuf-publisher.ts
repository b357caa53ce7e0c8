// A publisher with all keys, over a store in memory, and clients that read from it.

import { dayMs } from "../src/core/index.ts";
import type { Signer } from "../src/crypto/index.ts";
import {
  commitPublication,
  createMemoryRepositoryStore,
  createMemoryStore,
  createRoot,
  createStoreFetcher,
  defaultSettings,
  initialRepository,
  publish,
  resign,
  signMetadata,
  update,
  type Changes,
  type Key,
  type Publication,
  type Repository,
  type RepositorySettings,
  type RepositoryStore,
  type ResignOptions,
  type RoleKeys,
  type Signing,
  type TopLevelRole,
  type TufStore,
} from "../src/tuf/index.ts";
import { newKey } from "./tuf-world.ts";

export interface Holder {
  readonly signer: Signer;
  readonly key: Key;
}

export const settings: RepositorySettings = {
  ...defaultSettings,
  roles: new Map([
    ["root", { expiryMs: 365 * dayMs, signingMs: 60 * dayMs }],
    ["targets", { expiryMs: 30 * dayMs, signingMs: 10 * dayMs }],
    ["bins", { expiryMs: 20 * dayMs, signingMs: 5 * dayMs }],
    ["snapshot", { expiryMs: 7 * dayMs, signingMs: 2 * dayMs }],
    ["timestamp", { expiryMs: dayMs, signingMs: dayMs / 2 }],
  ]),
};

export function roleOf(holders: readonly Holder[], threshold: number): RoleKeys {
  return { keys: holders.map((each) => each.key), threshold };
}

/** Text of a target, for tests. */
export const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

export class Publisher {
  now = Date.UTC(2030, 0, 1);
  readonly rootHolders = [newKey(), newKey("ecdsa-p256"), newKey()];
  readonly holders = new Map<string, Holder[]>();
  readonly bins: Holder = newKey();
  repository!: Repository;
  root!: Uint8Array;

  constructor(readonly store: RepositoryStore = createMemoryRepositoryStore()) {
    this.holders.set("targets", [newKey("ecdsa-p256")]);
    for (const role of ["snapshot", "timestamp"]) this.holders.set(role, [newKey()]);
    this.holders.set("bins", [this.bins]);
  }

  static async create(changes: Omit<Changes, "roots"> = {}, store?: RepositoryStore): Promise<Publisher> {
    const publisher = new Publisher(store);
    publisher.root = await publisher.signRoot();
    await publisher.commit(await publisher.first(changes));
    return publisher;
  }

  first(changes: Omit<Changes, "roots"> = {}, signing = this.signing(), root = this.root): Promise<Publication> {
    return initialRepository(this.store, { settings, ...changes, roots: [root] }, signing, this.now);
  }

  roles(): Record<TopLevelRole, RoleKeys> {
    const one = (role: string): RoleKeys => roleOf(this.holders.get(role)!, this.holders.get(role)!.length);
    return {
      root: roleOf(this.rootHolders, 2),
      targets: one("targets"),
      snapshot: one("snapshot"),
      timestamp: one("timestamp"),
    };
  }

  async signRoot(
    signed = createRoot({ version: 1, expiresMs: this.now + 365 * dayMs, roles: this.roles() }),
  ): Promise<Uint8Array> {
    const signers = this.rootHolders.slice(0, 2).map((each) => each.signer);
    return signMetadata(signed, signers);
  }

  /** All keys but those of these roles. */
  signing(...without: readonly string[]): Signing {
    const roles = [...this.holders].filter(([role]) => !without.includes(role));
    return { signers: new Map(roles.map(([role, holders]) => [role, holders.map((each) => each.signer)])) };
  }

  async commit(publication: Publication): Promise<Publication> {
    this.repository = await commitPublication(this.store, publication, { operation: "test" });
    return publication;
  }

  async publish(changes: Changes, signing = this.signing()): Promise<Publication> {
    return this.commit(await publish(this.repository, changes, signing, this.now));
  }

  async resign(signing = this.signing(), options?: ResignOptions): Promise<Publication> {
    return this.commit(await resign(this.repository, signing, this.now, options));
  }

  update(memory: TufStore = createMemoryStore(), bootstrap = this.root) {
    return update({ bootstrap, fetcher: createStoreFetcher(this.store), store: memory, now: this.now });
  }

  /** What a client finds and downloads. */
  async read(path: string, memory?: TufStore): Promise<string | undefined> {
    const client = await this.update(memory);
    const target = await client.findTarget(path);
    return target && text(await client.download(target));
  }
}

/** The paths that a publication writes, in order. */
export function pathsOf({ commit }: Publication): string[] {
  return commit.files.map(([path]) => path);
}
