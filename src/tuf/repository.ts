// A repository read from its store. The store is not trusted: root is replayed from the first one, and every file is
// verified as a client verifies it, except that what has expired is still the state to go on from.

import { demand, isProblem, Problem, type Verified } from "../core/index.ts";
import { BinText } from "./bin-text.ts";
import { isBinOf } from "./bins.ts";
import { coveringDelegations } from "./delegation.ts";
import { identitySource, type IdentityOptions, type IdentitySource, type VerifyIdentity } from "./identity.ts";
import { defaultLimits } from "./limits.ts";
import type { Key, Metadata, Root, SuccinctRoles, TargetFile, Targets, TrustedSet } from "./model.ts";
import { encodePath, roleFile, targetFile } from "./names.ts";
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from "./parse.ts";
import { prepareDelegatedKeys, prepareKeys } from "./post-quantum.ts";
import type { BinsState, DelegatedTargets, Repository } from "./repository-model.ts";
import type { RepositoryStore } from "./repository-store.ts";
import { RoleCache } from "./role-cache.ts";
import { parseSettings, settingsRecord, type RepositorySettings } from "./settings.ts";
import { SnapshotIndex } from "./snapshot-index.ts";
import { markSeen } from "./verify-publication.ts";
import {
  checkTargetPath,
  delegated,
  listedFile,
  topLevel,
  verifiedTarget,
  verifyBootstrapRoot,
  verifyFile,
  verifyNextRoot,
  verifySnapshot,
  verifyTargets,
  verifyTimestamp,
  type Authority,
} from "./verify.ts";

/** The record of when the first bin of each role expires: nothing else tells without reading them all. */
export const binsExpiryRecord = "bins-expiry";
/** Before anything expires. */
const everMs = Number.NEGATIVE_INFINITY;
const maxDelegatedRoles = 4096;
const maxReads = 20;

export interface BinsOf {
  readonly delegator: string;
  readonly succinct: SuccinctRoles;
  readonly authority: Authority;
}

export interface RepositoryParts {
  readonly store: RepositoryStore;
  readonly revision: number;
  readonly firstRoot: Uint8Array;
  readonly head: TrustedSet;
  readonly settings: RepositorySettings;
  readonly delegated: ReadonlyMap<string, DelegatedTargets>;
  readonly binsOf: ReadonlyMap<string, BinsOf>;
  /** By delegator. */
  readonly binsExpiryMs: ReadonlyMap<string, number>;
  readonly index: SnapshotIndex;
  readonly cache: RoleCache;
  readonly identity: IdentityOptions;
  readonly identities: IdentitySource;
  /** Files of a publication that is not in the store yet. */
  readonly unstored: Map<string, Uint8Array>;
}

export class OpenRepository implements Repository {
  readonly revision: number;
  readonly firstRoot: Uint8Array;
  readonly head: TrustedSet;
  readonly settings: RepositorySettings;
  readonly delegated: ReadonlyMap<string, DelegatedTargets>;
  readonly bins: ReadonlyMap<string, BinsState>;

  constructor(readonly parts: RepositoryParts) {
    ({
      revision: this.revision,
      firstRoot: this.firstRoot,
      head: this.head,
      settings: this.settings,
      delegated: this.delegated,
    } = parts);
    this.bins = new Map(
      [...parts.binsOf.values()].map(({ delegator, succinct, authority }) => [
        delegator,
        {
          count: 2 ** succinct.bitLength,
          namePrefix: succinct.namePrefix,
          authority,
          expiresMs: parts.binsExpiryMs.get(delegator),
        },
      ]),
    );
  }

  async role(name: string): Promise<Verified<Metadata<Targets>> | undefined> {
    if (name === "targets") return this.head.targets;
    const known = this.parts.delegated.get(name);
    if (known !== undefined) return known.metadata;
    const bins = this.binsNamed(name);
    return bins && this.loadRole(name, bins.authority);
  }

  async find(path: string): Promise<Verified<TargetFile> | undefined> {
    checkTargetPath(path);
    const visited = new Set<string>();
    let pending = ["targets"];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (visited.has(name)) continue;
      if (visited.size > defaultLimits.delegations) return undefined;
      visited.add(name);
      const role = await this.role(name);
      const target = role && verifiedTarget(role, path);
      if (target !== undefined) return target;
      const delegations = role?.signed.delegations;
      if (delegations === undefined) continue;
      const covering = coveringDelegations(delegations, path);
      if (covering.at(-1)?.terminating) pending = [];
      pending.push(...covering.map((each) => each.name).reverse());
    }
    return undefined;
  }

  listedVersion(role: string): number | undefined {
    return this.head.snapshot.signed.meta.get(`${role}.json`)?.version;
  }

  /** True when any role that is reached lists the path with this hash, hidden by another or not. */
  async isListed(path: string, hash: string): Promise<boolean> {
    const lists = (role: Metadata<Targets> | undefined): boolean =>
      [...(role?.signed.targets.get(path)?.hashes.values() ?? [])].includes(hash);
    if (lists(this.head.targets)) return true;
    for (const { metadata } of this.delegated.values()) if (lists(metadata)) return true;
    for (const { succinct } of this.parts.binsOf.values()) {
      const [bin] = coveringDelegations({ keys: new Map(), roles: [], succinct }, path);
      if (lists(await this.role(bin!.name))) return true;
    }
    return false;
  }

  prepare(keys: ReadonlyMap<string, Key>): Promise<void> {
    return prepareDelegatedKeys(keys, this.parts.identities);
  }

  /** A bin as text, verified as by `role`; undefined when only the parser can read it. */
  async binText(name: string, { authority }: BinsOf): Promise<BinText | undefined> {
    const { head, cache, store, unstored, identities } = this.parts;
    const listed = listedFile(head.snapshot, name);
    const file = roleFile(name, listed.version);
    const bytes = unstored.get(file) ?? (await need(store, file));
    const text = BinText.read(bytes);
    if (text === undefined || cache.wasVerified(file, authority.role, bytes)) return text;
    await prepareDelegatedKeys(authority.keys, identities);
    verifyFile(bytes, listed, authority.name);
    verifyTargets(text.metadata, { authority, listed, now: everMs });
    cache.note(file, authority.role, bytes);
    return text;
  }

  binsNamed(name: string): BinsOf | undefined {
    for (const each of this.parts.binsOf.values()) if (isBinOf(each.succinct, name)) return each;
    return undefined;
  }

  private async loadRole(name: string, authority: Authority): Promise<Verified<Metadata<Targets>>> {
    const { head, cache, store, unstored } = this.parts;
    const file = roleFile(name, listedFile(head.snapshot, name).version);
    const known = cache.get(file, authority.role);
    if (known !== undefined) return known;
    const bytes = unstored.get(file) ?? (await need(store, file));
    await this.prepare(authority.keys);
    const metadata = cache.wasVerified(file, authority.role, bytes)
      ? markSeen(parseTargets(bytes, defaultLimits.targetsBytes))
      : verifyRole(bytes, name, head.snapshot, authority);
    cache.put(file, authority.role, metadata);
    return metadata;
  }
}

function verifyRole(
  bytes: Uint8Array,
  name: string,
  snapshot: TrustedSet["snapshot"],
  authority: Authority,
): Verified<Metadata<Targets>> {
  const listed = listedFile(snapshot, name);
  verifyFile(bytes, listed, authority.name);
  return verifyTargets(parseTargets(bytes, defaultLimits.targetsBytes), { authority, listed, now: everMs });
}

/** False for a store in which no root has been published: it may hold records all the same. */
export async function isRepository(store: RepositoryStore): Promise<boolean> {
  return (await store.read(roleFile("root", 1))) !== undefined;
}

export type RepositoryOptions = IdentityOptions;

/**
 * The state of the last commit. Problems: `tuf/metadata-missing` for a store without a repository, those of a client's
 * update for one that was tampered with, `tuf/not-consistent`, and those of the store.
 */
export async function openRepository(store: RepositoryStore, identity: RepositoryOptions = {}): Promise<Repository> {
  for (let attempt = 1; ; attempt++) {
    // Read first: should somebody commit meanwhile, what is read is newer than this and cannot be committed upon.
    const revision = await store.revision();
    try {
      return await readRepository(store, revision, identity);
    } catch (problem) {
      // A root of before a commit and a timestamp of after it do not go together.
      if (!isProblem(problem) || attempt === maxReads || (await store.revision()) === revision) throw problem;
    }
  }
}

async function readRepository(
  store: RepositoryStore,
  revision: number,
  identity: RepositoryOptions,
): Promise<Repository> {
  const { first, root } = await replayRoots(store, identity.verifyIdentity);
  const timestampBytes = await need(store, roleFile("timestamp"));
  const timestamp = verifyTimestamp(parseTimestamp(timestampBytes, defaultLimits.timestampBytes), {
    root,
    trusted: undefined,
    now: everMs,
  });
  const listed = timestamp.signed.snapshot;
  const snapshotBytes = verifyFile(await need(store, roleFile("snapshot", listed.version)), listed, "snapshot");
  const snapshot = verifySnapshot(parseSnapshot(snapshotBytes, defaultLimits.snapshotBytes), {
    root,
    timestamp,
    trusted: undefined,
    now: everMs,
  });
  const read = async (name: string, authority: Authority): Promise<Verified<Metadata<Targets>>> => {
    const file = roleFile(name, listedFile(snapshot, name).version);
    return verifyRole(await need(store, file), name, snapshot, authority);
  };
  const targets = await read("targets", topLevel(root, "targets"));
  const identities = identitySource(identity, targets.signed, (target) => readListedTarget(store, target));
  const load = async (name: string, authority: Authority): Promise<Verified<Metadata<Targets>>> => {
    await prepareDelegatedKeys(authority.keys, identities);
    return read(name, authority);
  };
  const { delegated: roles, binsOf } = await walkDelegations(targets, load);
  return new OpenRepository({
    store,
    revision,
    firstRoot: first.bytes,
    head: { root, timestamp, snapshot, targets },
    settings: parseSettings(await store.readRecord(settingsRecord)),
    delegated: roles,
    binsOf,
    binsExpiryMs: readBinsExpiry(await store.readRecord(binsExpiryRecord)),
    index: SnapshotIndex.of(snapshot.signed),
    cache: new RoleCache(),
    identity,
    identities,
    unstored: new Map(),
  });
}

/** A target file of the store, of the listed length and hashes; undefined where it has none. Problems as of a client. */
export async function readListedTarget(
  store: Pick<RepositoryStore, "readTarget">,
  target: TargetFile,
): Promise<Uint8Array | undefined> {
  for (const hash of target.hashes.values()) {
    const bytes = await store.readTarget(encodePath(targetFile(target.path, hash)), target.length);
    if (bytes !== undefined) return verifyFile(bytes, target, target.path);
  }
  return undefined;
}

async function need(store: RepositoryStore, path: string): Promise<Uint8Array> {
  const bytes = await store.read(path);
  if (bytes === undefined) throw new Problem("tuf/metadata-missing", `the repository has no ${path}`);
  return bytes;
}

async function replayRoots(store: RepositoryStore, verifyIdentity: VerifyIdentity | undefined) {
  const parse = async (bytes: Uint8Array): Promise<Metadata<Root>> => {
    const root = parseRoot(bytes, defaultLimits.rootBytes);
    await prepareKeys(root.signed.keys, verifyIdentity);
    return root;
  };
  const first = verifyBootstrapRoot(await parse(await need(store, roleFile("root", 1))));
  let root: Verified<Metadata<Root>> = first;
  for (;;) {
    const bytes = await store.read(roleFile("root", root.signed.version + 1));
    if (bytes === undefined) break;
    root = verifyNextRoot(root, await parse(bytes));
  }
  checkConsistent(root);
  return { first, root };
}

/** Without them nothing can be published at once: a client would meet new files under names it read of before. */
export function checkConsistent(root: Metadata<Root>): void {
  const { consistentSnapshot } = root.signed;
  demand(consistentSnapshot, "tuf/not-consistent", "a repository without consistent snapshots is not published into");
}

/**
 * Every role delegated to by name and every set of bins, from the top, each role once for each delegation to it.
 * `load` is asked for every role and every authority.
 */
export async function walkDelegations(
  targets: Verified<Metadata<Targets>>,
  load: (name: string, authority: Authority) => Promise<Verified<Metadata<Targets>>>,
): Promise<{ delegated: Map<string, DelegatedTargets>; binsOf: Map<string, BinsOf> }> {
  const found = new Map<string, DelegatedTargets>();
  const binsOf = new Map<string, BinsOf>();
  const pending: [string, Verified<Metadata<Targets>>][] = [["targets", targets]];
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    const [delegator, { signed }] = next;
    const { delegations } = signed;
    if (delegations?.succinct !== undefined) {
      const { succinct } = delegations;
      binsOf.set(delegator, { delegator, succinct, authority: delegated(delegations, succinct, succinct.namePrefix) });
    }
    for (const role of delegations?.roles ?? []) {
      const authority = delegated(delegations!, role, role.name);
      const metadata = await load(role.name, authority);
      const before = found.get(role.name);
      found.set(role.name, { metadata, authorities: [...(before?.authorities ?? []), authority] });
      demand(found.size <= maxDelegatedRoles, "tuf/delegation-invalid", `over ${maxDelegatedRoles} delegated roles`);
      if (before === undefined) pending.push([role.name, metadata]);
    }
  }
  checkNames(found, binsOf);
  return { delegated: found, binsOf };
}

/** One name, one file: two roles under one would take each other's place. */
function checkNames(roles: ReadonlyMap<string, unknown>, binsOf: ReadonlyMap<string, BinsOf>): void {
  const prefixes = [...binsOf.values()].map(({ succinct }) => succinct.namePrefix);
  demand(new Set(prefixes).size === prefixes.length, "tuf/role-name", "two roles have bins of one name");
  for (const name of roles.keys()) {
    const isBin = [...binsOf.values()].some(({ succinct }) => isBinOf(succinct, name));
    demand(!isBin, "tuf/role-name", `${name} is the name of a bin and of a role`);
  }
}

function readBinsExpiry(bytes: Uint8Array | undefined): Map<string, number> {
  try {
    const times = bytes === undefined ? {} : (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>);
    return new Map(Object.entries(times).filter((each): each is [string, number] => typeof each[1] === "number"));
  } catch (error) {
    // Not known, as when it is not there: the bins are read when it matters.
    if (error instanceof SyntaxError || isProblem(error)) return new Map();
    throw error;
  }
}
