// A TUF repository in memory that can be made to lie: metadata trees to edit by hand, keys to add and to lose, a
// clock to move. What it serves is signed honestly unless a test says otherwise.

import { hourMs, dayMs, formatUtcSeconds, type Json, type JsonObject } from "../src/core/index.ts";
import { createSigner, generateKey, type KeyType, type Signer } from "../src/crypto/index.ts";
import {
  createMemoryFetcher,
  createMemoryStore,
  describeFile,
  describeTarget,
  encodeKey,
  roleFile,
  signerKey,
  signMetadata,
  targetFile,
  update,
  type Key,
  type TufClient,
  type UpdateOptions,
} from "../src/tuf/index.ts";

export interface RoleTree {
  keyids: string[];
  threshold: number;
  [extra: string]: unknown;
}
export interface MetaTree {
  version: number;
  length?: number;
  hashes?: Record<string, string>;
}
export interface TargetTree {
  length: number;
  hashes: Record<string, string>;
  custom?: Record<string, unknown>;
}
export interface DelegationTree extends RoleTree {
  name: string;
  paths?: string[];
  path_hash_prefixes?: string[];
  terminating?: boolean;
}
export interface Tree {
  _type: string;
  spec_version: string;
  version: number;
  expires: string;
  consistent_snapshot?: boolean;
  keys: Record<string, Json>;
  roles: Record<string, RoleTree>;
  meta: Record<string, MetaTree>;
  targets: Record<string, TargetTree>;
  delegations?: { keys: Record<string, Json>; roles?: DelegationTree[]; succinct_roles?: Record<string, unknown> };
  [extra: string]: unknown;
}

const topLevel = ["root", "targets", "snapshot", "timestamp"] as const;

/** A signer and its key object. */
export function newKey(type: KeyType = "ed25519"): { signer: Signer; key: Key } {
  const signer = createSigner(generateKey(type), type === "rsa" ? "rsa-pss-sha256" : undefined);
  return { signer, key: signerKey(signer) };
}

export class World {
  now = Date.UTC(2030, 0, 1);
  readonly files = new Map<string, Uint8Array>();
  readonly stored = new Map<string, Uint8Array>();
  readonly requests: string[] = [];
  readonly signers = new Map<string, Signer[]>();
  /** The key objects that a role's signers sign as. */
  readonly keys = new Map<string, Key[]>();
  readonly trees = new Map<string, Tree>();
  listHashes = false;
  bootstrap: Uint8Array = new Uint8Array();
  private readonly published = new Set<string>();

  static async create(): Promise<World> {
    const world = new World();
    for (const role of topLevel) {
      const extra =
        role === "root"
          ? { consistent_snapshot: true, keys: {}, roles: {} }
          : role === "targets"
            ? { targets: {} }
            : { meta: {} };
      world.newTree(role, extra);
    }
    for (const role of topLevel) world.rotate(role);
    await world.publish("root", "targets", "snapshot", "timestamp");
    world.bootstrap = world.files.get("1.root.json")!;
    return world;
  }

  tree(role: string): Tree {
    return this.trees.get(role)!;
  }

  newTree(role: string, extra: object): Tree {
    const _type = (topLevel as readonly string[]).includes(role) ? role : "targets";
    const expires = formatUtcSeconds(this.now + 30 * dayMs);
    const tree = { _type, spec_version: "1.0.34", version: 1, expires, ...extra } as Tree;
    this.trees.set(role, tree);
    return tree;
  }

  /** New keys for a top-level role; a threshold of all of them. */
  rotate(role: string, count = 1, type: KeyType = "ed25519"): void {
    const made = Array.from({ length: count }, () => newKey(type));
    this.setKeys(role, made, count);
  }

  setKeys(role: string, made: readonly { signer: Signer; key: Key }[], threshold: number): void {
    const root = this.tree("root");
    this.signers.set(
      role,
      made.map((each) => each.signer),
    );
    this.keys.set(
      role,
      made.map((each) => each.key),
    );
    for (const { key } of made) root.keys[key.keyid] = encodeKey(key);
    root.roles[role] = { keyids: made.map((each) => each.key.keyid), threshold };
  }

  /** A role delegated to by another, with one key of its own. */
  delegate(from: string, name: string, scope: Partial<DelegationTree>): Tree {
    const { signer, key } = newKey();
    const tree = this.tree(from);
    tree.delegations ??= { keys: {}, roles: [] };
    tree.delegations.keys[key.keyid] = encodeKey(key);
    tree.delegations.roles!.push({ name, keyids: [key.keyid], threshold: 1, terminating: false, ...scope });
    this.signers.set(name, [...(this.signers.get(name) ?? []), signer]);
    this.keys.set(name, [...(this.keys.get(name) ?? []), key]);
    return this.trees.get(name) ?? this.newTree(name, { targets: {} });
  }

  addTarget(role: string, path: string, content: Uint8Array): void {
    const { length, hashes } = describeTarget({ path, content });
    this.tree(role).targets[path] = { length, hashes: Object.fromEntries(hashes) };
    for (const hash of hashes.values()) this.files.set(`targets/${targetFile(path, hash)}`, content);
  }

  /** Signs and serves roles in the given order: a new version of each, listed where it belongs. */
  async publish(...roles: readonly string[]): Promise<void> {
    for (const role of roles) {
      const tree = this.tree(role);
      if (this.published.has(role)) tree.version++;
      await this.serve(role);
    }
  }

  /** As `publish` without a new version. */
  async serve(role: string): Promise<void> {
    const tree = this.tree(role);
    this.published.add(role);
    const bytes = await this.sign(role, tree as unknown as JsonObject);
    const version = role === "timestamp" || !(role === "root" || this.consistent()) ? undefined : tree.version;
    this.files.set(decodeURIComponent(roleFile(role, version)), bytes);
    const lister = role === "snapshot" ? "timestamp" : tree._type === "targets" ? "snapshot" : undefined;
    if (lister !== undefined) this.tree(lister).meta[`${role}.json`] = this.list(tree.version, bytes);
  }

  async sign(role: string, tree: JsonObject): Promise<Uint8Array> {
    return signMetadata(tree, this.signers.get(role) ?? [], this.keys.get(role) ?? []);
  }

  /** Serves other bytes in the place of a role's newest file. */
  replace(role: string, edit: (file: { signed: Tree; signatures: { keyid: string; sig: string }[] }) => void): void {
    const path = this.path(role);
    const file = JSON.parse(Buffer.from(this.files.get(path)!).toString());
    edit(file);
    this.files.set(path, new Uint8Array(Buffer.from(JSON.stringify(file))));
  }

  path(role: string): string {
    const versioned = role === "root" || (role !== "timestamp" && this.consistent());
    return decodeURIComponent(roleFile(role, versioned ? this.tree(role).version : undefined));
  }

  expire(role: string): void {
    this.tree(role).expires = formatUtcSeconds(this.now - hourMs);
  }

  update(options: Partial<UpdateOptions> = {}): Promise<TufClient> {
    const fetcher = createMemoryFetcher(this.files);
    return update({
      bootstrap: this.bootstrap,
      fetcher: {
        fetch: (path, maxBytes) => {
          this.requests.push(path);
          return fetcher.fetch(path, maxBytes);
        },
      },
      store: createMemoryStore(this.stored),
      now: this.now,
      ...options,
    });
  }

  /** The version of a role in the store. */
  storedVersion(role: string): number | undefined {
    const bytes = this.stored.get(roleFile(role));
    return bytes && JSON.parse(Buffer.from(bytes).toString()).signed.version;
  }

  private consistent(): boolean {
    return this.tree("root").consistent_snapshot === true;
  }

  private list(version: number, bytes: Uint8Array): MetaTree {
    if (!this.listHashes) return { version };
    const { length, hashes } = describeFile(version, bytes);
    return { version, length: length!, hashes: Object.fromEntries(hashes!) };
  }
}
