// Publishing, TUF 1.0.34 §6: from a repository as it is and what is to change, to the files that will be stored, in
// their order, and the repository as it will be. New roots come first, then what they let others sign: bins and
// delegated roles before the role that delegates to them, `targets`, snapshot, the timestamp last. So a client that
// reads between any two of them sees the old repository or the new one. Nothing is returned that our own client, which
// knows the old repository, does not follow.

import { demand, Problem, utf8, type JsonObject, type Verified } from "../core/index.ts";
import { binNames, binOf, isBinOf } from "./bins.ts";
import {
  createSnapshot,
  createTimestamp,
  describeFile,
  describeTarget,
  encodeFile,
  signMessage,
  signMetadata,
  type NewTarget,
} from "./create.ts";
import { nextRole } from "./edit.ts";
import { identitySource } from "./identity.ts";
import type { MetaFile, Metadata, Root, TargetFile, Targets, TrustedSet } from "./model.ts";
import { encodePath, roleFile, targetFile } from "./names.ts";
import { planPublication, type RolePlan } from "./plan.ts";
import { prepareDelegatedKeys } from "./post-quantum.ts";
import { signBins, type EditedBin } from "./publish-bins.ts";
import type { Changes, Publication, Repository, Signing } from "./repository-model.ts";
import type { RepositoryFile, RepositoryStore } from "./repository-store.ts";
import {
  binsExpiryRecord,
  checkConsistent,
  OpenRepository,
  readListedTarget,
  walkDelegations,
  type BinsOf,
  type RepositoryOptions,
} from "./repository.ts";
import { RoleCache } from "./role-cache.ts";
import { dueRoles } from "./role-states.ts";
import { defaultSettings, encodeSettings, roleSettings, settingsRecord, type RepositorySettings } from "./settings.ts";
import { canSign, signersOf } from "./signing.ts";
import { SnapshotIndex } from "./snapshot-index.ts";
import {
  followBin,
  followHead,
  followRole,
  followRoots,
  updateClients,
  type NewSnapshot,
} from "./verify-publication.ts";
import { topLevel, validSigners, verifyFile, verifyTargets, type Authority } from "./verify.ts";

/** How many bins that were edited are read whole again; of more, what has changed in them. */
const wholeBins = 256;
const everMs = Number.NEGATIVE_INFINITY;

/** The first version of everything but root, which comes signed: its keys need not be here. Into an empty store. */
export async function initialRepository(
  store: RepositoryStore,
  changes: Changes,
  signing: Signing,
  now: number,
  identity: RepositoryOptions = {},
): Promise<Publication> {
  const revision = await store.revision();
  const there = await store.read(roleFile("root", 1));
  demand(there === undefined, "tuf/repository-exists", "the store holds a repository already");
  return new Draft({ store, revision, before: undefined, changes, signing, now, identity }).run();
}

/**
 * New versions of what changes, of every role that must be signed anew for it, of snapshot and of timestamp.
 * Problems: `tuf/threshold`, `tuf/signer-unknown`, `tuf/role-name`, `tuf/target-not-found`, `tuf/target-unreachable`,
 * `tuf/delegation-invalid`, `tuf/bins-count`, and those of a client's update.
 */
export async function publish(
  repository: Repository,
  changes: Changes,
  signing: Signing,
  now: number,
): Promise<Publication> {
  const before = opened(repository);
  const { store, identity } = before.parts;
  return new Draft({ store, revision: before.revision, before, changes, signing, now, identity }).run();
}

export interface ResignOptions {
  /** Only what its signing window has come for; then there may be nothing to commit (`commit.files` is empty). */
  readonly onlyDue?: boolean;
}

/**
 * The same content with a later expiry: the timestamp, the snapshot when its signers are given, and of the roles that
 * are due those whose signers are given. What a server that holds the online keys does from time to time.
 */
export async function resign(
  repository: Repository,
  signing: Signing,
  now: number,
  { onlyDue = false }: ResignOptions = {},
): Promise<Publication> {
  const before = opened(repository);
  const { store, identity } = before.parts;
  const due = await dueRoles(before, now, (name, authority) => canSign(signing, name, authority));
  const changes = { targets: new Map(due.roles.map((name) => [name, {}])) };
  const { root } = before.head;
  const snapshot = onlyDue ? due.snapshot : canSign(signing, "snapshot", topLevel(root, "snapshot"));
  const resigning = { bins: due.bins, binsExpiryMs: due.binsExpiryMs, snapshot, timestamp: !onlyDue || due.timestamp };
  const draft = { store, revision: before.revision, before, changes, signing, now, identity, resigning };
  return new Draft(draft).run();
}

function opened(repository: Repository): OpenRepository {
  if (repository instanceof OpenRepository) return repository;
  throw new Problem("tuf/repository-unknown", "a repository to publish into is one that openRepository has made");
}

export interface Resigning {
  readonly bins: ReadonlySet<string>;
  readonly binsExpiryMs: ReadonlyMap<string, number>;
  readonly snapshot: boolean;
  readonly timestamp: boolean;
}

interface DraftOptions {
  readonly store: RepositoryStore;
  readonly revision: number;
  readonly before: OpenRepository | undefined;
  readonly changes: Changes;
  readonly signing: Signing;
  readonly now: number;
  readonly identity: RepositoryOptions;
  readonly resigning?: Resigning;
}

/** One publication in the making. */
export class Draft {
  readonly before: OpenRepository | undefined;
  readonly signing: Signing;
  readonly settings: RepositorySettings;
  readonly now: number;
  /** In publication order, snapshot and timestamp still to come. */
  readonly files: RepositoryFile[] = [];
  /** By role name: the bytes of the targets roles that are new. */
  readonly signed = new Map<string, Uint8Array>();
  readonly listed = new Map<string, MetaFile>();
  readonly replaced: string[] = [];
  readonly binsExpiryMs: Map<string, number>;
  readonly editedBins = new Map<string, EditedBin>();
  added: NewTarget[] = [];
  removed: TargetFile[] = [];
  /** Those of `added` that are still to be looked for. */
  private lookedFor: readonly NewTarget[] = [];

  constructor(readonly options: DraftOptions) {
    const { before, changes, signing, now, resigning } = options;
    this.before = before;
    this.signing = signing;
    this.settings = changes.settings ?? before?.settings ?? defaultSettings;
    this.now = now;
    this.binsExpiryMs = new Map([...(before?.parts.binsExpiryMs ?? []), ...(resigning?.binsExpiryMs ?? [])]);
  }

  async run(): Promise<Publication> {
    const { before, changes, resigning, identity } = this.options;
    const roots = changes.roots ?? [];
    const root = await followRoots(before?.head.root, roots, identity.verifyIdentity);
    checkConsistent(root);
    const firstVersion = root.signed.version - roots.length + 1;
    roots.forEach((bytes, at) => this.files.push([roleFile("root", firstVersion + at), bytes]));
    const identities = before?.parts.identities ?? (async () => identity.verifyIdentity);
    const renewed = new Set([...(resigning?.bins ?? []), ...this.renewedBins()]);
    const plan = await planPublication({ before, root, changes, renewed, identities });
    this.added = [...plan.added];
    this.removed = [...plan.removed];
    // What is delegated to is stored before what delegates to it.
    for (const role of [...plan.roles.values()].reverse()) {
      if (role.bins !== undefined) await signBins(this, role.bins);
      await this.signRole(role);
    }
    const index = (before?.parts.index ?? SnapshotIndex.empty).with(this.listed);
    const snapshot = await this.signSnapshot(root, index);
    const timestamp = await this.signTimestamp(root, snapshot?.bytes);
    const targets = this.signed.get("targets");
    const times = { now: this.now, expiredRoot: root === before?.head.root };
    const head = followHead(before?.head, root, { timestamp, snapshot, targets }, times);
    const repository = await this.followRoles(head, index, root);
    await this.checkTargets(repository);
    if (roots.length > 0) await this.updateClients(repository);
    return this.publication(repository);
  }

  /** Every bin of the roles whose bins are to be signed anew. */
  private renewedBins(): string[] {
    const { before, changes } = this.options;
    return (changes.renewBins ?? []).flatMap((delegator) => {
      const bins = before?.parts.binsOf.get(delegator);
      demand(bins !== undefined, "tuf/role-name", `${delegator} has no bins`);
      return binNames(bins.succinct);
    });
  }

  expiresMs(role: string): number {
    return this.now + roleSettings(this.settings, role).expiryMs;
  }

  nextVersion(role: string): number {
    return (this.before?.listedVersion(role) ?? 0) + 1;
  }

  /** Takes a new file of a targets role into the publication. */
  add(name: string, version: number, bytes: Uint8Array, meta: MetaFile): void {
    const before = this.before?.listedVersion(name);
    demand(version > (before ?? 0), "tuf/version-mismatch", `${name} has version ${version}, and ${before} before it`);
    if (before !== undefined) this.replaced.push(roleFile(name, before));
    this.files.push([roleFile(name, version), bytes]);
    this.signed.set(name, bytes);
    this.listed.set(`${name}.json`, meta);
  }

  private async signRole({ name, before, edited, given, authorities }: RolePlan): Promise<void> {
    if (given !== undefined) {
      const version = readVersion(given);
      return this.add(name, version, given, describeFile(version, given));
    }
    const accepted = authorities.every(
      (each) => before !== undefined && validSigners(before, each).length >= each.role.threshold,
    );
    if (edited === undefined && accepted) return;
    const version = this.nextVersion(name);
    const signed = nextRole(before, { version, expiresMs: this.expiresMs(name), ...edited });
    const keys = new Map(authorities.flatMap((each) => each.role.keyids.map((id) => [id, each.keys.get(id)] as const)));
    const signers = new Set(authorities.flatMap((each) => signersOf(this.signing, name, each)));
    const bytes = await signMetadata(
      signed,
      [...signers],
      [...keys.values()].filter((key) => key !== undefined),
    );
    this.add(name, version, bytes, describeFile(version, bytes));
  }

  private accepted<T>(
    metadata: Metadata<T> | undefined,
    root: Metadata<Root>,
    role: "snapshot" | "timestamp",
  ): boolean {
    const authority = topLevel(root, role);
    return metadata !== undefined && validSigners(metadata, authority).length >= authority.role.threshold;
  }

  /** True when a root alone is published, with nobody here to sign anything for it. */
  private isRootAlone(root: Metadata<Root>): boolean {
    const { changes, signing } = this.options;
    const able = (["snapshot", "timestamp"] as const).every((role) => canSign(signing, role, topLevel(root, role)));
    return (changes.roots ?? []).length > 0 && this.listed.size === 0 && !able;
  }

  private async signSnapshot(root: Metadata<Root>, index: SnapshotIndex): Promise<NewSnapshot | undefined> {
    const before = this.before?.head.snapshot;
    const wanted = this.options.resigning?.snapshot ?? !this.isRootAlone(root);
    if (!wanted && this.listed.size === 0 && this.accepted(before, root, "snapshot")) return undefined;
    const version = nextNumber(before?.signed.version);
    const expiresMs = this.expiresMs("snapshot");
    const authority = topLevel(root, "snapshot");
    const message = index.message(version, expiresMs);
    const signatures = await signMessage(message, signersOf(this.signing, "snapshot", authority), keysOf(authority));
    const bytes = encodeFile(message, signatures, () => createSnapshot(version, expiresMs, index));
    if (before !== undefined) this.replaced.push(roleFile("snapshot", before.signed.version));
    this.files.push([roleFile("snapshot", version), bytes]);
    return { bytes, message, index, changed: this.listed };
  }

  private async signTimestamp(root: Metadata<Root>, snapshot: Uint8Array | undefined): Promise<Uint8Array | undefined> {
    const before = this.before?.head.timestamp;
    const wanted = this.options.resigning?.timestamp ?? !this.isRootAlone(root);
    if (!wanted && snapshot === undefined && this.accepted(before, root, "timestamp")) return undefined;
    const listed =
      snapshot === undefined
        ? before!.signed.snapshot
        : describeFile(nextNumber(this.before?.head.snapshot.signed.version), snapshot);
    const signed = createTimestamp(nextNumber(before?.signed.version), this.expiresMs("timestamp"), listed);
    const authority = topLevel(root, "timestamp");
    const bytes = await signMetadata(signed, signersOf(this.signing, "timestamp", authority), keysOf(authority));
    this.files.push([roleFile("timestamp"), bytes]);
    return bytes;
  }

  /** Every delegated role of the new state, verified by who delegates to it now; and the bins that are new. */
  private async followRoles(
    head: TrustedSet,
    index: SnapshotIndex,
    root: Verified<Metadata<Root>>,
  ): Promise<OpenRepository> {
    const { before, store, revision, changes, identity } = this.options;
    // As clients will have it: with what the new targets say.
    const identities = identitySource(identity, head.targets.signed, (target) => this.readTarget(target));
    const load = async (name: string, authority: Authority): Promise<Verified<Metadata<Targets>>> => {
      const bytes = this.signed.get(name);
      await prepareDelegatedKeys(authority.keys, identities);
      if (bytes !== undefined) return followRole(bytes, name, head.snapshot, authority, this.now);
      const known = before?.delegated.get(name)?.metadata;
      if (known === undefined) throw new Problem("tuf/metadata-missing", `${name} has not been signed`);
      const listed = head.snapshot.signed.meta.get(`${name}.json`)!;
      verifyFile(known.bytes, listed, name);
      return verifyTargets(known, { authority, listed, now: everMs });
    };
    const { delegated, binsOf } = await walkDelegations(head.targets, load);
    const cache = before?.parts.cache ?? new RoleCache();
    for (const { authority } of binsOf.values()) await prepareDelegatedKeys(authority.keys, identities);
    const binned = this.takeBinned(head, binsOf.get("targets"));
    for (const bins of binsOf.values()) this.followBins(bins, head, cache, binned);
    this.dropUnreached(delegated, binsOf);
    return new OpenRepository({
      store,
      revision: revision + 1,
      firstRoot: before?.firstRoot ?? changes.roots![0] ?? root.bytes,
      head,
      settings: this.settings,
      delegated,
      binsOf,
      binsExpiryMs: new Map([...this.binsExpiryMs].filter(([delegator]) => binsOf.has(delegator))),
      index,
      cache,
      identity,
      identities,
      unstored: new Map([...(before?.parts.unstored ?? []), ...this.files]),
    });
  }

  /** From what is added, else from the store. */
  private readTarget(target: TargetFile): Promise<Uint8Array | undefined> {
    const added = new Map(this.added.filter(({ path }) => path === target.path).flatMap(storedFiles));
    const { store } = this.options;
    const readTarget: RepositoryStore["readTarget"] = async (path, maxBytes) =>
      added.get(path) ?? store.readTarget(path, maxBytes);
    return readListedTarget({ readTarget }, target);
  }

  /** Takes out of `added` what is to be found in the bins of `targets`, by bin: it is looked for while that is at hand. */
  private takeBinned(head: TrustedSet, bins: BinsOf | undefined): Map<string, NewTarget[]> {
    const binned = new Map<string, NewTarget[]>();
    const others: NewTarget[] = [];
    for (const target of this.added) {
      const isHidden = bins === undefined || head.targets.signed.targets.has(target.path);
      const name = isHidden ? undefined : binOf(bins.succinct, target.path);
      const list = name === undefined || !this.signed.has(name) ? others : (binned.get(name) ?? []);
      list.push(target);
      if (list !== others) binned.set(name!, list);
    }
    this.lookedFor = others;
    return binned;
  }

  private followBins(
    { succinct, authority }: BinsOf,
    head: TrustedSet,
    cache: RoleCache,
    binned: ReadonlyMap<string, readonly NewTarget[]>,
  ): void {
    for (const [name, bytes] of this.signed) {
      if (!isBinOf(succinct, name)) continue;
      const edited = this.editedBins.size > wholeBins ? this.editedBins.get(name) : undefined;
      const metadata =
        edited === undefined
          ? followRole(bytes, name, head.snapshot, authority, this.now)
          : followBin(bytes, edited, name, head.snapshot, authority, this.now);
      const file = roleFile(name, metadata.signed.version);
      if (edited === undefined) cache.put(file, authority.role, metadata);
      else cache.note(file, authority.role, bytes);
      for (const target of binned.get(name) ?? []) checkFound(target, metadata.signed.targets.get(target.path));
    }
  }

  /** Roles and bins that nothing delegates to any more: they stay listed, and their files go in time. */
  private dropUnreached(delegated: ReadonlyMap<string, unknown>, binsOf: ReadonlyMap<string, BinsOf>): void {
    for (const [name, { metadata }] of this.before?.delegated ?? []) {
      if (delegated.has(name)) continue;
      this.replaced.push(roleFile(name, metadata.signed.version));
      this.removed = [...this.removed, ...metadata.signed.targets.values()];
    }
    const prefixes = new Set([...binsOf.values()].map(({ succinct }) => succinct.namePrefix));
    for (const { succinct } of this.before?.parts.binsOf.values() ?? []) {
      if (prefixes.has(succinct.namePrefix)) continue;
      for (const name of binNames(succinct)) this.replaced.push(roleFile(name, this.before!.listedVersion(name)));
    }
  }

  private async checkTargets(repository: Repository): Promise<void> {
    for (const target of this.lookedFor) checkFound(target, await repository.find(target.path));
  }

  private async updateClients(repository: OpenRepository): Promise<void> {
    const { store, before, identity } = this.options;
    const files = new Map(this.files);
    const fetcher = { fetch: async (path: string) => files.get(path) ?? (await store.read(path)) };
    // A client at a time when what was not signed anew was still in date; what was is, or `followHead` had refused it.
    const ends = (["root", "timestamp", "snapshot", "targets"] as const).map(
      (role) => repository.head[role].signed.expiresMs,
    );
    await updateClients(before?.head, repository.head, repository.firstRoot, {
      fetcher,
      now: before === undefined ? this.now : Math.min(this.now, ...ends.map((each) => each - 1)),
      verifyIdentity: identity.verifyIdentity,
    });
  }

  private async publication(repository: OpenRepository): Promise<Publication> {
    const { changes, revision } = this.options;
    const records = new Map<string, Uint8Array>();
    if (changes.settings !== undefined) records.set(settingsRecord, encodeSettings(changes.settings));
    if (repository.bins.size > 0) {
      records.set(binsExpiryRecord, utf8(JSON.stringify(Object.fromEntries(repository.parts.binsExpiryMs))));
    }
    // In a new repository nothing was ever given up.
    const named = this.before === undefined ? [] : this.added.flatMap(storedNames);
    const gone = await this.unlisted(repository);
    return {
      targets: this.added.flatMap((each) => storedFiles(each)),
      commit: {
        base: revision,
        atMs: this.now,
        files: this.files,
        replaced: [...this.replaced, ...gone],
        named: [...new Set(named)],
        purgeReplacedUntilMs: this.now - this.settings.retentionMs,
        records,
      },
      repository,
    };
  }

  /** Of what was removed, the files that no role names any more. */
  private async unlisted(repository: OpenRepository): Promise<string[]> {
    const gone = new Set<string>();
    for (const { path, hashes } of this.removed) {
      for (const hash of hashes.values()) {
        if (!(await repository.isListed(path, hash))) gone.add(`targets/${encodePath(targetFile(path, hash))}`);
      }
    }
    return [...gone];
  }
}

/** Of a target whose path has been looked at already. */
function described(target: NewTarget): Pick<TargetFile, "path" | "length" | "hashes"> {
  const { path, length, hashes, content } = target;
  if (content !== undefined || length === undefined || hashes === undefined) return describeTarget(target);
  return { path, length, hashes };
}

/** Problem `tuf/target-unreachable`. */
function checkFound(target: NewTarget, found: TargetFile | undefined): void {
  const { path, length, hashes } = described(target);
  const same =
    found !== undefined &&
    found.length === length &&
    [...hashes].every(([name, hash]) => found.hashes.get(name) === hash);
  demand(same, "tuf/target-unreachable", `${path} would not be found: no delegation covers it, or another role has it`);
  if (target.content !== undefined) verifyFile(target.content, found, path);
}

function keysOf(authority: Authority) {
  return authority.role.keyids.flatMap((keyid) => authority.keys.get(keyid) ?? []);
}

/** Versions end where a double does; there a new key lets them start anew, for clients forget what it did not sign. */
function nextNumber(before: number | undefined): number {
  return before === undefined || before >= Number.MAX_SAFE_INTEGER ? 1 : before + 1;
}

function readVersion(bytes: Uint8Array): number {
  const file = JSON.parse(new TextDecoder().decode(bytes)) as { readonly signed: JsonObject };
  return file.signed["version"] as number;
}

/** §6.2.1: a copy under each hash. */
function storedFiles(target: NewTarget): RepositoryFile[] {
  const { content } = target;
  if (content === undefined) return [];
  const { path, hashes } = describeTarget(target);
  return [...hashes.values()].map((hash) => [encodePath(targetFile(path, hash)), content]);
}

function storedNames(target: NewTarget): string[] {
  const { path, hashes } = described(target);
  return [...hashes.values()].map((hash) => `targets/${encodePath(targetFile(path, hash))}`);
}
