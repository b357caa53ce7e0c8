// A rehearsal needs signatures of keys that are in safes and in other people's hands. So it runs on a copy in which
// throwaway keys stand in for the absent ones from the first root on, under the same key ids (TAP 12: an id is a name).
// Nothing of it leaves memory, and no client would take a file of it.

import { hex, type Json, type JsonObject } from "../core/index.ts";
import { createSigner } from "../crypto/index.ts";
import {
  createKey,
  createOverlayStore,
  describeFile,
  encodeKey,
  type Key,
  type Metadata,
  type MetadataSigner,
  parseRoot,
  type Repository,
  type RepositoryFile,
  type RepositoryStore,
  type RoleKeys,
  roleFile,
  type Root,
  type Signature,
  signMetadata,
  topLevel,
} from "../tuf/index.ts";
import { unsignedRoot, unsignedTargets } from "./tuf-difference.ts";
import type { Keyring } from "./tuf-quorum.ts";
import { authoritiesFor, delegatedRoles, keysOf, type View } from "./tuf-view.ts";
import type { Wanted } from "./tuf-wanted.ts";
import type { Randomness } from "./world.ts";

const maxBytes = 64 * 1024 * 1024;

/** The keys at hand, and a throwaway one for every other. */
export class StandInKeyring implements Keyring {
  /** By key id. */
  private readonly made = new Map<string, MetadataSigner>();

  constructor(
    private readonly real: Keyring,
    private readonly random: Randomness,
  ) {}

  async signer(key: Key): Promise<MetadataSigner | undefined> {
    if (this.real.opens(key.keyid)) {
      const signer = await this.real.signer(key);
      if (signer !== undefined) return signer;
    }
    return this.standIn(key);
  }

  where(keyid: string): string | undefined {
    return this.real.where(keyid);
  }

  opens(): boolean {
    return true;
  }

  /** The key as the copy has it. */
  key(key: Key): Key {
    return this.real.opens(key.keyid) ? key : this.standIn(key).keyObject;
  }

  /** Ids of the keys that something stands in for. */
  absent(): readonly string[] {
    return [...this.made.keys()];
  }

  private standIn({ keyid }: Key): MetadataSigner {
    const known = this.made.get(keyid);
    if (known !== undefined) return known;
    const signer = createSigner(this.random.key("ed25519"));
    const made = {
      keyObject: { ...createKey(signer.publicKey), keyid },
      sign: async (message: Uint8Array) => ({ sig: hex(signer.sign(message)) }),
    };
    this.made.set(keyid, made);
    return made;
  }

  /** The same operation on the copy. */
  wanted(wanted: Wanted): Wanted {
    const keys = (each: { readonly keys: readonly Key[] }) => ({ keys: each.keys.map((key) => this.key(key)) });
    const { bootstrap } = wanted;
    const role = (each: RoleKeys): RoleKeys => ({ ...each, ...keys(each) });
    return {
      ...wanted,
      ...(bootstrap === undefined
        ? {}
        : {
            bootstrap: {
              root: role(bootstrap.root),
              targets: role(bootstrap.targets),
              snapshot: role(bootstrap.snapshot),
              timestamp: role(bootstrap.timestamp),
            },
          }),
      edits: wanted.edits.map((edit) => ({ ...edit, add: edit.add.map((key) => this.key(key)) })),
      delegate: wanted.delegate.map((each) => ({ ...each, ...keys(each) })),
      bins: wanted.bins.map((each) => ({ ...each, ...keys(each) })),
    };
  }
}

/** A copy of the repository in memory, signed by `keyring` wherever a key of its own is absent. */
export async function rehearsalCopy(
  store: RepositoryStore,
  repository: Repository,
  keyring: StandInKeyring,
): Promise<RepositoryStore> {
  const copy = createOverlayStore(store);
  const roots = await copiedRoots(store, repository, keyring);
  const root = roots.length === 0 ? repository.head.root : parseRoot(roots.at(-1)![1], maxBytes);
  const roles = await copiedRoles(repository, root, keyring);
  if (roots.length === 0 && roles.size === 0) return copy;
  const sign = async (name: "snapshot" | "timestamp", tree: JsonObject): Promise<Uint8Array> =>
    signAgain(tree, keysOf(topLevel(root, name)), repository.head[name].signatures, keyring);
  const { snapshot, timestamp } = repository.head;
  const meta = { ...(snapshot.tree["meta"] as JsonObject) } as Record<string, Json>;
  for (const [role, { version, bytes }] of roles) meta[`${role}.json`] = metaJson(version, bytes);
  const snapshotBytes = await sign("snapshot", { ...snapshot.tree, meta });
  const timestampBytes = await sign("timestamp", {
    ...timestamp.tree,
    meta: { "snapshot.json": metaJson(snapshot.signed.version, snapshotBytes) },
  });
  const files: RepositoryFile[] = [
    ...roots,
    ...[...roles].map(([role, { version, bytes }]): RepositoryFile => [roleFile(role, version), bytes]),
    [roleFile("snapshot", snapshot.signed.version), snapshotBytes],
    [roleFile("timestamp"), timestampBytes],
  ];
  const base = await copy.revision();
  await copy.commit({ base, atMs: 0, files, replaced: [], event: { operation: "rehearsal" } });
  return copy;
}

function metaJson(version: number, bytes: Uint8Array): JsonObject {
  const { length, hashes } = describeFile(version, bytes);
  return { version, length: length!, hashes: Object.fromEntries(hashes!) };
}

/** Signed by those who had signed it, and by nobody else: a rehearsal must not find more signatures than there are. */
async function signAgain(
  tree: JsonObject,
  keys: readonly Key[],
  signatures: readonly Signature[],
  keyring: Keyring,
): Promise<Uint8Array> {
  const had = new Set(signatures.map(({ keyid }) => keyid));
  const signing = [...new Map(keys.map((key) => [key.keyid, key])).values()].filter(({ keyid }) => had.has(keyid));
  const signers = await Promise.all(signing.map((key) => keyring.signer(key)));
  return signMetadata(
    tree,
    signers.filter((each) => each !== undefined),
    signing,
  );
}

/** Every root from the first, none when no key of any is absent. */
async function copiedRoots(
  store: RepositoryStore,
  repository: Repository,
  keyring: StandInKeyring,
): Promise<RepositoryFile[]> {
  const roots: Metadata<Root>[] = [];
  for (let version = 1; version <= repository.head.root.signed.version; version++) {
    roots.push(parseRoot((await store.read(roleFile("root", version)))!, maxBytes));
  }
  const isAbsent = (root: Metadata<Root>): boolean =>
    [...root.signed.keys.values()].some((key) => keyring.key(key) !== key);
  if (!roots.some(isAbsent)) return [];
  const copies: RepositoryFile[] = [];
  let previous: Metadata<Root> | undefined;
  for (const root of roots) {
    const tree = { ...root.tree, keys: copiedKeys(root.signed.keys, root.tree["keys"] as JsonObject, keyring) };
    const copied = unsignedRoot(tree);
    const keysFor = (of: Metadata<Root>): Key[] =>
      of.signed.roles.root.keyids.flatMap((id) => of.signed.keys.get(id) ?? []);
    const keys = [...(previous === undefined ? [] : keysFor(previous)), ...keysFor(copied)];
    copies.push([roleFile("root", root.signed.version), await signAgain(tree, keys, root.signatures, keyring)]);
    previous = copied;
  }
  return copies;
}

function copiedKeys(keys: ReadonlyMap<string, Key>, tree: JsonObject, keyring: StandInKeyring): JsonObject {
  const out: Record<string, Json> = { ...tree };
  for (const [keyid, key] of keys) {
    const copied = keyring.key(key);
    if (copied !== key) out[keyid] = encodeKey(copied);
  }
  return out;
}

interface CopiedRole {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** The targets roles, bins among them, that have other keys in the copy or speak of such keys. */
async function copiedRoles(
  repository: Repository,
  root: Metadata<Root>,
  keyring: StandInKeyring,
): Promise<ReadonlyMap<string, CopiedRole>> {
  const copies = new Map<string, CopiedRole>();
  const trees = new Map<string, JsonObject>();
  const role = async (name: string) => {
    const tree = trees.get(name);
    return tree === undefined ? repository.role(name) : unsignedTargets(tree);
  };
  const view: View = { root, role };
  const isAbsent = (key: Key): boolean => keyring.absent().includes(key.keyid);
  const pending = ["targets"];
  const done = new Set<string>();
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (done.has(name)) continue;
    done.add(name);
    const before = (await repository.role(name))!;
    const { delegations } = before.signed;
    let { tree } = before;
    if (delegations !== undefined) {
      const delegationsTree = tree["delegations"] as JsonObject;
      const keys = copiedKeys(delegations.keys, delegationsTree["keys"] as JsonObject, keyring);
      tree = { ...tree, delegations: { ...delegationsTree, keys } };
    }
    trees.set(name, tree);
    const own = (await authoritiesFor(view, name)).flatMap(keysOf);
    const speaks = delegations !== undefined && [...delegations.keys.values()].some(isAbsent);
    if (speaks || own.some(isAbsent)) {
      copies.set(name, {
        version: before.signed.version,
        bytes: await signAgain(tree, own, before.signatures, keyring),
      });
    }
    for (const each of delegations?.roles ?? []) pending.push(each.name);
  }
  for (const [group, { from, bins }] of await delegatedRoles(view)) {
    if (!bins) continue;
    const keys = (await authoritiesFor(view, group)).flatMap(keysOf);
    if (!keys.some(isAbsent)) continue;
    const { count, namePrefix } = repository.bins.get(from)!;
    const digits = Math.ceil(Math.log2(count) / 4);
    for (let at = 0; at < count; at++) {
      const name = `${namePrefix}-${at.toString(16).padStart(digits, "0")}`;
      const bin = (await repository.role(name))!;
      copies.set(name, {
        version: bin.signed.version,
        bytes: await signAgain(bin.tree, keys, bin.signatures, keyring),
      });
    }
  }
  return copies;
}
