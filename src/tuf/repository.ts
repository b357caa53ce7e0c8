// Publishing, TUF 1.0.34 §6: from the files there are to the files there will be, as an ordered list that the caller
// stores one after another. Target files come first, then root, then what root signs, the timestamp last, so that a
// client that reads meanwhile sees the old repository or the new one. Nothing is returned that our own client, which
// knows the old repository, does not accept.

import { demand, formatUtcSeconds, Problem, type Json, type JsonObject } from "../core/index.ts";
import type { Signer } from "../crypto/index.ts";
import {
  createSnapshot,
  createTargets,
  createTimestamp,
  describeFile,
  describeTarget,
  encodeDelegations,
  encodeTarget,
  object,
  signMetadata,
  specVersion,
  type Delegation,
  type NewTarget,
} from "./create.ts";
import type { Metadata, Root, Targets } from "./model.ts";
import { roleFile, targetFile } from "./names.ts";
import {
  readRoot,
  readSnapshotVersion,
  readTargets,
  readTimestampVersion,
  versionedFile,
  type RepositoryFile,
  type RepositoryState,
} from "./state.ts";
import { verifyPublication } from "./verify-publication.ts";
import { delegated, topLevel, validSigners, type Authority } from "./verify.ts";

/** What changes in one targets role. An entry without any change gives the role a new version and a new expiry. */
export interface TargetChanges {
  readonly add?: readonly NewTarget[];
  readonly remove?: readonly string[];
  /** Takes the place of all delegations of the role. */
  readonly delegations?: readonly Delegation[];
}

export interface Changes {
  /** The next root, signed: see `createNextRoot`, `signMetadata` and `addSignatures`. */
  readonly root?: Uint8Array;
  /** By role name. */
  readonly targets?: ReadonlyMap<string, TargetChanges>;
}

export interface Signing {
  /** By role name; those of roles that need no new version may be left out. */
  readonly signers: ReadonlyMap<string, readonly Signer[]>;
  /** Milliseconds from `now` to expiry. Delegated roles live as long as targets. */
  readonly lifetimesMs: { readonly targets: number; readonly snapshot: number; readonly timestamp: number };
}

export interface Publication {
  /** In the order in which to store them. */
  readonly files: readonly RepositoryFile[];
  readonly state: RepositoryState;
}

/** The first version of everything but root, which comes signed: its keys need not be here. */
export async function initialRepository(
  root: Uint8Array,
  targets: ReadonlyMap<string, TargetChanges>,
  signing: Signing,
  now: number,
): Promise<Publication> {
  const changes = { root, targets: new Map([["targets", {}], ...targets]) };
  return publishOver(undefined, changes, signing, now);
}

/** New versions of what changes, of every role that must be signed anew for it, of snapshot and of timestamp. */
export async function publish(
  state: RepositoryState,
  changes: Changes,
  signing: Signing,
  now: number,
): Promise<Publication> {
  return publishOver(state, changes, signing, now);
}

/**
 * The same content with a later expiry: the timestamp, and the snapshot when its signers are given. What a server
 * that holds the online keys does from time to time.
 */
export async function resign(state: RepositoryState, signing: Signing, now: number): Promise<Publication> {
  const root = readRoot(state.root);
  const files: RepositoryFile[] = [];
  let { snapshot } = state;
  if (signing.signers.has("snapshot")) {
    snapshot = await signSnapshot(root, state.targets, state, signing, now);
    files.push([versionedFile(root, "snapshot", readSnapshotVersion(snapshot)), snapshot]);
  }
  const timestamp = await signTimestamp(root, snapshot, state, signing, now);
  files.push([roleFile("timestamp"), timestamp]);
  const next = { ...state, snapshot, timestamp };
  await verifyPublication({ before: state, after: next, files, added: [], now });
  return { files, state: next };
}

async function publishOver(
  before: RepositoryState | undefined,
  changes: Changes,
  signing: Signing,
  now: number,
): Promise<Publication> {
  const rootBytes = changes.root ?? before?.root;
  if (rootBytes === undefined) throw new Problem("tuf/metadata-missing", "a new repository needs its root");
  const root = readRoot(rootBytes);
  const targets = new Map(before?.targets);
  const files: RepositoryFile[] = [...contentFiles(root, changes)];
  if (changes.root !== undefined) files.push([roleFile("root", root.signed.version), rootBytes]);
  const roleFiles = await signTargetRoles({ root, changes, signing, now }, targets);
  const snapshot = await signSnapshot(root, targets, before, signing, now);
  const timestamp = await signTimestamp(root, snapshot, before, signing, now);
  files.push(...roleFiles);
  files.push([versionedFile(root, "snapshot", readSnapshotVersion(snapshot)), snapshot]);
  files.push([roleFile("timestamp"), timestamp]);
  const state = { root: rootBytes, timestamp, snapshot, targets };
  const added = [...(changes.targets ?? [])].flatMap(([, each]) => each.add ?? []);
  await verifyPublication({ before, after: state, files, added, now });
  return { files, state };
}

/** §6.2.1: a copy under each hash. */
function* contentFiles(root: Metadata<Root>, changes: Changes): Generator<RepositoryFile> {
  for (const { add } of changes.targets?.values() ?? []) {
    for (const target of add ?? []) {
      if (target.content === undefined) continue;
      const { path, hashes } = describeTarget(target);
      const prefixes = root.signed.consistentSnapshot ? [...hashes.values()] : [undefined];
      for (const prefix of prefixes) yield [`targets/${targetFile(path, prefix)}`, target.content];
    }
  }
}

interface Work {
  readonly root: Metadata<Root>;
  readonly changes: Changes;
  readonly signing: Signing;
  readonly now: number;
}

/**
 * Walks the delegations from the top, so that a role is signed by the authority it will have: the roles that change,
 * those that do not exist yet, and those that their new authority would no longer accept. Fills `targets`.
 */
async function signTargetRoles(work: Work, targets: Map<string, Uint8Array>): Promise<RepositoryFile[]> {
  const files: RepositoryFile[] = [];
  const done = new Set<string>();
  const pending: [string, Authority][] = [["targets", topLevel(work.root, "targets")]];
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    const [name, authority] = next;
    if (done.has(name)) continue;
    done.add(name);
    const before = targets.get(name);
    const bytes = await signTargetRole(work, name, authority, before && readTargets(before));
    const role = readTargets(bytes);
    targets.set(name, bytes);
    // A delegated role is stored before the role that delegates to it.
    if (bytes !== before) files.unshift([versionedFile(work.root, name, role.signed.version), bytes]);
    const { delegations } = role.signed;
    if (delegations?.succinct !== undefined)
      throw new Problem("tuf/succinct-roles", "publishing into bins is not supported");
    for (const each of delegations?.roles ?? []) pending.push([each.name, delegated(delegations!, each, each.name)]);
  }
  for (const name of work.changes.targets?.keys() ?? []) {
    demand(done.has(name), "tuf/role-name", `no role delegates to ${name}`);
  }
  return files;
}

async function signTargetRole(
  { changes, signing, now }: Work,
  name: string,
  authority: Authority,
  before: Metadata<Targets> | undefined,
): Promise<Uint8Array> {
  const change = changes.targets?.get(name);
  const accepted = before !== undefined && validSigners(before, authority).length >= authority.role.threshold;
  if (change === undefined && accepted) return before.bytes;
  const expiresMs = now + signing.lifetimesMs.targets;
  const signed = editTargets(before, change ?? {}, expiresMs);
  return signRole(signed, name, authority, signing);
}

function editTargets(before: Metadata<Targets> | undefined, change: TargetChanges, expiresMs: number): JsonObject {
  const tree = before?.tree ?? createTargets({ version: 1, expiresMs, targets: [] });
  const targets = object(Object.entries(tree["targets"] as JsonObject));
  for (const path of change.remove ?? []) {
    demand(path in targets, "tuf/target-not-found", `${path} is not listed, so it cannot be removed`);
    delete targets[path];
  }
  for (const each of change.add ?? []) targets[each.path] = encodeTarget(describeTarget(each));
  const edited: Record<string, Json> = {
    ...tree,
    spec_version: specVersion,
    version: before === undefined ? 1 : before.signed.version + 1,
    expires: formatUtcSeconds(expiresMs),
    targets,
  };
  if (change.delegations !== undefined) edited["delegations"] = encodeDelegations(change.delegations);
  return edited;
}

/** §6.3.2. A role once listed stays listed (§5.5.5), even when nothing delegates to it any more. */
async function signSnapshot(
  root: Metadata<Root>,
  targets: ReadonlyMap<string, Uint8Array>,
  before: RepositoryState | undefined,
  signing: Signing,
  now: number,
): Promise<Uint8Array> {
  const version = before === undefined ? 1 : readSnapshotVersion(before.snapshot) + 1;
  const meta = [...targets].map(([role, bytes]) => {
    return [`${role}.json`, describeFile(readTargets(bytes).signed.version, bytes)] as const;
  });
  const signed = createSnapshot(version, now + signing.lifetimesMs.snapshot, meta);
  return signRole(signed, "snapshot", topLevel(root, "snapshot"), signing);
}

/** §6.3.3. */
async function signTimestamp(
  root: Metadata<Root>,
  snapshot: Uint8Array,
  before: RepositoryState | undefined,
  signing: Signing,
  now: number,
): Promise<Uint8Array> {
  const last = before && readTimestampVersion(before.timestamp);
  const listed = describeFile(readSnapshotVersion(snapshot), snapshot);
  const signed = createTimestamp((last ?? 0) + 1, now + signing.lifetimesMs.timestamp, listed);
  return signRole(signed, "timestamp", topLevel(root, "timestamp"), signing);
}

async function signRole(signed: JsonObject, name: string, authority: Authority, signing: Signing): Promise<Uint8Array> {
  const signers = signing.signers.get(name) ?? [];
  const keys = authority.role.keyids.flatMap((keyid) => authority.keys.get(keyid) ?? []);
  return signMetadata(signed, signers, keys);
}
